"""Prerequisites of generated requests: real accounts, tokens, files and filters, created on first use.

With a generated id every request would end with 404. With the id of a real object it reaches the code behind that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from cutover.accounts.registered import Account, Accounts
from cutover.accounts.sessions import text_of
from cutover.contract.request_sequence import Sequence
from cutover.core.errors import Blocked, CheckFailed
from cutover.core.secrets import Secret
from cutover.systems.target import Target

CONTENT: Final = b"id,name,city\r\n1,Ada,London\r\n2,Grace,New York\r\n3,Katherine,\r\n"
COLUMNS: Final = ("id", "name", "city")
_KEPT: Final = {"username", "email", "password", "refresh_token", "own_password"}
"""Values that remain if the file is deleted."""
_RENEWALS: Final = 8
"""Limit of replacements of a consumed prerequisite (a deleted file, an ended session) for an operation."""


class Prerequisites:
    """The run's values for the placeholders of a document, created on first use and replaced when consumed."""

    def __init__(self, target: Target, accounts: Accounts | None, sequence: Sequence) -> None:
        """Start with no values. accounts: None if the environment allows no accounts (anonymous requests only)."""
        self._target, self._accounts, self._sequence = target, accounts, sequence
        self._owner: Account | None = None
        self._without_owner = False
        self._made: dict[str, Any] = {}
        self._renewed: dict[str, int] = {}
        self.bearers: dict[str, str] = {}
        """Refresh token or password -> access token of the same account."""
        self._by_password: dict[str, Account] = {}
        self.blocked: dict[str, str] = {}
        """Broken precondition -> what was observed, for values that could not be created."""

    @property
    def token(self) -> str | None:
        """Return the access token of the requesting account; None if there is none."""
        owner = self.owner
        return owner.access_token.reveal() if owner is not None else None

    @property
    def owner(self) -> Account | None:
        """Return the requesting account, created on first use; None if there are none, or none can be created."""
        if self._owner is None and self._accounts is not None and not self._without_owner:
            try:
                self._owner = self._known(self._accounts.new())
            except (Blocked, CheckFailed) as error:
                self._without_owner = True
                self._note(error)
        return self._owner

    def require_owner(self) -> None:
        """Create the requesting account. Raises Blocked, or CheckFailed in a check that owns the registration."""
        if self._owner is None and self._accounts is not None:
            self._owner = self._known(self._accounts.new())

    @property
    def accounts(self) -> Accounts | None:
        """Return the source of accounts."""
        return self._accounts

    def value(self, placeholder: str) -> Any:
        """Return the current value of a name of x-stands-for; None if there is no value."""
        if placeholder not in self._made:
            make: Mapping[str, Callable[[], Any]] = {
                "username": lambda: self.owner and self.owner.username,
                "email": lambda: self.owner and self.owner.email,
                "password": lambda: self.owner and self.owner.password.reveal(),
                "refresh_token": self._session,
                "own_password": self._spare_account,
                "file_id": self._file,
                "filter_id": self._filter,
            }
            found = make.get(placeholder, lambda: self._of_the_file(placeholder))
            self._made[placeholder] = self._create(found) if self._accounts is not None else None
        return self._made[placeholder]

    def _create(self, make: Callable[[], Any]) -> Any:
        """Return a new value; None if it cannot be created. Then the generated value is sent unchanged."""
        try:
            return make()
        except (Blocked, CheckFailed) as error:
            self._note(error)
            return None

    def _note(self, error: Blocked | CheckFailed) -> None:
        """Keep what blocks the check. A CheckFailed is the finding of this check itself, which its requests show."""
        if isinstance(error, Blocked):
            self.blocked |= error.causes
        elif not self._target.preconditions.is_active:
            raise error

    def consumed(self, placeholder: str) -> None:
        """Drop a value that a request consumed. The next use creates another, at most _RENEWALS times."""
        self._renewed[placeholder] = self._renewed.get(placeholder, 0) + 1
        if self._renewed[placeholder] <= _RENEWALS:
            self._made.pop(placeholder, None)
            if placeholder == "file_id":
                for name in self._made.keys() - _KEPT:
                    del self._made[name]

    def issued(self, account: Account) -> None:
        """Register an account and its tokens that a generated request created."""
        self._known(account)

    def session(self, access: str, refresh: str) -> None:
        """Register the tokens of a generated login."""
        Secret(access)  # registered as a secret, so that reports mask it
        self._sequence.know(access, "access_token")
        if refresh:
            Secret(refresh)
            self._sequence.know(refresh, "refresh_token")
            self.bearers[refresh] = access

    def _known(self, account: Account) -> Account:
        self._sequence.know(account.username, "username")
        self._sequence.know(account.email or account.username, "email" if account.email else "username")
        self._sequence.know(account.password.reveal(), "password")
        access, refresh = account.access_token.reveal(), text_of(account.refresh_token)
        if access:
            self.session(access, refresh)
            self.bearers[account.password.reveal()] = access
            self._by_password[account.password.reveal()] = account
        return account

    def has(self, placeholder: str, value: object) -> bool:
        """Return True if this is the current value of the name."""
        return placeholder in self._made and str(self._made[placeholder]) == str(value)

    def _session(self) -> str | None:
        """Return the refresh token of a separate session, so that a logout ends no other session."""
        owner = self.owner
        if owner is None:
            return None
        login = self._target.prepare("login", fields={"username": owner.username, "password": owner.password})
        if not login.operation.has("refresh_token"):
            return None
        access, refresh = login.secret("access_token").reveal(), login.secret("refresh_token").reveal()
        self.session(access, refresh)
        return refresh

    def _spare_account(self) -> str | None:
        """Return the password of an additional account that may be deleted."""
        if self._accounts is None or "registration" in self._target.environment.absent:
            return None
        return self._known(self._accounts.new()).password.reveal()

    def account_is_gone(self, password: object) -> None:
        """Forget the account with this password, which a generated request deleted."""
        account = self._by_password.pop(str(password), None)
        if account is None or self._accounts is None:
            return
        self._accounts.forget(account)
        if self.has("own_password", password):
            self.consumed("own_password")

    def _file(self) -> str:
        sent = ("prerequisite.csv", CONTENT, "text/csv")
        uploaded = self._target.prepare("upload", token=self.token, file=sent, having=("file_id",))
        file_id = str(uploaded.field("file_id"))
        self._sequence.know(file_id, "file_id")
        return file_id

    def _of_the_file(self, name: str) -> str | None:
        """Return another value of the file, by which this deployment names it; None for a name without a value."""
        file_id = self.value("file_id") if name in self._target.known.names else None
        if file_id is None:
            return None
        return self._target.known.parameters({"file_id": str(file_id)})[name]

    def _filter(self) -> int | None:
        file_id = self.value("file_id") if self._target.has("create_filter") else None
        if file_id is None:
            return None
        fields = {
            "name": "prerequisite",
            "file_id": file_id,
            "filter_config": {"columns": ["id"], "filters": []},
        }
        made = self._target.prepare("create_filter", token=self.token, fields=fields, having=("filter_id",))
        found: int = made.field("filter_id")
        return found
