"""What an environment can change of an operation: drop, rename, replace, other statuses, other names of a file."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from cutover.config.environments import Environment, load_environment
from cutover.config.operation import Operation
from cutover.config.validation import ConfigurationError, root
from cutover.core.errors import NotApplicable, NotVerified

pytestmark = pytest.mark.unit

BASE = """
[x]
safety = "test-data"
worker = { url = "https://worker.example" }
legacy = { url = "https://legacy.example" }
"""
FILE = {"file_id": "7", "filename": "a b.csv", "file_path": "lists/a b.csv"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project folder with the real contracts."""
    shutil.copytree(root() / "contracts", tmp_path / "contracts")
    return tmp_path


def load(project: Path, text: str) -> Environment:
    (project / "environments.toml").write_text(BASE + text)
    return load_environment(project, "x", variables={})


def operation(project: Path, name: str, text: str) -> Operation:
    return load(project, f"[x.operations.{name}.worker]\n{text}").operations["worker"][name]


def test_dropped_response_field_is_not_applicable(project: Path) -> None:
    """`false` drops one field, keeps the others, and the reason names the key."""
    register = operation(project, "register", "response = { user_id = false }")
    assert sorted(register.response) == ["access_token", "refresh_token", "username"]
    with pytest.raises(NotApplicable, match=r"user_id: environments\.toml \[x\.operations\.register\.worker\.response"):
        register.require("response", "user_id")
    register.require("response", "username")


def test_dropped_field_may_have_a_reason(project: Path) -> None:
    """A table with `absent` drops a field with the user's own reason."""
    register = operation(project, "register", 'response = { user_id = { absent = "the id is private" } }')
    with pytest.raises(NotApplicable, match="the id is private"):
        register.require("response", "user_id")


def test_replace_drops_fields_that_are_not_named(project: Path) -> None:
    """`replace = true` replaces the tables that are given, and keeps the others."""
    changed = operation(project, "register", 'replace = true\nresponse = { username = "/name" }')
    assert changed.response == {"username": "/name"}
    assert changed.request["email"] == "email"
    with pytest.raises(NotApplicable, match="replaces the table without it"):
        changed.require("response", "access_token")
    assert operation(project, "login", "replace = true\nresponse = { access_token = '/t' }").response == {
        "access_token": "/t"
    }


def test_without_replace_tables_are_merged(project: Path) -> None:
    """Without `replace` an empty table changes nothing (the control)."""
    assert operation(project, "register", "response = {}").response["user_id"] == "/user/id"


def test_field_is_dropped_from_all_operations(project: Path) -> None:
    """`routes.SYSTEM.fields` drops a field wherever it occurs, only on that system."""
    environment = load(project, "[x.routes.worker]\nfields = { user_id = false }")
    worker, legacy = environment.operations["worker"], environment.operations["legacy"]
    assert not any(worker[name].has("user_id") for name in ("register", "login", "user"))
    assert legacy["user"].has("user_id")


def test_absent_operation_is_not_applicable(project: Path) -> None:
    """An absent operation has the environment's reason, and is also a NotVerified for callers that handle it."""
    environment = load(project, "[x.operations.logout.worker]\nabsent = 'no such route'")
    assert environment.operations["worker"]["logout"].absent == "no such route"
    assert issubclass(NotApplicable, NotVerified)


@pytest.mark.parametrize(
    ("text", "path", "body"),
    [
        ("path = '/f/{filename}'", "/f/a%20b.csv", {"columns": [1]}),
        ("path = '/f'\nrequest = { file_id = 'id' }", "/f", {"columns": [1], "id": "7"}),
        ("path = '/f'\nrequest = { filename = 'name' }", "/f", {"columns": [1], "name": "a b.csv"}),
        (
            "path = '/f'\nrequest = { source = { key = 'path', value = 'media/{filename}' } }",
            "/f",
            {"columns": [1], "path": "media/a b.csv"},
        ),
        (
            "path = '/f/{file_id}'\nrequest = { device = { key = 'device', value = 'cutover' } }",
            "/f/7",
            {"columns": [1], "device": "cutover"},
        ),
        ("path = '/f/{file_id}'\nrequest = { columns = 'cols', filters = false }", "/f/7", {"cols": [1]}),
    ],
)
def test_object_is_named_in_path_or_body(project: Path, text: str, path: str, body: dict[str, Any]) -> None:
    """A file is named by its id or name, in the path or in the body, and constants are sent."""
    export = operation(project, "export", text)
    assert export.url_path(FILE) == path
    fields = {"columns": [1]} | ({"filters": []} if "filters = false" in text else {})
    assert export.json_body(fields, FILE) == body


def test_file_path_of_the_upload_names_a_file(project: Path) -> None:
    """A further field of the upload's response can name the file in other operations."""
    environment = load(
        project,
        "[x.operations.upload.worker]\nresponse = { file_path = '/file/path' }\n"
        "[x.operations.export.worker]\npath = '/export'\nrequest = { file_path = 'file_path' }\n",
    )
    export = environment.operations["worker"]["export"]
    assert export.json_body({"columns": []}, FILE) == {"columns": [], "file_path": "lists/a b.csv"}


def test_refusal_statuses_are_per_operation_and_system(project: Path) -> None:
    """`refusal` names the statuses of the same meaning; an operation's own come before those of its system."""
    environment = load(
        project,
        "[x.routes.worker]\nrefusal = { 401 = 403, 404 = [403, 404] }\n"
        "[x.operations.login.worker]\nrefusal = { 401 = [400, 401] }\n",
    )
    worker = environment.operations["worker"]
    assert worker["login"].refused_with(401, 404) == (400, 401, 403, 404)
    assert worker["user"].refused_with(401) == (403,)
    assert worker["user"].refused_with(400) == (400,)
    assert environment.operations["legacy"]["user"].refused_with(401) == (401,)


def test_other_status_of_success_has_the_same_meaning(project: Path) -> None:
    """A success of contracts/api.md that the environment does not declare means its own; 206 and 304 do not."""
    upload = operation(project, "upload", "status = 200")
    assert upload.meaning(201) == (201, 200)
    assert upload.meaning(200, 400) == (200, 400)
    assert upload.meaning(206, 304) == (206, 304)
    assert operation(project, "user", "refusal = { 401 = 403 }").meaning(200, 401) == (200, 403)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[x.operations.download.worker]\npath = '/d/{id}'", ["download.worker.path", "{file_id}", "got {id}"]),
        ("[x.operations.download.worker]\npath = '/d'", ["download.worker.path", "{filename}", "got '/d'"]),
        ("[x.operations.download.worker]\npath = '/d/{file_id'", ["download.worker.path", "{name}", "braces"]),
        ("[x.operations.filter.worker]\npath = '/f/{file_id}'", ["filter.worker.path", "{filter_id}"]),
        ("[x.operations.user.worker]\npath = '/u/{user_id}'", ["user.worker.path", "no parameter", "{user_id}"]),
        (
            "[x.operations.export.worker]\npath = '/e'\nrequest = { f = { key = 'k', value = '{nothing}' } }",
            ["export.worker.request", "{nothing}"],
        ),
        ("[x.operations.upload.worker]\nobject_key = 'u/{owner}/{file_id}'", ["object_key", "{owner}", "{user_id}"]),
        ("[x.operations.login.worker]\nresponse = { user_id = true }", ["response.user_id", "or false", "True"]),
        ("[x.operations.login.worker]\nresponse = { user_id = { absnt = 'x' } }", ["user_id.absnt", "unknown key"]),
        ("[x.operations.login.worker]\nreplace = 'yes'", ["login.worker.replace", "true or false"]),
        ("[x.operations.login.worker]\nrefusal = { 200 = 401 }", ["login.worker.refusal.200", "400 to 599"]),
        ("[x.operations.login.worker]\nrefusal = { 401 = 200 }", ["login.worker.refusal.401", "300 to 499"]),
        ("[x.operations.login.worker]\nrefusal = { 401 = [401, 500] }", ["refusal.401", "got 500", "429 and 5xx"]),
        ("[x.operations.login.worker]\nrefusal = { 401 = 429 }", ["refusal.401", "except 429, got 429"]),
        ("[x.operations.download.worker]\nrefusal = { 404 = [404, 302] }", ["refusal.404", "got 302", "redirect"]),
        ("[x.routes.worker]\nrefusal = { 403 = 303 }", ["routes.worker.refusal.403", "400 to 499", "redirect"]),
        ("[x.operations.user.worker]\nstatus = [200, 500]", ["user.worker.status", "200 to 399, got 500", "error"]),
        ("[x.operations.user.worker]\nstatus = 404", ["user.worker.status", "200 to 399, got 404", "error"]),
        ("[x.operations.no_such_operation.worker]\nstatus = 200", ["no_such_operation.worker.status", "400 to 499"]),
        ("[x.operations.login.worker]\nrefusal = { 401 = [] }", ["login.worker.refusal.401", "at least one"]),
        ("[x.routes.worker]\nfields = { access_token = false }", ["login.worker.response", "access_token", "no"]),
        ("[x.operations.upload.worker]\nrequest = { file = false }", ["upload.worker.request", "file", "none"]),
        (
            "[x.operations.upload.worker]\nrequest = { a = { key = 'k', value = 'v' } }",
            ["upload.worker.request", "no constant", "file, k"],
        ),
        ("[x.routes.worker]\nrefusal = { x = 401 }", ["routes.worker.refusal.x", "400 to 599"]),
    ],
)
def test_mistake_in_an_operation_names_key_and_fix(project: Path, text: str, words: list[str]) -> None:
    """Each mistake is one message with file, key and fix, before anything is sent."""
    with pytest.raises(ConfigurationError) as caught:
        load(project, text)
    for word in ("environments.toml", *words):
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_refusal_of_401_may_be_a_redirect(project: Path) -> None:
    """A redirect to the login refuses a request without a token."""
    assert operation(project, "user", "refusal = { 401 = [302, 401] }").meaning(401) == (302, 401)


def test_refused_operation_may_have_another_refusal(project: Path) -> None:
    """The declared status of no_such_operation is a refusal."""
    assert operation(project, "no_such_operation", "status = [403, 404]").statuses == (403, 404)
