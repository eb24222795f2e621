"""The process that owns a pair: it starts the three parts, watches them, switches faults, and ends them.

pair.py starts it and sends it commands; users do not call it. It reads one line of JSON from stdin (a
`Specification`), writes one to stdout when the pair is up or failed to start, and then accepts commands, one line of
JSON each, over the pair's control socket.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import traceback
from typing import TYPE_CHECKING, Any, Final

from cutover.embedded import folders
from cutover.embedded.pair_error import USAGE, PairError
from cutover.embedded.running_pair import RunningPair
from cutover.embedded.specification import Specification
from cutover.embedded.stop_requests import SIGNALS, StopRequestedError, StopRequests
from cutover.embedded.supervisor_log import note

if TYPE_CHECKING:
    from pathlib import Path

_WATCH_S: Final = 0.25
_COMMAND_TIMEOUT_S: Final = 1.0
_LINE_LIMIT: Final = 65_536


def _serve_commands(pair: RunningPair, stop_requests: StopRequests, control: socket.socket) -> None:
    """Answer commands until StopRequestedError is raised."""
    while True:
        ready = stop_requests.pause(_WATCH_S, control.fileno())
        pair.watch()
        if ready:
            connection, _ = control.accept()
            with connection:
                connection.settimeout(_COMMAND_TIMEOUT_S)
                with contextlib.suppress(OSError):
                    answer = _answer(pair, _line(connection))
                    connection.sendall(json.dumps(answer).encode() + b"\n")


def _line(connection: socket.socket) -> bytes:
    data = b""
    while not data.endswith(b"\n") and len(data) < _LINE_LIMIT and (part := connection.recv(4096)):
        data += part
    return data


def _answer(pair: RunningPair, line: bytes) -> dict[str, Any]:
    try:
        words = json.loads(line)
        if words["cmd"] == "serve":
            pair.serve(words["system"], kind=words["kind"], name=words["name"], mode=words["mode"])
        elif words["cmd"] == "surround":
            pair.surround()
        elif words["cmd"] != "ping":
            return {"ok": False, "error": f"unknown command {words['cmd']!r}", "exit_code": USAGE}
    except PairError as error:
        return {"ok": False, "error": str(error), "exit_code": error.exit_code}
    except (ValueError, KeyError, TypeError) as error:
        return {"ok": False, "error": f"malformed command: {error!r}", "exit_code": USAGE}
    return {"ok": True}


def _listen_for_commands(folder: Path) -> socket.socket:
    control = socket.socket(socket.AF_UNIX)
    # A socket's path may have 107 bytes, and a temporary folder's may have more: go through a descriptor.
    at = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        control.bind(f"/proc/self/fd/{at}/control.sock")
    finally:
        os.close(at)
    (folder / "control.sock").chmod(0o600)
    control.listen(8)
    return control


def _report(answer: dict[str, Any]) -> None:
    """Send the result to the starting process, which may have ended, and close stdout."""
    with contextlib.suppress(OSError):
        os.write(1, json.dumps(answer).encode() + b"\n")
    _to_null(1)


def _to_null(fd: int) -> None:
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    os.dup2(null, fd)
    os.close(null)


def _read_line(fd: int) -> bytes:
    data = b""
    while not data.endswith(b"\n") and (part := os.read(fd, _LINE_LIMIT)):
        data += part
    return data


def main() -> int:
    """Run one pair from start to end. Return 0, or the exit code of the error."""
    os.umask(0o077)
    os.chdir("/")
    wanted = Specification.parse(_read_line(0))
    if not wanted.owned and os.fork():
        os._exit(0)  # the supervisor outlives its starter, which must not wait for it
    stop_requests = StopRequests(wanted.owner)
    try:
        claim = folders.claim(wanted.name)
    except PairError as error:
        _report({"ready": False, "error": str(error), "exit_code": error.exit_code})
        return error.exit_code
    pair: RunningPair | None = None
    control: socket.socket | None = None
    failure: PairError | None = None
    up = False
    try:
        pair = RunningPair(wanted, claim, stop_requests)
        with (pair.logs / "supervisor.log").open("ab") as log:
            os.dup2(log.fileno(), 2)
        note("begins")
        pair.start()
        control = _listen_for_commands(claim.path)
        pair.save()
        note("up")
        up = True
        if not wanted.owned:
            stop_requests.ignore_owner()
            _to_null(0)
        _report({"ready": True})
        _serve_commands(pair, stop_requests, control)
    except PairError as error:
        failure = error
    except StopRequestedError as error:
        note(f"ends: {error}")
        failure = PairError(f"The pair {wanted.name!r} was stopped while it was starting ({error}).")
    except Exception as error:  # noqa: BLE001 - a bug here is reported in one message like any other failure
        failure = PairError(f"The supervisor failed: {error!r}.", log=traceback.format_exc())
    finally:
        # From here on, further signals have no effect.
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        if pair is not None:
            pair.end()
        if control is not None:
            control.close()
        claim.release()
    if up or failure is None:
        return 0
    _report({"ready": False, "error": str(failure), "exit_code": failure.exit_code})
    return failure.exit_code


if __name__ == "__main__":
    sys.exit(main())
