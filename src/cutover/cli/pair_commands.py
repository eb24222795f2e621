"""The commands `cutover pair up|down|status|fault|logs`.

Modules that need Linux are imported by the commands that use them, so that `cutover` works on other systems.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cutover.embedded.pair_error import NOT_UP, USAGE, PairError, require_linux

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from cutover.embedded.state import PairState

_KV_DELAY_LIMIT_S: Final = 300.0
_PARTS: Final = ("worker", "legacy", "postgres", "preflight", "supervisor")


def add_parser(subparsers: Any) -> None:
    """Add `pair` to the commands. Each subcommand sets `run(args) -> exit code`."""
    pair = subparsers.add_parser("pair", help="start and stop the embedded pair: both systems on this machine")
    commands = pair.add_subparsers(dest="pair_command", required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
        parser.add_argument("--name", default="default", help="name of the pair (default: %(default)s)")
        parser.set_defaults(run=_with_one_message(run))
        return parser

    up = command("up", _up, "start a pair and leave it running")
    up.add_argument("--rate-limit", default="100/60", help="requests/seconds (default: %(default)s)")
    up.add_argument("--worker-port", type=int, default=0, metavar="N", help="default: any free port")
    up.add_argument("--legacy-port", type=int, default=0, metavar="N", help="default: any free port")
    up.add_argument(
        "--kv-delay", type=float, default=0.0, metavar="S",
        help="seconds until a write to KV is visible, up to 300 (default: 0)",
    )  # fmt: skip
    up.add_argument("--version-id", metavar="X", help="version that the Worker reports (default: random)")
    up.add_argument("--json", action="store_true", help="print the state, without secrets")
    command("down", _down, "end a pair and remove its data")
    status = command("status", _status, "report whether a pair is up (exit code 0) or not (11)")
    status.add_argument("--json", action="store_true", help="print the state, without secrets")
    fault = command("fault", _fault, "serve a planted fault, or with `none` the honest application")
    fault.add_argument("fault", metavar="NAME|none", help="name of the fault in reference/faults")
    fault.add_argument(
        "--system", choices=("worker", "legacy", "preflight"),
        help="default: the system that has this fault; preflight: what the pair presents to that gate",
    )  # fmt: skip
    fault.add_argument(
        "--control", "--neutral", action="store_true",
        help="serve the control, which changes nothing (--neutral is the old name of this option)",
    )  # fmt: skip
    logs = command("logs", _logs, "print the last lines of a pair's logs")
    logs.add_argument("--part", choices=_PARTS, help="default: all parts")
    logs.add_argument("--lines", type=int, default=20, metavar="N", help="lines per log (default: %(default)s)")


def _with_one_message(run: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
    """Return the command with every error printed as one message."""

    def guarded(args: argparse.Namespace) -> int:
        try:
            require_linux()
            return run(args)
        except PairError as error:
            _print_error(str(error))
            return error.exit_code
        except OSError as error:
            _print_error(f"The pair's folder or processes cannot be reached: {error}.")
            return NOT_UP

    return guarded


def _up(args: argparse.Namespace) -> int:
    from cutover.embedded import pair, state

    limit = re.fullmatch(r"(\d{1,7})/(10|60)", args.rate_limit)
    if limit is None or not int(limit[1]):
        raise PairError(
            f"--rate-limit: expected REQUESTS/SECONDS, got {args.rate_limit}.",
            fix="write e.g. 100/60; the runtime supports periods of 10 and 60 s",
            exit_code=USAGE,
        )
    for option, port in (("--worker-port", args.worker_port), ("--legacy-port", args.legacy_port)):
        if not 0 <= port <= 65_535:
            raise PairError(f"{option}: expected 0 to 65535, got {port}.", exit_code=USAGE)
    if not 0 <= args.kv_delay <= _KV_DELAY_LIMIT_S:
        raise PairError(f"--kv-delay: expected 0 to 300 seconds, got {args.kv_delay:g}.", exit_code=USAGE)
    if (found := state.read(args.name)) is not None:
        headline = f"The pair {args.name!r} is already up."
        if not found.healthy:
            headline += f" A part of it has ended. Run `cutover pair down --name {args.name}`."
        _print(_state_text(found, as_json=args.json, headline=headline))
        return 0 if found.healthy else NOT_UP
    began = time.monotonic()
    options = pair.PairOptions(
        worker_port=args.worker_port,
        legacy_port=args.legacy_port,
        rate_limit=(int(limit[1]), int(limit[2])),
        version_id=args.version_id,
        kv_delay_s=args.kv_delay,
    )
    handle = pair.start(args.name, owned=False, options=options)
    try:
        found = handle.wait()
    except KeyboardInterrupt:
        handle.stop()
        raise
    seconds = time.monotonic() - began
    headline = f"The pair {args.name!r} is healthy after {seconds:.1f} s."
    _print(_state_text(found, as_json=args.json, headline=headline, seconds=round(seconds, 3)))
    return 0


def _down(args: argparse.Namespace) -> int:
    from cutover.embedded import pair

    ended = pair.stop(args.name)
    _print(f"The pair {args.name!r} has ended." if ended else f"There is no pair {args.name!r}.")
    return 0


def _status(args: argparse.Namespace) -> int:
    from cutover.embedded import folders, state

    folders.remove_dead()
    found = state.read(args.name)
    if found is not None:
        _print(_state_text(found, as_json=args.json))
        return 0 if found.healthy else NOT_UP
    names = state.names()
    starting = args.name in names
    others = [name for name in names if name != args.name]
    if args.json:
        _print(json.dumps({"name": args.name, "up": False, "starting": starting, "others": others}))
    else:
        more = f"\nOthers: {', '.join(others)} (--name)" if others else ""
        _print(f"The pair {args.name!r} is {'starting' if starting else 'not up'}.{more}")
    return NOT_UP


def _fault(args: argparse.Namespace) -> int:
    from cutover.embedded import pair, state

    found = state.read(args.name)
    if found is None:
        raise PairError(f"The pair {args.name!r} is not up.", fix="cutover pair up")
    if args.fault == "none":
        for system in ("worker", "legacy", "preflight"):
            if system == args.system or (args.system is None and system in found.planted_systems):
                pair.serve(args.name, system, None)
    else:
        system = args.system or _system_of(args.fault, Path(found.reference_dir))
        pair.serve(args.name, system, args.fault, "control" if args.control else "planted")
    after = state.read(args.name)
    _print(f"Planted: {after.fault or 'nothing, both systems are honest'}." if after else "The pair has ended.")
    return 0 if after else NOT_UP


def _system_of(fault: str, reference: Path) -> Any:
    """Return the system that has this fault. Raises PairError if none or both have it."""
    from cutover.embedded import faults

    existing = {system: faults.names(reference, system) for system in faults.SYSTEMS}
    systems = [system for system, names in existing.items() if fault in names]
    if len(systems) == 1:
        return systems[0]
    if systems:
        raise PairError(f"Both systems have a fault {fault!r}.", fix="add --system worker or legacy", exit_code=USAGE)
    lists = "; ".join(f"{system}: {', '.join(names) or 'none'}" for system, names in existing.items())
    raise PairError(f"There is no planted fault {fault!r}.", fix=f"choose one of {lists}", exit_code=USAGE)


def _logs(args: argparse.Namespace) -> int:
    from cutover.embedded import state
    from cutover.embedded.processes import tail

    found = state.read(args.name)
    if found is None:
        raise PairError(f"The pair {args.name!r} is not up.", fix="cutover pair up")
    text = {
        part: tail(Path(found.log_dir) / f"{part}.log", max(1, args.lines))
        for part in ([args.part] if args.part else _PARTS)
    }
    _print("\n".join(lines if args.part else f"== {part}\n{lines}" for part, lines in text.items()))
    return 0


def _state_text(found: PairState, *, as_json: bool, headline: str | None = None, seconds: float | None = None) -> str:
    if as_json:
        timing = {} if seconds is None else {"seconds": seconds}
        return json.dumps({"up": True, "healthy": found.healthy, **found.public(), **timing})
    lines = {
        "pair": f"{found.name} (process {found.pid})",
        "worker": found.worker_url,
        "legacy": found.legacy_url,
        "R2 (S3)": f"{found.s3_url}  bucket {found.s3_bucket}",
        "D1": found.d1_url,
        "version": found.version_id,
        "limit": f"{found.rate_limit[0]} requests in {found.rate_limit[1]} s",
        "KV": _kv(found),
        "planted": found.fault or "nothing",
    }
    lines |= {f"{part} is dead": f"{how}; see `cutover pair logs`" for part, how in found.dead.items()}
    table = [f"  {name:<8} {value}" for name, value in lines.items()]
    return "\n".join([headline, *table] if headline else table)


def _kv(found: PairState) -> str:
    if not found.kv_delay_s:
        return "a write is visible immediately"
    if "worker" in found.planted_systems:
        return f"a write is visible immediately while this is planted, after {found.kv_delay_s:g} s otherwise"
    return f"a write is visible after {found.kv_delay_s:g} s"


def _print(text: str) -> None:
    """Print in one write. A closed output (`| head -1`) does not change the exit code."""
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_error(text: str) -> None:
    sys.stderr.write(f"{text}\n")
