"""Renders the verdict for the terminal: its details, and the last line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cutover.core.evidence import Record
from cutover.core.verdict import GateVerdict, Verdict
from cutover.report.leftover_lines import leftover_lines

_SHOWN = 20
_NAMED = 8
_CHANGED = 3


def details(
    verdicts: Sequence[GateVerdict], records: Sequence[Record], facts: dict[str, Any], folder: Path
) -> Iterator[str]:
    """Yield the reasons of the verdicts, notes, test data that is left over, and the folder of the evidence."""
    for verdict in verdicts:
        yield f"{verdict.gate}: {verdict.verdict.value}"
        for reason in verdict.reasons[:_SHOWN]:
            yield f"  - {reason.replace(chr(10), chr(10) + '    ')}"
        if len(verdict.reasons) > _SHOWN:
            yield f"  - and {len(verdict.reasons) - _SHOWN} more, in verdict.json"
        for line in unmentioned_causes(verdict):
            yield f"  {line}"
        for warning in verdict.warnings:
            yield f"  warning: {warning}"
        for check in verdict.waived:
            yield f"  waived: {check}"
        if verdict.verdict is not Verdict.INCONCLUSIVE:  # whose reasons name them
            for check in verdict.unlisted:
                yield f"  not in manifest.toml, so not required: {check} (cutover manifest --write)"
        if verdict.not_applicable:
            yield from _not_required(verdict)
        if verdict.not_judged:
            yield f"  {not_judged_line(verdict, facts)}"
        if verdict.not_in_form:
            yield (
                f"  not part of the read-only form ({verdict.read_only_form}), so not verified: "
                f"{', '.join(functions(verdict.not_in_form))}"
            )
    for record in records:
        for note in record.observations.notes:
            yield f"  note: {record.check}: {note}"
    for leftover in leftover_lines(facts["leftovers"]):
        yield f"  left over: {leftover}"
    if judged := facts.get("judged_by"):
        yield judged_line(judged)
    yield f"evidence: {folder}"


def judged_line(judged: Mapping[str, Any]) -> str:
    """Return one line about the files that decide what is required and accepted (run/judging_files.py)."""
    commit, changed = judged["commit"], judged["changed"]
    if commit is None:
        state = "in no git repository, so changes cannot be seen"
    elif changed:
        state = f"changed since commit {commit[:12]}: {', '.join(changed)}"
    else:
        state = f"as in commit {commit[:12]}"
    return f"judged by {judged['files']} files, sha256 {judged['sha256'][:12]}, {state}"


def unmentioned_causes(verdict: GateVerdict) -> list[str]:
    """Return the lines of the broken preconditions that the verdict's reasons do not contain."""
    return [cause.line for cause in verdict.causes if cause.line not in verdict.reasons]


def _not_required(verdict: GateVerdict) -> Iterator[str]:
    """Yield one line per reason why checks are not required here."""
    because: dict[str, list[str]] = {}
    for check, reason in verdict.inapplicable_because.items():
        because.setdefault(" ".join(reason.split()), []).append(check)
    yield f"  {len(verdict.not_applicable)} checks are not required here, as the configuration says:"
    for reason, checks in because.items():
        names = functions(checks)
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        yield f"    {reason}: {', '.join(names[:_NAMED])}{more}"


def not_judged_line(verdict: GateVerdict, facts: dict[str, Any]) -> str:
    """Return the number of checks that the profile of rules leaves out, and the rules that it leaves out of others."""
    inside, count = facts.get("not_judged_rules") or (), len(verdict.not_judged)
    return (
        f"house conventions not judged: {count} check{'s' if count != 1 else ''}, rules = {verdict.rules}"
        + (f"; within other checks: {', '.join(inside)}" if inside else "")
        + f". Not judged: {', '.join(functions(verdict.not_judged))}"
    )


def functions(checks: Iterable[str]) -> list[str]:
    """Return the names of the checks' functions, each once for all its systems and parameters."""
    return list(dict.fromkeys(check.rpartition("::")[2].partition("[")[0] for check in checks))


def last_line(verdict: GateVerdict, facts: dict[str, Any]) -> str:
    """Return gate, verdict, environment, URL, version, counts, requests, time and exit code in one line."""
    counts = verdict.counts
    version = ", ".join(facts["answered_versions"]) or "unknown"
    shown = f"{counts['passed']} of {counts['required']} checks passed"
    for name in ("failed", "waived", "blocked", "not_verified", "missing"):
        if counts.get(name):
            shown += f", {counts[name]} {name.replace('_', ' ')}"
    for kind, count in verdict.accepted.items():
        shown += f", {count} {kind}{'' if count == 1 else 's'}"
    if verdict.expiring:
        shown += f", expiring soon: {', '.join(verdict.expiring)}"
    if verdict.warnings:
        shown += f", {len(verdict.warnings)} warning{'s' if len(verdict.warnings) > 1 else ''}"
    if verdict.not_in_form:
        shown += f", {len(verdict.not_in_form)} not part of the read-only form"
    if verdict.vital_left_out:
        shown += f", {len(verdict.vital_left_out)} that cannot be waived left out by the configuration"
    if verdict.not_judged:
        shown += f", {len(verdict.not_judged)} house conventions not judged"
    partial = " (partial)" if verdict.missing and verdict.verdict is Verdict.INCONCLUSIVE else ""
    where = "" if facts["url"] == facts["environment"] else f" ({facts['url']})" if facts["url"] else ""
    retries = f", {facts['connect_retries']} connect retries" if facts["connect_retries"] else ""
    waited = f", {facts['rate_limited']} answered with 429" if facts["rate_limited"] else ""
    planted = f", with a planted fault ({facts['planted']})" if facts["planted"] else ""
    changed = (facts.get("judged_by") or {}).get("changed") or ()
    edited = f", judging files changed ({', '.join(changed[:_CHANGED])}{', …' * (len(changed) > _CHANGED)})" * bool(
        changed
    )
    return (
        f"{verdict.gate} {verdict.verdict.value}{partial}: {facts['environment']}{where}, version {version}{planted}"
        f"{edited}: "
        f"{shown}; {facts['requests']} requests{retries}{waited}; {facts['duration_s']:.1f} s; "
        f"exit {int(verdict.exit_code)}"
    )
