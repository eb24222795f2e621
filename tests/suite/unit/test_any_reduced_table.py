"""Any table that drops operations and fields is refused at the start, or every request of the suite can be made."""

import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.suite.support.scripted_client import load, target_of

from cutover.accounts.prepared_files import prepare_file
from cutover.accounts.registered import Accounts
from cutover.accounts.sessions import expect_owner, object_key_of
from cutover.client.request import Request
from cutover.config.validation import ConfigurationError, root
from cutover.contract.account_snapshot import snapshot
from cutover.contract.broken_requests import broken
from cutover.contract.sample_responses import sample_responses
from cutover.contract.valid_requests import create_person, valid_request
from cutover.core.errors import Blocked, CheckFailed, MeasurementError, NotVerified
from cutover.parity.clocks import read_clock
from cutover.parity.journey_script import script
from cutover.parity.journeys import written
from cutover.parity.rules import load_rules
from cutover.systems.readiness import become_ready
from cutover.systems.target import Target

pytestmark = pytest.mark.unit

TABLES = {
    name: table["worker"]
    for name, table in tomllib.loads((root() / "contracts" / "operations.toml").read_text()).items()
    if "absent" not in table["worker"]
}
FIELDS = [
    (name, part, field)
    for name, table in TABLES.items()
    for part in ("request", "response", "entry")
    for field in table.get(part, {})
]
KNOWN: dict[str, str] = {}
"""Name and address of the last registration, which `user` returns."""
ALLOWED = (Blocked, CheckFailed, ConfigurationError, MeasurementError, NotVerified)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project folder with the real contracts."""
    shutil.copytree(root() / "contracts", tmp_path / "contracts")
    return tmp_path


def whole_response(request: Request) -> tuple[int, Any]:
    """Answer with every field that operations.toml declares, one element in each list."""
    table = TABLES[request.operation]
    sent = request.json if isinstance(request.json, dict) else {}
    KNOWN.update({name: sent[name] for name in ("username", "email") if name in sent})
    values = {"tags": [], "upload_status": "completed", "status": "healthy", **KNOWN}
    document: dict[str, Any] = {}
    entry: dict[str, Any] = {}
    for field, pointer in table.get("entry", {}).items():
        put(entry, pointer, values.get(field, f"a-value-of-{field}"))
    for field, pointer in table.get("response", {}).items():
        put(document, pointer, [entry] if field in ("files", "filters") else values.get(field, f"a-value-of-{field}"))
    return table["status"], document


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let waiting take no time: the clock moves with each sleep."""
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    monkeypatch.setattr("time.sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))


def put(document: dict[str, Any], pointer: str, value: Any) -> None:
    *above, last = pointer.removeprefix("/").split("/")
    for name in above:
        document = document.setdefault(name, {})
        if not isinstance(document, dict):
            return
    document[last] = value


def override(absent: set[str], dropped: set[tuple[str, str, str]]) -> str:
    """Return the table of an environment without these operations and fields."""
    lines = [f"[x.operations.{name}.worker]\nabsent = 'none'" for name in sorted(absent)]
    for name in sorted({name for name, _, _ in dropped} - absent):
        lines.append(f"[x.operations.{name}.worker]")
        lines += [f"{part}.{field} = false" for of, part, field in sorted(dropped) if of == name]
    return "\n".join(lines)


def requests_of(target: Target) -> list[Callable[[], object]]:
    """Return what checks do, each alone: requests, snapshots, samples, journeys."""
    accounts = Accounts(target, "run", None)
    person = create_person(target, accounts, spare=True)
    operations = [each for each in target.environment.operations["worker"].values() if each.absent is None]
    made: list[Callable[[], object]] = [
        lambda: become_ready(target, str),
        lambda: read_clock(target),
        lambda: prepare_file(target, person.token),
        lambda: expect_owner(target.call("user", token=person.token), person.account),
        lambda: object_key_of(target, person.account, target.call("upload", file=("a.csv", b"a\n", "text/csv"))),
        lambda: person.account.own(target.call("list_files", token=person.token)),
        lambda: snapshot(target, person),
        lambda: list(sample_responses(target, person, operations)),
        lambda: load_rules(root(), target.environment.operations),
        lambda: [script(target, journey, journey.steps) for journey in written()[:4]],
    ]
    for operation in operations:
        name = operation.name
        made.append(lambda name=name: target.call(name, token=person.token, **valid_request(name, person)))
        made.append(lambda each=operation, name=name: list(broken(each, valid_request(name, person))))
    return made


@given(st.sets(st.sampled_from(sorted(TABLES)), max_size=5), st.sets(st.sampled_from(FIELDS), max_size=12))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_reduced_table_ends_without_a_traceback(
    project: Path, no_waiting: None, absent: set[str], dropped: set[tuple[str, str, str]]
) -> None:
    """Whatever an environment drops: exit code 4 at the start, or only the outcomes that a check may have."""
    del no_waiting
    refused = ""
    try:
        environment = load(project, override(absent, dropped))
    except ConfigurationError as error:
        refused = str(error)
    if refused:
        assert "environments.toml [x." in refused
        return
    target, _ = target_of(environment, whole_response)
    try:
        steps = requests_of(target)
    except ALLOWED:
        return
    for step in steps:
        try:
            step()
        except ALLOWED:
            continue


def test_nothing_dropped_makes_every_request(project: Path) -> None:
    """With the whole table each of these steps succeeds (the control of the test above)."""
    target, client = target_of(load(project, ""), whole_response)
    for step in requests_of(target):
        step()
    assert {request.operation for request in client.requests} == set(TABLES)


@pytest.mark.parametrize("name", sorted(set(TABLES) - {"register", "login", "user", "upload", "list_files"}))
def test_absent_operation_leaves_the_samples_of_others(project: Path, name: str) -> None:
    """Without one operation the responses of all others are still sampled, and the account's data still compared."""
    target, client = target_of(load(project, override({name}, set())), whole_response)
    person = create_person(target, Accounts(target, "run", None))
    operations = [each for each in target.environment.operations["worker"].values() if each.absent is None]
    sampled = {result.operation.name for _, result in sample_responses(target, person, operations)}
    assert sampled >= set(TABLES) - {name, "delete_account", "logout"}
    assert ("logout" in sampled) == (name != "logout")
    assert {"account", "files"} <= snapshot(target, person).keys()
    assert name not in {request.operation for request in client.requests}
