"""Names of a Worker's secrets from Cloudflare's API, against an HTTP server on loopback."""

import json
import threading
from collections.abc import Generator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cutover.client.http import Client
from cutover.config.environments import load_environment
from cutover.config.validation import ConfigurationError, root
from cutover.core.errors import MeasurementError, Refused, Unreachable
from cutover.core.recorder import Recorder
from cutover.core.safety import KillSwitch
from cutover.core.secrets import Secret
from cutover.preflight.wrangler_secrets import validate_files
from cutover.stores.cloudflare_api import CloudflareApi

pytestmark = pytest.mark.unit

TOKEN = "test-token-0123456789abcdef0123456789"
ENVIRONMENT = """
[mine]
safety = "read-only"
worker = {{ url = "https://mine.invalid" }}
legacy = {{ absent = "none" }}
{secrets}

[mine.preflight.wrangler]
file = "wrangler.toml"
account = "acc0unt"
{api}
"""


@dataclass
class Api:
    """A server that answers like Cloudflare's API. status, body: of its answers. asked: path and token of requests."""

    url: str
    status: int = 200
    body: bytes = b""
    asked: list[tuple[str, str]] = field(default_factory=list)

    def answers(self, status: int, result: object, code: int = 0) -> None:
        """Answer with this result, or with an error of this code."""
        errors = [{"code": code, "message": "refused"}] if code else []
        self.status = status
        self.body = json.dumps({"success": not code, "errors": errors, "messages": [], "result": result}).encode()


@pytest.fixture
def api() -> Generator[Api]:
    """Yield a running server."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append((self.path, self.headers["authorization"]))
            self.send_response(served.status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(served.body)))
            self.end_headers()
            self.wfile.write(served.body)

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = Api(f"http://127.0.0.1:{server.server_port}/client/v4")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield served
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with a Wrangler configuration."""
    (tmp_path / "contracts").symlink_to(root() / "contracts")
    (tmp_path / "wrangler.toml").write_text("")
    return tmp_path


def configure(project: Path, *, api: str = "", secrets: str = 'secrets = { cloudflare_api_token = "TOKEN" }') -> None:
    """Write the environment with this API."""
    text = ENVIRONMENT.format(api=f'api = "{api}"' if api else "", secrets=secrets)
    (project / "environments.toml").write_text(text)


@pytest.fixture
def client(project: Path, api: Api) -> Generator[Client]:
    """Yield the suite's client for an environment that names the server."""
    configure(project, api=api.url)
    environment = load_environment(project, "mine", variables={"TOKEN": TOKEN})
    made = Client(environment, recorder=Recorder(), rate_limiter=None, kill_switch=KillSwitch(project), run="test")
    yield made
    made.close()


def names(api: Api, client: Client, url: str = "") -> set[str]:
    """Ask for the secrets of a Worker."""
    return CloudflareApi(url or api.url, "acc0unt", Secret(TOKEN), client).secret_names("list-cutter")


def test_names_of_secrets_are_read(api: Api, client: Client) -> None:
    """The names are returned, from one GET request with the token."""
    api.answers(200, [{"name": "JWT_SECRET", "type": "secret_text"}, {"name": "SENTRY_DSN", "type": "secret_text"}])
    assert names(api, client) == {"JWT_SECRET", "SENTRY_DSN"}
    assert api.asked == [("/client/v4/accounts/acc0unt/workers/scripts/list-cutter/secrets", f"Bearer {TOKEN}")]


def test_worker_that_does_not_exist_has_no_secrets(api: Api, client: Client) -> None:
    """Before the first deployment a Worker has no secrets."""
    api.answers(404, None, code=10007)
    assert names(api, client) == set()


@pytest.mark.parametrize(("status", "code"), [(403, 10000), (401, 10000), (404, 7003), (500, 1)])
def test_refused_request_is_no_list(api: Api, client: Client, status: int, code: int) -> None:
    """A refused token, another account and an error of the API are measurement errors that name the permission."""
    api.answers(status, None, code=code)
    with pytest.raises(MeasurementError, match="Workers Scripts Read") as raised:
        names(api, client)
    assert TOKEN not in str(raised.value)
    assert len(api.asked) == 1


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"result": 1}', b'{"result": [1]}', b'{"result": [{"name": 1}]}']
)
def test_other_answers_are_no_list(api: Api, client: Client, body: bytes) -> None:
    """An answer that is not a list of secrets is a measurement error."""
    api.body = body
    with pytest.raises(MeasurementError, match="Cloudflare's API: expected"):
        names(api, client)


def test_other_host_is_refused(api: Api, client: Client) -> None:
    """An API that the environment does not name is not asked."""
    with pytest.raises(Refused, match="not a host of this environment"):
        names(api, client, "http://127.0.0.1:9/client/v4")


def test_api_that_does_not_answer_is_unreachable(project: Path) -> None:
    """A refused connection is INVALID, as for every system."""
    configure(project, api="http://127.0.0.1:9/client/v4")
    environment = load_environment(project, "mine", variables={"TOKEN": TOKEN})
    made = Client(environment, recorder=Recorder(), rate_limiter=None, kill_switch=KillSwitch(project), run="test")
    with pytest.raises(Unreachable):
        CloudflareApi("http://127.0.0.1:9/client/v4", "acc0unt", Secret(TOKEN), made).secret_names("list-cutter")
    made.close()


@pytest.mark.parametrize(
    ("api", "secrets", "message"),
    [
        ("", 'secrets = { cloudflare_api_token = "TOKEN" }', "preflight.wrangler.api]: missing"),
        ("https://api.cloudflare.com/client/v4", "", "secrets.cloudflare_api_token]: missing"),
        ("http://api.cloudflare.com/client/v4", 'secrets = { cloudflare_api_token = "TOKEN" }', "plain http"),
    ],
)
def test_incomplete_settings_are_refused(project: Path, api: str, secrets: str, message: str) -> None:
    """An account without its API or its token, and an API over plain http, are refused with one message."""
    configure(project, api=api, secrets=secrets)
    with pytest.raises(ConfigurationError) as raised:
        load_environment(project, "mine", variables={"TOKEN": TOKEN})
    assert message in str(raised.value)


def test_missing_package_is_refused_before_the_run(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An account without the package that asks for its secrets is a configuration error, not a finding."""
    configure(project, api="https://api.cloudflare.com/client/v4")
    settings = load_environment(project, "mine", variables={"TOKEN": TOKEN}).preflight.wrangler
    assert settings is not None
    validate_files(settings)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ConfigurationError, match="the package cloudflare is not installed"):
        validate_files(settings)
