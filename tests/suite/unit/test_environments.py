"""Reading environments.toml and operations.toml: values, and one message for each mistake."""

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutover.config.environments import Environment, environment_names, load_environment
from cutover.config.operations import follow_pointer
from cutover.config.validation import ConfigurationError, root
from cutover.core.errors import Refused
from cutover.core.safety import SafetyLevel

pytestmark = pytest.mark.unit

VARIABLES = {"CUTOVER_STAGING_JWT_SECRET": "s" * 20} | {
    f"CUTOVER_PRODUCTION_{name}": f"its value {name}"
    for name in ("JWT_SECRET", "LEGACY_SECRET", "USER_1", "USER_2", "PASSWORD_1", "PASSWORD_2")
}
MINIMAL = """
[x]
safety = "test-data"
worker = { url = "https://worker.example" }
legacy = { absent = "none here" }
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project folder with the real operations, in which a test writes environments.toml."""
    shutil.copytree(root() / "contracts", tmp_path / "contracts")
    return tmp_path


def load(project: Path, text: str, **variables: str) -> Environment:
    (project / "environments.toml").write_text(text)
    return load_environment(project, "x", variables=variables)


def test_checked_in_environments_are_all_valid() -> None:
    """Every environment of the project can be loaded. The embedded one needs a running pair."""
    names = environment_names(root())
    assert names == ["embedded", "local", "staging", "production", "production-accounts", "blue", "green"]
    for name in names[1:]:
        environment = load_environment(root(), name, variables=VARIABLES)
        assert environment.systems["worker"].identity is not None
        assert environment.budget.requests < 100  # the plan's limiter allows 100 in 60 s


def test_production_and_colours_are_read_only_by_default() -> None:
    """Checks that write run on production only in the environment that names accounts for them."""
    for name in ("production", "blue", "green"):
        environment = load_environment(root(), name)
        assert environment.safety is SafetyLevel.READ_ONLY
        assert environment.read_only_form["smoke"]
    writing = load_environment(root(), "production-accounts", variables=VARIABLES)
    assert writing.systems == load_environment(root(), "production").systems
    assert (writing.safety, writing.read_only_form) == (SafetyLevel.TEST_DATA, {})
    assert {len(accounts) for accounts in writing.accounts.values()} == {2}
    with pytest.raises(ConfigurationError, match="CUTOVER_PRODUCTION_JWT_SECRET is not set"):
        load_environment(root(), "production-accounts", variables={})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[x\n", ["environments.toml", "not valid TOML", "line 1"]),
        ("[y]\nsafety = 'read-only'", ["no environment 'x'", "y"]),
        ("[x]\nworker = { url = 'https://w.example' }\nlegacy = { absent = 'n' }", ["x.safety", "missing"]),
        (MINIMAL.replace("test-data", "anything"), ["x.safety", "read-only, test-data, disposable"]),
        (MINIMAL + "budgett = 1", ["x.budgett", "unknown key", "budget"]),
        (MINIMAL.replace("https", "http"), ["[x]", "loopback"]),
        (MINIMAL.replace("https://worker.example", "worker.example"), ["[x]", "absolute"]),
        (MINIMAL + "budget = { requests = 0, window_s = 60 }", ["x.budget.requests", "expected 1 to 1000000, got 0"]),
        (
            MINIMAL + "budget = { requests = true, window_s = 60 }",
            ["x.budget.requests", "expected an integer, got True"],
        ),
        (MINIMAL + "readiness = { tries = 0 }", ["x.readiness.tries", "expected 1 to"]),
        (
            MINIMAL + 'secrets = { worker_jwt_secret = "NOT_SET" }',
            ["x.secrets.worker_jwt_secret", "NOT_SET", "not set"],
        ),
        (MINIMAL + 'secrets = { worker_jwt_secrets = "A" }', ["x.secrets.worker_jwt_secrets", "unknown key"]),
        (MINIMAL + 'r2 = { endpoint = "https://r2.example", bucket = "b" }', ["x.secrets.r2_access_key_id", "missing"]),
        (MINIMAL + "[x.operations.logni.worker]\npath = '/x'", ["x.operations.logni", "no such operation"]),
        (MINIMAL + "[x.operations.login.worker]\npaht = '/x'", ["x.operations.login.worker.paht", "unknown key"]),
        (MINIMAL + "[x.operations.login.worker]\npath = 'x'", ["x.operations.login.worker.path", "begins with /"]),
        (
            MINIMAL + "[x.operations.login.worker]\nstatus = '200'",
            ["x.operations.login.worker.status", "expected an integer, got '200'"],
        ),
        (MINIMAL + "postgres = {}", ["x.secrets.postgres_dsn", "missing"]),
        (MINIMAL + 'postgres = "postgresql://u:p@db.example/d"', ["x.postgres", "a table"]),
        (MINIMAL + 'media = "/no/such/folder"', ["x.media", "No such file"]),
        (MINIMAL + 'media = "media"', ["x.media", "expected an absolute path"]),
        (MINIMAL + 'media = "/dev/null"', ["x.media", "expected a readable folder"]),
        (MINIMAL + 'media = "/a\\u0000b"', ["x.media", "(not a path)"]),
        (MINIMAL + "media = ['/tmp']", ["x.media", "a folder's path"]),
        (MINIMAL + "[x.routes.wroker]\ntrailing_slash = true", ["x.routes.wroker", "unknown key"]),
    ],
)
def test_mistake_names_file_key_and_fix(project: Path, text: str, words: list[str]) -> None:
    """Each mistake gives one message with the file, the key and the fix."""
    with pytest.raises(ConfigurationError) as caught:
        load(project, text)
    assert "\n" not in str(caught.value).replace("TOML: ", "")
    for word in words:
        assert word in str(caught.value)


def test_ad_hoc_url_is_read_only_without_secrets() -> None:
    """A URL instead of a name is a Worker without identity and secrets."""
    environment = load_environment(root(), "https://preview.example/")
    assert environment.safety is SafetyLevel.READ_ONLY
    assert (environment.url, dict(environment.secrets), environment.bucket) == ("https://preview.example", {}, None)
    with pytest.raises(ConfigurationError, match="loopback only"):
        load_environment(root(), "http://preview.example")


def test_routes_rename_prefix_slash_and_fields(project: Path) -> None:
    """A route table can change the prefix, trailing slashes and the names of fields."""
    environment = load(
        project,
        MINIMAL
        + """
[x.routes.worker]
prefix = { from = "/api/", to = "/v2/" }
trailing_slash = true
fields = { access_token = "access", refresh_token = "refresh" }
[x.operations.login.worker]
path = "/v2/session/"
""",
    )
    operations = environment.operations["worker"]
    assert operations["register"].path == "/v2/accounts/register/"
    assert operations["download"].url_path({"file_id": "a/b c"}) == "/v2/files/a%2Fb%20c/download/"
    assert operations["login"].path == "/v2/session/"
    assert operations["health"].path == "/health"
    assert operations["login"].response["access_token"] == "/access"
    assert operations["logout"].request["refresh_token"] == "refresh"
    assert environment.operations["legacy"]["register"].path == "/api/accounts/register/"


def test_absent_system_has_a_reason(project: Path) -> None:
    """An absent system has no URL and a reason."""
    environment = load(project, MINIMAL)
    assert environment.absent == {"legacy": "none here"}
    assert list(environment.systems) == ["worker"]


POSTGRES = MINIMAL + 'postgres = {}\nsecrets = { postgres_dsn = "DSN" }\n'
DSN = "postgresql://reader:a-long-password@db.example:6543/list_cutter"


def test_legacy_database_is_an_allowed_server(project: Path) -> None:
    """Only the URI's host and port are allowed, and only for PostgreSQL."""
    environment = load(project, POSTGRES, DSN=DSN)
    assert environment.postgres is not None
    assert environment.postgres.shown == "postgresql://db.example:6543/list_cutter"
    environment.allowed.permit_server("db.example", 6543)
    for host, port in (("db.example", 5432), ("other.example", 6543), ("worker.example", 443)):
        with pytest.raises(Refused, match=r"db\.example:6543"):
            environment.allowed.permit_server(host, port)
    with pytest.raises(Refused):
        environment.allowed.permit("https://db.example:6543/")
    assert "a-long-password" not in repr(environment)


@pytest.mark.parametrize(
    ("dsn", "words"),
    [
        ("postgresql://reader:a-long-password@/list_cutter", "no host"),
        ("postgresql://reader:a-long-password@a.example,b.example/list_cutter", "several hosts"),
        (f"{DSN}?hostaddr=10.0.0.1", "hostaddr"),
        (f"{DSN}?service=x", "service"),
        (f"{DSN}?sslmode=require", "verify-full"),
    ],
)
def test_unsafe_postgres_uri_is_refused(project: Path, dsn: str, words: str) -> None:
    """One message has the key and the fix, without the password."""
    with pytest.raises(ConfigurationError, match=words) as caught:
        load(project, POSTGRES, DSN=dsn)
    assert "x.secrets.postgres_dsn" in str(caught.value)
    assert "a-long-password" not in str(caught.value)


def test_postgres_uri_of_another_host_is_refused(project: Path) -> None:
    """If the table names the host, the URI must name the same one."""
    named = POSTGRES.replace("postgres = {}", 'postgres = { host = "DB.example" }')
    assert load(project, named, DSN=DSN).postgres is not None
    with pytest.raises(ConfigurationError, match=r"x.postgres.host.*expected 'DB.example'.*'live.example'"):
        load(project, named, DSN=DSN.replace("db.example", "live.example"))


def test_media_folder_is_resolved(project: Path, tmp_path: Path) -> None:
    """Links are resolved. Without the key there is no media folder."""
    (tmp_path / "media").mkdir()
    (tmp_path / "mounted").symlink_to("media")
    assert load(project, f'{MINIMAL}media = "{tmp_path}/mounted"').media == (tmp_path / "media").resolve()
    assert load(project, MINIMAL).media is None


def test_stores_may_be_absent_with_a_reason(project: Path) -> None:
    """PostgreSQL and media are capabilities that an environment may not have."""
    environment = load(project, MINIMAL + 'absent = { postgres = "behind a wall", media = "elsewhere" }')
    assert environment.absent == {"postgres": "behind a wall", "media": "elsewhere", "legacy": "none here"}


documents = st.recursive(
    st.integers(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
)


@given(documents)
def test_every_value_is_found_by_its_own_pointer(document: object) -> None:
    """The pointer of each place returns its value (RFC 6901, with / and ~ in names)."""

    def walk(value: object, pointer: str) -> None:
        assert follow_pointer(document, pointer) == value
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(inner, f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}")
        elif isinstance(value, list):
            for index, inner in enumerate(value):
                walk(inner, f"{pointer}/{index}")

    walk(document, "")


def places_of(value: object, tokens: tuple[str, ...] = ()) -> dict[tuple[str, ...], object]:
    """Return every place of a document, as the tokens of its pointer, with the value there."""
    inner: list[tuple[str, object]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = [(str(index), each) for index, each in enumerate(value)]
    return {tokens: value} | {
        place: found for token, each in inner for place, found in places_of(each, (*tokens, token)).items()
    }


@given(documents, st.data())
def test_pointer_returns_its_value_or_raises_key_error(document: object, data: st.DataObject) -> None:
    """A pointer to a place returns the value there. A pointer to no place raises KeyError."""
    places = places_of(document)
    place = data.draw(st.sampled_from(sorted(places)))
    other = data.draw(st.sampled_from(["0", "00", "01", "-1", "-", "+0", "9"]) | st.text(max_size=4))
    tokens = data.draw(st.sampled_from([place, (*place, other), (*place[:-1], other)]))
    pointer = "".join("/" + token.replace("~", "~0").replace("/", "~1") for token in tokens)
    if tokens in places:
        assert follow_pointer(document, pointer) == places[tokens]
    else:
        with pytest.raises(KeyError):
            follow_pointer(document, pointer)


@pytest.mark.parametrize(
    ("line", "place"),
    [("app_routes = []", "front_end.app_routes"), ("headers = []", "cors.headers")],
)
def test_promise_of_nothing_is_refused(project: Path, line: str, place: str) -> None:
    """A check over an empty list cannot fail, so the list must not be empty."""
    table = place.partition(".")[0]
    with pytest.raises(ConfigurationError, match="at least one promise") as caught:
        load(project, f"{MINIMAL}[x.promises.{table}]\n{line}")
    assert place in str(caught.value)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("1" + "0" * 400, "expected 0 to 3600"),
        ("1" + "0" * 5000, "cannot be read"),
        ("[" * 5000 + "]" * 5000, "cannot be read"),
        ("nan", "got nan"),
        ("true", "expected a number, got True"),
    ],
)
def test_unusual_toml_numbers_are_refused(project: Path, value: str, words: str) -> None:
    """Values that Python cannot convert end with one message, not with a traceback."""
    with pytest.raises(ConfigurationError, match=words):
        load(project, f"{MINIMAL}kv_propagation_s = {value}\n")
