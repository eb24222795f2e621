"""The `cutover contract` commands: lint, compare, legacy, explore. The gate is `pytest -m contract`."""

from __future__ import annotations

import argparse
from typing import Any

from cutover.cli.shared_options import add_environment, add_reports, add_show_values, add_worker_version
from cutover.config.validation import root


def add_parser(commands: Any) -> None:
    """Add the commands to the `cutover` command."""
    contract = commands.add_parser("contract", help="lint and compare OpenAPI documents, explore with new requests")
    inner = contract.add_subparsers(dest="contract", required=True)
    lint = inner.add_parser("lint", help="report open and missing parts of OpenAPI documents")
    lint.add_argument(
        "files", nargs="*", metavar="FILE", help="documents of the Worker's API (default: ours of both systems)"
    )
    add_environment(
        lint, "lint the environment's own documents, or ours with its paths, statuses and operations (default: ours)"
    )
    add_reports(lint)
    lint.set_defaults(run=_lint)
    compare = inner.add_parser("compare", help="report breaking changes of an environment's own documents")
    add_environment(compare)
    add_worker_version(compare)
    add_reports(compare)
    compare.set_defaults(run=_compare)
    legacy = inner.add_parser("legacy", help="compare legacy.openapi.yaml with the reference's views, or write it")
    legacy.add_argument("--write", action="store_true", help="write the file instead of comparing")
    legacy.set_defaults(run=_legacy)
    explore = inner.add_parser("explore", help="send other generated requests in each run, until a time limit")
    add_environment(explore)
    explore.add_argument("--minutes", type=float, default=10.0, metavar="N", help="time limit (default: 10)")
    explore.add_argument("--seed", metavar="TEXT", help="generate the requests of the run with this seed again")
    explore.add_argument("--system", choices=("worker", "legacy"), default="worker", help="default: worker")
    explore.add_argument("--operation", action="append", metavar="NAME", help="only this operation (repeatable)")
    add_worker_version(explore)
    add_show_values(explore)
    add_reports(explore)
    explore.set_defaults(run=_explore)


def _lint(options: argparse.Namespace) -> int:
    from cutover.contract.document_commands import run_lint

    return run_lint(options)


def _compare(options: argparse.Namespace) -> int:
    from cutover.contract.document_commands import run_compare

    return run_compare(options)


def _legacy(options: argparse.Namespace) -> int:
    from cutover.contract.legacy_document import check_document

    check_document(root(), write=options.write)
    return 0


def _explore(options: argparse.Namespace) -> int:
    from cutover.contract.explore import run

    return run(options)
