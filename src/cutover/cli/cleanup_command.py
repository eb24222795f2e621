"""`cutover cleanup`: remove the test data that killed runs left behind. The logic is in accounts/cleanup.py."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Final

from cutover.cli.shared_options import add_environment
from cutover.config.validation import ConfigurationError, root
from cutover.core.safety import SafetyLevel

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from cutover.accounts.cleanup import Leftover
    from cutover.config.environments import Environment

_OLD_NAME: Final = "sweep"
_MINIMUM_AGE_S: Final = 3600.0
"""Default of --older-than unless safety is `disposable`: active runs keep their accounts."""


def add_parser(commands: Any) -> None:
    """Add `cleanup`, and its old name `sweep`, to the `cutover` command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "cleanup",
        aliases=[_OLD_NAME],
        help="remove the test data that killed runs left behind (old name: sweep)",
        description="Remove the test accounts of killed runs with their files, and the files and filters that killed "
        "runs created in accounts of the pool. Exit code 0: nothing is left; 10: something is left (in a dry run: "
        "something was found); 11: a system cannot be reached.",
    )
    add_environment(parser)
    parser.add_argument("--dry-run", action="store_true", help="list the test data and send nothing")
    parser.add_argument(
        "--older-than", metavar="TIME", help="90s, 30m, 1h or 2d (default: 0 if safety is disposable, otherwise 1h)"
    )
    # Not shared_options.add_reports: here the option names the folder that is read.
    parser.add_argument("--reports", metavar="DIR", help="folder that contains the runs' folders (default: reports/)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command and return its exit code. Raises ConfigurationError before anything is sent."""
    from cutover.accounts.cleanup import find_leftovers, seconds_of
    from cutover.config.environment_option import named_environment

    if options.command == _OLD_NAME:
        sys.stderr.write(f"cutover {_OLD_NAME} is deprecated. Use `cutover cleanup`.\n")
    project = root()
    environment, planted = named_environment(project, options.env, options.pair)
    if environment.safety < SafetyLevel.TEST_DATA and not options.dry_run:
        raise ConfigurationError(
            project / "environments.toml",
            f"{environment.name}.safety",
            f"expected test-data or disposable, got {environment.safety.label}",
            "Raise the level, or use --dry-run.",
        )
    reports = _reports_folder(project, options.reports)
    if options.older_than is not None:
        minimum_age_s = seconds_of(options.older_than)
    else:
        minimum_age_s = 0.0 if environment.safety is SafetyLevel.DISPOSABLE else _MINIMUM_AGE_S
    now = time.time()
    found = _of_this_pair(project, environment, find_leftovers(reports, environment.name))
    old = [leftover for leftover in found if now - leftover.named >= minimum_age_s]
    from cutover.run.cleanup_run import CleanupRun

    return CleanupRun(
        project,
        environment,
        old,
        planted=planted,
        reports=reports,
        kept=len(found) - len(old),
        dry_run=options.dry_run,
    ).execute()


def _reports_folder(project: Path, given: str | None) -> Path:
    """Return the folder of --reports. Raises ConfigurationError if a given folder does not exist."""
    from pathlib import Path

    if not given:
        return project / "reports"
    folder = Path(given)
    if not folder.is_dir():
        raise ConfigurationError(
            "--reports", "", f"expected a folder, got {given!r}", "Name the folder that contains the runs' folders."
        )
    return folder


def _of_this_pair(project: Path, environment: Environment, found: list[Leftover]) -> list[Leftover]:
    """Return only the leftovers of the running pair if the environment is a pair. Data of other pairs ended with them.

    The id of the account_key identifies the pair, because each pair has its own key.
    """
    from cutover.accounts.registered import key_id
    from cutover.config.environments import is_embedded

    if not is_embedded(project, environment.name):
        return found
    own = key_id(environment.secrets["account_key"])
    return [leftover for leftover in found if leftover.key == own]
