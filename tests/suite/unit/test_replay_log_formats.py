"""Tests of the log formats: one table of lines as servers write them, and the recordings found in the field."""

import bz2
import gzip
import json
import lzma
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutover.config.environments import load_environment
from cutover.config.validation import ConfigurationError, root
from cutover.parity.replay.access_log import read_combined, without_prefix
from cutover.parity.replay.hosts import normalized_host
from cutover.parity.replay.identities import load_identities
from cutover.parity.replay.json_log import LineKeys
from cutover.parity.replay.recorded import BrokenLine, NotReadable, Recorded, read_request, read_status
from cutover.parity.replay.recording import Recording

pytestmark = pytest.mark.unit

SAMPLES = Path(__file__).parent / "samples" / "recordings"
LIST = "/api/list_cutter/list_saved_files/"
COLUMNS = "/api/list_cutter/columns/6f1e1e1e-1111-4111-8111-111111111111/"
HOST = "list-cutter.com"
TIME = "[10/Oct/2024:13:55:36 +0000]"
TAIL = '200 120 "-" "curl/8"'
CLOUDFRONT = (
    "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status "
    "cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header "
    "cs-protocol\n"
    "2024-10-10\t13:55:36\tFRA2\t120\t192.0.2.1\tGET\td111.cloudfront.net\t/x\t{status}\t-\tcurl/8\ty=1\t-\tMiss\tid\t"
    "list-cutter.com\t{protocol}\n"
)
ALB = (
    "{kind} 2024-10-10T13:55:36.186641Z app/lb/50dc 192.0.2.1:2817 10.0.0.1:80 0.086 0.048 0.037 {status} 200 "
    '0 57 "{request}" "curl/7.46.0" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:x "Root=1-5" "list-cutter.com" '
    '"arn" 1 2024-10-10T13:55:36.184000Z "authenticate,forward" "-" "-" "10.0.0.1:80" "200" "-" "-" TID_1'
)


def read(
    file: Path, keys: LineKeys | None = None, header: str | None = None
) -> tuple[str, list[Recorded | BrokenLine]]:
    """Return the detected format and the lines of a recording, without empty lines."""
    recording = Recording(file, form=None, keys=keys or LineKeys(), header=header)
    found = [recording.read(number, raw) for number, raw in recording.raw()]
    return recording.form, [each for each in found if each is not None]


def wanted(
    path: str = "/x", query: str = "y=1", identity: str | None = "ann", status: int | None = 200, host: str = "",
    method: str = "GET",
) -> Recorded:  # fmt: skip
    """Return the expected request of a line with number 1."""
    return Recorded(1, method, path, query, identity, status, host)


REQUEST = '"GET /x?y=1 HTTP/1.1"'
TEXT_LINES = {
    "Apache common": (f"192.0.2.1 - ann {TIME} {REQUEST} 200 120", wanted()),
    "Apache combined": (f'192.0.2.1 - ann {TIME} {REQUEST} 200 120 "https://a.example/" "M (X)"', wanted()),
    "Apache combined and times": (f'192.0.2.1 - ann {TIME} {REQUEST} {TAIL} 12 "x" y', wanted()),
    "Apache vhost_combined": (f"{HOST}:443 192.0.2.1 - ann {TIME} {REQUEST} {TAIL}", wanted(host=HOST)),
    "Apache vhost_common": (f"{HOST} 192.0.2.1 - - {TIME} {REQUEST} 304 -",
                           wanted(identity=None, status=304, host=HOST)),
    "virtual host on another port": (f"{HOST}:8443 192.0.2.1 - a b {TIME} {REQUEST} {TAIL}",
                                     wanted(identity="a b", host=f"{HOST}:8443")),
    "virtual host, no client": (f"{HOST}:443  - ann {TIME} {REQUEST} {TAIL}", wanted(host=HOST)),
    "proxy's address in front": (f"192.0.2.1 10.0.0.1 - ann {TIME} {REQUEST} {TAIL}", wanted()),
    "list of addresses": (f"192.0.2.1, 10.0.0.1 - ann {TIME} {REQUEST} {TAIL}", wanted()),
    "list of addresses in quotes": (f'"192.0.2.1, 10.0.0.1" - ann {TIME} {REQUEST} {TAIL}', wanted()),
    "machine's name in front": (f"web1 192.0.2.1 - ann {TIME} {REQUEST} {TAIL}", wanted()),
    "nginx": (f"2001:db8::7 - - {TIME} {REQUEST} {TAIL}", wanted(identity=None)),
    "nginx ingress": (f"192.0.2.1 - ann {TIME} {REQUEST} {TAIL} 512 0.004 [ns-web-80] [] 10.0.0.1:80 120 0.004 200 x",
                      wanted()),
    "nginx with forwarded addresses": (f'192.0.2.1 - ann {TIME} {REQUEST} {TAIL} "192.0.2.9, 10.0.0.1"', wanted()),
    "nginx without a user": (f"192.0.2.1 - {TIME} {REQUEST} {TAIL}", wanted(identity=None)),
    "nginx with ISO times": (f"192.0.2.1 - ann [2024-10-10T13:55:36+00:00] {REQUEST} {TAIL}", wanted()),
    "nginx 000": (f'192.0.2.1 - ann {TIME} {REQUEST} 000 0 "-" "-"', wanted(status=None)),
    "gunicorn": (f"192.0.2.1 - ann {TIME} {REQUEST} {TAIL}", wanted()),
    "gunicorn on a Unix socket": (f" - ann {TIME} {REQUEST} {TAIL}", wanted()),
    "gunicorn without status": (f'192.0.2.1 - ann {TIME} {REQUEST} - 0 "-" "-"', wanted(status=None)),
    "empty status": (f'192.0.2.1 - ann {TIME} {REQUEST}  120 "-" "-"', wanted(status=None)),
    "Traefik": (f'192.0.2.1 - ann {TIME} "GET /x?y=1 HTTP/2.0" 200 120 "-" "-" 7 "w@docker" "http://10.0.0.1:80" 3ms',
                wanted()),
    "Traefik without status": (f'192.0.2.1 - ann {TIME} {REQUEST} 0 0 "-" "-" 7 "w@docker" "-" 3ms',
                               wanted(status=None)),
    "absolute target": (f'192.0.2.1 - ann {TIME} "GET http://{HOST}:80/x?y=1 HTTP/1.1" {TAIL}', wanted(host=HOST)),
    "Django's runserver": ('[10/Oct/2024 13:55:36] "GET /x?y=1 HTTP/1.1" 200 12', wanted(identity=None)),
    "CONNECT": (f'192.0.2.1 - ann {TIME} "CONNECT a.example:443 HTTP/1.1" {TAIL}', wanted("/", "", method="CONNECT")),
    "WebSocket": (f'192.0.2.1 - ann {TIME} {REQUEST} 101 0 "-" "-"', wanted(status=101, method="WebSocket")),
}  # fmt: skip
PREFIXES = {
    "none": "",
    "RFC 3164, two digits": "Jul 18 13:55:36 web1 gunicorn[812]: ",
    "RFC 3164, one digit": "Jul  8 13:55:36 web1 gunicorn[812]: ",
    "RFC 3164, one digit and one space": "Jul 8 13:55:36 web1 gunicorn: ",
    "RFC 3164, nginx": "<190>Oct 10 13:55:36 web1 nginx: ",
    "RFC 5424": "<165>1 2024-10-10T13:55:36.003Z web1 gunicorn 812 ID47 - ",
    "RFC 5424 with data and BOM": '<165>1 2024-10-10T13:55:36Z web1 app - - [x@1 a="]\\""][y b="2"] \ufeff',
    "rsyslog, ISO time": "2024-10-10T13:55:36.123456+00:00 web1 gunicorn[812]: ",
    "Heroku": "2024-10-10T13:55:36.123456+00:00 app[web.1]: ",
    "Kubernetes CRI": "2024-10-10T13:55:36.123456789Z stdout F ",
    "kubectl logs --timestamps": "2024-10-10T13:55:36.123456789Z ",
    "docker compose": "web-1  | ",
}
JSON_LINES = {
    "common names": ({"user": "ann", "method": "GET", "path": "/x?y=1", "status": "200"}, wanted()),
    "query apart": ({"user": "ann", "method": "get", "path": "/x", "query": "?y=1", "status": 200}, wanted()),
    "table of parameters": ({"user": 7, "method": "GET", "path": "/x", "query": {"y": ["1"]}},
                            wanted(identity="7", status=None)),
    "whole request": ({"user": "ann", "request": "GET /x?y=1 HTTP/1.1", "status": 200}, wanted()),
    "Caddy": ({"ts": 1.5, "request": {"method": "GET", "host": "List-Cutter.com", "uri": "/x?y=1"}, "user_id": "ann",
               "status": 200}, wanted(host=HOST)),
    "Traefik": ({"ClientUsername": "ann", "RequestMethod": "GET", "RequestPath": "/x?y=1", "RequestHost": HOST,
                 "DownstreamStatus": 0}, wanted(status=None, host=HOST)),
    "Cloudflare Logpush": ({"ClientRequestMethod": "GET", "ClientRequestURI": "/x?y=1", "ClientRequestHost": HOST,
                            "EdgeResponseStatus": 200}, wanted(identity=None, host=HOST)),
    "Workers Logpush": ({"Event": {"Request": {"Method": "GET", "URL": f"https://{HOST}/x?y=1"},
                                   "Response": {"Status": 200}}}, wanted(identity=None, host=HOST)),
    "wrangler tail": ({"event": {"request": {"method": "GET", "url": f"https://{HOST}/x?y=1"},
                                 "response": {"status": 200}}}, wanted(identity=None, host=HOST)),
    "ECS": ({"http": {"request": {"method": "get"}, "response": {"status_code": 200}}, "user": {"name": "ann"},
             "url": {"path": "/x", "query": "y=1", "domain": HOST}, "log": {"file": {}}}, wanted(host=HOST)),
    "ECS with dots": ({"http.request.method": "GET", "url.original": f"https://{HOST}/x?y=1", "user.name": "ann",
                       "http.response.status_code": 200}, wanted(host=HOST)),
    "Envoy": ({"method": "GET", "path": "/x?y=1", "response_code": 200, ":authority": HOST},
              wanted(identity=None, host=HOST)),
    "message of Caddy": ({"level": "info", "ts": 1.5, "logger": "tls", "msg": "cleaning storage"},
                         Recorded(1, "", "", no_http=True)),
    "nginx": ({"remote_user": "ann", "request_method": "GET", "request_uri": "/x?y=1", "status": "200", "host": "web1"},
              wanted()),
    "nginx, arguments apart": ({"remote_user": "", "request_method": "GET", "uri": "/x", "args": "y=1", "status": "0"},
                               wanted(identity=None, status=None)),
    "nginx, whole request": ({"remote_user": "ann", "request": "GET /x?y=1 HTTP/1.1", "status": 200}, wanted()),
    "CloudFront": ({"cs-method": "GET", "cs-uri-stem": "/x", "cs-uri-query": "y=1", "sc-status": "200",
                    "x-host-header": HOST}, wanted(identity=None, host=HOST)),
    "Google Cloud": ({"httpRequest": {"requestMethod": "GET", "requestUrl": f"https://{HOST}/x?y=1", "status": 200}},
                     wanted(identity=None, host=HOST)),
    "Logstash": ({"auth": "ann", "verb": "GET", "request": "/x?y=1", "httpversion": "1", "response": "200"}, wanted()),
    "Docker's json-file": ({"log": f"192.0.2.1 - ann {TIME} {REQUEST} {TAIL}\n", "stream": "stdout"}, wanted()),
}  # fmt: skip


@pytest.mark.parametrize("name", TEXT_LINES)
def test_text_line_is_read(tmp_path: Path, name: str) -> None:
    """Each format of the table is detected and read, with and without the prefix of another program."""
    line, expected = TEXT_LINES[name]
    for prefix in PREFIXES.values():
        (tmp_path / "a.log").write_text(f"{prefix}{line}\n")
        assert read(tmp_path / "a.log") == ("combined", [expected]), prefix


USERS = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters='"\\[-') | st.just(" "), min_size=1
)


@given(
    USERS.filter(lambda user: user.strip() == user),
    st.sampled_from(["", f"{HOST}:443 ", f"{HOST} ", "web1 ", "10.0.0.9 "]),
    st.sampled_from(["192.0.2.1", "2001:db8::7", "-", "192.0.2.1, 10.0.0.1", ""]),
    st.sampled_from(sorted(PREFIXES.values())),
)
def test_host_user_and_prefix_are_separated(user: str, host: str, client: str, prefix: str) -> None:
    """Whatever precedes the timestamp, the user is the user and the host is the host."""
    line = f"{prefix}{host}{client} - {user} {TIME} {REQUEST} {TAIL}"
    found = read_combined(1, without_prefix(line.encode()))
    if host in ("", f"{HOST}:443 ") or client not in ("", "-"):
        assert (found.identity, found.host) == (user, HOST if HOST in host else "")


@pytest.mark.parametrize("name", JSON_LINES)
def test_json_line_is_read(tmp_path: Path, name: str) -> None:
    """Each server's keys are known, in a file whose name says nothing, and behind a prefix."""
    row, expected = JSON_LINES[name]
    (tmp_path / "a.log").write_text(f"{json.dumps(row)}\n")
    assert read(tmp_path / "a.log") == ("jsonl", [expected])
    (tmp_path / "b.log").write_text(f"<190>Oct 10 13:55:36 web1 nginx: {json.dumps(row)}\n")
    assert read(tmp_path / "b.log") == ("jsonl", [expected])


@pytest.mark.parametrize(
    ("kind", "status", "request_line", "expected"),
    [
        ("https", "200", f"GET https://{HOST}:443/x?y=1 HTTP/1.1", wanted(identity=None, host=HOST)),
        ("h2", "-", f"GET https://{HOST}:443/x?y=1 HTTP/2.0", wanted(identity=None, status=None, host=HOST)),
        ("ws", "101", "GET http://10.0.0.30:80/x HTTP/1.1", wanted("/x", "", None, 101, "10.0.0.30", "WebSocket")),
        ("http", "400", "- http://list-cutter.com:80- -", Recorded(1, "", "", status=400, no_http=True)),
    ],
)
def test_load_balancer_line_is_read(
    tmp_path: Path, kind: str, status: str, request_line: str, expected: Recorded
) -> None:
    """Lines of an Application Load Balancer are detected; a Classic one writes a shorter line."""
    (tmp_path / "a.log").write_text(ALB.format(kind=kind, status=status, request=request_line) + "\n")
    assert read(tmp_path / "a.log") == ("alb", [expected])
    if kind == "https":
        classic = (
            f'2024-10-10T13:55:36.9Z lb 192.0.2.1:2817 10.0.0.1:80 0.07 0.01 0.05 200 200 0 29 "{request_line}" "c" - -'
        )
        (tmp_path / "b.log").write_text(f"{classic}\n")
        assert read(tmp_path / "b.log") == ("alb", [expected])


def test_cloudfront_log_is_read(tmp_path: Path) -> None:
    """The line #Fields names the columns. 000 is no status, and the viewer's host counts."""
    (tmp_path / "a.log").write_text(CLOUDFRONT.format(status="000", protocol="https"))
    form, (line,) = read(tmp_path / "a.log")
    assert (form, line) == ("cloudfront", Recorded(3, "GET", "/x", "y=1", None, None, HOST))
    (tmp_path / "a.log.gz").write_bytes(gzip.compress(CLOUDFRONT.format(status="101", protocol="wss").encode()))
    assert [each.method for each in read(tmp_path / "a.log.gz")[1] if isinstance(each, Recorded)] == ["WebSocket"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (f"Jul 18 13:55:36 web1 192.0.2.1 - ann {TIME} {REQUEST} {TAIL}", "unknown prefix"),
        (f"Jul  8 13:55:36 web1 192.0.2.1 - ann {TIME} {REQUEST} {TAIL}", "unknown prefix"),
        (f"web1: 192.0.2.1 - ann {TIME} {REQUEST} {TAIL}", "unknown prefix"),
        ('{"method": "GET", "path": "/x", "query_string": "y=1"}', "query is in a field of its own"),
        ('{"method": "GET", "path": "/x?a=2", "query": "y=1"}', "different queries"),
        ('{"method": "GET", "path": "/x", "query": 1}', "neither a text nor a table"),
        ('{"ClientRequestMethod": "GET", "ClientRequestPath": "/x"}', "no method or no path"),
        ('{"method": "GET", "path": "/x", "status": true}', "status is not a number"),
        ('{"method": "GET", "path": "/x", "status": 42}', "not an HTTP status"),
        ("2024-10-10\t13:55:36\tFRA2\t120\t192.0.2.1\tGET\td.cloudfront.net\t/x\t200", "no line #Fields"),
    ],
)
def test_doubtful_line_is_broken(tmp_path: Path, line: str, reason: str) -> None:
    """A line that could be read in a wrong way is broken: it is never sent as another request."""
    (tmp_path / "a.log").write_text(f"{line}\n")
    (found,) = read(tmp_path / "a.log")[1]
    assert isinstance(found, BrokenLine)
    assert reason in found.reason


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lzma.compress(b"x"), "compressed as xz, and only gzip is read"),
        (bz2.compress(b"x"), "compressed as bzip2"),
        (b"\x28\xb5\x2f\xfd\x04\x58", "compressed as zstd"),
        (b"PK\x03\x04\x14\0", "compressed as zip"),
        (gzip.compress(lzma.compress(b"x"), mtime=0), "inside gzip, it is compressed as xz"),
        (gzip.compress(b"a" * 257 + b"ustar\x0000", mtime=0), "inside gzip, it is a tar archive"),
        ("\ufeffabc".encode("utf-16"), "encoded in UTF-16"),
        ("192.0.2.1 - -".encode("utf-16-le"), "encoded in UTF-16"),
        ("192.0.2.1 - -".encode("utf-16-be"), "encoded in UTF-16"),
        (b"SQLite format 3\0", "an SQLite database"),
        (b'[{"method": "GET"}]', "a JSON array"),
        (b"#Software: IIS\n#Fields: date time cs-method cs-uri-stem\n", "another server than CloudFront"),
        (b"{\n", "no list log.entries"),
    ],
)
def test_foreign_content_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    """A file that is no recording ends with one message that names its content (exit 4)."""
    (tmp_path / "a.log").write_bytes(content)
    with pytest.raises(ConfigurationError, match=said):
        Recording(tmp_path / "a.log", form=None, keys=LineKeys(), header=None).total()


def listed(*statuses: int | None, host: str = "", query: str = "") -> list[Recorded]:
    """Return requests of the list by ann, one per status."""
    return [Recorded(number, "GET", LIST, query, "ann", status, host) for number, status in enumerate(statuses, 1)]


CADDY = LineKeys("user_id", "/request/method", "/request/uri")
ECS = LineKeys("/user/name", "/http/request/method", "/url/original", "/http/response/status_code")
FIELD = {
    "port443.har": ("har", None, [Recorded(1, "GET", COLUMNS, "", "ann", 200, HOST), *listed(1, 200, host=HOST)[1:]]),
    "port80.log": ("combined", None, [Recorded(1, "GET", COLUMNS, "", "ann", 200), *listed(1, 200, host=HOST)[1:]]),
    "data.har": ("har", None, [*listed(200, host=HOST), Recorded(2, "", "", "", "ann", 200, no_http=True)]),
    "dash.log": ("combined", None, listed(200, None)),
    "status0.jsonl": ("jsonl", CADDY, listed(200, None, host=HOST)),
    "gunicorn_unix_socket.log": ("combined", None, listed(200, 200)),
    "vhost_combined.log": ("combined", None, listed(200, 200, host=HOST)),
    "syslog_day8.log": ("combined", None, listed(200, 200)),
    "syslog_day18.log": ("combined", None, listed(200, 200)),
    "ecs.log": ("jsonl", ECS, listed(200, 200)),
    "query_apart.jsonl": ("jsonl", None, listed(200, query="x=1")),
}


@pytest.mark.parametrize("name", FIELD)
def test_field_recording_is_read(name: str) -> None:
    """The recordings found in the field give the requests that they contain."""
    form, keys, expected = FIELD[name]
    assert read(SAMPLES / name, keys, "x-user") == (form, expected)


def test_field_web_socket_is_not_replayed() -> None:
    """A wss entry has the method WebSocket, which is counted and not replayed."""
    form, (first, second) = read(SAMPLES / "ws.har", header="x-user")
    assert isinstance(first, Recorded)
    assert isinstance(second, Recorded)
    assert (form, first.method, second.method, second.no_http) == ("har", "GET", "WebSocket", False)


def test_field_compressed_log_is_named() -> None:
    """An xz file is not thousands of broken lines, but one message."""
    with pytest.raises(ConfigurationError, match="compressed as xz"):
        Recording(SAMPLES / "log.xz", form=None, keys=LineKeys(), header=None)


@pytest.mark.parametrize("url", [
    "data:image/png;base64," + "A" * 20_000, "blob:https://list-cutter.com/1", "about:blank", "chrome-extension://a/b.js",
    "moz-extension://a/b", "file:///etc/hosts", "ftp://a.example/x", "javascript:void(0)",
])  # fmt: skip
def test_url_without_http_is_counted(url: str) -> None:
    """A URL for which no HTTP request is sent is neither broken nor another host."""
    assert read_request(1, "GET", url, status=200).no_http


@pytest.mark.parametrize("written", ["", "x", "list-cutter.com:443/x", "http:///x", "http://a:b/x", "*"])
def test_wrong_target_is_broken(written: str) -> None:
    """A target that is neither a path nor a URL is broken for GET, and not replayed for other methods."""
    with pytest.raises(NotReadable):
        read_request(1, "GET", written, status=200)
    if written not in ("http:///x", "http://a:b/x"):
        assert read_request(1, "CONNECT", written).method == "CONNECT"


def test_long_target_of_another_host_is_known_by_its_host() -> None:
    """A URL that is too long to be sent has its host and its problem: only one of the application is broken."""
    found = read_request(1, "GET", f"https://ads.example:443/x?{'y' * 9000}", status=200)
    assert (found.host, found.path, found.query) == ("ads.example", "/", "")
    assert "longer than" in found.problem
    assert read_request(1, "GET", f"/x?{'y' * 9000}", host=HOST).host == HOST
    assert not read_request(1, "GET", f"https://ads.example/x?{'y' * 8000}").problem


@pytest.mark.parametrize("value", [None, "", "-", " - ", 0, "0", "000", 0.0, -1, "-1"], ids=repr)
def test_missing_status_is_none(value: object) -> None:
    """No status has many spellings; none of them is broken."""
    assert read_status(value) is None


LABELS = st.text("abcdefghijklmnopqrstuvwxyzäéßжя東中", min_size=1, max_size=8)


@given(st.lists(LABELS, min_size=1, max_size=4), st.sampled_from(["", ":80", ":443", ":0443", ":"]), st.data())
def test_spellings_of_a_host_are_equal(labels: list[str], port: str, data: st.DataObject) -> None:
    """Case, dot at the end, default port, IDN and A-labels make no difference; another port does."""
    plain = normalized_host(".".join(labels))
    host = "".join(data.draw(st.sampled_from((c, c.upper() if len(c.upper()) == 1 else c))) for c in ".".join(labels))
    host = host.replace(".", data.draw(st.sampled_from((".", "\u3002", "\uff0e"))))
    assert normalized_host(host + data.draw(st.sampled_from(("", "."))) + port) == plain
    assert normalized_host(plain) == plain
    assert plain.isascii()
    assert normalized_host(f"{host}:8443") == f"{plain}:8443"
    other = ".".join([*labels, "x"])
    assert normalized_host(other) != plain


@given(st.text(max_size=40))
def test_any_text_has_a_normal_host(text: str) -> None:
    """Normalization accepts any text, and a second time changes nothing."""
    once = normalized_host(text)
    assert normalized_host(once) == once


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("[2001:DB8:0::1]:443", "2001:db8::1"),
        ("127.0.0.1:80", "127.0.0.1."),
        ("stra\u00dfe.example", "xn--strae-oqa.example"),
        ("LIST%2DCUTTER.com", "list-cutter.com"),
        ("\uff4cist-cutter.com", "list-cutter.com"),
        ("my_host.Example", "my_host.example"),
    ],
)
def test_hosts_are_equal(one: str, other: str) -> None:
    """Known pairs of spellings."""
    assert normalized_host(one) == normalized_host(other)


@pytest.mark.parametrize("host", ["https://list-cutter.com", "list-cutter.com/", "a b", "", "list-cutter.com:x"])
def test_hosts_of_identities_are_checked(tmp_path: Path, host: str) -> None:
    """A URL in place of a host would match no line, so it is refused with file and key."""
    file = tmp_path / "ids.toml"
    environment = load_environment(root(), "https://list-cutter.invalid")
    file.write_text(f"[recording]\nhosts = ['{host}']\n")
    with pytest.raises(ConfigurationError, match=r"recording\.hosts.*expected a host"):
        load_identities(file, environment)
    file.write_text('[recording]\nhosts = ["List-Cutter.com:443", "b\u00fccher.example:8080"]\n')
    assert load_identities(file, environment).hosts == ("list-cutter.com", "xn--bcher-kva.example:8080")
