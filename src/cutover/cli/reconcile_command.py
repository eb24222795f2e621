"""`cutover reconcile`: its options. The command itself is in migration/command.py."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from cutover.cli.shared_options import add_environment, add_reports, add_show_values
from cutover.migration.findings import SAMPLES


def add_parser(commands: Any) -> None:
    """Add `reconcile` to the `cutover` command."""
    reconcile: argparse.ArgumentParser = commands.add_parser(
        "reconcile",
        help="compare all rows and all files of both systems",
        description="Exit code 0: all data is there and only the mapping differs; 1: data is missing or different; 10: "
        "a part was not verified (objects known only from a listing, writes during the run); 11: a side cannot be read "
        "completely.",
    )
    add_environment(reconcile)
    reconcile.add_argument(
        "--direction", choices=("forward", "reverse"), default="forward",
        help="from Django to the Worker (default), or back after a rollback",
    )  # fmt: skip
    reconcile.add_argument("--thorough", action="store_true", help="also read every byte of all files and objects")
    reconcile.add_argument(
        "--resume", action="store_true", help="resume the latest interrupted run with the same options"
    )
    reconcile.add_argument(
        "--samples",
        type=int,
        default=SAMPLES,
        metavar="N",
        help=f"number of findings shown per kind (default: {SAMPLES})",
    )
    reconcile.add_argument(
        "--differences", type=Path, metavar="FILE.csv", help="write all findings to this file, for repair"
    )
    add_show_values(reconcile)
    d1 = reconcile.add_mutually_exclusive_group()
    d1.add_argument("--d1-file", type=Path, metavar="FILE", help="read this SQLite file instead of D1")
    d1.add_argument(
        "--d1-export", type=Path, metavar="FILE.sql", help="read this export instead of D1 (wrangler d1 export)"
    )
    reconcile.add_argument(
        "--d1-before", type=Path, metavar="FILE",
        help="an export or SQLite file of D1 from before the migration run: the tables that only the Worker has must "
        "not have changed since (default: they are not compared)",
    )  # fmt: skip
    add_reports(reconcile)
    reconcile.set_defaults(run=_reconcile)


def _reconcile(options: argparse.Namespace) -> int:
    from cutover.migration.command import run

    return run(options)
