"""Options that several `cutover` commands have in common."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cutover.config import option_help

if TYPE_CHECKING:
    import argparse


def add_environment(parser: argparse.ArgumentParser, text: str = option_help.ENVIRONMENT) -> None:
    """Add --env and --pair. text: help of --env."""
    parser.add_argument("--env", metavar="NAME", help=text)
    parser.add_argument("--pair", metavar="NAME", help=option_help.PAIR)


def add_reports(parser: argparse.ArgumentParser) -> None:
    """Add --reports."""
    parser.add_argument("--reports", type=Path, metavar="DIR", help=option_help.REPORTS)


def add_worker_version(parser: argparse.ArgumentParser) -> None:
    """Add --worker-version."""
    parser.add_argument("--worker-version", metavar="ID", help=option_help.WORKER_VERSION)


def add_show_values(parser: argparse.ArgumentParser) -> None:
    """Add --show-values."""
    parser.add_argument("--show-values", action="store_true", help=option_help.SHOW_VALUES)
