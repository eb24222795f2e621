"""The id and the tokens of an account, from the response to its registration or login.

A deployment may return them elsewhere: tokens by a login after the registration, the id by `user`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from cutover.config.operation import PLACEHOLDER, names_in
from cutover.core.errors import Blocked, CheckFailed, NotApplicable
from cutover.core.secrets import Secret

if TYPE_CHECKING:
    from cutover.accounts.registered import Account
    from cutover.systems.target import Result, Target

TOKENS: Final = "tokens of register"
"""The precondition that a successful registration returns an id and tokens. Without it, accounts log in."""
_TOKENS: Final = ("access_token", "refresh_token")
OWNER_FIELDS: Final = ("username", "email", "user_id")
"""Fields of a response that name its account."""
_WITH_ID: Final = ("register", "login", "user")


class MissingSecret(Secret):
    """A token that the configuration says a system does not give. `reveal` raises NotApplicable with the reason."""

    __slots__ = ("_reason",)

    def __init__(self, reason: str) -> None:
        super().__init__("")
        self._reason = reason

    def reveal(self) -> str:
        """Raise NotApplicable: a request without this token would prove nothing."""
        raise NotApplicable(self._reason)


def text_of(secret: Secret) -> str:
    """Return the text of a token, "" if the system does not give it."""
    return "" if isinstance(secret, MissingSecret) else secret.reveal()


def can_refresh(target: Target, account: Account) -> bool:
    """Return True if the system has the operation `refresh` and gave the account a refresh token."""
    return target.has("refresh") and bool(text_of(account.refresh_token))


def take_session(target: Target, account: Account, result: Result, *, id_required: bool = True) -> None:
    """Set id and tokens of an account from a successful registration or login.

    What the configuration does not name in the response of `register` is requested by `login`, and an id that neither
    has by `user`. An account without a refresh token has a MissingSecret instead. Raises CheckFailed for a response
    without a declared field, NotApplicable if no response has an access token, and the errors of Target.prepare.
    id_required: False if a missing id is the finding of another check: `user` is asked, and else the account has none.
    """
    results = [result]
    login = target.environment.operations[target.system]["login"]
    if (
        result.operation.name == "register"
        and login.absent is None
        and any(login.has(name) and not result.operation.has(name) for name in _TOKENS)
    ):
        fields = {"username": account.username, "password": account.password}
        results.insert(0, target.prepare("login", fields=fields))
        account.logins += 1
    account.access_token = results[0].secret("access_token")
    account.refresh_token = (
        results[0].secret("refresh_token")
        if results[0].operation.has("refresh_token")
        else MissingSecret(f"{target.system} gives no refresh token ({results[0].operation.where})")
    )
    target.client.markers.add(account.marker, account.access_token, text_of(account.refresh_token))
    named = next((each for each in results if each.operation.has("user_id")), None)
    if named is None and target.has("user") and target.operation("user").has("user_id"):
        named = target.prepare("user", token=account.access_token)
    try:
        account.user_id = named.field("user_id") if named is not None else None
    except CheckFailed:
        if id_required:
            raise
        account.user_id = _id_by_user(target, account)


def _id_by_user(target: Target, account: Account) -> object:
    """Return the id in the response of `user`, None if it has none."""
    if not target.has("user") or not target.operation("user").has("user_id"):
        return None
    try:
        return target.call("user", token=account.access_token).expect_status().field("user_id")
    except CheckFailed:
        return None


def take_refresh_token(account: Account, refreshed: Result) -> Result:
    """Keep the refresh token that a response to `refresh` declares: a system that rotates tokens ended the one sent."""
    if refreshed.operation.has("refresh_token"):
        account.refresh_token = refreshed.secret("refresh_token")
    return refreshed


def prepare_refresh(target: Target, account: Account) -> Result:
    """Prove that the account's refresh token is valid, and keep its successor if the system rotates tokens.

    Raises the errors of Target.prepare, and CheckFailed for a response without a declared refresh token.
    """
    return take_refresh_token(account, target.prepare("refresh", fields={"refresh_token": account.refresh_token}))


def expect_owner(result: Result, account: Account, fields: Sequence[str] = OWNER_FIELDS) -> None:
    """Expect that a response is about this account, by each of these fields that it declares.

    Raises CheckFailed, and NotApplicable if the fields are all of OWNER_FIELDS and the response has none.
    """
    result.expect_status()
    known = {"username": account.username, "email": account.email, "user_id": account.user_id}
    declared = [name for name in fields if result.operation.has(name) and known[name]]
    if not declared and fields is OWNER_FIELDS:
        declared = ["username"]
    for name in declared:
        if str(result.field(name)) != str(known[name]):
            # The name of another account is not printed.
            raise result.failed(f"{result.operation.name}:{name}", expected=known[name], got="another account")


def object_key_of(target: Target, account: Account, uploaded: Result) -> str:
    """Return the key of an uploaded object in R2. Raises NotApplicable if the configuration declares no form of it."""
    template = target.operation("upload").object_key
    if template is None:
        raise NotApplicable(f"{target.operation('upload').where} declares no object_key")
    values = {name: uploaded.field_if_declared(name) for name in uploaded.operation.response}
    values["username"] = account.username
    if "user_id" in names_in(template):
        values["user_id"] = id_of(target, account)
    return PLACEHOLDER.sub(lambda match: str(values[match[2]]), template)


def id_of(target: Target, account: Account) -> object:
    """Return the account's id.

    Raises NotApplicable if the configuration names none, Blocked if no response contained the one that it names.
    """
    if account.user_id is None:
        declared = [name for name in _WITH_ID if target.has(name) and target.operation(name).has("user_id")]
        if declared:
            seen = f"expected user_id in the response of {' or '.join(declared)}, got none"
            raise Blocked({f"{TOKENS} on {target.system}": seen})
        raise NotApplicable(f"{target.system} names no user_id in register, login or user (environments.toml)")
    return account.user_id
