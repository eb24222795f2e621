"""Generate data in a pair and migrate it, by running generate_legacy.py and migrate.py of reference/ as processes.

They are programs of the reference, which this package never imports. migration/ verifies the result.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cutover.core.secrets import redact
from cutover.embedded import folders
from cutover.embedded.pair_error import PairError
from cutover.embedded.processes import clean_environment

if TYPE_CHECKING:
    from cutover.embedded.state import PairState

USERS: Final = 300
FILES: Final = 1_500
_TIMEOUT_S: Final = 600.0


def folder_of(pair: PairState) -> Path:
    """Return the folder of the pair's migration: its state, and the accounts with known passwords (accounts.json)."""
    return folders.pair_folder(pair.name) / "migration"


def fill(pair: PairState, is_empty: Callable[[], bool], say: Callable[[str], None]) -> None:
    """Generate accounts and files for Django and migrate them, once per pair. A pair that has data is not changed.

    is_empty: returns True if both databases are empty. Raises PairError if one of the two programs fails.
    """
    folder = folder_of(pair)
    folder.mkdir(mode=0o700, exist_ok=True)
    with folders.locked(folder / "lock"):
        done = folder / "done"
        if done.exists() or not is_empty():
            return
        say(f"generating {USERS} accounts with {FILES:,} files, and migrating them …")
        generate(pair, "--users", str(USERS), "--files", str(FILES))
        migrate(pair, "full")
        done.touch()


def generate(pair: PairState, *arguments: str) -> str:
    """Run generate_legacy.py on the pair and return its last line. Raises PairError."""
    folder_of(pair).mkdir(mode=0o700, exist_ok=True)
    accounts = folder_of(pair) / "accounts.json"
    return _run(pair, "generate_legacy.py", ["--media-root", pair.media_root, "--accounts", str(accounts), *arguments])


def migrate(pair: PairState, *arguments: str) -> str:
    """Run migrate.py on the pair, with its state in the pair's folder, and return its last line. Raises PairError."""
    return _run(
        pair,
        "migrate.py",
        [
            *arguments, "--state", str(folder_of(pair) / "state"), "--media-root", pair.media_root, "--d1-url",
            pair.d1_url, "--s3-url", pair.s3_url, "--bucket", pair.s3_bucket, "--quiet",
        ],
    )  # fmt: skip


def _run(pair: PairState, program: str, arguments: Sequence[str]) -> str:
    command = [sys.executable, str(Path(pair.reference_dir) / program), *arguments]
    secrets = {
        "MIGRATE_PG_DSN": pair.pg_dsn,
        "MIGRATE_S3_ACCESS_KEY": pair.s3_access_key,
        "MIGRATE_S3_SECRET_KEY": pair.s3_secret_key,
    }
    try:
        done = subprocess.run(
            command, env=clean_environment() | secrets | {"TMPDIR": os.environ.get("TMPDIR", "/tmp")},  # noqa: S108 - also the default of tempfile
            capture_output=True, text=True, timeout=_TIMEOUT_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PairError(f"{program} failed: {redact(str(error))[:300]}") from None
    if done.returncode != 0:
        raise PairError(
            f"{program} ended with {done.returncode}.", log=redact(f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
        )
    return done.stdout.rstrip("\n").rpartition("\n")[2]
