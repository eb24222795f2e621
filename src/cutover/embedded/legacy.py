"""The legacy system of a pair: Django under gunicorn, honest or with a planted fault.

The supervisor holds the listening socket, so the port stays reserved while gunicorn restarts with another application.
"""

from __future__ import annotations

import errno
import hashlib
import importlib.util
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cutover.embedded import postgres
from cutover.embedded.pair_error import USAGE, PairError
from cutover.embedded.processes import Child, clean_environment, spawn

_HONEST: Final = "config.wsgi:application"
_BACKLOG: Final = 512
_BOUND_FORKS: Final = Path(__file__).with_name("die_with_parent.py")


@dataclass(frozen=True)
class Settings:
    """The settings of the legacy system. temporary: its folder for uploads in progress."""

    reference: Path
    media: Path
    temporary: Path
    secret_key: str
    version: str
    max_file_size: int | None
    password_iterations: int | None

    def environment(self, port: int, password: str) -> dict[str, str]:
        """Return the variables for gunicorn and manage.py. port, password: of PostgreSQL."""
        found = clean_environment() | {
            "TMPDIR": str(self.temporary),
            "PGHOST": "127.0.0.1",
            "PGPORT": str(port),
            "PGUSER": postgres.USER,
            "PGPASSWORD": password,
            "PGDATABASE": postgres.DATABASE,
            "LEGACY_SECRET_KEY": self.secret_key,
            "LEGACY_MEDIA_ROOT": str(self.media),
            "LEGACY_VERSION": self.version,
        }
        if self.max_file_size is not None:
            found["LEGACY_MAX_FILE_SIZE"] = str(self.max_file_size)
        if self.password_iterations is not None:
            found["LEGACY_PASSWORD_ITERATIONS"] = str(self.password_iterations)
        return found


def listen(port: int) -> socket.socket:
    """Return a socket that listens on loopback (port 0: any free port). Raises PairError if the port is taken."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        listener.close()
        raise port_refused(port, "legacy", error) from error
    listener.listen(_BACKLOG)
    return listener


def port_refused(port: int, system: str, error: OSError) -> PairError:
    """Return the error for a port that cannot be used."""
    why = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
    return PairError(
        f"Port {port} on 127.0.0.1 {why}.",
        fix=f"end the process that listens there, use another --{system}-port, or leave the option out",
        exit_code=USAGE,
    )


def start(
    settings: Settings, database: postgres.Server, password: str, listener: socket.socket, log: Path,
    *, fault: str | None = None, mode: str = "planted",
) -> Child:  # fmt: skip
    """Start gunicorn on a listening socket. fault: a module of reference/faults/legacy."""
    env = settings.environment(database.port, password)
    env["LEGACY_BIND"] = f"fd://{listener.fileno()}"
    application = _HONEST
    if fault is not None:
        application = f"faults.legacy.{fault}:application"
        env |= {"PYTHONPATH": str(settings.reference), "FAULT": mode}
    return spawn(
        "the legacy system (gunicorn)",
        [sys.executable, _BOUND_FORKS, "gunicorn", "-c", "gunicorn.conf.py", application],
        log=log, cwd=settings.reference / "legacy", env=env, pass_fds=[listener.fileno()],
    )  # fmt: skip


def migrate(settings: Settings, port: int, password: str, log: Path) -> Child:
    """Start `manage.py migrate`, which creates the schema in a new database."""
    return spawn(
        "manage.py migrate",
        [sys.executable, "manage.py", "migrate", "--no-input", "--verbosity", "0"],
        log=log, cwd=settings.reference / "legacy", env=settings.environment(port, password),
    )  # fmt: skip


def schema(reference: Path) -> str:
    """Return the hash of the inputs of the schema: migrations, settings, and versions of the packages."""
    folder = reference / "legacy"
    digest = hashlib.sha256()
    for file in sorted({*folder.glob("**/migrations/*.py"), *folder.glob("config/settings*.py")}):
        digest.update(f"{file.relative_to(folder)}\0".encode() + file.read_bytes() + b"\0")
    # Names of the packages' dist-info folders: importlib.metadata would add 70 ms to every start.
    django = importlib.util.find_spec("django")
    if django is not None and django.origin is not None:
        for folder in sorted(Path(django.origin).parents[1].glob("[Dd]jango*.dist-info")):
            digest.update(f"{folder.name}\0".encode())
    return digest.hexdigest()
