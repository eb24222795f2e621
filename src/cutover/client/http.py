"""The one HTTP client, and the one module that imports httpx.

Sends what safety and the budget allow, once, and says exactly what came back and from whom. Not for
operations and their fields: that is targets.py. It follows no redirect and repeats nothing in silence.
"""

from __future__ import annotations

import itertools
import json
import secrets
import select
import socket
import ssl
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from cutover.client.rate_limiter import RateLimiter
from cutover.config.environments import Environment, Identity
from cutover.core.errors import CheckFailed, IdentityMismatch, RateLimited, Unreachable
from cutover.core.recorder import Exchange, Recorder
from cutover.core.safety import KillSwitch, origin_of
from cutover.core.secrets import redact

# httpx imports its command line, and with it click, rich and pygments, when they are installed: 0.25 s
# of every start, for nothing. Marked as absent, it goes without, as it does where they are not installed.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]

import httpx  # noqa: E402 - after the line above, which is the point of it

SAFE_METHODS: Final = ("GET", "HEAD", "OPTIONS")
RETRY_AFTER_CAP_S: Final = 120.0
RATE_LIMIT_TRIES: Final = 3
REQUESTS_AN_ADDRESS: Final = 20  # far below the plan's 100, so that two runs may share an address by chance


@dataclass(frozen=True)
class Request:
    """What to send. parts: multipart form field -> (file name, bytes, media type).

    expects_429: a flood that is meant: the budget, which is there so that nothing is refused, does not hold it back,
    and a 429 is an answer like any other. http2: offer HTTP/2 in the handshake (ALPN, RFC 7301); the answer says what
    it came by. of_name: it goes to another of the environment's names, and the check itself judges who answers there,
    in which version.
    """

    system: str
    operation: str
    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    content: bytes | None = None
    parts: Mapping[str, tuple[str, bytes, str]] | None = None
    timeout_s: float | None = None
    expects_429: bool = False
    plain_probe: bool = False
    http2: bool = False
    of_name: bool = False


@dataclass(frozen=True)
class Answer:
    """What came back. elapsed_s: from the first byte sent to the last byte received. protocol: "HTTP/1.1", "HTTP/2"."""

    request: Request
    request_id: str
    status: int
    headers: httpx.Headers
    body: bytes
    elapsed_s: float
    version: str | None = None
    show_values: bool = False
    protocol: str = "HTTP/1.1"

    @property
    def source(self) -> str:
        """Who answered what, for messages: system, method, URL without its query, ids."""
        version = f", version {self.version}" if self.version else ""
        url = self.request.url.partition("?")[0]
        return f"{self.request.system} {self.request.method} {url} (request {self.request_id}{version})"

    @property
    def excerpt(self) -> str:
        """Status, media type, length and, redacted and on one line, what may be shown of the body.

        The first 200 characters of an error's body. What a success holds is users' data: of JSON its
        keys and types are shown, of anything else nothing, unless the run has --show-values.
        """
        media = self.headers.get("content-type", "no content type")
        told = f"status {self.status}, {media}, {len(self.body)} bytes"
        if self.show_values or self.status >= 400:
            # Masked before it is cut: a secret that is cut through would not be known any more.
            text = redact(self.body[:65536].decode("utf-8", "replace"))
            return f"{told}: {' '.join(text.split())[:200]!r}"
        try:
            return f"{told}: {_shape(json.loads(self.body))}"
        except ValueError:
            return told

    @cached_property
    def json(self) -> Any:
        """The body as JSON. Raises CheckFailed when it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise CheckFailed(
                f"no-json:{self.request.operation}", expected="a JSON body", got=self.excerpt, source=self.source
            ) from None


class Client:
    """Sends requests to the hosts that an environment names. One a process; not for several threads."""

    def __init__(
        self,
        environment: Environment,
        *,
        recorder: Recorder,
        rate_limiter: RateLimiter | None,
        kill_switch: KillSwitch,
        run: str,
        worker_version: str | None = None,
        show_values: bool = False,
    ) -> None:
        """run: prefix of every request id; worker_version: the version of the Worker to ask for;
        show_values: whether messages may quote what successful answers hold.
        """
        self._environment, self._journal, self._pacer = environment, recorder, rate_limiter
        self._kill_switch, self._run, self._worker_version = kill_switch, run, worker_version
        self._show_values = show_values
        self._numbers = itertools.count(1)
        self._client = self._new_client()
        self._http2_client: httpx.Client | None = None
        self._unkept_client: httpx.Client | None = None
        self._address_base = secrets.randbelow(1 << 17)
        self._kept: dict[tuple[str, str], tuple[socket.socket, str]] = {}
        self.requests = 0

    def send(self, request: Request) -> Answer:
        """Send once and return the answer, whatever its status.

        A refused connection is tried once more (counted in the exchange). A 429 that the check did
        not mean to provoke is waited out, at most RETRY_AFTER_CAP_S each and RATE_LIMIT_TRIES times.

        Raises Refused before anything is sent; Stopped; Unreachable; RateLimited; IdentityMismatch when
        the answer is not the named system's or version's; CheckFailed when the connection was made
        and broke, or stayed silent.
        """
        for _ in range(RATE_LIMIT_TRIES):
            answer = self._send_once(request)
            if answer.status != 429 or request.expects_429:
                return answer
            self._journal.rate_limited += 1
            delay = _retry_after(answer.headers.get("retry-after"))
            if self._pacer:
                self._pacer.hold(delay)
            else:
                time.sleep(delay)
        raise RateLimited(
            f"429 from {answer.source} {RATE_LIMIT_TRIES} times, although the run waited as Retry-After said. "
            f"Lower the budget of {self._environment.name} in environments.toml, or wait for other traffic to end."
        )

    def follow(self, answer: Answer) -> Answer:
        """Follow one redirect, to a host that the environment names; anything else is Refused."""
        location = answer.headers.get("location")
        if not location:
            raise CheckFailed("no-location", expected="a Location header", got=answer.excerpt, source=answer.source)
        method = "GET" if answer.status == 303 and answer.request.method != "HEAD" else answer.request.method
        old = answer.request
        return self.send(
            Request(
                old.system,
                old.operation,
                method,
                urljoin(old.url, location),
                old.headers,
                http2=old.http2,
                of_name=old.of_name,
            )
        )

    def announce(self, request: Request) -> dict[str, str]:
        """What `send` does before it sends, for who writes the bytes himself: the headers that every request has.

        Raises Refused for a host that the environment does not name; Stopped. Takes a place in the budget.
        """
        self._environment.allowed.permit(request.url)
        self._kill_switch.check()
        if self._pacer:
            self._journal.paced_s += self._pacer.wait()
        request_id = f"{self._run}-{next(self._numbers)}"
        self.requests += 1
        return {
            "x-request-id": request_id,
            **self._version_override(request.system),
            **self._client_address(request.system),
        }

    def handshake_ms(self, url: str) -> float:
        """The least of three TCP handshakes with the URL's host, in ms: the network's part of every answer.

        Raises Refused, Stopped, Unreachable.
        """
        self._environment.allowed.permit(url)
        self._kill_switch.check()
        _, host, port = origin_of(url)
        times = []
        for _ in range(3):
            started = time.perf_counter()
            try:
                with socket.create_connection((host, port), timeout=10):
                    times.append((time.perf_counter() - started) * 1000)
            except OSError as error:
                raise Unreachable(f"{_address(url)} cannot be reached: {error}") from None
        return min(times)

    def close(self) -> None:
        """Close all connections."""
        for client in (self._client, self._http2_client, self._unkept_client):
            if client is not None:
                client.close()

    def _new_client(self, *, http2: bool = False, kept: int = 20) -> httpx.Client:
        environment = self._environment
        return httpx.Client(
            trust_env=False,  # proxies and REQUESTS_CA_BUNDLE of the caller's shell must not change what is tested
            verify=_tls(environment),  # of its own: what is offered in the handshake is written into the context
            http2=http2,
            timeout=httpx.Timeout(environment.timeout_s, connect=min(10.0, environment.timeout_s)),
            # workerd ends a connection after 5 s without a request: one that is sent at that moment would be lost.
            limits=httpx.Limits(max_connections=20, max_keepalive_connections=kept, keepalive_expiry=3),
            headers={"user-agent": "cutover", "accept": "*/*"},
        )

    def _client_for(self, request: Request) -> httpx.Client:
        """The one of the request's kind; two of them are made when first needed.

        HTTP/2 is offered by a client of its own: all other checks know one protocol. Where workerd runs here, what
        may be done only once has a connection of its own. All of workerd is one thread: while that calculates, its
        5 s for the next request on a kept connection go on, and it ends a connection on which one is waiting.
        """
        if not request.http2:
            if request.method in SAFE_METHODS or not self._environment.local_runtime:
                return self._client
            if self._unkept_client is None:
                self._unkept_client = self._new_client(kept=0)
            return self._unkept_client
        if self._http2_client is None:
            self._http2_client = self._new_client(http2=True)
        return self._http2_client

    def _send_once(self, request: Request) -> Answer:
        self._environment.allowed.permit(request.url, plain_probe=request.plain_probe)
        self._kill_switch.check()
        if self._pacer and not request.expects_429:
            self._journal.paced_s += self._pacer.wait()
        request_id = f"{self._run}-{next(self._numbers)}"
        self._look_at_kept_connection(request)
        response, elapsed, retries = self._exchange(request, request_id)
        answer = Answer(
            request,
            request_id,
            response.status_code,
            response.headers,
            response.content,
            elapsed,
            self._version(request.system, response.headers),
            self._show_values,
            response.http_version,
        )
        self._remember_connection(request, response)
        self._write(request, request_id, elapsed, answer=answer, retries=retries)
        self._prove_identity(answer)
        return answer

    def _exchange(self, request: Request, request_id: str) -> tuple[httpx.Response, float, int]:
        headers = {
            "x-request-id": request_id,
            **self._version_override(request.system),
            **self._client_address(request.system),
            **request.headers,
        }
        files = dict(request.parts) if request.parts else None
        retries = resent = 0
        client = self._client_for(request)
        while True:
            client.cookies.clear()  # accounts share this client; a session of one must not serve another
            started = time.perf_counter()
            try:
                response = client.request(
                    request.method,
                    request.url,
                    headers=headers,
                    json=request.json,
                    content=request.content,
                    files=files,
                    timeout=request.timeout_s if request.timeout_s is not None else httpx.USE_CLIENT_DEFAULT,
                )
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                if retries == 0:
                    retries = 1
                    continue
                self._write(request, request_id, time.perf_counter() - started, error=error, retries=retries)
                raise Unreachable(self._unreachable(request, error)) from None
            except (httpx.RemoteProtocolError, httpx.ReadError) as error:
                # What cannot be parsed as an answer may be what the one before left on this connection; and where
                # workerd runs here, a connection that is reset may be one that _client_for tells of.
                before = self._kept.pop((request.system, _address(request.url)), None)
                explained = isinstance(error, httpx.RemoteProtocolError) or self._environment.local_runtime
                if before and explained and resent == 0 and request.method in SAFE_METHODS:
                    resent = 1
                    self._journal.notes.append(f"broken keep-alive after {before[1]}: {error}; sent anew")
                    continue
                self._write(request, request_id, time.perf_counter() - started, error=error, retries=retries)
                raise self._broken(request, request_id, error, before[1] if before else None) from None
            except httpx.HTTPError as error:
                self._write(request, request_id, time.perf_counter() - started, error=error, retries=retries)
                raise self._broken(request, request_id, error, None) from None
            return response, time.perf_counter() - started, retries

    def _unreachable(self, request: Request, error: Exception) -> str:
        cause = " (the certificate was not accepted)" if "CERTIFICATE_VERIFY_FAILED" in str(error) else ""
        return redact(
            f"{request.system} at {_address(request.url)} cannot be reached{cause}: "
            f"{error or type(error).__name__}. Tried twice. "
            f"Is it running, and is [{self._environment.name}] in environments.toml its address?"
        )

    def _broken(self, request: Request, request_id: str, error: Exception, before: str | None) -> CheckFailed:
        silent = isinstance(error, httpx.TimeoutException)
        timeout = request.timeout_s or self._environment.timeout_s
        after = f", on the connection of {before}" if before else ""
        return CheckFailed(
            f"{'no-answer' if silent else 'broken-answer'}:{request.operation}",
            expected=f"an HTTP answer within {timeout:g} s",
            got=redact(f"{type(error).__name__}: {error or 'nothing'}{after}"),
            source=f"{request.system} {request.method} {request.url.partition('?')[0]} (request {request_id})",
            do_next="look for this request id in the system's log: it took the connection and broke it",
        )

    def _look_at_kept_connection(self, request: Request) -> None:
        """Name bytes that came after the last answer on the idle connection: that server breaks keep-alive.

        httpcore drops such a connection in silence and opens a fresh one, which is what we want but for
        the silence. TLS connections are not looked at: session tickets arrive on them at any time.
        """
        kept = self._kept.get((request.system, _address(request.url)))
        if kept is None:
            return
        idle, before = kept
        try:
            if not select.select([idle], [], [], 0)[0]:
                return
            surplus = idle.recv(64, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except (OSError, ValueError):
            surplus = b""
        del self._kept[(request.system, _address(request.url))]
        if surplus:
            self._journal.notes.append(
                f"broken keep-alive: {len(surplus)} or more bytes came after the answer to {before}, "
                f"beginning with {redact(repr(surplus[:20]))}; going on with a fresh connection"
            )

    def _remember_connection(self, request: Request, response: httpx.Response) -> None:
        stream = response.extensions.get("network_stream")
        raw = stream.get_extra_info("socket") if stream is not None else None
        if isinstance(raw, socket.socket) and not isinstance(raw, ssl.SSLSocket) and raw.fileno() >= 0:
            before = f"{request.method} {urlsplit(request.url).path} ({response.status_code})"
            self._kept[(request.system, _address(request.url))] = (raw, before)

    def _version_override(self, system: str) -> dict[str, str]:
        """Cloudflare's header that reaches one deployed version, also at 0 %.

        https://developers.cloudflare.com/workers/configuration/versions-and-deployments/gradual-deployments/
        An override that is not applied is ignored in silence, so _prove_identity reads back who answered.
        """
        if system != "worker" or self._worker_version is None:
            return {}
        name = self._environment.systems["worker"].name
        return {"Cloudflare-Workers-Version-Overrides": f'{name}="{self._worker_version}"'}

    def _client_address(self, system: str) -> dict[str, str]:
        """Another client every few requests, where the runtime believes it (RFC 2544's addresses, nobody's own)."""
        if system != "worker" or not self._environment.poses_as_clients:
            return {}
        number = self._address_base + self.requests // REQUESTS_AN_ADDRESS
        return {"cf-connecting-ip": f"198.{18 + (number >> 16) % 2}.{(number >> 8) % 256}.{number % 256}"}

    def _identity(self, system: str) -> Identity | None:
        named = self._environment.systems.get(system)
        return named.identity if named else None

    def _version(self, system: str, headers: httpx.Headers) -> str | None:
        identity = self._identity(system)
        return headers.get(identity.version_header) if identity and identity.version_header else None

    def _prove_identity(self, answer: Answer) -> None:
        """Raise IdentityMismatch when another system, or another version than asked for, answered.

        A 5xx or a 429 without the identity's header is not judged: an edge before the system may give it,
        and it is bad news, or to be waited out, whoever sent it.
        """
        system = answer.request.system
        identity = self._identity(system)
        if identity is None or answer.request.of_name:
            return
        got = answer.headers.get(identity.header)
        if got is None and (answer.status >= 500 or answer.status == 429):
            return
        where = f"environments.toml [{self._environment.name}] {system}.identity"
        if got != identity.value:
            raise IdentityMismatch(
                f"not {system}: {answer.source} came with {identity.header}: {got!r}, expected "
                f"{identity.value!r} ({where}). Something else answers at this address."
            )
        if identity.version_header is not None and answer.version is None and answer.status < 500:
            raise IdentityMismatch(
                f"no version: {answer.source} came without {identity.version_header}, which {where} declares. "
                "Answers of an unknown version prove nothing about this one."
            )
        if system == "worker" and self._worker_version is not None and answer.version != self._worker_version:
            raise IdentityMismatch(
                f"version {self._worker_version} was asked for, {answer.version!r} answered {answer.source}. "
                "The override was not applied: is this id part of the current deployment (wrangler deployments "
                f"status), and is {self._environment.systems['worker'].name!r} the Worker's name ({where})?"
            )

    def _write(
        self,
        request: Request,
        request_id: str,
        elapsed: float,
        *,
        answer: Answer | None = None,
        error: Exception | None = None,
        retries: int = 0,
    ) -> None:
        self.requests += 1
        self._journal.exchanges.append(
            Exchange(
                request_id,
                request.system,
                request.operation,
                request.method,
                redact(urlsplit(request.url).path),
                answer.status if answer else None,
                round(elapsed * 1000, 2),
                # Another name's version is no second version of this deployment: its check compares it.
                answer.version if answer and not request.of_name else None,
                retries,
                redact(f"{type(error).__name__}: {error}") if error else None,
            )
        )


def new_run_id() -> str:
    """A short random name of a run, the prefix of its request ids and of its test data."""
    return secrets.token_hex(4)


def _tls(environment: Environment) -> ssl.SSLContext:
    """The system's certificate authorities, or those of ca_file; none where every address is plain loopback."""
    if environment.ca_file:
        return ssl.create_default_context(cafile=environment.ca_file)
    urls = (*(system.url for system in environment.systems.values()), *environment.names)
    if not any(url.startswith("https:") for url in urls):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody, and is made 30 ms faster
    return ssl.create_default_context()


def _shape(value: Any, depth: int = 3) -> str:
    """A JSON value without its values: keys, types, lengths of lists."""
    if isinstance(value, dict):
        if depth == 0:
            return "{…}"
        shown = [f"{redact(key)[:40]}: {_shape(inner, depth - 1)}" for key, inner in list(value.items())[:12]]
        return "{" + ", ".join(shown) + (", …}" if len(value) > 12 else "}")
    if isinstance(value, list):
        return f"[{len(value)} of {_shape(value[0], depth - 1)}]" if value and depth else f"[{len(value)}]"
    return "null" if value is None else type(value).__name__


def _address(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _retry_after(value: str | None) -> float:
    """Seconds to wait. The HTTP-date form and nonsense count as the longest wait that is granted."""
    if value is not None and value.isascii() and value.isdigit():
        return min(float(value), RETRY_AFTER_CAP_S)
    return 60.0
