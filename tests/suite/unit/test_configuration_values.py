"""Every value in a configuration file is accepted or refused with one message, never with a crash."""

import copy
import datetime
import math
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cutover.config import environment_promises, environments, manifest, operations, waivers
from cutover.config.environments import load_environment
from cutover.config.local_runtime import runtime_answers
from cutover.config.manifest import load_manifest
from cutover.config.validation import ConfigurationError, read_toml, root
from cutover.config.waivers import load_waivers

pytestmark = pytest.mark.unit

DSN = "postgresql://reader:a-long-password@db.example/list_cutter"
FULL = """
[full]
description = "d"
safety = "test-data"
local_runtime = true
poses_as_clients = false
names = ["https://www.example"]
worker = { url = "https://a.example", name = "n", identity = { header = "x", value = "y", version_header = "z" } }
legacy = { url = "https://b.example", identity = { fields = { user = "/s" }, value = "y2" } }
r2 = { endpoint = "https://c.example", bucket = "b" }
d1 = { url = "https://d.example/d1" }
postgres = { host = "db.example" }
media = "/"
secrets = { r2_access_key_id = "KEY", r2_secret_access_key = "KEY", worker_jwt_secret = "KEY", postgres_dsn = "DSN" }
budget = { requests = 90, window_s = 60 }
readiness = { tries = 1, interval_s = 1 }
kv_propagation_s = 1
timeout_s = 1
absent = { names = "why" }
files = { parity = "contracts/parity.toml", promises = "contracts/promises.toml" }
operator_paths = { worker = ["/ops"] }
[[full.protected]]
system = "worker"
path = "/admin"
method = "POST"
body = { a = 1 }
anonymous = [401]
user = 403
harmless = true
[full.promises]
cors = { origin = "https://x.example" }
uploads = { legacy = { limit = 5 } }
limiter = { replace = true }
[full.promises.security_headers]
x-xss-protection = false
x-more = "y"
[full.routes.worker]
prefix = { from = "/api/", to = "/v1/" }
trailing_slash = true
fields = { access_token = "a", user_id = false }
refusal = { 404 = [403, 404] }
[full.operations.register.worker]
path = "/x"
request = { username = "u" }
response = { access_token = "/a", username = { absent = "why" } }
status = [200, 201]
replace = false
refusal = { 400 = 422 }
[full.operations.export.legacy]
path = "/e"
request = { filename = "file", device = { key = "d", value = "{file_id}" }, filters = false }
[full.operations.logout.legacy]
absent = "why"
"""
FILES: dict[str, Any] = {
    "environments.toml": tomllib.loads(FULL),
    "operations.toml": tomllib.loads((root() / "contracts/operations.toml").read_text()),
    "promises.toml": tomllib.loads((root() / "contracts/promises.toml").read_text()),
    "manifest.toml": tomllib.loads('[smoke]\n"t::a" = { system = "worker", level = "read-only", never_waived = "x" }'),
    "waivers.toml": {
        "waiver": [
            {
                "check": "t::b",
                "environment": "full",
                "fingerprint": "abc",
                "reason": "r",
                "owner": "o",
                "expires": datetime.date(2100, 1, 1),
            }
        ]
    },
}
FILES["manifest.toml"]["smoke"]["t::b"] = {"level": "read-only"}
Place = tuple[Any, ...]


def places(table: Any, here: Place = ()) -> Iterator[Place]:
    """Yield the place of each value."""
    for key in table if isinstance(table, dict) else range(len(table)):
        yield (*here, key)
        if isinstance(table[key], (dict, list)):
            yield from places(table[key], (*here, key))


def at(table: Any, place: Place) -> Any:
    """Return the value at a place."""
    for key in place:
        table = table[key]
    return table


ALL = [(file, place) for file, tables in FILES.items() for place in places(tables)]
VALUES = st.one_of(
    st.sampled_from(
        [
            0,
            -1,
            True,
            "",
            "x",
            "/x",
            1.5,
            math.nan,
            math.inf,
            -math.inf,
            [],
            [1],
            {},
            {"a": 1},
            [[]],
            10**30,
            "\x00é",
            "?#",
        ]
    ),
    st.datetimes(),
    st.dates(),
    st.text(max_size=8),
    st.integers(),
)


def load(files: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (environments, environment_promises, operations, manifest, waivers):
        monkeypatch.setattr(module, "read_toml", lambda path: copy.deepcopy(files[path.name]))
    listed = load_manifest(root())
    environment = load_environment(root(), "full", variables={"KEY": "v" * 20, "DSN": DSN})
    load_waivers(root(), "full", listed, datetime.date(2026, 1, 1))
    assert math.isfinite(environment.kv_propagation_s + environment.timeout_s + environment.readiness.interval_s)


@given(st.sampled_from(ALL), VALUES)
@example(("environments.toml", ("full", "kv_propagation_s")), math.inf)
@example(("waivers.toml", ("waiver", 0, "expires")), datetime.datetime(2100, 1, 1))  # noqa: DTZ001 - as TOML has it
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_value_is_accepted_or_refused(
    monkeypatch: pytest.MonkeyPatch, where: tuple[str, Place], value: Any
) -> None:
    """After replacing one value the files are read, or one message has the place and the fix."""
    files = copy.deepcopy(FILES)
    inner = files[where[0]]
    for key in where[1][:-1]:
        inner = inner[key]
    inner[where[1][-1]] = value
    refused_or_read(files, monkeypatch)


@pytest.mark.parametrize("where", ALL, ids=[f"{file}-{'.'.join(map(str, place))}" for file, place in ALL])
def test_any_key_may_be_missing(monkeypatch: pytest.MonkeyPatch, where: tuple[str, Place]) -> None:
    """After removing one key the files are read, or one message has the place and the fix."""
    files = copy.deepcopy(FILES)
    inner = files[where[0]]
    for key in where[1][:-1]:
        inner = inner[key]
    del inner[where[1][-1]]
    refused_or_read(files, monkeypatch)


def refused_or_read(files: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        load(files, monkeypatch)
    except ConfigurationError as error:
        refusal = error
    else:
        return
    assert refusal.problem
    assert refusal.fix
    assert "\n" not in str(refusal)
    assert ".toml" in refusal.file or refusal.file == "KEY"


TABLES = [
    place
    for file, place in ALL
    if file == "environments.toml" and place[-1] != "body" and isinstance(at(FILES[file], place), dict)
]


@pytest.mark.parametrize(
    "place", [place for place in TABLES if place[-1] != "body"], ids=lambda p: ".".join(map(str, p))
)
def test_unknown_key_of_an_environment_is_refused(monkeypatch: pytest.MonkeyPatch, place: Place) -> None:
    """A misspelled key in any table of an environment is one message that names the file, the key and the fix."""
    files = copy.deepcopy(FILES)
    at(files["environments.toml"], place)["not-a-key"] = 1
    with pytest.raises(ConfigurationError) as caught:
        load(files, monkeypatch)
    assert "environments.toml" in str(caught.value)
    assert "not-a-key" in caught.value.key
    assert caught.value.fix


PIECES = ("{file_id}", "{+file_id}", "{filename}", "{id}", "{user_id}", "{", "}", "{}", "/", "a", "{file_id")


@given(st.lists(st.sampled_from(PIECES), max_size=4).map(lambda pieces: f"/x{''.join(pieces)}"))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_path_names_a_file_or_is_refused(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """A path that is accepted can be filled in and contains the file; any other is refused at the start."""
    files, change = copy.deepcopy(FILES), {"download": {"worker": {"path": path}}}
    files["environments.toml"]["full"]["operations"] |= change
    refusal = ""
    try:
        load(files, monkeypatch)
    except ConfigurationError as error:
        refusal = str(error)
    named = [piece in path for piece in ("{file_id}", "{+file_id}", "{filename}")]
    if refusal:
        assert "environments.toml [full.operations.download.worker.path]" in refusal
        assert not any(named) or any(
            piece in path.replace("{file_id}", "") for piece in ("{id}", "{user_id}", "{", "}")
        )
    else:
        read = operations.load_operations(root() / "contracts" / "operations.toml", change, {}, "full")
        assert "7-7" in read["worker"]["download"].url_path({"file_id": "7-7", "filename": "7-7"})


def test_unchanged_files_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unchanged files are read (the control of the tests above)."""
    load(copy.deepcopy(FILES), monkeypatch)


def test_answer_of_the_runtime_needs_a_sentence(tmp_path: Path) -> None:
    """A short text would also be in answers of the Worker, and hide its errors: a configuration error."""
    (tmp_path / "contracts").mkdir()
    table = '[[answer]]\nstatus = 500\nwhat = "a reason"\ntext = "{}"\n'
    (tmp_path / "contracts" / "local_runtime.toml").write_text(table.format("error"))
    with pytest.raises(ConfigurationError, match=r"answer 1\.text\]: expected at least 20 characters, got 'error'"):
        runtime_answers(tmp_path)


@given(st.sampled_from(["nan", "-nan", "inf", "-inf", "+inf", "1e999"]), st.sampled_from(["a", "b.c", "d"]))
def test_nan_and_infinity_are_refused_with_their_key(text: str, key: str) -> None:
    """At any depth, also in arrays: no comparison with NaN is true, so such a limit is never broken."""
    value = f"[1.0, {text}]" if key == "d" else text
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "file.toml"
        file.write_text(f"ok = 1.5\n{key} = {value}\n")
        with pytest.raises(ConfigurationError, match="expected a finite number") as refused:
            read_toml(file)
    assert refused.value.key == ("d 2" if key == "d" else key)
