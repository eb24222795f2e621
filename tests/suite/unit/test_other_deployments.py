"""A target and accounts on deployments that the environment's table describes, answered by a scripted client."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.suite.support.scripted_client import BASE, load, target_of

from cutover.accounts.registered import Accounts
from cutover.accounts.sessions import TOKENS, MissingSecret, id_of, prepare_refresh
from cutover.client.identity import IdentityVerifier
from cutover.client.request import Request
from cutover.config.environments import Environment, load_environment
from cutover.config.validation import ConfigurationError, root
from cutover.contract.valid_requests import await_processing, object_operations
from cutover.core.errors import Blocked, CheckFailed, IdentityMismatch, NotApplicable, Unreachable
from cutover.core.preconditions import Preconditions
from cutover.core.recorder import Recorder
from cutover.core.requirements import RequiredCheck
from cutover.core.safety import SafetyLevel
from cutover.load.journeys import refresh_journey
from cutover.load.load_client import LoadAccount, LoadClient, SharedState
from cutover.load.preparation import load_lists
from cutover.parity.clocks import read_clock
from cutover.parity.side import Side
from cutover.parity.steps import Step
from cutover.run.verdict_file import facts
from cutover.systems.readiness import become_ready, proving_response
from cutover.systems.target import Target
from cutover.traffic.ledger import Outcome
from cutover.traffic.wire import Response

pytestmark = pytest.mark.unit

TOKEN = "a-token-of-24-characters"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project folder with the real contracts."""
    shutil.copytree(root() / "contracts", tmp_path / "contracts")
    return tmp_path


def sessions(request: Request) -> tuple[int, Any]:
    """Answer a registration without tokens, a login without an id, and the account with its id."""
    if request.operation == "register":
        return 201, {"message": "created"}
    if request.operation == "login":
        return 200, {"access_token": TOKEN, "refresh_token": TOKEN + "-2"}
    return 200, {"id": "a-text-id"}


WITHOUT_TOKENS = """
[x.operations.register.worker]
replace = true
response = {}
[x.operations.login.worker]
response = { user_id = false }
[x.operations.user.worker]
"""


def test_tokens_come_from_a_login_and_the_id_from_user(project: Path) -> None:
    """An account has the tokens of a login and a text id if the registration returns neither."""
    target, client = target_of(load(project, WITHOUT_TOKENS), sessions)
    account = Accounts(target, "run", None).new()
    assert [request.operation for request in client.requests] == ["register", "login", "user"]
    assert (account.access_token.reveal(), account.refresh_token.reveal()) == (TOKEN, TOKEN + "-2")
    assert id_of(target, account) == "a-text-id"


def test_declared_token_is_required(project: Path) -> None:
    """Without the declaration the same registration is a finding (the control)."""
    target, _ = target_of(load(project, ""), sessions)
    with pytest.raises(CheckFailed, match="field:register:access_token"):
        Accounts(target, "run", None).new()


OWNED = ("register on worker", f"{TOKENS} on worker", "login on worker")
OWNERS = [RequiredCheck("smoke", "owner", "worker", SafetyLevel.TEST_DATA, owns=OWNED)]


@pytest.mark.parametrize("by_user", ["a-text-id", None])
def test_account_continues_without_a_declared_id(project: Path, by_user: str | None) -> None:
    """A registration and a login without the declared id block only checks that need the id, not those of files."""

    def answer(request: Request) -> tuple[int, Any]:
        if request.operation == "user":
            return 200, {"id": by_user} if by_user else {}
        return 201 if request.operation == "register" else 200, {"access_token": TOKEN, "refresh_token": TOKEN + "-2"}

    target, client = target_of(load(project, ""), answer)
    target.preconditions = Preconditions(OWNERS)
    target.preconditions.begin("another check", ["smoke"])
    account = Accounts(target, "run", None).new()
    assert [request.operation for request in client.requests] == ["register", "login", "user"]
    assert account.access_token.reveal() == TOKEN
    if by_user:
        assert id_of(target, account) == by_user
    else:
        with pytest.raises(Blocked, match="expected user_id in the response of register or login or user, got none"):
            id_of(target, account)


def test_missing_refresh_token_is_no_empty_one(project: Path) -> None:
    """A system without refresh tokens: using one is not applicable, and never an empty token that is refused."""
    environment = load(project, "[x.routes.worker]\nfields = { refresh_token = false, user_id = false }")
    target, client = target_of(environment, lambda _: (201, {"access_token": TOKEN}))
    account = Accounts(target, "run", None).new()
    assert isinstance(account.refresh_token, MissingSecret)
    sent = len(client.requests)
    with pytest.raises(NotApplicable, match="no refresh token"):
        target.call("user", token=account.refresh_token)
    assert len(client.requests) == sent
    target.call("logout", token=account.access_token, fields={"refresh_token": account.refresh_token})
    assert client.requests[-1].json == {}
    with pytest.raises(NotApplicable, match="user_id"):
        id_of(target, account)


def rotating(request: Request) -> tuple[int, Any]:
    """Answer a registration, and accept each refresh token once."""
    number = {f"{TOKEN}-{n}": n for n in range(1, 9)}
    if request.operation == "register":
        return 201, {"user": {"id": 1}, "access_token": TOKEN, "refresh_token": f"{TOKEN}-1"}
    assert isinstance(request.json, dict)
    used = number[request.json["refresh_token"]]
    rotating_state.append(used)
    if rotating_state.count(used) > 1:
        return 401, {}
    return 200, {"access_token": TOKEN, "refresh_token": f"{TOKEN}-{used + 1}"}


rotating_state: list[int] = []


@pytest.mark.parametrize("declared", [True, False])
def test_rotated_refresh_token_is_kept_if_declared(project: Path, declared: bool) -> None:
    """A declared refresh token replaces the one that was sent; otherwise the same one is sent again (the control)."""
    rotating_state.clear()
    table = '[x.operations.refresh.worker]\nresponse = { refresh_token = "/refresh_token" }' if declared else ""
    target, _ = target_of(load(project, table), rotating)
    account = Accounts(target, "run", None).new()
    prepare_refresh(target, account)
    if declared:
        prepare_refresh(target, account)
        assert account.refresh_token.reveal() == f"{TOKEN}-3"
    else:
        with pytest.raises(CheckFailed, match="status:refresh:200"):
            prepare_refresh(target, account)


def test_absent_operation_is_not_applicable(project: Path) -> None:
    """A call of an absent operation sends nothing and is not applicable, with the reason."""
    target, client = target_of(load(project, "[x.operations.logout.worker]\nabsent = 'no route'"), sessions)
    with pytest.raises(NotApplicable, match="worker has no logout: no route"):
        target.call("logout")
    assert client.requests == []
    assert (target.has("logout"), target.has("login", "user")) == (False, True)


def files(request: Request) -> tuple[int, Any]:
    """Answer an upload and a list. The server stores the file under another name."""
    if request.operation == "upload":
        return 201, {"file": {"file_id": 7, "filename": "stored name.csv", "path": "m/stored name.csv"}}
    return 200, {"files": []}


BY_NAME = """
[x.operations.upload.worker]
response = { file_path = "/file/path" }
[x.operations.download.worker]
path = "/d/{filename}/"
[x.operations.export.worker]
path = "/e"
request = { file_path = "file_path" }
"""


def test_file_is_downloaded_by_the_name_of_its_upload(project: Path) -> None:
    """Checks name a file by its id. The path contains its name, and the body its path, as the upload returned them."""
    target, client = target_of(load(project, BY_NAME), files)
    upload = target.call("upload", file=("sent.csv", b"a\n", "text/csv"))
    path = {"file_id": str(upload.field("file_id"))}
    target.call("download", path=path)
    assert client.requests[-1].url == "https://worker.example/d/stored%20name.csv/"
    target.call("export", path=path, fields={"columns": ["a"], "filters": []})
    assert client.requests[-1].json == {"columns": ["a"], "filters": [], "file_path": "m/stored name.csv"}


def test_list_without_ids_is_not_applicable(project: Path) -> None:
    """Without the ids of a list's elements no check can tell whose they are: not applicable, no KeyError."""
    target, _ = target_of(load(project, "[x.operations.list_files.worker]\nentry = { file_id = false }"), files)
    with pytest.raises(NotApplicable, match="entry field file_id"):
        target.call("list_files").entries("files")


def test_unknown_id_names_no_file(project: Path) -> None:
    """An id that no upload returned is sent as the name, so that the request names no file."""
    target, client = target_of(load(project, BY_NAME), files)
    target.call("download", path={"file_id": "no-such-file"})
    assert client.requests[-1].url == "https://worker.example/d/no-such-file/"


def test_refusal_of_the_same_meaning_is_accepted(project: Path) -> None:
    """A declared refusal is accepted in place of the contract's, and any other status is a finding."""
    text = "[x.routes.worker]\nrefusal = { 401 = [401, 403] }"
    for status, other in ((403, 404), (401, 200)):
        target, _ = target_of(load(project, text), lambda _, status=status: (status, {}))
        assert target.call("user").expect_status(401).is_status(401)
        target, _ = target_of(load(project, text), lambda _, other=other: (other, {}))
        with pytest.raises(CheckFailed, match="status 401 or 403"):
            target.call("user").expect_status(401)


@pytest.mark.parametrize(
    ("absent", "probe", "status"),
    [(("health",), "user", 401), (("health", "user", "list_files"), "no_such_operation", 404)],
)
def test_readiness_without_health_uses_another_operation(
    project: Path, absent: tuple[str, ...], probe: str, status: int
) -> None:
    """Without /health the next operation proves readiness by its own response, and a 503 does not."""
    text = "".join(f"[x.operations.{name}.worker]\nabsent = 'no route'\n" for name in absent)
    target, client = target_of(load(project, text), lambda _: (status, {}))
    assert become_ready(target, str)[0] == 1
    assert client.requests[-1].operation == probe
    target, _ = target_of(load(project, text), lambda _: (503, {}))
    with pytest.raises(Unreachable, match="not ready"):
        become_ready(target, str)


def test_readiness_without_any_operation_is_refused(project: Path) -> None:
    """If nothing can show readiness, one message names the key and the fix."""
    names = ("health", "user", "list_files", "no_such_operation", "index")
    text = "".join(f"[x.operations.{name}.worker]\nabsent = 'no route'\n" for name in names)
    target, _ = target_of(load(project, text), sessions)
    with pytest.raises(ConfigurationError, match=r"x\.operations.*Declare one of them"):
        become_ready(target, str)


FIELD = '{ fields = { health = "/service" }, value = "cutty" }'
SOME = '{ header = "X-Who", value = "cutty", operations = ["health"] }'
SUCCESS = '{ header = "X-Who", value = "cutty", success_only = true }'
ADDRESS = '{ address_only = "no header and no field names the Worker" }'


@pytest.mark.parametrize(
    ("identity", "operation", "status", "document", "headers", "mismatch"),
    [
        (FIELD, "health", 200, {"service": "cutty"}, {}, False),
        (FIELD, "health", 200, {"service": "other"}, {}, True),
        (FIELD, "health", 200, {}, {}, True),
        (FIELD, "health", 200, None, {}, True),
        (FIELD, "health", 503, {}, {}, False),
        (FIELD, "user", 200, {}, {}, False),
        (SOME, "health", 200, {}, {"x-who": "cutty"}, False),
        (SOME, "health", 200, {}, {}, True),
        (SOME, "user", 200, {}, {}, False),
        (SOME, "user", 200, {}, {"x-who": "other"}, True),
        (SUCCESS, "user", 200, {}, {}, True),
        (SUCCESS, "user", 401, {}, {}, False),
        (SUCCESS, "user", 401, {}, {"x-who": "other"}, True),
        (ADDRESS, "health", 200, {}, {"x-who": "anything"}, False),
    ],
)
def test_identity_is_verified_where_it_is_carried(
    project: Path, identity: str, operation: str, status: int, document: Any, headers: dict[str, str], mismatch: bool
) -> None:
    """An answer that must carry the proof and does not, or carries another value, is an identity mismatch.

    The load client judges the same answers in the same way.
    """
    environment = load(project, "", identity)
    target, _ = target_of(environment, lambda _: (status, document), headers)
    if mismatch:
        with pytest.raises(IdentityMismatch, match=r"x\] worker\.identity"):
            target.call(operation)
    else:
        target.call(operation)
    load_client = LoadClient(
        "worker", environment, SharedState("r"), accounts=[], reserved=[], lists=load_lists(), version=None
    )
    body = b"" if document is None else json.dumps(document).encode()
    head = "".join(f"\r\n{name}: {value}" for name, value in headers.items()).encode()
    seen = load_client.check_of(operation)(Response(status, head + b"\r\n", body, reusable=True))
    assert (seen[0] is Outcome.WRONG_VERSION) == mismatch


def test_head_needs_no_proof_in_its_body(project: Path) -> None:
    """A response to HEAD has no body, so a field cannot prove its system; a GET without the field is a mismatch."""
    target, _ = target_of(load(project, "", FIELD), lambda _: (200, None))
    target.call("health", method="HEAD")
    with pytest.raises(IdentityMismatch):
        target.call("health")


def test_whole_body_of_a_step_has_the_deployments_names(project: Path) -> None:
    """A step that gives its whole body is sent with the deployment's names; numbers keep their spelling."""
    environment = load(project, '[x.operations.export.worker]\nrequest = { columns = "keep", filters = "where" }')
    target, client = target_of(environment, sessions)
    side = Side(target, Accounts(target, "r", None))
    sent = b'{"columns": ["filters"], "filters": [{"column": "a", "operator": "=", "value": 1.0'
    side.send(Step("export", path={"file_id": "f"}, content=(sent, "application/json")))
    expected = sent.replace(b'"columns":', b'"keep":').replace(b'"filters":', b'"where":')
    assert client.requests[-1].content == expected


@pytest.mark.parametrize(("version", "mismatch"), [("v1", False), ("v2", True)])
def test_version_is_compared_wherever_it_is_sent(project: Path, version: str, mismatch: bool) -> None:
    """An answer that need not prove the system, but names its version, must be of the version that was asked for."""
    identity = SOME.replace("}", ', version_header = "x-version" }')
    environment = load(project, "", identity)
    target, client = target_of(environment, lambda _: (200, {}), {"x-version": version})
    client.verifier = IdentityVerifier(environment, "v1")
    if mismatch:
        with pytest.raises(IdentityMismatch, match="expected version v1"):
            target.call("user")
    else:
        target.call("user")
    load_client = LoadClient(
        "worker", environment, SharedState("r"), accounts=[], reserved=[], lists=load_lists(), version="v1"
    )
    answer = Response(200, f"\r\nx-version: {version}\r\n".encode(), b"{}", reusable=True)
    assert (load_client.check_of("user")(answer)[0] is Outcome.WRONG_VERSION) == mismatch


@pytest.mark.parametrize(
    ("identity", "words"),
    [
        (FIELD, "worker: another system behind other answers than those of health with a status below 400"),
        (SOME, "worker: another system behind other answers than those of health: only they carry x-who"),
        (SUCCESS, "worker: another system behind other answers than those with a status below 400"),
        (ADDRESS, "worker: another system at the same address: no answer proves who sent it (no header and no field"),
        ('{ header = "x-who", value = "cutty" }', None),
    ],
)
def test_verdict_says_what_identity_does_not_prove(project: Path, identity: str, words: str | None) -> None:
    """verdict.json lists the answers that prove nothing under could_not_detect, and nothing if all prove it."""
    environment = load(project, "", identity)
    found = facts(
        environment=environment, name="x", run="r", nonce=None, started=0.0, records=[], asked_version=None,
        planted=None, project=project,
    )["could_not_detect"]  # fmt: skip
    assert [line[: len(words)] for line in found] == [words] if words else found == []


def test_proving_response_is_one_that_carries_the_proof(project: Path) -> None:
    """The readiness check compares a response that must carry the proof; None if a token is needed for each."""
    environment = load(project, "", '{ header = "x-who", value = "w", operations = ["user", "index"] }')
    target, client = target_of(environment, lambda _: (401, {}), {"x-who": "w"})
    identity = environment.systems["worker"].identity
    assert identity is not None
    assert proving_response(target, identity) is not None
    assert client.requests[-1].operation == "user"
    assert proving_response(target, dataclasses.replace(identity, operations=frozenset({"login"}))) is None


@pytest.mark.parametrize(
    ("identity", "words"),
    [
        ("{}", ["worker.identity", "header, fields, address_only", "none"]),
        ('{ header = "x", value = "y", address_only = "z" }', ["worker.identity", "header and address_only"]),
        ('{ header = "x" }', ["worker.identity.value", "missing"]),
        ('{ header = "x", value = "" }', ["worker.identity.value", "expected a value"]),
        ('{ fields = { health = "service" }, value = "y" }', ["identity.fields.health", "JSON pointer"]),
        ('{ fields = {}, value = "y" }', ["identity.fields", "at least one"]),
        ('{ fields = { healht = "/s" }, value = "y" }', ["identity.fields", "healht"]),
        ('{ header = "x", value = "y", operations = ["nothing"] }', ["identity.operations", "nothing"]),
        ('{ header = "x", value = "y", operations = [] }', ["identity.operations", "at least one"]),
        ('{ address_only = " " }', ["identity.address_only", "reason"]),
        ('{ address_only = "z", value = "y" }', ["identity.value", "Remove it"]),
        ('{ fields = { health = "/s" }, value = "y", success_only = true }', ["identity.success_only", "Remove it"]),
        ('{ header = "x", value = "y", version = "required" }', ["identity.version_header", "missing"]),
    ],
)
def test_mistake_in_identity_names_key_and_fix(project: Path, identity: str, words: list[str]) -> None:
    """Each mistake in `identity` is one message with file, key and fix."""
    with pytest.raises(ConfigurationError) as caught:
        load(project, "", identity)
    for word in ("environments.toml", *words):
        assert word in str(caught.value)


def test_malformed_path_of_a_named_file_has_a_url(project: Path) -> None:
    """A raw request to a path that contains a file's name is built from the file's id, as other requests are."""
    target, _ = target_of(load(project, BY_NAME), files)
    path = target.known.parameters({"file_id": "an id"})
    assert target.operation("download").url_path(path) == "/d/an%20id/"


def test_files_named_by_another_value_are_objects(project: Path) -> None:
    """Access to another user's file is judged for every operation that names a file, however it names it."""
    operations = load(project, BY_NAME).operations["worker"]
    with_object = {operation.name for operation in object_operations(list(operations.values()))}
    plan = load(project, "").operations["worker"]
    assert with_object == {operation.name for operation in object_operations(list(plan.values()))}
    assert {"download", "export", "create_filter", "delete_filter"} <= with_object
    assert {"upload", "list_files", "user"}.isdisjoint(with_object)


def test_system_without_health_has_an_unknown_clock(project: Path) -> None:
    """Nothing is sent, and times are compared with the tolerance of an unknown clock."""
    (project / "environments.toml").write_text(BASE % "" + '[x.operations.health.worker]\nabsent = "none"\n')
    environment = load_environment(project, "x", variables={})
    client: Any = None
    clock = read_clock(Target("worker", environment, client, Recorder()))
    assert (clock.ahead_us, clock.tolerance_us) == (0, 2_000_000)


def test_file_without_a_status_is_not_awaited(project: Path) -> None:
    """A system whose file data have no upload_status does no processing: nothing is sent, and nothing fails."""
    changed = '[x.operations.file.worker]\nreplace = true\nresponse = { file_id = "/id" }\n'
    (project / "environments.toml").write_text(BASE % "" + changed)
    environment = load_environment(project, "x", variables={})
    client: Any = None
    person: Any = None
    await_processing(Target("worker", environment, client, Recorder()), person)


def load_client_of(environment: Environment, account: LoadAccount) -> LoadClient:
    return LoadClient(
        "worker", environment, SharedState("r"), accounts=[account], reserved=[], lists=load_lists(), version=None
    )


def test_load_requests_name_a_file_as_declared(project: Path) -> None:
    """A load run sends the name or path of a file, of the account's list and of a new upload with an integer id."""
    account = LoadAccount("u", "p", TOKEN, TOKEN, "7", 0, names={"filename": "own.csv", "file_path": "m/own.csv"})
    client = load_client_of(load(project, BY_NAME), account)
    assert client.request("download", account, path={"file_id": "7"}).startswith(b"GET /d/own.csv/ HTTP/1.1")
    sent = client.request("export", account, path={"file_id": "7"}, fields={"columns": ["a"], "filters": []})
    assert json.loads(sent.partition(b"\r\n\r\n")[2])["file_path"] == "m/own.csv"
    body = json.dumps({"file": {"file_id": 8, "filename": "new name.csv", "path": "m/new.csv"}}).encode()
    assert client.field("upload", Response(201, b"", body, reusable=True), "file_id") == "8"
    assert client.request("download", account, path={"file_id": "8"}).startswith(b"GET /d/new%20name.csv/ HTTP/1.1")
    assert client.request("download", account, path={"file_id": "9"}).startswith(b"GET /d/9/ HTTP/1.1")


@pytest.mark.parametrize(
    ("text", "refresh", "endpoint"),
    [
        ("", TOKEN, "refresh"),
        ("", "", "login"),
        ("[x.operations.refresh.worker]\nabsent = 'no route'", TOKEN, "login"),
    ],
)
def test_load_run_renews_tokens_as_the_system_can(project: Path, text: str, refresh: str, endpoint: str) -> None:
    """Without refresh tokens a load run gets a new access token by a login, so that long runs do not end in 401."""
    account = LoadAccount("u", "p", TOKEN, refresh, "7", 0)
    client = load_client_of(load(project, text), account)
    journey = refresh_journey(client, account)
    assert journey.endpoint == endpoint
    steps = journey.begin()
    assert steps is not None
    call = next(iter(steps))
    assert call.endpoint == endpoint
    body = json.dumps({"access_token": "another-token"}).encode()
    assert call.check(Response(200, b"", body, reusable=True)) == (Outcome.OK, "")
    assert call.check(Response(200, b"", b"{}", reusable=True))[0] is Outcome.WRONG_BODY


def test_dropped_field_is_not_sent_by_a_load_run(project: Path) -> None:
    """A field that the environment dropped is not in the body, and a constant is."""
    text = "[x.operations.register.worker]\nrequest = { password_again = false, x = { key = 'k', value = 'v' } }"
    client = load_client_of(load(project, text), LoadAccount("u", "p", TOKEN, TOKEN, "7", 0))
    fields = {"username": "u", "email": "e", "password": "p", "password_again": "p"}
    sent = client.request("register", None, fields=fields)
    assert json.loads(sent.partition(b"\r\n\r\n")[2]) == {"username": "u", "email": "e", "password": "p", "k": "v"}
