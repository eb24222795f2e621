"""The description of a pair that the starting process sends to the pair's supervisor."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Specification:
    """A pair to start.

    owner: (pid, start ticks) of the starting process. owned: the pair ends with that process; otherwise only while it
    is starting. reference: folder that contains both systems. rate_limit: requests and period in s. https: key and
    certificate files. Ports: 0 for any free port.
    """

    name: str
    owner: tuple[int, int]
    owned: bool
    reference: str
    worker_port: int
    legacy_port: int
    rate_limit: tuple[int, int]
    https: tuple[str, str] | None
    version_id: str | None
    build_id: str | None
    password_iterations: int | None
    max_file_size: int | None
    worker_vars: dict[str, str]
    kv_delay_s: float

    def line(self) -> bytes:
        """Return the specification as one line of JSON."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> Specification:
        """Return the specification of such a line."""
        found = json.loads(line)
        for name in ("owner", "rate_limit", "https"):
            found[name] = tuple(found[name]) if found[name] else None
        return cls(**found)
