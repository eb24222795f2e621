"""A load run inside Locust: its start and end, the messages between its processes, and its exit code.

Locust provides the command line, the processes, the web page and its statistics. Arrivals, ledger and verdict are this
suite's.
"""

from __future__ import annotations

import atexit
import logging
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any, Final

import gevent
from gevent.event import Event
from locust import User, events, task
from locust.runners import MasterRunner, WorkerRunner

from cutover.config.validation import ConfigurationError, root
from cutover.core.secrets import redact
from cutover.core.verdict import ExitCode
from cutover.load.generator import Generator
from cutover.load.load_run import ENDED_EARLY, LoadRun
from cutover.locust_plugin.command_line import WAIT_ATTRIBUTE, WAIT_FOR_WORKERS_S, add_options, refuse, run_options
from cutover.locust_plugin.exit_guard import GUARD, INTERRUPTED
from cutover.locust_plugin.master_watch import watch_master
from cutover.locust_plugin.statistics_feed import StatisticsFeed
from cutover.run.lifecycle import print_line
from cutover.run.signals import ignore_interrupts

JOB: Final = "cutover-job"
REPORT: Final = "cutover-report"
STOP: Final = "cutover-stop"

_CHECK_S: Final = 1.0
_EACH_SECOND: Final = 60
_LATER: Final = 10
"""A line of progress per second for a minute, then one every ten seconds."""

_LAST_REPORTS_S: Final = 15.0
"""How long the master waits for the last reports after it told all processes to stop."""

_profiles: Final[list[str]] = []
"""The profile of this process."""


class Arrivals(User):
    """The user class that represents one generator process on Locust's page. The load engine sends; it only waits."""

    abstract = True

    @task
    def wait_for_the_end(self) -> None:
        """Wait until the run ends."""
        while True:
            gevent.sleep(1)


def profile(name: str) -> type[User]:
    """Make this locustfile run that profile of load.toml. Return the user class that Locust expects in the file.

    A process has one profile, because a run has one verdict and one exit code. Raises SystemExit(4).
    """
    if _profiles:
        refuse(f"-f: {_profiles[0]} and {name} are two profiles, but a run has one verdict. Start them one by one.")
    _profiles.append(name)
    GUARD.install()
    wiring = _Wiring(name)
    hooks: Any = events  # Locust's own add_listener has no types
    hooks.init_command_line_parser.add_listener(add_options)
    hooks.init.add_listener(wiring.init)
    hooks.test_start.add_listener(wiring.test_start)
    hooks.test_stop.add_listener(wiring.test_stop)
    hooks.quitting.add_listener(wiring.quitting)
    # Not Locust's event `quit`: a signal while the run ends makes Locust print its tables a second time.
    atexit.register(wiring.print_last_line)
    GUARD.profile_loaded = True
    GUARD.run_code, GUARD.output_lost = wiring.run_code, wiring.output_lost
    GUARD.interrupted, GUARD.crashed = wiring.interrupted, wiring.crashed
    return type("LoadOf" + name.title(), (Arrivals,), {"abstract": False})


class _Wiring:
    """The listeners of one process. A worker has no run; a master with workers has no generator."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._run: LoadRun | None = None
        self._generator: Generator | None = None
        self._environment: Any = None
        self._statistics: StatisticsFeed | None = None
        self._ended = Event()  # there is nothing to wait for any more
        self._concluding = False
        self._written = Event()

    # --- Locust's events -------------------------------------------------------------------------

    def init(self, environment: Any, runner: Any, **_: Any) -> None:
        """Check all configuration before anything is sent. From here on only a verdict sets exit code 0."""
        self._environment = environment
        GUARD.started()
        logging.getLogger("httpx").setLevel(logging.WARNING)  # it would log every request of the preparation
        self._statistics = StatisticsFeed(environment.stats)
        if isinstance(runner, WorkerRunner):
            environment.process_exit_code = 0  # only the master decides; a worker's result is in its reports
            GUARD.worker = True
            runner.register_message(JOB, self._job_received)
            runner.register_message(STOP, self._stop_received)
            gevent.spawn(watch_master, runner, self._master_lost)
            return
        environment.process_exit_code = int(ExitCode.INVALID)
        try:
            self._run = LoadRun(root(), self._name, run_options(environment.parsed_options))
        except ConfigurationError as error:
            environment.process_exit_code = int(ExitCode.WRONG_USAGE)
            self._end_workers(runner)
            refuse(str(error))
        except KeyboardInterrupt:
            self._end_workers(runner)
            print_line(INTERRUPTED, sys.stderr)
            sys.exit(int(ExitCode.INTERRUPTED))
        except Exception:  # noqa: BLE001 - Locust would end with 1, which means NO-GO here
            print_line(traceback.format_exc(), sys.stderr)
            self._end_workers(runner)
            sys.exit(int(ExitCode.CRASHED))
        if isinstance(runner, MasterRunner):
            runner.register_message(REPORT, self._report_received)
            if environment.parsed_options.headless:
                gevent.spawn(self._wait_for_workers, environment, gevent.getcurrent())

    def test_start(self, environment: Any, **_: Any) -> None:
        """Prepare the run, then give every generator process its job."""
        run, runner = self._run, environment.runner
        if run is None:
            return
        if run.reports.names or self._concluding:
            print_line("this run has ended; start Locust again for another", sys.stderr)
            return
        try:
            job = run.prepare()
            if job is None:
                self._ended.set()
            elif isinstance(runner, MasterRunner):
                clients = sorted(client.id for client in runner.clients.ready)
                run.start(clients)
                for index, client in enumerate(clients):
                    runner.send_message(JOB, {**job, "index": index, "of": len(clients)}, client)
            else:
                run.start(["local"])
                self._generate(
                    {**job, "index": 0, "of": 1}, "local", lambda report: run.reports.receive("local", report)
                )
        except KeyboardInterrupt as error:  # Locust would print it as the error of this greenlet
            gevent.get_hub().handle_system_error(KeyboardInterrupt, error)
            return
        except Exception as error:  # noqa: BLE001 - any exception is an error of the suite: exit code 3
            self._crash(error)
        gevent.spawn(self._watch, environment)

    def test_stop(self, environment: Any, **_: Any) -> None:
        """Stop sending: a user pressed stop on the page, or Locust ends."""
        del environment
        if self._generator is not None and not self._generator.engine.finished.is_set():
            self._generator.stop(ENDED_EARLY)

    def quitting(self, environment: Any, **_: Any) -> None:
        """Conclude the run, whatever ended it. The exit code is set last."""
        self._conclude(environment)
        if self._run is not None:
            self._run.close()

    def print_last_line(self) -> None:
        """Print the verdict after all other output of the process."""
        if self._run is not None:
            self._run.print_last_lines()

    # --- the guard of the exit code --------------------------------------------------------------

    def run_code(self) -> int | None:
        """Return the exit code of the run as it is now, None before there is a run."""
        return None if self._run is None else self._run.code

    def output_lost(self) -> None:
        """Make the verdict a tool error: the output has no reader."""
        if self._run is not None:
            self._run.output_lost()

    def interrupted(self) -> None:
        """Conclude the run after a signal that arrived outside of Locust's own handling."""
        if self._environment is not None:
            self._conclude(self._environment)

    def crashed(self, error: BaseException) -> None:
        """Conclude the run after an exception of Locust that ended the process, such as a report without a disk."""
        self._crash(error)

    # --- a generator process ---------------------------------------------------------------------

    def _master_lost(self, reason: str) -> None:
        """Stop sending and end this worker: nothing counts its requests any more."""
        print_line(f"this worker stops: {reason}", sys.stderr)
        if self._generator is not None:
            self._generator.stop(reason)
        self._environment.process_exit_code = int(ExitCode.INVALID)
        self._environment.runner.greenlet.kill(block=False)

    def _job_received(self, environment: Any, msg: Any, **_: Any) -> None:
        runner = environment.runner

        def send(report: dict[str, Any]) -> None:
            if "totals" in report:
                report = {**report, "totals": report["totals"].as_json()}
            runner.send_message(REPORT, report)

        self._generate(msg.data, runner.client_id, send)

    def _stop_received(self, environment: Any, msg: Any, **_: Any) -> None:
        del environment
        if self._generator is not None:
            self._generator.stop(msg.data["reason"])

    def _generate(self, job: dict[str, Any], name: str, send: Callable[[dict[str, Any]], None]) -> None:
        statistics = self._statistics
        assert statistics is not None

        def report(data: dict[str, Any]) -> None:
            statistics.flush()
            send(data)

        def generate() -> None:
            try:
                self._generator = Generator(root(), job, name, [statistics])
                self._generator.run(report)
            except ConfigurationError as error:  # this machine lacks something that the master's machine has
                print_line(redact(str(error)), sys.stderr)
                send({"run": job["run"], "crashed": redact(str(error))})
            except Exception as error:  # noqa: BLE001 - the report ends the run in the master
                print_line(redact(traceback.format_exc()), sys.stderr)
                send({"run": job["run"], "crashed": redact(f"{type(error).__name__}: {error}")})

        gevent.spawn(generate)

    # --- the master ------------------------------------------------------------------------------

    def _report_received(self, environment: Any, msg: Any, **_: Any) -> None:
        del environment
        if self._run is not None:
            self._run.reports.receive(msg.node_id, msg.data)

    def _wait_for_workers(self, environment: Any, main: Any) -> None:
        """End the run if too few workers connect in time. main: Locust's own greenlet, which would wait for ever."""
        run, runner, wanted = self._run, environment.runner, environment.parsed_options.expect_workers
        assert run is not None
        wait_s = getattr(environment.parsed_options, WAIT_ATTRIBUTE, WAIT_FOR_WORKERS_S)
        until = time.monotonic() + wait_s
        while (connected := len(runner.clients.ready)) < wanted and not run.reports.names:
            if time.monotonic() > until:
                run.cut(f"{connected} of {wanted} workers connected within {wait_s:g} s")
                self._conclude(environment)
                run.close()
                GUARD.note(environment.process_exit_code)
                gevent.get_hub().loop.run_callback(main.throw, SystemExit(environment.process_exit_code))
                return
            gevent.sleep(0.2)

    def _watch(self, environment: Any) -> None:
        """Print progress and look for lost processes and broken thresholds until the run is complete."""
        run, runner = self._run, environment.runner
        assert run is not None
        seconds = 0
        try:
            while not self._ended.is_set() and not run.complete:
                gevent.sleep(_CHECK_S)
                if isinstance(runner, MasterRunner):
                    for name in run.reports.names:
                        if name not in runner.clients:
                            run.reports.lose(name)
                reason = run.check()
                seconds += 1
                if seconds <= _EACH_SECOND or seconds % _LATER == 0:
                    run.progress(run.progress_line)
                if reason is not None:
                    self._stop_all(runner, run)
                    break
        except Exception as error:  # noqa: BLE001 - as in test_start
            self._crash(error)
        if environment.parsed_options.headful:
            self._conclude(environment)
            self.print_last_line()  # the page stays open; the line is printed again when the process ends
            runner.stop()
        else:
            runner.quit()

    def _stop_all(self, runner: Any, run: LoadRun) -> None:
        """Stop all generator processes and wait for their last reports, unless one was lost."""
        if self._generator is not None:
            self._generator.stop(run.cut_short)
        elif isinstance(runner, MasterRunner):
            runner.send_message(STOP, {"reason": run.cut_short})
        until = time.monotonic() + _LAST_REPORTS_S
        while run.cut_short is None and not run.complete and time.monotonic() < until:
            gevent.sleep(0.1)

    def _conclude(self, environment: Any) -> None:
        run = self._run
        if run is None:
            return
        if self._concluding:
            self._written.wait()  # a signal arrived while another greenlet concludes: let it finish
            return
        self._concluding = True
        ignore_interrupts()  # the exit code must be the one that verdict.json states
        try:
            run.note_interruption()  # before the wait, which completes a run that was ended early
            self._wait_for_own_report(run)
            environment.process_exit_code = run.conclude()
        except Exception as error:  # noqa: BLE001 - as in test_start
            self._crash(error)
        finally:
            self._written.set()

    def _wait_for_own_report(self, run: LoadRun) -> None:
        """Stop this process's generator and wait for its last report, which contains the requests sent so far."""
        if self._generator is not None:
            self._generator.stop(ENDED_EARLY)
            until = time.monotonic() + 2
            while not run.complete and time.monotonic() < until:
                gevent.sleep(0.02)

    def _crash(self, error: BaseException) -> None:
        print_line(redact("".join(traceback.format_exception(error))), sys.stderr)
        self._concluding = True
        self._ended.set()
        self._environment.process_exit_code = int(ExitCode.CRASHED)
        try:
            if self._run is not None:
                if isinstance(self._environment.runner, MasterRunner):
                    self._environment.runner.send_message(STOP, {"reason": "the run crashed"})
                self._wait_for_own_report(self._run)
                self._environment.process_exit_code = self._run.crashed(error)
        finally:
            self._written.set()

    @staticmethod
    def _end_workers(runner: Any) -> None:
        """End the worker processes that were forked for this run."""
        if isinstance(runner, MasterRunner):
            runner.quit()
