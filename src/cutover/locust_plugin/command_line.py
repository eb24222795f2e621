"""The options that load runs add to Locust's command line, and the options of Locust that they refuse."""

from __future__ import annotations

import logging
import math
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NoReturn

from cutover.config import option_help
from cutover.config.environments import no_environment
from cutover.config.validation import ConfigurationError, root
from cutover.core.secrets import redact
from cutover.core.verdict import ExitCode
from cutover.load.load_options import Options
from cutover.run.lifecycle import print_line

WAIT_FOR_WORKERS_S: Final = 120.0
"""Default of --expect-workers-max-wait."""

WAIT_ATTRIBUTE: Final = "cutover_wait_for_workers_s"
"""Attribute of the parsed options: how long the master waits for workers, in s."""


def add_options(parser: Any) -> None:
    """Add the options of load runs to Locust's parser. A wrong command line ends with 4 before a process is forked."""
    group = parser.add_argument_group("cutover")
    add: Callable[..., Any] = group.add_argument
    # Argument groups do not accept Locust's include_in_web_ui: none of these can be changed on the web page.
    add("--env", default=None, metavar="NAME", help=option_help.ENVIRONMENT)
    add("--pair", default=None, metavar="NAME", help=option_help.PAIR)
    add("--short", action="store_true", help="the profile's short form; GO is possible on embedded only")
    add("--web", dest="headful", action="store_true", help="start the run from Locust's web page")
    add("--load-on", default=None, metavar="NAME", help="confirm the environment's name, if it requires that")
    add("--seed", type=int, default=None, help="seed of the schedule (default: random, printed in verdict.json)")
    add("--maintenance", default=None, metavar="FROM-TO", help="seconds of the run in which writes may be refused")
    add("--reports", default=None, metavar="DIR", help=option_help.REPORTS)
    add("--run-nonce", default=None, metavar="TEXT", help="text that verdict.json repeats (default: CUTOVER_NONCE)")
    parse = parser.parse_args

    def error(message: str) -> None:
        refuse(f"{parser.prog}: {message}")

    def parse_args(*arguments: Any, **named: Any) -> Any:
        options = parse(*arguments, **named)
        _check(options)
        return options

    parser.error, parser.parse_args = error, parse_args


def run_options(options: Any) -> Options:
    """Return the options of a load run from Locust's parsed options. Raises ConfigurationError."""
    return Options(
        env=options.env,
        pair=options.pair,
        short=options.short,
        confirmed=options.load_on,
        seed=options.seed,
        nonce=options.run_nonce or os.environ.get("CUTOVER_NONCE"),
        reports=options.reports,
        maintenance=_maintenance(options.maintenance),
        processes=options.num_users,
    )


def refuse(message: str) -> NoReturn:
    """Print one message and end with 4 (wrong usage). Raises SystemExit."""
    print_line(redact(message), sys.stderr)
    sys.exit(int(ExitCode.WRONG_USAGE))


def _check(options: Any) -> None:
    """Refuse options that the profile or the environment defines, and options that end without a run."""
    given = {
        "--host": options.host, "--users": options.num_users, "--spawn-rate": options.spawn_rate,
        "--run-time": options.run_time,
    }  # fmt: skip
    for option, value in given.items():
        if value is not None:
            reason = "the environment defines the hosts" if option == "--host" else "load.toml defines users and time"
            refuse(f"{option}: {reason}. Remove the option.")
    for option, ends_without_a_run in (
        ("--list", options.list_commands),
        ("--show-task-ratio", options.show_task_ratio),
        ("--show-task-ratio-json", options.show_task_ratio_json),
        (" ".join(options.user_classes), options.user_classes),
        ("--config-users", options.config_users),
        ("--autoquit", options.autoquit != -1 and not options.autostart),
        (f"--processes {options.processes}", options.processes is not None and options.processes < -1),
        ("--master with --processes or --worker", options.master and (options.processes or options.worker)),
        (f"--expect-workers {options.expect_workers}", options.master and options.expect_workers < 1),
        ("--tags and --exclude-tags", options.tags or options.exclude_tags),
        ("--class-picker", options.class_picker),
        (f"--web-base-path {options.web_base_path}", options.web_base_path and options.web_base_path[0] != "/"),
        (f"--loglevel {options.loglevel}", options.loglevel.upper() not in logging.getLevelNamesMapping()),
        ("--csv-full-history without --csv", options.stats_history_enabled and options.csv_prefix is None),
    ):
        if ends_without_a_run:  # with exit code 0 or 1, which mean GO and NO-GO here
            refuse(f"{option}: each locustfile runs one profile. Remove the option; see docs/load.md.")
    _refuse_unwritable("--logfile", options.logfile)
    if options.worker:
        return
    try:
        if not (options.env or os.environ.get("CUTOVER_ENV")):
            raise no_environment(root())
        _maintenance(options.maintenance)
    except ConfigurationError as error:
        refuse(str(error))
    processes = options.processes or (options.expect_workers if options.master else 1)
    options.num_users = options.spawn_rate = max(1, processes if processes > 0 else os.cpu_count() or 1)
    _refuse_unwritable("--html", options.html_file)
    _refuse_unwritable("--json-file", options.json_file)
    for ending in ("_stats.csv", "_failures.csv", "_exceptions.csv") if options.csv_prefix else ():
        _refuse_unwritable("--csv", options.csv_prefix + ending)
    if options.processes:  # the workers are forked from this process; Locust lets them dial the default port
        options.master_port = options.master_bind_port
        options.master_host = "127.0.0.1" if options.master_bind_host == "*" else options.master_bind_host
    if options.master or options.processes:
        _refuse_used_port(options.master_bind_host, options.master_bind_port)
    # Locust ends its own wait with exit code 1, which means NO-GO here. So the wait is ours.
    setattr(options, WAIT_ATTRIBUTE, options.expect_workers_max_wait or WAIT_FOR_WORKERS_S)
    options.expect_workers_max_wait = 0
    # The run prints its own line of progress. Locust's table is printed once, at the end.
    options.only_summary = not options.print_stats


def _maintenance(text: str | None) -> tuple[float, float] | None:
    """Return "FROM-TO" in seconds of the run. Raises ConfigurationError."""
    if text is None:
        return None
    first, dash, last = text.partition("-")
    try:
        window = float(first), float(last)
    except ValueError:
        window = (1.0, 0.0)
    if not dash or not 0 <= window[0] < window[1] < math.inf:
        raise ConfigurationError(
            "--maintenance", "", f"expected FROM-TO, got {text!r}", "Use seconds of the run, such as 20-80."
        )
    return window


def _refuse_unwritable(option: str, name: str | None) -> None:
    """Refuse a file that cannot be written. Locust would end with a traceback, some of them after the run's GO."""
    if not name:
        return
    file = Path(name)
    existed = file.exists()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)  # as Locust does
        with file.open("a", encoding="utf-8"):
            pass
        if not existed:
            file.unlink()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        refuse(f"{option}: {name} cannot be written: {reason}. Name a file in a folder that you may write to.")


def _refuse_used_port(host: str, port: int) -> None:
    """Refuse a port that is in use. Locust would end with a traceback and exit code 1, which means NO-GO here."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("" if host == "*" else host, port))
        except OSError as error:
            refuse(
                f"--master-bind-port: {port} cannot be used: {error.strerror}. Use another one, for workers as well."
            )
