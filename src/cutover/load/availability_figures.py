"""The availability figures of a load run with streams: outages, versions and dropped requests."""

from __future__ import annotations

from typing import Any

from cutover.load.metrics import dropped_summary
from cutover.load.process_reports import ProcessReports
from cutover.traffic import availability
from cutover.traffic.ledger import Cell


def availability_figures(reports: ProcessReports, requests: Cell) -> dict[str, Any] | None:
    """Return the figures as plain data (report/load_outages.py); None without streams.

    requests: all requests after the warm-up.
    """
    streams = {
        stream: {
            "requests": len(rows),
            "windows": [outage.as_json() for outage in availability.find_outages(stream, rows)],
            "longest_gap_ms": availability.longest_gap_ms(rows),
        }
        for stream, rows in availability.merged(report["log"] for report in reports.last_reports).items()
    }
    if not streams:
        return None
    return {
        "streams": streams,
        "versions": {
            origin: {"answers": count, "first_s": round(first / 1e9, 4), "last_s": round(last / 1e9, 4)}
            for origin, (count, first, last) in reports.versions().items()
        },
        "changes_of_version": sum(len(report["version_changes"]) for report in reports.last_reports),
        "dropped": dropped_summary(requests),
        "connections_closed_while_idle_without_a_request": sum(
            report["idle_closed"] for report in reports.last_reports
        ),
    }
