"""Sending of generated requests through the suite's client, under the rules for test data.

Each generated registration gets a name of the suite, so that it is in the ledger before it exists and is removed
afterwards.
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
"""Valid user names and addresses by the contract. Other generated values are sent unchanged."""
_OWN_HEADERS: Final = ("content-length", "user-agent", "accept-encoding", "connection", "x-schemathesis-testcaseid")
_REAL_OF: Final = 4
"""One of so many generated ids stays as generated; the others are replaced by a real id."""
_UNUSED_IDS: Final = 10**9
"""Offset for generated filter ids. No deployment has so many saved filters, so no filter has such an id."""


class NotSendable(Exception):  # noqa: N818 - no error: the request is skipped
    """A generated request that this client cannot send, or not at this safety level."""


class Sender:
    """Sender of the generated requests to one system. last: the latest response."""

    def __init__(
        self, target: Target, prerequisites: Prerequisites, sequence: Sequence, placeholders: Mapping[str, Any]
    ) -> None:
        """Start without a response. placeholders: x-stands-for of the document."""
        self._target, self._prerequisites, self._sequence = target, prerequisites, sequence
        self._placeholders = placeholders
        self._number = 0
        self._ours: set[str] = set()  # path parameters with real ids, of the last case and of its probes
        self.last: Answer | None = None

    def send(self, case: Any, linked: frozenset[str] = frozenset()) -> Response:
        """Insert the run's values, send the request, and return the response in schemathesis' form.

        linked: path parameters that an earlier response provided. Raises NotSendable and the errors of Client.send.
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
            # Only a documented refusal proves that no account was created. Without a response, or with any other
            # status, the account may exist.
            if account is not None and self.last is not None and _refuses(case, self.last.status):
                self._never_made(account)
        self._remember(name, case, account, answer)
        return as_response(answer, prepared)

    def probe(self, case: Any) -> Response:
        """Send an additional request of schemathesis' checks. `last` stays the response of the case itself."""
        before = self.last
        name = operation_name(case)
        prepared = self._prepared(name, case)
        try:
            answer = self.exchange(prepared, name, f"probe of {case.path}", case.path_parameters)
        finally:
            self.last = before
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
        """Send one prepared request through the suite's client and add it to the sequence."""
        self.last = None
        headers = {
            key: value.decode("latin-1") if isinstance(value, bytes) else str(value)
            for key, value in prepared.headers.items()
            if key.lower() not in _OWN_HEADERS
        }
        body = prepared.body.encode() if isinstance(prepared.body, str) else prepared.body or b""
        if not isinstance(body, bytes):
            raise NotSendable("a body of unknown length")  # a stream of requests, which schemathesis never generates
        url = str(prepared.url)
        known = {key: "<ours>" if key in self._ours else str(value) for key, value in path.items()}
        query = url.partition("?")[2]
        others = ";".join(f"{key}={headers[key]}" for key in sorted(headers) if key.lower() != "content-type")
        self._sequence.add(
            str(prepared.method), template, f"{known} {query} {others}", headers.get("Content-Type", ""), body
        )
        filled = {key: str(value) for key, value in path.items()}
        try:
            result = self._target.send_generated(name, str(prepared.method), url, headers, body or None, filled)
        except CheckFailed as error:
            if "LocalProtocolError" in str(error) or "InvalidURL" in str(error):
                raise NotSendable("no valid HTTP") from None
            raise
        self.last = result.answer
        return result.answer

    # --- the run's own values --------------------------------------------------------------------

    def _adapt(self, name: str, case: Any, linked: frozenset[str]) -> Account | None:
        """Replace placeholders and most generated ids by prerequisites. Return the account that the case may create."""
        self._number += 1
        self._ours = set()
        valid = case.meta is not None and not case.meta.generation.mode.is_negative
        # A new dictionary: cases of the coverage phase share their parts.
        case.path_parameters = {
            key: self._id(key, value, linked=key in linked, valid=valid) for key, value in case.path_parameters.items()
        }
        account = None
        if isinstance(case.body, dict):
            case.body = self._with_prerequisites(name, case.body)
            if name == "register":
                account = self._namespaced(case)
            if name == "export":
                self._known_columns(case)
            self._follow_bearer(name, case)
        return account

    def _id(self, key: str, value: Any, *, linked: bool, valid: bool) -> Any:
        """Return the path parameter to send. An id of this run is noted for the hash of the sequence."""
        if key not in self._placeholders or not isinstance(value, (int, str)):
            return value
        if linked:
            self._ours.add(key)
            return value
        if str(value) == str(self._placeholders[key]) or (valid and self._number % _REAL_OF != 0):
            own = self._prerequisites.value(key)
            if own is not None:
                self._ours.add(key)
                return own
        if isinstance(value, int) and 0 < value < _UNUSED_IDS:
            return value + _UNUSED_IDS  # a small number could be the id of an object in one run and not in the next
        return value

    def _with_prerequisites(self, name: str, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._with_prerequisites(name, inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._with_prerequisites(name, inner) for inner in value]
        for key, placeholder in self._placeholders.items():
            if value == placeholder and type(value) is type(placeholder) and name != "register":
                placeholder_name = "own_password" if (name, key) == ("delete_account", "password") else key
                own = self._prerequisites.value(placeholder_name)
                return value if own is None else own
        return value

    def _namespaced(self, case: Any) -> Account | None:
        """Give a registration that may succeed a name, an address and a password of the suite.

        Invalid parts stay as generated.
        """
        body, accounts = case.body, self._prerequisites.accounts
        fields = self._target.operation("register").request
        name, mail, password, again = (fields.get(key) for key in ("username", "email", "password", "password_again"))
        positive = case.meta is not None and case.meta.generation.mode.is_positive
        if positive and again is not None and isinstance(body.get(password), str):
            body[again] = body[password]  # a schema cannot require equal passwords
        if accounts is None or not (isinstance(body.get(name), str) and _NAME.fullmatch(body[name])):
            return None
        account = accounts.name()
        self._prerequisites.issued(account)
        same = again is not None and body.get(password) == body.get(again)
        body[name] = account.username
        if isinstance(body.get(mail), str) and len(body[mail]) <= 254 and _MAIL.fullmatch(body[mail]):
            body[mail] = account.email
        if isinstance(body.get(password), str) and len(body[password]) >= 8 and "\0" not in body[password]:
            body[password] = account.password.reveal()
            if same:
                body[again] = account.password.reveal()
        return account

    def repeats_password(self, case: Any) -> bool:
        """Return False for a registration with two different passwords, which a schema cannot call invalid."""
        if operation_name(case) != "register" or not isinstance(case.body, dict):
            return True
        fields = self._target.operation("register").request
        password, again = (fields.get(key) for key in ("password", "password_again"))
        return again is None or case.body.get(password) == case.body.get(again)

    def _known_columns(self, case: Any) -> None:
        """Use columns of the run's file in half of the exports: with unknown columns no export succeeds."""
        if self._number % 2 or case.meta is None or case.meta.generation.mode.is_negative:
            return
        columns = case.body.get("columns")
        if isinstance(columns, list):
            case.body["columns"] = [_column(value) for value in columns]
        for row in case.body.get("filters") or []:
            if isinstance(row, dict) and isinstance(row.get("column"), str):
                row["column"] = _column(row["column"])

    def _follow_bearer(self, name: str, case: Any) -> None:
        """Send a logout or an account deletion with the token of the account that the body names."""
        if name not in ("logout", "delete_account") or "Authorization" not in case.headers:
            return
        for value in case.body.values():
            if isinstance(value, str) and value in self._prerequisites.bearers:
                case.headers = case.headers.copy()
                case.headers["Authorization"] = f"Bearer {self._prerequisites.bearers[value]}"

    def _name_file(self, name: str, kwargs: dict[str, Any]) -> None:
        """Add a file name to the part of a file: the schema of a multipart body cannot contain one."""
        if name != "upload" or not isinstance(kwargs.get("files"), list):
            return
        part = self._target.operation("upload").request["file"]
        kwargs["files"] = [
            (key, ("generated.csv", *value[1:]) if key == part and isinstance(value, tuple) else value)
            for key, value in kwargs["files"]
        ]

    # --- effects of the response -----------------------------------------------------------------

    def _remember(self, name: str, case: Any, account: Account | None, answer: Answer) -> None:
        operation = self._target.operation(name)
        if answer.status not in operation.statuses or answer.request.method != operation.method:
            return
        if name in ("register", "login"):
            access, refresh = (
                self._field(answer, operation.response[key]) if operation.has(key) else ""
                for key in ("access_token", "refresh_token")
            )
            if not isinstance(access, str) or not isinstance(refresh, str):
                return
            if access:
                self._prerequisites.session(access, refresh)
            if name == "register" and account is not None:
                if access:
                    account.access_token, account.refresh_token = Secret(access), Secret(refresh)
                self._prerequisites.issued(account)
            elif name == "register":
                self._remove_stray(case, access)
        elif name == "upload" and operation.has("file_id"):
            self._sequence.know(self._field(answer, operation.response["file_id"]), "file_id")
        elif name in ("delete", "delete_filter"):
            self._prerequisites.consumed("file_id" if name == "delete" else "filter_id")
        elif name == "logout":
            self._prerequisites.consumed("refresh_token")
        elif name == "delete_account":
            self._prerequisites.account_is_gone(case.body.get(operation.request.get("password")))

    def _never_made(self, account: Account | None) -> None:
        """Forget an account whose registration was refused."""
        if account is not None and self._prerequisites.accounts is not None:
            self._prerequisites.accounts.forget(account)

    def _remove_stray(self, case: Any, access: str) -> None:
        """Delete an account at once that was registered under a name outside of the ledger.

        Without an operation to delete it, or without a token, it is listed as left over.
        """
        fields = self._target.operation("register").request
        if self._target.has("delete_account") and access:
            password = case.body.get(fields.get("password"))
            self._target.call("delete_account", token=access, fields={"password": password})
        else:
            name = case.body.get(fields.get("username"))
            self._target.recorder.leftovers.append(f"{self._target.system} account {name!r} of a generated request")

    @staticmethod
    def _field(answer: Answer, pointer: str) -> Any:
        try:
            return follow_pointer(answer.json, pointer)
        except (KeyError, CheckFailed):
            return None  # the check of the schema reports it


def as_response(answer: Answer, prepared: requests.PreparedRequest) -> Response:
    """Return a response of our client in schemathesis' form."""
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
