"""How a load run lives inside Locust: its options, its start and end, its messages between processes, its exit code.

Locust brings the command line, the processes, the page and its statistics; arrivals, ledger and verdict are ours. Not
for any of those: run.py is the master's side, generator.py a process's.
"""

from __future__ import annotations

import atexit
import logging
import os
import socket
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
from cutover.load.load_run import LoadRun, Options
from cutover.traffic.engine import Call
from cutover.traffic.ledger import Outcome
from cutover.traffic.wire import Response

ORDER: Final = "cutover-order"
REPORT: Final = "cutover-report"
STOP: Final = "cutover-stop"
WAIT_FOR_WORKERS_S: Final = 120.0
"""Where --expect-workers-max-wait says nothing else."""

_LOOK_S: Final = 1.0
_EACH_SECOND: Final = 60
_LATER: Final = 10
"""A line of progress each second for a minute, then every ten."""

_LAST_WORD_S: Final = 15.0
"""How long the master waits for the last reports once all were told to stop."""


_profiles: Final[list[str]] = []
"""The profile of this process."""


class Arrivals(User):
    """Stands for one generating process on Locust's page. The engine sends; a user here waits for its end."""

    abstract = True

    @task
    def wait_for_the_end(self) -> None:
        """Until the process's share is sent."""
        while True:
            gevent.sleep(1)


def profile(name: str) -> type[User]:
    """Make this locustfile run that profile of load.toml; the class is what Locust wants to see in it.

    One in a process: a second would have a verdict of its own, and there is one exit code. Raises SystemExit(4).
    """
    if _profiles:
        _refuse(
            f"-f: {_profiles[0]} and {name} are two profiles, and a run has one verdict. Start one after the other."
        )
    _profiles.append(name)
    wiring = _Wiring(name)
    hooks: Any = events  # Locust's own add_listener has no types
    hooks.init_command_line_parser.add_listener(wiring.add_options)
    hooks.init.add_listener(wiring.init)
    hooks.test_start.add_listener(wiring.test_start)
    hooks.test_stop.add_listener(wiring.test_stop)
    hooks.quitting.add_listener(wiring.quitting)
    # Not Locust's event `quit`: a signal while the run ends makes Locust print its tables a second time.
    atexit.register(wiring.say)
    return type("LoadOf" + name.title(), (Arrivals,), {"abstract": False})


class _Figures:
    """Feeds Locust's own statistics once a second, so that its page, CSV and HTML show the same requests."""

    def __init__(self, stats: Any) -> None:
        self._stats, self._rows = stats, list[tuple[str, str, int, int, str]]()

    def __call__(
        self, call: Call, outcome: Outcome, detail: str, times: tuple[int, int, int], response: Response | None
    ) -> None:
        size = len(response.body) if response is not None else 0
        error = "" if outcome is Outcome.OK else f"{outcome.label}: {detail}"
        self._rows.append((call.method, call.endpoint, times[2] - times[0], size, error))

    def flush(self) -> None:
        """Hand over what came since the last time."""
        rows, self._rows = self._rows, []
        for method, name, duration_ns, size, error in rows:
            self._stats.log_request(method, name, duration_ns / 1e6, size)
            if error:
                self._stats.log_error(method, name, error)


class _Wiring:
    """The listeners of one process. On a worker there is no run, on a master no generator."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._run: LoadRun | None = None
        self._generator: Generator | None = None
        self._environment: Any = None
        self._figures: _Figures | None = None
        self._collected = Event()
        self._concluded = False
        self._all_written = Event()
        self._wait_for_workers_s = WAIT_FOR_WORKERS_S

    # --- the command line ------------------------------------------------------------------------

    def add_options(self, parser: Any) -> None:
        """Our options beside Locust's; a wrong command line ends with 4, before a process is forked."""
        group = parser.add_argument_group("cutover")
        add: Callable[..., Any] = group.add_argument
        # Locust's own parser takes include_in_web_ui, its groups do not: none of these is changed on the page.
        add("--env", default=None, metavar="NAME", help="environment of environments.toml (CUTOVER_ENV)")
        add("--pair", default=None, metavar="NAME", help="embedded pair that is up already (CUTOVER_PAIR)")
        add("--short", action="store_true", help="the profile's short form, marked; no GO outside embedded")
        add("--web", dest="headful", action="store_true", help="Locust's page instead of a run that starts by itself")
        add("--load-on", default=None, metavar="NAME", help="the environment's name once more, where it asks for it")
        add("--seed", type=int, default=None, help="of the schedule; drawn and shown when left out")
        add("--maintenance", default=None, metavar="FROM-TO", help="seconds of the run in which writes may be refused")
        add("--reports", default=None, metavar="FOLDER", help="where the run's folder is made (reports)")
        add("--run-nonce", default=None, metavar="TEXT", help="comes back in verdict.json (CUTOVER_NONCE)")
        parse = parser.parse_args

        def error(message: str) -> None:
            _refuse(f"{parser.prog}: {message}")

        def parse_args(*arguments: Any, **named: Any) -> Any:
            options = parse(*arguments, **named)
            self._judge(options)
            return options

        parser.error, parser.parse_args = error, parse_args

    def _judge(self, options: Any) -> None:
        """Refuse what the profile or the environment decides. Raises SystemExit(4)."""
        given = {
            "--host": options.host, "--users": options.num_users, "--spawn-rate": options.spawn_rate,
            "--run-time": options.run_time,
        }  # fmt: skip
        for option, value in given.items():
            if value is not None:
                who = "the environment names the hosts" if option == "--host" else "load.toml has users and time"
                _refuse(f"{option}: {who}. Leave the option out.")
        for option, ends_without_a_run in (
            ("--list", options.list_commands),
            ("--show-task-ratio", options.show_task_ratio),
            ("--show-task-ratio-json", options.show_task_ratio_json),
            (" ".join(options.user_classes), options.user_classes),
            ("--config-users", options.config_users),
            ("--autoquit", options.autoquit != -1 and not options.autostart),
            (f"--processes {options.processes}", options.processes is not None and options.processes < -1),
            ("--master beside --processes or --worker", options.master and (options.processes or options.worker)),
            (f"--expect-workers {options.expect_workers}", options.master and options.expect_workers < 1),
        ):
            if ends_without_a_run:  # with 0 or 1, which here mean GO and NO-GO
                _refuse(f"{option}: a locustfile here is one profile and runs it. Leave it out; docs/load.md.")
        if options.worker:
            return
        if not (options.env or os.environ.get("CUTOVER_ENV")):
            from cutover.config.environments import no_environment

            try:
                _refuse(str(no_environment(root())))
            except ConfigurationError as error:
                _refuse(str(error))
        try:
            _maintenance(options.maintenance)
        except ConfigurationError as error:
            _refuse(str(error))
        processes = options.processes or (options.expect_workers if options.master else 1)
        options.num_users = options.spawn_rate = max(1, processes if processes > 0 else os.cpu_count() or 1)
        if options.master or options.processes:
            _refuse_a_port_in_use(options.master_bind_host, options.master_bind_port)
        # Locust's own end of that waiting is exit code 1, which here means NO-GO.
        self._wait_for_workers_s = options.expect_workers_max_wait or WAIT_FOR_WORKERS_S
        options.expect_workers_max_wait = 0
        # Our own line a second says more, and the table once more at the end is Locust's still.
        options.only_summary = not options.print_stats

    # --- Locust's events -------------------------------------------------------------------------

    def init(self, environment: Any, runner: Any, **_: Any) -> None:
        """Everything is judged before anything is sent; from here on only a verdict makes the exit code 0."""
        self._environment = environment
        logging.getLogger("httpx").setLevel(logging.WARNING)  # it would log every request of the preparation
        self._figures = _Figures(environment.stats)
        if isinstance(runner, WorkerRunner):
            environment.process_exit_code = 0  # the master alone judges; what a worker tells is in its report
            runner.register_message(ORDER, self._ordered)
            runner.register_message(STOP, self._stop_ordered)
            return
        environment.process_exit_code = int(ExitCode.INVALID)
        options = environment.parsed_options
        try:
            self._run = LoadRun(
                root(),
                self._name,
                Options(
                    env=options.env,
                    pair=options.pair,
                    short=options.short,
                    meant=options.load_on,
                    seed=options.seed,
                    nonce=options.run_nonce or os.environ.get("CUTOVER_NONCE"),
                    reports=options.reports,
                    maintenance=_maintenance(options.maintenance),
                    processes=options.num_users,
                ),
            )
        except ConfigurationError as error:
            environment.process_exit_code = int(ExitCode.WRONG_USAGE)
            self._end_workers(runner)
            _refuse(str(error))
        except Exception:  # noqa: BLE001 - Locust would end with 1, which here means NO-GO
            traceback.print_exc()
            self._end_workers(runner)
            raise SystemExit(int(ExitCode.CRASHED)) from None
        if isinstance(runner, MasterRunner):
            runner.register_message(REPORT, self._reported)
            if options.headless:
                gevent.spawn(self._await_workers, environment, gevent.getcurrent())

    def test_start(self, environment: Any, **_: Any) -> None:
        """Prepare, then give every generating process its order."""
        run, runner = self._run, environment.runner
        if run is None:
            return
        if run.expected or self._concluded:
            print("this run has ended; start Locust anew for another", file=sys.stderr)  # noqa: T201 - to the person
            return
        try:
            order = run.prepare()
            if order is None:
                self._collected.set()
            elif isinstance(runner, MasterRunner):
                clients = sorted(client.id for client in runner.clients.ready)
                run.begin(clients)
                for index, client in enumerate(clients):
                    runner.send_message(ORDER, {**order, "index": index, "of": len(clients)}, client)
            else:
                run.begin(["local"])
                self._generate({**order, "index": 0, "of": 1}, "local", lambda message: run.received("local", message))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is ours, and the run ends with 3
            self._crash(error)
        gevent.spawn(self._watch, environment)

    def test_stop(self, environment: Any, **_: Any) -> None:
        """Somebody pressed stop on the page, or Locust ends: what is not sent by now is not sent any more."""
        del environment
        if self._generator is not None and not self._generator.engine.finished.is_set():
            self._generator.stop("the run was ended from outside before its planned time")

    def quitting(self, environment: Any, **_: Any) -> None:
        """Conclude, whoever ended the run. The exit code is set last."""
        self._conclude(environment)
        if self._run is not None:
            self._run.close()

    def say(self) -> None:
        """The process has printed all it prints, but for the verdict."""
        if self._run is not None:
            self._run.say()

    # --- a generating process --------------------------------------------------------------------

    def _ordered(self, environment: Any, msg: Any, **_: Any) -> None:
        """A worker's order came."""
        runner = environment.runner

        def tell(message: dict[str, Any]) -> None:
            if "sums" in message:
                message = {**message, "sums": message["sums"].as_json()}
            runner.send_message(REPORT, message)

        self._generate(msg.data, runner.client_id, tell)

    def _stop_ordered(self, environment: Any, msg: Any, **_: Any) -> None:
        del environment
        if self._generator is not None:
            self._generator.stop(msg.data["why"])

    def _generate(self, order: dict[str, Any], name: str, tell: Callable[[dict[str, Any]], None]) -> None:
        figures = self._figures
        assert figures is not None

        def told(message: dict[str, Any]) -> None:
            figures.flush()
            tell(message)

        def generate() -> None:
            try:
                self._generator = Generator(root(), order, name, [figures])
                self._generator.run(told)
            except ConfigurationError as error:  # a worker's machine lacks what the master's has
                print(redact(str(error)), file=sys.stderr, flush=True)  # noqa: T201 - to whoever started the worker
                tell({"run": order["run"], "crashed": redact(str(error))})
            except Exception as error:  # noqa: BLE001 - it is told to the master, and ends the run there
                traceback.print_exc()
                tell({"run": order["run"], "crashed": redact(f"{type(error).__name__}: {error}")})

        gevent.spawn(generate)

    # --- the master ------------------------------------------------------------------------------

    def _reported(self, environment: Any, msg: Any, **_: Any) -> None:
        del environment
        if self._run is not None:
            self._run.received(msg.node_id, msg.data)

    def _await_workers(self, environment: Any, main: Any) -> None:
        """End the run when fewer come than are expected. main: Locust's own greenlet, which waits for them for ever."""
        run, runner, wanted = self._run, environment.runner, environment.parsed_options.expect_workers
        assert run is not None
        until = time.monotonic() + self._wait_for_workers_s
        while (there := len(runner.clients.ready)) < wanted and not run.expected:
            if time.monotonic() > until:
                run.cut_short = f"{there} of {wanted} workers came within {self._wait_for_workers_s:g} s"
                self._conclude(environment)
                run.close()
                gevent.get_hub().loop.run_callback(main.throw, SystemExit(environment.process_exit_code))
                return
            gevent.sleep(0.2)

    def _watch(self, environment: Any) -> None:
        """Until every share is sent: progress, lost processes, limits that are surely broken."""
        run, runner = self._run, environment.runner
        assert run is not None
        seconds = 0
        try:
            while not self._collected.is_set() and not run.over:
                gevent.sleep(_LOOK_S)
                if isinstance(runner, MasterRunner):
                    for name in run.expected:
                        if name not in runner.clients:
                            run.lost(name)
                why = run.look()
                seconds += 1
                if seconds <= _EACH_SECOND or seconds % _LATER == 0:
                    run.progress(run.progress_line)
                if why is not None:
                    self._tell_all_to_stop(runner, run)
                    break
        except Exception as error:  # noqa: BLE001 - ours, as above
            self._crash(error)
        if environment.parsed_options.headful:
            self._conclude(environment)
            self.say()  # the page stays; the line comes once more when the process ends
            runner.stop()
        else:
            runner.quit()

    def _tell_all_to_stop(self, runner: Any, run: LoadRun) -> None:
        """And wait for their last words, as long as nothing was lost."""
        if self._generator is not None:
            self._generator.stop(run.cut_short)
        elif isinstance(runner, MasterRunner):
            runner.send_message(STOP, {"why": run.cut_short})
        until = time.monotonic() + _LAST_WORD_S
        while run.cut_short is None and not run.over and time.monotonic() < until:
            gevent.sleep(0.1)

    def _conclude(self, environment: Any) -> None:
        run = self._run
        if run is None:
            return
        if self._concluded:
            self._all_written.wait()  # a signal came while another greenlet was at it: nothing is left half done
            return
        self._concluded = True
        try:
            self._wait_for_own_share(run)
            environment.process_exit_code = run.conclude()
        except Exception as error:  # noqa: BLE001 - ours, as above
            self._crash(error)
        finally:
            self._all_written.set()

    def _wait_for_own_share(self, run: LoadRun) -> None:
        """A run that is ended from outside still tells what it sent."""
        if self._generator is not None:
            self._generator.stop("the run was ended from outside before its planned time")
            until = time.monotonic() + 2
            while not run.over and time.monotonic() < until:
                gevent.sleep(0.02)

    def _crash(self, error: BaseException) -> None:
        traceback.print_exc()
        self._concluded = True
        self._collected.set()
        self._environment.process_exit_code = int(ExitCode.CRASHED)
        try:
            if self._run is not None:
                if isinstance(self._environment.runner, MasterRunner):
                    self._environment.runner.send_message(STOP, {"why": "the run crashed"})
                self._wait_for_own_share(self._run)
                self._environment.process_exit_code = self._run.crashed(error)
        finally:
            self._all_written.set()

    @staticmethod
    def _end_workers(runner: Any) -> None:
        """Processes that were forked for this run must not wait for its orders."""
        if isinstance(runner, MasterRunner):
            runner.quit()


def _maintenance(text: str | None) -> tuple[float, float] | None:
    """ "FROM-TO" in seconds of the run. Raises ConfigurationError."""
    if text is None:
        return None
    first, dash, last = text.partition("-")
    try:
        window = float(first), float(last)
    except ValueError:
        window = (1.0, 0.0)
    if not dash or not 0 <= window[0] < window[1]:
        raise ConfigurationError("--maintenance", "", f"{text!r} is no FROM-TO", "Seconds of the run, such as 20-80.")
    return window


def _refuse_a_port_in_use(host: str, port: int) -> None:
    """Locust ends with a traceback and 1, which here means NO-GO."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("" if host == "*" else host, port))
        except OSError as error:
            _refuse(
                f"--master-bind-port: {port} cannot be used: {error.strerror}. Name another one, for workers as well."
            )


def _refuse(message: str) -> None:
    print(redact(message), file=sys.stderr, flush=True)  # noqa: T201 - the one message of a wrong command line
    raise SystemExit(int(ExitCode.WRONG_USAGE))
