"""`cutover manifest`: compare manifest.toml with the checks, or write it."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from cutover.config.validation import ConfigurationError, root
from cutover.core.verdict import ExitCode


def add_parser(commands: Any) -> None:
    """Add `manifest` to the `cutover` command."""
    manifest = commands.add_parser("manifest", help="compare manifest.toml with the checks, or write it")
    manifest.add_argument("--write", action="store_true", help="write the file instead of comparing")
    manifest.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command. Raises ConfigurationError if the file does not list what the checks declare."""
    from cutover.config.manifest import FILE
    from cutover.pytest_plugin.collection import collected_manifest

    project = root()
    text = collected_manifest(project)
    file = project / FILE
    if options.write:
        file.write_text(text, encoding="utf-8")
        return ExitCode.GO
    current = file.read_text(encoding="utf-8") if file.is_file() else ""
    if current == text:
        return ExitCode.GO
    import difflib

    sys.stdout.writelines(difflib.unified_diff(current.splitlines(True), text.splitlines(True), FILE, "the checks"))
    raise ConfigurationError(
        file, "", "differs from what the checks declare", "Read the difference, then run `cutover manifest --write`."
    )
