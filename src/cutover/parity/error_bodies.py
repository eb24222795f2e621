"""Compare error bodies. Each system has its own format (contracts/parity.toml); the content must be the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cutover.config.operations import follow_pointer
from cutover.parity.differences import Kind, Lexeme, Repeated, shape
from cutover.parity.rules import ErrorForm

Report = Callable[[str, Kind, str, str, Any, Any], None]
_ABSENT: Final = "absent"


@dataclass(frozen=True)
class ErrorView:
    """The content of an error body.

    form: the name of its format. reasoned: it gives a reason. fields: the fields that it names as wrong. faults:
    violations of the format, as (pointer, class, expected, got).
    """

    form: str
    reasoned: bool
    fields: frozenset[str]
    faults: tuple[tuple[str, Kind, str, str], ...] = ()


def view(body: Any, form: ErrorForm, names: Mapping[str, str]) -> ErrorView:
    """Read an error body in that format. names: the deployment's request keys -> our field names."""
    if isinstance(body, list) and form.fields == "":  # DRF: only the reasons
        wrong = () if _is_list_of_texts(body) else (("/error", Kind.TYPE, "list of reasons", "another list"),)
        return ErrorView(form.form, any(map(_is_text, body)), frozenset(), wrong)
    if not isinstance(body, dict):
        return ErrorView(shape(body), False, frozenset(), (("/error", Kind.TYPE, form.form, shape(body)),))
    container = body if form.fields == "" else _at(body, form.fields)
    own = {*form.reasons, *form.required, *form.optional}
    blamed = {
        key: why
        for key, why in (container.items() if isinstance(container, dict) else ())
        if f"{form.fields}/{_escaped(key)}" not in own
    }
    faults = [fault for pointer in form.required for fault in _required(body, pointer)]
    if form.fields and _there(body, form.fields) and not isinstance(container, dict):
        faults.append((form.fields, Kind.TYPE, "object", shape(container)))
    faults += [
        (pointer, Kind.SEMANTICS, "object", shape(value))
        for pointer in sorted({"", form.fields, *(own.rpartition("/")[0] for own in (*form.reasons, *form.required))})
        if isinstance(value := _at(body, pointer), Repeated)
    ]
    faults += _unknown(body, form, own)
    faults += [
        (f"/error/fields/{names.get(key, key)}", Kind.TYPE, "list of reasons", shape(why))
        for key, why in blamed.items()
        if not _is_list_of_texts(why)
    ]
    general = (_at(body, pointer) for pointer in form.optional)
    reasoned = (
        any(_is_text(_at(body, place)) for place in form.reasons)
        or bool(blamed)
        or any(_is_list_of_texts(value) for value in general)
    )
    return ErrorView(form.form, reasoned, frozenset(names.get(key, key) for key in blamed), tuple(faults))


def compare_errors(baseline: ErrorView, candidate: ErrorView, report: Report) -> None:
    """Report everything that only one of the two errors states."""
    for pointer, kind, expected, got in candidate.faults:
        report(pointer or "body", kind, expected, got, None, None)
    for pointer, _, expected, got in baseline.faults:
        report(pointer or "body", Kind.SEMANTICS, f"{got} instead of {expected}", "-", None, None)
    if baseline.form != candidate.form:
        report("/error", Kind.TYPE, baseline.form, candidate.form, None, None)
    if baseline.reasoned != candidate.reasoned:
        words = ["a reason" if side.reasoned else _ABSENT for side in (baseline, candidate)]
        report("/error/message", Kind.MISSING if baseline.reasoned else Kind.EXTRA, words[0], words[1], None, None)
    for name in sorted(baseline.fields - candidate.fields):
        report(f"/error/fields/{name}", Kind.MISSING, "a reason", _ABSENT, None, None)
    for name in sorted(candidate.fields - baseline.fields):
        report(f"/error/fields/{name}", Kind.EXTRA, _ABSENT, "a reason", None, None)


def _unknown(body: dict[str, Any], form: ErrorForm, own: set[str]) -> list[tuple[str, Kind, str, str]]:
    """Return the keys of the format's own objects that it does not define, such as a stack trace or an SQL text."""
    if form.fields == "":
        return []  # every other key is a field
    parent = form.fields.rpartition("/")[0]
    known = own | {form.fields}
    names = [f"/{_escaped(key)}" for key in body]
    found = [name for name in names if not any(p == name or p.startswith(f"{name}/") for p in known)]
    inner = _at(body, parent)
    if parent and isinstance(inner, dict):
        found += [name for key in inner if (name := f"{parent}/{_escaped(key)}") not in known]
    return [(pointer, Kind.EXTRA, _ABSENT, shape(_at(body, pointer))) for pointer in found]


def _at(body: Any, pointer: str) -> Any:
    try:
        return follow_pointer(body, pointer)
    except KeyError:
        return None


def _there(body: Any, pointer: str) -> bool:
    try:
        follow_pointer(body, pointer)
    except KeyError:
        return False
    return True


def _required(body: Any, pointer: str) -> list[tuple[str, Kind, str, str]]:
    """Return the violations of a required text."""
    value = _at(body, pointer)
    if _is_text(value):
        return []
    if not _there(body, pointer):
        return [(pointer, Kind.MISSING, "text", _ABSENT)]
    blank = isinstance(value, str) and not isinstance(value, Lexeme)
    return [(pointer, Kind.VALUE if blank else Kind.TYPE, "text", "blank" if blank else shape(value))]


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")  # RFC 6901


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not isinstance(value, Lexeme) and bool(value.strip())


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_text, value))
