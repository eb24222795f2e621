"""Addresses of both sides, from the command line and the environment; secrets only from the environment."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from migration.d1 import D1
from migration.django import Django
from migration.failure import MigrationError
from migration.mapping import Mapping
from migration.media import Media
from migration.r2 import R2

# option -> variable; the help text describes each
ADDRESSES = {
    "media-root": ("MIGRATE_MEDIA_ROOT", "Django's media folder"),
    "d1-url": ("MIGRATE_D1_URL", "D1's REST address, up to and with the database's id"),
    "s3-url": ("MIGRATE_S3_URL", "R2's S3 endpoint"),
    "bucket": ("MIGRATE_S3_BUCKET", "R2's bucket"),
}
SECRETS = {
    "MIGRATE_PG_DSN": "PostgreSQL's URI with the password",
    "MIGRATE_S3_ACCESS_KEY": "R2's access key id",
    "MIGRATE_S3_SECRET_KEY": "R2's secret access key",
}
D1_TOKEN = "MIGRATE_D1_TOKEN"  # noqa: S105 - the variable's name; a local D1 needs none


@dataclass
class Sides:
    mapping: Mapping
    django: Django = field(repr=False)
    media: Media
    d1: D1 = field(repr=False)
    r2: R2 = field(repr=False)
    batch: int
    quiet: bool = False


def add_options(parser: ArgumentParser) -> None:
    for name, (variable, text) in ADDRESSES.items():
        parser.add_argument(f"--{name}", default=os.environ.get(variable), metavar="…", help=f"{text} ({variable})")
    parser.add_argument("--batch", type=int, default=500, metavar="ROWS", help="rows per batch (500)")
    parser.add_argument("--quiet", action="store_true", help="no progress on standard error")


def connect(options: Namespace, mapping: Mapping) -> Sides:
    """Connect to both sides. Raise MigrationError, without secrets, for a missing setting or an unreachable side."""
    missing = [variable for name, (variable, _) in ADDRESSES.items() if not getattr(options, name.replace("-", "_"))]
    missing += [name for name in SECRETS if not os.environ.get(name)]
    if missing:
        raise MigrationError(f"set {', '.join(missing)} (--help describes each)")
    if options.batch < 1:
        raise MigrationError("--batch: expected one row or more")
    if not Path(options.media_root).is_dir():
        raise MigrationError(f"--media-root: {options.media_root} is not a folder")
    try:
        django = Django(os.environ["MIGRATE_PG_DSN"], options.batch)
    except psycopg.OperationalError as error:
        state = error.sqlstate or "no connection"
        raise MigrationError(f"PostgreSQL (MIGRATE_PG_DSN) cannot be reached: {state}") from None
    return Sides(
        mapping,
        django,
        Media(Path(options.media_root)),
        D1(options.d1_url, os.environ.get(D1_TOKEN, ""), options.batch),
        R2(
            options.s3_url,
            options.bucket,
            os.environ["MIGRATE_S3_ACCESS_KEY"],
            os.environ["MIGRATE_S3_SECRET_KEY"],
        ),
        options.batch,
        options.quiet,
    )


def target_of(options: Namespace, command: str) -> str:
    """Return an id of the target that a run writes to, so that the run is not resumed or undone on another target."""
    if command == "reverse":
        return f"PostgreSQL and {Path(options.media_root).resolve()}"
    return f"{options.d1_url} and {options.s3_url}/{options.bucket}"
