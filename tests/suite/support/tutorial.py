"""The commands of docs/your-own-deployment.md, run in a copy of the project."""

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

from tests.suite.support.gate_runs import clean_environment

from cutover.config.validation import root

COPIED = ("contracts", "reference/foreign", "tests/smoke", "tests/contract", "tests/parity")
FILES = (
    "environments.toml", "manifest.toml", "waivers.toml", "gates.toml", "load.toml", "pyproject.toml", "conftest.py",
)  # fmt: skip


def steps() -> dict[str, str]:
    """Return heading -> the commands below it, as the page gives them."""
    page = (root() / "docs" / "your-own-deployment.md").read_text(encoding="utf-8")
    found: dict[str, str] = {}
    for section in re.split(r"(?m)^## ", page)[1:]:
        blocks = re.findall(r"(?ms)^```sh\n(.*?)^```$", section)
        if blocks:
            found[section.partition("\n")[0]] = "".join(blocks)
    return found


def copy_of_project(folder: Path) -> Path:
    """Return a copy of the parts of the project that the tutorial uses."""
    ignored = shutil.ignore_patterns("__pycache__")
    for name in COPIED:
        shutil.copytree(root() / name, folder / name, ignore=ignored)
    for name in FILES:
        shutil.copy(root() / name, folder)
    return folder


def free_ports() -> tuple[int, int]:
    """Return two ports that are free at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]


def run_commands(
    project: Path, commands: str, ports: tuple[int, int], **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run commands of the page with bash in the project, and end the servers that they start.

    ports: of the new and the old system, in place of those of the page.
    """
    for mentioned, port in zip(("8871", "8872"), ports, strict=True):
        commands = commands.replace(mentioned, str(port))
    script = f"set -e; trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{commands}"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["/bin/bash", "-c", script],
        cwd=project,
        env={**clean_environment(**variables), "PATH": path, "CUTOVER_ROOT": str(project)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
