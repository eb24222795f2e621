"""One gate run, from the pair's start to the verdict: the controller's side and the xdist workers'.

Holds what the run is (environment, run id, clients) and hands records to the evidence. Not for how a
verdict is found: verdict.py; nor for how it looks: report/.
"""

from __future__ import annotations

import contextlib
import datetime
import logging
import os
import signal
import sys
import time
import warnings
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from cutover.config.environments import (
    CAPABILITIES,
    Environment,
    Readiness,
    is_embedded,
    load_environment,
    no_environment,
)
from cutover.config.manifest import load_manifest
from cutover.config.validation import ConfigurationError
from cutover.config.waivers import load_waivers
from cutover.core.errors import MeasurementError, NotVerified
from cutover.core.evidence import EvidenceLog, Record, Status
from cutover.core.recorder import Recorder
from cutover.core.requirements import RequiredCheck, Waiver
from cutover.core.safety import SafetyLevel
from cutover.core.secrets import redact
from cutover.core.verdict import ExitCode, GateVerdict
from cutover.pytest_plugin import named_environment, recording
from cutover.pytest_plugin.conclusion import Trouble, conclude, describe
from cutover.pytest_plugin.selection import asked_gates, gates_of

if TYPE_CHECKING:
    from cutover.client.http import Client
    from cutover.client.rate_limiter import RateLimiter
    from cutover.embedded.pair import PairHandle
    from cutover.embedded.state import PairState
    from cutover.systems.target import Target

_PAIR_TIMEOUT_S: Final = 60.0
_SHOWS_AND_ENDS: Final = {
    "showfixtures": "--fixtures",
    "show_fixtures_per_test": "--fixtures-per-test",
    "cacheshow": "--cache-show",
}
_CRASHED: str = "???"  # xdist's phase of a check whose worker process is gone


class GateSession:
    """Registered as a plugin where -m may select a gate; a run that has none of a gate's checks ignores it."""

    def __init__(self, config: pytest.Config) -> None:
        """Reads and judges all options. Raises ConfigurationError; nothing was started or sent."""
        self.config = config
        self.project: Path = config.rootpath
        handed: dict[str, Any] | None = getattr(config, "workerinput", {}).get("cutover")
        self.controls = not hasattr(config, "workerinput")
        self.name = named_environment(config)
        self.asked = asked_gates(config.option.markexpr)
        self.run_id: str = handed["run"] if handed else os.urandom(4).hex()
        self.pair_name: str | None = handed["pair"] if handed else None
        self.folder = Path(handed["folder"]) if handed else self._new_folder()
        self.recorder = Recorder()
        self.started = time.time()
        self.records: list[Record] = []
        self.trouble = Trouble()
        self.ready: dict[str, tuple[int, float]] = {}
        self.selected_gates: set[str] = set()
        self.waivers: tuple[Waiver, ...] = ()
        self.manifest: tuple[RequiredCheck, ...] = ()
        self.log: EvidenceLog | None = None
        self.verdicts: list[GateVerdict] = []
        self.final: int | None = None
        self.final_facts: dict[str, Any] = {}
        self.told: list[str] = []
        self._pair: PairHandle | None = None
        self._planted: str | None = None
        self._environment: Environment | None = None
        self._client: Client | None = None
        if self.controls:
            self._judge_configuration()
        self._log_records = logging.getLogRecordFactory()
        logging.setLogRecordFactory(recording.redacted_log_records(self._log_records))

    # --- what the run is -------------------------------------------------------------------------

    @property
    def environment(self) -> Environment:
        """The environment, loaded when it is first needed: the embedded one only has addresses once it is up."""
        if self._environment is None:
            if self.name is None:
                raise no_environment(self.project)
            pair = None
            if self.pair_name is not None:
                from cutover.embedded import state

                pair = state.read(self.pair_name)
                self._planted = pair.fault if pair else None
            self._environment = self._loaded(pair, self.name)
        return self._environment

    @property
    def loaded(self) -> bool:
        """Whether the environment could be loaded."""
        return self._environment is not None

    @property
    def client(self) -> Client:
        """The process's client."""
        if self._client is None:
            from cutover.client.http import Client
            from cutover.core.safety import KillSwitch

            self._client = Client(
                self.environment,
                recorder=self.recorder,
                rate_limiter=self._pacer(),
                kill_switch=KillSwitch(self.project),
                run=self.run_id + os.environ.get("PYTEST_XDIST_WORKER", ""),
                worker_version=self.config.option.cutover_version,
                show_values=self.config.option.cutover_show_values,
            )
        return self._client

    def target(self, system: str) -> Target:
        """One system of the environment. Raises NotVerified, saying why, when it has none."""
        from cutover.systems.target import Target

        if system not in self.environment.systems:
            raise NotVerified(f"{self.environment.name} has no {system}: {self.environment.absent[system]}")
        return Target(system, self.environment, self.client, self.recorder)

    @property
    def ledger(self) -> Path:
        """Where the names of test data are written down before they are made."""
        return self.folder / "test-data.jsonl"

    # --- pytest's hooks, in the order in which they come -----------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Start the pair. Under xdist the workers need its addresses, so the controller waits here."""
        del session
        if not self.controls or self.config.option.collectonly:
            return
        if self.name is None:
            return
        if is_embedded(self.project, self.name):
            self._start_pair()
            if self._distributed():
                self._await_pair()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """xdist: hand the run to a worker process."""
        node.workerinput["cutover"] = {"run": self.run_id, "pair": self.pair_name, "folder": str(self.folder)}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """What only looks comes before what writes, so that health is not asked in the wake of our own uploads."""
        items.sort(key=lambda item: level_of(item) if gates_of(item) else SafetyLevel.READ_ONLY)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Know which gates run; refuse a gate without an environment before anything is sent."""
        for item in session.items:
            self.selected_gates.update(gates_of(item))
        if self.selected_gates and self.name is None and self.controls and not self.config.option.collectonly:
            raise pytest.UsageError(str(no_environment(self.project)))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Before the first check: the pair is up and every system answers. Otherwise no check is run."""
        goes_on = self.config.option.continue_on_collection_errors
        if not self.controls or self.config.option.collectonly or (session.testsfailed and not goes_on):
            return None
        if self.name is None or not (self.selected_gates or self._distributed()):
            return None
        signal.signal(signal.SIGTERM, _interrupt)
        self.log = EvidenceLog(self.folder)
        self.log.event(
            "started", run=self.run_id, environment=self.name, gates=list(self.asked), at=round(self.started, 3)
        )
        self._write_unfinished()
        self._await_pair()
        if not self.trouble.invalid:
            try:
                self._become_ready()
            except ConfigurationError as error:
                raise pytest.UsageError(str(error)) from None
        return True if self.trouble.invalid else None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        """Open the check's record."""
        recording.begin(item)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None]:
        """Keep a check out that this environment cannot show or must not see.

        Innermost: what is raised here must find the other plugins' setups entered, or their ends fail.
        """
        with _outcome_as_pytest_knows_it():
            if gates_of(item):
                self._admit(item)
            return (yield)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_fixture_setup(self) -> Generator[None, object, object]:
        """Innermost: Allure writes down a fixture's exception before the check's own hooks see it."""
        try:
            return (yield)
        except Exception as error:
            recording.redact_exception(error)
            raise

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None]:
        """A check that finds that it cannot be made is skipped, not failed."""
        del item
        with _outcome_as_pytest_knows_it():
            return (yield)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None]:
        """The same for what comes after."""
        del item
        with _outcome_as_pytest_knows_it():
            return (yield)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Redact the report and let the record travel with it. Innermost, so that others see it redacted."""
        report = yield
        if gates_of(item):
            recording.finish_phase(item, call, report, self.recorder, self.name or "")
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """On the process that reports: keep the evidence."""
        if not self.controls:
            return
        record = recording.record_of(report)
        if record is None and str(report.when) == _CRASHED:
            record = self._crashed(report)
        if record is not None:
            self.selected_gates.update(record.gates)
            self.records.append(record)
            if self.log is not None:
                self.log.record(record)
        elif report.failed and not self._is_of_a_gate(report.nodeid):
            self.trouble.others_failed = True

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that cannot be imported may hold checks: with --continue-on-collection-errors the run goes on."""
        if self.controls and report.failed:
            self.trouble.uncollected.append(report.nodeid)

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Tell Ctrl-C from -x, which xdist ends in the same way."""
        # pytest's and xdist's own "Interrupted" are subclasses of KeyboardInterrupt; a signal raises the class itself.
        if excinfo.type is KeyboardInterrupt or not issubclass(excinfo.type, KeyboardInterrupt):
            self.trouble.interrupted = True

    def pytest_warning_recorded(self, warning_message: warnings.WarningMessage) -> None:
        """Warnings are summed up at the end, in nobody's report."""
        if isinstance(warning_message.message, Warning):
            recording.redact_exception(warning_message.message)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None]:
        """Decide. INVALID is set first and whatever is better last, so that a crash in here is never GO.

        A second Ctrl-C must not part the exit code from what is written, so it is not listened to.
        """
        if self.controls and self._gate_ran():
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
        try:
            yield
        except Exception as error:
            if not self.controls or not self._gate_ran():
                raise
            # The last teardowns, of session fixtures: pytest would end here without a verdict.
            recording.redact_exception(error)
            self.trouble.at_the_end = describe(error)
        if self._client is not None:
            self._client.close()
        if self.controls and self._gate_ran():
            self._decide(session)

    def _gate_ran(self) -> bool:
        return bool(self.records or self.trouble.invalid or self.selected_gates)

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
        self.verdicts, self.final = conclude(self, before)
        session.exitstatus = self.final

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """What the verdict rests on, above pytest's closing line."""
        if self.verdicts:
            from cutover.report.terminal import details

            for line in details(self.verdicts, self.records, self.final_facts, self.folder):
                terminalreporter.write_line(redact(line))
            for line in self.told:
                terminalreporter.write_line(redact(line))
            if self.trouble.at_the_end is not None:
                terminalreporter.write_line(f"error after the last check: {self.trouble.at_the_end}", red=True)
        elif self.name is None and self.final is not None:
            terminalreporter.write_line("ERROR: " + self.trouble.invalid[-1], red=True)

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """Stop the pair, then say the verdict as the last line of all."""
        if not self.controls:
            return
        if allure := getattr(self.config.option, "allure_report_dir", None):
            recording.redact_files(Path(allure), since=self.started)
        if self._pair is not None:
            self._pair.stop()
        if self.log is not None:
            self.log.close()
        if self.verdicts and self.name is not None:
            from cutover.report.terminal import last_line

            for verdict in self.verdicts:
                _say(redact(last_line(verdict, self.final_facts)))
        logging.setLogRecordFactory(self._log_records)

    # --- parts of the above ----------------------------------------------------------------------

    def _new_folder(self) -> Path:
        named = self.config.option.cutover_reports
        base = Path(named) if named else self.project / "reports"
        stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
        return base / f"{stamp}-{self.run_id}"

    def _judge_configuration(self) -> None:
        """All that can be wrong before anything is started: environment, secrets, manifest, waivers."""
        for option, name in _SHOWS_AND_ENDS.items():
            if getattr(self.config.option, option, None):
                raise ConfigurationError(name, "", "runs no check and ends with 0", "Leave it out of a gate run.")
        if self.config.option.fulltrace:
            raise ConfigurationError(
                "--full-trace", "", "shows what requests hold, passwords among it", "Use --tb=long."
            )
        if self.config.option.noconftest:
            raise ConfigurationError("--noconftest", "", "a gate run needs conftest.py", "Leave the option out.")
        if self.config.inipath is None or "--reports" in self.config.invocation_params.args:
            # pytest takes a folder that follows an option it does not know yet for one that holds tests.
            raise ConfigurationError(
                "command line",
                "",
                f"pytest looked for its configuration from {self.project}",
                "Run it from the project's folder, and write options that name folders with =: --reports=DIR, "
                "--alluredir=DIR.",
            )
        self.manifest = load_manifest(self.project)
        if "parity" in self.asked and self.name is not None:
            from cutover.pytest_plugin.parity_conclusion import judge_contracts

            judge_contracts(self.project, self.name)
        if "contract" in self.asked:
            from cutover.contract import options

            options.judge(self.project, self.config.option.cutover_contract_minutes)
        if "migration" in self.asked:
            from cutover.migration.mapping import load_mapping

            load_mapping(self.project)
        if self.name is None:
            # Which checks a run without -m selects is known after the collection; with -m it is known now.
            if self.config.option.markexpr and not self.config.option.collectonly:
                raise no_environment(self.project)
            return
        if not is_embedded(self.project, self.name):
            self._environment = self._loaded(None, self.name)
            if self.config.option.cutover_version and self._environment.systems.get("worker"):
                self._judge_version(self._environment)
        today = datetime.datetime.now(datetime.UTC).date()
        self.waivers = load_waivers(self.project, self.name, self.manifest, today)

    def _judge_version(self, environment: Environment) -> None:
        worker = environment.systems["worker"]
        if worker.name is None or worker.identity is None or worker.identity.version_header is None:
            raise ConfigurationError(
                self.project / "environments.toml",
                f"{self.name}.worker",
                "--worker-version needs the Worker's name and identity.version_header, to ask and to prove it",
                "Add them.",
            )

    def _loaded(self, pair: PairState | None, name: str) -> Environment:
        environment = self._with_options(load_environment(self.project, name, pair=pair))
        if "contract" in self.asked:
            from cutover.contract import options

            options.judge_own(environment)
        return environment

    def _with_options(self, environment: Environment) -> Environment:
        import dataclasses

        option, ready = self.config.option, environment.readiness
        tries = ready.tries if option.cutover_ready_tries is None else option.cutover_ready_tries
        interval = ready.interval_s if option.cutover_ready_interval is None else option.cutover_ready_interval
        if tries < 1 or not 0 <= interval <= 3600:
            raise ConfigurationError("--ready-tries", "", "no try at all", "Give at least one try.")
        return dataclasses.replace(environment, readiness=Readiness(tries, interval))

    def _distributed(self) -> bool:
        return bool(getattr(self.config.option, "tx", None)) and self.config.option.dist != "no"

    def _pacer(self) -> RateLimiter:
        from cutover.client.rate_limiter import RateLimiter
        from cutover.embedded.folders import base

        return RateLimiter(base() / "pacing", self.environment.url, self.environment.budget)

    def _start_pair(self) -> None:
        from cutover.embedded import pair, state
        from cutover.embedded.pair_error import PairError

        asked = self.config.option.cutover_pair or os.environ.get("CUTOVER_PAIR")
        try:
            running = state.read(asked or "default")
        except PairError as error:
            raise pytest.UsageError(f"--pair: {error}") from None
        if running is not None and running.healthy:
            self.pair_name = running.name
            return
        if asked:
            raise pytest.UsageError(
                f"--pair: no pair {asked!r} is up. Start it with `cutover pair up --name {asked}`, or leave the "
                "option (and CUTOVER_PAIR) out, and one is started for this run."
            )
        self.pair_name = f"run-{self.run_id}"
        try:
            self._pair = pair.start(self.pair_name, owned=True, options=pair.PairOptions())
        except PairError as error:
            self._pair_failed(error)

    def _await_pair(self) -> None:
        from cutover.embedded.pair_error import PairError

        if self._pair is None or self.trouble.invalid:
            return
        try:
            self._pair.wait(_PAIR_TIMEOUT_S)
        except PairError as error:
            self._pair_failed(error)

    def _pair_failed(self, error: Any) -> None:
        """Wrong setup ends with 4 as usage; a part that did not come up is an environment out of reach."""
        if getattr(error, "exit_code", ExitCode.INVALID) == ExitCode.WRONG_USAGE:
            raise pytest.UsageError(str(error)) from None
        self.trouble.invalid.append(f"the embedded pair did not come up: {error}")

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
        observed = self.recorder.take()
        if self.log is not None:
            self.log.event(
                "ready", systems=self.ready, exchanges=observed.as_json()["exchanges"], failed=self.trouble.invalid
            )

    def _admit(self, item: pytest.Item) -> None:
        if self.name is None:
            raise pytest.UsageError(str(no_environment(self.project)))
        system = recording.system_of(item)
        if system is not None and system in self.environment.absent:
            raise NotVerified(f"{self.environment.name} has no {system}: {self.environment.absent[system]}")
        for need in needs_of(item):
            if need in self.environment.absent:
                raise NotVerified(f"{self.environment.name} has no {need}: {self.environment.absent[need]}")
        level = level_of(item)
        if level > self.environment.safety:
            beyond = set(gates_of(item)) <= set(self.environment.read_only_form)
            raise NotVerified(
                ("not part of the read-only form: " if beyond else "")
                + f"needs safety {level.label}, {self.environment.name} allows {self.environment.safety.label} "
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

    def _write_unfinished(self) -> None:
        """verdict.json says INVALID until it is known better: a killed run leaves no earlier word standing."""
        if self.log is not None:
            from cutover.run.verdict_file import unfinished

            self.log.write("verdict.json", unfinished(self.facts()))

    def facts(self) -> dict[str, Any]:
        """What this run was and did so far."""
        from cutover.run.verdict_file import facts

        return facts(
            environment=self._environment,
            name=self.name or "",
            run=self.run_id,
            nonce=self.config.option.cutover_nonce or os.environ.get("CUTOVER_NONCE"),
            started=self.started,
            records=self.records,
            asked_version=self.config.option.cutover_version,
            planted=self._planted,
            project=self.project,
        )


def needs_of(item: pytest.Item) -> tuple[str, ...]:
    """The capabilities that this check needs. Raises UsageError for one that does not exist."""
    needs = tuple(sorted({str(name) for marker in item.iter_markers("needs") for name in marker.args}))
    for name in needs:
        if name not in CAPABILITIES:
            raise pytest.UsageError(f"{item.nodeid}: needs {name!r}, which is none of {', '.join(CAPABILITIES)}")
    return needs


def level_of(item: pytest.Item) -> SafetyLevel:
    """The least safety level that this check needs. Raises UsageError for a level that does not exist."""
    marker = item.get_closest_marker("level")
    try:
        return SafetyLevel.parse(marker.args[0]) if marker else SafetyLevel.READ_ONLY
    except ValueError as error:
        raise pytest.UsageError(f"{item.nodeid}: {error}") from None


class _outcome_as_pytest_knows_it:  # noqa: N801 - reads as the statement that it is
    """NotVerified becomes a skip; every exception leaves redacted."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            return
        recording.redact_exception(error)
        if isinstance(error, NotVerified):
            pytest.skip(str(error))


def _say(line: str) -> None:
    """One line to standard output, whatever its encoding; pytest's own terminal is closed by now."""
    encoding = sys.stdout.encoding or "utf-8"
    with contextlib.suppress(OSError, ValueError):  # nobody is listening; the exit code still says it
        print(line.encode(encoding, "backslashreplace").decode(encoding), flush=True)  # noqa: T201


def _interrupt(number: int, frame: object) -> None:
    del number, frame
    sys.stderr.write("SIGTERM: ending\n")
    raise KeyboardInterrupt
