"""Start, switch and stop embedded pairs, for the rest of the suite and the command line.

A supervisor process per pair does the work (supervisor.py). state.py reads the state of a running pair.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Literal

from cutover.embedded import folders, packages, state
from cutover.embedded.pair_error import NOT_UP, PairError, require_linux
from cutover.embedded.processes import ProcessIdentity, clean_environment
from cutover.embedded.specification import Specification

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cutover.embedded.state import PairState

__all__ = [
    "PairError",
    "PairHandle",
    "PairOptions",
    "anonymous_name",
    "serve",
    "serve_variant",
    "start",
    "stop",
]

_END_TIMEOUT_S: Final = 8.0
_SWITCH_TIMEOUT_S: Final = 90.0


@dataclass(frozen=True)
class PairOptions:
    """The options of a new pair.

    Ports: 0 for any free port. rate_limit: requests and period in s (10 or 60, as the runtime allows). https: files of
    the Worker's key and certificate, to serve it over https. password_iterations: of PBKDF2, for both systems.
    max_file_size: bytes, for both systems. version_id, build_id: the Worker's, random if None. worker_vars: further
    variables of the Worker. kv_delay_s: seconds until a write of the honest Worker to KV becomes visible, 0 for no
    delay; planted faults and variants do not delay. reference_dir: folder with both systems, the checkout's if None.
    """

    worker_port: int = 0
    legacy_port: int = 0
    rate_limit: tuple[int, int] = (100, 60)  # the plan's
    https: tuple[Path, Path] | None = None
    version_id: str | None = None
    build_id: str | None = None
    password_iterations: int | None = None
    max_file_size: int | None = None
    worker_vars: Mapping[str, str] = field(default_factory=dict)
    kv_delay_s: float = 0.0
    reference_dir: Path | None = None


class PairHandle:
    """A pair that is starting or running."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], complaints: IO[bytes], *, owned: bool) -> None:
        self.name = name
        self._process, self._complaints, self._owned = process, complaints, owned
        self._state: PairState | None = None

    def wait(self, timeout_s: float = 90.0) -> PairState:
        """Wait until both systems are healthy. Otherwise end everything and raise PairError."""
        if self._state is not None:
            return self._state
        answer = self._answer(timeout_s)
        if answer is None:
            self.stop()
            raise PairError(f"The pair {self.name!r} is not healthy after {timeout_s:g} s.", fix="try again")
        if answer.get("ready") is not True:
            self.stop()
            raise PairError(str(answer["error"]), exit_code=int(answer["exit_code"]))
        self._state = state.read(self.name)
        if self._state is None:
            self.stop()
            raise PairError(f"The pair {self.name!r} ended immediately after its start.")
        if not self._owned:
            self._close()
        return self._state

    def stop(self) -> None:
        """End the pair in any state. Do nothing if it has ended."""
        if self._owned or self._state is None:
            # The supervisor ends everything when its stdin ends; its stdout ends with it.
            if self._process.stdin is not None and not self._process.stdin.closed:
                self._process.stdin.close()
                self._answer(_END_TIMEOUT_S)
        else:
            stop(self.name)
        if self._owned and self._alive(_END_TIMEOUT_S):
            self._process.kill()  # the kernel ends its parts
        self._close()

    def _alive(self, timeout_s: float) -> bool:
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return True
        return False

    def _answer(self, timeout_s: float) -> dict[str, Any] | None:
        """Return the supervisor's answer, None if none arrived in time."""
        output, data, deadline = self._process.stdout, b"", time.monotonic() + timeout_s
        if output is None or output.closed:
            return None
        while not data.endswith(b"\n"):
            left = max(0.0, deadline - time.monotonic())
            if not select.select([output], [], [], left)[0]:
                return None
            part = os.read(output.fileno(), 65_536)
            if not part:
                self._complaints.seek(0)
                log = self._complaints.read()[-4096:].decode(errors="replace")
                problem = f"The supervisor of the pair {self.name!r} ended without an answer."
                return {"ready": False, "error": str(PairError(problem, log=log)), "exit_code": NOT_UP}
            data += part
        found: dict[str, Any] = json.loads(data)
        return found

    def _close(self) -> None:
        self._process.wait()  # of a detached pair, this process ended when it had started the supervisor
        for file in (self._process.stdin, self._process.stdout, self._complaints):
            if file is not None:
                file.close()


def anonymous_name() -> str:
    """Return a random name, for a pair that is not used by name."""
    return f"run-{secrets.token_hex(6)}"


def start(name: str, *, owned: bool, options: PairOptions | None = None) -> PairHandle:
    """Start a pair and return immediately. `PairHandle.wait` waits until it is healthy.

    owned: the pair ends with the calling process, however that ends. Otherwise it runs until `stop(name)`; while it is
    starting, it ends with the caller in both cases.
    Raises PairError for a malformed name and missing packages.
    """
    require_linux()
    options = options or PairOptions()
    folders.pair_folder(name)
    reference = (options.reference_dir or packages.reference()).resolve()
    packages.require(reference)
    me = ProcessIdentity.of(os.getpid())
    wanted = Specification(
        name=name,
        owner=(me.pid, me.start_ticks) if me else (os.getpid(), 0),
        owned=owned,
        reference=str(reference),
        worker_port=options.worker_port,
        legacy_port=options.legacy_port,
        rate_limit=options.rate_limit,
        https=(str(options.https[0].resolve()), str(options.https[1].resolve())) if options.https else None,
        version_id=options.version_id,
        build_id=options.build_id,
        password_iterations=options.password_iterations,
        max_file_size=options.max_file_size,
        worker_vars=dict(options.worker_vars),
        kv_delay_s=options.kv_delay_s,
    )
    complaints = tempfile.TemporaryFile()  # noqa: SIM115 - PairHandle closes it
    env = clean_environment() | {
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        "TMPDIR": tempfile.gettempdir(),  # both must use the same folder
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "cutover.embedded.supervisor"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints,
        bufsize=0, env=env, start_new_session=True,
    )  # fmt: skip
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError):  # it ended immediately: wait() reports that
            process.stdin.write(wanted.line())
    return PairHandle(name, process, complaints, owned=owned)


def stop(name: str) -> bool:
    """End a pair and wait until nothing of it is left. Return False if there is none of that name."""
    require_linux()
    supervisor = folders.supervisor(name)
    if supervisor is not None and not supervisor.end(signal.SIGTERM, timeout_s=_END_TIMEOUT_S):
        supervisor.end(signal.SIGKILL, timeout_s=1)  # the kernel ends its parts
    folders.remove_dead()
    return supervisor is not None


def serve(
    name: str,
    system: Literal["worker", "legacy", "preflight"],
    fault: str | None,
    mode: Literal["planted", "control"] = "planted",
) -> None:
    """Make a system of the pair serve a planted fault, its control, or (None) the honest application.

    Requests that are under way are cut off, and for up to a second new ones have to wait (legacy) or
    are refused (worker): let the pair be quiet. Raises PairError.
    """
    _command(name, {"cmd": "serve", "system": system, "kind": "faults", "name": fault, "mode": mode})


def surround(name: str) -> None:
    """Start the surroundings of the pair, which the preflight gate reads, if they are not running. Raises PairError."""
    _command(name, {"cmd": "surround"})


def serve_variant(name: str, variant: str | None) -> None:
    """Make the Worker serve a variant of reference/variants/worker, or (None) its honest self."""
    _command(name, {"cmd": "serve", "system": "worker", "kind": "variants", "name": variant, "mode": "planted"})


def _command(name: str, words: dict[str, Any]) -> None:
    require_linux()
    found = state.read(name)
    if found is None:
        raise PairError(f"The pair {name!r} is not up.", fix=f"cutover pair up --name {name}")
    try:
        answer = _ask(found.control_socket, words)
    except (OSError, ValueError) as error:
        raise PairError(f"The pair {name!r} does not answer on its control socket: {error}.") from error
    if not answer.get("ok"):
        raise PairError(str(answer.get("error")), exit_code=int(answer.get("exit_code", NOT_UP)))


def _ask(path: str, words: dict[str, Any]) -> dict[str, Any]:
    file = Path(path)
    at = os.open(file.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)  # see supervisor: 107 bytes
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.settimeout(_SWITCH_TIMEOUT_S)
            connection.connect(f"/proc/self/fd/{at}/{file.name}")
        finally:
            os.close(at)
        connection.sendall(json.dumps(words).encode() + b"\n")
        data = b""
        while part := connection.recv(65_536):
            data += part
    found: dict[str, Any] = json.loads(data)
    return found
