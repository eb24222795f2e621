"""A KV that takes its time is waited for as long as the environment grants, and no longer."""

from collections.abc import Generator
from pathlib import Path

import pytest
from tests.suite.support.gate_runs import GateRun, run_gate
from tests.suite.verdicts.conftest import MakeProject

from cutover.cli import pair_commands
from cutover.config.environments import load_environment
from cutover.config.validation import root
from cutover.embedded import pair
from cutover.embedded.state import PairState

pytestmark = pytest.mark.verdicts

DELAY_S = 2.0
LOGOUT = "test_logout_revokes_tokens"


@pytest.fixture(scope="module")
def late_pair() -> Generator[PairState]:
    """A pair whose KV shows a write two seconds later."""
    handle = pair.start(pair.anonymous_name(), owned=True, options=pair.PairOptions(kv_delay_s=DELAY_S))
    try:
        yield handle.wait(90)
    finally:
        handle.stop()


def measured(done: GateRun) -> dict[str, float]:
    """What the logout check measured on the Worker."""
    (record,) = [record for record in done.records if f"{LOGOUT}[worker]" in record["check"]]
    return {figure["name"]: figure["value"] for figure in record["observations"]["measured"]}


def test_delayed_logout_is_waited_for(late_pair: PairState, tmp_path: Path) -> None:
    """The whole gate is GO, and the evidence tells how long the logout took to be seen."""
    done = run_gate("-m", "smoke", "--env", "embedded", "--pair", late_pair.name, reports=tmp_path / "reports")
    assert done.code == 0, done.output
    deadline = load_environment(root(), "embedded", pair=late_pair).kv_propagation_s
    # Measured from the logout's answer, while the delay begins with the write shortly before.
    assert DELAY_S - 0.1 <= measured(done)["access_token refused within (s)"] <= deadline


def test_parity_waits_for_a_logout_to_be_seen(late_pair: PairState, tmp_path: Path) -> None:
    """The journeys that log out are as declared on an honest Worker, whose KV is late."""
    journeys = "account_from_first_to_last_day or sessions_side_by_side"
    named = ("-m", "parity", "--env", "embedded", "--pair", late_pair.name)
    done = run_gate(*named, "-k", journeys, reports=tmp_path / "reports")
    assert done.code == 10, done.output  # -k: partial
    assert "2 of " in done.last_line
    assert "failed" not in done.last_line


def test_delay_beyond_the_deadline_is_no_go(late_pair: PairState, make_project: MakeProject, tmp_path: Path) -> None:
    """An environment that grants less than KV takes fails the check, and says what lives on."""
    impatient = (
        f'\n[impatient]\nsafety = "test-data"\nkv_propagation_s = 0.5\nworker = {{ url = "{late_pair.worker_url}" }}\n'
        'legacy = { absent = "not asked" }\nbudget = { requests = 60000, window_s = 60 }\n'
    )
    project = make_project((root() / "tests/smoke/test_accounts.py").read_text(), environments=impatient)
    done = run_gate(
        "-m", "smoke", "--env", "impatient", "-k", LOGOUT, reports=tmp_path / "reports", project=project
    )  # fmt: skip
    assert done.code == 1, done.output
    assert "logout:access_token-lives" in done.output
    assert "401 within 0.5 s of the logout" in done.output


def test_pair_grants_its_own_delay_and_shows_it(late_pair: PairState, capsys: pytest.CaptureFixture[str]) -> None:
    """kv_propagation_s is the table's value, or two seconds more than the pair's delay where that is longer."""
    import argparse
    import dataclasses

    for delay, granted in ((0.0, 5), (DELAY_S, 5), (5.0, 7), (60.0, 62)):
        late = dataclasses.replace(late_pair, kv_delay_s=delay)
        assert load_environment(root(), "embedded", pair=late).kv_propagation_s == granted
    parser = argparse.ArgumentParser()
    pair_commands.add_parser(parser.add_subparsers())
    args = parser.parse_args(["pair", "status", "--name", late_pair.name])
    assert args.run(args) == 0
    assert "a write is seen after 2 s" in capsys.readouterr().out
    for wrong in ("-1", "nan", "301"):
        args = parser.parse_args(["pair", "up", "--name", late_pair.name, "--kv-delay", wrong])
        assert args.run(args) == 4


def test_planted_defect_on_such_a_pair_is_not_delayed(late_pair: PairState, tmp_path: Path) -> None:
    """A control twin shows the logout at once, and afterwards the delay is back."""
    gate = ("-m", "smoke", "--env", "embedded", "--pair", late_pair.name, "-k", f"{LOGOUT} and worker")
    pair.serve(late_pair.name, "worker", "logout-keeps-refresh", "control")
    try:
        done = run_gate(*gate, reports=tmp_path / "planted")
    finally:
        pair.serve(late_pair.name, "worker", None)
    assert measured(done)["access_token refused within (s)"] < 1
    back = run_gate(*gate, reports=tmp_path / "back")
    assert measured(back)["access_token refused within (s)"] >= DELAY_S - 0.1
