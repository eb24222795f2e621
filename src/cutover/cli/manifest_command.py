"""`cutover manifest`: compare manifest.toml and docs/rules.md with the checks, or write them."""

from __future__ import annotations

import argparse
import sys
import tomllib
from pathlib import Path
from typing import Any

from cutover.config.validation import ConfigurationError, root
from cutover.core.verdict import ExitCode


def add_parser(commands: Any) -> None:
    """Add `manifest` to the `cutover` command."""
    manifest = commands.add_parser(
        "manifest", help="compare manifest.toml and docs/rules.md with the checks, or write them"
    )
    manifest.add_argument("--write", action="store_true", help="write the files instead of comparing")
    manifest.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command. Raises ConfigurationError if a file does not list what the checks declare."""
    from cutover.config.manifest import FILE, parse_manifest
    from cutover.config.rules_page import FILE as RULES
    from cutover.config.rules_page import rules_page
    from cutover.pytest_plugin.collection import collected_manifest

    project = root()
    text = collected_manifest(project)
    texts = {FILE: text}
    if (project / RULES).is_file():
        texts[RULES] = rules_page(parse_manifest(project / FILE, tomllib.loads(text)))
    for name, wanted in texts.items():
        file = project / name
        if options.write:
            file.write_text(wanted, encoding="utf-8")
            continue
        current = file.read_text(encoding="utf-8") if file.is_file() else ""
        if current != wanted:
            _refuse(file, name, current, wanted)
    return ExitCode.GO


def _refuse(file: Path, name: str, current: str, wanted: str) -> None:
    """Print the difference and raise ConfigurationError."""
    import difflib

    sys.stdout.writelines(difflib.unified_diff(current.splitlines(True), wanted.splitlines(True), name, "the checks"))
    raise ConfigurationError(
        file, "", "differs from what the checks declare", "Read the difference, then run `cutover manifest --write`."
    )
