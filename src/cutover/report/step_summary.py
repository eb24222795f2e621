"""Appends the verdict as Markdown to the step summary of GitHub Actions."""

from __future__ import annotations

import contextlib
import html
import os
from collections.abc import Sequence
from typing import Any

from cutover.core.evidence import Record, Status
from cutover.core.secrets import redact
from cutover.core.verdict import GateVerdict
from cutover.report.terminal import functions, last_line, not_judged_line, unmentioned_causes

_REASONS_SHOWN = 30


def append_step_summary(verdicts: Sequence[GateVerdict], records: Sequence[Record], facts: dict[str, Any]) -> None:
    """Append to $GITHUB_STEP_SUMMARY if it is set. A summary that cannot be written does not change the verdict."""
    name = os.environ.get("GITHUB_STEP_SUMMARY")
    if not name:
        return
    lines = []
    for verdict in verdicts:
        lines.append(f"### {verdict.gate}: {verdict.verdict.value}\n")
        lines.append(_escaped(last_line(verdict, facts)) + "\n")
        lines += [f"- {_escaped(reason)}" for reason in verdict.reasons[:_REASONS_SHOWN]]
        lines += [f"- {_escaped(line)}" for line in unmentioned_causes(verdict)]
        if verdict.not_judged:
            lines.append(_escaped(not_judged_line(verdict, facts)))
        if verdict.not_in_form:
            names = ", ".join(functions(verdict.not_in_form))
            lines.append(
                _escaped(f"Not part of the read-only form ({verdict.read_only_form}), so not verified: {names}")
            )
    beyond = {check for verdict in verdicts for check in (*verdict.not_in_form, *verdict.not_judged)}
    # The lines of the causes count the blocked checks.
    rows = [row for row in records if row.status not in (Status.PASSED, Status.BLOCKED) and row.check not in beyond]
    if rows:
        lines += ["", "| check | status | reason |", "|---|---|---|"]
        lines += [f"| {_escaped(row.check)} | {row.status.value} | {_escaped(row.reason)} |" for row in rows]
    try:
        with open(name, "a", encoding="utf-8", errors="backslashreplace") as file:  # noqa: PTH123 - appends
            file.write("\n".join(lines) + "\n\n")
    except (OSError, ValueError) as error:
        with contextlib.suppress(OSError, ValueError):
            print(f"step summary not written: {error}")  # noqa: T201 - pytest's terminal is not at hand here


def _escaped(text: str) -> str:
    """Escape text from servers, so that it cannot become HTML, a table cell or a link."""
    flat = " ".join(redact(text).split())
    return html.escape(flat, quote=False).replace("|", "&#124;").replace("`", "&#96;").replace("[", "&#91;")
