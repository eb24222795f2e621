"""`cutover init`: what it finds in documents and answers, and the draft that it writes."""

import contextlib
import json
import shutil
import socket
import threading
import tomllib
from collections.abc import Generator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutover.cli import main
from cutover.config.environments import load_environment
from cutover.config.operations import load_operations
from cutover.config.validation import root
from cutover.contract.document import read_contract
from cutover.setup.discovery import Discovered
from cutover.setup.draft import adapted_document, environment_table
from cutover.setup.operation_matching import match
from cutover.setup.served_openapi import operations, parse

pytestmark = pytest.mark.unit

PLAN = load_operations(root() / "contracts" / "operations.toml", {}, {}, "plan")
FOREIGN = {system: root() / f"reference/foreign/{name}.openapi.json" for system, name in
           (("worker", "new"), ("legacy", "old"))}  # fmt: skip


def discovered(system: str, raw: Mapping[str, Any], path: str = "/openapi.json") -> Discovered:
    """Return what init knows after it has read a document."""
    served = operations(raw)
    return Discovered(system, f"https://{system}.invalid", raw, path, served, match(served))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project with our contracts and environments."""
    shutil.copytree(root() / "contracts", tmp_path / "contracts")
    for name in ("environments.toml", "manifest.toml"):
        shutil.copy(root() / name, tmp_path)
    monkeypatch.setenv("CUTOVER_ROOT", str(tmp_path))
    return tmp_path


class Served:
    """A server on loopback that answers GET with what a test sets. methods: of all requests that arrived."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, str, bytes]] = {}
        self.other = (404, "application/json", b"{}")
        self.requests: list[tuple[str, str]] = []


@pytest.fixture
def served() -> Generator[tuple[str, Served]]:
    """Yield the address of a server and its answers."""
    state = Served()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            """Answer from the table."""
            state.requests.append((self.command, self.path))
            status, media, body = state.answers.get(self.path, state.other)
            self.send_response(status)
            self.send_header("content-type", media)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = answer  # noqa: N815 - of http.server

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", state
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("system", ["worker", "legacy"])
def test_own_documents_are_matched_completely(system: str) -> None:
    """In our own documents every operation is matched with itself."""
    raw = read_contract(root() / f"contracts/{system}.openapi.yaml").raw
    found = match(operations(raw))
    ours = {each.name for each in read_contract(root() / f"contracts/{system}.openapi.yaml").operations()}
    pages = {"index", "front_end", "no_such_operation"}
    assert {name: each.served.name for name, each in found.items()} == {name: name for name in ours - pages}


def test_foreign_fields_are_matched() -> None:
    """Fields with other names are found by their meaning, also inside other objects."""
    raw = parse(FOREIGN["worker"].read_bytes())
    assert raw is not None
    found = match(operations(raw))
    assert found["login"].request == {"username": "login", "password": "secret"}
    assert found["login"].response["refresh_token"] == "/session/renewal"
    assert found["columns"].response == {"columns": "/names", "row_count": "/records", "column_count": "/width"}
    assert found["export"].request == {"columns": "keep", "filters": "where"}
    assert "access_token" not in found["register"].response


def test_adapted_document_has_our_names() -> None:
    """The adapted document is a document of ours: operationIds, parameters and placeholder values."""
    raw = parse(FOREIGN["legacy"].read_bytes())
    assert raw is not None
    adapted = json.loads(adapted_document(discovered("legacy", raw)))
    row = adapted["paths"]["/app/files/{file_id}/export/"]["post"]
    assert (row["operationId"], row["parameters"][0]["name"]) == ("export", "file_id")
    assert set(adapted["x-stands-for"]) == {"username", "email", "password", "refresh_token", "file_id"}


def test_draft_is_a_valid_environment(project: Path) -> None:
    """The draft for two documents is read by the suite, with the routes and fields of the documents."""
    found, files = {}, {}
    for system, file in FOREIGN.items():
        raw = parse(file.read_bytes())
        assert raw is not None
        found[system] = discovered(system, raw)
        files[system] = f"contracts/{system}.json"
        (project / files[system]).write_text(adapted_document(found[system]))
    text = environment_table("roster", found, PLAN, files)
    with (project / "environments.toml").open("a") as table:
        table.write(text)
    environment = load_environment(project, "roster", variables={})
    assert environment.operations["worker"]["upload"].path == "/v2/lists"
    assert environment.operations["legacy"]["tags"].absent
    assert environment.operations["legacy"]["no_such_operation"].path == "/app/cutover-no-such-operation/"
    assert environment.safety.label == "read-only"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
KEYS = st.sampled_from([
    "get", "post", "parameters", "responses", "200", "content", "application/json", "schema", "properties", "items",
    "$ref", "operationId", "requestBody", "examples", "value", "security", "in", "name", "path", "allOf", "email",
])  # fmt: skip
DOCUMENTS = st.recursive(
    JSON | st.sampled_from(["#/paths", "#/", "path", "array", "object"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(max_size=8).map("/".__add__), DOCUMENTS, max_size=3), DOCUMENTS)
def test_any_document_gives_valid_toml(paths: dict[str, Any], servers: Any) -> None:
    """A document with parts of any type raises nothing, and the draft is TOML."""
    raw = {"openapi": "3.1.0", "paths": paths, "servers": servers}
    found = discovered("worker", raw, "/\n\x7f\"'docs")
    assert "x" in tomllib.loads(environment_table("x", {"worker": found}, PLAN, {}))
    json.loads(adapted_document(found))


def test_init_sends_only_get_to_the_named_system(project: Path, served: tuple[str, Served]) -> None:
    """Discovery sends GET requests only, ignores the document's other hosts, and writes the draft."""
    url, state = served
    raw = {**json.loads(FOREIGN["worker"].read_text()), "servers": [{"url": "https://elsewhere.invalid"}]}
    state.answers["/v2/openapi.json"] = (200, "application/json", json.dumps(raw).encode())
    assert main(["init", url, "--name", "roster"]) == 0
    assert {method for method, _ in state.requests} == {"GET"}
    assert "elsewhere" not in (project / "roster.environment.toml").read_text()


def test_init_without_document_tries_the_plans_routes(project: Path, served: tuple[str, Served]) -> None:
    """Without a document the plan's routes are tried. An answer that every path gets proves nothing."""
    url, state = served
    state.answers["/health"] = (200, "application/json", b'{"status": "healthy"}')
    for path in ("/api/files", "/api/filters", "/api/cutover-no-such-operation"):
        state.answers[path] = (401, "application/json", b"{}")
    state.answers["/api/accounts/login"] = (405, "application/json", b"{}")
    assert main(["init", url]) == 0
    draft = (project / "deployment.environment.toml").read_text()
    assert "# login: POST /api/accounts/login: present" in draft
    assert "# list_files: GET /api/files: unclear" in draft
    assert "# user: GET /api/accounts/user: not found" in draft
    assert tomllib.loads(draft)["deployment"].get("operations", {}) == {}


def test_init_overwrites_nothing_without_force(
    project: Path, served: tuple[str, Served], capsys: pytest.CaptureFixture[str]
) -> None:
    """An existing file is kept and nothing is sent: exit code 4. With --force it is replaced."""
    url, state = served
    (project / "deployment.environment.toml").write_text("mine")
    assert main(["init", url]) == 4
    assert "--force" in capsys.readouterr().err
    assert (project / "deployment.environment.toml").read_text() == "mine"
    assert state.requests == []
    assert main(["init", url, "--force"]) == 0
    assert (project / "deployment.environment.toml").read_text() != "mine"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["http://example.org"], 4),
        (["ftp://127.0.0.1"], 4),
        (["http://127.0.0.1:9", "--name", "embedded"], 4),
        (["http://127.0.0.1:9", "--name", "a.b"], 4),
        (["http://127.0.0.1:9", "--legacy", "http://127.0.0.1:9/"], 4),
        (["http://127.0.0.1:9", "--output", "/no/such/folder/x"], 4),
        (["http://127.0.0.1:9", "--worker-document", "docs"], 4),
        (["http://127.0.0.1:9"], 11),
    ],
)
@pytest.mark.usefixtures("project")
def test_init_ends_with_the_code_of_its_cause(arguments: list[str], code: int) -> None:
    """Wrong usage ends with 4, an unreachable system with 11."""
    assert main(["init", *arguments]) == code


@pytest.mark.usefixtures("project")
def test_system_that_breaks_every_answer_is_unreachable(capsys: pytest.CaptureFixture[str]) -> None:
    """A server that closes each connection ends with 11 after a few requests, not after all of them."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepted: list[int] = []

        def close_all() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    accepted.append(1)
                    connection.recv(65536)
                    connection.close()

        threading.Thread(target=close_all, daemon=True).start()
        assert main(["init", f"http://127.0.0.1:{listener.getsockname()[1]}"]) == 11
        listener.shutdown(socket.SHUT_RDWR)
    assert "no usable answer to 3 requests" in capsys.readouterr().out
    assert len(accepted) <= 6


def test_named_document_that_is_none_fails(project: Path, served: tuple[str, Served]) -> None:
    """A path given by --worker-document that serves no document ends with 1 and writes nothing."""
    url, _ = served
    assert main(["init", url, "--worker-document", "/docs"]) == 1
    assert not (project / "deployment.environment.toml").exists()
