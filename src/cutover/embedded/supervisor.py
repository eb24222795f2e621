"""The process that owns a pair: starts its three parts, watches them, switches faults, ends it all.

Not called by users: pair.py starts it and talks to it. One thread only, since the kernel ties the
parts' lives to the thread that started them.

It reads one line of JSON from stdin (a `Specification`), writes one to stdout when the pair is up or
could not be, and then takes commands, a line of JSON each, over the pair's control socket.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import signal
import socket
import sys
import time
import traceback
import uuid
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cutover.embedded import faults, folders, legacy, node, postgres, state, worker
from cutover.embedded.health import Probe
from cutover.embedded.pair_error import USAGE, PairError
from cutover.embedded.processes import POLL_S, Child, Identity, tail

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEALTH_TIMEOUT_S: Final = 60.0
_SWITCH_TIMEOUT_S: Final = 20.0
_WATCH_S: Final = 0.25
_COMMAND_TIMEOUT_S: Final = 1.0
_LINE_LIMIT: Final = 65_536


@dataclass(frozen=True)
class Specification:
    """What pair.py asks for.

    owner: (pid, start ticks) of the process that starts it. owned: the pair ends with that process;
    otherwise only while it is starting. reference: folder with both systems. rate_limit: requests and
    period in s. https: key and certificate files. Ports: 0 for any.
    """

    name: str
    owner: tuple[int, int]
    owned: bool
    reference: str
    worker_port: int
    legacy_port: int
    rate_limit: tuple[int, int]
    https: tuple[str, str] | None
    version_id: str | None
    build_id: str | None
    password_iterations: int | None
    max_file_size: int | None
    worker_vars: dict[str, str]
    kv_delay_s: float

    def line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> Specification:
        found = json.loads(line)
        for name in ("owner", "rate_limit", "https"):
            found[name] = tuple(found[name]) if found[name] else None
        return cls(**found)


class EndedError(Exception):
    """This process has been told to end, or its owner is gone."""


class Orders:
    """What may tell this process to end: signals, the end of stdin, the end of the owner."""

    def __init__(self, owner: tuple[int, int]) -> None:
        self._wake, write = socket.socketpair()
        self._wake.setblocking(False)
        write.setblocking(False)
        self._write = write  # kept open
        self._told = "" if Identity(*owner).alive() else "the owner is gone"
        signal.set_wakeup_fd(write.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._signalled)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # wakes us, nothing more
        self._owner = [0]
        # Beside stdin, whose other end a forked child of the owner may have inherited.
        with contextlib.suppress(OSError):
            self._owner.append(os.pidfd_open(owner[0]))

    def let_go(self) -> None:
        """From now on the pair outlives its owner."""
        self._owner = []

    def pause(self, seconds: float, *more: int) -> list[int]:
        """Wait, and return which of the descriptors `more` became readable. Raises EndedError."""
        ready: list[int] = []
        if not self._told:
            ready = select.select([self._wake.fileno(), *self._owner, *more], [], [], seconds)[0]
        if self._wake.fileno() in ready:
            with contextlib.suppress(BlockingIOError):
                self._wake.recv(4096)
        if any(fd in ready for fd in self._owner):  # nothing is sent after the first line
            self._told = "its owner let go or is gone"
        if self._told:
            raise EndedError(self._told)
        return [fd for fd in ready if fd in more]

    def wait(self, seconds: float) -> None:
        """Wait. Raises EndedError."""
        self.pause(seconds)

    def _signalled(self, number: int, _frame: object) -> None:
        self._told = signal.Signals(number).name


class Pair:
    """The parts of one pair, in the order in which they are started."""

    def __init__(self, wanted: Specification, claim: folders.Claim, orders: Orders) -> None:
        self.wanted, self.folder, self.orders = wanted, claim.path, orders
        self.reference = Path(wanted.reference)
        self.logs, self.media, temporary = self.folder / "logs", self.folder / "media", self.folder / "tmp"
        for folder in (self.logs, self.media, temporary):
            folder.mkdir(mode=0o700)
        self.secrets = {
            name: secrets.token_urlsafe(32) for name in ("jwt", "jwt_refresh", "legacy", "bypass", "s3_access", "s3")
        }
        self.version = wanted.version_id or str(uuid.uuid4())
        self.build = wanted.build_id or secrets.token_hex(6)
        self.settings = legacy.Settings(
            self.reference, self.media, temporary, self.secrets["legacy"],
            f"django-{secrets.token_hex(6)}", wanted.max_file_size, wanted.password_iterations,
        )  # fmt: skip
        self.listener: socket.socket | None = None
        self.host: worker.Host | None = None
        self.database: postgres.Server | None = None
        self.gunicorn: Child | None = None
        self.password = ""
        self.legacy_serves: tuple[str | None, str, bool] = (None, "planted", True)  # fault, mode, healthy
        self.planted: dict[str, str] = {}
        self.state: state.PairState | None = None

    # Starting

    def start(self) -> state.PairState:
        """Start all parts and wait until both systems are healthy. Raises PairError, EndedError."""
        worker.require_free(self.wanted.worker_port)
        self.listener = legacy.listen(self.wanted.legacy_port)
        cache = folders.cache()
        self.host = worker.start(
            node.find(cache), self.reference, self.folder / "worker", self.logs / "worker.log",
            self._host_settings(),
        )  # fmt: skip
        _note("worker spawned")
        self._start_database(cache)
        self._start_legacy()
        _note("legacy spawned")
        ready = self._until_healthy()
        return self._publish(ready)

    @property
    def honest_entry(self) -> str:
        """What the Worker serves when nothing is planted."""
        return worker.DELAYED_KV if self.wanted.kv_delay_s else worker.HONEST

    def _host_settings(self) -> dict[str, Any]:
        wanted = self.wanted
        limit, period = wanted.rate_limit
        optional = {
            "MAX_FILE_SIZE": wanted.max_file_size,
            "PASSWORD_ITERATIONS": wanted.password_iterations,
        }
        variables = {
            "ENVIRONMENT": "embedded",
            "JWT_SECRET": self.secrets["jwt"],
            "JWT_REFRESH_SECRET": self.secrets["jwt_refresh"],
            "JWT_ISSUER": "list-cutter",
            "JWT_AUDIENCE": "list-cutter-api",
            "MAX_FILE_SIZE": "52428800",
            "CORS_ORIGIN": "https://list-cutter.com",
            "RATE_LIMIT": str(limit),
            "RATE_PERIOD": str(period),
            "VERSION_ID": self.version,
            "BUILD_ID": self.build,
            "LIMITER_BYPASS": self.secrets["bypass"],
            **{name: str(value) for name, value in optional.items() if value is not None},
            **({"KV_DELAY_S": f"{wanted.kv_delay_s:g}"} if wanted.kv_delay_s else {}),
            **wanted.worker_vars,
        }
        https = dict(zip(("keyPath", "certPath"), wanted.https, strict=True)) if wanted.https else None
        return {
            "host": "127.0.0.1",
            "port": wanted.worker_port,
            "entry": self.honest_entry,
            "vars": variables,
            "rateLimit": {"limit": limit, "period": period},
            "s3": {"accessKeyId": self.secrets["s3_access"], "secretAccessKey": self.secrets["s3"]},
            "d1Id": worker.D1_ID,
            "bucket": worker.BUCKET,
            "https": https,
        }

    def _start_database(self, cache: Path) -> None:
        found = postgres.programs(cache)
        source = postgres.template(
            found, cache, legacy.schema(self.reference),
            lambda port, password, log: legacy.migrate(self.settings, port, password, log),
            self.orders.wait,
        )  # fmt: skip
        _note("template there")
        data = self.folder / "postgres"
        postgres.copy(source, data, self.orders.wait)
        _note("template copied")
        self.database = postgres.start(found, data, self.logs / "postgres.log", self.orders.wait)
        self.password = self.database.password()
        _note("postgres accepts")

    def _start_legacy(self, fault: str | None = None, mode: str = "planted") -> None:
        if self.database is None or self.listener is None:
            raise PairError("The legacy system cannot be started before its database.")
        self.gunicorn = legacy.start(
            self.settings, self.database, self.password, self.listener, self.logs / "legacy.log",
            fault=fault, mode=mode,
        )  # fmt: skip

    def _until_healthy(self) -> worker.Ready:
        deadline = time.monotonic() + _HEALTH_TIMEOUT_S
        ready: worker.Ready | None = None
        waiting = {"legacy": Probe(self.legacy_url)}
        while waiting or ready is None:
            self._require_alive(worker=ready is not None)
            if ready is None and self.host is not None and (ready := self.host.ready()) is not None:
                _note("worker ready")
                waiting["worker"] = Probe(ready.url)
            for name, probe in list(waiting.items()):
                status = probe.status()
                if status == 200:
                    del waiting[name]
                    _note(f"{name} healthy")
                elif time.monotonic() > deadline:
                    raise self._not_healthy(name, status)
            if time.monotonic() > deadline:
                raise self._not_healthy("worker", None)
            self.orders.wait(POLL_S)
        return ready

    def _not_healthy(self, name: str, status: int | None, after_s: float = _HEALTH_TIMEOUT_S) -> PairError:
        answer = "gives no answer" if status is None else f"answers {status}"
        return PairError(
            f"The {name} system is not healthy after {after_s:g} s: GET /health {answer}.",
            log=tail(self.logs / f"{name}.log"),
        )

    @property
    def legacy_url(self) -> str:
        if self.listener is None:
            raise PairError("The legacy system has no port yet.")
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def _publish(self, ready: worker.Ready) -> state.PairState:
        port = self.database.port if self.database else 0
        self.state = state.PairState(
            name=self.wanted.name,
            pid=os.getpid(),
            started=time.time(),
            worker_url=ready.url,
            legacy_url=self.legacy_url,
            s3_url=ready.s3,
            s3_bucket=ready.bucket,
            s3_access_key=self.secrets["s3_access"],
            s3_secret_key=self.secrets["s3"],
            d1_url=ready.d1,
            d1_file=ready.d1_file,
            pg_dsn=f"postgresql://{postgres.USER}:{self.password}@127.0.0.1:{port}/{postgres.DATABASE}",
            media_root=str(self.media),
            jwt_secret=self.secrets["jwt"],
            jwt_refresh_secret=self.secrets["jwt_refresh"],
            legacy_secret_key=self.secrets["legacy"],
            limiter_bypass=self.secrets["bypass"],
            version_id=self.version,
            build_id=self.build,
            legacy_version=self.settings.version,
            rate_limit=self.wanted.rate_limit,
            kv_delay_s=self.wanted.kv_delay_s,
            control_socket=str(self.folder / "control.sock"),
            log_dir=str(self.logs),
            reference_dir=self.wanted.reference,
            pids={name: child.pid for name, child in self._parts()},
        )
        return self.state

    def save(self, **changes: Any) -> None:
        """Write the state, with these fields changed."""
        if self.state is not None:
            self.state = replace(self.state, **changes)
            state.write(self.folder, self.state)

    # Watching

    def _parts(self) -> Iterator[tuple[str, Child]]:
        if self.database is not None:
            yield "postgres", self.database.child
        if self.gunicorn is not None:
            yield "legacy", self.gunicorn
        if self.host is not None:
            yield "worker", self.host.child

    def ended(self) -> dict[str, str]:
        """Parts that are dead, with how they ended."""
        found = {name: how for name, child in self._parts() if (how := child.ended()) is not None}
        if self.host is not None and "worker" not in found and (how := self.host.ended()) is not None:
            found["worker"] = how
        return found

    def _require_alive(self, *, worker: bool) -> None:
        for name, how in self.ended().items():
            if worker or name != "worker":  # before it is ready, host.ready() says it better
                raise PairError(f"The part {name!r} {how}.", log=tail(self.logs / f"{name}.log"))

    def watch(self) -> None:
        """Put parts that died since into the state. They are not started again: what was lost is lost."""
        dead = self.ended()
        if self.state is not None and dead != self.state.dead:
            for name in dead.keys() - self.state.dead.keys():
                _note(f"{name} {dead[name]}")
            self.save(dead=dead)

    # Switching

    def serve(self, system: str, *, kind: str, name: str | None, mode: str) -> None:
        """Make a system serve a planted fault or a variant, or (name None) its honest self again."""
        if name is not None:
            faults.require(self.reference, system, kind, name)
        if mode not in faults.MODES:
            raise PairError(f"There is no mode {mode!r}.", fix=" or ".join(faults.MODES), exit_code=USAGE)
        if (dead := self.ended()) and system in dead:
            raise PairError(f"The part {system!r} {dead[system]}.", fix="end this pair and start another")
        honest_wanted = name is None or mode == "control" or kind == "variants"
        if system == "worker":
            self._serve_worker(kind, name, mode)
        else:
            self._serve_legacy(name, mode, healthy=honest_wanted)
        self.planted.pop(system, None)
        if name is not None:
            what = f"variant {name}" if kind == "variants" else f"{name} {mode}"
            self.planted[system] = f"{system} {what}"
        fault = "; ".join(self.planted[system] for system in sorted(self.planted)) or None
        self.save(fault=fault, pids={part: child.pid for part, child in self._parts()})

    def _serve_worker(self, kind: str, name: str | None, mode: str) -> None:
        if self.host is None:
            raise PairError("There is no Worker yet.")
        entry = self.honest_entry if name is None else f"{kind}/worker/{name}.mjs"
        # The host keeps its vars from one entry to the next; None takes one away.
        variables = {"FAULT": mode if name is not None and kind == "faults" else None}
        self.host.command({"cmd": "serve", "entry": entry, "vars": variables}, self.orders.wait)

    def _serve_legacy(self, fault: str | None, mode: str, *, healthy: bool) -> None:
        before, self.legacy_serves = self.legacy_serves, (fault, mode, healthy)
        try:
            self._restart_legacy()
        except PairError:
            self.legacy_serves = before  # as the Worker's host does
            self._restart_legacy()
            raise

    def _restart_legacy(self) -> None:
        fault, mode, healthy = self.legacy_serves
        if self.gunicorn is not None:
            # No request is under way (the caller sees to that), so there is nothing to wait for.
            self.gunicorn.kill()
        self._start_legacy(fault, mode)
        # A planted fault may well be one of /health: then any answer to anything shows that it serves.
        probe = Probe(self.legacy_url, "/health" if healthy else "/")
        deadline = time.monotonic() + _SWITCH_TIMEOUT_S
        while True:
            status = probe.status()
            if status == 200 or (status is not None and not healthy):
                return
            if self.gunicorn is None or (how := self.gunicorn.ended()) is not None:
                raise PairError(f"The legacy system {how}.", log=tail(self.logs / "legacy.log"))
            if time.monotonic() > deadline:
                raise self._not_healthy("legacy", status, _SWITCH_TIMEOUT_S)
            self.orders.wait(POLL_S)

    # Ending

    def end(self) -> None:
        """End all parts at once. Their data goes with them, so nobody gets time to save any."""
        ends: list[tuple[Child, int]] = []
        watched: tuple[int, ...] = ()
        if self.host is not None:
            self.host.watch()
            watched = self.host.workerd
            ends.append((self.host.child, signal.SIGKILL))
        if self.gunicorn is not None:
            ends.append((self.gunicorn, signal.SIGKILL))
        if self.database is not None:
            ends.append((self.database.child, signal.SIGQUIT))  # removes its shared memory
        for child, number in ends:
            child.send(number)
        for child, number in ends:
            child.kill(number)
        deadline = time.monotonic() + 1
        while any(Identity.of(pid) for pid in watched) and time.monotonic() < deadline:
            time.sleep(POLL_S)
        if self.listener is not None:
            self.listener.close()


def _serve_commands(pair: Pair, orders: Orders, control: socket.socket) -> None:
    """Answer commands until told to end (EndedError)."""
    while True:
        ready = orders.pause(_WATCH_S, control.fileno())
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


def _answer(pair: Pair, line: bytes) -> dict[str, Any]:
    try:
        words = json.loads(line)
        if words["cmd"] == "serve":
            pair.serve(words["system"], kind=words["kind"], name=words["name"], mode=words["mode"])
        elif words["cmd"] != "ping":
            return {"ok": False, "error": f"unknown command {words['cmd']!r}", "exit_code": USAGE}
    except PairError as error:
        return {"ok": False, "error": str(error), "exit_code": error.exit_code}
    except (ValueError, KeyError, TypeError) as error:
        return {"ok": False, "error": f"malformed command: {error!r}", "exit_code": USAGE}
    return {"ok": True}


def _listen_for_commands(folder: Path) -> socket.socket:
    control = socket.socket(socket.AF_UNIX)
    # A socket's path may have 107 bytes, a temporary folder's more: go through a descriptor.
    at = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        control.bind(f"/proc/self/fd/{at}/control.sock")
    finally:
        os.close(at)
    (folder / "control.sock").chmod(0o600)
    control.listen(8)
    return control


_began: Final = time.monotonic()


def _note(what: str) -> None:
    """A line in the supervisor's log: seconds since it began, and what happened."""
    print(f"{time.monotonic() - _began:8.3f} {what}", file=sys.stderr, flush=True)  # noqa: T201 - its log


def _report(answer: dict[str, Any]) -> None:
    """Tell the starter, who may have stopped listening, and close the line."""
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
    """Run one pair from start to end. Exit code 0, or that of the error."""
    os.umask(0o077)
    os.chdir("/")
    wanted = Specification.parse(_read_line(0))
    if not wanted.owned and os.fork():
        os._exit(0)  # it outlives its starter, who shall not have to wait for it
    orders = Orders(wanted.owner)
    try:
        claim = folders.claim(wanted.name)
    except PairError as error:
        _report({"ready": False, "error": str(error), "exit_code": error.exit_code})
        return error.exit_code
    pair: Pair | None = None
    control: socket.socket | None = None
    failure: PairError | None = None
    up = False
    try:
        pair = Pair(wanted, claim, orders)
        with (pair.logs / "supervisor.log").open("ab") as log:
            os.dup2(log.fileno(), 2)
        _note("begins")
        pair.start()
        control = _listen_for_commands(claim.path)
        pair.save()
        _note("up")
        up = True
        if not wanted.owned:
            orders.let_go()
            _to_null(0)
        _report({"ready": True})
        _serve_commands(pair, orders, control)
    except PairError as error:
        failure = error
    except EndedError as error:
        _note(f"ends: {error}")
        failure = PairError(f"The pair {wanted.name!r} was told to end while it was starting ({error}).")
    except Exception as error:  # noqa: BLE001 - a fault of ours is reported like any other, in one message
        failure = PairError(f"The supervisor failed: {error!r}.", log=traceback.format_exc())
    finally:
        # From here on a second signal changes nothing.
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
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
