"""Read contracts/accepted_differences.toml, and refuse entries that would accept lost data or a broken check."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Final

from cutover.config.validation import ConfigurationError, known_keys, read_toml, texts_of, typed
from cutover.parity.accepted_differences import EVERY, FILE, NOISY, STATE, AcceptedDifference, AcceptedDifferences
from cutover.parity.differences import SHARED_LOSSES, Kind

_NEEDED: Final = ("operations", "path", "class", "reason", "owner", "expires")
_KEYS: Final = {*_NEEDED, "except", "legacy", "worker", "case", "always"}
_BYTES: Final = (
    ("download", "body"), ("export", "body"), (STATE, "/files/*/bytes"), (STATE, "/files/*/stored_size"),
)  # fmt: skip
_READS: Final = ("user", "list_files", "columns", "download", "export")
"""Operations whose body is a user's data."""
_ONE_TO_ONE: Final = ("id", "token")
"""Baseline words of differences in the ID mapping."""
_LISTS: Final = ("list", "empty list")
_FIX_WORKER: Final = "It cannot be accepted: fix the Worker."


def load_accepted_differences(
    project: Path, operations: Collection[str], today: datetime.date, file: Path | None = None
) -> AcceptedDifferences:
    """Read contracts/accepted_differences.toml, or the environment's own file.

    Raises ConfigurationError for an entry that is expired, incomplete, or accepts something that must not be
    accepted.
    """
    file = file or project / FILE
    shown = str(file.relative_to(project)) if file.is_relative_to(project) else str(file)
    tables = read_toml(file)
    known_keys(file, "", tables, {"accepted", "noise"})
    lines: dict[str, list[int]] = {"accepted": [], "noise": []}
    for number, text in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        for table in lines:
            if text.strip().startswith(f"[[{table}]]"):
                lines[table].append(number)
    rules = []
    for table, starts in lines.items():
        rows = typed(file, table, tables.get(table, []), list, f"[[{table}]]")
        if len(rows) != len(starts):
            raise ConfigurationError(file, table, "expected tables", f"Write each entry as [[{table}]].")
        for line, row in zip(starts, rows, strict=True):
            entry = _read_entry(file, f"line {line} {table}", line, row, operations, noise=table == "noise")
            rules.append(dataclasses.replace(entry, file=shown))
            if rules[-1].expires < today:
                raise ConfigurationError(
                    file,
                    f"line {line} {table}.expires",
                    f"the entry for {rules[-1].paths[0]} expired on {rules[-1].expires}",
                    f"Remove it, or ask {rules[-1].owner} to renew it with a reason.",
                )
    return AcceptedDifferences(tuple(rules))


def _read_entry(
    file: Path, key: str, line: int, row: Any, operations: Collection[str], *, noise: bool
) -> AcceptedDifference:
    known_keys(file, key, typed(file, key, row, dict, "a table"), _KEYS)
    for name in _NEEDED:
        given = row.get(name)
        blank = [
            text for text in (given if isinstance(given, list) else [given]) if text is None or not str(text).strip()
        ]
        if blank or given == []:
            raise ConfigurationError(file, f"{key}.{name}", "missing", "Add it.")
    if type(row["expires"]) is not datetime.date:
        raise ConfigurationError(
            file, f"{key}.expires", f"expected a date, got {row['expires']!r}", "Example: 2027-03-31."
        )
    texts = texts_of(file, key, {name: row[name] for name in ("reason", "owner", "class", "case") if name in row})
    try:
        kind = Kind(texts["class"])
    except ValueError:
        words = ", ".join(kind.value for kind in Kind)
        raise ConfigurationError(
            file, f"{key}.class", f"unknown class {texts['class']!r}", f"Use one of {words}."
        ) from None
    names = _texts(file, f"{key}.operations", row["operations"])
    exceptions = _texts(file, f"{key}.except", row.get("except", []))
    for name in (*names, *exceptions):
        if name not in operations and name not in (EVERY, STATE):
            raise ConfigurationError(file, f"{key}.operations", f"unknown operation {name!r}", "See operations.toml.")
    if (EVERY in names and len(names) > 1) or (exceptions and names != (EVERY,)):
        raise ConfigurationError(
            file,
            f"{key}.operations",
            '"every" must be the only operation, and "except" needs it',
            "Change one of them.",
        )
    sides = [_texts(file, f"{key}.{side}", row[side]) if side in row else None for side in ("legacy", "worker")]
    rule = AcceptedDifference(
        line, names, _texts(file, f"{key}.path", row["path"]), kind, sides[0], sides[1], texts.get("case", ""),
        texts["reason"], texts["owner"], row["expires"], exceptions,
        typed(file, f"{key}.always", row.get("always", False), bool, "true or false"), noise,
    )  # fmt: skip
    _refuse(file, key, rule)
    return rule


def _refuse(file: Path, key: str, rule: AcceptedDifference) -> None:
    """Raise ConfigurationError for an entry that must not be accepted, or accepts more than it names."""
    problems = _noise_problems(rule) if rule.noise else _form_problems(rule)
    for name, problem, fix in (*_path_problems(rule), *problems, *_losses(rule), *_status_problems(rule)):
        raise ConfigurationError(file, f"{key}.{name}" if name else key, problem, fix)


def _path_problems(rule: AcceptedDifference) -> Iterator[tuple[str, str, str]]:
    """Yield key, problem and remedy of each path that is a pattern."""
    if any("*" in path.replace("/*", "").replace("csv*", "") for path in rule.paths):
        yield "path", "patterns are not allowed", "Name the path; /* means each element of a list."


def _noise_problems(rule: AcceptedDifference) -> Iterator[tuple[str, str, str]]:
    if rule.kind not in NOISY:
        yield "class", "noise may hide only a value or an order", "Use value or order."
    if rule.always:
        yield "always", "not allowed for noise", "Remove it."
    if rule.operations == (EVERY,):
        yield "operations", 'noise on "every" would hide a value in each response', "Name the operations."
    for path in rule.paths:
        if path in ("body", "csv"):
            yield "path", f"noise at {path} would hide a whole file", "Name a path inside of it."


def _form_problems(rule: AcceptedDifference) -> Iterator[tuple[str, str, str]]:
    headers_only = all(path.startswith("header:") for path in rule.paths)
    if rule.always and (rule.kind is not Kind.EXTRA or rule.worker is None or not headers_only):
        yield (
            "always",
            "allowed only for a header that the Worker always adds",
            "Use class extra with worker, and paths that begin with header:.",
        )
    if rule.kind not in (Kind.MISSING, Kind.EXTRA) and (rule.legacy is None or rule.worker is None):
        yield "", "legacy or worker is missing", "Copy both from the report of this difference."
    in_body = any(path.startswith("/") and not path.startswith("/error") for path in rule.paths)
    if rule.kind is Kind.MISSING and in_body and rule.legacy is None:
        yield (
            "legacy",
            "missing: without it the entry would also accept a missing list",
            "Copy it from the report of this difference.",
        )


def _losses(rule: AcceptedDifference) -> Iterator[tuple[str, str, str]]:
    """Yield the reasons why an entry would accept lost data or another user's data."""
    legacy, worker = set(rule.legacy or ()), set(rule.worker or ())
    if rule.kind is Kind.SEMANTICS and legacy & set(_ONE_TO_ONE):
        yield "", "an id or token of another object cannot be accepted", "Fix the Worker."
    if worker & set(SHARED_LOSSES):
        yield "worker", f"{', '.join(worker & set(SHARED_LOSSES))} means lost data", "Fix both systems."
    if rule.kind in (Kind.MISSING, Kind.TYPE) and legacy & set(_LISTS):
        yield "legacy", "a list that the Worker does not have means lost data", _FIX_WORKER
    for path in rule.paths:
        if path == "csv" and rule.kind in (Kind.TYPE, Kind.VALUE):
            yield "path", "an export that is no CSV means lost data", _FIX_WORKER
        if path == "csv/header" and rule.kind in (Kind.MISSING, Kind.VALUE):
            yield "path", f"{rule.kind.value} at {path}: a lost column means lost data", _FIX_WORKER
        element = path.endswith("/*") and rule.kind in (Kind.MISSING, Kind.EXTRA)
        bytes_of = any(rule.covers(operation) and path == place for operation, place in _BYTES)
        whole = path == "body" and rule.kind in (Kind.MISSING, Kind.TYPE) and any(map(rule.covers, _READS))
        cell = path.startswith("csv/") and rule.kind is Kind.VALUE
        if element or bytes_of or cell or whole:
            yield (
                "path",
                f"{rule.kind.value} at {path} means lost data or another user's data",
                "Neither can be accepted: fix the Worker.",
            )


def _status_problems(rule: AcceptedDifference) -> Iterator[tuple[str, str, str]]:
    """Yield the reasons why a pair of statuses cannot be accepted."""
    if rule.kind is Kind.SEMANTICS and "status" in rule.paths:
        yield "path", "an error of both systems is no difference between them", "Fix both systems."
    if rule.kind is not Kind.STATUS:
        return
    for legacy in rule.legacy or ():
        for worker in rule.worker or ():
            if not (worker.isascii() and worker.isdecimal()):
                yield "worker", f"expected a status, got {worker!r}", "A response that was not received is a failure."
            if worker[:1] == "5":
                yield "", f"{worker} is a server error of the Worker", "Fix the Worker."
            if legacy[:1] == "4" and worker[:1] in ("2", "3") and legacy != "400":
                yield (
                    "",
                    f"{legacy} that becomes {worker} allows what was forbidden",
                    "Isolation between users cannot be accepted: fix the Worker.",
                )
            if legacy[:1] == "2" and worker[:1] != "2" and not rule.case:
                yield (
                    "case",
                    f"missing: without it, {legacy} that becomes {worker} accepts that the operation never works",
                    "Name the case of the journey in which the Worker refuses on purpose, or fix the Worker.",
                )


def _texts(file: Path, key: str, value: Any) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(str(typed(file, key, text, str, "a text")) for text in values)
