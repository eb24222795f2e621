"""The Worker of a pair: host.mjs, a Node.js process that runs workerd through Miniflare.

It receives commands as lines of JSON on stdin and answers on stdout. It ends when its stdin is closed.
"""

from __future__ import annotations

import json
import os
import select
import shlex
import socket
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cutover.embedded.legacy import port_refused
from cutover.embedded.pair_error import USAGE, PairError
from cutover.embedded.processes import POLL_S, Child, ProcessIdentity, clean_environment, descendants, spawn, tail

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cutover.embedded.node import Node
    from cutover.embedded.processes import Pause

D1_ID: Final = "list-cutter"
BUCKET: Final = "cutty-files"
HONEST: Final = "worker/src/index.mjs"
DELAYED_KV: Final = "variants/worker/kv-delay.mjs"
_COMMAND_TIMEOUT_S: Final = 20.0

# workerd must end with its parent Node.js, however that ends. Node.js cannot request that from the kernel.
_WRAPPER: Final = """import ctypes, os, sys
parent = os.getppid()
ctypes.CDLL(None).prctl(1, 9, 0, 0, 0)  # PR_SET_PDEATHSIG, SIGKILL
if os.getppid() == parent != 1: os.execv(sys.argv[1], sys.argv[1:])
"""


@dataclass(frozen=True)
class Ready:
    """The host's answer when the Worker is ready. d1_file: the SQLite file behind D1."""

    url: str
    s3: str
    d1: str
    bucket: str
    d1_file: str


@dataclass
class Host:
    """The running host. Its workerd is watched separately, because Node.js outlives it."""

    child: Child
    workerd: tuple[int, ...] = ()
    _received: bytes = b""

    def line(self) -> dict[str, Any] | None:
        """Return the next answer, or None if there is no complete line yet. Never waits. Raises PairError."""
        output = self.child.process.stdout
        while b"\n" not in self._received and output and select.select([output], [], [], 0)[0]:
            part = os.read(output.fileno(), 65_536)
            if not part:
                return None
            self._received += part
        if b"\n" not in self._received:
            return None
        text, _, self._received = self._received.partition(b"\n")
        try:
            answer = json.loads(text)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise PairError(
                f"The Worker's host: expected a JSON object, got {text[:200].decode(errors='replace')!r}.",
                log=tail(self.child.log),
            )
        return answer

    def ready(self) -> Ready | None:
        """Return its answer when it is ready, None before that. Raises PairError if it failed to start."""
        how = self.child.ended()  # first: it may report why and end immediately
        answer = self.line()
        if answer is None:
            if how is not None:
                raise PairError(f"The Worker's host {how}.", log=tail(self.child.log))
            return None
        if answer.get("ready") is not True:
            raise PairError(f"The Worker did not start: {answer.get('error')}", log=tail(self.child.log))
        self.watch()
        return Ready(answer["url"], answer["s3"], answer["d1"], answer["bucket"], answer["d1File"])

    def command(self, words: Mapping[str, Any], pause: Pause) -> dict[str, Any]:
        """Send a command and return its answer. Raises PairError if it fails or does not answer."""
        deadline = time.monotonic() + _COMMAND_TIMEOUT_S
        self.workerd = ()  # the command may replace it
        self._send(words)
        while (answer := self.line()) is None:
            if (how := self.child.ended()) is not None:
                raise PairError(f"The Worker's host {how}.", log=tail(self.child.log))
            if time.monotonic() > deadline:
                raise PairError(
                    f"The Worker's host did not answer {words['cmd']!r} within {_COMMAND_TIMEOUT_S:g} s.",
                    log=tail(self.child.log),
                )
            pause(POLL_S)
        self.watch()
        if "error" in answer:
            raise PairError(f"The Worker could not be switched: {answer['error']}", log=tail(self.child.log))
        return answer

    def ended(self) -> str | None:
        """Return the way the host or its workerd ended, or None while both are running."""
        if (how := self.child.ended()) is not None:
            return how
        if self.workerd and all(ProcessIdentity.of(pid) is None for pid in self.workerd):
            return "lost its workerd process"
        return None

    def watch(self) -> None:
        """Remember the host's current child processes."""
        self.workerd = tuple(descendants(self.child.pid))

    def _send(self, words: Mapping[str, Any]) -> None:
        pipe = self.child.process.stdin
        try:
            if pipe is not None:
                pipe.write(json.dumps(words).encode() + b"\n")
        except OSError as error:
            problem = f"The Worker's host does not accept commands: {error}."
            raise PairError(problem, log=tail(self.child.log)) from error


def start(node: Node, reference: Path, folder: Path, log: Path, settings: Mapping[str, Any]) -> Host:
    """Start the host. settings: its first line; folder: for its files."""
    temporary = folder / "tmp"
    temporary.mkdir(parents=True)
    env = clean_environment() | {"TMPDIR": str(temporary)}
    child = spawn(
        "the Worker's host (node)", [node.program, "host.mjs"],
        log=log, cwd=reference / "worker", env=env, pipes=True,
    )  # fmt: skip
    host = Host(child)
    host._send({**settings, "persist": str(folder / "data"), "workerdWrapper": _wrapper(reference, folder)})  # noqa: SLF001
    return host


def _wrapper(reference: Path, folder: Path) -> str:
    programs = sorted((reference / "worker" / "node_modules" / "@cloudflare").glob("workerd-*/bin/workerd"))
    if not programs:
        raise PairError(
            "The Worker's npm packages contain no workerd for this machine.",
            fix="make setup",
            exit_code=USAGE,
        )
    script = folder / "workerd"
    words = [sys.executable, "-I", "-S", "-c", _WRAPPER, str(programs[0])]
    script.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n', encoding="utf-8")
    script.chmod(0o700)
    if not os.access(script, os.X_OK):
        raise PairError(
            f"Programs cannot be run from {folder} (mounted noexec).",
            fix="set TMPDIR to a folder on a file system that is not noexec",
            exit_code=USAGE,
        )
    return str(script)


def require_free(port: int) -> None:
    """Raise PairError if the Worker's port is taken. The host would report it later and less clearly."""
    if port:
        with closing(socket.socket()) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                raise port_refused(port, "worker", error) from error
