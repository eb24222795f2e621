"""The machine that runs the suite: free disk space, and the versions of Python, suite and dependencies."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Final

from cutover.core.errors import MeasurementError, NotVerified
from cutover.core.recorder import Recorder
from cutover.preflight.findings import Finding

_FREE_FILES: Final = 10_000
_PYTHON: Final = (3, 11)
_LOCKED: Final = re.compile(
    r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==(?P<version>[^\s;\\]+)", re.MULTILINE
)
_REQUIRED: Final = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*")
_DISK_PROMISE: Final = "docs/preflight.md, The suite itself: evidence that cannot be written ends a run INVALID"
_LOCK_PROMISE: Final = "requirements.lock: the versions that the suite was tested with"


def disk_findings(folder: Path, recorder: Recorder, free_mb: int) -> Iterator[Finding]:
    """Yield a finding if the folder of the reports cannot be written, or has too little space or too few inodes.

    folder: it or its nearest existing parent is judged.
    """
    place = next(each for each in (folder, *folder.parents) if each.is_dir())
    if not os.access(place, os.W_OK | os.X_OK):
        yield Finding(
            "suite:disk-read-only", str(place), "a folder that this user may write", "no write permission",
            _DISK_PROMISE, "correct its owner, or name another folder: --reports",
        )  # fmt: skip
        return
    state = os.statvfs(place)
    free = state.f_bavail * state.f_frsize // 1_000_000
    recorder.measure("free disk for reports (MB)", free, f">= {free_mb}")
    if free < free_mb:
        yield Finding(
            "suite:disk-full", str(place), f"{free_mb} MB free", f"{free} MB", _DISK_PROMISE,
            "free space, or name a folder on another disk: --reports",
        )  # fmt: skip
    if state.f_files and state.f_favail < _FREE_FILES:  # 0: a file system without a fixed number of inodes
        yield Finding(
            "suite:disk-inodes", str(place), f"{_FREE_FILES:,} free inodes", f"{state.f_favail:,}", _DISK_PROMISE,
            "remove old files",
        )  # fmt: skip


def version_findings(lock: Path, recorder: Recorder) -> Iterator[Finding]:
    """Yield a finding for Python, the suite, and each dependency whose version is not the locked one.

    Raises NotVerified if there is no lock file (an installation without the checkout), MeasurementError if it cannot
    be read or names no version.
    """
    python = ".".join(map(str, sys.version_info[:3]))
    recorder.measure("Python", python, f">= {'.'.join(map(str, _PYTHON))}")
    if sys.version_info[:2] < _PYTHON:
        yield Finding(
            "suite:python", sys.executable, f"Python {'.'.join(map(str, _PYTHON))} or newer", python,
            "pyproject.toml, requires-python", "install a newer Python, then make setup",
        )  # fmt: skip
    recorder.measure("cutover", metadata.version("cutover"), "the installed suite")
    locked = locked_versions(lock)
    installed = _installed()
    missing, other = different_versions(locked, installed, _requirements())
    recorder.measure("dependencies as locked", len(locked.keys() & installed.keys()) - len(other), "all installed ones")
    for name in missing:
        yield Finding(
            f"suite:dependency-missing:{name}", lock.name, f"{name} {locked.get(name, '')}".strip(), "not installed",
            _LOCK_PROMISE, "make setup",
        )  # fmt: skip
    for name, version in other.items():
        yield Finding(
            f"suite:dependency-version:{name}", lock.name, f"{name} {locked[name]}", version, _LOCK_PROMISE,
            "make setup, which installs the locked versions",
        )  # fmt: skip


def locked_versions(lock: Path) -> dict[str, str]:
    """Return the versions of a lock file by normalized name. Raises NotVerified, MeasurementError."""
    try:
        text = lock.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotVerified(f"{lock.name} is missing next to environments.toml, so no version can be compared") from None
    except (OSError, UnicodeDecodeError) as error:
        raise MeasurementError(f"{lock.name}: cannot be read: {error}. Restore the file.") from None
    found = {_normalized(match["name"]): match["version"] for match in _LOCKED.finditer(text)}
    if not found:
        raise MeasurementError(f"{lock.name}: expected lines NAME==VERSION, got none. Restore the file: make lock.")
    return found


def different_versions(
    locked: Mapping[str, str], installed: Mapping[str, str], required: Iterable[str]
) -> tuple[list[str], dict[str, str]]:
    """Return the required packages that are not installed, and the installed ones with another version.

    Installed packages that the lock file does not name are not judged.
    """
    missing = sorted(set(required) - installed.keys())
    other = {name: version for name, version in sorted(installed.items()) if locked.get(name, version) != version}
    return missing, other


def _normalized(name: str) -> str:
    """Return a package's name as PEP 503 normalizes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _installed() -> dict[str, str]:
    """Return the version of each installed package, from the names of their metadata folders on sys.path.

    importlib.metadata would read each of their files, which takes 0.3 s.
    """
    found: dict[str, str] = {}
    for folder in map(Path, sys.path):
        if folder.is_dir():
            for each in folder.glob("*.dist-info"):
                name, _, version = each.name.removesuffix(".dist-info").partition("-")
                found.setdefault(_normalized(name), version)
    return found


def _requirements() -> set[str]:
    """Return the packages that the suite itself needs, without those of its extras."""
    found = set()
    for line in metadata.requires("cutover") or ():
        name = _REQUIRED.match(line)
        if name and "extra ==" not in line:
            found.add(_normalized(name[0]))
    return found
