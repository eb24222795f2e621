"""Read access logs in JSON lines: by configured keys, by the keys of a known server, or by common names.

Known are Caddy, Traefik, Cloudflare Logpush and Workers, ECS (Elastic), nginx, CloudFront, Google Cloud and Logstash.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from cutover.config.operations import follow_pointer
from cutover.parity.replay.access_log import read_combined, read_request_line
from cutover.parity.replay.recorded import NotReadable, Recorded, read_request, read_status, spelled


@dataclass(frozen=True)
class LineKeys:
    """The keys of a JSON line, or JSON pointers if they begin with a slash. None: of the server, or the common name.

    request: a whole request line ("GET /x HTTP/1.1"), read if method or path is missing. query: without the path, if
    it is in a field of its own.
    """

    identity: str | None = None
    method: str | None = None
    path: str | None = None
    status: str | None = None
    request: str | None = None
    query: str | None = None
    host: str | None = None


@dataclass(frozen=True)
class Dialect:
    """The keys that one server writes. A line belongs to it if it has all keys of `sign`."""

    name: str
    sign: tuple[str, ...]
    keys: LineKeys


COMMON: Final = LineKeys("user", "method", "path", "status", "request", "query")
"""Names that are tried if neither the identities file nor a dialect names a key. A host is never guessed: "host" is
often the name of the machine that wrote the line.
"""
DIALECTS: Final = (
    # https://caddyserver.com/docs/caddyfile/directives/log
    Dialect(
        "Caddy", ("/request/method", "/request/uri"),
        LineKeys("user_id", "/request/method", "/request/uri", host="/request/host"),
    ),
    # https://doc.traefik.io/traefik/observe/logs-and-access-logs/
    Dialect(
        "Traefik", ("RequestMethod", "RequestPath"),
        LineKeys("ClientUsername", "RequestMethod", "RequestPath", "DownstreamStatus", host="RequestHost"),
    ),
    # https://developers.cloudflare.com/logs/logpush/logpush-job/datasets/zone/http_requests/
    Dialect(
        "Cloudflare Logpush", ("ClientRequestMethod",),
        LineKeys(
            method="ClientRequestMethod", path="ClientRequestURI", status="EdgeResponseStatus",
            host="ClientRequestHost",
        ),
    ),
    # https://developers.cloudflare.com/logs/logpush/logpush-job/datasets/account/workers_trace_events/
    Dialect(
        "Cloudflare Workers Logpush", ("/Event/Request/Method", "/Event/Request/URL"),
        LineKeys(method="/Event/Request/Method", path="/Event/Request/URL", status="/Event/Response/Status"),
    ),
    Dialect(
        "wrangler tail", ("/event/request/method", "/event/request/url"),
        LineKeys(method="/event/request/method", path="/event/request/url", status="/event/response/status"),
    ),
    # https://www.elastic.co/docs/reference/ecs/ecs-url: `original` is the request target or the whole URL
    Dialect(
        "ECS", ("/http/request/method", "/url/original"),
        LineKeys(
            "/user/name", "/http/request/method", "/url/original", "/http/response/status_code", host="/url/domain"
        ),
    ),
    Dialect(
        "ECS", ("/http/request/method", "/url/path"),
        LineKeys(
            "/user/name", "/http/request/method", "/url/path", "/http/response/status_code", query="/url/query",
            host="/url/domain",
        ),
    ),
    Dialect(
        "ECS with dots", ("http.request.method", "url.original"),
        LineKeys("user.name", "http.request.method", "url.original", "http.response.status_code", host="url.domain"),
    ),
    Dialect(
        "ECS with dots", ("http.request.method", "url.path"),
        LineKeys(
            "user.name", "http.request.method", "url.path", "http.response.status_code", query="url.query",
            host="url.domain",
        ),
    ),
    # https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage
    Dialect(
        "Envoy", ("method", "path", "response_code"),
        LineKeys(method="method", path="path", status="response_code", host=":authority"),
    ),
    Dialect(
        "Envoy", ("method", "x-envoy-origin-path", "response_code"),
        LineKeys(method="method", path="x-envoy-origin-path", status="response_code", host=":authority"),
    ),
    # https://nginx.org/en/docs/varindex.html: log_format … escape=json, with the names of the variables as keys
    Dialect(
        "nginx", ("request_method", "request_uri"),
        LineKeys("remote_user", "request_method", "request_uri", host="http_host"),
    ),
    Dialect(
        "nginx", ("request_method", "uri"),
        LineKeys("remote_user", "request_method", "uri", query="args", host="http_host"),
    ),
    Dialect("nginx", ("remote_user", "request"), LineKeys("remote_user", host="http_host")),
    # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logs-reference.html
    Dialect(
        "CloudFront", ("cs-method", "cs-uri-stem"),
        LineKeys(
            method="cs-method", path="cs-uri-stem", status="sc-status", query="cs-uri-query", host="x-host-header"
        ),
    ),
    # https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry#HttpRequest
    Dialect(
        "Google Cloud", ("/httpRequest/requestMethod", "/httpRequest/requestUrl"),
        LineKeys(
            method="/httpRequest/requestMethod", path="/httpRequest/requestUrl", status="/httpRequest/status"
        ),
    ),
    # Logstash's COMBINEDAPACHELOG
    Dialect("Logstash", ("verb", "request", "httpversion"), LineKeys("auth", "verb", "request", "response")),
)  # fmt: skip
_QUERY_NAMES: Final = (
    "query", "querystring", "query_string", "queryString", "QueryString", "Query", "args", "search", "url_query",
    "uri_query", "cs-uri-query", "request_query",
)  # fmt: skip
"""Names of fields that contain the query of the path in the same object."""


def read_json(number: int, line: bytes, keys: LineKeys) -> Recorded:
    """Return the request of one JSON line. Raises NotReadable."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        raise NotReadable("it is not JSON") from None
    if not isinstance(row, dict):
        raise NotReadable("it is not a JSON object")
    if isinstance(row.get("log"), str) and "stream" in row:  # Docker's driver json-file: the line of the program
        inner = row["log"].rstrip("\r\n").encode("utf-8", "replace")
        return read_json(number, inner, keys) if inner.startswith(b"{") else read_combined(number, inner)
    if _is_message(row):
        return Recorded(number, "", "", no_http=True)
    keys = _effective(row, keys)
    identity = _identity(_at(row, keys.identity))
    status = read_status(_at(row, keys.status))
    host = _at(row, keys.host)
    host = host if isinstance(host, str) and host != "-" else ""
    method, path = _at(row, keys.method), _at(row, keys.path)
    if method is None or path is None:
        request = _at(row, keys.request)
        if not isinstance(request, str):
            raise NotReadable("it has no method or no path")
        _refuse_unread_query(row, keys.request, keys.query, request)
        return read_request_line(number, request, identity, status, host=host)
    if not isinstance(method, str) or not isinstance(path, str):
        raise NotReadable("its method or its path is not a text")
    query = _query(_at(row, keys.query))
    if not query:
        _refuse_unread_query(row, keys.path, keys.query, path)
    return read_request(number, spelled(method), path, identity=identity, status=status, host=host, query=query)


def _is_message(row: Mapping[str, Any]) -> bool:
    """Return True for a message of Caddy about itself. By default it writes them to the same file as the requests."""
    logger = row.get("logger", "")
    return (
        {"level", "ts", "msg"} <= row.keys()
        and "request" not in row
        and isinstance(logger, str)
        and not logger.startswith("http.log.access")
        and not {"method", "path", "uri", "url"} & row.keys()
    )


def _effective(row: Mapping[str, Any], keys: LineKeys) -> LineKeys:
    """Return the keys for this line: as configured, else of its dialect, else the common names.

    If method, path or request is configured, the other two and the query are not taken from the dialect.
    """
    own = any(key is not None for key in (keys.method, keys.path, keys.request))
    dialect = next((each.keys for each in DIALECTS if all(_at(row, key) is not None for key in each.sign)), LineKeys())
    found: dict[str, str | None] = {}
    for name, configured in vars(keys).items():
        of_dialect = None if own and name in ("method", "path", "request", "query") else getattr(dialect, name)
        found[name] = next((key for key in (configured, of_dialect, getattr(COMMON, name)) if key is not None), None)
    return LineKeys(**found)


def _refuse_unread_query(row: Mapping[str, Any], place: str | None, read: str | None, target: str) -> None:
    """Raise NotReadable if a field next to the target contains a query that is not read.

    Without its query another request would be sent and counted as compared.
    """
    if place is None or "?" in target:
        return
    holder, separator, _ = place.rpartition("/" if place.startswith("/") else ".")
    for name in _QUERY_NAMES:
        key = f"{holder}{separator}{name}"
        if key != read and _at(row, key) not in (None, "", "-", "?", {}, []):
            raise NotReadable("its query is in a field of its own: name it in keys.query of the identities file")


def _query(value: Any) -> str:
    """Return the query in a field, without the question mark. A table of parameters is encoded."""
    if value is None:
        return ""
    if isinstance(value, Mapping):
        lists = {name: each if isinstance(each, list) else [each] for name, each in value.items()}
        if all(isinstance(each, (str, int)) and not isinstance(each, bool) for row in lists.values() for each in row):
            return urlencode(lists, doseq=True, errors="surrogatepass")
    if not isinstance(value, str):
        raise NotReadable("its query is neither a text nor a table of texts")
    return "" if value == "-" else value.removeprefix("?")


def _at(row: Mapping[str, Any], key: str | None) -> Any:
    if key is None:
        return None
    if not key.startswith("/"):
        return row.get(key)
    try:
        return follow_pointer(row, key)
    except KeyError:
        return None


def _identity(value: Any) -> str | None:
    if value is None or value in ("", "-"):
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise NotReadable("its identity is neither a text nor an integer")
    return str(value)


def is_json_line(line: bytes) -> bool | None:
    """Return True for the first line of a JSON log, False for a HAR in one line, None if it is no JSON object."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict) or not row or not line.startswith(b"{"):
        return None
    log = row.get("log")
    return not (isinstance(log, dict) and isinstance(log.get("entries"), list))
