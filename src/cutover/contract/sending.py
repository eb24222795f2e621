"""Sends drawn requests through the suite's own client, and keeps what they make within the rules for test data.

Every drawn registration gets a name of the suite's own, so that it is written down before it is made and removed
afterwards. Not for drawing (drawing.py) and not for judging (judging.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import requests

from cutover.accounts.registered import Account
from cutover.client.http import SAFE_METHODS, Answer
from cutover.config.operations import follow_pointer
from cutover.contract.prerequisites import COLUMNS, Prerequisites
from cutover.contract.request_generation import Response, operation_name
from cutover.contract.request_sequence import Sequence
from cutover.core.errors import CheckFailed
from cutover.core.safety import SafetyLevel
from cutover.core.secrets import Secret
from cutover.systems.target import Target

_NAME: Final = re.compile(r"[\w@.+\-]{3,150}")
_MAIL: Final = re.compile(r"[-!#$%&'*+/=?^_`{}|~.A-Za-z0-9]+@[A-Za-z0-9\u00a1-\uffff.-]+")
"""As the contract has them: what is no address stays as it was drawn."""
_OWN_HEADERS: Final = ("content-length", "user-agent", "accept-encoding", "connection", "x-schemathesis-testcaseid")
_REAL_OF: Final = 4
"""Of so many drawn ids all but one become a real one."""
_NOBODYS: Final = 10**9
"""No deployment has so many saved filters: a number above it is nobody's."""


class NotSendable(Exception):  # noqa: N818 - a drawn request that is none of HTTP's, no error
    """What was drawn cannot be sent by this client, or not at this safety level."""


class Sender:
    """Sends the cases of one system and knows what came back last."""

    def __init__(
        self, target: Target, prerequisites: Prerequisites, sequence: Sequence, placeholders: Mapping[str, Any]
    ) -> None:
        """placeholders: x-stands-for of the document."""
        self._target, self._supplies, self._sequence = target, prerequisites, sequence
        self._placeholders = placeholders
        self._drawn = 0
        self._ours: set[str] = set()  # path parameters of the last case, and so of the probes that follow it
        self.last: Answer | None = None

    def send(self, case: Any, linked: frozenset[str] = frozenset()) -> Response:
        """Put the run's own values in, send, and return the answer as schemathesis wants it.

        linked: path parameters that an earlier answer gave. Raises NotSendable, and what Client.send raises.
        """
        name = operation_name(case)
        if self._target.environment.safety is SafetyLevel.READ_ONLY and case.method not in SAFE_METHODS:
            raise NotSendable(case.method)
        account = self._adapt(name, case, linked)
        try:
            prepared = self._prepared(name, case)
        except NotSendable:
            self._never_made(account)
            raise
        try:
            answer = self.exchange(prepared, name, case.path, case.path_parameters)
        finally:
            # Only a refusal that the contract names says that nothing was made: without an answer, and behind any other
            # status, the account may be there.
            if account is not None and self.last is not None and _refuses(case, self.last.status):
                self._never_made(account)
        self._remember(name, case, account, answer)
        return as_response(answer, prepared)

    def probe(self, case: Any) -> Response:
        """Send what one of schemathesis' checks wants to know in addition. What was sent before stays `last`."""
        asked = self.last
        name = operation_name(case)
        prepared = self._prepared(name, case)
        try:
            answer = self.exchange(prepared, name, f"probe of {case.path}", case.path_parameters)
        finally:
            self.last = asked
        self._remember(name, case, None, answer)
        return as_response(answer, prepared)

    def _prepared(self, name: str, case: Any) -> requests.PreparedRequest:
        try:
            kwargs = case.as_transport_kwargs(base_url=self._target.url)
            self._name_file(name, kwargs)
            return requests.Request(**kwargs).prepare()
        except (ValueError, UnicodeError, requests.RequestException) as error:
            raise NotSendable(type(error).__name__) from None

    def exchange(self, prepared: requests.PreparedRequest, name: str, template: str, path: Mapping[str, Any]) -> Answer:
        """Send one prepared request through the suite's client and count it in the sequence."""
        self.last = None
        headers = {
            key: value.decode("latin-1") if isinstance(value, bytes) else str(value)
            for key, value in prepared.headers.items()
            if key.lower() not in _OWN_HEADERS
        }
        body = prepared.body.encode() if isinstance(prepared.body, str) else prepared.body or b""
        if not isinstance(body, bytes):
            raise NotSendable("a body of no known length")  # requests' streams, which nothing here draws
        url = str(prepared.url)
        told = {key: "<ours>" if key in self._ours else str(value) for key, value in path.items()}
        query = url.partition("?")[2]
        drawn = ";".join(f"{key}={headers[key]}" for key in sorted(headers) if key.lower() != "content-type")
        self._sequence.add(
            str(prepared.method), template, f"{told} {query} {drawn}", headers.get("Content-Type", ""), body
        )
        filled = {key: str(value) for key, value in path.items()}
        try:
            result = self._target.send_drawn(name, str(prepared.method), url, headers, body or None, filled)
        except CheckFailed as error:
            if "LocalProtocolError" in str(error) or "InvalidURL" in str(error):
                raise NotSendable("no HTTP") from None
            raise
        self.last = result.answer
        return result.answer

    # --- the run's own values --------------------------------------------------------------------

    def _adapt(self, name: str, case: Any, linked: frozenset[str]) -> Account | None:
        """Replace placeholders and most generated ids by prerequisites. Return the account that it may make."""
        self._drawn += 1
        self._ours = set()
        valid = case.meta is not None and not case.meta.generation.mode.is_negative
        # A new one: cases of the coverage phase share what they hold.
        case.path_parameters = {
            key: self._id(key, value, linked=key in linked, valid=valid) for key, value in case.path_parameters.items()
        }
        account = None
        if isinstance(case.body, dict):
            case.body = self._with_supplies(name, case.body)
            if name == "register":
                account = self._namespaced(case)
            if name == "export":
                self._known_columns(case)
            self._follow_bearer(name, case)
        return account

    def _id(self, key: str, value: Any, *, linked: bool, valid: bool) -> Any:
        """The path parameter that is sent; one that is an id of this run is noted, for the sequence's hash."""
        if key not in self._placeholders or not isinstance(value, (int, str)):
            return value
        if linked:
            self._ours.add(key)
            return value
        if str(value) == str(self._placeholders[key]) or (valid and self._drawn % _REAL_OF != 0):
            supplied = self._supplies.value(key)
            if supplied is not None:
                self._ours.add(key)
                return supplied
        if isinstance(value, int) and 0 < value < _NOBODYS:
            return value + _NOBODYS  # or it would be ours in one run and not in the next
        return value

    def _with_supplies(self, name: str, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._with_supplies(name, inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._with_supplies(name, inner) for inner in value]
        for key, placeholder in self._placeholders.items():
            if value == placeholder and type(value) is type(placeholder) and name != "register":
                own = "own_password" if (name, key) == ("delete_account", "password") else key
                supplied = self._supplies.value(own)
                return value if supplied is None else supplied
        return value

    def _namespaced(self, case: Any) -> Account | None:
        """Give a registration that may succeed a name, an address and a password of the suite's own.

        What makes it invalid stays as it was drawn.
        """
        body, accounts = case.body, self._supplies.accounts
        fields = self._target.operation("register").request
        name, mail, password, again = (fields[key] for key in ("username", "email", "password", "password_again"))
        if accounts is None or not (isinstance(body.get(name), str) and _NAME.fullmatch(body[name])):
            return None
        account = accounts.name()
        self._supplies.issued(account)
        same = body.get(password) == body.get(again)
        body[name] = account.username
        if isinstance(body.get(mail), str) and len(body[mail]) <= 254 and _MAIL.fullmatch(body[mail]):
            body[mail] = account.email
        if isinstance(body.get(password), str) and len(body[password]) >= 8 and "\0" not in body[password]:
            body[password] = account.password.reveal()
            # A schema cannot say that two passwords are equal: of a valid registration they are made so.
            if same or (case.meta is not None and case.meta.generation.mode.is_positive):
                body[again] = account.password.reveal()
        return account

    def _known_columns(self, case: Any) -> None:
        """Columns that the supplied file has, in half of the cuts: with others nothing is cut."""
        if self._drawn % 2 or case.meta is None or case.meta.generation.mode.is_negative:
            return
        columns = case.body.get("columns")
        if isinstance(columns, list):
            case.body["columns"] = [_column(value) for value in columns]
        for row in case.body.get("filters") or []:
            if isinstance(row, dict) and isinstance(row.get("column"), str):
                row["column"] = _column(row["column"])

    def _follow_bearer(self, name: str, case: Any) -> None:
        """Who logs out or deletes an account asks as the one whose token or password it is."""
        if name not in ("logout", "delete_account") or "Authorization" not in case.headers:
            return
        for value in case.body.values():
            if isinstance(value, str) and value in self._supplies.bearers:
                case.headers = case.headers.copy()
                case.headers["Authorization"] = f"Bearer {self._supplies.bearers[value]}"

    def _name_file(self, name: str, kwargs: dict[str, Any]) -> None:
        """A file's part has a file name: the schema of a multipart body has no place for it."""
        if name != "upload" or not isinstance(kwargs.get("files"), list):
            return
        part = self._target.operation("upload").request["file"]
        kwargs["files"] = [
            (key, ("drawn.csv", *value[1:]) if key == part and isinstance(value, tuple) else value)
            for key, value in kwargs["files"]
        ]

    # --- what came of it -------------------------------------------------------------------------

    def _remember(self, name: str, case: Any, account: Account | None, answer: Answer) -> None:
        operation = self._target.operation(name)
        if answer.status not in operation.statuses or answer.request.method != operation.method:
            return
        if name in ("register", "login"):
            access, refresh = (
                self._field(answer, operation.response[key]) for key in ("access_token", "refresh_token")
            )
            if not isinstance(access, str) or not isinstance(refresh, str):
                return
            self._supplies.session(access, refresh)
            if name == "register" and account is not None:
                account.access_token, account.refresh_token = Secret(access), Secret(refresh)
                self._supplies.issued(account)
            elif name == "register":
                self._remove_stray(case, access)
        elif name == "upload":
            self._sequence.know(self._field(answer, operation.response["file_id"]), "file_id")
        elif name in ("delete", "delete_filter"):
            self._supplies.used_up("file_id" if name == "delete" else "filter_id")
        elif name == "logout":
            self._supplies.used_up("refresh_token")
        elif name == "delete_account":
            self._supplies.account_is_gone(case.body.get(operation.request["password"]))

    def _never_made(self, account: Account | None) -> None:
        """The registration was refused: there is nothing to remove."""
        if account is not None and self._supplies.accounts is not None:
            self._supplies.accounts.forget(account)

    def _remove_stray(self, case: Any, access: str) -> None:
        """A registration that should have been refused, under a name that is not ours: removed at once."""
        password = case.body.get(self._target.operation("register").request["password"])
        self._target.call("delete_account", token=access, fields={"password": password})

    @staticmethod
    def _field(answer: Answer, pointer: str) -> Any:
        try:
            return follow_pointer(answer.json, pointer)
        except (KeyError, CheckFailed):
            return None  # the schema's check says so


def as_response(answer: Answer, prepared: requests.PreparedRequest) -> Response:
    """An answer of our client as schemathesis' checks want it."""
    headers: dict[str, list[str]] = {}
    for key, value in answer.headers.multi_items():
        headers.setdefault(key.lower(), []).append(value)
    return Response(
        status_code=answer.status,
        headers=headers,
        content=answer.body,
        request=prepared,
        elapsed=answer.elapsed_s,
        verify=True,
        http_version=answer.protocol.removeprefix("HTTP/"),
    )


def _refuses(case: Any, status: int) -> bool:
    return 400 <= status < 500 and str(status) in case.operation.definition.raw.get("responses", {})


def _column(value: Any) -> Any:
    return COLUMNS[len(value) % len(COLUMNS)] if isinstance(value, str) else value
