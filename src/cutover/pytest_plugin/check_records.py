"""Turns pytest's reports of one check into one evidence record, and redacts the reports.

This runs in the process of the check. The record is attached to the report of the teardown.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from cutover.core.errors import Blocked, CheckFailed, MeasurementError, NotApplicable, NotVerified, Refused
from cutover.core.evidence import Record, Status
from cutover.core.recorder import Recorder
from cutover.core.secrets import redact, redact_all
from cutover.pytest_plugin.markers import rule_of, system_of
from cutover.pytest_plugin.selection import gates_of

ATTRIBUTE: Final = "cutover_record"
_OUTCOME: Final = pytest.StashKey["Outcome"]()


_RANK: Final = (
    Status.PASSED, Status.NOT_APPLICABLE, Status.NOT_VERIFIED, Status.BLOCKED, Status.EXPECTED_FAILURE, Status.FAILED,
)  # fmt: skip


class Outcome:
    """The worst outcome of a check's phases so far."""

    def __init__(self) -> None:
        self.started = time.time()
        self.status: Status | None = None
        self.reason = ""
        self.finding: str | None = None
        self.findings: tuple[str, ...] = ()
        self.never_waived = ""
        self.blocked_by: dict[str, str] = {}

    def take(
        self,
        status: Status,
        reason: str,
        finding: str | None = None,
        findings: tuple[str, ...] = (),
        never_waived: str = "",
    ) -> None:
        """Keep the worst outcome. Two failures together have no finding: a waiver accepts one, not both."""
        self.never_waived = self.never_waived or never_waived
        if self.status is None or _rank(status) > _rank(self.status):
            self.status, self.reason, self.finding, self.findings = status, reason, finding, findings
        elif status is Status.FAILED and self.status is Status.FAILED and finding != self.finding:
            self.reason, self.finding, self.findings = f"{self.reason}; then {reason}", None, ()


def _rank(status: Status) -> int:
    """Return the rank of a status. Measurement errors rank highest."""
    return _RANK.index(status) if status in _RANK else len(_RANK)


def begin(item: pytest.Item, recorder: Recorder) -> None:
    """Start the outcome of a check, before its set-up."""
    item.stash[_OUTCOME] = Outcome()
    recorder.rule = rule_of(item) or ""


def redact_exception(error: BaseException) -> None:
    """Redact an exception and its causes: Allure and JUnit print their arguments."""
    seen: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        current = pending.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        current.args = tuple(redact(arg) if isinstance(arg, str) else arg for arg in current.args)
        pending += [current.__cause__, current.__context__]


def redact_files(folder: Path, *, since: float) -> None:
    """Redact the files that other plugins wrote since then (Unix time in seconds).

    Some of their content does not pass through our hooks, for example the exception of a fixture's teardown.
    """
    for file in folder.glob("*"):
        if file.is_file() and file.stat().st_mtime >= since - 1:
            text = file.read_bytes().decode("utf-8", "surrogateescape")
            if (masked := redact(text)) != text:
                file.write_bytes(masked.encode("utf-8", "surrogateescape"))


def redacted_log_records(make: Callable[..., logging.LogRecord]) -> Callable[..., logging.LogRecord]:
    """Return a log record factory that redacts: live logs and log files do not pass through reports."""

    def redacted(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        with contextlib.suppress(TypeError, ValueError):  # wrong arguments: logging reports them
            record.msg, record.args = redact(record.getMessage()), ()
        return record

    return redacted


def finish_phase(
    item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport, recorder: Recorder, environment: str
) -> None:
    """Note the outcome of a phase. After the teardown, attach the record to the report."""
    outcome = item.stash[_OUTCOME]
    # Read from the item, not from the report: pytest marks an expected failure there after this hook.
    marked = item.get_closest_marker("xfail") is not None and report.when != "teardown"
    if marked or (call.excinfo is not None and call.excinfo.errisinstance(pytest.xfail.Exception)):
        outcome.take(Status.EXPECTED_FAILURE, "marked xfail: whether it passed or failed, it is not evidence")
    elif call.excinfo is not None:
        error = call.excinfo.value
        if isinstance(blocked := error.__cause__, Blocked):
            outcome.take(Status.BLOCKED, str(blocked))
            outcome.blocked_by |= blocked.causes
        details: tuple[tuple[str, ...], str] = ((), "")
        if isinstance(error, CheckFailed):
            details = error.findings, error.never_waived
            recorder.rule = error.rule or recorder.rule
        outcome.take(*_status_of(call.excinfo, report), *details)
        if report.failed:
            _explain(item, call.excinfo, report, outcome, recorder.rule)
    elif report.when == "call":
        outcome.take(Status.PASSED, "")
    _redact_report(report)
    if report.when == "teardown":
        setattr(report, ATTRIBUTE, redact_all(_record(item, outcome, recorder, environment).as_json()))


def record_of(report: pytest.TestReport) -> Record | None:
    """Return the record that is attached to this report, None without one."""
    data = getattr(report, ATTRIBUTE, None)
    return Record.from_json(data) if data is not None else None


def _record(item: pytest.Item, outcome: Outcome, recorder: Recorder, environment: str) -> Record:
    plan = item.get_closest_marker("plan")
    documented = getattr(item, "obj", None)
    return Record(
        check=item.nodeid,
        gates=gates_of(item),
        environment=environment,
        # Without a call (--setup-only and others) nothing was verified.
        status=outcome.status or Status.NOT_VERIFIED,
        started=outcome.started,
        duration_s=round(time.time() - outcome.started, 4),
        system=system_of(item),
        reason=redact(outcome.reason) if outcome.status else "its body did not run",
        finding=outcome.finding,
        plan=plan.args[0] if plan else None,
        summary=(getattr(documented, "__doc__", None) or "").strip().split("\n")[0],
        observations=recorder.take(),
        findings=outcome.findings,
        never_waived=outcome.never_waived,
        blocked_by=outcome.blocked_by,
    )


def _status_of(
    excinfo: pytest.ExceptionInfo[BaseException], report: pytest.TestReport
) -> tuple[Status, str, str | None]:
    error = excinfo.value
    if isinstance(error, MeasurementError):
        return Status(error.status), str(error), None
    if isinstance(error.__cause__, NotApplicable) or isinstance(error, NotApplicable):
        return Status.NOT_APPLICABLE, str(getattr(error, "msg", None) or error), None
    if report.skipped or isinstance(error, NotVerified):
        return Status.NOT_VERIFIED, str(getattr(error, "msg", None) or error), None
    if isinstance(error, CheckFailed):
        shown = "; ".join(line.strip() for line in str(error).splitlines()[:3])
        return Status.FAILED, shown, error.finding
    if isinstance(error, Refused):
        return Status.FAILED, str(error), "refused"
    first = str(error).strip().split("\n")[0]
    return Status.FAILED, f"{type(error).__name__}: {first}" if first else type(error).__name__, None


def _explain(
    item: pytest.Item,
    excinfo: pytest.ExceptionInfo[BaseException],
    report: pytest.TestReport,
    outcome: Outcome,
    rule: str,
) -> None:
    """Print the check's promise, its source and the runbook entry instead of a stack trace."""
    if isinstance(excinfo.value, (CheckFailed, MeasurementError, Refused)) and item.config.option.tbstyle == "auto":
        report.longrepr = excinfo.getrepr(style="value")
    plan = item.get_closest_marker("plan")
    doc = (getattr(getattr(item, "obj", None), "__doc__", None) or "").strip().split("\n")[0]
    lines = [f"check    {doc}"]
    lines += [f"plan     {plan.args[0]}"] if plan else []
    lines += [f"rule     {rule}"] if rule and not outcome.findings else []
    lines += [f"runbook  docs/runbook.md#{getattr(item, 'originalname', item.name)}"]
    record = Record(item.nodeid, (), "", Status.FAILED, 0, 0, finding=outcome.finding)
    never = item.get_closest_marker("never_waived")
    if never is not None or outcome.never_waived:
        lines += [f"waiver   not possible: {never.args[0] if never is not None else outcome.never_waived}"]
    elif outcome.findings:
        whole = item.nodeid.partition("[")[0]
        lines += [f"waiver   of each fingerprint above, for {whole} as a whole (waivers.toml)"]
    elif record.fingerprint:
        lines += [f"waiver   fingerprint {record.fingerprint} (waivers.toml)"]
    report.sections.append(("cutover", "\n".join(lines)))


def _redact_report(report: pytest.TestReport) -> None:
    report.sections = [(name, redact(text)) for name, text in report.sections]
    if isinstance(report.longrepr, str):
        report.longrepr = redact(report.longrepr)
    elif isinstance(report.longrepr, tuple):
        path, line, message = report.longrepr
        report.longrepr = (path, line, redact(message))
    elif report.longrepr is not None:
        _redact_in_place(report.longrepr, set())


def _redact_in_place(value: Any, seen: set[int]) -> None:
    """Redact each text in pytest's representation of an exception (pytest's own classes only)."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, str):
                value[index] = redact(item)
            elif isinstance(item, tuple):
                value[index] = _redacted_tuple(item, seen)
            else:
                _redact_in_place(item, seen)
    elif type(value).__module__.startswith("_pytest."):
        for name, item in list(vars(value).items()):
            if isinstance(item, str):
                object.__setattr__(value, name, redact(item))  # some of them are frozen dataclasses
            elif isinstance(item, tuple):
                object.__setattr__(value, name, _redacted_tuple(item, seen))
            else:
                _redact_in_place(item, seen)


def _redacted_tuple(items: tuple[Any, ...], seen: set[int]) -> tuple[Any, ...]:
    masked: list[Any] = []
    for item in items:
        if isinstance(item, str):
            masked.append(redact(item))
        elif isinstance(item, tuple):
            masked.append(_redacted_tuple(item, seen))
        else:
            _redact_in_place(item, seen)
            masked.append(item)
    return tuple(masked)
