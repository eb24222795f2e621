"""Requests of a load run's journeys as bytes, and the checks of their responses."""

from __future__ import annotations

import itertools
import json
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from cutover.client.http import REQUESTS_AN_ADDRESS
from cutover.config.environments import Environment, Identity
from cutover.config.operations import Operation, follow_pointer
from cutover.core.safety import origin_of
from cutover.core.secrets import remember
from cutover.traffic.ledger import Outcome
from cutover.traffic.wire import Response, render

CheckResult: TypeAlias = tuple[Outcome, str]
ResponseCheck: TypeAlias = Callable[[Response], CheckResult]

_BOUNDARY: Final = "cutover-load-8f2c1d"
_NAMED: Final = 10_000
"""Files whose names are kept, the latest."""
_OK: Final = (Outcome.OK, "")


@dataclass
class LoadAccount:
    """An account that arrivals take turns with.

    listing: the id of the list that it keeps during the whole run; own: the index of that list in LoadLists.own;
    names: other values by which the deployment names that list (environments.toml, operations).
    """

    username: str
    password: str
    access: str
    refresh: str
    listing: str
    own: int
    got_at: float = field(default_factory=time.monotonic)
    requests: dict[str, bytes] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_row(cls, row: Mapping[str, str]) -> LoadAccount:
        """Return the account that preparation.py created."""
        for key in ("password", "access", "refresh"):
            remember(row[key])
        names = json.loads(row.get("names", "{}"))
        return cls(
            row["username"],
            row["password"],
            row["access"],
            row["refresh"],
            row["listing"],
            int(row["own"]),
            names=names,
        )


@dataclass(frozen=True)
class LoadLists:
    """The lists that journeys use.

    own: contents of the accounts' lists, and the expected export of `columns` of each. Accounts have different lists,
    so that a response with another account's list is noticed. uploads: file names and contents for new lists. large:
    the same of a list of more than 1 MB.
    """

    own: tuple[tuple[bytes, bytes], ...]
    columns: tuple[str, ...]
    uploads: tuple[tuple[str, bytes], ...]
    large: tuple[str, bytes]


@dataclass
class SharedState:
    """The state that all journeys of one process share: names, numbers, acknowledged writes, and who responded.

    unanswered: names whose registration was sent and not answered; the account may still be created. versions: who
    responded, "SYSTEM VERSION" or "SYSTEM" -> [responses, first and last monotonic_ns]. version_changes: (ns, who) of
    each change.
    """

    run: str
    numbers: Iterator[int] = field(default_factory=itertools.count)
    acknowledged: list[list[str]] = field(default_factory=list)
    versions: dict[str, list[int]] = field(default_factory=dict)
    version_changes: list[tuple[int, str]] = field(default_factory=list)
    registered: int = 0
    unanswered: set[str] = field(default_factory=set)


class LoadClient:
    """The client of one system for all journeys of a process."""

    def __init__(
        self,
        system: str,
        environment: Environment,
        state: SharedState,
        *,
        accounts: Sequence[LoadAccount],
        reserved: Sequence[Mapping[str, str]],
        lists: LoadLists,
        version: str | None,
        any_system: bool = False,
        in_maintenance: Callable[[], bool] = lambda: False,
    ) -> None:
        """reserved: accounts that may be registered, each once; version: the expected one, None for any.

        any_system: the other system of the environment may respond too, for traffic that is switched. in_maintenance:
        returns True while maintenance is declared.
        """
        self.system, self.state, self.lists = system, state, lists
        self.accounts, self._reserved = list(accounts), deque(reserved)
        self._turns = itertools.cycle(self.accounts) if self.accounts else None
        self._uploads = itertools.cycle(lists.uploads)
        self._environment, self._in_maintenance = environment, in_maintenance
        url = environment.systems[system].url
        scheme, host, port = origin_of(url)
        default = (scheme, port) in (("http", 80), ("https", 443))
        self.host = (f"[{host}]" if ":" in host else host) + ("" if default else f":{port}")
        self._prefix = url.partition("://")[2].partition("/")[1:]
        identity = environment.systems[system].identity
        self._identity = identity if identity is not None and not identity.address_only else None
        self._identities = [
            (other, found)
            for other in (environment.systems if any_system else [system])
            if (found := environment.systems[other].identity) is not None and not found.address_only
        ]
        self._version = f"{system} {version}" if version and identity and identity.version_header else None
        self._last_origin: str | None = None
        self._requests: dict[str, bytes] = {}
        operations = environment.operations[system].values()
        self._values = frozenset[str]().union(*(each.values for each in operations)) - {"file_id", "filter_id", "path"}
        self._named: dict[str, dict[str, str]] = {}
        self._base = hash(state.run) & 0x1FFFF
        self._simulates_clients = system == "worker" and environment.poses_as_clients
        bypass = environment.secrets.get("limiter_bypass")
        self._bypass = bypass.reveal() if bypass and not self._simulates_clients else None

    def operation(self, name: str) -> Operation:
        """Return the operation of that name."""
        return self._environment.operations[self.system][name]

    def next_account(self) -> LoadAccount | None:
        """Return the account whose turn it is; None without accounts."""
        return next(self._turns) if self._turns else None

    def next_reserved(self) -> Mapping[str, str] | None:
        """Return an account that is not registered yet; None if all are used."""
        return self._reserved.popleft() if self._reserved else None

    def next_upload(self) -> tuple[str, bytes]:
        """Return the next list to upload."""
        return next(self._uploads)

    # --- requests --------------------------------------------------------------------------------

    def request(
        self,
        name: str,
        account: LoadAccount | None,
        *,
        path: Mapping[str, str] | None = None,
        fields: Mapping[str, Any] | None = None,
        file: tuple[str, bytes] | None = None,
        fresh: bool = False,
        keep_as: str | None = None,
    ) -> bytes:
        """Return the bytes of a request to an operation. keep_as: key under which the bytes are kept for reuse."""
        store = account.requests if account is not None else self._requests
        kept = store.get(keep_as) if keep_as else None
        if kept is None:
            operation = self.operation(name)
            headers = {"accept": "*/*", "user-agent": "cutover-load"}
            if fresh:
                headers["connection"] = "close"
            if account is not None:
                headers["authorization"] = f"Bearer {account.access}"
            if self._bypass:
                headers["x-limiter-bypass"] = self._bypass
            body = b""
            parameters = self._parameters(account, path or {})
            if file is None and operation.method not in ("GET", "HEAD", "OPTIONS"):
                document = operation.json_body(fields, parameters)
                if document is not None:
                    body = json.dumps(document).encode()
                    headers["content-type"] = "application/json"
            if file is not None:
                body = _multipart(operation.request["file"], *file)
                headers["content-type"] = f"multipart/form-data; boundary={_BOUNDARY}"
            prefix = "".join(self._prefix)
            kept = render(operation.method, prefix + operation.url_path(parameters), self.host, headers, body)
            if keep_as:
                store[keep_as] = kept
        number = next(self.state.numbers)
        extra = f"\r\nx-request-id: {self.state.run}-{number}"
        if self._simulates_clients:
            other = self._base + number // REQUESTS_AN_ADDRESS
            extra += f"\r\ncf-connecting-ip: 198.{18 + (other >> 16) % 2}.{(other >> 8) % 256}.{other % 256}"
        line = kept.index(b"\r\n")
        return kept[:line] + extra.encode() + kept[line:]

    # --- responses -------------------------------------------------------------------------------

    def check_of(self, name: str, body: Callable[[bytes], bool] | None = None) -> ResponseCheck:
        """Return the check of responses to that operation. body: returns True for the body of a correct success."""
        operation = self.operation(name)
        statuses, writes = operation.statuses, operation.method not in ("GET", "HEAD", "OPTIONS")

        def check(response: Response) -> CheckResult:
            status = response.status
            wrong = self._wrong_origin(name, response)
            if wrong is not None:
                return Outcome.WRONG_VERSION, wrong
            if status not in statuses:
                if status == 503 and writes and self._in_maintenance() and response.header(b"retry-after") is not None:
                    return Outcome.REFUSED_BY_MAINTENANCE, "maintenance"
                return Outcome.HTTP_ERROR, f"status {status}"
            if body is not None and not body(response.body):
                return Outcome.WRONG_BODY, f"wrong body of {name}"
            return _OK

        return check

    def _wrong_origin(self, name: str, response: Response) -> str | None:
        """Return why the response came from a wrong system or version; None if it is right.

        A bare 5xx, 429 or redirect may come from an edge (client/http.py). For a user each of them is an error.
        """
        if self._identity is None:
            return None
        found = next((row for row in self._identities if _proof(row[1], name, response) == row[1].value.encode()), None)
        if found is None:
            edge = response.status >= 500 or response.status == 429 or 300 <= response.status < 400
            bare = _proof(self._identity, name, response) is None
            may_be_bare = edge or not self._identity.is_carried(name, response.status)
            if not bare or not may_be_bare:
                return "response from another system"
            version = response.header((self._identity.version_header or "").encode()) if self._version else None
            other = version is not None and f"{self.system} {version.decode('latin-1')[:64]}" != self._version
            return "response from another version" if other else None
        text, identity = found
        if identity.version_header:
            version = response.header(identity.version_header.encode())
            if version is None:
                return None if response.status >= 500 else "no version in the response"
            text += " " + version.decode("latin-1")[:64]
        now = time.monotonic_ns()
        seen = self.state.versions.get(text)
        if seen is None:
            seen = self.state.versions[text] = [0, now, now]
        seen[0] += 1
        seen[2] = now
        if text != self._last_origin:
            if self._last_origin is not None:
                self.state.version_changes.append((now, text))
            self._last_origin = text
        return None if self._version is None or text == self._version else "response from another version"

    def field(self, name: str, response: Response, field_name: str) -> str | None:
        """Return a field of a response as text; None if it is missing. An id may be a text or an integer."""
        fields = self._fields(name, response.body)
        if name == "upload" and self._values and "file_id" in fields:
            if len(self._named) >= _NAMED:
                self._named.pop(next(iter(self._named)))
            self._named[fields["file_id"]] = {key: value for key, value in fields.items() if key in self._values}
        return fields.get(field_name)

    def has_field(self, name: str, field_name: str) -> Callable[[bytes], bool] | None:
        """Return a check that a body contains a field with a value; None if the environment does not declare it."""
        if not self.operation(name).has(field_name):
            return None
        return lambda body: field_name in self._fields(name, body)

    def _fields(self, name: str, body: bytes) -> dict[str, str]:
        try:
            document = json.loads(body)
        except ValueError:
            return {}
        found = {}
        for ours, pointer in self.operation(name).response.items():
            try:
                value = follow_pointer(document, pointer)
            except KeyError:
                continue
            if isinstance(value, (str, int)) and not isinstance(value, bool) and value != "":
                found[ours] = str(value)
        return found

    def _parameters(self, account: LoadAccount | None, path: Mapping[str, str]) -> Mapping[str, str]:
        """Return the path parameters with the other values of their file. An unknown one has the value of its id."""
        if not self._values or "file_id" not in path:
            return path
        file_id = path["file_id"]
        own = account.names if account is not None and file_id == account.listing else {}
        return {**dict.fromkeys(self._values, file_id), **self._named.get(file_id, {}), **own, **path}


def _proof(identity: Identity, name: str, response: Response) -> bytes | None:
    """Return the value that a response to an operation carries as the proof of its system, None without one."""
    if identity.header:
        return response.header(identity.header.encode())
    pointer = identity.pointers.get(name)
    if pointer is None or response.status >= 400:
        return None
    try:
        return str(follow_pointer(json.loads(response.body), pointer)).encode()
    except (KeyError, ValueError):
        return None


def _multipart(field_name: str, filename: str, content: bytes) -> bytes:
    """Return one file as multipart/form-data (RFC 7578), its name encoded as browsers do (HTML standard)."""
    name = filename.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    head = (
        f"--{_BOUNDARY}\r\n"
        f'Content-Disposition: form-data; name="{field_name}"; filename="{name}"\r\n'
        "Content-Type: text/csv\r\n\r\n"
    )
    return head.encode() + content + f"\r\n--{_BOUNDARY}--\r\n".encode()
