"""The ledger of one process: counts each request as it is scheduled and as it ends.

Records are kept in batches, so that adding them up does not delay a send.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from cutover.traffic.ledger import ERRORS, SLOTS, Cell, LedgerTotals, Outcome

BATCH: Final = 256
"""Records that are kept before they are added up: about 0.5 ms of work, well below what a send may lag."""

_Row: TypeAlias = tuple[str, str, Outcome, int, int, int, int, str]
_NS: Final = 1_000_000_000
_SLOT_NS: Final = _NS // SLOTS
_ANSWERS: Final = (Outcome.OK, Outcome.REFUSED_BY_MAINTENANCE)


class LedgerWriter:
    """What an engine calls for each request. One for each process; `take` gives what came since the last time.

    started_ns: the moment from which the run's seconds are counted, on the same clock as the time stamps.
    """

    __slots__ = ("_batch", "_scheduled", "_sums", "started_ns")

    def __init__(self, started_ns: int) -> None:
        self.started_ns = started_ns
        self._batch: list[_Row] = []
        self._scheduled: list[tuple[str, str, int]] = []
        self._sums = LedgerTotals()

    def schedule(self, endpoint: str, phase: str, intended_ns: int) -> None:
        """Count a request that falls due. It owes the ledger one `record`."""
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
        """Count what became of a request. size: bytes of the answer's body; detail: what an error said, in few
        words that do not change from request to request ("status 500"). Of an unsent one sent and done are 0.
        """
        batch = self._batch
        batch.append((endpoint, phase, outcome, intended_ns, sent_ns, done_ns, size, detail))
        if len(batch) >= BATCH:
            self.fold()

    def generator(self, name: str, at_ns: int, cpu_s: float, wall_s: float) -> None:
        """Note how much CPU time a generating process used in how much time, both in seconds, up to at_ns."""
        second = (at_ns - self.started_ns) // 1_000_000_000
        used = self._sums.generators.setdefault(name, {}).setdefault(second, [0.0, 0.0])
        used[0] += cpu_s
        used[1] += wall_s

    def take(self) -> LedgerTotals:
        """The sums since the last call, and begin anew."""
        self.fold()
        sums, self._sums = self._sums, LedgerTotals()
        return sums

    def fold(self) -> None:
        """Add up what was recorded. Called by `record` now and then; an engine may call it when it is idle."""
        started, sums = self.started_ns, self._sums
        scheduled, self._scheduled = self._scheduled, []
        for endpoint, phase, intended_ns in scheduled:
            cell = sums.cell(endpoint, phase)
            cell.scheduled += 1
            cell.second((intended_ns - started) // 1_000_000_000).scheduled += 1
        batch, self._batch = self._batch, []
        for (endpoint, phase), rows in _grouped(batch).items():
            _add(sums.cell(endpoint, phase), rows, started)


def _grouped(batch: list[_Row]) -> dict[tuple[str, str], list[_Row]]:
    groups: dict[tuple[str, str], list[_Row]] = {}
    for row in batch:
        groups.setdefault((row[0], row[1]), []).append(row)
    return groups


def _add(cell: Cell, rows: list[_Row], started: int) -> None:
    """Add the rows of one cell. Values are collected and counted at once: half the time of one by one."""
    lags: list[int] = []
    latencies: list[int] = []
    failed: list[int] = []
    services: list[int] = []
    by_second: dict[int, list[int]] = {}
    outcomes, asked, answered = cell.outcomes, cell.asked, cell.answered
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
        # A timer may fire a little early; a send before its time lags by nothing.
        lag_us = max(0, sent_ns - intended_ns + 500) // 1000
        latency_us = max(0, done_ns - intended_ns + 500) // 1000
        cell.size += size
        lags.append(lag_us)
        second.lag_us = max(second.lag_us, lag_us)
        sent, within = divmod(sent_ns - started, _NS)
        cell.second(sent).sent += 1
        if outcome is not Outcome.CLOSED_WHILE_IDLE:
            asked[sent] = asked.get(sent, 0) | 1 << within // _SLOT_NS
        if outcome in _ANSWERS:
            done, within = divmod(done_ns - started, _NS)
            answered[done] = answered.get(done, 0) | 1 << within // _SLOT_NS
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
