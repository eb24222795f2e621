"""The files that decide what is required and what is accepted, with their hash and their state in git."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from cutover.config.environments import Environment

NAMES: Final = (
    "contracts", "environments.toml", "gates.toml", "load.toml", "manifest.toml", "stages.toml", "waivers.toml",
)  # fmt: skip
"""Files and folders of a project. Whoever edits one can turn a NO-GO into a GO."""
CHECKS: Final = (
    "locustfiles", "tests/conftest.py", "tests/contract", "tests/migration", "tests/parity", "tests/preflight",
    "tests/smoke",
)  # fmt: skip
"""Files and folders with the checks of the gates and the load profiles. Only their Python files count."""
_GIT_TIMEOUT_S: Final = 10
_LINK: Final = "120000"
"""Mode of a symbolic link in a tree of git."""


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


class _Entry(NamedTuple):
    """One file in the tree of a commit."""

    mode: str
    identity: str


def read_judging_files(project: Path, environment: Environment | None = None) -> JudgingFiles:
    """Return the state of the judging files of a project. A file that cannot be read counts as empty.

    environment: adds the files that it names (`named_files`), None if it is not known yet.

    The contents are compared with the objects of the commit, without the index and without filters: `git update-index
    --assume-unchanged` and a clean filter can hide a change from `git status`.
    """
    project = Path(os.path.realpath(project))
    digest, contents = hashlib.sha256(), {}
    for path in dict.fromkeys((*_files(project), *named_files(environment))):
        contents[path] = content = _content(path)
        name = _shown(project, path).encode("utf-8", "surrogateescape")
        digest.update(b"%d:%s%d:" % (len(name), name, len(content)) + content)
    found = _git(project, "rev-parse", "--show-toplevel", "--verify", "HEAD")
    if found is None or found.count("\n") < 2:
        return JudgingFiles(digest.hexdigest(), len(contents), None, ())
    top, commit = found.removesuffix("\n").rsplit("\n", 1)
    tree = _tree(Path(top), commit, [*(project / name for name in (*NAMES, *CHECKS)), *contents])
    if tree is None:
        return JudgingFiles(digest.hexdigest(), len(contents), None, ())
    changed = {path for path, content in contents.items() if not _is_committed(tree, path, content)}
    changed |= {path for path in tree.keys() - contents.keys() if _is_judging(project, path)}
    return JudgingFiles(
        digest.hexdigest(), len(contents), commit, tuple(sorted(_shown(project, path) for path in changed))
    )


def named_files(environment: Environment | None) -> list[Path]:
    """Return the files that an environment names: `files`, the `file` of `contract`, and each `ca_file`.

    With a local runtime, the pair creates the certificate authority of preflight.tls at its start.
    """
    if environment is None:
        return []
    named = [*environment.files.values(), *(own.file for own in environment.contracts.values() if own.file is not None)]
    if environment.ca_file is not None:
        named.append(Path(environment.ca_file))
    tls = environment.preflight.tls
    if tls is not None and tls.ca_file is not None and not environment.local_runtime:
        named.append(Path(tls.ca_file))
    # The folder without links, so that one file has one path. The file itself may be a link.
    return [Path(os.path.realpath(path.parent)) / path.name for path in named]


def _files(project: Path) -> Iterator[Path]:
    """Yield the files of the project in a fixed order."""
    for name in (*NAMES, *CHECKS):
        path = project / name
        if path.is_file():
            yield path
        elif path.is_dir():
            yield from sorted(each for each in path.rglob("*") if _is_judging(project, each) and each.is_file())


def _is_judging(project: Path, path: Path) -> bool:
    """Return True for a path of NAMES, and for a Python file of CHECKS."""
    return any(path.is_relative_to(project / name) for name in NAMES) or (
        path.suffix == ".py" and any(path.is_relative_to(project / name) for name in CHECKS)
    )


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _shown(project: Path, path: Path) -> str:
    """Return the path for messages: below the project, or absolute."""
    return (path.relative_to(project) if path.is_relative_to(project) else path).as_posix()


def _is_committed(tree: Mapping[Path, _Entry], path: Path, content: bytes) -> bool:
    """Return True if the commit has the file with this content. Of a link, it must have the link and its target."""
    entry = tree.get(path)
    if entry is None:
        return False
    if entry.mode == _LINK:
        target = Path(os.path.realpath(path))
        committed = tree.get(target)
        return (
            path.is_symlink() and entry.identity == _identity(os.fsencode(path.readlink()), entry)
            and committed is not None and committed.mode != _LINK and _is_committed(tree, target, content)
        )  # fmt: skip
    # Git may write CRLF into the working tree where the commit has LF (core.autocrlf).
    same = entry.identity in (_identity(content, entry), _identity(content.replace(b"\r\n", b"\n"), entry))
    return same and not path.is_symlink()


def _identity(content: bytes, like: _Entry) -> str:
    """Return the id of a blob (gitformat-pack: SHA-1 or SHA-256 of the header "blob SIZE NUL" and the content)."""
    algorithm = "sha256" if len(like.identity) == 64 else "sha1"
    return hashlib.new(algorithm, b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _tree(top: Path, commit: str, paths: Iterable[Path]) -> dict[Path, _Entry] | None:
    """Return the files of a commit below these paths and the targets of links. None if git fails."""
    wanted = {each for path in paths for each in (path, Path(os.path.realpath(path))) if each.is_relative_to(top)}
    # A folder covers its files, so that the command line stays short.
    names = [str(each.relative_to(top)) for each in sorted(wanted) if wanted.isdisjoint(each.parents)]
    if not names:
        return {}
    listed = _git(top, "ls-tree", "-r", "-z", "--full-tree", commit, "--", *names)
    if listed is None:
        return None
    entries = (line.split("\t", 1) for line in listed.split("\0") if line)
    return {top / name: _Entry(*head.split()[::2]) for head, name in entries}


def _git(folder: Path, *words: str) -> str | None:
    """Return the output of a git command; None if git or the repository is missing, or the command fails."""
    # The caller's GIT_DIR and GIT_WORK_TREE must not point at another repository.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "--no-replace-objects", "--literal-pathspecs", *words],  # noqa: S607 - git of the PATH
            cwd=folder, env=environment, capture_output=True, encoding="utf-8", errors="surrogateescape",
            timeout=_GIT_TIMEOUT_S, check=False,
        )  # fmt: skip
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
