"""Read and write the state of a running pair: addresses, secrets, planted faults, dead parts."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from cutover.embedded import folders

if TYPE_CHECKING:
    from pathlib import Path

_FILE: Final = "state.json"


@dataclass(frozen=True)
class PairState:
    """The state of a running pair.

    pid: of its supervisor. started: Unix time in s. rate_limit: (requests, period in s). pg_dsn: libpq URI of
    Django's own role, pg_reader_dsn of one that only reads, pg_restore_dsn of one that may create databases. d1_file:
    SQLite file behind D1, read-only. s3_url, d1_url: base URLs of R2's S3 API and of D1's REST API. control_socket,
    log_dir, media_root, reference_dir: paths. fault: planted faults ("worker NAME planted"), None if both systems are
    honest. kv_delay_s: seconds until a write of the honest Worker to KV becomes visible. pids: pid of each part
    (postgres, legacy, worker). surroundings: folder of the surroundings
    (surroundings.py), None before they are asked for. dead: parts that ended later -> the way each ended.
    """

    name: str
    pid: int
    started: float
    worker_url: str
    legacy_url: str
    s3_url: str
    s3_bucket: str
    s3_access_key: str
    d1_url: str
    d1_file: str
    media_root: str
    version_id: str
    build_id: str
    legacy_version: str
    rate_limit: tuple[int, int]
    control_socket: str
    log_dir: str
    reference_dir: str
    s3_secret_key: str = field(repr=False)
    pg_dsn: str = field(repr=False)
    jwt_secret: str = field(repr=False)
    jwt_refresh_secret: str = field(repr=False)
    legacy_secret_key: str = field(repr=False)
    limiter_bypass: str = field(repr=False)
    fault: str | None = None
    kv_delay_s: float = 0.0
    pg_reader_dsn: str = field(default="", repr=False)
    pg_restore_dsn: str = field(default="", repr=False)
    surroundings: str | None = None
    pids: dict[str, int] = field(default_factory=dict)
    dead: dict[str, str] = field(default_factory=dict)

    @property
    def healthy(self) -> bool:
        """Return True if all parts are running."""
        return not self.dead

    @property
    def planted_systems(self) -> list[str]:
        """Return the systems that serve a planted fault or a variant ("legacy", "worker")."""
        return [text.split()[0] for text in (self.fault or "").split("; ") if text]

    def public(self) -> dict[str, Any]:
        """Return the state without its secrets."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.repr}


def read(name: str) -> PairState | None:
    """Return the state of a running pair, None if there is none, or it is starting or dead."""
    folder = folders.pair_folder(name)
    if folders.supervisor(name) is None:
        return None
    try:
        found = json.loads((folder / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    found["rate_limit"] = tuple(found["rate_limit"])
    return PairState(**found)


def names() -> list[str]:
    """Return the names of the pairs that are running or starting."""
    return folders.pair_names()


def write(folder: Path, state: PairState) -> None:
    """Write the state to the pair's folder atomically, readable by its owner only."""
    new = folder / f"{_FILE}.new"
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(dataclasses.asdict(state), file)
    new.rename(folder / _FILE)
