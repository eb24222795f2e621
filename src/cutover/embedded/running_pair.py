"""The parts of one pair in the supervisor's process: start, watch, switch and end them.

One thread only, because the kernel ends the parts when the thread that started them ends.
"""

from __future__ import annotations

import os
import secrets
import signal
import time
import uuid
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cutover.embedded import faults, folders, legacy, node, postgres, state, surroundings, worker
from cutover.embedded.health import Probe
from cutover.embedded.pair_error import USAGE, PairError
from cutover.embedded.processes import POLL_S, Child, ProcessIdentity, tail
from cutover.embedded.supervisor_log import note
from cutover.embedded.worker_settings import honest_entry, host_settings

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from cutover.embedded.specification import Specification
    from cutover.embedded.stop_requests import StopRequests

_HEALTH_TIMEOUT_S: Final = 60.0
_SWITCH_TIMEOUT_S: Final = 20.0


class RunningPair:
    """The parts of one pair: PostgreSQL, the legacy system under gunicorn, and the Worker's host."""

    def __init__(self, wanted: Specification, claim: folders.Claim, stop_requests: StopRequests) -> None:
        self.wanted, self.folder, self.stop_requests = wanted, claim.path, stop_requests
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
        self.surroundings: surroundings.Surroundings | None = None
        self.passwords: dict[str, str] = {}
        self.legacy_serves: tuple[str | None, str, bool] = (None, "planted", True)  # fault, mode, healthy
        self.planted: dict[str, str] = {}
        self.state: state.PairState | None = None

    # Starting

    def start(self) -> state.PairState:
        """Start all parts and wait until both systems are healthy. Raises PairError, StopRequestedError."""
        worker.require_free(self.wanted.worker_port)
        self.listener = legacy.listen(self.wanted.legacy_port)
        cache = folders.cache()
        self.host = worker.start(
            node.find(cache), self.reference, self.folder / "worker", self.logs / "worker.log",
            host_settings(self.wanted, self.secrets, self.version, self.build),
        )  # fmt: skip
        note("worker started")
        self._start_database(cache)
        self._start_legacy()
        note("legacy started")
        ready = self._until_healthy()
        return self._publish(ready)

    def _start_database(self, cache: Path) -> None:
        found = postgres.programs(cache)
        source = postgres.template(
            found, cache, legacy.schema(self.reference),
            lambda port, password, log: legacy.migrate(self.settings, port, password, log),
            self.stop_requests.wait,
        )  # fmt: skip
        note("template exists")
        data = self.folder / "postgres"
        postgres.copy(source, data, self.stop_requests.wait)
        note("template copied")
        self.database = postgres.start(found, data, self.logs / "postgres.log", self.stop_requests.wait)
        self.passwords = self.database.passwords(postgres.USER, postgres.READER, postgres.RESTORER)
        note("postgres accepts connections")

    def _start_legacy(self, fault: str | None = None, mode: str = "planted") -> None:
        if self.database is None or self.listener is None:
            raise PairError("The legacy system cannot be started before its database.")
        self.gunicorn = legacy.start(
            self.settings, self.database, self.passwords[postgres.USER], self.listener, self.logs / "legacy.log",
            fault=fault, mode=mode,
        )  # fmt: skip

    def _until_healthy(self) -> worker.Ready:
        deadline = time.monotonic() + _HEALTH_TIMEOUT_S
        ready: worker.Ready | None = None
        waiting = {"legacy": Probe(self.legacy_url)}
        while waiting or ready is None:
            self._require_alive(worker=ready is not None)
            if ready is None and self.host is not None and (ready := self.host.ready()) is not None:
                note("worker ready")
                waiting["worker"] = Probe(ready.url)
            for name, probe in list(waiting.items()):
                status = probe.status()
                if status == 200:
                    del waiting[name]
                    note(f"{name} healthy")
                elif time.monotonic() > deadline:
                    raise self._not_healthy(name, status)
            if time.monotonic() > deadline:
                raise self._not_healthy("worker", None)
            self.stop_requests.wait(POLL_S)
        return ready

    def _not_healthy(self, name: str, status: int | None, after_s: float = _HEALTH_TIMEOUT_S) -> PairError:
        got = "no answer" if status is None else f"status {status}"
        return PairError(
            f"The {name} system is not healthy after {after_s:g} s: expected status 200 from GET /health, got {got}.",
            log=tail(self.logs / f"{name}.log"),
        )

    @property
    def legacy_url(self) -> str:
        """Return the legacy system's URL. Raises PairError before it has a port."""
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
            pg_dsn=self._dsn(postgres.USER, port),
            pg_reader_dsn=self._dsn(postgres.READER, port),
            pg_restore_dsn=self._dsn(postgres.RESTORER, port),
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

    def _dsn(self, role: str, port: int) -> str:
        return f"postgresql://{role}:{self.passwords[role]}@127.0.0.1:{port}/{postgres.DATABASE}"

    def save(self, **changes: Any) -> None:
        """Write the state file, with these fields changed."""
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
        if self.surroundings is not None:
            yield "preflight", self.surroundings.child

    def ended(self) -> dict[str, str]:
        """Return the dead parts, with the way each ended."""
        dead = {name: how for name, child in self._parts() if (how := child.ended()) is not None}
        if self.host is not None and "worker" not in dead and (how := self.host.ended()) is not None:
            dead["worker"] = how
        return dead

    def _require_alive(self, *, worker: bool) -> None:
        for name, how in self.ended().items():
            if worker or name != "worker":  # before it is ready, host.ready() has the better message
                raise PairError(f"The part {name!r} {how}.", log=tail(self.logs / f"{name}.log"))

    def watch(self) -> None:
        """Write newly dead parts to the state. They are not started again, because their data is lost."""
        dead = self.ended()
        if self.state is not None and dead != self.state.dead:
            for name in dead.keys() - self.state.dead.keys():
                note(f"{name} {dead[name]}")
            self.save(dead=dead)

    # Switching

    def serve(self, system: str, *, kind: str, name: str | None, mode: str) -> None:
        """Make a system serve a planted fault or a variant, or (name None) the honest application.

        kind: "faults" or "variants"; mode: "planted", or "control" for the fault's control. Raises PairError.
        """
        if name is not None:
            faults.require(self.reference, system, kind, name)
        if mode not in faults.MODES:
            raise PairError(f"expected mode {' or '.join(faults.MODES)}, got {mode!r}.", exit_code=USAGE)
        if (dead := self.ended()) and system in dead:
            raise PairError(f"The part {system!r} {dead[system]}.", fix="end this pair and start another")
        healthy = name is None or mode == "control" or kind == "variants"
        if system == "worker":
            self._serve_worker(kind, name, mode)
        elif system == "preflight":
            self._present(name, mode)
        else:
            self._serve_legacy(name, mode, healthy=healthy)
        self.planted.pop(system, None)
        if name is not None:
            served = f"variant {name}" if kind == "variants" else f"{name} {mode}"
            self.planted[system] = f"{system} {served}"
        fault = "; ".join(self.planted[system] for system in sorted(self.planted)) or None
        self.save(fault=fault, pids={part: child.pid for part, child in self._parts()})

    def surround(self) -> None:
        """Start the surroundings if they are not running. Raises PairError."""
        if self.surroundings is None or self.surroundings.child.ended() is not None:
            self._present(None, "planted")
            self.save(pids={part: child.pid for part, child in self._parts()})

    def _present(self, fault: str | None, mode: str) -> None:
        if self.state is None:
            raise PairError("The pair is not up yet.")
        folder = self.folder / "surroundings"
        if self.surroundings is not None:
            self.surroundings.end()
            self.surroundings = None
        self.surroundings = surroundings.start(
            self.reference, folder, self.logs / "preflight.log", asdict(self.state), self.stop_requests.wait,
            fault=fault, mode=mode,
        )  # fmt: skip
        self.save(surroundings=str(folder))

    def _serve_worker(self, kind: str, name: str | None, mode: str) -> None:
        if self.host is None:
            raise PairError("The Worker is not started yet.")
        entry = honest_entry(self.wanted) if name is None else f"{kind}/worker/{name}.mjs"
        # The host keeps its variables from one entry to the next; None removes one.
        variables = {"FAULT": mode if name is not None and kind == "faults" else None}
        self.host.command({"cmd": "serve", "entry": entry, "vars": variables}, self.stop_requests.wait)

    def _serve_legacy(self, fault: str | None, mode: str, *, healthy: bool) -> None:
        before, self.legacy_serves = self.legacy_serves, (fault, mode, healthy)
        try:
            self._restart_legacy()
        except PairError:
            self.legacy_serves = before  # the Worker's host does the same
            self._restart_legacy()
            raise

    def _restart_legacy(self) -> None:
        fault, mode, healthy = self.legacy_serves
        if self.gunicorn is not None:
            # The caller makes sure that no request is in progress, so there is nothing to wait for.
            self.gunicorn.kill()
        self._start_legacy(fault, mode)
        # A planted fault may change /health itself: then any answer to any path proves that the system serves.
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
            self.stop_requests.wait(POLL_S)

    # Ending

    def end(self) -> None:
        """End all parts at once. Their data is removed afterwards, so none needs time to save it."""
        ends: list[tuple[Child, int]] = []
        watched: tuple[int, ...] = ()
        if self.host is not None:
            self.host.watch()
            watched = self.host.workerd
            ends.append((self.host.child, signal.SIGKILL))
        if self.gunicorn is not None:
            ends.append((self.gunicorn, signal.SIGKILL))
        if self.surroundings is not None:
            ends.append((self.surroundings.child, signal.SIGKILL))  # the stores that it changed are removed as well
        if self.database is not None:
            ends.append((self.database.child, signal.SIGQUIT))  # removes its shared memory
        for child, number in ends:
            child.send(number)
        for child, number in ends:
            child.kill(number)
        deadline = time.monotonic() + 1
        while any(ProcessIdentity.of(pid) for pid in watched) and time.monotonic() < deadline:
            time.sleep(POLL_S)
        if self.listener is not None:
            self.listener.close()
