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
from cutover.config.environments import Environment
from cutover.config.operations import Operation, follow_pointer
from cutover.core.safety import origin_of
from cutover.core.secrets import remember
from cutover.traffic.ledger import Outcome
from cutover.traffic.wire import Response, render

Result: TypeAlias = tuple[Outcome, str]
Judge: TypeAlias = Callable[[Response], Result]

_BOUNDARY: Final = "cutover-load-8f2c1d"
_OK: Final = (Outcome.OK, "")


@dataclass
class Person:
    """An account that arrivals take turns with.

    listing: the id of the list that it keeps during the whole run; own: which of Materials.own that is.
    """

    username: str
    password: str
    access: str
    refresh: str
    listing: str
    own: int
    got_at: float = field(default_factory=time.monotonic)
    requests: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def from_row(cls, row: Mapping[str, str]) -> Person:
        """The person that preparation.py made."""
        for key in ("password", "access", "refresh"):
            remember(row[key])
        return cls(row["username"], row["password"], row["access"], row["refresh"], row["listing"], int(row["own"]))


@dataclass(frozen=True)
class Materials:
    """The lists that journeys use.

    own: contents of the people's lists, and what cutting `columns` out of each must give. People take turns with
    them: were all lists the same, nobody would notice another one's. uploads: file names and bytes that new lists take
    turns with.
    """

    own: tuple[tuple[bytes, bytes], ...]
    columns: tuple[str, ...]
    uploads: tuple[tuple[str, bytes], ...]


@dataclass
class Traffic:
    """What all journeys of one process share: names, numbers, what was acknowledged, who answered.

    unanswered: names whose registration was sent and not answered: it may come to be all the same.
    versions: who answered, "SYSTEM VERSION" or "SYSTEM" -> [answers, first and last monotonic_ns]. flips: (ns, who)
    whenever it changed.
    """

    run: str
    numbers: Iterator[int] = field(default_factory=itertools.count)
    acknowledged: list[list[str]] = field(default_factory=list)
    versions: dict[str, list[int]] = field(default_factory=dict)
    flips: list[tuple[int, str]] = field(default_factory=list)
    registered: int = 0
    unanswered: set[str] = field(default_factory=set)


class Side:
    """One system, as journeys speak to it."""

    def __init__(
        self,
        system: str,
        environment: Environment,
        traffic: Traffic,
        *,
        people: Sequence[Person],
        names: Sequence[Mapping[str, str]],
        materials: Materials,
        version: str | None,
        any_system: bool = False,
        in_window: Callable[[], bool] = lambda: False,
    ) -> None:
        """names: accounts that may be registered, each once; version: the one that must answer, None for any.

        any_system: whether the other system of the environment may answer as well, for traffic that is switched.
        in_window: whether maintenance is declared at this moment.
        """
        self.system, self.traffic, self.materials = system, traffic, materials
        self.people, self._names = list(people), deque(names)
        self._people = itertools.cycle(self.people) if self.people else None
        self._uploads = itertools.cycle(materials.uploads)
        self._environment, self._in_window = environment, in_window
        url = environment.systems[system].url
        scheme, host, port = origin_of(url)
        default = (scheme, port) in (("http", 80), ("https", 443))
        self.host = (f"[{host}]" if ":" in host else host) + ("" if default else f":{port}")
        self._prefix = url.partition("://")[2].partition("/")[1:]
        identity = environment.systems[system].identity
        self._header = identity.header.encode() if identity else None
        self._answerers = [
            (other, found.header.encode(), found.value.encode(), (found.version_header or "").encode())
            for other in (environment.systems if any_system else [system])
            if (found := environment.systems[other].identity) is not None
        ]
        self._version = f"{system} {version}" if version and identity and identity.version_header else None
        self._last: str | None = None
        self._requests: dict[str, bytes] = {}
        self._base = hash(traffic.run) & 0x1FFFF
        self._poses = system == "worker" and environment.poses_as_clients
        bypass = environment.secrets.get("limiter_bypass")
        self._bypass = bypass.reveal() if bypass and not self._poses else None

    def operation(self, name: str) -> Operation:
        """The operation of that name."""
        return self._environment.operations[self.system][name]

    def person(self) -> Person | None:
        """Whose turn it is; None when there is nobody."""
        return next(self._people) if self._people else None

    def new_name(self) -> Mapping[str, str] | None:
        """An account that nobody has registered yet; None when all are used."""
        return self._names.popleft() if self._names else None

    def next_upload(self) -> tuple[str, bytes]:
        """The list whose turn it is to be uploaded."""
        return next(self._uploads)

    # --- requests --------------------------------------------------------------------------------

    def request(
        self,
        name: str,
        person: Person | None,
        *,
        path: Mapping[str, str] | None = None,
        fields: Mapping[str, Any] | None = None,
        file: tuple[str, bytes] | None = None,
        fresh: bool = False,
        keep_as: str | None = None,
    ) -> bytes:
        """The bytes of a request to an operation. keep_as: but for its id it is the same each time."""
        held = person.requests if person is not None else self._requests
        kept = held.get(keep_as) if keep_as else None
        if kept is None:
            operation = self.operation(name)
            headers = {"accept": "*/*", "user-agent": "cutover-load"}
            if fresh:
                headers["connection"] = "close"
            if person is not None:
                headers["authorization"] = f"Bearer {person.access}"
            if self._bypass:
                headers["x-limiter-bypass"] = self._bypass
            body = b""
            if fields is not None:
                body = json.dumps({operation.request[ours]: value for ours, value in fields.items()}).encode()
                headers["content-type"] = "application/json"
            if file is not None:
                body = _multipart(operation.request["file"], *file)
                headers["content-type"] = f"multipart/form-data; boundary={_BOUNDARY}"
            prefix = "".join(self._prefix)
            kept = render(operation.method, prefix + operation.url_path(path or {}), self.host, headers, body)
            if keep_as:
                held[keep_as] = kept
        number = next(self.traffic.numbers)
        extra = f"\r\nx-request-id: {self.traffic.run}-{number}"
        if self._poses:
            other = self._base + number // REQUESTS_AN_ADDRESS
            extra += f"\r\ncf-connecting-ip: 198.{18 + (other >> 16) % 2}.{(other >> 8) % 256}.{other % 256}"
        line = kept.index(b"\r\n")
        return kept[:line] + extra.encode() + kept[line:]

    # --- answers ---------------------------------------------------------------------------------

    def judge(self, name: str, body: Callable[[bytes], bool] | None = None) -> Judge:
        """What an answer to that operation is. body: whether the body of a success is the right one."""
        operation = self.operation(name)
        statuses, writes = operation.statuses, operation.method not in ("GET", "HEAD", "OPTIONS")

        def judged(response: Response) -> Result:
            status = response.status
            wrong = self._answerer(response)
            if wrong is not None:
                return Outcome.WRONG_VERSION, wrong
            if status not in statuses:
                if status == 503 and writes and self._in_window() and response.header(b"retry-after") is not None:
                    return Outcome.REFUSED_BY_MAINTENANCE, "maintenance"
                return Outcome.HTTP_ERROR, f"status {status}"
            if body is not None and not body(response.body):
                return Outcome.WRONG_BODY, f"wrong body of {name}"
            return _OK

        return judged

    def _answerer(self, response: Response) -> str | None:
        """Why this answer is of none that may give it; None when it is.

        A bare 5xx or 429 may be an edge's (http.py), and so may a redirect: to a user each of them is an error.
        """
        if self._header is None:
            return None
        found = next((row for row in self._answerers if response.header(row[1]) == row[2]), None)
        if found is None:
            edge = response.status >= 500 or response.status == 429 or 300 <= response.status < 400
            return None if edge and response.header(self._header) is None else "another system answered"
        text, _, _, version_header = found
        if version_header:
            version = response.header(version_header)
            if version is None:
                return None if response.status >= 500 else "no version in the answer"
            text += " " + version.decode("latin-1")[:64]
        now = time.monotonic_ns()
        held = self.traffic.versions.get(text)
        if held is None:
            held = self.traffic.versions[text] = [0, now, now]
        held[0] += 1
        held[2] = now
        if text != self._last:
            if self._last is not None:
                self.traffic.flips.append((now, text))
            self._last = text
        return None if self._version is None or text == self._version else "another version answered"

    def field(self, name: str, response: Response, field_name: str) -> str | None:
        """A field of an answer as text; None when it is not there."""
        try:
            value = follow_pointer(json.loads(response.body), self.operation(name).response[field_name])
        except (KeyError, ValueError):
            return None
        return value if isinstance(value, str) and value else None


def _multipart(field_name: str, filename: str, content: bytes) -> bytes:
    """One file as multipart/form-data (RFC 7578), its name encoded as browsers do (HTML standard)."""
    name = filename.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    head = (
        f"--{_BOUNDARY}\r\n"
        f'Content-Disposition: form-data; name="{field_name}"; filename="{name}"\r\n'
        "Content-Type: text/csv\r\n\r\n"
    )
    return head.encode() + content + f"\r\n--{_BOUNDARY}--\r\n".encode()
