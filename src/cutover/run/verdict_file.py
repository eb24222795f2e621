"""Write verdict.json: the verdict with its facts, for callers and for later reports."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cutover.config.environments import Environment
from cutover.config.local_runtime import unenforced_limits
from cutover.config.validation import ConfigurationError
from cutover.core.evidence import Record
from cutover.core.secrets import redact_all
from cutover.core.verdict import ExitCode, GateVerdict, Verdict, verdict_with
from cutover.run.judging_files import JudgingFiles


def facts(
    *,
    environment: Environment | None,
    name: str,
    run: str,
    nonce: str | None,
    started: float,
    records: Sequence[Record],
    asked_version: str | None,
    planted: str | None,
    project: Path,
    judging: JudgingFiles | None = None,
) -> dict[str, Any]:
    """Return the facts of a run. Times in Unix seconds.

    environment: None if it could not be loaded. planted: the fault in the embedded pair, None if there is none.
    judging: the state of the judging files, None before the run begins.
    """
    observations = [record.observations for record in records]
    exchanges = [exchange for observed in observations for exchange in observed.exchanges]
    undetectable = {line for observed in observations for line in observed.could_not_detect}
    if environment is not None and environment.local_runtime:
        undetectable |= set(_not_enforced_locally(project))
    for system in environment.systems.values() if environment is not None else ():
        if system.identity is not None and system.identity.blind_spot:
            undetectable.add(f"{system.system}: {system.identity.blind_spot}")
    return {
        "run": run,
        "nonce": nonce,
        "environment": name,
        "url": environment.url if environment else "",
        "urls": {system.system: system.url for system in environment.systems.values()} if environment else {},
        "safety": environment.safety.label if environment else "",
        "absent": dict(environment.absent) if environment else {},
        "rules": environment.rules if environment else "",
        "read_only_form": dict(environment.read_only_form) if environment else {},
        "started": round(started, 3),
        "duration_s": round(time.time() - started, 3),
        "asked_version": asked_version,
        "answered_versions": sorted({exchange.version for exchange in exchanges if exchange.version}),
        "planted": planted,
        "judged_by": judging.as_json() if judging else None,
        "requests": len(exchanges),
        "connect_retries": sum(exchange.connect_retries for exchange in exchanges),
        "rate_limited": sum(observed.rate_limited for observed in observations),
        "paced_s": round(sum(observed.paced_s for observed in observations), 3),
        "notes": [note for observed in observations for note in observed.notes],
        "leftovers": [line for observed in observations for line in observed.leftovers],
        "could_not_detect": sorted(undetectable),
        "not_judged_rules": sorted({rule for observed in observations for rule in observed.not_judged}),
    }


def unfinished(run_facts: dict[str, Any]) -> str:
    """Return the text of the file while the run goes on."""
    reason = "the run did not finish: it was killed or is still running"
    return _text({**run_facts, "verdict": Verdict.INVALID.value, "exit_code": ExitCode.INVALID, "reasons": [reason]})


def finished(run_facts: dict[str, Any], verdicts: Sequence[GateVerdict], exit_code: int) -> str:
    """Return the text of the file at the end. Its "verdict" is that of the gate that the exit code comes from."""
    deciding = verdict_with(verdicts, exit_code) or (Verdict.NO_GO if exit_code == 1 else Verdict.TOOL_ERROR)
    return _text(
        {
            **run_facts,
            "verdict": deciding.value,
            "exit_code": int(exit_code),
            "reasons": [reason for verdict in verdicts for reason in verdict.reasons],
            "gates": [verdict.as_json() for verdict in verdicts],
        }
    )


def _not_enforced_locally(project: Path) -> list[str]:
    try:
        return unenforced_limits(project)
    except ConfigurationError as error:
        return [f"limits that the local runtime does not enforce are unknown: {error}"]


def _text(data: dict[str, Any]) -> str:
    return json.dumps(redact_all(data), indent=2, ensure_ascii=False) + "\n"
