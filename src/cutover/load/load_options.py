"""The options of a load run's command line, and those that widen what the run tolerates."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """The options of the command line. confirmed: --load-on; maintenance: from and to, seconds of the run; processes:
    the number of generator processes."""

    env: str | None
    pair: str | None = None
    short: bool = False
    confirmed: str | None = None
    seed: int | None = None
    nonce: str | None = None
    reports: str | None = None
    maintenance: tuple[float, float] | None = None
    processes: int = 1

    @property
    def tolerances(self) -> list[str]:
        """Return the options that make the run prove less or tolerate more, as they are shown in the verdict."""
        shown = ["--short"] if self.short else []
        if self.maintenance is not None:
            shown.append(f"--maintenance {self.maintenance[0]:g}-{self.maintenance[1]:g}")
        return shown
