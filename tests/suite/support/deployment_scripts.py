"""Run the scripts of examples/ on the embedded pair, and record the lines that were executed.

Real: bash, the gates, npm, Node.js, both systems. Stand-ins, because there is no real part on this machine: `wrangler`
(wrangler_standin.py), the application's notification, and an application whose npm scripts are short.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.suite.support.gate_runs import clean_environment

from cutover.config.validation import root
from cutover.embedded import node
from cutover.embedded.state import PairState

SCRIPTS = ("deploy-production.sh", "validate-staging.sh")
CHECKS = {
    "preflight": "tests/preflight/test_dns.py",
    "smoke": "tests/smoke/test_health.py",
    "contract": "tests/contract/test_media_types.py",
}
"""Gate -> its file of checks that the runs use. The gates themselves are complete in their own tests."""

NPM_SCRIPTS = {
    "typecheck": "node --check src/index.mjs",
    "lint": "node --check src/index.test.mjs",
    "test:ci": "node --test src/index.test.mjs",
}
SYNTAX = re.compile(r"then|else|fi|do|done|\}|\w+\(\) \{")
TRACED = re.compile(r"(?m)^\++ (?P<script>[\w-]+\.sh):(?P<line>\d+) ")


@dataclass(frozen=True)
class ScriptRun:
    """A finished script: exit code, output, the steps with an effect outside in their order, executed lines."""

    code: int
    output: str
    steps: tuple[str, ...]
    lines: frozenset[tuple[str, int]]


def executable_lines(script: str) -> set[tuple[str, int]]:
    """Return (script, line number) of each line that bash executes: all but comments and words of the syntax."""
    lines = (root() / "examples" / script).read_text(encoding="utf-8").splitlines()
    return {
        (script, number)
        for number, line in enumerate(lines, start=1)
        if line.strip() and not line.lstrip().startswith("#") and not SYNTAX.fullmatch(line.strip())
    }


def small_project(folder: Path) -> Path:
    """Return a copy of the project whose gates have few checks, so that a script runs several of them in seconds."""
    ignored = shutil.ignore_patterns("__pycache__")
    manifest: dict[str, dict[str, Any]] = tomllib.loads((root() / "manifest.toml").read_text())
    kept: list[str] = []
    for gate, file in CHECKS.items():
        shutil.copytree(root() / "tests" / gate, folder / "tests" / gate, ignore=ignored)
        for other in (folder / "tests" / gate).glob("test_*.py"):
            if other.name != Path(file).name:
                other.unlink()
        section = re.search(rf"(?ms)^\[{gate}\]\n(.*?)(?=^\[|\Z)", (root() / "manifest.toml").read_text())
        lines = section[1].splitlines() if section else []
        kept += [f"[{gate}]", *(line for line in lines if line.startswith(f'"{file}'))]
        assert len(manifest[gate]) >= len(kept[kept.index(f"[{gate}]") + 1 :]) > 0, gate
    for name in ("contracts", "reference/worker/migrations"):
        shutil.copytree(root() / name, folder / name, ignore=ignored)
    environments = (root() / "environments.toml").read_text(encoding="utf-8")
    (folder / "environments.toml").write_text(environments.replace("tries = 40,", "tries = 2,"), encoding="utf-8")
    for name in ("waivers.toml", "gates.toml", "load.toml", "pyproject.toml", "conftest.py"):
        shutil.copy(root() / name, folder)
    (folder / "manifest.toml").write_text("\n".join(kept) + "\n", encoding="utf-8")
    return folder


def application(folder: Path, build: str) -> Path:
    """Return the folder of a small application, and the commands that the script calls in `bin`.

    build: the command of its npm script.
    """
    (folder / "src").mkdir(parents=True)
    (folder / "src/index.mjs").write_text("export const version = 1;\n")
    (folder / "src/index.test.mjs").write_text(
        "import test from 'node:test';\nimport { version } from './index.mjs';\n"
        "test('version', () => { if (version !== 1) throw new Error('version'); });\n"
    )
    (folder / "package.json").write_text(json.dumps({"name": "list-cutter", "scripts": NPM_SCRIPTS | {"build": build}}))
    found = node.find()
    assert found.npm is not None
    (folder / "bin").mkdir()
    (folder / "bin/node").symlink_to(found.program)
    note = 'echo "$(basename "$0") $*" >>"$STANDIN_STEPS"\n'
    wrangler = f"exec {sys.executable} {root()}/tests/suite/support/wrangler_standin.py"
    pytest = f"exec {sys.executable} -m pytest"
    for name, command in (("npm", " ".join(found.npm)), ("wrangler", wrangler), ("pytest", pytest)):
        _program(folder / "bin" / name, f'{note}{command} "$@"\n')
    (folder / "scripts").mkdir()
    _program(folder / "scripts/notify-deployment.sh", f'{note}exit "${{STANDIN_NOTIFY:-0}}"\n')
    return folder


def _program(path: Path, commands: str) -> None:
    path.write_text(f"#!/bin/sh\nset -eu\n{commands}")
    path.chmod(0o755)


def run_script(
    script: str,
    *arguments: str,
    folder: Path,
    pair: PairState,
    build: str = "mkdir -p public && cp src/index.mjs public/",
    deployments: Mapping[str, Mapping[str, Any]] | None = None,
    during: Callable[["subprocess.Popen[str]"], None] | None = None,
    **variables: str,
) -> ScriptRun:
    """Run a script of examples/ in a new application and a small project, both below `folder`.

    build: the application's npm script. deployments: environment of Wrangler -> `fault` to serve, `versions` to report.
    during: called while the script runs, as the leader of a process group that it may end.
    """
    app = application(folder / "application", build)
    trace, steps, setup = (folder / name for name in ("trace", "steps", "trace.sh"))
    setup.write_text(
        f"exec 9>>{trace}\nBASH_XTRACEFD=9\nPS4='+ ${{BASH_SOURCE##*/}}:${{LINENO}} '\nset -x\n", encoding="utf-8"
    )
    steps.touch()
    orders = {"pair": pair.name, "version": pair.version_id, "deployments": deployments or {}}
    with subprocess.Popen(
        ["/bin/bash", str(root() / "examples" / script), *arguments],
        cwd=app,
        env=clean_environment(
            PATH=f"{app / 'bin'}{os.pathsep}{os.environ['PATH']}",
            BASH_ENV=str(setup),
            CUTOVER_ROOT=str(small_project(folder / "project")),
            CUTOVER_PAIR=pair.name,
            STAGING_ENV="embedded",
            PRODUCTION_ENV="embedded",
            CLOUDFLARE_API_TOKEN="token",
            STANDIN_STEPS=str(steps),
            STANDIN_WRANGLER=json.dumps(orders),
        )
        | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        process_group=None if during is None else 0,
    ) as running:
        if during is not None:
            during(running)
        output, _ = running.communicate(timeout=300)
    executed = TRACED.findall(trace.read_text(encoding="utf-8", errors="replace"))
    return ScriptRun(
        running.returncode,
        output,
        tuple(_named(step) for step in steps.read_text().splitlines()),
        frozenset((name, int(line)) for name, line in executed if name in SCRIPTS),
    )


def _named(step: str) -> str:
    """Return a step without what differs between runs: the version."""
    return re.sub(r" --worker-version \S+", "", step).replace(" --env embedded", "")
