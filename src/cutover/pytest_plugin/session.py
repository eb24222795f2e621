"""One gate run as a pytest plugin: hooks of the controller and of the xdist workers.

Options and files are validated in gate_configuration.py, the pair is started in gate_pair.py, and the verdict is
found in conclusion.py.
"""

from __future__ import annotations

import logging
import os
import time
import warnings
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cutover.accounts.cleanup import LEDGER
from cutover.config.environments import Environment, is_embedded, no_environment
from cutover.config.validation import ConfigurationError
from cutover.core.errors import MeasurementError, NotVerified
from cutover.core.evidence import EvidenceLog, Record, Status
from cutover.core.recorder import Recorder
from cutover.core.requirements import RequiredCheck, Waiver
from cutover.core.safety import SafetyLevel
from cutover.core.secrets import redact
from cutover.core.verdict import ExitCode
from cutover.pytest_plugin import check_records, gate_configuration, named_environment
from cutover.pytest_plugin.gate_conclusion import Trouble, conclude, describe
from cutover.pytest_plugin.gate_pair import GatePair
from cutover.pytest_plugin.markers import level_of, needs_of, system_of
from cutover.pytest_plugin.selection import asked_gates, gates_of
from cutover.run.lifecycle import Run
from cutover.run.signals import ignore_interrupts, interrupt_on_sigterm

if TYPE_CHECKING:
    from cutover.client.http import Client
    from cutover.systems.target import Target

_CRASHED: str = "???"  # xdist's phase of a check whose worker process is lost


class GateSession:
    """A gate run. Registered as a plugin if -m may select a gate; a run without checks of a gate ignores it."""

    def __init__(self, config: pytest.Config) -> None:
        """Read and validate all configuration. Raises ConfigurationError; nothing was started or sent."""
        handed: dict[str, Any] | None = getattr(config, "workerinput", {}).get("cutover")
        self.config = config
        self.project: Path = config.rootpath
        self.controls = not hasattr(config, "workerinput")
        self.name = named_environment(config)
        self.asked = asked_gates(config.option.markexpr)
        named = config.option.cutover_reports
        self.run = Run(
            self.project,
            self.asked,
            self.name or "",
            reports=Path(named) if named else None,
            run_id=handed["run"] if handed else None,
            folder=Path(handed["folder"]) if handed else None,
            nonce=config.option.cutover_nonce,
            asked_version=config.option.cutover_version,
        )
        self.pair = GatePair(self.run.run_id)
        self.pair.name = handed["pair"] if handed else None
        self.recorder = Recorder()
        self.trouble = Trouble()
        self.ready: dict[str, tuple[int, float]] = {}
        self.selected_gates: set[str] = set()
        self.waivers: tuple[Waiver, ...] = ()
        self.manifest: tuple[RequiredCheck, ...] = ()
        self.final: int | None = None
        self.lines: list[str] = []
        self._environment: Environment | None = None
        self._client: Client | None = None
        if self.controls:
            self._validate_configuration()
        self._log_records = logging.getLogRecordFactory()
        logging.setLogRecordFactory(check_records.redacted_log_records(self._log_records))

    # --- the parts of a run ------------------------------------------------------------------------

    @property
    def environment(self) -> Environment:
        """Return the environment. It is loaded on first use: the embedded one has no addresses before it is up."""
        if self._environment is None:
            if self.name is None:
                raise no_environment(self.project)
            pair = None
            if self.pair.name is not None:
                from cutover.embedded import state

                pair = state.read(self.pair.name)
                self.run.planted = pair.fault if pair else None
            self._use(gate_configuration.load_for_run(self.config, self.asked, self.name, pair))
        assert self._environment is not None, "loaded above"
        return self._environment

    @property
    def loaded(self) -> bool:
        """Return True if the environment could be loaded."""
        return self._environment is not None

    @property
    def client(self) -> Client:
        """Return the HTTP client of this process."""
        if self._client is None:
            from cutover.client.http import Client
            from cutover.client.rate_limiter import RateLimiter
            from cutover.core.safety import KillSwitch
            from cutover.embedded.folders import base

            environment = self.environment
            self._client = Client(
                environment,
                recorder=self.recorder,
                rate_limiter=RateLimiter(base() / "pacing", environment.url, environment.budget),
                kill_switch=KillSwitch(self.project),
                run=self.run_id + os.environ.get("PYTEST_XDIST_WORKER", ""),
                worker_version=self.config.option.cutover_version,
                show_values=self.config.option.cutover_show_values,
            )
        return self._client

    def target(self, system: str) -> Target:
        """Return one system of the environment. Raises NotVerified with the reason if it has none."""
        from cutover.systems.target import Target

        if system not in self.environment.systems:
            raise NotVerified(f"{self.environment.name} has no {system}: {self.environment.absent[system]}")
        return Target(system, self.environment, self.client, self.recorder)

    @property
    def run_id(self) -> str:
        """Return the id of the run."""
        return self.run.run_id

    @property
    def folder(self) -> Path:
        """Return the folder of the run."""
        return self.run.folder

    @property
    def started(self) -> float:
        """Return the start of the run in Unix seconds."""
        return self.run.started

    @property
    def records(self) -> list[Record]:
        """Return the records of all checks so far."""
        return self.run.records

    @property
    def log(self) -> EvidenceLog | None:
        """Return the evidence file, None before the first check."""
        return self.run.log

    @property
    def ledger(self) -> Path:
        """Return the file that lists the names of test data before they are created."""
        return self.folder / LEDGER

    # --- pytest's hooks, in the order in which pytest calls them -----------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Start the pair. xdist workers need its addresses, so the controller waits for it here."""
        del session
        if not self.controls or self.config.option.collectonly or self.name is None:
            return
        if is_embedded(self.project, self.name):
            self.pair.start(self.config.option.cutover_pair)
            if self._distributed():
                self.pair.wait()

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
        """Wait for the pair and for every system. If one does not answer, no check runs."""
        continues = self.config.option.continue_on_collection_errors
        if not self.controls or self.config.option.collectonly or (session.testsfailed and not continues):
            return None
        if self.name is None or not (self.selected_gates or self._distributed()):
            return None
        interrupt_on_sigterm()
        self.run.begin()
        self.pair.wait()
        if self.pair.failure is not None:
            self.trouble.invalid.append(self.pair.failure)
        else:
            try:
                self._become_ready()
            except ConfigurationError as error:
                raise pytest.UsageError(str(error)) from None
        return True if self.trouble.invalid else None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        """Open the record of the check."""
        check_records.begin(item)

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

    def _validate_configuration(self) -> None:
        """Validate options, environment, secrets, manifest and waivers. Raises ConfigurationError."""
        gate_configuration.validate_options(self.config)
        self.manifest = gate_configuration.required_checks(self.project)
        gate_configuration.validate_contracts(self.config, self.asked, self.name)
        if self.name is None:
            # Without -m the checks of a run are known after the collection, with -m now.
            if self.config.option.markexpr and not self.config.option.collectonly:
                raise no_environment(self.project)
            return
        if not is_embedded(self.project, self.name):
            self._use(gate_configuration.load_for_run(self.config, self.asked, self.name))
            gate_configuration.validate_version_option(self.config, self.environment)
        self.waivers = gate_configuration.valid_waivers(self.project, self.name, self.manifest)

    def _use(self, environment: Environment) -> None:
        self._environment = self.run.environment = environment

    def _distributed(self) -> bool:
        return bool(getattr(self.config.option, "tx", None)) and self.config.option.dist != "no"

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
        self.final = session.exitstatus = conclude(self, before)

    def _become_ready(self) -> None:
        from cutover.systems.target import become_ready

        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        for system in self.environment.systems:
            try:
                tries, seconds = become_ready(self.target(system), reporter.write_line if reporter else print)
            except MeasurementError as error:
                self.trouble.invalid.append(str(error))
                continue
            self.ready[system] = (tries, round(seconds, 3))
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
    """A context that redacts every exception and turns NotVerified into a skip."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            return
        check_records.redact_exception(error)
        if isinstance(error, NotVerified):
            pytest.skip(str(error))
