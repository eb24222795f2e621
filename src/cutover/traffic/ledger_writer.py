"""The ledger of one process: counts each request as it is scheduled and as it ends.

Records are kept in batches, so that adding them up does not delay a send.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from cutover.traffic.ledger import ERRORS, SLOTS, Cell, LedgerTotals, Outcome

BATCH: Final = 256
"""Records kept before they are added up, which takes about 0.5 ms: much less than the limit of the send lag."""

_Row: TypeAlias = tuple[str, str, Outcome, int, int, int, int, str]
_NS: Final = 1_000_000_000
_SLOT_NS: Final = _NS // SLOTS
_ANSWERS: Final = (Outcome.OK, Outcome.REFUSED_BY_MAINTENANCE)


class LedgerWriter:
    """The ledger of one process. An engine calls it for each request; `take` returns the totals since the last call.

    started_ns: the moment from which the run's seconds are counted, on the clock of the time stamps.
    """

    __slots__ = ("_batch", "_scheduled", "_totals", "started_ns")

    def __init__(self, started_ns: int) -> None:
        self.started_ns = started_ns
        self._batch: list[_Row] = []
        self._scheduled: list[tuple[str, str, int]] = []
        self._totals = LedgerTotals()

    def schedule(self, endpoint: str, phase: str, intended_ns: int) -> None:
        """Count a request when it becomes due. Each needs exactly one later call of `record`."""
        self._scheduled.append((endpoint, phase, intended_ns))

    def record(
        self,
        endpoint: str,
        phase: str,
        outcome: Outcome,
        intended_ns: int,
        sent_ns: int,
        done_ns: int,
        size: int,
        detail: str = "",
    ) -> None:
        """Count the outcome of a request.

        size: bytes of the response body; detail: the error in few words that are the same for each error of its kind
        ("status 500"). sent_ns and done_ns of an unsent request are 0.
        """
        batch = self._batch
        batch.append((endpoint, phase, outcome, intended_ns, sent_ns, done_ns, size, detail))
        if len(batch) >= BATCH:
            self.fold()

    def add_cpu_time(self, name: str, at_ns: int, cpu_s: float, wall_s: float) -> None:
        """Add the CPU time that a generator process used in a wall time, both in seconds, up to at_ns."""
        second = (at_ns - self.started_ns) // 1_000_000_000
        used = self._totals.generators.setdefault(name, {}).setdefault(second, [0.0, 0.0])
        used[0] += cpu_s
        used[1] += wall_s

    def take(self) -> LedgerTotals:
        """Return the totals since the last call, and start again with none."""
        self.fold()
        totals, self._totals = self._totals, LedgerTotals()
        return totals

    def fold(self) -> None:
        """Add up the recorded requests. `record` calls it regularly; an engine may call it when it is idle."""
        started, totals = self.started_ns, self._totals
        scheduled, self._scheduled = self._scheduled, []
        for endpoint, phase, intended_ns in scheduled:
            cell = totals.cell(endpoint, phase)
            cell.scheduled += 1
            cell.second((intended_ns - started) // 1_000_000_000).scheduled += 1
        batch, self._batch = self._batch, []
        for (endpoint, phase), rows in _grouped(batch).items():
            _add(totals.cell(endpoint, phase), rows, started)


def _grouped(batch: list[_Row]) -> dict[tuple[str, str], list[_Row]]:
    groups: dict[tuple[str, str], list[_Row]] = {}
    for row in batch:
        groups.setdefault((row[0], row[1]), []).append(row)
    return groups


def _add(cell: Cell, rows: list[_Row], started: int) -> None:
    """Add the rows of one cell. Recording all values together takes half the time of recording one by one."""
    lags: list[int] = []
    latencies: list[int] = []
    failed: list[int] = []
    services: list[int] = []
    by_second: dict[int, list[int]] = {}
    outcomes, sent_slots, answered_slots = cell.outcomes, cell.sent_slots, cell.answered_slots
    for _, _, outcome, intended_ns, sent_ns, done_ns, size, detail in rows:
        outcomes[outcome] += 1
        number = (intended_ns - started) // _NS
        second = cell.seconds.get(number) or cell.second(number)
        if detail:
            cell.add_detail(detail, 1)
        if outcome is Outcome.UNSENT:
            continue
        if done_ns < sent_ns:
            cell.backwards += 1
            done_ns = sent_ns
        # A timer may fire slightly early. A request sent before its time has no lag.
        lag_us = max(0, sent_ns - intended_ns + 500) // 1000
        latency_us = max(0, done_ns - intended_ns + 500) // 1000
        cell.size += size
        lags.append(lag_us)
        second.lag_us = max(second.lag_us, lag_us)
        sent, within = divmod(sent_ns - started, _NS)
        cell.second(sent).sent += 1
        if outcome is not Outcome.CLOSED_WHILE_IDLE:
            sent_slots[sent] = sent_slots.get(sent, 0) | 1 << within // _SLOT_NS
        if outcome in _ANSWERS:
            done, within = divmod(done_ns - started, _NS)
            answered_slots[done] = answered_slots.get(done, 0) | 1 << within // _SLOT_NS
        if outcome is Outcome.OK:
            latencies.append(latency_us)
            services.append((done_ns - sent_ns + 500) // 1000)
            by_second.setdefault(number, []).append(latency_us)
        elif outcome in ERRORS:
            second.failed += 1
            failed.append(latency_us)
            services.append((done_ns - sent_ns + 500) // 1000)
    cell.lag.record_all(lags)
    cell.latency.record_all(latencies)
    cell.failed.record_all(failed)
    cell.service.record_all(services)
    for number, values in by_second.items():
        cell.second(number).latency.record_all(values)
