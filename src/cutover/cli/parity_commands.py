"""The `cutover parity` commands: learn, explore, replay. The gate is `pytest -m parity`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cutover.cli.shared_options import add_environment, add_reports, add_show_values, add_worker_version

if TYPE_CHECKING:
    import argparse


def add_parser(commands: Any) -> None:
    """Add the commands to the `cutover` command."""
    parity = commands.add_parser("parity", help="compare Django and the Worker outside of the gate")
    group = parity.add_subparsers(dest="parity_command", required=True, metavar="COMMAND")
    _add_learn(group)
    _add_explore(group)
    _add_replay(group)


def _add_learn(group: Any) -> None:
    learn: argparse.ArgumentParser = group.add_parser(
        "learn",
        help="play the journeys twice on Django and propose noise rules",
        description="Exit code 0: nothing is proposed; 10: noise rules are proposed and need a review; 1: Django "
        "differs from itself in a value that no noise rule may hide.",
    )
    add_environment(learn)
    add_reports(learn)
    learn.add_argument("--rounds", type=int, default=5, help="how often each journey is played (default: 5)")
    learn.add_argument("--journey", action="append", help="only this journey (repeatable)")
    learn.add_argument("--seed", type=int, help="use the order of an earlier run")
    learn.set_defaults(run=_learn, show_values=False)


def _add_explore(group: Any) -> None:
    explore: argparse.ArgumentParser = group.add_parser(
        "explore", help="play other generated journeys in each run (the gate always generates the same ones)"
    )
    add_environment(explore)
    add_reports(explore)
    explore.add_argument("--minutes", type=float, help="time limit (default: 10, if --journeys is not given)")
    explore.add_argument("--journeys", type=int, help="number of journeys")
    explore.add_argument("--seed", type=int, help="generate the journeys of an earlier run again")
    explore.add_argument("--against-itself", action="store_true", help="compare Django with Django")
    add_worker_version(explore)
    add_show_values(explore)
    explore.set_defaults(run=_explore)


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
        description="Exit code 0: all replayable requests were compared and all differences are accepted; 1: a "
        "difference is not accepted; 10: lines were invalid or not replayed; 11: a system cannot be reached, or an "
        "identity mismatch.",
    )
    replay.add_argument("file", metavar="FILE", help="HAR, access log or JSON lines; gzip too")
    add_environment(replay)
    replay.add_argument(
        "--identities", metavar="FILE.toml", required=True, help="accounts of the identities in the recording"
    )
    replay.add_argument(
        "--format",
        choices=("har", "combined", "jsonl", "alb", "cloudfront"),
        help="default: from the file's name or its first lines",
    )
    replay.add_argument("--resume", action="store_true", help="resume the latest interrupted replay of this file")
    replay.add_argument("--limit", type=int, metavar="N", help="stop after line N; GO is then not possible")
    replay.add_argument("--collapse", action="store_true", help="send equal requests of one identity once")
    add_worker_version(replay)
    add_show_values(replay)
    add_reports(replay)
    replay.set_defaults(run=_replay)


def _replay(options: argparse.Namespace) -> int:
    from cutover.parity.replay.command import run

    return run(options)
