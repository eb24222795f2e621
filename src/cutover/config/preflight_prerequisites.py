"""The settings of the preflight checks of the prerequisites of the plan: table `preflight.prerequisites`."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cutover.config.validation import ConfigurationError, Items, Number, Table, Text, Texts

_DRY_RUN: Final = Table(
    {
        "command": Items(Text(), "an array of strings"),
        "secrets": Texts(name="a key of secrets"),
        "inherit": Items(Text("the name of an environment variable"), "an array of names"),
        "timeout_s": Number(0.1, 86_400),
    },
    required=("command",),
    defaults={"secrets": {}, "inherit": (), "timeout_s": 300.0},
)
_BACKUP: Final = Table(
    {"file": Text("a file's path"), "max_age_h": Number(0.01, 10_000)}, required=("file",), defaults={"max_age_h": 24.0}
)
LIMITS: Final = ("d1_mb", "r2_objects", "r2_mb", "requests_per_day")
"""The figures that may have a limit."""
BACKUPS: Final = ("d1", "legacy", "objects")
"""The stores that may have a backup."""

PREREQUISITES: Final = Table(
    {
        "required": Items(Text("the number of an issue", choices=("65", "68")), "an array of issues"),
        "dry_run": _DRY_RUN,
        "alerts": Items(Text("a receiver"), "an array of receivers"),
        "limits": Table({name: Number(most=1e15) for name in LIMITS}),
        "backups": Table(dict.fromkeys(BACKUPS, _BACKUP)),
        "restore_programs": Text("a folder's path"),
    },
    defaults={"required": (), "alerts": (), "limits": {}, "backups": {}},
)
"""The schema of table `preflight.prerequisites`."""


@dataclass(frozen=True)
class DryRun:
    """The dry run of the migration tool.

    command: program and arguments, run in the folder of environments.toml. secrets: variable of the tool -> key of
    `secrets` whose value it gets. inherited: further variables that it inherits.
    """

    command: tuple[str, ...]
    secrets: Mapping[str, str] = field(default_factory=dict)
    inherited: tuple[str, ...] = ()
    timeout_s: float = 300.0


@dataclass(frozen=True)
class Backup:
    """A backup of one store. max_age_h: hours after which it is too old."""

    file: Path
    max_age_h: float = 24.0


@dataclass(frozen=True)
class PrerequisiteSettings:
    """The settings of the checks of the prerequisites of the plan.

    required: recommended issues that block here. alerts: who receives alerts. limits: figure -> its largest value.
    backups: store (d1, legacy, objects) -> backup. restore_programs: folder with pg_restore, None to search PATH.
    """

    required: tuple[str, ...] = ()
    dry_run: DryRun | None = None
    alerts: tuple[str, ...] = ()
    limits: Mapping[str, float] = field(default_factory=dict)
    backups: Mapping[str, Backup] = field(default_factory=dict)
    restore_programs: Path | None = None


def read_prerequisites(file: Path, key: str, row: Mapping[str, Any]) -> PrerequisiteSettings:
    """Return the settings of a validated table. key: of the table, for messages. Raises ConfigurationError."""
    programs = row.get("restore_programs")
    return PrerequisiteSettings(
        required=row["required"],
        dry_run=_read_dry_run(file, f"{key}.dry_run", row["dry_run"]) if "dry_run" in row else None,
        alerts=row["alerts"],
        limits=row["limits"],
        backups={
            store: Backup(file.parent / backup["file"], backup["max_age_h"]) for store, backup in row["backups"].items()
        },
        restore_programs=file.parent / programs if programs is not None else None,
    )


def require_secrets(file: Path, name: str, settings: PrerequisiteSettings | None, secrets: Collection[str]) -> None:
    """Raise ConfigurationError if the dry run uses a secret that the environment does not name."""
    if settings is None or settings.dry_run is None:
        return
    for variable, secret in settings.dry_run.secrets.items():
        if secret not in secrets:
            raise ConfigurationError(
                file, f"{name}.preflight.prerequisites.dry_run.secrets.{variable}",
                f"expected a key of [{name}.secrets], got {secret!r}", "Add the secret, or correct the key.",
            )  # fmt: skip


def _read_dry_run(file: Path, key: str, row: Mapping[str, Any]) -> DryRun:
    command: tuple[str, ...] = row["command"]
    if not any("dry" in argument.lower() for argument in command[1:]):
        raise ConfigurationError(
            file, f"{key}.command", "expected an argument like --dry-run, got none",
            "Name the tool's option for a run that writes nothing: preflight only reads.",
        )  # fmt: skip
    program = command[0] if "/" not in command[0] else str(file.parent / command[0])
    if shutil.which(program) is None:
        raise ConfigurationError(
            file, f"{key}.command", f"expected a program, got {command[0]!r}, which this machine does not have",
            "Install it, or correct its name.",
        )  # fmt: skip
    return DryRun((program, *command[1:]), row["secrets"], row["inherit"], row["timeout_s"])
