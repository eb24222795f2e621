"""Checks wait for a slow KV as long as the environment allows, and no longer."""

from collections.abc import Generator
from pathlib import Path

import pytest
from tests.suite.support.gate_runs import GateRun, run_gate
from tests.suite.verdicts.conftest import ProjectFactory

from cutover.cli import pair_commands
from cutover.config.environments import load_environment
from cutover.config.validation import root
from cutover.embedded import pair
from cutover.embedded.state import PairState

pytestmark = pytest.mark.verdicts

DELAY_S = 2.0
LOGOUT = "test_logout_revokes_tokens"


@pytest.fixture(scope="module")
def delayed_pair() -> Generator[PairState]:
    """Yield a pair whose KV returns a write two seconds later."""
    handle = pair.start(pair.anonymous_name(), owned=True, options=pair.PairOptions(kv_delay_s=DELAY_S))
    try:
        yield handle.wait(90)
    finally:
        handle.stop()


def measured(done: GateRun) -> dict[str, float]:
    """Return the values that the logout check measured on the Worker."""
    (record,) = [record for record in done.records if f"{LOGOUT}[worker]" in record["check"]]
    return {figure["name"]: figure["value"] for figure in record["observations"]["measured"]}


def test_delayed_logout_is_go(delayed_pair: PairState, tmp_path: Path) -> None:
    """The whole gate is GO, and the evidence contains the time until the logout took effect."""
    done = run_gate("-m", "smoke", "--env", "embedded", "--pair", delayed_pair.name, reports=tmp_path / "reports")
    assert done.code == 0, done.output
    deadline = load_environment(root(), "embedded", pair=delayed_pair).kv_propagation_s
    # Measured from the logout's response. The delay starts at the write, shortly before.
    assert DELAY_S - 0.1 <= measured(done)["access_token refused within (s)"] <= deadline


def test_parity_waits_for_a_delayed_logout(delayed_pair: PairState, tmp_path: Path) -> None:
    """Journeys that log out show no undeclared difference on a Worker with a slow KV."""
    journeys = "account_from_first_to_last_day or sessions_side_by_side"
    named = ("-m", "parity", "--env", "embedded", "--pair", delayed_pair.name)
    done = run_gate(*named, "-k", journeys, reports=tmp_path / "reports")
    assert done.code == 10, done.output  # -k: partial
    assert "3 of " in done.last_line  # with the search of all answers for foreign data
    assert "failed" not in done.last_line


def test_delay_beyond_the_deadline_is_no_go(
    delayed_pair: PairState, project_factory: ProjectFactory, tmp_path: Path
) -> None:
    """If KV takes longer than the environment allows, the check fails and names the token that still works."""
    impatient = (
        f'\n[impatient]\nsafety = "test-data"\nkv_propagation_s = 0.5\n'
        f'worker = {{ url = "{delayed_pair.worker_url}" }}\n'
        'legacy = { absent = "not asked" }\nbudget = { requests = 60000, window_s = 60 }\n'
    )
    project = project_factory((root() / "tests/smoke/test_accounts.py").read_text(), environments=impatient)
    done = run_gate(
        "-m", "smoke", "--env", "impatient", "-k", LOGOUT, reports=tmp_path / "reports", project=project
    )  # fmt: skip
    assert done.code == 1, done.output
    assert "logout:access_token-lives" in done.output
    assert "401 within 0.5 s of the logout" in done.output


def test_pair_with_a_delay_allows_for_it(delayed_pair: PairState, capsys: pytest.CaptureFixture[str]) -> None:
    """kv_propagation_s is the table's value, or the pair's delay plus two seconds if that is longer."""
    import argparse
    import dataclasses

    for delay, granted in ((0.0, 5), (DELAY_S, 5), (5.0, 7), (60.0, 62)):
        late = dataclasses.replace(delayed_pair, kv_delay_s=delay)
        assert load_environment(root(), "embedded", pair=late).kv_propagation_s == granted
    parser = argparse.ArgumentParser()
    pair_commands.add_parser(parser.add_subparsers())
    args = parser.parse_args(["pair", "status", "--name", delayed_pair.name])
    assert args.run(args) == 0
    assert "a write is visible after 2 s" in capsys.readouterr().out
    for wrong in ("-1", "nan", "301"):
        args = parser.parse_args(["pair", "up", "--name", delayed_pair.name, "--kv-delay", wrong])
        assert args.run(args) == 4


def test_fault_on_a_delayed_pair_has_no_delay(delayed_pair: PairState, tmp_path: Path) -> None:
    """The control of a fault shows the logout at once. Afterwards the delay is active again."""
    gate = ("-m", "smoke", "--env", "embedded", "--pair", delayed_pair.name, "-k", f"{LOGOUT} and worker")
    pair.serve(delayed_pair.name, "worker", "logout-keeps-refresh", "control")
    try:
        done = run_gate(*gate, reports=tmp_path / "planted")
    finally:
        pair.serve(delayed_pair.name, "worker", None)
    assert measured(done)["access_token refused within (s)"] < 1
    back = run_gate(*gate, reports=tmp_path / "back")
    assert measured(back)["access_token refused within (s)"] >= DELAY_S - 0.1
