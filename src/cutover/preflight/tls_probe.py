"""Connect to one address of a name: TLS handshakes, the certificates, one response over https, two over http."""

from __future__ import annotations

import re
import socket
import ssl
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

from cutover.core.safety import KillSwitch
from cutover.preflight.dns_names import UsedName
from cutover.preflight.tls_certificates import Certificate, read_certificate
from cutover.preflight.tls_hello import OLD_VERSIONS, accepts_version

REDIRECTED_PATHS: Final = ("/", "/preflight/a%20b?x=1&y=a%26b%2Fc")
"""Path and query of the requests over http. The second has escapes, which a redirect must not change."""

_NO_CHECK_TIME: Final = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL."""
TIME_CODES: Final = (9, 10)
"""X509_V_ERR_CERT_NOT_YET_VALID and _HAS_EXPIRED."""
_HEAD_LIMIT: Final = 65_536
_STATUS: Final = re.compile(rb"HTTP/1\.[01] (\d{3})(?: |\r|$)")


@dataclass(frozen=True)
class HttpHead:
    """The head of a response. headers: names in lower case, in order; equal names are not joined."""

    status: int
    headers: tuple[tuple[str, str], ...]

    def all(self, name: str) -> list[str]:
        """Return the values of each header of that name."""
        return [value for key, value in self.headers if key == name]


@dataclass
class TlsProbe:
    """Everything that one address of a name showed.

    refused: why no TCP connection was established, "" if one was. old: old version -> True if it is accepted, None if
    the server did not react; not_offered: old version -> why it could not be offered. negotiated: the version of a
    normal handshake, "" if it failed; failed: why it failed. offers_1_2: the server accepts TLS 1.2. sent: certificates
    that the server sends, in DER form; unreadable: why they cannot be read, "" if they can. leaf, others: the same as
    data. trust_code, trust_error: OpenSSL's verdict about the chain without its dates, 0 if it is trusted, None if no
    connection verified it. is_dated: the dates break it. https: the response over https. http: path -> response over
    http, or why there is none. waited: durations of the connections in s.
    """

    used: UsedName
    address: str
    port: int
    refused: str = ""
    old: dict[str, bool | None] = field(default_factory=dict)
    not_offered: dict[str, str] = field(default_factory=dict)
    negotiated: str = ""
    failed: str = ""
    offers_1_2: bool | None = None
    sent: tuple[bytes, tuple[bytes, ...] | None] | None = None
    unreadable: str = ""
    leaf: Certificate | None = None
    others: tuple[Certificate, ...] | None = None
    trust_code: int | None = None
    trust_error: str = ""
    is_dated: bool = False
    https: HttpHead | str = "not asked"
    http: dict[str, HttpHead | str] = field(default_factory=dict)
    waited: list[float] = field(default_factory=list)

    @property
    def place(self) -> str:
        """Return host, address and port, for messages."""
        shown = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.used.host} ({shown}:{self.port})"


@dataclass(frozen=True)
class ProbeLimits:
    """The ports and the time of a probe. ca_file: certificate authorities in place of the system's."""

    port: int
    http_port: int
    timeout_s: float
    ca_file: str | None


def probe(
    used: UsedName, address: str, limits: ProbeLimits, kill_switch: KillSwitch, pool: ThreadPoolExecutor
) -> Callable[[], TlsProbe]:
    """Start all connections to the address. Return a function that waits for them and returns what they showed."""
    found = TlsProbe(used, address, limits.port)

    def measured(function: Callable[..., None], *args: object) -> None:
        kill_switch.check()
        started = time.perf_counter()
        try:
            function(found, limits, *args)
        finally:
            found.waited.append(time.perf_counter() - started)

    pending = [pool.submit(measured, function) for function in (_normal, _offer_1_2, _verify)]
    pending += [pool.submit(measured, _offer_old, name) for name in OLD_VERSIONS]
    pending += [pool.submit(measured, _plain, path) for path in REDIRECTED_PATHS]

    def wait() -> TlsProbe:
        for future in pending:
            future.result()
        _read_certificates(found)
        return found

    return wait


def _normal(found: TlsProbe, limits: ProbeLimits) -> None:
    """Negotiate as a browser does, without trust, and send one request: certificates and headers."""
    context = _context(limits.ca_file, verify=False)
    context.set_alpn_protocols(["http/1.1"])
    try:
        plain = socket.create_connection((found.address, limits.port), timeout=limits.timeout_s)
    except OSError as error:
        found.refused = _words(error)
        return
    try:
        with context.wrap_socket(plain, server_hostname=found.used.host) as secure:
            found.negotiated = _version_name(secure.version())
            found.sent = _chain(secure)
            found.https = request_head(secure, found.used.authority, "/", limits.timeout_s)
    except OSError as error:  # SSLError is one
        if found.negotiated:
            found.https = _words(error)
        else:
            found.failed = _words(error)
    finally:
        plain.close()


def _chain(secure: ssl.SSLSocket) -> tuple[bytes, tuple[bytes, ...] | None] | None:
    """Return the server's certificate and, if Python can tell, the others that it sends, in DER form."""
    leaf = secure.getpeercert(binary_form=True)
    if leaf is None:
        return None
    # Python 3.13 has this method; before, only the object below the socket has it.
    whole: Any = getattr(secure, "get_unverified_chain", None)
    whole = whole or getattr(getattr(secure, "_sslobj", None), "get_unverified_chain", None)
    if whole is None:
        return leaf, None
    chain = [each if isinstance(each, bytes) else ssl.PEM_cert_to_DER_cert(each.public_bytes()) for each in whole()]
    return leaf, tuple(chain[1:])


def _read_certificates(found: TlsProbe) -> None:
    """Read the certificates. Not in a thread of the pool, because filters of warnings belong to the whole process."""
    if found.sent is None:
        return
    leaf, others = found.sent
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # cryptography warns of certificates that later versions refuse
        try:
            found.leaf = read_certificate(leaf)
            found.others = None if others is None else tuple(read_certificate(each) for each in others)
        except ValueError as error:
            found.unreadable = str(error) or type(error).__name__


def _offer_1_2(found: TlsProbe, limits: ProbeLimits) -> None:
    context = _context(limits.ca_file, verify=False)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        with (
            socket.create_connection((found.address, limits.port), timeout=limits.timeout_s) as plain,
            context.wrap_socket(plain, server_hostname=found.used.host),
        ):
            found.offers_1_2 = True
    except ssl.SSLError:
        found.offers_1_2 = False
    except OSError:
        found.offers_1_2 = None


def _offer_old(found: TlsProbe, limits: ProbeLimits, name: str) -> None:
    address = (found.address, limits.port)
    try:
        found.old[name] = accepts_version(address, found.used.host, OLD_VERSIONS[name], limits.timeout_s)
    except OSError as error:
        found.not_offered[name] = _words(error)


def _verify(found: TlsProbe, limits: ProbeLimits) -> None:
    """Note OpenSSL's verdict about the chain; of a chain with an expired certificate also that without its dates."""
    for flags in (0, _NO_CHECK_TIME):
        context = _context(limits.ca_file, verify=True)
        context.verify_flags |= ssl.VerifyFlags(flags)
        try:
            with (
                socket.create_connection((found.address, limits.port), timeout=limits.timeout_s) as plain,
                context.wrap_socket(plain, server_hostname=found.used.host),
            ):
                found.trust_code, found.trust_error = 0, ""
                return
        except ssl.SSLCertVerificationError as error:
            found.trust_code, found.trust_error = error.verify_code, error.verify_message
            if error.verify_code not in TIME_CODES:
                return
            found.is_dated = True
        except OSError as error:
            found.trust_code, found.trust_error = None, _words(error)
            return


def _plain(found: TlsProbe, limits: ProbeLimits, path: str) -> None:
    try:
        with socket.create_connection((found.address, limits.http_port), timeout=limits.timeout_s) as connection:
            found.http[path] = request_head(connection, found.used.host, path, limits.timeout_s)
    except OSError as error:
        found.http[path] = _words(error)


def request_head(connection: socket.socket, host: str, path: str, timeout_s: float) -> HttpHead | str:
    """Send a GET request and return the head of its response, or why there is none. Bounded in time and size."""
    lines = (
        f"GET {path} HTTP/1.1",
        f"Host: {host}",
        "User-Agent: cutover-preflight",
        "Accept: */*",
        "Connection: close",
    )
    connection.sendall("\r\n".join((*lines, "", "")).encode("ascii"))
    deadline = time.monotonic() + timeout_s
    data = b""
    while b"\r\n\r\n" not in data:
        left = deadline - time.monotonic()
        if left <= 0 or len(data) > _HEAD_LIMIT:
            return "no complete response head" + (f" in {timeout_s:g} s" if left <= 0 else " in 64 KiB")
        connection.settimeout(left)
        try:
            part = connection.recv(8192)
        except TimeoutError:
            continue
        if not part:
            return "the connection ended before a response"
        data += part
    first, *rest = data.partition(b"\r\n\r\n")[0].split(b"\r\n")
    status = _STATUS.match(first)
    if status is None:
        return f"no HTTP response: {first[:40]!r}"
    pairs = (line.partition(b":") for line in rest)
    headers = tuple((n.strip().lower().decode("latin-1"), v.strip().decode("latin-1")) for n, _, v in pairs)
    return HttpHead(int(status[1]), headers)


def _context(ca_file: str | None, *, verify: bool) -> ssl.SSLContext:
    if verify:
        context = ssl.create_default_context(cafile=ca_file)
        context.check_hostname = False  # the name is judged by itself
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # certificates that are not trusted are read too
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _version_name(version: str | None) -> str:
    """Return "TLS 1.3" for OpenSSL's "TLSv1.3"."""
    return (version or "").replace("TLSv", "TLS ")


def _words(error: OSError) -> str:
    """Return a short text for an error of a connection."""
    if isinstance(error, TimeoutError):
        return "no reaction in time"
    if isinstance(error, ssl.SSLError):
        return (error.reason or str(error)).lower().replace("_", " ")
    return (error.strerror or str(error)).lower()
