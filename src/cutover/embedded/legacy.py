"""The legacy system of a pair: Django under gunicorn, honest or with a planted fault.

Not for its database: that is postgres.py. The listening socket is the supervisor's, so that the
port stays ours while gunicorn is restarted with another application.
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
    """What the legacy system is started with. temporary: its folder for files in transit."""

    reference: Path
    media: Path
    temporary: Path
    secret_key: str
    version: str
    max_file_size: int | None
    password_iterations: int | None

    def environment(self, port: int, password: str) -> dict[str, str]:
        """Variables for it and for manage.py; `port` and `password` are PostgreSQL's."""
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
    """A socket that listens on loopback; port 0 takes any. Raises PairError when the port is taken."""
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
    """The error for a port that cannot be had."""
    why = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
    return PairError(
        f"Port {port} on 127.0.0.1 {why}.",
        fix=f"end what listens there, give another --{system}-port, or none to take any",
        exit_code=USAGE,
    )


def start(
    settings: Settings, database: postgres.Server, password: str, listener: socket.socket, log: Path,
    *, fault: str | None = None, mode: str = "planted",
) -> Child:  # fmt: skip
    """Start gunicorn on a socket that listens already. `fault`: a module of reference/faults/legacy."""
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
    """Start `manage.py migrate`, which makes the schema in a new database."""
    return spawn(
        "manage.py migrate",
        [sys.executable, "manage.py", "migrate", "--no-input", "--verbosity", "0"],
        log=log, cwd=settings.reference / "legacy", env=settings.environment(port, password),
    )  # fmt: skip


def schema(reference: Path) -> str:
    """Hash of what the schema is made from: migrations, settings, and the versions of the packages."""
    folder = reference / "legacy"
    digest = hashlib.sha256()
    for file in sorted({*folder.glob("**/migrations/*.py"), *folder.glob("config/settings*.py")}):
        digest.update(f"{file.relative_to(folder)}\0".encode() + file.read_bytes() + b"\0")
    # Names of the packages' dist-info folders: importlib.metadata would cost 70 ms of every start.
    django = importlib.util.find_spec("django")
    if django is not None and django.origin is not None:
        for folder in sorted(Path(django.origin).parents[1].glob("[Dd]jango*.dist-info")):
            digest.update(f"{folder.name}\0".encode())
    return digest.hexdigest()
