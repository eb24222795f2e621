"""gates.toml: the project's thresholds, and the messages for wrong ones, with file, key and fix."""

import math
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cutover.config.validation import ConfigurationError
from cutover.load.metrics import metric_named, metric_names
from cutover.load.thresholds import load_thresholds, thresholds_of

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
        ({"limit": math.nan}, "load.gate 'a'.limit", "expected "),
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
