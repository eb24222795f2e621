"""`cutover init` and `cutover doctor`: the first steps with a deployment. The logic is in setup/."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from cutover.cli.shared_options import add_environment, add_reports

if TYPE_CHECKING:
    import argparse

_GATES = ("preflight", "smoke", "contract", "parity", "migration", "load")


def add_parser(commands: Any) -> None:
    """Add `init` and `doctor` to the `cutover` command."""
    _add_init(commands)
    _add_doctor(commands)


def _add_init(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "init",
        help="draft the configuration of a deployment from what it serves",
        description="Send GET requests to a deployment, find its OpenAPI document, health route and routes, and write "
        "a commented draft for environments.toml. Exit code 0: written; 1: --worker-document or --legacy-document is "
        "no document; 4: wrong usage, or a file exists; 11: a system cannot be reached.",
    )
    parser.add_argument("url", metavar="URL", help="base URL of the new system")
    parser.add_argument("--legacy", metavar="URL", help="base URL of the old system")
    parser.add_argument("--name", default="deployment", help="name of the environment (default: deployment)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="default: NAME.environment.toml in the project")
    parser.add_argument("--worker-document", metavar="PATH", help="path of the new system's OpenAPI document")
    parser.add_argument("--legacy-document", metavar="PATH", help="path of the old system's OpenAPI document")
    parser.add_argument("--force", action="store_true", help="overwrite files of an earlier run")
    add_reports(parser)
    parser.set_defaults(run=_init)


def _add_doctor(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "doctor",
        help="say for each gate what can run, what is missing, and the line to add",
        description="Exit code 0: every gate can run; 10: something is missing; 4: the configuration is broken; "
        "11: a system cannot be reached or does not prove its identity.",
    )
    add_environment(parser)
    parser.add_argument("--gate", action="append", choices=_GATES, help="only this gate (repeatable; default: all)")
    add_reports(parser)
    parser.set_defaults(run=_doctor)


def _init(options: argparse.Namespace) -> int:
    from cutover.setup.init_run import run

    return run(options)


def _doctor(options: argparse.Namespace) -> int:
    from cutover.setup.doctor_run import run

    return run(options)
