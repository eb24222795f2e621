"""One system in one journey: its accounts, its tokens and the responses that later steps refer to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from cutover.accounts.registered import Account, Accounts
from cutover.accounts.sessions import take_session
from cutover.core.errors import CheckFailed
from cutover.core.secrets import Secret
from cutover.parity.steps import ANONYMOUS, Own, Ref, Step
from cutover.systems.target import Result, Target

WITHOUT_BEARER: Final = ("register", "login", "refresh")
"""Operations that are always sent without an Authorization header."""
_HEADERS: Final = {"accept-encoding": "identity"}  # compare bodies, not their compression


class UnresolvedReference(Exception):  # noqa: N818 - not an error of the suite: an earlier response lacks the value
    """A step refers to a value that no earlier response contains."""


class Side:
    """One system in one journey."""

    def __init__(self, target: Target, accounts: Accounts) -> None:
        self.target, self.accounts = target, accounts
        self.actors: dict[str, Account] = {}
        self.old_tokens: dict[str, Secret] = {}
        self.saved: dict[str, Result] = {}
        self.logged_out: set[str] = set()

    def resolve(self, value: Any, actor: str) -> Any:
        """Return the value with each reference in it replaced by this system's value. Raises UnresolvedReference."""
        if isinstance(value, Ref):
            if value.saved not in self.saved:
                raise UnresolvedReference(f"no response was saved as {value.saved!r}")
            result = self.saved[value.saved]
            try:
                return _saved_field(result, value.field)
            except (CheckFailed, IndexError, KeyError, ValueError):
                raise UnresolvedReference(f"the response {value.saved!r} has no {value.field}") from None
        if isinstance(value, Own):
            own = getattr(self._account(value.actor or actor), value.field)
            return _spelled(own, value) if value.before or value.after or value.change else own
        if isinstance(value, Mapping):
            return {key: self.resolve(inner, actor) for key, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.resolve(inner, actor) for inner in value]
        return value

    def expect_applicable(self, step: Step) -> None:
        """Raise NotApplicable if this system does not have the step's operation or a value that the step sends.

        Nothing is sent. Raises UnresolvedReference like `send`.
        """
        operation = self.target.operation(step.operation)
        self.resolve(step.path, step.actor)
        fields = self.resolve(step.fields, step.actor) if step.fields is not None else {}
        for name, value in fields.items():
            if isinstance(value, Secret) and f"request.{name}" not in operation.dropped:
                value.reveal()
        bearer = self._bearer(step)
        if isinstance(bearer, Secret):
            bearer.reveal()

    def send(self, step: Step) -> Result:
        """Send the step to this system. Raises UnresolvedReference and everything that Target.call raises."""
        result = self.target.call(
            step.operation,
            token=self._bearer(step),
            path={key: str(value) for key, value in self.resolve(step.path, step.actor).items()},
            fields=self.resolve(step.fields, step.actor) if step.fields is not None else None,
            file=(step.file.name, step.file.content, step.file.media_type) if step.file else None,
            content=_renamed(step, self.target),
            headers={**_HEADERS, **step.headers},
            method=step.method or None,
        )
        self._keep(step, result)
        return result

    def _account(self, actor: str) -> Account:
        if actor not in self.actors:
            raise UnresolvedReference(f"{actor} has no account")
        return self.actors[actor]

    def _bearer(self, step: Step) -> Secret | str | None:
        if step.operation in WITHOUT_BEARER or step.actor == ANONYMOUS or step.bearer is None:
            return None
        account = self._account(step.actor)
        if step.bearer == "access":
            return account.access_token
        if step.bearer == "refresh":
            return account.refresh_token
        if step.bearer == "old access":
            if step.actor not in self.old_tokens:
                raise UnresolvedReference(f"{step.actor} has no older token")
            return self.old_tokens[step.actor]
        resolved = self.resolve(step.bearer, step.actor)
        return resolved if isinstance(resolved, Secret) else str(resolved)

    def _keep(self, step: Step, result: Result) -> None:
        """Keep the response and the new tokens of a step that succeeded."""
        if result.status not in result.operation.statuses:
            return
        if step.saves:
            self.saved[step.saves] = result
        account = self.actors.get(step.actor)
        if account is None:
            return
        if step.operation == "register":
            take_session(self.target, account, result)
        elif step.operation == "refresh" and step.actor in self.logged_out:
            return  # until the logout has reached every location, a refresh may still succeed; do not use its token
        elif step.operation in ("login", "refresh"):
            self.old_tokens[step.actor] = account.access_token
            account.access_token = result.secret("access_token")
            if step.operation == "login" and result.operation.has("refresh_token"):
                account.refresh_token = result.secret("refresh_token")
            self.logged_out.discard(step.actor)
        elif step.operation == "logout":
            self.logged_out.add(step.actor)
        elif step.operation == "delete_account":
            account.access_token = Secret("")


def _renamed(step: Step, target: Target) -> tuple[bytes, str] | None:
    """Return the whole body of a step, with the deployment's names in place of our field names.

    The text is not parsed: it may be malformed, and numbers keep their spelling.
    """
    if step.content is None or step.content[1] != "application/json":
        return step.content
    names = target.operation(step.operation).request
    if not any(f'"{ours}":'.encode() in step.content[0] for ours, theirs in names.items() if ours != theirs):
        return step.content

    def theirs(match: re.Match[bytes]) -> bytes:
        return f'"{names.get(match[1].decode(), match[1].decode())}":'.encode()

    return re.sub(rb'"(\w+)":', theirs, step.content[0]), step.content[1]


def _spelled(own: Any, value: Own) -> str:
    text = own.reveal() if isinstance(own, Secret) else str(own)
    text = {"upper": text.upper(), "capital": text.capitalize()}.get(value.change, text)
    return f"{value.before}{text}{value.after}"


def _saved_field(result: Result, name: str) -> Any:
    """Return a field of a response. LIST/INDEX/FIELD names a field of one element of a list."""
    if "/" not in name:
        return result.field(name)
    list_name, index, inner = name.split("/")
    result.operation.require("entry", inner)
    return result.entries(list_name)[int(index)][inner]
