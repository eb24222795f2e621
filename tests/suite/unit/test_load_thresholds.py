"""gates.toml: the project's thresholds, and the messages for wrong ones, with file, key and fix."""

import dataclasses
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cutover.config.validation import ConfigurationError
from cutover.load.metrics import metric_named, metric_names
from cutover.load.profiles import PROFILES, load_profile
from cutover.load.required_thresholds import (
    COMMITTED,
    mean_rate,
    missing_thresholds,
    narrower_profile,
    required_of,
    unverified_parts,
    wider_limits,
)
from cutover.load.thresholds import Threshold, load_thresholds, thresholds_of

pytestmark = pytest.mark.unit
timeless = settings(deadline=None)  # a busy machine is slow, but that is not tested here

ROOT = Path(__file__).parents[3]
THRESHOLD: dict[str, Any] = {
    "name": "a", "plan": "b", "metric": "p95_ms", "operator": "<", "limit": 100, "endpoints": "reads",
    "phase": "judged", "minimum": 200, "profiles": ["baseline"],
}  # fmt: skip
COMPARES = {"metric": "p95_ratio", "phase": "compared", "minimum": 5000}


def project_with(folder: Path, *thresholds: dict[str, Any], classes: str = 'reads = ["user"]') -> Path:
    """Return a project with these thresholds in gates.toml."""

    def value(one: Any) -> str:
        if isinstance(one, list):
            return f"[{', '.join(map(value, one))}]"
        if isinstance(one, bool):
            return "true" if one else "false"
        return f'"{one}"' if isinstance(one, str) else repr(one)

    rows = [
        "[[load.gate]]\n" + "\n".join(f"{key} = {value(one)}" for key, one in threshold.items())
        for threshold in thresholds
    ]
    (folder / "contracts").mkdir(exist_ok=True)
    for file in ("load.toml", "contracts/operations.toml"):
        shutil.copy(ROOT / file, folder / file)
    (folder / "gates.toml").write_text("\n".join([f"[load.classes]\n{classes}", *rows]) + "\n")
    return folder


def test_project_has_the_limits_of_the_plan() -> None:
    """Each limit of the plan is there once, with its operator and endpoints."""
    found = {
        (
            threshold.metric.name,
            threshold.operator,
            threshold.limit,
            threshold.endpoints,
            threshold.needs_network_latency,
        )
        for threshold in load_thresholds(ROOT)
        if threshold.phase == "judged"
    }
    assert {
        ("error_rate_percent", "<=", 5.0, "all", False),
        ("error_rate_percent", "<", 1.0, "all", False),
        ("p95_ms", "<", 1000.0, "all", False),
        ("p95_ms", "<", 100.0, "reads", True),
        ("average_ms", "<", 200.0, "health", False),
        ("dropped", "<=", 0.0, "all", False),
    } <= found


@pytest.mark.parametrize(
    ("change", "key", "said"),
    [
        ({"metric": "p42_ms"}, "load.gate 'a'.metric", "unknown metric"),
        ({"metric": "error_rate"}, "load.gate 'a'.metric", "error_rate_percent"),
        ({"operator": ">"}, "load.gate 'a'.operator", "One of: <, <="),
        ({"limit": -1}, "load.gate 'a'.limit", "expected "),
        ({"limit": 0}, "load.gate 'a'.limit", "no value is below zero"),
        ({"limit": "100 ms"}, "load.gate 'a'.limit", "a number"),
        ({"limit": True}, "load.gate 'a'.limit", "a number"),
        ({"limit": math.nan}, "load.gate 1.limit", "expected a finite number, got nan"),
        ({"limit": math.inf}, "load.gate 1.limit", "expected a finite number, got inf"),
        ({"metric": "error_rate_percent", "limit": 100}, "load.gate 'a'.limit", "expected 0 to 99.99, got 100"),
        ({"metric": "closed_while_idle_percent", "limit": 1000}, "load.gate 'a'.limit", "expected 0 to 99.99"),
        ({"limit": 600001}, "load.gate 'a'.limit", "expected 0 to 600000"),
        ({"metric": "p95_growth_ratio", "limit": 101}, "load.gate 'a'.limit", "expected 0 to 100"),
        ({"endpoints": "raeds"}, "load.gate 'a'.endpoints", "all, reads"),
        ({"phase": ""}, "load.gate 'a'.phase", "empty"),
        ({"phase": "compared"}, "load.gate 'a'.phase", "metric that compares"),
        ({"metric": "p95_ratio", "minimum": 5000}, "load.gate 'a'.phase", "compared"),
        ({"minimum": 199}, "load.gate 'a'.minimum", "Write 200 or more"),
        ({"metric": "p99_ms", "minimum": 999}, "load.gate 'a'.minimum", "Write 1000 or more"),
        ({"metric": "p99.9_ms", "minimum": 9999}, "load.gate 'a'.minimum", "Write 10000 or more"),
        ({"metric": "error_rate_percent", "limit": 1, "minimum": 298}, "load.gate 'a'.minimum", "Write 299 or more"),
        ({"metric": "p95_ratio", "phase": "compared", "minimum": 4999}, "load.gate 'a'.minimum", "Write 5000"),
        ({"minimum": 200.5}, "load.gate 'a'.minimum", "expected an integer"),
        ({"abort_after": 0}, "load.gate 'a'.abort_after", "expected "),
        ({"metric": "dropped", "floor": True}, "load.gate 'a'.floor", "no latency"),
        ({"profiles": []}, "load.gate 'a'.profiles", "has no profile"),
        ({"profiles": ["availabilty"]}, "load.gate 'a'.profiles", "unknown value 'availabilty'. One of: smoke"),
        ({"profiles": "baseline"}, "load.gate 'a'.profiles", "a list"),
        ({"limits": 3}, "load.gate 'a'.limits", "unknown key"),
        ({"name": ""}, "load.gate 1.name", "empty"),
    ],
)  # fmt: skip
def test_wrong_threshold_is_refused_with_its_key(tmp_path: Path, change: Any, key: str, said: str) -> None:
    """The message names file, key and fix."""
    with pytest.raises(ConfigurationError) as refused:
        load_thresholds(project_with(tmp_path, {**THRESHOLD, **change}))
    assert refused.value.key == key
    assert said in str(refused.value)
    assert "gates.toml" in str(refused.value)


@pytest.mark.parametrize("missing", sorted(THRESHOLD))
def test_threshold_without_a_key_is_refused(tmp_path: Path, missing: str) -> None:
    """There are no default values."""
    with pytest.raises(ConfigurationError, match="missing"):
        load_thresholds(project_with(tmp_path, {key: value for key, value in THRESHOLD.items() if key != missing}))


def test_duplicate_names_and_wrong_classes_are_refused(tmp_path: Path) -> None:
    """A name in a report must identify one threshold."""
    with pytest.raises(ConfigurationError, match="two thresholds"):
        load_thresholds(project_with(tmp_path, THRESHOLD, THRESHOLD))
    for classes in ('all = ["user"]', "reads = []", 'reads = "user"', "reads = [3]", 'reads = ["downlaod"]'):
        with pytest.raises(ConfigurationError, match=r"load\.classes"):
            load_thresholds(project_with(tmp_path, THRESHOLD, classes=classes))


@pytest.mark.parametrize(
    ("profile", "phases", "endpoints", "change", "said"),
    [
        ("soak", ["steady"], ["user"], {}, "no threshold names the profile"),
        ("baseline", ["warm-up"], ["user"], {}, "matches no phase"),
        ("baseline", ["steady"], ["user"], {"phase": "stedy"}, "matches no phase"),
        ("baseline", ["steady"], ["user"], {"phase": "step"}, "matches no phase"),
        ("baseline", ["steady"], ["upload"], {}, "matches no endpoint"),
        ("baseline", ["steady"], [], {}, "matches no endpoint"),
        ("baseline", ["old"], ["user"], COMPARES, "compares nothing"),
    ],
)  # fmt: skip
def test_threshold_that_matches_nothing_is_refused(
    tmp_path: Path, profile: str, phases: list[str], endpoints: list[str], change: Any, said: str
) -> None:
    """It could never break."""
    project = project_with(tmp_path, {**THRESHOLD, **change})
    with pytest.raises(ConfigurationError, match=said):
        thresholds_of(load_thresholds(project), project, profile, phases, endpoints)


def test_threshold_belongs_to_its_profiles_only(tmp_path: Path) -> None:
    """Thresholds of other profiles are left out."""
    project = project_with(tmp_path, THRESHOLD, {**THRESHOLD, "name": "other", "profiles": ["soak"]})
    found = thresholds_of(load_thresholds(project), project, "baseline", ["warm-up", "steady"], ["user", "upload"])
    assert [threshold.name for threshold in found] == ["a"]
    assert found[0].phases_of(["warm-up", "steady"]) == {"steady"}


@timeless
@given(st.text(max_size=20))
def test_unknown_metric_name_is_refused(name: str) -> None:
    """A similar name is no metric."""
    assert (metric_named(name) is not None) == (name in metric_names())


def test_every_metric_name_can_be_used() -> None:
    """Each name in the message for an unknown metric can be used."""
    assert all(metric_named(name) is not None for name in metric_names())


@pytest.mark.parametrize("operator", ["<", "<="])
def test_operator_decides_at_the_limit(operator: str) -> None:
    """Strictly below or at most; NaN is never kept."""
    found = next(threshold for threshold in load_thresholds(ROOT) if threshold.operator == operator)
    kept = found.is_kept_by(found.limit)
    assert kept is (operator == "<=")
    assert found.is_kept_by(math.nextafter(found.limit, -math.inf))
    assert not found.is_kept_by(math.nextafter(found.limit, math.inf))
    assert not found.is_kept_by(math.nan)


def profile_of(name: str) -> tuple[Threshold, ...]:
    """Return the project's thresholds of that profile."""
    return tuple(each for each in load_thresholds(ROOT) if name in each.profiles)


@pytest.mark.parametrize("name", PROFILES)
def test_project_has_every_required_threshold(name: str) -> None:
    """gates.toml and the package agree: nothing is missing and no limit is wider."""
    thresholds = profile_of(name)
    assert missing_thresholds(name, thresholds) == {}
    assert wider_limits(name, thresholds) == []
    assert len(required_of(name)) == len(thresholds)


@timeless
@given(st.sampled_from(PROFILES), st.data())
def test_any_deleted_threshold_is_missing(name: str, data: st.DataObject) -> None:
    """Each deletion is named, whatever the others are."""
    thresholds = profile_of(name)
    kept = data.draw(st.lists(st.sampled_from(thresholds), unique_by=lambda each: each.name, max_size=len(thresholds)))
    assert len(missing_thresholds(name, kept)) == len(thresholds) - len(kept)


def test_smaller_class_is_missing() -> None:
    """A class without downloads does not cover the reads; a class of one's own name does not replace it."""
    thresholds = [
        dataclasses.replace(each, members=frozenset({"user"})) if each.endpoints == "reads" else each
        for each in profile_of("baseline")
    ]
    (reason,) = missing_thresholds("baseline", thresholds).values()
    assert "load.classes.reads does not contain columns, download" in reason


def test_missing_floor_is_missing() -> None:
    """Without it a slow network would read as a slow system."""
    thresholds = [dataclasses.replace(each, needs_network_latency=False) for each in profile_of("soak")]
    reasons = missing_thresholds("soak", thresholds).values()
    assert len(reasons) == 2
    assert all("floor = true" in reason for reason in reasons)


def test_wider_limit_is_shown() -> None:
    """A changed limit is allowed, and the last line names it."""
    thresholds = [
        dataclasses.replace(each, limit=40) if each.metric.name == "error_rate_percent" else each
        for each in profile_of("smoke")
    ]
    assert missing_thresholds("smoke", thresholds) == {}
    assert wider_limits("smoke", thresholds) == ["error_rate_percent limit 40 instead of 5"]


def test_own_profile_requires_what_every_profile_does() -> None:
    """A profile that the package does not know has no empty denominator."""
    assert {each.metric for each in required_of("nightly")} == {
        "wrong_bodies",
        "truncated_responses",
        "closed_while_idle_percent",
    }


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("short", [False, True])
def test_project_profiles_are_the_committed_ones(name: str, short: bool) -> None:
    """The package's copy equals load.toml."""
    profile = load_profile(ROOT, name, short=short)
    committed = COMMITTED[name]
    assert (profile.duration_s, profile.peak) == (committed.seconds[short], committed.peak[short])
    assert mean_rate(profile) == pytest.approx(committed.rate[short])
    assert (dict(profile.mix), profile.systems) == (committed.mix, committed.systems)
    assert narrower_profile(profile) == []
    assert unverified_parts(profile, ()) == []
    wider = dataclasses.replace(profile, timeout_s=600, any_version=True)
    assert len(narrower_profile(wider)) == (1 if name == "availability" else 2)


@pytest.mark.parametrize("name", PROFILES)
def test_weaker_profile_is_named(name: str) -> None:
    """A shorter or slower profile, one without a journey, or with hardly any of one, is named in the last line."""
    profile = load_profile(ROOT, name, short=False)
    shorter = narrower_profile(dataclasses.replace(profile, shapes=profile.shapes[1:]))
    assert "s instead of" in shorter[0]
    slower = [dataclasses.replace(each, rate=each.rate / 20, to_rate=each.to_rate / 20) for each in profile.shapes]
    named = " ".join(narrower_profile(dataclasses.replace(profile, shapes=tuple(slower))))
    assert named.count("arrivals/s instead of") == 2  # the mean, and the peak
    first, *others = profile.mix
    assert narrower_profile(dataclasses.replace(profile, mix=tuple(others)))[0] == f"load.toml leaves out {first[0]}"
    rare = dataclasses.replace(profile, mix=((first[0], first[1] / 100), *others))
    assert narrower_profile(rare) == [f"smaller shares of {first[0]}"]


@pytest.mark.parametrize("name", PROFILES)
def test_profile_without_the_worker_is_not_verified(name: str) -> None:
    """A run that loads only Django says nothing about the Worker, whatever its thresholds."""
    profile = dataclasses.replace(load_profile(ROOT, name, short=True), systems=("legacy",))
    (cause,) = unverified_parts(profile, ())
    assert not cause.failed
    assert f"load.toml [{name}.systems]: expected worker" in cause.reason


@pytest.mark.parametrize("not_sent", [(), ("write worker",)])
def test_availability_without_writes_is_not_verified(not_sent: tuple[str, ...]) -> None:
    """No lost write can be found if the journey is left out of load.toml or not sent in this environment."""
    profile = load_profile(ROOT, "availability", short=True)
    if not not_sent:
        profile = dataclasses.replace(profile, mix=tuple(row for row in profile.mix if row[0] != "write"))
    (cause,) = unverified_parts(profile, not_sent)
    assert (cause.name, cause.failed) == ("acknowledged writes", False)
