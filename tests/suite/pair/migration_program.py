"""The migration program and the generator of legacy data as subprocesses, and the stored data of both systems.

Tests compare with an oracle of their own and not with the migration gate.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import psycopg
from botocore.config import Config

from cutover.config.validation import root
from cutover.embedded.state import PairState

PROGRAM = root() / "reference" / "migrate.py"
GENERATOR = root() / "reference" / "generate_legacy.py"


@dataclass(frozen=True)
class Programs:
    """Both programs on one pair. state: the folder of the program's journal."""

    pair: PairState
    state: Path

    @property
    def environment(self) -> dict[str, str]:
        pair = self.pair
        return {
            "PATH": os.environ["PATH"],
            "MIGRATE_PG_DSN": pair.pg_dsn,
            "MIGRATE_MEDIA_ROOT": pair.media_root,
            "MIGRATE_D1_URL": pair.d1_url,
            "MIGRATE_S3_URL": pair.s3_url,
            "MIGRATE_S3_BUCKET": pair.s3_bucket,
            "MIGRATE_S3_ACCESS_KEY": pair.s3_access_key,
            "MIGRATE_S3_SECRET_KEY": pair.s3_secret_key,
        }

    def command(self, *words: str) -> list[str]:
        return [sys.executable, str(PROGRAM), *words, "--state", str(self.state), "--quiet"]

    def migrate(self, *words: str, code: int = 0, **variables: str) -> dict[str, Any]:
        """Run the migration and return the last line of its output.

        Fail if it ends with another code, prints a secret or a traceback.
        """
        run = subprocess.run(
            self.command(*words),
            capture_output=True,
            text=True,
            timeout=120,
            env=self.environment | variables,
            check=False,
        )
        assert run.returncode == code, run.stdout + run.stderr
        for secret in ("MIGRATE_PG_DSN", "MIGRATE_S3_SECRET_KEY"):
            assert self.environment[secret] not in run.stdout + run.stderr
        assert "Traceback" not in run.stderr
        return json.loads(run.stdout.splitlines()[-1]) if run.stdout else {"message": run.stderr}

    def generate(self, *words: str) -> dict[str, Any]:
        run = subprocess.run(
            [sys.executable, str(GENERATOR), *words],
            capture_output=True,
            text=True,
            timeout=120,
            env=self.environment,
            check=False,
        )
        assert run.returncode == 0, run.stdout + run.stderr
        return json.loads(run.stdout.splitlines()[-1])  # type: ignore[no-any-return]

    def target(self) -> dict[str, Any]:
        """Return all users, files and filters of D1 and all objects of R2 (size and MD5)."""
        with sqlite3.connect(f"file:{self.pair.d1_file}?mode=ro", uri=True) as database:
            held: dict[str, Any] = {
                table: database.execute(f"SELECT * FROM {table} ORDER BY id").fetchall()  # noqa: S608 - names of this list
                for table in ("users", "files", "saved_filters")
            }
            held["sequences"] = database.execute(
                "SELECT * FROM sqlite_sequence WHERE name IN ('users', 'files') ORDER BY name"
            ).fetchall()
        held["objects"] = {
            entry["Key"]: (entry["Size"], entry["ETag"])
            for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.pair.s3_bucket)
            for entry in page.get("Contents", [])
        }
        return held

    def source_rows(self) -> dict[str, Any]:
        """Return all rows of Django's tables of users and files."""
        with psycopg.connect(self.pair.pg_dsn, options="-c timezone=UTC") as connection:
            return {
                table: [row[0] for row in connection.execute(query).fetchall()]
                for table, query in (
                    ("auth_user", "SELECT row_to_json(t)::text FROM auth_user t ORDER BY id"),
                    ("list_cutter_savedfile", "SELECT row_to_json(t)::text FROM list_cutter_savedfile t ORDER BY id"),
                )
            }

    def source(self) -> dict[str, Any]:
        """Return the same rows, with the SHA-256 of each file of the media folder."""
        held = self.source_rows()
        media = Path(self.pair.media_root)
        held["media"] = {
            str(place.relative_to(media)): hashlib.sha256(place.read_bytes()).hexdigest()
            for place in sorted(media.rglob("*.csv"))
        }
        return held

    @property
    def s3(self) -> Any:
        """Return an S3 client that ignores the caller's environment variables."""
        pair = self.pair
        return boto3.client(
            "s3", endpoint_url=pair.s3_url, aws_access_key_id=pair.s3_access_key, region_name="auto",
            aws_secret_access_key=pair.s3_secret_key, config=Config(s3={"addressing_style": "path"}),
        )  # fmt: skip
