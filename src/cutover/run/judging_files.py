"""The files that decide what is required and what is accepted, with their hash and their state in git."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

NAMES: Final = (
    "contracts", "environments.toml", "gates.toml", "load.toml", "manifest.toml", "stages.toml", "waivers.toml",
)  # fmt: skip
"""Files and folders of a project. Whoever edits one can turn a NO-GO into a GO."""
_GIT_TIMEOUT_S: Final = 10


@dataclass(frozen=True)
class JudgingFiles:
    """The state of a project's judging files at the start of a run.

    sha256: of their paths and contents. commit: the commit of HEAD, None if the project is in no git repository.
    changed: the files that differ from the commit, or that it lacks.
    """

    sha256: str
    count: int
    commit: str | None
    changed: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return plain data for verdict.json."""
        return {"sha256": self.sha256, "files": self.count, "commit": self.commit, "changed": list(self.changed)}


def read_judging_files(project: Path) -> JudgingFiles:
    """Return the state of the judging files of a project. A file that cannot be read counts as empty."""
    digest, count = hashlib.sha256(), 0
    for path in _files(project):
        try:
            content = path.read_bytes()
        except OSError:
            content = b""
        name = path.relative_to(project).as_posix().encode("utf-8", "surrogateescape")
        digest.update(b"%d:%s%d:" % (len(name), name, len(content)) + content)
        count += 1
    commit = _git(project, "rev-parse", "--verify", "HEAD")
    changed = _git(project, "status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=all", "--", *NAMES)
    if commit is None or changed is None:
        return JudgingFiles(digest.hexdigest(), count, None, ())
    names = tuple(sorted(entry[3:] for entry in changed.split("\0") if entry))
    return JudgingFiles(digest.hexdigest(), count, commit.strip(), names)


def _files(project: Path) -> Iterator[Path]:
    """Yield the files in a fixed order."""
    for name in NAMES:
        path = project / name
        if path.is_file():
            yield path
        elif path.is_dir():
            yield from sorted(each for each in path.rglob("*") if each.is_file())


def _git(project: Path, *words: str) -> str | None:
    """Return the output of a git command; None if git or the repository is missing, or the command fails."""
    # The caller's GIT_DIR and GIT_WORK_TREE must not point at another repository.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", *words],  # noqa: S607 - git of the PATH, as for every other command of it
            cwd=project, env=environment, capture_output=True, text=True, errors="surrogateescape",
            timeout=_GIT_TIMEOUT_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
