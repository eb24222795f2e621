"""The checks of the suite itself: clocks, secrets, budget, disk, versions, bypass and identity proofs."""

import dataclasses
import datetime
import os
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.suite.support.scripted_client import Client, target_of

from cutover.client.request import Request
from cutover.config.environment import Environment, LoadCaps
from cutover.config.environments import load_environment
from cutover.config.validation import root
from cutover.core.errors import MeasurementError, NotApplicable, NotVerified
from cutover.core.recorder import Recorder
from cutover.core.safety import SafetyLevel
from cutover.core.secrets import Secret
from cutover.preflight.suite_limiter import bypass_findings
from cutover.preflight.suite_machine import different_versions, disk_findings, locked_versions, version_findings
from cutover.preflight.suite_state import (
    ClockOffset,
    budget_findings,
    clock_findings,
    identity_findings,
    offset_of,
    secret_findings,
)
from cutover.systems.target import Target

pytestmark = pytest.mark.unit

TABLE = """
[x]
safety = "test-data"
worker = { url = "https://worker.example", identity = { header = "x-served-by", value = "new" } }
legacy = { url = "https://legacy.example", identity = { header = "x-served-by", value = "old" } }
budget = { requests = 90, window_s = 60 }
[other]
safety = "test-data"
worker = { url = "https://other.example" }
legacy = { absent = "none" }
secrets = { limiter_bypass = "OTHER_BYPASS" }
"""
GOOD = {
    "worker_jwt_secret": Secret("a-very-good-0123456789-secret-1"),
    "legacy_jwt_secret": Secret("b-very-good-0123456789-secret-2"),
    "account_key": Secret("c-very-good-0123456789-secret-3-abcdef"),
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with two environments."""
    (tmp_path / "contracts").symlink_to(root() / "contracts")
    (tmp_path / "environments.toml").write_text(TABLE)
    return tmp_path


@pytest.fixture
def environment(project: Path) -> Environment:
    """Return the environment x with complete secrets."""
    return dataclasses.replace(load_environment(project, "x", variables={}), secrets=GOOD)


def system(environment: Environment, name: str, headers: dict[str, str], reply: Any = None) -> Target:
    """Return a system whose client answers with these headers."""
    client: Any = Client(environment, reply or (lambda _: (200, {"status": "healthy"})), headers)
    return Target(name, environment, client, Recorder())


def both(environment: Environment, worker: float | None, legacy: float | None) -> list[Target]:
    """Return both systems with clocks that are so many seconds ahead; None sends no Date."""
    return [
        system(environment, name, {"x-served-by": value} | ({} if ahead is None else {"date": date(ahead)}))
        for name, value, ahead in (("worker", "new", worker), ("legacy", "old", legacy))
    ]


def date(ahead: float) -> str:
    return formatdate(time.time() + ahead, usegmt=True)


def names(findings: Any) -> list[str]:
    return [finding.name for finding in findings]


@given(st.floats(1e9, 2e9), st.floats(-1e5, 1e5), st.floats(0, 30), st.floats(0, 1))
def test_offset_contains_the_true_one(sent: float, ahead: float, taken: float, share: float) -> None:
    """Whenever the system wrote its Date, the interval contains the offset, and is as wide as the uncertainty."""
    written = sent + share * taken
    offset = offset_of(sent, sent + taken, formatdate(int(written + ahead), usegmt=True))
    assert offset is not None
    assert offset.low - 1e-3 <= ahead <= offset.high + 1e-3
    assert abs(offset.high - offset.low - taken - 1) < 1e-3


@given(st.floats(-100, 100), st.floats(0, 10))
def test_offset_is_proven_only_outside_its_interval(low: float, width: float) -> None:
    """A difference counts only if it is certain: an interval that contains 0 proves none."""
    offset = ClockOffset(low, low + width)
    assert (offset.proven_s == 0) is (low <= 0 <= low + width)


@pytest.mark.parametrize(
    ("worker", "legacy", "expected"),
    [(0, 0, []), (60, 0, ["suite:clock:worker"]), (0, -60, ["suite:clock:legacy"]), (3, 3, []),
     (60, -60, ["suite:clock:worker", "suite:clock:legacy"])],
)  # fmt: skip
def test_wrong_clock_is_found(environment: Environment, worker: float, legacy: float, expected: list[str]) -> None:
    """A system whose clock differs by more than the limit is named."""
    assert names(clock_findings(both(environment, worker, legacy), Recorder(), 5.0)) == expected


def test_wrong_clock_of_this_machine_is_invalid(environment: Environment) -> None:
    """If both systems differ in the same direction, this machine's clock is wrong."""
    with pytest.raises(MeasurementError, match="clock of this machine"):
        names(clock_findings(both(environment, 60, 61), Recorder(), 5.0))


def test_timestamp_replaces_a_missing_date(environment: Environment) -> None:
    """workerd sends no Date: the declared time stamp of health is read, to the millisecond."""
    stamp = datetime.datetime.fromtimestamp(time.time() + 60, datetime.UTC).isoformat()
    worker = system(environment, "worker", {"x-served-by": "new"}, lambda _: (200, {"timestamp": stamp}))
    recorder = Recorder()
    assert names(clock_findings([worker, both(environment, 0, 0)[1]], recorder, 5.0)) == ["suite:clock:worker"]
    assert str(recorder.measured[0].value).startswith(("+60.0 s", "+59.9 s"))


def test_system_without_date_is_not_verified(environment: Environment) -> None:
    """Without a Date nothing is known about a clock."""
    with pytest.raises(NotVerified, match="worker sends no Date"):
        names(clock_findings(both(environment, None, 0), Recorder(), 5.0))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        ({"worker_jwt_secret": None}, ["suite:secret-missing:worker_jwt_secret"]),
        ({"account_key": None}, ["suite:secret-missing:account_key"]),
        ({"legacy_jwt_secret": "django-insecure-0123456789abcdef"}, ["suite:secret-weak:legacy_jwt_secret"]),
        ({"worker_jwt_secret": "short"}, ["suite:secret-weak:worker_jwt_secret"]),
        ({"worker_jwt_secret": "a" * 40}, ["suite:secret-weak:worker_jwt_secret"]),
        ({"legacy_jwt_secret": "a-very-good-0123456789-secret-1"},
         ["suite:secret-equal:legacy_jwt_secret=worker_jwt_secret"]),
    ],
)  # fmt: skip
def test_secrets_are_judged(environment: Environment, change: dict[str, str | None], expected: list[str]) -> None:
    """A missing, weak or repeated secret is found, and no finding contains its value."""
    secrets = {name: value for name, value in GOOD.items() if name not in change}
    secrets |= {name: Secret(value) for name, value in change.items() if value is not None}
    found = list(secret_findings(dataclasses.replace(environment, secrets=secrets)))
    assert names(found) == expected
    assert not any(value in str(each) for each in found for value in change.values() if value and len(value) > 5)


def test_one_role_for_two_uses_is_no_equal_secret(environment: Environment) -> None:
    """The rights of a role are judged by their own check."""
    dsn = Secret("postgresql://reader:0123456789abcdef@db.example/list_cutter")
    secrets = {**GOOD, "postgres_dsn": dsn, "postgres_writer_dsn": dsn}
    assert not names(secret_findings(dataclasses.replace(environment, secrets=secrets)))


def test_read_only_environment_needs_no_secret(environment: Environment) -> None:
    """Its checks sign no tokens and create no accounts."""
    assert not names(secret_findings(dataclasses.replace(environment, safety=SafetyLevel.READ_ONLY, secrets={})))


@pytest.mark.parametrize(
    ("requests", "window_s", "minutes", "expected"),
    [
        (90, 60, 180, []),
        (100, 60, 180, []),
        (101, 60, 180, ["suite:budget-above-limiter"]),
        (60, 30, 180, ["suite:budget-above-limiter"]),
        (90, 60, 60, ["suite:budget-too-small:contract", "suite:budget-too-small:parity"]),
    ],
)
def test_budget_is_judged(
    environment: Environment, requests: int, window_s: float, minutes: float, expected: list[str]
) -> None:
    """A budget above the limiter, in any of its windows, or too small for a gate is found."""
    budget = dataclasses.replace(environment.budget, requests=requests, window_s=window_s)
    changed = dataclasses.replace(environment, budget=budget)
    assert names(budget_findings(changed, Recorder(), minutes=minutes, bypass=False)) == expected


@pytest.mark.parametrize(("bypass", "warnings"), [(False, 1), (True, 0)])
def test_load_above_the_limiter_warns(environment: Environment, *, bypass: bool, warnings: int) -> None:
    """Load runs above the limiter are refused without the secret that lets them pass."""
    recorder = Recorder()
    loaded = dataclasses.replace(environment, load=LoadCaps(500, 60, 5, 5, 1000))
    assert not names(budget_findings(loaded, recorder, minutes=180, bypass=bypass))
    assert len(recorder.warnings) == warnings


def test_full_disk_is_found(tmp_path: Path) -> None:
    """Too little space is found, also for a folder that does not exist yet."""
    assert names(disk_findings(tmp_path / "a" / "b", Recorder(), 1)) == []
    assert names(disk_findings(tmp_path / "a", Recorder(), 10**12)) == ["suite:disk-full"]


def test_versions_of_this_installation_are_as_locked() -> None:
    """The packages that run this test have the locked versions."""
    recorder = Recorder()
    assert names(version_findings(root() / "requirements.lock", recorder)) == []
    assert int(str(recorder.measured[-1].value)) > 50


def test_other_version_is_found(tmp_path: Path) -> None:
    """A dependency with another version than the locked one is named with both."""
    lock = tmp_path / "requirements.lock"
    lock.write_text("httpx[http2]==0.0.1 \\\n    --hash=sha256:00\nnot-installed==1.0\n")
    (found,) = version_findings(lock, Recorder())
    assert (found.name, found.expected) == ("suite:dependency-version:httpx", "httpx 0.0.1")


def test_missing_requirement_is_found() -> None:
    """A package that the suite needs and that is not installed is named; others are not judged."""
    assert different_versions({"a": "1", "b": "2"}, {"a": "1", "c": "3"}, ["a", "b"]) == (["b"], {})


def test_unreadable_lock_is_no_traceback(tmp_path: Path) -> None:
    """A missing lock is not verified; one without versions is INVALID, in one sentence with the file."""
    with pytest.raises(NotVerified, match=r"requirements\.lock"):
        locked_versions(tmp_path / "requirements.lock")
    (tmp_path / "requirements.lock").write_text("nothing\n")
    with pytest.raises(MeasurementError, match=r"requirements\.lock"):
        locked_versions(tmp_path / "requirements.lock")


class HoldingClient(Client):
    """A client that notes the answers after which all processes have to wait."""

    held: list[Any]

    def hold(self, answer: Any) -> None:
        """Note the answer."""
        self.held.append(answer)

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.held = []


class Limiter:
    """A limiter that lets `limit` requests pass, and each request with a value that it accepts."""

    def __init__(self, limit: int, accepted: str = "") -> None:
        self.limit, self.accepted, self.values = limit, accepted, list[str | None]()
        self.statuses = set[int]()

    def __call__(self, request: Request) -> tuple[int, Any]:
        """Return 429 above the limit."""
        value = request.headers.get("x-limiter-bypass")
        self.values.append(value)
        if self.accepted and value == self.accepted:
            return 401, {"error": "unauthorized"}
        status = 429 if len(self.values) > self.limit else 401
        self.statuses.add(status)
        return status, {"error": "no"}


def tried(
    environment: Environment,
    project: Path,
    limiter: Limiter,
    monkeypatch: Any,
    value: str | None,
    *,
    burst: bool = True,
) -> list[str]:
    """Return the findings with this value in the other environment's variable."""
    monkeypatch.delenv("OTHER_BYPASS", raising=False)
    if value is not None:
        monkeypatch.setenv("OTHER_BYPASS", value)
    target = system(environment, "worker", {"x-served-by": "new"}, limiter)
    client = HoldingClient(environment, limiter, {"x-served-by": "new"})
    promised = {"requests": 10, "window_s": 60}
    found = names(bypass_findings(target, client, project, promised, Recorder(), burst=burst))  # type: ignore[arg-type]
    assert len(client.held) == (1 if 429 in limiter.statuses else 0)
    return found


def test_foreign_bypass_that_works_is_found(environment: Environment, project: Path, monkeypatch: Any) -> None:
    """A deployment that accepts the secret of another environment is found."""
    limiter = Limiter(10, accepted="secret-of-the-other")
    assert tried(environment, project, limiter, monkeypatch, "secret-of-the-other") == ["suite:bypass-accepted:other"]


def test_foreign_bypass_that_is_refused_passes(environment: Environment, project: Path, monkeypatch: Any) -> None:
    """Refused after its limit, every request had the value of the other environment."""
    limiter = Limiter(10, accepted="own")
    assert tried(environment, project, limiter, monkeypatch, "secret-of-the-other") == []
    assert limiter.values == ["secret-of-the-other"] * 11


def test_shared_bypass_is_found(environment: Environment, project: Path, monkeypatch: Any) -> None:
    """Two environments with one secret are found, even if the limiter refuses it."""
    own = dataclasses.replace(environment, secrets={**GOOD, "limiter_bypass": Secret("same-secret-of-both")})
    assert tried(own, project, Limiter(10), monkeypatch, "same-secret-of-both") == ["suite:bypass-shared:other"]


def test_unset_bypass_is_not_verified(environment: Environment, project: Path, monkeypatch: Any) -> None:
    """A value that cannot be sent proves nothing; the reason names the variable."""
    with pytest.raises(NotVerified, match="OTHER_BYPASS"):
        tried(environment, project, Limiter(10), monkeypatch, None)


def test_burst_needs_permission(environment: Environment, project: Path, monkeypatch: Any) -> None:
    """Without permission nothing is sent to an environment that is not disposable."""
    limiter = Limiter(10)
    with pytest.raises(NotVerified, match=r"preflight\.suite\.burst"):
        tried(environment, project, limiter, monkeypatch, "secret-of-the-other", burst=False)
    assert limiter.values == []


def test_no_other_bypass_is_not_applicable(environment: Environment, project: Path, monkeypatch: Any) -> None:
    """Without another environment that names one there is nothing to try."""
    (project / "environments.toml").write_text(TABLE.partition("[other]")[0])
    with pytest.raises(NotApplicable):
        tried(environment, project, Limiter(10), monkeypatch, None)


def test_proof_of_the_other_system_is_found(environment: Environment) -> None:
    """A response with the proofs of both systems distinguishes nothing."""
    systems = dict(environment.systems)
    identity = systems["legacy"].identity
    assert identity is not None
    other = dataclasses.replace(identity, header="x-old")
    systems["legacy"] = dataclasses.replace(systems["legacy"], identity=other)
    changed = dataclasses.replace(environment, systems=systems)
    targets = [
        system(changed, "worker", {"x-served-by": "new", "x-old": "old"}),
        system(changed, "legacy", {"x-old": "old"}),
    ]
    assert names(identity_findings(targets, Recorder())) == ["suite:identity-not-distinct:worker"]
    assert names(identity_findings(both(environment, 0, 0), Recorder())) == []


def test_unproven_identity_is_undetectable(tmp_path: Path) -> None:
    """A system without a proof is listed under "could not detect"."""
    (tmp_path / "contracts").symlink_to(root() / "contracts")
    (tmp_path / "environments.toml").write_text(
        '[x]\nsafety = "read-only"\nworker = { url = "https://w.example" }\nlegacy = { absent = "none" }\n'
    )
    bare = load_environment(tmp_path, "x", variables=os.environ)
    target, _ = target_of(bare, lambda _: (200, {}))
    recorder = Recorder()
    assert names(identity_findings([target], recorder)) == []
    assert "no identity is declared" in recorder.could_not_detect[0]
