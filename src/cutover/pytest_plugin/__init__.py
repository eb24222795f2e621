"""The pytest plugin of the gates: options, environment, evidence, and the verdict as exit code.

It is an installed entry point, so a run without conftest.py still ends with a verdict. Every pytest in the virtual
environment imports this module: expensive imports wait until a gate runs.
"""

from __future__ import annotations

import itertools
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cutover.config import option_help
from cutover.run.signals import end_at_once, end_with_meaning, interrupt_on_signals

if TYPE_CHECKING:
    from cutover.pytest_plugin.session import GateSession


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of gate runs."""
    if any(word.partition("=")[0] == "--env" for word in sys.argv) and "PYTEST_XDIST_WORKER" not in os.environ:
        end_at_once()
        end_with_meaning()
    group = parser.getgroup("cutover", "gates (docs/gates.md)")
    group.addoption("--env", dest="cutover_env", metavar="NAME", help=f"{option_help.ENVIRONMENT}, or an https URL")
    group.addoption("--worker-version", dest="cutover_version", metavar="ID", help=option_help.WORKER_VERSION)
    group.addoption(
        "--pair", dest="cutover_pair", metavar="NAME",
        help=f"{option_help.PAIR}; if that pair is not up, one is started for this run",
    )  # fmt: skip
    group.addoption(
        "--run-nonce", dest="cutover_nonce", metavar="TEXT",
        help="copied into verdict.json, so that the caller knows the verdict is this run's (CUTOVER_NONCE)",
    )  # fmt: skip
    group.addoption("--show-values", dest="cutover_show_values", action="store_true", help=option_help.SHOW_VALUES)
    group.addoption("--reports", dest="cutover_reports", metavar="DIR", help=option_help.REPORTS)
    group.addoption(
        "--ready-tries", dest="cutover_ready_tries", type=int, metavar="N",
        help="attempts to reach the systems before the run is INVALID (default: the environment's)",
    )  # fmt: skip
    group.addoption(
        "--shorten", dest="cutover_shortening_s", type=float, metavar="S", default=25.0,
        help="seconds that parity may spend on shortening a journey with a difference (default: 25; 0: do not shorten)",
    )  # fmt: skip
    group.addoption(
        "--contract-minutes", dest="cutover_contract_minutes", type=float, metavar="M",
        help="time limit of the contract gate: requests are divided over the operations within the budget, and "
        "operations that are not reached count as not verified (default: no limit)",
    )  # fmt: skip
    group.addoption(
        "--direction", dest="cutover_direction", choices=("forward", "reverse"), default="forward",
        help="migration: from Django to the Worker (default), or back after a rollback",
    )  # fmt: skip
    group.addoption(
        "--wrangler", dest="cutover_wrangler", metavar="FILE",
        help="preflight: the Wrangler configuration to check (default: preflight.wrangler.file of the environment)",
    )  # fmt: skip
    group.addoption(
        "--d1-before", dest="cutover_d1_before", type=Path, metavar="FILE",
        help="migration: an export (wrangler d1 export) or SQLite file of D1 from before the migration run; the tables "
        "that only the Worker has must not have changed since",
    )  # fmt: skip
    group.addoption(
        "--ready-interval", dest="cutover_ready_interval", type=float, metavar="S", help="seconds between the tries"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, and a gate session if a gate may run."""
    for line in (
        "system(name, …): the systems under test; the check gets each of them as the fixture `target`",
        "level(name): the lowest safety level that the check needs: read-only (default), test-data, disposable",
        "needs(capability, …): capabilities that the environment must have (environments.CAPABILITIES)",
        "owns(operation, …): preconditions that are its subject: a broken one fails it and blocks the other checks",
        "accounts(number): number of accounts that the check uses at the same time (default: 1)",
        "plan(section): section of the plan that contains the promise",
        "never_waived(why): no waiver may cover this check",
        "rule(name): the rule of core/rule_table.py that the check judges (docs/rules.md)",
    ):
        config.addinivalue_line("markers", line)
    if config.option.help or getattr(config.option, "version", 0):
        return
    from cutover.pytest_plugin.selection import may_run_a_gate

    if may_run_a_gate(config.option.markexpr):
        from cutover.config.validation import ConfigurationError
        from cutover.pytest_plugin.session import GateSession

        if config.option.markexpr and named_environment(config) is not None:
            for plugin in ("cutover-session", "terminal"):
                if config.pluginmanager.is_blocked(plugin):
                    raise pytest.UsageError(f"-p no:{plugin}: a gate run needs this plugin. Leave the option out.")

        try:
            session = GateSession(config)
        except ConfigurationError as error:
            raise pytest.UsageError(str(error)) from None
        config.pluginmanager.register(session, "cutover-session")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart() -> None:
    """From here on pytest itself ends an interrupted run, with its verdict."""
    interrupt_on_signals()


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Refuse options with which pytest prints something and ends with 0, so that no gate ends with 0 by mistake."""
    from cutover.pytest_plugin.selection import may_run_a_gate

    option = config.option
    if sys.flags.optimize and may_run_a_gate(option.markexpr):
        raise pytest.UsageError("PYTHONOPTIMIZE: Python would leave out every assert. Unset it, or leave out -O.")
    markexpr, environment = option.markexpr, named_environment(config)
    if option.help:  # pytest stops reading the options at this one
        words = list(config.invocation_params.args)
        markexpr = markexpr or "".join(after for word, after in itertools.pairwise(words) if word == "-m")
        environment = environment or next((word for word in words if str(word).startswith("--env")), None)
    if not (markexpr and may_run_a_gate(str(markexpr)) and environment is not None):
        return
    for name, given in (("--help", option.help), ("--version", option.version), ("--markers", option.markers)):
        if given:
            raise pytest.UsageError(
                f"{name}: runs no check and ends with 0. Leave it out of a gate run, also in PYTEST_ADDOPTS."
            )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Skip the folders of tests that -m cannot select: a folder below tests/ or tests/suite/ has its marker's name.

    A check of a gate that is kept in another folder is missing in the manifest's denominator, so this hides nothing.
    """
    tests = config.rootpath / "tests"
    if not config.option.markexpr or collection_path.parent not in (tests, tests / "suite"):
        return None
    if not collection_path.is_dir():
        return None
    from cutover.pytest_plugin.selection import SUITE_MARKERS, selects

    names = SUITE_MARKERS if collection_path == tests / "suite" else (collection_path.name,)
    return None if any(selects(config.option.markexpr, name) for name in names) else True


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize a check with each system that it names, in every environment: its ids are always the same."""
    if "target" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("system")
        if marker is None:
            raise pytest.UsageError(f"{metafunc.definition.nodeid} uses `target` and names no system(…)")
        metafunc.parametrize("target", marker.args, indirect=True, ids=marker.args)


def gate_session(config: pytest.Config) -> GateSession:
    """Return the session of this gate run. Raises UsageError if there is none."""
    session: GateSession | None = config.pluginmanager.get_plugin("cutover-session")
    if session is None:
        raise pytest.UsageError("a check of a gate runs without the gate: select it by its marker, -m smoke")
    return session


def named_environment(config: pytest.Config) -> str | None:
    """Return the name in --env or CUTOVER_ENV, None without one."""
    name: str | None = config.option.cutover_env
    return (os.environ.get("CUTOVER_ENV") if name is None else name) or None
