"""What is known of a pair that is up: addresses, secrets, what is planted, which part is dead.

Not for starting or changing one: that is pair.py.
"""

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
    """A pair that came up.

    pid: of its supervisor. started: Unix time in s. rate_limit: (requests, period in s).
    pg_dsn: libpq URI. d1_file: SQLite file behind D1, to be read only. s3_url, d1_url: bases of R2's
    S3 interface and of D1's REST interface. control_socket, log_dir, media_root, reference_dir: paths.
    fault: what is planted ("worker NAME planted"), None when both systems are honest.
    kv_delay_s: how long the honest Worker's writes to KV stay unseen.
    pids: pid of each part (postgres, legacy, worker). dead: parts that have died since, with how.
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
    pids: dict[str, int] = field(default_factory=dict)
    dead: dict[str, str] = field(default_factory=dict)

    @property
    def healthy(self) -> bool:
        """Whether all parts are running."""
        return not self.dead

    @property
    def planted_systems(self) -> list[str]:
        """Systems that do not serve their honest self ("legacy", "worker")."""
        return [text.split()[0] for text in (self.fault or "").split("; ") if text]

    def shown(self) -> dict[str, Any]:
        """What may be shown to anyone: everything but the secrets."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.repr}


def read(name: str) -> PairState | None:
    """The state of a pair that is up; None when there is none, it is still starting, or it is dead."""
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
    """Names of the pairs that are up or starting."""
    return folders.pair_names()


def write(folder: Path, state: PairState) -> None:
    """Put the state into the pair's folder, readable by its owner only, whole or not at all."""
    new = folder / f"{_FILE}.new"
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(dataclasses.asdict(state), file)
    new.rename(folder / _FILE)
