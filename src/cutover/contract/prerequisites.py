"""What an example of the contract stands for in a run: real accounts, tokens, files and filters, made when needed.

A drawn id is nobody's; with a supply a drawn request reaches what lies behind the first "not found". Not for sending
what is drawn: sending.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from cutover.accounts.registered import Account, Accounts
from cutover.contract.request_sequence import Sequence
from cutover.core.secrets import Secret
from cutover.systems.target import Target

CONTENT: Final = b"id,name,city\r\n1,Ada,London\r\n2,Grace,New York\r\n3,Katherine,\r\n"
COLUMNS: Final = ("id", "name", "city")
_RENEWALS: Final = 8
"""So often what a request used up (a deleted file, a spent session) is made anew for an operation."""


class Prerequisites:
    """Makes what the placeholders of a document stand for, on first use, and again when it is used up."""

    def __init__(self, target: Target, accounts: Accounts | None, sequence: Sequence) -> None:
        """accounts: None where nobody may be anybody; then only anonymous requests can be sent."""
        self._target, self._accounts, self._sequence = target, accounts, sequence
        self._owner: Account | None = None
        self._made: dict[str, Any] = {}
        self._renewed: dict[str, int] = {}
        self.bearers: dict[str, str] = {}
        """Refresh token or password -> the access token of the account that it belongs to."""
        self._by_password: dict[str, Account] = {}

    @property
    def token(self) -> str | None:
        """The access token of the account that asks; None where there is none."""
        owner = self.owner
        return owner.access_token.reveal() if owner is not None else None

    @property
    def owner(self) -> Account | None:
        """The account that asks, made on first use."""
        if self._owner is None and self._accounts is not None:
            self._owner = self._known(self._accounts.new())
        return self._owner

    @property
    def accounts(self) -> Accounts | None:
        """Where accounts come from."""
        return self._accounts

    def value(self, placeholder: str) -> Any:
        """What stands for that name of x-stands-for now; None where there is none of it."""
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
            self._made[placeholder] = make[placeholder]() if self._accounts is not None else None
        return self._made[placeholder]

    def used_up(self, placeholder: str) -> None:
        """The deployment did away with it: the next who asks gets another, a few times."""
        self._renewed[placeholder] = self._renewed.get(placeholder, 0) + 1
        if self._renewed[placeholder] <= _RENEWALS:
            self._made.pop(placeholder, None)
            if placeholder == "file_id":
                self._made.pop("filter_id", None)

    def issued(self, account: Account) -> None:
        """An account whose tokens a drawn request was given."""
        self._known(account)

    def session(self, access: str, refresh: str) -> None:
        """Tokens that a drawn login was given."""
        for token in (access, refresh):
            Secret(token)  # known from here on, so that no report shows it
        self._sequence.know(access, "access_token")
        self._sequence.know(refresh, "refresh_token")
        self.bearers[refresh] = access

    def _known(self, account: Account) -> Account:
        self._sequence.know(account.username, "username")
        self._sequence.know(account.email or account.username, "email" if account.email else "username")
        self._sequence.know(account.password.reveal(), "password")
        access, refresh = account.access_token.reveal(), account.refresh_token.reveal()
        if access:
            self.session(access, refresh)
            self.bearers[account.password.reveal()] = access
            self._by_password[account.password.reveal()] = account
        return account

    def has(self, placeholder: str, value: object) -> bool:
        """Whether this is what stands for that name now."""
        return placeholder in self._made and str(self._made[placeholder]) == str(value)

    def _session(self) -> str | None:
        """The refresh token of a session of its own, so that a logout ends nobody else's."""
        owner = self.owner
        if owner is None:
            return None
        login = self._target.call("login", fields={"username": owner.username, "password": owner.password})
        login.expect_status()
        access, refresh = login.secret("access_token").reveal(), login.secret("refresh_token").reveal()
        self.session(access, refresh)
        return refresh

    def _spare_account(self) -> str | None:
        """The password of an account that is there to be deleted."""
        if self._accounts is None or "registration" in self._target.environment.absent:
            return None
        return self._known(self._accounts.new()).password.reveal()

    def account_is_gone(self, password: object) -> None:
        """A drawn request deleted the account with that password."""
        account = self._by_password.pop(str(password), None)
        if account is None or self._accounts is None:
            return
        self._accounts.forget(account)
        if self.has("own_password", password):
            self.used_up("own_password")

    def _file(self) -> str:
        uploaded = self._target.call("upload", token=self.token, file=("supply.csv", CONTENT, "text/csv"))
        file_id = str(uploaded.expect_status().field("file_id"))
        self._sequence.know(file_id, "file_id")
        return file_id

    def _filter(self) -> int | None:
        if self._target.environment.operations[self._target.system]["create_filter"].absent is not None:
            return None
        fields = {
            "name": "supply",
            "file_id": self.value("file_id"),
            "filter_config": {"columns": ["id"], "filters": []},
        }
        made = self._target.call("create_filter", token=self.token, fields=fields).expect_status()
        found: int = made.field("filter_id")
        return found
