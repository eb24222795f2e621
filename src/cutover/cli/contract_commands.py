"""The `cutover contract` commands: lint, compare, legacy, explore. The gate itself is `pytest -m contract`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cutover.config.validation import ConfigurationError, root


def add_parser(commands: Any) -> None:
    """Add the commands to the `cutover` command."""
    contract = commands.add_parser("contract", help="the OpenAPI documents, and requests drawn from them")
    inner = contract.add_subparsers(dest="contract", required=True)
    lint = inner.add_parser("lint", help="what the documents leave open or out (default: both of ours)")
    lint.add_argument(
        "files", nargs="*", metavar="FILE", help="documents of the Worker's API; default: ours of both systems"
    )
    lint.set_defaults(run=_lint)
    compare = inner.add_parser("compare", help="breaking differences of an environment's own documents from ours")
    _environment(compare)
    compare.set_defaults(run=_compare)
    legacy = inner.add_parser("legacy", help="compare legacy.openapi.yaml with the reference's views, or write it")
    legacy.add_argument("--write", action="store_true", help="write the file instead of comparing")
    legacy.set_defaults(run=_legacy)
    explore = inner.add_parser("explore", help="other requests each time, until the time is over")
    _environment(explore)
    explore.add_argument("--minutes", type=float, default=10.0, metavar="N", help="how long (default: 10)")
    explore.add_argument("--seed", metavar="TEXT", help="draw what a run with this seed drew")
    explore.add_argument("--system", choices=("worker", "legacy"), default="worker")
    explore.add_argument("--operation", action="append", metavar="NAME", help="only this one; may be given again")
    explore.add_argument("--show-values", action="store_true", help="do not mask users' values in the report")
    explore.add_argument(
        "--reports", type=Path, metavar="DIR", help="where the run's folder is made (default: reports/)"
    )
    explore.set_defaults(run=_explore)


def _environment(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--env", metavar="NAME", help="environment of environments.toml (CUTOVER_ENV)")
    parser.add_argument("--pair", metavar="NAME", help="running pair that `embedded` means (CUTOVER_PAIR; default)")


def _lint(options: argparse.Namespace) -> int:
    from cutover.config.operations import load_operations
    from cutover.contract.document import FILES, read_contract
    from cutover.contract.lint import lint

    project = root()
    operations = load_operations(project / "contracts" / "operations.toml", {}, {}, "ours")
    files = [(Path(name), "worker") for name in options.files] or [
        (project / name, system) for system, name in FILES.items()
    ]
    return _told(
        [f"{file}: {line}" for file, system in files for line in lint(read_contract(file), operations[system])]
    )


def _compare(options: argparse.Namespace) -> int:
    from cutover.client.http import Client
    from cutover.config.environment_option import named_environment
    from cutover.contract.findings import told_of
    from cutover.contract.served_documents import differences
    from cutover.core.errors import CheckFailed, MeasurementError
    from cutover.core.recorder import Recorder
    from cutover.core.safety import KillSwitch
    from cutover.core.verdict import ExitCode
    from cutover.systems.target import Target

    project = root()
    environment, _ = named_environment(project, options.env, options.pair)
    if not environment.contracts:
        raise ConfigurationError(
            project / "environments.toml", f"{environment.name}.contract", "names no document", "Add one to compare."
        )
    recorder = Recorder()
    client = Client(environment, recorder=recorder, rate_limiter=None, kill_switch=KillSwitch(project), run="compare")
    lines: list[str] = []
    try:
        for system in environment.contracts:
            found = differences(project, Target(system, environment, client, recorder))
            lines += [line for finding in found for line in told_of(finding)]
    except CheckFailed as error:
        return _told([str(error)])
    except MeasurementError as error:
        _told([str(error)])
        return ExitCode.INVALID
    finally:
        client.close()
    return _told(lines)


def _legacy(options: argparse.Namespace) -> int:
    from cutover.contract.legacy_document import judge

    judge(root(), write=options.write)
    return 0


def _explore(options: argparse.Namespace) -> int:
    from cutover.contract.explore import run

    return run(options)


def _told(lines: Sequence[str]) -> int:
    for line in lines:
        print(line)  # noqa: T201 - a command's output
    return 1 if lines else 0
