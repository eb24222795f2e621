"""`cutover reconcile`: the options. Not for the run: command.py."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from cutover.migration.findings import SAMPLES


def add_parser(commands: Any) -> None:
    """Add `reconcile`."""
    reconcile: argparse.ArgumentParser = commands.add_parser(
        "reconcile",
        help="prove that every row and every byte is on the other side",
        description="0: everything is there, unchanged but for the mapping; 1: something is not; 10: something was not "
        "verified (the list form of objects, writes during the run); 11: a side cannot be read to its end.",
    )
    reconcile.add_argument("--env", metavar="NAME", help="environment of environments.toml (CUTOVER_ENV)")
    reconcile.add_argument("--pair", metavar="NAME", help="running pair that `embedded` means (CUTOVER_PAIR; default)")
    reconcile.add_argument(
        "--direction", choices=("forward", "reverse"), default="forward",
        help="from Django to the Worker (default), or back after a rollback",
    )  # fmt: skip
    reconcile.add_argument("--thorough", action="store_true", help="read every byte of every file and object, too")
    reconcile.add_argument(
        "--resume", action="store_true", help="go on with the last one of this kind that was cut off"
    )
    reconcile.add_argument(
        "--samples", type=int, default=SAMPLES, metavar="N", help=f"findings shown of each kind (default: {SAMPLES})"
    )
    reconcile.add_argument(
        "--differences", type=Path, metavar="FILE.csv", help="write every single finding, for repair"
    )
    reconcile.add_argument("--show-values", action="store_true", help="do not mask users' values, in the file neither")
    d1 = reconcile.add_mutually_exclusive_group()
    d1.add_argument("--d1-file", type=Path, metavar="FILE", help="read this SQLite file in D1's place")
    d1.add_argument("--d1-export", type=Path, metavar="FILE.sql", help="read this export (wrangler d1 export)")
    reconcile.add_argument("--reports", type=Path, metavar="DIR", help="where the run's folder is made")
    reconcile.set_defaults(run=_reconcile)


def _reconcile(options: argparse.Namespace) -> int:
    from cutover.migration.command import run

    return run(options)
