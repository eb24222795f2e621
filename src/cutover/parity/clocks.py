"""The offset between a system's clock and ours, read from the timestamp of its health response."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from cutover.core.errors import CheckFailed, NotVerified
from cutover.parity.id_mapping import read_instant
from cutover.systems.target import Target

_UNKNOWN_CLOCK_US: Final = 2_000_000
_CLOCK_SLACK_US: Final = 20_000


@dataclass(frozen=True)
class Clock:
    """A system's clock relative to ours: how far it is ahead, and with which tolerance, both in microseconds."""

    ahead_us: int
    tolerance_us: int


def read_clock(target: Target) -> Clock:
    """Return the system's clock, from the timestamp of its health response and our clock before and after it.

    If there is no health response, or it has no timestamp, return an offset of zero with a tolerance of two seconds.
    """
    if not target.has("health"):
        return Clock(0, _UNKNOWN_CLOCK_US)
    before = time.time()
    health = target.call("health")
    after = time.time()
    try:
        instant = read_instant(health.field("timestamp"))
    except (CheckFailed, NotVerified):
        instant = None
    if instant is None:
        return Clock(0, _UNKNOWN_CLOCK_US)
    half = int((after - before) * 5e5)
    ahead = instant.us - int(before * 1e6) - half
    if abs(ahead) <= half + 10 ** (6 - min(instant.digits, 6)):
        ahead = 0  # below the resolution of this measurement
    return Clock(ahead, half + _CLOCK_SLACK_US)
