"""pytest's side of a gate: options, environment, evidence, and the verdict as exit code.

Registered as an entry point, so that leaving conftest.py out does not leave the verdict out. This
module is imported by every pytest in the virtual environment: what costs time is imported only when
a gate runs.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from cutover.pytest_plugin.session import GateSession


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of gate runs."""
    group = parser.getgroup("cutover", "gates (docs/gates.md)")
    group.addoption(
        "--env", dest="cutover_env", metavar="NAME", help="environment of environments.toml, or an https URL"
    )
    group.addoption(
        "--worker-version", dest="cutover_version", metavar="ID",
        help="ask for this version of the Worker by Cloudflare's override, and prove that it answered",
    )  # fmt: skip
    group.addoption(
        "--pair", dest="cutover_pair", metavar="NAME",
        help="running pair that `embedded` means (CUTOVER_PAIR; `default`, else one is started for this run)",
    )  # fmt: skip
    group.addoption(
        "--run-nonce", dest="cutover_nonce", metavar="TEXT",
        help="copied into verdict.json, so that the caller knows the verdict is this run's (CUTOVER_NONCE)",
    )  # fmt: skip
    group.addoption(
        "--show-values", dest="cutover_show_values", action="store_true",
        help="quote what successful answers hold; it may be users' data, so keep such a report to yourself",
    )  # fmt: skip
    group.addoption(
        "--reports", dest="cutover_reports", metavar="DIR", help="where the run's folder is made (default: reports/)"
    )
    group.addoption(
        "--ready-tries", dest="cutover_ready_tries", type=int, metavar="N",
        help="how often to ask whether the systems are up (default: the environment's)",
    )  # fmt: skip
    group.addoption(
        "--shorten", dest="cutover_shortening_s", type=float, metavar="S", default=25.0,
        help="seconds in which parity looks for the shortest journey to what it found (default: 25; 0: not at all)",
    )  # fmt: skip
    group.addoption(
        "--contract-minutes", dest="cutover_contract_minutes", type=float, metavar="M",
        help="minutes that the contract gate may take: requests are divided over the operations as the budget allows, "
        "what is not reached counts as not verified (default: as long as it takes)",
    )  # fmt: skip
    group.addoption(
        "--direction", dest="cutover_direction", choices=("forward", "reverse"), default="forward",
        help="migration: from Django to the Worker (default), or back after a rollback",
    )  # fmt: skip
    group.addoption(
        "--ready-interval", dest="cutover_ready_interval", type=float, metavar="S", help="seconds between the tries"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Register the marks, and a session where a gate may run."""
    for line in (
        "system(name, …): the systems that the check is made on; it gets them as the fixture `target`",
        "level(name): the least safety level that the check needs: read-only (default), test-data, disposable",
        "needs(capability, …): what the environment must have for it (environments.CAPABILITIES)",
        "accounts(number): how many accounts the check uses at the same time (default: 1)",
        "plan(section): where in the plan the promise stands",
        "never_waived(why): no waiver may cover this check",
    ):
        config.addinivalue_line("markers", line)
    if config.option.help or getattr(config.option, "version", 0):
        return
    from cutover.pytest_plugin.selection import may_run_a_gate

    if may_run_a_gate(config.option.markexpr):
        from cutover.config.validation import ConfigurationError
        from cutover.pytest_plugin.session import GateSession

        try:
            session = GateSession(config)
        except ConfigurationError as error:
            raise pytest.UsageError(str(error)) from None
        config.pluginmanager.register(session, "cutover-session")


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
    """Make a check once for each system that it names, whatever the environment has: ids never vary."""
    if "target" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("system")
        if marker is None:
            raise pytest.UsageError(f"{metafunc.definition.nodeid} uses `target` and names no system(…)")
        metafunc.parametrize("target", marker.args, indirect=True, ids=marker.args)


def gate_session(config: pytest.Config) -> GateSession:
    """The session of this gate run. Raises UsageError where there is none."""
    session: GateSession | None = config.pluginmanager.get_plugin("cutover-session")
    if session is None:
        raise pytest.UsageError("a check of a gate runs without the gate: select it by its marker, -m smoke")
    return session


def named_environment(config: pytest.Config) -> str | None:
    """What --env or CUTOVER_ENV names; None when neither does, or with an empty name."""
    name: str | None = config.option.cutover_env
    return (os.environ.get("CUTOVER_ENV") if name is None else name) or None
