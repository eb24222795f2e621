"""The reconciliation of a gate run. The process that needs it first performs it; all checks read its result."""

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
from cutover.migration.own_table_runs import OwnTableRuns
from cutover.migration.reconciliation_result import FILE, text_of_file
from cutover.run.progress import Progress

_ENDED: Final = {kind.__name__: kind for kind in (Unreachable, RateLimited, Stopped, MeasurementError)}


@dataclasses.dataclass(frozen=True)
class Wanted:
    """The arguments of a gate run's reconciliation. folder: of the run."""

    project: Path
    environment: Environment
    folder: Path
    run: str
    reverse: bool = False
    thorough: bool = True
    show_values: bool = False
    own_runs: OwnTableRuns | None = None


def reconciled(wanted: Wanted, recorder: Recorder, progress: Progress | None = None) -> dict[str, Any]:
    """Return the content of reconciliation.json. Reconcile first if no process of this run has done it.

    Raises the exception that ended the reconciliation, the same in every process: MeasurementError, NotVerified,
    CheckFailed, Refused.
    """
    wanted.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = wanted.folder / FILE
    with locked(wanted.folder / f".{FILE}.lock"):
        if not file.exists():
            data = _perform(wanted, recorder, progress)
            _write(file, redact(text_of_file(redact_all(data))))
        else:
            data = json.loads(file.read_text(encoding="utf-8"))
    if "ended" in data:
        raise _exception(data["ended"])
    return data


def _perform(wanted: Wanted, recorder: Recorder, progress: Progress | None) -> dict[str, Any]:
    sent = Recorder()  # of this reconciliation only: other threads write to it
    try:
        require_databases(wanted.environment)
        mapping = load_mapping(wanted.project, wanted.environment.files.get("migration"))
        with reconciliation(
            wanted.project, wanted.environment, mapping, wanted.folder, recorder=sent, run=wanted.run,
            reverse=wanted.reverse, thorough=wanted.thorough, progress=progress, own_runs=wanted.own_runs,
        ) as run:  # fmt: skip
            return run.run().as_json(show_values=wanted.show_values)
    except (MeasurementError, NotVerified, CheckFailed, Refused, ConfigurationError) as error:
        return {"ended": _plain(error)}
    finally:
        _pass_on(sent, recorder)


def _pass_on(sent: Recorder, recorder: Recorder) -> None:
    """Add the requests to the check that performed the reconciliation."""
    recorder.rate_limited += sent.rate_limited
    recorder.paced_s += sent.paced_s
    recorder.notes += sent.notes
    recorder.exchanges += sent.exchanges


def _plain(error: Exception) -> dict[str, Any]:
    ended: dict[str, Any] = {"kind": type(error).__name__, "text": str(error)}
    if isinstance(error, MeasurementError):
        ended["kind"] = next(name for name, kind in _ENDED.items() if isinstance(error, kind))
    if isinstance(error, CheckFailed):
        ended["finding"] = error.finding
    return ended


def _exception(ended: dict[str, Any]) -> Exception:
    """Return the exception that ended the reconciliation."""
    kind, text = str(ended["kind"]), str(ended["text"])
    if kind in _ENDED:
        return _ENDED[kind](text)
    if kind == "NotVerified":
        return NotVerified(text)
    if kind == "CheckFailed":
        lines = text.split("\n")
        parts = dict(line.strip().partition(" ")[::2] for line in lines[1:])
        return CheckFailed(
            str(ended["finding"]), expected=parts.get("expected", "").strip(), got=parts.get("got", "").strip(),
            source=parts.get("from", "").strip(), do_next=parts.get("next", "").strip(),
        )  # fmt: skip
    return Refused(text)


def _write(file: Path, text: str) -> None:
    partial = file.with_name(f".{file.name}.partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write(text)
    partial.replace(file)
