"""One gate run, from the pair's start to the verdict: the controller's side and the xdist workers'.

Holds what the run is (environment, run id, clients) and hands records to the evidence. Not for how a
verdict is found: verdict.py; nor for how it looks: report/.
"""

from __future__ import annotations

import datetime
import os
import signal
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from cutover.configuration import ConfigurationError
from cutover.environments import (
    Environment,
    Readiness,
    is_embedded,
    load_environment,
    no_environment,
)
from cutover.evidence import EvidenceLog, Record, Status
from cutover.failures import NotTrustworthy, NotVerified
from cutover.journal import Journal
from cutover.manifest import Entry, load_manifest
from cutover.pytest_plugin import named_environment, recording
from cutover.pytest_plugin.selection import asked_gates, gates_of, narrowing
from cutover.safety import SafetyLevel
from cutover.secrets import redact
from cutover.verdict import ExitCode, GateVerdict, Run, Verdict, decide, exit_code, stale_waivers
from cutover.waivers import Waiver, load_waivers

if TYPE_CHECKING:
    from cutover.embedded.pair import PairHandle
    from cutover.http import Client
    from cutover.pacing import Pacer
    from cutover.targets import Target

_PAIR_TIMEOUT_S: Final = 60.0
_CRASHED: str = "???"  # xdist's phase of a check whose worker process is gone


class GateSession:
    """Registered as a plugin where -m may select a gate; a run that has none of a gate's checks ignores it."""

    def __init__(self, config: pytest.Config) -> None:
        """Reads and judges all configuration. Raises ConfigurationError; nothing was started or sent."""
        self.config = config
        self.project: Path = config.rootpath
        handed: dict[str, Any] | None = getattr(config, "workerinput", {}).get("cutover")
        self.controls = not hasattr(config, "workerinput")
        self.name = named_environment(config)
        self.asked = asked_gates(config.option.markexpr)
        self.run_id: str = handed["run"] if handed else os.urandom(4).hex()
        self.pair_name: str | None = handed["pair"] if handed else None
        self.folder = Path(handed["folder"]) if handed else self._new_folder()
        self.journal = Journal()
        self.started = time.time()
        self.records: list[Record] = []
        self.invalid: list[str] = []
        self.ready: dict[str, tuple[int, float]] = {}
        self.selected_gates: set[str] = set()
        self.waivers: tuple[Waiver, ...] = ()
        self.manifest: tuple[Entry, ...] = ()
        self.log: EvidenceLog | None = None
        self.verdicts: list[GateVerdict] = []
        self.final: int | None = None
        self._pair: PairHandle | None = None
        self._planted: str | None = None
        self._environment: Environment | None = None
        self._client: Client | None = None
        self._others_failed = False
        if self.controls:
            self._judge_configuration()

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
            self._environment = self._with_options(load_environment(self.project, self.name, pair=pair))
        return self._environment

    @property
    def client(self) -> Client:
        """The process's client."""
        if self._client is None:
            from cutover.http import Client
            from cutover.safety import KillSwitch

            self._client = Client(
                self.environment,
                journal=self.journal,
                pacer=self._pacer(),
                kill_switch=KillSwitch(self.project),
                run=self.run_id + os.environ.get("PYTEST_XDIST_WORKER", ""),
                worker_version=self.config.option.cutover_version,
                show_values=self.config.option.cutover_show_values,
            )
        return self._client

    def target(self, system: str) -> Target:
        """One system of the environment. Raises NotVerified, saying why, when it has none."""
        from cutover.targets import Target

        if system not in self.environment.systems:
            raise NotVerified(f"{self.environment.name} has no {system}: {self.environment.absent[system]}")
        return Target(system, self.environment, self.client, self.journal)

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
        if not self.controls or self.config.option.collectonly or session.testsfailed:
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
        if not self.invalid:
            try:
                self._become_ready()
            except ConfigurationError as error:
                raise pytest.UsageError(str(error)) from None
        return True if self.invalid else None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        """Open the check's record."""
        recording.begin(item)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None]:
        """Keep a check out that this environment cannot show or must not see."""
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

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None]:
        """A check that finds that it cannot be made is skipped, not failed."""
        del item
        with _outcome_as_pytest_knows_it():
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
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
            recording.finish_phase(item, call, report, self.journal, self.name or "")
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
            self._others_failed = True

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Decide. INVALID is set first and whatever is better last, so that a crash in here is never GO."""
        if self._client is not None:
            self._client.close()
        if not self.controls or not (self.records or self.invalid or self.selected_gates):
            return
        if self.config.option.collectonly:
            if self.name is not None and exitstatus == 0:
                session.exitstatus = self.final = int(ExitCode.INCONCLUSIVE)
            return
        before = int(exitstatus)
        session.exitstatus = int(ExitCode.INVALID)
        if self.name is None:
            self.final = session.exitstatus = int(ExitCode.WRONG_USAGE)
            self.invalid.append(str(no_environment(self.project)))
            return
        self.final = self._conclude(before)
        session.exitstatus = self.final

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """What the verdict rests on, above pytest's closing line."""
        if self.verdicts:
            from cutover.report.terminal import details

            for line in details(self.verdicts, self.records, self.folder):
                terminalreporter.write_line(redact(line))
        elif self.name is None and self.final is not None:
            terminalreporter.write_line("ERROR: " + self.invalid[-1], red=True)

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
                # pytest's own terminal is closed by now.
                print(redact(last_line(verdict, self._facts())), flush=True)  # noqa: T201

    # --- parts of the above ----------------------------------------------------------------------

    def _new_folder(self) -> Path:
        named = self.config.option.cutover_reports
        base = Path(named) if named else self.project / "reports"
        stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
        return base / f"{stamp}-{self.run_id}"

    def _judge_configuration(self) -> None:
        """All that can be wrong before anything is started: environment, secrets, manifest, waivers."""
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
        if self.name is None:
            # Which checks a run without -m selects is known after the collection; with -m it is known now.
            if self.config.option.markexpr and not self.config.option.collectonly:
                raise no_environment(self.project)
            return
        if not is_embedded(self.project, self.name):
            self._environment = self._with_options(load_environment(self.project, self.name))
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

    def _with_options(self, environment: Environment) -> Environment:
        import dataclasses

        option, ready = self.config.option, environment.readiness
        tries = ready.tries if option.cutover_ready_tries is None else option.cutover_ready_tries
        interval = ready.interval_s if option.cutover_ready_interval is None else option.cutover_ready_interval
        if tries < 1 or interval < 0:
            raise ConfigurationError("--ready-tries", "", "no try at all", "Give at least one try.")
        return dataclasses.replace(environment, readiness=Readiness(tries, interval))

    def _distributed(self) -> bool:
        return bool(getattr(self.config.option, "tx", None)) and self.config.option.dist != "no"

    def _pacer(self) -> Pacer:
        from cutover.embedded.folders import base
        from cutover.pacing import Pacer

        return Pacer(base() / "pacing", self.environment.url, self.environment.budget)

    def _start_pair(self) -> None:
        from cutover.embedded import pair, state
        from cutover.embedded.failure import PairError

        asked = self.config.option.cutover_pair or os.environ.get("CUTOVER_PAIR")
        running = state.read(asked or "default")
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
        from cutover.embedded.failure import PairError

        if self._pair is None or self.invalid:
            return
        try:
            self._pair.wait(_PAIR_TIMEOUT_S)
        except PairError as error:
            self._pair_failed(error)

    def _pair_failed(self, error: Any) -> None:
        """Wrong setup ends with 4 as usage; a part that did not come up is an environment out of reach."""
        if getattr(error, "exit_code", ExitCode.INVALID) == ExitCode.WRONG_USAGE:
            raise pytest.UsageError(str(error)) from None
        self.invalid.append(f"the embedded pair did not come up: {error}")

    def _become_ready(self) -> None:
        from cutover.targets import become_ready

        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        for system in self.environment.systems:
            try:
                tries, seconds = become_ready(self.target(system), reporter.write_line if reporter else print)
            except NotTrustworthy as error:
                self.invalid.append(str(error))
                continue
            self.ready[system] = (tries, round(seconds, 3))
        page = self.journal.page()
        if self.log is not None:
            self.log.event("ready", systems=self.ready, exchanges=page["exchanges"], failed=self.invalid)

    def _admit(self, item: pytest.Item) -> None:
        if self.name is None:
            raise pytest.UsageError(str(no_environment(self.project)))
        system = recording.system_of(item)
        if system is not None and system in self.environment.absent:
            raise NotVerified(f"{self.environment.name} has no {system}: {self.environment.absent[system]}")
        level = level_of(item)
        if level > self.environment.safety:
            raise NotVerified(
                f"needs safety {level.label}, {self.environment.name} allows {self.environment.safety.label} "
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
            from cutover.report.verdict_file import unfinished

            self.log.write("verdict.json", unfinished(self._facts()))

    def _facts(self) -> dict[str, Any]:
        from cutover.report.verdict_file import facts

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

    def _conclude(self, before: int) -> int:
        """Every gate's verdict, written down; the exit code of the whole run."""
        stale = stale_waivers(self.records, self.waivers)
        if before == ExitCode.NOTHING_SELECTED and self.invalid:
            before = int(ExitCode.INVALID)  # nothing was selected because nothing could be reached
        tool_error = _tool_error(before, stale)
        versions = {exchange["version"] for record in self.records for exchange in record.page.get("exchanges", ())} - {
            None
        }
        if len(versions) > 1:
            self.invalid.append(
                f"{len(versions)} versions of the Worker answered in one run ({', '.join(sorted(versions))}): "
                "a deployment was going on, or traffic is split. Wait for it, or ask for one with --worker-version."
            )
        if self.log is not None and self.log.failure is not None:
            self.invalid.append(f"evidence could not be written: {self.log.failure}. Free the disk and run again.")
        facts = self._facts()
        run = Run(
            environment=self.name or "",
            safety=self._environment.safety if self._environment else SafetyLevel.READ_ONLY,
            absent=self._environment.absent if self._environment else {},
            invalid=self.invalid,
            tool_error=tool_error,
            selection=narrowing(self.config),
            requests=facts["requests"],
            rate_limited=facts["rate_limited"],
        )
        gates = [gate for gate in self.asked if gate in self.selected_gates or self.config.option.markexpr]
        self.verdicts = [decide(gate, run, self.manifest, self.records, self.waivers) for gate in gates]
        final = exit_code(self.verdicts)
        failed = self._others_failed or not any(record.status is not Status.PASSED for record in self.records)
        if before == 1 and final == 0 and failed:
            final = 1  # something failed that is no check of a gate, or that no record explains
        if self.log is not None:
            from cutover.report.step_summary import append_step_summary
            from cutover.report.verdict_file import finished

            self.log.event("ended", exit_code=final)
            self.log.write("verdict.json", finished(facts, self.verdicts, final))
            append_step_summary(self.verdicts, self.records, facts)
            if self.log.failure is not None and final == 0:
                self.verdicts = [_unwritten(verdict, self.log.failure) for verdict in self.verdicts]
                final = int(ExitCode.INVALID)
        return final


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


def _tool_error(before: int, stale: tuple[Waiver, ...]) -> tuple[int, str] | None:
    if before == ExitCode.INTERRUPTED:
        return before, "interrupted before the end (Ctrl-C, SIGTERM or an error while collecting)"
    if before == ExitCode.CRASHED:
        return before, "an internal error of pytest or of the suite; its text is above"
    if before == ExitCode.WRONG_USAGE:
        return before, "wrong usage or configuration; the message is above"
    if before == ExitCode.NOTHING_SELECTED:
        return before, "no check was selected"
    if stale:
        names = ", ".join(f"{waiver.check} ({waiver.fingerprint})" for waiver in stale)
        return int(ExitCode.WRONG_USAGE), (
            f"waivers.toml: the waiver of {names} matches nothing although its check ran. Remove it."
        )
    return None


def _unwritten(verdict: GateVerdict, failure: str) -> GateVerdict:
    import dataclasses

    reasons = (f"the verdict could not be written: {failure}. Free the disk and run again.", *verdict.reasons)
    return dataclasses.replace(verdict, verdict=Verdict.INVALID, exit_code=int(ExitCode.INVALID), reasons=reasons)


def _interrupt(number: int, frame: object) -> None:
    del number, frame
    sys.stderr.write("SIGTERM: ending\n")
    raise KeyboardInterrupt
