"""A system under test: its operations by name and its responses by field name.

Checks send requests only through this module, so they run on every deployment whose routes and fields are declared.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from cutover.client.http import SAFE_METHODS, Answer, Client, Request
from cutover.client.request import LARGEST_ANSWER, LARGEST_DOCUMENT
from cutover.config.environments import Environment
from cutover.config.operations import Operation, follow_pointer
from cutover.core.errors import CheckFailed, NotApplicable, NotVerified
from cutover.core.preconditions import Preconditions
from cutover.core.recorder import Recorder
from cutover.core.rule_table import Rule
from cutover.core.safety import SafetyLevel
from cutover.core.secrets import Secret
from cutover.systems.known_files import KnownFiles
from cutover.systems.prepared_requests import PreparedRequests

CONTRACT: Final = "contracts/api.md"


@dataclass(frozen=True)
class Result:
    """A response to a named operation. judges: returns True if the environment requires a rule (`Target.judges`)."""

    answer: Answer
    operation: Operation
    judges: Callable[[Rule], bool] = field(default=lambda _: True, repr=False, compare=False)

    @property
    def status(self) -> int:
        """Return the HTTP status."""
        return self.answer.status

    @property
    def body(self) -> bytes:
        """Return the body, after content decoding."""
        return self.answer.body

    @property
    def succeeded(self) -> bool:
        """Return True if the status is one of the declared statuses of success."""
        return self.status in self.operation.statuses

    def is_status(self, *statuses: int) -> bool:
        """Return True if the status means one of these statuses of contracts/api.md (operations, refusal)."""
        return self.status in self.operation.meaning(*statuses)

    @property
    def is_refusal(self) -> bool:
        """Return True for any 4xx but 429. Whether it is the declared one is a house convention (Rule.STATUSES)."""
        return 400 <= self.status < 500 and self.status != 429

    def is_refused_with(self, *statuses: int) -> bool:
        """Return True if the request was refused with one of these statuses, or with any 4xx if that is not judged."""
        return self.is_status(*statuses) or (self.is_refusal and not self.judges(Rule.STATUSES))

    def expect_refusal(self, *statuses: int, why: str = "", breaks: Rule | None = None) -> Result:
        """Return this result if the request was refused. Raises CheckFailed for a success, a redirect and a 5xx.

        statuses: of contracts/api.md, like those of `expect_status`. A 4xx with another status breaks only a house
        convention, so it raises CheckFailed with Rule.STATUSES, or is a refusal if that rule is not judged. breaks: the
        rule that an acceptance breaks, if it is not the one that the check names.
        """
        if self.is_refused_with(*statuses):
            return self
        try:
            return self.expect_status(*statuses, why=why)
        except CheckFailed as error:
            error.rule = Rule.STATUSES if self.is_refusal else breaks
            raise

    def expect_status(self, *statuses: int, why: str = "") -> Result:
        """Return this result if its status is one of these (default: the declared ones). Raises CheckFailed if not.

        statuses: of contracts/api.md. An environment may declare others with the same meaning (operations, refusal).
        """
        wanted = self.operation.meaning(*statuses) or self.operation.statuses
        if self.status not in wanted:
            shown = " or ".join(map(str, wanted))
            raise self.failed(
                f"status:{self.operation.name}:{shown.replace(' ', '-')}",
                expected=f"status {shown}{': ' + why if why else ''}",
                got=self.answer.excerpt,
            )
        return self

    def field(self, name: str) -> Any:
        """Return the value of a field.

        Raises CheckFailed if the response does not contain it; NotApplicable if the environment dropped the field.
        """
        self.operation.require("response", name)
        pointer = self.operation.response.get(name)
        if pointer is None:
            raise NotVerified(f"{self.operation.where}.response names no {name!r}")
        try:
            return follow_pointer(self.answer.json, pointer)
        except KeyError:
            raise self.failed(
                f"field:{self.operation.name}:{name}", expected=f"{name} at {pointer}", got=self.answer.excerpt
            ) from None

    def field_if_declared(self, name: str) -> Any:
        """Return the value of a field, None if the configuration does not name it. Raises CheckFailed like `field`."""
        return self.field(name) if self.operation.has(name) else None

    def secret(self, name: str) -> Secret:
        """Return a token, as a secret. Raises CheckFailed if the field is not a text of at least 16 characters."""
        value = self.field(name)
        if not isinstance(value, str) or len(value) < 16:
            raise self.failed(
                f"field:{self.operation.name}:{name}",
                expected=f"a token in {name}",
                got=f"{type(value).__name__} of length {len(value) if isinstance(value, str) else '-'}",
            )
        return Secret(value)

    def entries(self, name: str) -> list[dict[str, Any]]:
        """Return the elements of a list with our field names.

        Raises CheckFailed if the field is not such a list, NotApplicable if its elements have no id here.
        """
        self.operation.require("entry", "file_id")
        rows = self.field(name)
        if not isinstance(rows, list):
            raise self.failed(
                f"field:{self.operation.name}:{name}", expected=f"a list in {name}", got=type(rows).__name__
            )
        entries = []
        for row in rows:
            entry = {}
            for ours, pointer in self.operation.entry.items():
                try:
                    entry[ours] = follow_pointer(row, pointer)
                except KeyError:
                    raise self.failed(
                        f"field:{self.operation.name}:{ours}",
                        expected=f"{ours} at {pointer} of each element",
                        got=f"an element with {sorted(row) if isinstance(row, dict) else type(row).__name__}",
                    ) from None
            entries.append(entry)
        return entries

    def failed(
        self, finding: str, *, expected: object, got: object, do_next: str = "", breaks: Rule | None = None
    ) -> CheckFailed:
        """Return a failure of this operation, with the source of the response and the place of the requirement.

        breaks: the rule that the response breaks, if it is not the one that the check names.
        """
        return CheckFailed(
            f"{finding}:{self.operation.system}",
            expected=expected,
            got=got,
            source=self.answer.source,
            contract=f"{self.operation.where}; {CONTRACT}",
            do_next=do_next,
            rule=breaks,
        )


class Watch(Protocol):
    """An observer of the requests to a target."""

    def before(self, operation: Operation, level: SafetyLevel, path: Mapping[str, str]) -> None:
        """Called before a request is sent. level: its safety level. An exception prevents the request."""

    def after(self, result: Result, path: Mapping[str, str]) -> None:
        """Called with the response."""


class Target(PreparedRequests):
    """A system of an environment."""

    def __init__(
        self,
        system: str,
        environment: Environment,
        client: Client,
        recorder: Recorder,
        preconditions: Preconditions | None = None,
    ) -> None:
        """preconditions: those of the running check; without them the failure of one is an ordinary CheckFailed."""
        self.system, self.environment = system, environment
        super().__init__(preconditions or Preconditions())
        self.watch: Watch | None = None
        self.client, self.recorder = client, recorder
        self.known = KnownFiles(environment.operations[system].values())
        self.url = environment.systems[system].url

    def __repr__(self) -> str:
        return f"<{self.system} at {self.url}>"

    def judges(self, rule: Rule) -> bool:
        """Return True if the environment requires the rule. The record lists the rules that a check leaves out."""
        if rule.is_judged(self.environment.rules):
            return True
        if rule not in self.recorder.not_judged:
            self.recorder.not_judged.append(rule)
        return False

    def operation(self, name: str) -> Operation:
        """Return an operation. Raises NotApplicable if this system does not have it, KeyError for an unknown name."""
        operation = self.environment.operations[self.system][name]
        if operation.absent is not None:
            raise NotApplicable(f"{self.system} has no {name}: {operation.absent}")
        return operation

    def has(self, *names: str) -> bool:
        """Return True if this system has all these operations."""
        return all(self.environment.operations[self.system][name].absent is None for name in names)

    def present(self, *names: str) -> list[str]:
        """Return those of the operations that this system has. Raises NotApplicable if it has none of them."""
        found = [name for name in names if self.has(name)]
        return found or [self.operation(names[0]).name]

    def call(
        self,
        name: str | Operation,
        *,
        token: Secret | str | None = None,
        path: Mapping[str, str] | None = None,
        query: str = "",
        fields: Mapping[str, Any] | None = None,
        file: tuple[str, bytes, str] | None = None,
        content: tuple[bytes, str] | None = None,
        headers: Mapping[str, str] | None = None,
        method: str | None = None,
        timeout_s: float | None = None,
        expects_429: bool = False,
        http2: bool = False,
    ) -> Result:
        """Send one operation and return the response, whatever its status.

        name: of the operation; or an operation of its own, for a path that operations.toml does not contain.
        token: bearer token; path: path parameters; query: percent-encoded, as in the URL; fields: JSON body by our
        field names (secrets are revealed); file: (name, bytes, media type) of the operation's multipart part; content:
        (bytes, media type) of the whole body, for requests that a normal client does not send; http2: offer HTTP/2;
        expects_429: the request is part of a burst, which needs a disposable environment.
        Raises, before anything is sent, NotVerified if the request needs a higher safety level than the environment
        allows, and NotApplicable if the system has no such operation; and the errors of Client.send.
        """
        operation = name if isinstance(name, Operation) else self.operation(name)
        level = SafetyLevel.DISPOSABLE if expects_429 else _level_of(operation, method or operation.method)
        self._permit(operation, method or operation.method, level)
        sent = dict(headers or {})
        if token is not None:
            sent["authorization"] = f"Bearer {token.reveal() if isinstance(token, Secret) else token}"
        if content is not None:
            sent["content-type"] = content[1]
        parameters = self.known.parameters(path or {})
        body = None
        if fields is not None or (
            content is None and file is None and (method or operation.method) not in SAFE_METHODS
        ):
            body = operation.json_body(fields, parameters)
        return self._sent(
            operation,
            level,
            path or {},
            Request(
                self.system,
                operation.name,
                method or operation.method,
                self.url + operation.url_path(parameters) + (f"?{query}" if query else ""),
                sent,
                json=None if body is None else {theirs: _revealed(value) for theirs, value in body.items()},
                content=content[0] if content is not None else None,
                parts={operation.request["file"]: file} if file else None,
                timeout_s=timeout_s,
                expects_429=expects_429,
                http2=http2,
                max_bytes=_largest(operation),
            ),
        )

    def other(self, system: str) -> Target:
        """Return another system of the environment for the same check. Raises NotVerified if there is none."""
        if system not in self.environment.systems:
            raise NotVerified(f"{self.environment.name} has no {system}")
        return Target(system, self.environment, self.client, self.recorder, self.preconditions)

    def send_generated(
        self, name: str, method: str, url: str, headers: Mapping[str, str], content: bytes | None,
        path: Mapping[str, str],
    ) -> Result:  # fmt: skip
        """Send a generated request without changes. path: its path parameters.

        Raises like `call`: NotVerified, before anything is sent, if its method needs a higher safety level.
        """
        operation = self.operation(name)
        level = _level_of(operation, method)
        self._permit(operation, method, level)
        request = Request(self.system, name, method, url, headers, content=content, max_bytes=_largest(operation))
        return self._sent(operation, level, path, request)

    def _permit(self, operation: Operation, method: str, level: SafetyLevel) -> None:
        missing = self.environment.absent.get(operation.needs or "")
        if missing is not None and method == operation.method:
            raise NotVerified(f"{operation.name} needs {operation.needs}, {self.environment.name} has none: {missing}")
        if level > self.environment.safety:
            raise NotVerified(
                f"{operation.name} by {method} needs safety {level.label}, {self.environment.name} allows "
                f"{self.environment.safety.label} (environments.toml)"
            )

    def _sent(self, operation: Operation, level: SafetyLevel, path: Mapping[str, str], request: Request) -> Result:
        if self.watch is not None:
            self.watch.before(operation, level, path)
        result = Result(self.client.send(request), operation, self.judges)
        self.known.remember(result.answer, operation)
        if self.watch is not None:
            self.watch.after(result, path)
        return result

    def over_http(self, path: str) -> Result:
        """Send a request without secrets over plain http, to see where it is redirected.

        The Worker's local runtime serves plain http. There, the header MF-Original-URL gives the Worker the URL that a
        visitor of the zone would use. Raises NotVerified if the environment's URL is plain http itself or has a port
        of its own: no address with plain http is known then.
        """
        operation = self.operation("index")
        if self.environment.local_runtime:
            request = Request(
                self.system,
                "over_http",
                "GET",
                self.url + path,
                {"mf-original-url": f"http://list-cutter.example{path}"},
            )
        else:
            parts = urlsplit(self.url)
            if parts.scheme != "https" or parts.port not in (None, 443):
                raise NotVerified(
                    f"environments.toml [{self.environment.name}] {self.system}.url is {self.url}: the redirect from "
                    "http needs an https URL without a port. Add absent.https with the reason if there is none"
                )
            host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else parts.hostname
            request = Request(self.system, "over_http", "GET", f"http://{host}{parts.path}{path}", plain_probe=True)
        return Result(self.client.send(request), operation, self.judges)

    def at(self, url: str, *, http2: bool = False) -> Result:
        """Return the index page at another name of the environment. The check itself verifies the identity."""
        request = Request(self.system, "index", "GET", url, http2=http2, of_name=True)
        return Result(self.client.send(request), self.operation("index"), self.judges)

    def poll(
        self, send: Callable[[], Result], until: Callable[[Result], bool], deadline_s: float, *, interval_s: float
    ) -> tuple[Result, float, bool]:
        """Send until the condition is true or the time is over. Return the last result, the seconds and the condition.

        Sends at least once. For values that depend on KV (kv_propagation_s) or are computed after the response.
        """
        started = time.monotonic()
        while True:
            result = send()
            taken = time.monotonic() - started
            if until(result):
                return result, taken, True
            if taken + interval_s > deadline_s:
                return result, taken, False
            time.sleep(interval_s)


def _largest(operation: Operation) -> int:
    """Return the limit of an answer in bytes: an answer with declared fields is a document, any other may be a file."""
    return LARGEST_DOCUMENT if operation.response else LARGEST_ANSWER


def _level_of(operation: Operation, method: str) -> SafetyLevel:
    """Return the safety level of a request with this method to the operation's path.

    The operation's own method has the declared level. Another safe method (RFC 9110 9.2.1) writes nothing. Any other
    method might write on a faulty deployment.
    """
    if method == operation.method:
        return operation.level
    return SafetyLevel.READ_ONLY if method in SAFE_METHODS else max(SafetyLevel.TEST_DATA, operation.level)


def _revealed(value: Any) -> Any:
    return value.reveal() if isinstance(value, Secret) else value
