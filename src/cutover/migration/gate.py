"""The one reconciliation of a gate run, which all its checks read: made by whichever process needs it first.

Not for what a check makes of it: checks.py.
"""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any, Final

from cutover.config.environments import Environment
from cutover.config.validation import ConfigurationError
from cutover.core.errors import CheckFailed, MeasurementError, NotVerified, RateLimited, Refused, Stopped, Unreachable
from cutover.core.recorder import Recorder
from cutover.core.secrets import redact, redact_all
from cutover.embedded.folders import locked
from cutover.migration.assembly import reconciliation, require_databases
from cutover.migration.mapping_file import load_mapping
from cutover.migration.reconciliation_result import FILE, text_of_file
from cutover.run.progress import Progress

_ENDED: Final = {kind.__name__: kind for kind in (Unreachable, RateLimited, Stopped, MeasurementError)}


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What a gate run reconciles, and where it keeps it. folder: of the run."""

    project: Path
    environment: Environment
    folder: Path
    run: str
    reverse: bool = False
    thorough: bool = True
    show_values: bool = False


def reconciled(wanted: Wanted, recorder: Recorder, progress: Progress | None = None) -> dict[str, Any]:
    """The data of reconciliation.json of this run; made now if no process of the run has.

    Raises what ended the reconciliation, in every process alike: MeasurementError, NotVerified, CheckFailed, Refused,
    ConfigurationError.
    """
    wanted.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = wanted.folder / FILE
    with locked(wanted.folder / f".{FILE}.lock"):
        if not file.exists():
            data = _made(wanted, recorder, progress)
            _write(file, redact(text_of_file(redact_all(data))))
        else:
            data = json.loads(file.read_text(encoding="utf-8"))
    if "ended" in data:
        raise _ended(data["ended"])
    return data


def _made(wanted: Wanted, recorder: Recorder, progress: Progress | None) -> dict[str, Any]:
    sent = Recorder()  # of this reconciliation alone: other threads write into it
    try:
        require_databases(wanted.environment)
        mapping = load_mapping(wanted.project)
        with reconciliation(
            wanted.project, wanted.environment, mapping, wanted.folder, recorder=sent, run=wanted.run,
            reverse=wanted.reverse, thorough=wanted.thorough, progress=progress,
        ) as run:  # fmt: skip
            return run.run().as_json(show_values=wanted.show_values)
    except (MeasurementError, NotVerified, CheckFailed, Refused, ConfigurationError) as error:
        return {"ended": _told(error)}
    finally:
        _pass_on(sent, recorder)


def _pass_on(sent: Recorder, recorder: Recorder) -> None:
    """The requests belong to the check that made the reconciliation."""
    recorder.rate_limited += sent.rate_limited
    recorder.paced_s += sent.paced_s
    recorder.notes += sent.notes
    recorder.exchanges += sent.exchanges


def _told(error: Exception) -> dict[str, Any]:
    told: dict[str, Any] = {"kind": type(error).__name__, "text": str(error)}
    if isinstance(error, MeasurementError):
        told["kind"] = next(name for name, kind in _ENDED.items() if isinstance(error, kind))
    if isinstance(error, CheckFailed):
        told["finding"] = error.finding
    return told


def _ended(told: dict[str, Any]) -> Exception:
    """The exception that ended the reconciliation, of a kind that the plugin knows."""
    kind, text = str(told["kind"]), str(told["text"])
    if kind in _ENDED:
        return _ENDED[kind](text)
    if kind == "NotVerified":
        return NotVerified(text)
    if kind == "CheckFailed":
        lines = text.split("\n")
        parts = dict(line.strip().partition(" ")[::2] for line in lines[1:])
        return CheckFailed(
            str(told["finding"]), expected=parts.get("expected", "").strip(), got=parts.get("got", "").strip(),
            source=parts.get("from", "").strip(), do_next=parts.get("next", "").strip(),
        )  # fmt: skip
    return Refused(text)


def _write(file: Path, text: str) -> None:
    partial = file.with_name(f".{file.name}.partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write(text)
    partial.replace(file)
