"""The Worker of a pair: host.mjs, a Node.js process that runs workerd through Miniflare.

Not for what the Worker does, nor for Miniflare's options: that is reference/worker. Spoken to in
lines of JSON over its stdin and stdout; it ends when its stdin does.
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
from cutover.embedded.processes import POLL_S, Child, Identity, clean_environment, descendants, spawn, tail

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

# workerd's parent is Node.js; it has to end with it in whatever way. Node.js cannot ask for that.
_WRAPPER: Final = """import ctypes, os, sys
parent = os.getppid()
ctypes.CDLL(None).prctl(1, 9, 0, 0, 0)  # PR_SET_PDEATHSIG, SIGKILL
if os.getppid() == parent != 1: os.execv(sys.argv[1], sys.argv[1:])
"""


@dataclass(frozen=True)
class Ready:
    """What the host says when the Worker answers. d1_file: the SQLite file behind D1."""

    url: str
    s3: str
    d1: str
    bucket: str
    d1_file: str


@dataclass
class Host:
    """The running host. Its workerd is watched too: Node.js outlives it."""

    child: Child
    workerd: tuple[int, ...] = ()
    _received: bytes = b""

    def line(self) -> dict[str, Any] | None:
        """The next answer, or None when there is no whole line yet. Never waits."""
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
                f"The Worker's host printed what is no answer: {text[:200].decode(errors='replace')!r}.",
                log=tail(self.child.log),
            )
        return answer

    def ready(self) -> Ready | None:
        """What it says when it is up; None before that. Raises PairError when it cannot come up."""
        how = self.child.ended()  # first: it may say why and end at once
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
        """Send a command and wait for its answer. Raises PairError when it fails or does not answer."""
        deadline = time.monotonic() + _COMMAND_TIMEOUT_S
        self.workerd = ()  # it may be exchanged for another
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
        """How the host or its workerd ended, or None while both run."""
        if (how := self.child.ended()) is not None:
            return how
        if self.workerd and all(Identity.of(pid) is None for pid in self.workerd):
            return "lost its workerd"
        return None

    def watch(self) -> None:
        """Take note of the host's children."""
        self.workerd = tuple(descendants(self.child.pid))

    def _send(self, words: Mapping[str, Any]) -> None:
        pipe = self.child.process.stdin
        try:
            if pipe is not None:
                pipe.write(json.dumps(words).encode() + b"\n")
        except OSError as error:
            problem = f"The Worker's host does not listen: {error}."
            raise PairError(problem, log=tail(self.child.log)) from error


def start(node: Node, reference: Path, folder: Path, log: Path, settings: Mapping[str, Any]) -> Host:
    """Start the host with `settings` (what its first line holds). `folder`: for its files."""
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
            "workerd for this machine is not among the Worker's npm packages.",
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
            fix="set TMPDIR to a folder from which they can",
            exit_code=USAGE,
        )
    return str(script)


def require_free(port: int) -> None:
    """Raises PairError when the Worker's port is taken; the host would say so later and less clearly."""
    if port:
        with closing(socket.socket()) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                raise port_refused(port, "worker", error) from error
