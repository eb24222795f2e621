"""Move List Cutter's data from PostgreSQL and media folder to D1 and R2 (full, delta), and back
(reverse).

    python reference/migrate.py full --state DIR     into an empty target; after an interruption it resumes
    python reference/migrate.py delta --state DIR    changes since: new, changed and deleted rows and files
    python reference/migrate.py reverse --state DIR  after a rollback: the Worker's additions and changes, to Django
    python reference/migrate.py undo --state DIR     revert the last run's own writes, and nothing else
    … --dry-run                                      list the writes, and the rows that cannot be migrated

The mapping is contracts/migration.toml. The addresses of both sides are options or variables
(--help), secrets are variables only. The last line on standard output is one JSON object. Exit
codes: 0 done; 1 something could not be migrated or undone; 4 usage; 11 a side did not respond.
`cutover reconcile` verifies the result.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import obstore.exceptions
import psycopg
from migration.d1 import D1Error
from migration.failure import LeftOutError, MigrationError
from migration.forward import Forward, refuse
from migration.journal import Journal
from migration.reverse import Reverse
from migration.sides import Sides
from migration.undo import Undo

from migration import checks, mapping, sides

WRONG, USAGE, UNREACHABLE = 1, 4, 11


def main() -> int:
    options = _options()
    started = time.monotonic()
    try:
        found = mapping.load()
        both = sides.connect(options, found)
        with tempfile.TemporaryDirectory(prefix="migrate-") as scratch:
            # A dry run leaves no trace, not even in the journal.
            journal = Journal(Path(scratch if options.dry_run else options.state))
            try:
                result = COMMANDS[options.command](both, journal, options)
            finally:
                journal.close()
    except MigrationError as error:
        print(f"migrate: {error}", file=sys.stderr)
        return WRONG if isinstance(error, LeftOutError) else USAGE
    except (D1Error, psycopg.Error, obstore.exceptions.BaseError, OSError) as error:
        print(f"migrate: {_told(error)}. What was written is noted: run the same again.", file=sys.stderr)
        return UNREACHABLE
    result = {"command": options.command, "dry_run": options.dry_run} | result
    print(json.dumps(result | {"seconds": round(time.monotonic() - started, 3)}))
    return WRONG if result.get("left_out") or result.get("not_undone") else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="migrate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Secrets: " + "; ".join(f"{name} ({text})" for name, text in sides.SECRETS.items())
        + f"; {sides.D1_TOKEN} (D1's API token, where it wants one)",
    )  # fmt: skip
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--state", metavar="DIR", help="folder of the journal, for resuming and undo")
    parser.add_argument("--dry-run", action="store_true", help="read everything and write nothing")
    parser.add_argument("--leave-out", action="store_true", help="write the other rows if some cannot be migrated")
    parser.add_argument("--replace", action="store_true", help="full: make a target that holds rows equal")
    sides.add_options(parser)
    options = parser.parse_args()
    if not options.state and not options.dry_run:
        parser.error("--state: name the folder of the journal")
    if options.dry_run and options.command == "undo":
        parser.error("undo has no dry run")
    return options


def _told(error: Exception) -> str:
    """Return a message without values or addresses that contain secrets."""
    if isinstance(error, psycopg.Error):
        return f"PostgreSQL: {type(error).__name__} {error.sqlstate or ''}".rstrip()
    if isinstance(error, obstore.exceptions.BaseError):
        return f"R2: {type(error).__name__}"
    return str(error)


def _begin(both: Sides, journal: Journal, options: argparse.Namespace, *, must_be_empty: bool = False) -> bool:
    """Begin a run, or resume the interrupted one. Return True if it resumes."""
    checks.schemas(both)
    target = sides.target_of(options, options.command)
    cut = journal.unfinished()
    if cut is None:
        if must_be_empty:
            checks.target_is_empty(both)
        journal.begin(options.command, target)
        return False
    run, command, where = cut
    if (command, where) != (options.command, target):
        raise MigrationError(f"{options.state}: a {command} to {where} was cut short: run it again, or undo it")
    journal.go_on(run)
    return True


def full(both: Sides, journal: Journal, options: argparse.Namespace) -> dict[str, Any]:
    if options.replace:
        return delta(both, journal, options)
    goes_on = _begin(both, journal, options, must_be_empty=not options.dry_run)
    run = Forward(both, journal)
    if options.dry_run:
        left_out = run.look()
        return {"left_out": left_out}
    if not options.leave_out and not goes_on:
        left_out = run.look()
        if left_out:
            journal.end()
            refuse(left_out)
    written = run.full()
    journal.end()
    return {
        "written": written,
        "objects": run.objects,
        "bytes": run.bytes,
        "left_out": run.left_out(),
        "went_on": goes_on,
    }


def delta(both: Sides, journal: Journal, options: argparse.Namespace) -> dict[str, Any]:
    goes_on = _begin(both, journal, options)
    run = Forward(both, journal)
    planned = run.plan()
    left_out = run.left_out()
    if options.dry_run:
        return {"would_write": planned, "left_out": left_out}
    if left_out and not options.leave_out:
        journal.end()
        refuse(left_out)
    written = run.delta()
    journal.end()
    return {"written": written, "objects": run.objects, "bytes": run.bytes, "left_out": left_out, "went_on": goes_on}


def reverse(both: Sides, journal: Journal, options: argparse.Namespace) -> dict[str, Any]:
    goes_on = _begin(both, journal, options)
    run = Reverse(both, journal)
    planned = run.plan()
    if options.dry_run:
        return {"would_write": planned, "left_out": journal.left_out()}
    if journal.left_out() and not options.leave_out:
        journal.end()
        refuse(journal.left_out())
    written = run.write()
    journal.end()
    result = {"written": written, "media": run.media_files, "bytes": run.bytes}
    return result | {"left_out": journal.left_out(), "went_on": goes_on}


def undo(both: Sides, journal: Journal, options: argparse.Namespace) -> dict[str, Any]:
    last = journal.last_to_undo()
    if last is None:
        raise MigrationError(f"{options.state}: there is no run to undo")
    number, command, target = last
    if target != sides.target_of(options, command):
        raise MigrationError(f"{options.state}: its last run, a {command}, wrote to {target}")
    journal.go_on(number)
    run = Undo(both, journal)
    if command == "reverse":
        run.reverse()
    else:
        run.forward()
    journal.undone()
    return {"run": command, "undone": run.undone, "not_undone": run.not_undone}


COMMANDS = {"full": full, "delta": delta, "reverse": reverse, "undo": undo}

if __name__ == "__main__":
    sys.exit(main())
