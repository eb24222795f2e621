"""What an environment can change of the promises, and its own files in place of those in contracts/."""

import copy
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cutover.config.environment_promises import token_claims, upload_limit
from cutover.config.environments import Environment, environment_files, load_environment
from cutover.config.promise_schema import check_promises
from cutover.config.validation import ConfigurationError, root
from cutover.core.errors import NotApplicable

pytestmark = pytest.mark.unit

BASE = """
[x]
safety = "test-data"
worker = { url = "https://worker.example" }
legacy = { url = "https://legacy.example" }
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project folder with the real contracts and one file of an environment."""
    shutil.copytree(root() / "contracts", tmp_path / "contracts")
    (tmp_path / "own.toml").write_text("[uploads]\nlimit = 1000\n[limiter]\nrequests = 5\nwindow_s = 10\n")
    (tmp_path / "bad.toml").write_text("[limiter]\nrequests = 'x'\n")
    return tmp_path


def load(project: Path, text: str) -> Environment:
    (project / "environments.toml").write_text(BASE + text)
    return load_environment(project, "x", variables={})


def test_headers_are_dropped_added_and_changed(project: Path) -> None:
    """A header is dropped by false, renamed by dropping and adding one, and changed by its value."""
    headers = load(
        project,
        "[x.promises.security_headers]\nx-xss-protection = false\nx-frame-options = 'SAMEORIGIN'\n"
        "permissions-policy = 'camera=()'\n",
    ).promises["security_headers"]
    assert "x-xss-protection" not in headers
    assert headers["x-frame-options"] == "SAMEORIGIN"
    assert headers["permissions-policy"] == "camera=()"
    assert headers["x-content-type-options"] == "nosniff"


def test_claims_are_dropped_and_replaced(project: Path) -> None:
    """A claim is dropped by false; `replace = true` replaces the table; one system's claims are its own."""
    tokens = load(project, "[x.promises.tokens.worker.claims]\naud = false\n").promises["tokens"]
    assert tokens["worker"]["claims"] == {"iss": "list-cutter"}
    replaced = load(project, "[x.promises.tokens.worker.claims]\nreplace = true\n").promises["tokens"]
    assert replaced["worker"]["claims"] == {}
    assert load(project, "").promises["tokens"]["worker"]["claims"]["aud"] == "list-cutter-api"


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("", {"iss": "list-cutter", "aud": "list-cutter-api"}),
        ("[x.promises]\ntokens = false\n", {}),
        ("[x.promises.tokens]\nworker = false\n", {}),
        ("[x.promises.tokens.worker]\nclaims = false\n", {}),
    ],
)
def test_dropped_claims_leave_the_token_checks(project: Path, text: str, claims: dict[str, str]) -> None:
    """Dropped promises about tokens are no claims, so that forged and expired tokens are still checked."""
    assert token_claims(load(project, text).promises, "worker") == claims


def test_dropped_promise_is_not_applicable(project: Path) -> None:
    """Reading a dropped promise makes the check not required, with the key as the reason; a typo stays an error."""
    promises = load(project, "[x.promises]\ncors = false\ntokens.worker.type_claim = false\n").promises
    with pytest.raises(NotApplicable, match=r"environments\.toml \[x\.promises\.cors\] = false"):
        promises["cors"]
    with pytest.raises(NotApplicable, match=r"tokens\.worker\.type_claim"):
        promises["tokens"]["worker"]["type_claim"]
    assert promises["tokens"]["legacy"]["type_claim"] == "token_type"
    with pytest.raises(KeyError):
        promises["corss"]


def test_upload_limit_is_per_system(project: Path) -> None:
    """Each system has its own upload limit, the common one, or none."""
    text = "[x.promises.uploads]\nlegacy.limit = 10485760\n"
    promises = load(project, text).promises
    assert (upload_limit(promises, "worker"), upload_limit(promises, "legacy")) == (52428800, 10485760)
    promises = load(project, "[x.promises.uploads]\nworker.limit = false\n").promises
    assert upload_limit(promises, "legacy") == 52428800
    with pytest.raises(NotApplicable, match=r"uploads\.worker\.limit"):
        upload_limit(promises, "worker")


def test_own_promises_file_replaces_whole_tables(project: Path) -> None:
    """Tables of the own file replace those of the project, the others stay, and `promises` is applied last."""
    promises = load(project, "files = { promises = 'own.toml' }\npromises.limiter.window_s = 20\n").promises
    assert promises["uploads"] == {"limit": 1000}
    assert promises["limiter"] == {"requests": 5, "window_s": 20}
    assert promises["cors"]["origin"] == "https://list-cutter.com"
    (project / "own.toml").write_text("[limiter]\nwindow_s = 10\n")
    with pytest.raises(NotApplicable, match=r"own\.toml \[limiter\] replaces the table without it"):
        load(project, "files = { promises = 'own.toml' }\n").promises["limiter"]["requests"]


def test_own_files_are_found_below_the_project(project: Path) -> None:
    """Each file is relative to the project. Without the table there are none."""
    environment = load(project, "files = { parity = 'own.toml', migration = 'own.toml' }\n")
    assert environment.files == {"parity": project / "own.toml", "migration": project / "own.toml"}
    assert environment_files(project, "x") == environment.files
    assert load(project, "").files == {}
    assert environment_files(project, "https://worker.example") == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("files = { parity = 'missing.toml' }", ["x.files.parity", "missing.toml"]),
        ("files = { promises = 'bad.toml' }", ["bad.toml", "limiter.requests", "got 'x'"]),
        ("files = { parity = 1 }", ["x.files.parity", "a file's path"]),
        ("files = { parityy = 'own.toml' }", ["x.files.parityy", "unknown key"]),
        ("files = { parity = '\\u0000' }", ["x.files.parity", "a TOML file"]),
        ("[x.promises]\ncorss = false", ["x.promises.corss", "unknown key"]),
        ("[x.promises.cors]\norigin = 1", ["x.promises.cors.origin", "got 1"]),
        ("[x.promises.cors]\nheaders = [1]", ["x.promises.cors.headers", "a list of strings"]),
        ("[x.promises.cors]\nheaders = []", ["x.promises.cors.headers", "at least one promise"]),
        ("[x.promises.security_headers]\nreplace = true", ["x.promises.security_headers", "at least one promise"]),
        ("[x.promises.security_headers]\nx-new = 1", ["x.promises.security_headers.x-new", "a string, or false"]),
        ("[x.promises.uploads]\nlimit = -1", ["x.promises.uploads.limit", "got -1"]),
        ("[x.promises.uploads]\nwroker.limit = 1", ["x.promises.uploads.wroker", "unknown key"]),
        ("[x.promises.uploads]\nworker = 1", ["x.promises.uploads.worker", "a table"]),
        ("[x.promises.refusals.worker]\ntoo_big = 1", ["x.promises.refusals.worker.too_big", "unknown key"]),
        ("[x.promises.limiter]\nreplace = 1", ["x.promises.limiter.replace", "true or false"]),
    ],
)
def test_mistake_in_promises_names_key_and_fix(project: Path, text: str, words: list[str]) -> None:
    """Each mistake is one message with file, key and fix."""
    with pytest.raises(ConfigurationError) as caught:
        load(project, text)
    for word in words:
        assert word in str(caught.value)


PROMISES = tomllib.loads((root() / "contracts" / "promises.toml").read_text())


def promise_places(table: Any, here: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the place of each table and value."""
    for key, value in table.items():
        yield (*here, key)
        if isinstance(value, dict):
            yield from promise_places(value, (*here, key))


@pytest.mark.parametrize("place", list(promise_places(PROMISES)), ids=".".join)
def test_promise_of_another_kind_or_missing_is_refused(place: tuple[str, ...]) -> None:
    """A wrong value would make an honest system NO-GO, and a missing key its check superfluous."""
    for change in ("remove", "rename", [], None):
        tables = copy.deepcopy(PROMISES)
        inner = tables
        for key in place[:-1]:
            inner = inner[key]
        value = inner.pop(place[-1])
        if change == "rename":
            inner[f"{place[-1]}_"] = value
        elif change != "remove":
            inner[place[-1]] = change
        if change in ("remove", "rename") and place[-2:-1] == ("asset_types",):
            check_promises(Path("promises.toml"), tables)  # the kinds of assets are the front end's own
            continue
        with pytest.raises(ConfigurationError) as refused:
            check_promises(Path("promises.toml"), tables)
        assert place[-1] in refused.value.key
    check_promises(Path("promises.toml"), PROMISES)
