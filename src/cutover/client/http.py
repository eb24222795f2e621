"""The HTTP client, and the only module that sends with httpx.

It sends only requests that the safety rules and the request budget allow. It follows no redirect by itself. Every
repetition of a request is recorded.
"""

from __future__ import annotations

import itertools
import secrets
import socket
import ssl
import sys
import time
from typing import Final
from urllib.parse import urljoin, urlsplit

from cutover.client.account_markers import AccountMarkers
from cutover.client.deadline import Deadline, DeadlineTransport
from cutover.client.identity import IdentityVerifier
from cutover.client.kept_connections import KeptConnections, base_url
from cutover.client.patience import Patience
from cutover.client.rate_limiter import RateLimiter
from cutover.client.request import SAFE_METHODS, Answer, Request
from cutover.config.environments import Environment
from cutover.core.errors import CheckFailed, RateLimited, Unreachable
from cutover.core.recorder import Exchange, Recorder
from cutover.core.safety import KillSwitch, origin_of
from cutover.core.secrets import redact

# httpx imports its command line and with it click, rich and pygments, if they are installed: 0.25 s at every start,
# without use. Marked as absent, it works without them.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]

import httpx  # noqa: E402 - after the line above, which would have no effect otherwise

__all__ = ["REQUESTS_AN_ADDRESS", "SAFE_METHODS", "Answer", "Client", "Request", "new_run_id"]

RETRY_AFTER_CAP_S: Final = 120.0
DEFAULT_RETRY_AFTER_S: Final = 60.0
RATE_LIMIT_TRIES: Final = 3
CONNECT_S: Final = 10.0
"""The longest time of a connection attempt."""
BYTES_PER_S: Final = 2 * 1024 * 1024
"""The slowest transfer that is accepted: each 2 MiB of a body give an exchange one second more than timeout_s."""
REQUESTS_AN_ADDRESS: Final = 20  # far below the plan's limit of 100, so two runs may share an address by chance


class Client:
    """Sends requests to the hosts that an environment names. One per process; not for several threads."""

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
        """Create a client. It connects when it sends the first request.

        run: prefix of every request id; worker_version: the version of the Worker to ask for; show_values: messages may
        quote the content of successful answers.
        """
        self._environment, self._recorder, self._rate_limiter = environment, recorder, rate_limiter
        self._kill_switch, self._run = kill_switch, run
        self._show_values = show_values
        self._identity = IdentityVerifier(environment, worker_version)
        self._kept_connections = KeptConnections()
        self._deadline = Deadline()
        self._patience = Patience()
        self._numbers = itertools.count(1)
        self._client = self._new_client()
        self._http2_client: httpx.Client | None = None
        self._unkept_client: httpx.Client | None = None
        self._address_base = secrets.randbelow(1 << 17)
        self.markers = AccountMarkers()
        self.requests = 0
        self.worker_versions: set[str] = set()
        """All versions of the Worker that answered, also those whose exchanges a long run dropped."""

    def send(self, request: Request) -> Answer:
        """Send a request once and return the answer, whatever its status.

        A refused connection is tried once more, which the exchange records. An unexpected 429 is waited out, at most
        RETRY_AFTER_CAP_S seconds each and RATE_LIMIT_TRIES times.

        Raises, before anything is sent, Refused and Stopped. Raises Unreachable, RateLimited, IdentityMismatch if
        another system or version answered, and CheckFailed if an established connection broke, timed out or sent more
        than request.max_bytes.
        """
        for _ in range(RATE_LIMIT_TRIES):
            answer = self._send_once(request)
            if answer.status != 429 or request.expects_429:
                return answer
            self._recorder.rate_limited += 1
            delay = _retry_after(answer.headers.get("retry-after"))
            if self._rate_limiter:
                self._rate_limiter.hold(delay)
            else:
                time.sleep(delay)
        raise RateLimited(
            f"429 from {answer.source}, {RATE_LIMIT_TRIES} times, although the run waited as Retry-After says. "
            f"Lower the budget of {self._environment.name} in environments.toml, or wait until other traffic ends."
        )

    def hold(self, answer: Answer) -> None:
        """Delay the next requests of all processes as the Retry-After of an expected 429 says."""
        if self._rate_limiter:
            self._rate_limiter.hold(_retry_after(answer.headers.get("retry-after")))

    def follow(self, answer: Answer) -> Answer:
        """Follow one redirect. Raises Refused if it leads to a host that the environment does not name."""
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
        """Prepare a request that the caller sends itself, and return the headers that every request has.

        Takes a place in the request budget. Raises Refused if the environment does not name the host; Stopped.
        """
        self._environment.allowed.permit(request.url)
        self._kill_switch.check()
        if self._rate_limiter:
            self._recorder.paced_s += self._rate_limiter.wait()
        request_id = f"{self._run}-{next(self._numbers)}"
        self.requests += 1
        return self._own_headers(request.system, request_id)

    def handshake_ms(self, url: str) -> float:
        """Return the shortest of three TCP handshakes with the URL's host, in ms: the network's share of a latency.

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
                raise Unreachable(f"{base_url(url)} cannot be reached: {error}") from None
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
            transport=DeadlineTransport(
                self._deadline,
                verify=_tls(environment),  # one per client: httpx writes the offered protocols into the context
                http2=http2,
                # workerd closes a connection after 5 s without a request: a request sent at that moment would be lost.
                limits=httpx.Limits(max_connections=20, max_keepalive_connections=kept, keepalive_expiry=3),
            ),
            headers={"user-agent": "cutover", "accept": "*/*"},
        )

    def _client_for(self, request: Request) -> httpx.Client:
        """Return the httpx client for this kind of request. Two of the three are created on first use.

        HTTP/2 has its own client, so that all other checks use one known protocol. If workerd runs on this machine,
        each unsafe request gets a new connection: workerd has one thread, and while it computes, the 5 s timeout of a
        kept connection continues, so it may close a connection on which a request is already waiting.
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
        if self._rate_limiter and not request.expects_429:
            self._recorder.paced_s += self._rate_limiter.wait()
        request_id = f"{self._run}-{next(self._numbers)}"
        if note := self._kept_connections.surplus(request):
            self._recorder.notes.append(note)
        response, body, elapsed, retries = self._exchange(request, request_id)
        answer = Answer(
            request,
            request_id,
            response.status_code,
            response.headers,
            body,
            elapsed,
            self._identity.version(request.system, response.headers),
            self._show_values,
            response.http_version,
        )
        self._kept_connections.remember(request, response)
        self._record(request, request_id, elapsed, answer=answer, retries=retries)
        self._identity.verify(answer)
        self.markers.search(request, answer, self._recorder)
        return answer

    def _exchange(self, request: Request, request_id: str) -> tuple[httpx.Response, bytes, float, int]:
        """Return the response, its decoded body, the seconds it took, and the number of connection retries."""
        headers = {**self._own_headers(request.system, request_id), **request.headers}
        files = dict(request.parts) if request.parts else None
        limit_s = timeout_s = request.timeout_s or self._environment.timeout_s
        polled = request.timeout_s is not None  # a poll has its own limit, and is repeated on purpose
        if not polled:
            limit_s = self._patience.seconds(request.system, request.operation, timeout_s)
        retries = resent = 0
        client = self._client_for(request)
        while True:
            client.cookies.clear()  # accounts share this client: a session cookie of one must not serve another
            started = time.perf_counter()
            try:
                built = client.build_request(
                    request.method,
                    request.url,
                    headers=headers,
                    json=request.json,
                    content=request.content,
                    files=files,
                    timeout=httpx.Timeout(limit_s, connect=min(CONNECT_S, timeout_s)),
                )
                sent = int(built.headers.get("content-length", 0))
                self._deadline.start(limit_s + sent / BYTES_PER_S)
                response = client.send(built, stream=True)
                body = self._body(request, response)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                if retries == 0:
                    retries = 1
                    continue
                self._record(request, request_id, time.perf_counter() - started, error=error, retries=retries)
                raise Unreachable(self._unreachable(request, error)) from None
            except (httpx.RemoteProtocolError, httpx.ReadError) as error:
                # Bytes that are no HTTP answer may be left over from the previous answer on this connection. With
                # workerd on this machine, a reset connection may have the reason that _client_for explains.
                before = self._kept_connections.forget(request)
                explained = isinstance(error, httpx.RemoteProtocolError) or self._environment.local_runtime
                if before and explained and resent == 0 and request.method in SAFE_METHODS:
                    resent = 1
                    self._recorder.notes.append(f"broken keep-alive after {before}: {error}; request sent again")
                    continue
                self._record(request, request_id, time.perf_counter() - started, error=error, retries=retries)
                raise self._broken(request, request_id, error, before) from None
            except (httpx.HTTPError, CheckFailed) as error:
                taken = time.perf_counter() - started
                self._record(request, request_id, taken, error=error, retries=retries)
                if not polled and isinstance(error, (httpx.TimeoutException, CheckFailed)):
                    self._patience.incomplete(
                        request.system, request.operation, taken, limit_s=limit_s, timeout_s=timeout_s
                    )
                if isinstance(error, CheckFailed):
                    raise
                raise self._broken(request, request_id, error, None) from None
            return response, body, time.perf_counter() - started, retries

    def _body(self, request: Request, response: httpx.Response) -> bytes:
        """Return the decoded body. Raises CheckFailed if it has more than request.max_bytes."""
        pieces, size = [], 0
        try:
            for piece in response.iter_bytes():
                pieces.append(piece)
                size += len(piece)
                self._deadline.extend(len(piece) / BYTES_PER_S)
                if size > request.max_bytes:
                    pieces.clear()  # a report keeps the frames of its exception
                    raise CheckFailed(
                        f"answer-too-large:{request.operation}",
                        expected=f"an answer of at most {request.max_bytes >> 20} MiB after decoding",
                        got=f"status {response.status_code} and more than {size >> 20} MiB; the rest was not read",
                        source=f"{request.system} {request.method} {request.url.partition('?')[0]}",
                        do_next="request the address with curl and see what it sends: no list or file is that large",
                    )
        finally:
            response.close()
        return b"".join(pieces)

    def _unreachable(self, request: Request, error: Exception) -> str:
        cause = " (the certificate was not accepted)" if "CERTIFICATE_VERIFY_FAILED" in str(error) else ""
        return redact(
            f"{request.system} at {base_url(request.url)} cannot be reached{cause}: "
            f"{error or type(error).__name__}. Tried twice. "
            f"Check that it is running and that environments.toml [{self._environment.name}] has its address."
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
            do_next="search the system's log for this request id: it accepted the connection and then broke it",
        )

    def _own_headers(self, system: str, request_id: str) -> dict[str, str]:
        return {
            "x-request-id": request_id,
            **self._identity.version_override(system),
            **self._client_address(system),
        }

    def _client_address(self, system: str) -> dict[str, str]:
        """Return another client address every few requests, if the runtime trusts it.

        The addresses are from 198.18.0.0/15, reserved for benchmarks (RFC 2544).
        """
        if system != "worker" or not self._environment.poses_as_clients:
            return {}
        number = self._address_base + self.requests // REQUESTS_AN_ADDRESS
        return {"cf-connecting-ip": f"198.{18 + (number >> 16) % 2}.{(number >> 8) % 256}.{number % 256}"}

    def _record(
        self,
        request: Request,
        request_id: str,
        elapsed: float,
        *,
        answer: Answer | None = None,
        error: Exception | None = None,
        retries: int = 0,
    ) -> None:
        """Record one exchange. elapsed: seconds."""
        self.requests += 1
        # The version of another name is not a second version of this deployment: its check compares it.
        version = answer.version if answer and not request.of_name else None
        if request.system == "worker" and version is not None:
            self.worker_versions.add(version)
        self._recorder.exchanges.append(
            Exchange(
                request_id,
                request.system,
                request.operation,
                request.method,
                redact(urlsplit(request.url).path),
                answer.status if answer else None,
                round(elapsed * 1000, 2),
                version,
                retries,
                redact(f"{type(error).__name__}: {error}") if error else None,
            )
        )


def new_run_id() -> str:
    """Return a short random id of a run, the prefix of its request ids and of its test data."""
    return secrets.token_hex(4)


def _tls(environment: Environment) -> ssl.SSLContext:
    """Return a context with the system's certificate authorities, or those of ca_file.

    If every address is plain loopback, return one without authorities, which is created 30 ms faster.
    """
    if environment.ca_file:
        return ssl.create_default_context(cafile=environment.ca_file)
    urls = (*(system.url for system in environment.systems.values()), *environment.names)
    if not any(url.startswith("https:") for url in urls):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return ssl.create_default_context()


def _retry_after(value: str | None) -> float:
    """Return the seconds to wait. A missing value, an HTTP date and invalid text count as the default."""
    if value is not None and value.isascii() and value.isdigit():
        return min(float(value), RETRY_AFTER_CAP_S)
    return DEFAULT_RETRY_AFTER_S
