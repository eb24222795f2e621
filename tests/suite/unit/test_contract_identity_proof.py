"""The search for a response that proves the identity, on systems where few responses carry it."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.suite.support.scripted_client import BASE, Reply, load, target_of

from cutover.accounts.registered import Accounts
from cutover.client.request import Request
from cutover.config.environments import Environment, load_environment
from cutover.config.validation import root
from cutover.contract.identity_proof import carrying_operations, identity_proof
from cutover.core.errors import Blocked, IdentityMismatch, NotVerified
from cutover.core.preconditions import Preconditions
from cutover.core.requirements import RequiredCheck
from cutover.core.safety import SafetyLevel
from cutover.systems.target import Target

pytestmark = pytest.mark.unit

TOKEN = "a-token-of-24-characters"
LOGIN = '{ fields = { login = "/served_by" }, value = "w" }'
METRICS = '{ header = "x-who", value = "w", operations = ["metrics"] }'
SUCCESS = '{ header = "x-who", value = "w", success_only = true }'
BARE = '[x.operations.health.worker]\nabsent = "none"\n[x.operations.index.worker]\nabsent = "none"\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project folder with the real contracts."""
    shutil.copytree(root() / "contracts", tmp_path / "contracts")
    return tmp_path


def answer(request: Request) -> tuple[int, Any]:
    """Answer registration, login and every other operation with success, and name the system in the login."""
    session = {"access_token": TOKEN, "refresh_token": TOKEN, "user": {"id": 1, "username": "u"}}
    if request.operation == "register":
        return 201, session
    if request.operation == "login":
        return 200, session | {"served_by": "w"}
    return (404, {}) if request.operation == "no_such_operation" else (200, {"id": 1})


def anonymous(request: Request) -> tuple[int, Any]:
    """Answer like `answer`, but with 401 without a token."""
    needs_token = request.operation in ("user", "list_files") and "authorization" not in request.headers
    return (401, {}) if needs_token else answer(request)


def proof(environment: Environment, reply: Reply, headers: dict[str, str] | None = None) -> list[str]:
    """Return the operations sent until one response proved the identity."""
    target, client = target_of(environment, reply, headers)
    identity = environment.systems["worker"].identity
    assert identity is not None
    identity_proof(target, identity, lambda: Accounts(target, "run", None))
    return [request.operation for request in client.requests]


def read_only(project: Path, text: str, identity: str) -> Environment:
    """Return an environment without write access."""
    table = BASE.replace('"test-data"', '"read-only"') % f", identity = {identity}"
    (project / "environments.toml").write_text(table + text)
    return load_environment(project, "x", variables={})


def test_operation_without_an_account_is_sent(project: Path) -> None:
    """If only metrics carries the proof, the check requests it, also without write access."""
    assert proof(read_only(project, "", METRICS), answer, {"x-who": "w"}) == ["metrics"]


def test_login_is_sent_from_an_own_account(project: Path) -> None:
    """If only the login carries the proof, the check registers an account and logs in."""
    assert proof(load(project, "", LOGIN), answer) == ["register", "login"]


def test_success_with_a_token_proves_a_system_without_pages(project: Path) -> None:
    """Without health and index, errors without the proof do not count: a success is sent for."""
    metrics = '[x.operations.metrics.worker]\nabsent = "none"\n[x.operations.front_end.worker]\nabsent = "none"\n'
    sent = proof(load(project, BARE + metrics, SUCCESS), anonymous, {"x-who": "w"})
    assert sent[-2:] == ["register", "login"]


def test_read_only_form_without_a_proof_is_not_verified(project: Path) -> None:
    """The check does not pass, and names key and reason. No account is tried."""
    with pytest.raises(NotVerified) as caught:
        proof(read_only(project, "", LOGIN), answer)
    for words in ("environments.toml:x.worker.identity", "/served_by", "login: an account is needed", "read-only"):
        assert words in str(caught.value)


def test_environment_without_accounts_is_not_verified(project: Path) -> None:
    """The reason why there is no account is the reason of the check."""
    environment = load(project, "", LOGIN)
    target, client = target_of(environment, answer)
    identity = environment.systems["worker"].identity
    assert identity is not None

    def none() -> Accounts:
        raise NotVerified("no registration and no pool")

    with pytest.raises(NotVerified, match="login: no registration and no pool"):
        identity_proof(target, identity, none)
    assert client.requests == []


def test_response_of_another_system_is_a_mismatch(project: Path) -> None:
    """A login that names another system, or none, does not prove the identity."""
    for named in ({"served_by": "other"}, {}):
        with pytest.raises(IdentityMismatch):
            proof(
                load(project, "", LOGIN),
                lambda request, named=named: (  # type: ignore[misc]
                    (200, {"access_token": TOKEN, "refresh_token": TOKEN, **named})
                    if request.operation == "login"
                    else answer(request)
                ),
            )


def test_broken_operation_is_no_proof(project: Path) -> None:
    """A login that fails is the finding of another check: blocked if it has one, otherwise not verified."""

    def broken(request: Request) -> tuple[int, Any]:
        return (503, {}) if request.operation == "login" else answer(request)

    environment = load(project, "", LOGIN)
    with pytest.raises(NotVerified, match="status:login"):
        proof(environment, broken)
    target, _ = target_of(environment, broken)
    target.preconditions = Preconditions(
        [RequiredCheck("smoke", "owner", "worker", SafetyLevel.TEST_DATA, owns=("login on worker",))]
    )
    target.preconditions.begin("another check", ["smoke"])
    identity = environment.systems["worker"].identity
    assert identity is not None
    with pytest.raises(Blocked):
        identity_proof(target, identity, lambda: Accounts(target, "run", None))


def test_pool_account_is_never_deleted(project: Path) -> None:
    """The deletion of an account proves nothing where the accounts are lent; a body of 204 proves nothing anywhere."""

    def names(text: str, identity: str) -> list[str]:
        environment = load(project, text, identity)
        target: Target = target_of(environment, answer)[0]
        found = environment.systems["worker"].identity
        assert found is not None
        return carrying_operations(target, found)

    only = '{ header = "x-who", value = "w", operations = ["delete_account", "user"] }'
    assert names("", only) == ["user", "delete_account"]
    assert names('[x.absent]\nregistration = "closed"\n', only) == ["user"]
    assert names("", '{ fields = { logout = "/a", user = "/a" }, value = "w" }') == ["user"]
