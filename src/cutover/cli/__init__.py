"""The `cutover` command. Exit codes as everywhere: 4 wrong usage or configuration, 3 a crash of ours."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence

from cutover.config.validation import ConfigurationError, root
from cutover.core.secrets import redact
from cutover.core.verdict import ExitCode


class _Parser(argparse.ArgumentParser):
    """argparse ends with 2 on wrong usage, which is pytest's code for an interruption: 4 it is."""

    def error(self, message: str) -> None:  # type: ignore[override]  # NoReturn by exit
        self.exit(ExitCode.WRONG_USAGE, f"{self.prog}: {message}. See {self.prog} --help.\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    from cutover.accounts import cleanup
    from cutover.cli import contract_commands as contract_cli
    from cutover.cli import pair_commands as pair_cli
    from cutover.cli import parity_commands as parity_cli
    from cutover.cli import reconcile_command as migration_cli

    parser = _Parser(prog="cutover", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, parser_class=_Parser)
    pair_cli.add_parser(commands)
    cleanup.add_parser(commands)
    contract_cli.add_parser(commands)
    parity_cli.add_parser(commands)
    migration_cli.add_parser(commands)
    manifest = commands.add_parser("manifest", help="compare manifest.toml with the checks, or write it")
    manifest.add_argument("--write", action="store_true", help="write the file instead of comparing")
    manifest.set_defaults(run=_manifest)
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options))
    except ConfigurationError as error:
        print(f"cutover: {error}", file=sys.stderr)  # noqa: T201 - a command's message
        return ExitCode.WRONG_USAGE
    except Exception:  # noqa: BLE001 - a traceback would end with 1, which is NO-GO
        sys.stderr.write(redact(traceback.format_exc()))
        return ExitCode.CRASHED


def _manifest(options: argparse.Namespace) -> int:
    from cutover.config.manifest import FILE
    from cutover.pytest_plugin.collection import collected_manifest

    project = root()
    text = collected_manifest(project)
    file = project / FILE
    if options.write:
        file.write_text(text, encoding="utf-8")
        return ExitCode.GO
    standing = file.read_text(encoding="utf-8") if file.is_file() else ""
    if standing == text:
        return ExitCode.GO
    import difflib

    sys.stdout.writelines(difflib.unified_diff(standing.splitlines(True), text.splitlines(True), FILE, "the checks"))
    raise ConfigurationError(
        file, "", "does not list what the checks declare", "Read the difference, then `cutover manifest --write`."
    )
