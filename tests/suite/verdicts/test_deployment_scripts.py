"""The scripts of examples/ on the embedded pair: each line runs, and nothing runs after a gate that is not GO."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from tests.suite.support.deployment_scripts import SCRIPTS, ScriptRun, executable_lines, run_script

from cutover.embedded import pair
from cutover.embedded.state import PairState

pytestmark = pytest.mark.verdicts

PREFLIGHT = ("pytest -m preflight", "pytest -m preflight")
BUILD = ("npm run typecheck", "npm run lint", "npm run test:ci", "npm run build")
STAGING = ("wrangler deploy --env staging", "pytest -m smoke", "pytest -m contract")
PRODUCTION = ("wrangler deploy --env production", "pytest -m smoke")
SUCCESS, FAILURE = ("notify-deployment.sh success",), ("notify-deployment.sh failure",)
OTHER_VERSION = "11111111-2222-4333-8444-555555555555"

Scenario = Callable[[str], ScriptRun]


def _terminate(marker: Path) -> Callable[["subprocess.Popen[str]"], None]:
    """Return a function that ends the script's process group as soon as the marker exists."""

    def end(running: "subprocess.Popen[str]") -> None:
        deadline = time.monotonic() + 120
        while not marker.exists() and running.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        os.killpg(running.pid, signal.SIGTERM)

    return end


@pytest.fixture(scope="module")
def scenario(own_pair: PairState, tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    """Return a function that runs a scenario once and returns its result to every test that asks for it."""
    finished: dict[str, ScriptRun] = {}

    def run(name: str) -> ScriptRun:
        if name not in finished:
            folder = tmp_path_factory.mktemp("deployment")
            script, arguments, options = _scenarios(own_pair, folder)[name]
            try:
                if name in SERVED:
                    pair.serve(own_pair.name, *SERVED[name])
                finished[name] = run_script(script, *arguments, folder=folder, pair=own_pair, **options)
            finally:
                pair.serve(own_pair.name, "worker", None)
                if SERVED.get(name, ("",))[0] == "preflight":
                    pair.serve(own_pair.name, "preflight", None)
        return finished[name]

    return run


def _scenarios(own_pair: PairState, folder: Path) -> dict[str, tuple[str, tuple[str, ...], dict[str, Any]]]:
    """Return name -> script, arguments and options of run_script."""
    deploy, validate = SCRIPTS
    marker = folder / "deploying"

    def on_staging(**order: Any) -> dict[str, Any]:
        return {"deployments": {"staging": order}}

    return {
        "everything is GO": (deploy, (), {}),
        "staging is broken": (deploy, (), on_staging(fault="health-from-cache")),
        "production is broken": (
            deploy, (), {"deployments": {"production": {"fault": "health-from-cache"}}, "STANDIN_NOTIFY": "1"},
        ),
        "another version answers": (deploy, (), on_staging(versions=[OTHER_VERSION])),
        "no version is reported": (deploy, (), on_staging(versions=[])),
        "the build fails": (deploy, (), {"build": "exit 7"}),
        "a signal ends the script": (deploy, (), {**on_staging(wait_for=str(marker)), "during": _terminate(marker)}),
        "no token": (deploy, (), {"CLOUDFLARE_API_TOKEN": ""}),
        "configuration is broken": (deploy, (), {}),
        "contract is broken": (validate, (own_pair.version_id,), {}),
        "no argument": (validate, (), {}),
    }  # fmt: skip


SERVED: dict[str, tuple[Literal["worker", "preflight"], str]] = {
    "contract is broken": ("worker", "extension-anywhere"),
    "configuration is broken": ("preflight", "dns_server_lame"),
}
"""Scenario -> system and fault that are served before the script starts."""

ALL = (
    "everything is GO", "staging is broken", "production is broken", "another version answers",
    "no version is reported", "a signal ends the script", "no token", "no argument",
)  # fmt: skip


def test_deployment_runs_every_step_in_order(scenario: Scenario) -> None:
    """With every gate GO: preflight of both, build, staging with its gates, production with its gate, success."""
    done = scenario("everything is GO")
    assert done.code == 0, done.output
    assert done.steps == (*PREFLIGHT, *BUILD, *STAGING, *PRODUCTION, *SUCCESS), done.output
    for gate, number in (("preflight", 2), ("smoke", 2), ("contract", 1)):
        assert done.output.count(f"{gate} GO: embedded") == number, done.output


@pytest.mark.parametrize(
    ("name", "code", "steps", "message"),
    [
        ("staging is broken", 1, (*PREFLIGHT, *BUILD, *STAGING[:2]), "smoke NO-GO"),
        ("production is broken", 1, (*PREFLIGHT, *BUILD, *STAGING, *PRODUCTION), "wrangler rollback --env production"),
        ("another version answers", 11, (*PREFLIGHT, *BUILD, *STAGING[:2]), "smoke INVALID"),
        ("no version is reported", 4, (*PREFLIGHT, *BUILD, STAGING[0]), "expected one version id, got ''"),
        ("the build fails", 7, (*PREFLIGHT, *BUILD), "stopped at: build (exit code 7)"),
        ("a signal ends the script", 2, (*PREFLIGHT, *BUILD, STAGING[0]), "stopped at: deploy to staging"),
        ("no token", 4, (), "CLOUDFLARE_API_TOKEN: expected a token"),
        ("configuration is broken", 1, PREFLIGHT[:1], "preflight NO-GO"),
    ],
)
def test_failed_step_stops_deployment(
    scenario: Scenario, name: str, code: int, steps: tuple[str, ...], message: str
) -> None:
    """The script ends with the code of the failed step, and only the notification of the failure runs after it."""
    done = scenario(name)
    assert done.code == code, done.output
    assert done.steps == (*steps, *FAILURE), done.output
    assert message in done.output


def test_failed_notification_keeps_the_exit_code(scenario: Scenario) -> None:
    """A notification that cannot be sent is reported, and the exit code is that of the gate."""
    done = scenario("production is broken")
    assert done.code == 1, done.output
    assert "the notification was not sent" in done.output


def test_broken_contract_ends_staging_validation(scenario: Scenario) -> None:
    """Smoke is GO and contract is not: the exit code is that of the contract gate."""
    done = scenario("contract is broken")
    assert done.code == 1, done.output
    assert done.steps == STAGING[1:], done.output
    assert "smoke GO" in done.output
    assert "contract NO-GO" in done.output


def test_staging_validation_needs_a_version(scenario: Scenario) -> None:
    """Without the version no gate runs, because another version could answer."""
    done = scenario("no argument")
    assert (done.code, done.steps) == (4, ()), done.output
    assert "usage:" in done.output


def test_every_line_of_the_scripts_is_executed(scenario: Scenario) -> None:
    """Together the runs execute every line, by bash's own trace."""
    executed = set().union(*(scenario(name).lines for name in ALL))
    executed -= {(script, 1) for script in SCRIPTS}  # bash counts the command of a signal's trap as line 1
    wanted = set().union(*(executable_lines(script) for script in SCRIPTS))
    assert wanted - executed == set()
    assert executed <= wanted  # so the trace and the lines are counted the same way
