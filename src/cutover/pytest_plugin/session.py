"""The hooks of a gate run, in the controller and in the xdist workers.

gate_run.py holds the run's configuration, gate_pair.py starts the pair, gate_conclusion.py finds the verdict.
"""

from __future__ import annotations

import logging
import sys
import time
import traceback
import warnings
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import pytest

from cutover.config.environments import is_embedded, no_environment
from cutover.config.manifest import WITHOUT_SYSTEMS
from cutover.config.validation import ConfigurationError
from cutover.core.errors import Blocked, MeasurementError, NotVerified
from cutover.core.evidence import Record, Status
from cutover.core.safety import SafetyLevel
from cutover.core.secrets import redact
from cutover.core.verdict import ExitCode
from cutover.pytest_plugin import check_records
from cutover.pytest_plugin.gate_conclusion import conclude, describe
from cutover.pytest_plugin.gate_run import GateRun
from cutover.pytest_plugin.markers import level_of, needs_of, rule_of, system_of
from cutover.pytest_plugin.selection import gates_of
from cutover.run.signals import ignore_interrupts, interrupt_on_signals, interrupt_on_sigterm

_CRASHED: str = "???"  # xdist's phase of a check whose worker process is lost


class GateSession(GateRun):
    """A gate run as a plugin. Registered if -m may select a gate; a run without checks of a gate ignores it."""

    def __init__(self, config: pytest.Config) -> None:
        """Read and validate all configuration. Raises ConfigurationError; nothing was started or sent."""
        super().__init__(config)
        self._log_records = logging.getLogRecordFactory()
        logging.setLogRecordFactory(check_records.redacted_log_records(self._log_records))

    # --- pytest's hooks, in the order in which pytest calls them -----------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Start the pair. xdist workers need its addresses, so the controller waits for it here."""
        del session
        interrupt_on_signals()
        if not self.controls or self.config.option.collectonly or self.name is None:
            return
        if is_embedded(self.project, self.name):
            self.pair.start(self.config.option.cutover_pair)
            if self._distributed():
                self.pair.wait()
                self._surround(self.asked)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Pass the run to an xdist worker process."""
        node.workerinput["cutover"] = {"run": self.run_id, "pair": self.pair.name, "folder": str(self.folder)}

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Note an xdist worker process that ended before its work was done."""
        if error is not None:
            self.trouble.lost_processes.append(str(node.gateway.id))

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Run read-only checks first, so that health is not asked while the system processes our own uploads."""
        items.sort(key=lambda item: level_of(item) if gates_of(item) else SafetyLevel.READ_ONLY)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note which gates run. Refuse a gate without an environment before anything is sent."""
        for item in session.items:
            self.selected_gates.update(gates_of(item))
        if self.selected_gates and self.name is None and self.controls and not self.config.option.collectonly:
            raise pytest.UsageError(str(no_environment(self.project)))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Wait for the pair and for every system that a gate needs. If one does not answer, no check runs."""
        continues = self.config.option.continue_on_collection_errors
        if not self.controls or self.config.option.collectonly or (session.testsfailed and not continues):
            return None
        if self.name is None or not (self.selected_gates or self._distributed()):
            return None
        interrupt_on_sigterm()
        self.run.begin()
        self.pair.wait()
        if not self._distributed():
            self._surround(self.selected_gates)
        if self.pair.failure is not None:
            self.trouble.invalid.append(self.pair.failure)
        else:
            try:
                self.load_environment()
                if set(self.selected_gates or self.asked) - WITHOUT_SYSTEMS:
                    self._become_ready()
            except ConfigurationError as error:  # pytest would print a UsageError after the verdict
                self.trouble.wrong_usage = str(error)
            except MeasurementError as error:
                self.trouble.invalid.append(str(error))
        return True if self.trouble.invalid or self.trouble.wrong_usage else None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        """Open the record of the check."""
        check_records.begin(item, self.recorder)
        self.preconditions.begin(item.nodeid, gates_of(item))

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None]:
        """Skip a check that cannot or must not run in this environment.

        Innermost wrapper: the set-up of the other plugins must have begun when this raises, or their teardown fails.
        """
        with _outcomes_for_pytest():
            if gates_of(item):
                self._admit(item)
            return (yield)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_fixture_setup(self) -> Generator[None, object, object]:
        """Redact a fixture's exception. Innermost wrapper: Allure writes it before the check's own hooks see it."""
        try:
            return (yield)
        except Exception as error:
            check_records.redact_exception(error)
            raise

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None]:
        """Skip a check that finds that it cannot run."""
        del item
        with _outcomes_for_pytest():
            return (yield)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None]:
        """Treat the exceptions of a teardown like those of the call."""
        del item
        with _outcomes_for_pytest():
            return (yield)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Redact the report and attach the record. Innermost wrapper, so that others get the redacted report."""
        report = yield
        if gates_of(item):
            check_records.finish_phase(item, call, report, self.recorder, self.name or "")
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write the record, in the process that reports."""
        if not self.controls:
            return
        record = check_records.record_of(report)
        if record is None and str(report.when) == _CRASHED:
            record = self._crashed(report)
        if record is not None:
            self.selected_gates.update(record.gates)
            self.run.record(record)
        elif report.failed and not self._is_of_a_gate(report.nodeid):
            self.trouble.others_failed = True

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a file that cannot be imported: with --continue-on-collection-errors its checks are missing."""
        if self.controls and report.failed:
            self.trouble.uncollected.append(report.nodeid)

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Distinguish Ctrl-C from -x, which xdist ends in the same way."""
        # pytest's and xdist's own "Interrupted" are subclasses of KeyboardInterrupt; a signal raises the class itself.
        if excinfo.type is KeyboardInterrupt or not issubclass(excinfo.type, KeyboardInterrupt):
            self.trouble.interrupted = True

    def pytest_warning_recorded(self, warning_message: warnings.WarningMessage) -> None:
        """Redact a warning: pytest prints warnings at the end, outside any report."""
        if isinstance(warning_message.message, Warning):
            check_records.redact_exception(warning_message.message)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None]:
        """Decide. The exit code is INVALID until the verdict is known, so that a crash in here is never GO.

        Signals are ignored meanwhile: a second Ctrl-C must not end the process with another code than verdict.json.
        """
        if self.controls and self._gate_ran():
            ignore_interrupts()
        try:
            yield
        except Exception as error:
            if not self.controls or not self._gate_ran():
                raise
            # The teardown of a session fixture failed: pytest would end here without a verdict.
            check_records.redact_exception(error)
            self.trouble.at_the_end = describe(error)
        if self._client is not None:
            self._client.close()
        if self.controls and self._gate_ran():
            self._decide(session)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the reasons of the verdict above pytest's closing line."""
        if self.run.verdicts:
            from cutover.report.terminal import details

            for line in details(self.run.verdicts, self.records, self.run.final_facts, self.folder):
                terminalreporter.write_line(redact(line))
            for line in self.lines:
                terminalreporter.write_line(redact(line))
            if self.trouble.at_the_end is not None:
                terminalreporter.write_line(f"error after the last check: {self.trouble.at_the_end}", red=True)
        elif self.name is None and self.final is not None:
            terminalreporter.write_line("ERROR: " + self.trouble.invalid[-1], red=True)

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """Stop the pair, then print the verdict as the last line."""
        if not self.controls:
            return
        if allure := getattr(self.config.option, "allure_report_dir", None):
            check_records.redact_files(Path(allure), since=self.started)
        self.pair.stop()
        if self.log is not None:
            self.log.close()
        if self.name is not None:
            self.run.print_last_lines()
        logging.setLogRecordFactory(self._log_records)

    # --- steps of the hooks ------------------------------------------------------------------------

    def _distributed(self) -> bool:
        return bool(getattr(self.config.option, "tx", None)) and self.config.option.dist != "no"

    def _surround(self, gates: Iterable[str]) -> None:
        """Start what the pair presents to the preflight gate, if it is one of these gates."""
        if "preflight" in gates and self.name is not None and is_embedded(self.project, self.name):
            self.pair.surround()

    def _gate_ran(self) -> bool:
        """Return True if this run must end with a verdict.

        A controller of xdist collects nothing itself. If its workers are lost before the first check, only -m tells
        that a gate was wanted.
        """
        wanted = self.log is not None and bool(self.config.option.markexpr)
        return bool(self.records or self.trouble.invalid or self.selected_gates or wanted)

    def _decide(self, session: pytest.Session) -> None:
        before = int(session.exitstatus)
        if self.config.option.collectonly:
            if self.name is not None and before == 0:
                session.exitstatus = self.final = int(ExitCode.INCONCLUSIVE)
            return
        session.exitstatus = int(ExitCode.INVALID)
        if self.name is None:
            self.final = session.exitstatus = int(ExitCode.WRONG_USAGE)
            self.trouble.invalid.append(str(no_environment(self.project)))
            return
        try:
            self.final = conclude(self, before)
        except Exception as error:  # noqa: BLE001 - pytest would end with 1, which means NO-GO
            check_records.redact_exception(error)
            sys.stderr.write(redact(traceback.format_exc()))
            self.trouble.at_the_end = describe(error)
            self.run.finish_crashed(error)
            self.final = self.run.code
        session.exitstatus = self.final

    def _become_ready(self) -> None:
        from cutover.systems.readiness import Ready, become_ready, wrong_clock

        found: list[Ready] = []
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        for system in self.environment.systems:
            try:
                found.append(become_ready(self.target(system), reporter.write_line if reporter else print))
            except MeasurementError as error:
                self.trouble.invalid.append(str(error))
                continue
            self.ready[system] = (found[-1].tries, round(found[-1].seconds, 3))
        if wrong := wrong_clock(found):
            self.trouble.invalid.append(wrong)
        exchanges = self.recorder.take().as_json()["exchanges"]
        if self.log is not None:
            self.log.event("ready", systems=self.ready, exchanges=exchanges, failed=self.trouble.invalid)

    def _admit(self, item: pytest.Item) -> None:
        """Raise NotVerified with the reason if this check cannot or must not run here."""
        if self.name is None:
            raise pytest.UsageError(str(no_environment(self.project)))
        environment = self.environment
        for need in filter(None, (system_of(item), *needs_of(item))):
            if need in environment.absent:
                raise NotVerified(f"{environment.name} has no {need}: {environment.absent[need]}")
        rule = rule_of(item)
        if rule is not None and not rule.is_judged(environment.rules):
            raise NotVerified(f"{rule} is not judged: rules = {environment.rules!r} (environments.toml)")
        level = level_of(item)
        if level > environment.safety:
            beyond = set(gates_of(item)) <= set(environment.read_only_form)
            raise NotVerified(
                ("not part of the read-only form: " if beyond else "")
                + f"needs safety {level.label}, {environment.name} allows {environment.safety.label} "
                "(environments.toml)"
            )

    def _is_of_a_gate(self, nodeid: str) -> bool:
        return any(entry.check == nodeid for entry in self.manifest)

    def _crashed(self, report: pytest.TestReport) -> Record:
        gates = tuple(sorted({entry.gate for entry in self.manifest if entry.check == report.nodeid}))
        return Record(
            report.nodeid,
            gates or self.asked,
            self.name or "",
            Status.CRASHED,
            time.time(),
            0.0,
            reason="its xdist worker process ended (out of memory, killed, or a crash in native code)",
        )


class _outcomes_for_pytest:  # noqa: N801 - reads as the statement that it is
    """A context that redacts every exception and turns Blocked and NotVerified into a skip."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            return
        check_records.redact_exception(error)
        if isinstance(error, (Blocked, NotVerified)):
            raise pytest.skip.Exception(str(error)) from error  # check_records reads the cause
