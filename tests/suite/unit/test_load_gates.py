"""gates.toml: the project's own file, and every wrong one ends with a message that names file, key and fix."""

import math
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cutover.config.validation import ConfigurationError
from cutover.load.metrics import metric_named, metric_names
from cutover.load.thresholds import gates_of, load_gates

pytestmark = pytest.mark.unit
timeless = settings(deadline=None)  # a busy machine is slow, which is not what is tested here

ROOT = Path(__file__).parents[3]
GATE: dict[str, Any] = {
    "name": "a", "plan": "b", "metric": "p95_ms", "operator": "<", "limit": 100, "endpoints": "reads",
    "phase": "judged", "minimum": 200, "profiles": ["baseline"],
}  # fmt: skip
COMPARES = {"metric": "p95_ratio", "phase": "compared", "minimum": 5000}


def written(folder: Path, *gates: dict[str, Any], classes: str = 'reads = ["user"]') -> Path:
    """A project whose gates.toml holds these."""

    def value(one: Any) -> str:
        if isinstance(one, list):
            return f"[{', '.join(map(value, one))}]"
        if isinstance(one, bool):
            return "true" if one else "false"
        return f'"{one}"' if isinstance(one, str) else repr(one)

    rows = ["[[load.gate]]\n" + "\n".join(f"{key} = {value(one)}" for key, one in gate.items()) for gate in gates]
    (folder / "contracts").mkdir(exist_ok=True)
    for file in ("load.toml", "contracts/operations.toml"):
        shutil.copy(ROOT / file, folder / file)
    (folder / "gates.toml").write_text("\n".join([f"[load.classes]\n{classes}", *rows]) + "\n")
    return folder


def test_the_projects_gates_are_the_plans() -> None:
    """Each limit that the plan gives stands there once, with its operator and on its endpoints."""
    found = {
        (gate.metric.name, gate.operator, gate.limit, gate.endpoints, gate.floor)
        for gate in load_gates(ROOT)
        if gate.phase == "judged"
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
        ({"metric": "p42_ms"}, "load.gate 'a'.metric", "is no metric"),
        ({"metric": "error_rate"}, "load.gate 'a'.metric", "error_rate_percent"),
        ({"operator": ">"}, "load.gate 'a'.operator", "One of: <, <="),
        ({"limit": -1}, "load.gate 'a'.limit", "expected "),
        ({"limit": 0}, "load.gate 'a'.limit", "nothing is below zero"),
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
        ({"metric": "dropped", "floor": True}, "load.gate 'a'.floor", "no floor"),
        ({"profiles": []}, "load.gate 'a'.profiles", "no profile"),
        ({"profiles": ["availabilty"]}, "load.gate 'a'.profiles", "'availabilty' is not known. One of: smoke"),
        ({"profiles": "baseline"}, "load.gate 'a'.profiles", "a list"),
        ({"limits": 3}, "load.gate 'a'.limits", "unknown key"),
        ({"name": ""}, "load.gate 1.name", "empty"),
    ],
)  # fmt: skip
def test_a_wrong_gate_is_refused_with_its_place(tmp_path: Path, change: Any, key: str, said: str) -> None:
    """File, key and fix."""
    with pytest.raises(ConfigurationError) as refused:
        load_gates(written(tmp_path, {**GATE, **change}))
    assert refused.value.key == key
    assert said in str(refused.value)
    assert "gates.toml" in str(refused.value)


@pytest.mark.parametrize("missing", sorted(GATE))
def test_a_gate_with_a_key_missing_is_refused(tmp_path: Path, missing: str) -> None:
    """No default stands in for a limit."""
    with pytest.raises(ConfigurationError, match="missing"):
        load_gates(written(tmp_path, {key: value for key, value in GATE.items() if key != missing}))


def test_two_gates_of_one_name_and_bad_classes_are_refused(tmp_path: Path) -> None:
    """A reason in a report must lead to one line."""
    with pytest.raises(ConfigurationError, match="two gates"):
        load_gates(written(tmp_path, GATE, GATE))
    for classes in ('all = ["user"]', "reads = []", 'reads = "user"', "reads = [3]", 'reads = ["downlaod"]'):
        with pytest.raises(ConfigurationError, match=r"load\.classes"):
            load_gates(written(tmp_path, GATE, classes=classes))


@pytest.mark.parametrize(
    ("profile", "phases", "endpoints", "change", "said"),
    [
        ("soak", ["steady"], ["user"], {}, "no gate names the profile"),
        ("baseline", ["warm-up"], ["user"], {}, "matches no phase"),
        ("baseline", ["steady"], ["user"], {"phase": "stedy"}, "matches no phase"),
        ("baseline", ["steady"], ["user"], {"phase": "step"}, "matches no phase"),
        ("baseline", ["steady"], ["upload"], {}, "matches no endpoint"),
        ("baseline", ["steady"], [], {}, "matches no endpoint"),
        ("baseline", ["old"], ["user"], COMPARES, "compares nothing"),
    ],
)  # fmt: skip
def test_a_gate_that_matches_nothing_ends_the_run_before_it_starts(
    tmp_path: Path, profile: str, phases: list[str], endpoints: list[str], change: Any, said: str
) -> None:
    """It could not fail, so it would be kept for ever."""
    project = written(tmp_path, {**GATE, **change})
    with pytest.raises(ConfigurationError, match=said):
        gates_of(load_gates(project), project, profile, phases, endpoints)


def test_a_gate_that_matches_is_given_to_its_profile_alone(tmp_path: Path) -> None:
    """The others' are left out."""
    project = written(tmp_path, GATE, {**GATE, "name": "other", "profiles": ["soak"]})
    found = gates_of(load_gates(project), project, "baseline", ["warm-up", "steady"], ["user", "upload"])
    assert [gate.name for gate in found] == ["a"]
    assert found[0].phases_of(["warm-up", "steady"]) == {"steady"}


@timeless
@given(st.text(max_size=20))
def test_only_named_metrics_are_metrics(name: str) -> None:
    """Nothing that merely looks like one."""
    assert (metric_named(name) is not None) == (name in metric_names())


def test_every_named_metric_is_there() -> None:
    """What the message offers can be used."""
    assert all(metric_named(name) is not None for name in metric_names())


@pytest.mark.parametrize("operator", ["<", "<="])
def test_the_operator_decides_at_the_limit(operator: str) -> None:
    """Strictly below, or at most; what is no number keeps nothing."""
    found = next(gate for gate in load_gates(ROOT) if gate.operator == operator)
    kept = found.kept_by(found.limit)
    assert kept is (operator == "<=")
    assert found.kept_by(math.nextafter(found.limit, -math.inf))
    assert not found.kept_by(math.nextafter(found.limit, math.inf))
    assert not found.kept_by(math.nan)
