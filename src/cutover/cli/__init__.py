"""The `cutover` command. Its exit codes are those of every gate (docs/gates.md)."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence
from typing import Final

from cutover.run.signals import interrupt_on_sigterm

_INTERRUPTED: Final = 2
_WRONG_USAGE: Final = 4
"""ExitCode has them too. It is imported when signals are handled: imports take most of a command's start."""


class _Parser(argparse.ArgumentParser):
    """A parser that ends with 4 on wrong usage. argparse ends with 2, which means interrupted here."""

    def error(self, message: str) -> None:  # type: ignore[override]  # NoReturn by exit
        self.exit(_WRONG_USAGE, f"{self.prog}: {message}. See {self.prog} --help.\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. arguments: of the process if None; it then ends on SIGTERM as well."""
    try:
        if arguments is None:
            interrupt_on_sigterm()
        return _run(arguments)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return _INTERRUPTED


def _run(arguments: Sequence[str] | None) -> int:
    from cutover import __version__
    from cutover.cli import cleanup_command, manifest_command
    from cutover.cli import contract_commands as contract_cli
    from cutover.cli import pair_commands as pair_cli
    from cutover.cli import parity_commands as parity_cli
    from cutover.cli import reconcile_command as migration_cli
    from cutover.cli import setup_commands as setup_cli
    from cutover.config.validation import ConfigurationError
    from cutover.core.secrets import redact
    from cutover.core.verdict import ExitCode

    parser = _Parser(prog="cutover", description=__doc__)
    parser.add_argument("--version", action="version", version=f"cutover {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, parser_class=_Parser)
    setup_cli.add_parser(commands)
    pair_cli.add_parser(commands)
    cleanup_command.add_parser(commands)
    contract_cli.add_parser(commands)
    parity_cli.add_parser(commands)
    migration_cli.add_parser(commands)
    manifest_command.add_parser(commands)
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options))
    except ConfigurationError as error:
        print(f"cutover: {error}", file=sys.stderr)  # noqa: T201 - a command's message
        return ExitCode.WRONG_USAGE
    except Exception:  # noqa: BLE001 - Python would end with 1, which means NO-GO
        sys.stderr.write(redact(traceback.format_exc()))
        return ExitCode.CRASHED
