"""The commands `cutover parity …`. Each is a function of a module of its own, imported when it is called."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse


def add_parser(commands: Any) -> None:
    """Add `parity` to the subparsers of the command line."""
    parity = commands.add_parser("parity", help="journeys on Django and on the Worker, outside of the gate")
    group = parity.add_subparsers(dest="parity_command", required=True, metavar="COMMAND")
    _add_learn(group)
    _add_explore(group)
    _add_replay(group)


def _add_learn(group: Any) -> None:
    learn: argparse.ArgumentParser = group.add_parser(
        "learn",
        help="play the journeys on Django and Django, and propose what is noise",
        description="0: nothing is proposed; 10: noise is proposed and waits for a person; 1: Django differs "
        "from itself in what noise may not hide.",
    )
    _add_where(learn)
    learn.add_argument("--rounds", type=int, default=5, help="times that each is played (default: 5)")
    learn.add_argument("--journey", action="append", help="only this one; may be given several times")
    learn.add_argument("--seed", type=int, help="the order of an earlier run")
    learn.set_defaults(run=_learn, show_values=False)


def _add_explore(group: Any) -> None:
    explore: argparse.ArgumentParser = group.add_parser(
        "explore", help="journeys that a state machine draws, others each time (the gate draws the same ones)"
    )
    _add_where(explore)
    explore.add_argument("--minutes", type=float, help="how long (default: 10, without --journeys)")
    explore.add_argument("--journeys", type=int, help="how many journeys")
    explore.add_argument("--seed", type=int, help="begin with these draws, as an earlier run named them")
    explore.add_argument("--against-itself", action="store_true", help="compare Django with Django")
    explore.add_argument("--show-values", action="store_true", help="do not mask users' values in the report")
    explore.set_defaults(run=_explore)


def _add_where(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--env", metavar="NAME", help="environment of environments.toml (CUTOVER_ENV)")
    parser.add_argument("--pair", metavar="NAME", help="running pair that `embedded` means (CUTOVER_PAIR; default)")
    parser.add_argument(
        "--reports", type=Path, metavar="DIR", help="where the run's folder is made (default: reports/)"
    )


def _learn(options: argparse.Namespace) -> int:
    from cutover.parity.learn import run

    return run(options)


def _explore(options: argparse.Namespace) -> int:
    from cutover.parity.explore import run

    return run(options)


def _add_replay(group: Any) -> None:
    replay: argparse.ArgumentParser = group.add_parser(
        "replay",
        help="send the safe requests of a recording to both systems and compare the answers",
        description="0: everything replayable was compared and nothing undeclared differs; 1: something does; "
        "10: lines were broken or not coverage; 11: a system cannot be reached, or another one answered.",
    )
    replay.add_argument("file", metavar="FILE", help="HAR, combined access log or JSON lines; gzip too")
    replay.add_argument("--env", metavar="NAME", help="environment of environments.toml (CUTOVER_ENV)")
    replay.add_argument("--identities", metavar="FILE.toml", required=True, help="whose account an identity is")
    replay.add_argument(
        "--format", choices=("har", "combined", "jsonl"), help="default: by the file's name, else by its first line"
    )
    replay.add_argument(
        "--resume", action="store_true", help="go on with the last replay of this file that was cut off"
    )
    replay.add_argument("--limit", type=int, metavar="N", help="stop behind line N; the verdict is then no GO")
    replay.add_argument("--collapse", action="store_true", help="send equal requests of one identity once")
    replay.add_argument("--show-values", action="store_true", help="do not mask users' values in the report")
    replay.add_argument("--pair", metavar="NAME", help="running pair that `embedded` means (CUTOVER_PAIR; default)")
    replay.add_argument("--reports", metavar="DIR", help="where the run's folder is made (default: reports/)")
    replay.set_defaults(run=_replay)


def _replay(options: argparse.Namespace) -> int:
    from cutover.parity.replay.command import run

    return run(options)
