"""Generate data in a pair and migrate it, by running generate_legacy.py and migrate.py of reference/ as processes.

They are programs of the reference, which this package never imports. migration/ verifies the result. A migration that
was killed is repeated before anything else (repeat_interrupted), because half of the data would be a wrong NO-GO.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from cutover.core.secrets import redact
from cutover.embedded import folders
from cutover.embedded.pair_error import PairError
from cutover.embedded.processes import PR_SET_PDEATHSIG, clean_environment

if TYPE_CHECKING:
    from cutover.embedded.state import PairState

USERS: Final = 300
FILES: Final = 1_500
_TIMEOUT_S: Final = 600.0
_ENDED_BY_ITSELF: Final = (0, 1)
"""Exit codes of migrate.py after a complete run: 1 if rows could not be migrated."""
_REFUSED: Final = 4
"""Exit code of migrate.py if it did not begin."""

_libc = ctypes.CDLL(None)


def folder_of(pair: PairState) -> Path:
    """Return the folder of the pair's migration: its state, and the accounts with known passwords (accounts.json)."""
    return folders.pair_folder(pair.name) / "migration"


def fill(
    pair: PairState,
    is_empty: Callable[[], bool],
    steps: Sequence[tuple[str, Callable[[], None]]],
    restarted: Collection[str],
    say: Callable[[str], None],
) -> None:
    """Run the steps that fill an empty pair, once per pair. A pair that has data is not changed.

    is_empty: returns True if both databases are empty. After an interruption the interrupted step runs again, or all of
    them if it is one of `restarted`. Raises PairError if a step fails.
    """
    folder = folder_of(pair)
    folder.mkdir(mode=0o700, exist_ok=True)
    with folders.locked(folder / "lock"):
        repeat_interrupted(pair, say)
        done, progress = folder / "done", folder / "filling"
        if done.exists() or not (progress.exists() or is_empty()):
            return
        reached = progress.read_text(encoding="utf-8") if progress.exists() else ""
        names = [name for name, _ in steps]
        first = names.index(reached) if reached in names and reached not in restarted else 0
        again = f"the step {reached!r} was interrupted: it runs again; " if reached else ""
        say(f"{again}generating {USERS} accounts with {FILES:,} files, and migrating them …")
        for name, step in steps[first:]:
            _write(progress, name)
            step()
        done.touch()


def generate(pair: PairState, *arguments: str) -> str:
    """Run generate_legacy.py on the pair and return its last line. Raises PairError."""
    folder_of(pair).mkdir(mode=0o700, exist_ok=True)
    accounts = folder_of(pair) / "accounts.json"
    return _run(pair, "generate_legacy.py", ["--media-root", pair.media_root, "--accounts", str(accounts), *arguments])


def migrate(pair: PairState, *arguments: str, fault: tuple[str, str] | None = None) -> str:
    """Run migrate.py on the pair, with its state in the pair's folder, and return its last line. Raises PairError.

    fault: name and mode ("planted", "control") of a fault of the program (reference/faults/migration/program.py).
    """
    folder_of(pair).mkdir(mode=0o700, exist_ok=True)
    begun = folder_of(pair) / "migrating"
    before = begun.read_text(encoding="utf-8") if begun.exists() else None
    _write(begun, json.dumps(arguments))
    program, leading = ("migrate.py", ()) if fault is None else ("faults/migration/program.py", fault)
    options = [
        "--state", str(folder_of(pair) / "state"), "--media-root", pair.media_root, "--d1-url", pair.d1_url,
        "--s3-url", pair.s3_url, "--bucket", pair.s3_bucket, "--quiet",
    ]  # fmt: skip
    done = _ended(pair, program, [*leading, *arguments, *options])
    if done.returncode in _ENDED_BY_ITSELF:
        begun.unlink()
    elif done.returncode == _REFUSED:  # it began nothing
        begun.unlink() if before is None else _write(begun, before)
    return _checked(program, done)


def repeat_interrupted(pair: PairState, say: Callable[[str], None]) -> None:
    """Run a migration of the pair again that was killed: migrate.py continues it, and writes nothing twice.

    Raises PairError, with the command, if it fails again or if another process still runs it.
    """
    arguments = _interrupted(pair)
    if arguments is None:
        return
    say(f"a migration of the pair was interrupted: it is repeated (migrate.py {' '.join(arguments)}) …")
    try:
        migrate(pair, *arguments)
    except PairError as error:
        command = f"migrate.py {' '.join(arguments)} --state {folder_of(pair) / 'state'}"
        raise PairError(
            f"A migration of the pair was interrupted, and its repetition failed: {error}",
            fix=f"run `python {pair.reference_dir}/{command}` to its end, or start another pair",
        ) from None


def _interrupted(pair: PairState) -> list[str] | None:
    """Return the arguments of a migration that began and did not end, None if there is none.

    A run that was started by hand is found in migrate.py's journal.
    """
    begun = folder_of(pair) / "migrating"
    if begun.exists():
        found: list[str] = json.loads(begun.read_text(encoding="utf-8"))
        return found
    journal = folder_of(pair) / "state" / "journal.sqlite"
    if not journal.exists():
        return None
    try:
        with closing(sqlite3.connect(f"file:{quote(str(journal))}?mode=ro", uri=True, timeout=1)) as database:
            row = database.execute("SELECT command FROM run WHERE ended IS NULL AND undone IS NULL").fetchone()
    except sqlite3.Error as error:
        raise PairError(
            f"The journal of the pair's migration cannot be read: {error}.",
            fix="a migration of the pair may still be running: wait until it has ended, and run the gate again",
        ) from None
    return None if row is None else [str(row[0])]


def _write(file: Path, text: str) -> None:
    new = file.with_name(f"{file.name}.new")
    new.write_text(text, encoding="utf-8")
    new.replace(file)


def _run(pair: PairState, program: str, arguments: Sequence[str]) -> str:
    return _checked(program, _ended(pair, program, arguments))


def _ended(pair: PairState, program: str, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(Path(pair.reference_dir) / program), *arguments]
    secrets = {
        "MIGRATE_PG_DSN": pair.pg_dsn,
        "MIGRATE_S3_ACCESS_KEY": pair.s3_access_key,
        "MIGRATE_S3_SECRET_KEY": pair.s3_secret_key,
    }
    try:
        return subprocess.run(
            command, env=clean_environment() | secrets | {"TMPDIR": os.environ.get("TMPDIR", "/tmp")},  # noqa: S108 - also the default of tempfile
            preexec_fn=_end_with_parent, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PairError(f"{program} failed: {redact(str(error))[:300]}") from None


def _end_with_parent() -> None:
    """End the program when this process is killed, so that no migration goes on without a gate."""
    _libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


def _checked(program: str, done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode != 0:
        raise PairError(
            f"{program} ended with {done.returncode}.", log=redact(f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
        )
    return done.stdout.rstrip("\n").rpartition("\n")[2]
