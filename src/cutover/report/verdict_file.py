"""verdict.json: the verdict with what it rests on, for callers and for later reports."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cutover.config.environments import Environment
from cutover.config.validation import ConfigurationError, read_toml
from cutover.core.evidence import Record
from cutover.core.secrets import redact_all
from cutover.core.verdict import ExitCode, GateVerdict, Verdict, word


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
) -> dict[str, Any]:
    """What a run was and did. Times in Unix seconds. environment: None when it could not be loaded;
    planted: the defect that is planted in the embedded pair."""
    exchanges = [exchange for record in records for exchange in record.page.get("exchanges", ())]
    answered = sorted({exchange["version"] for exchange in exchanges if exchange["version"]})
    blind = {line for record in records for line in record.page.get("could_not_detect", ())}
    if environment is not None and environment.local_runtime:
        blind |= set(_not_enforced_locally(project))
    return {
        "run": run,
        "nonce": nonce,
        "environment": name,
        "url": environment.url if environment else "",
        "urls": {system.system: system.url for system in environment.systems.values()} if environment else {},
        "safety": environment.safety.label if environment else "",
        "absent": dict(environment.absent) if environment else {},
        "read_only_form": dict(environment.read_only_form) if environment else {},
        "started": round(started, 3),
        "duration_s": round(time.time() - started, 3),
        "asked_version": asked_version,
        "answered_versions": answered,
        "planted": planted,
        "requests": len(exchanges),
        "connect_retries": sum(exchange["connect_retries"] for exchange in exchanges),
        "rate_limited": sum(record.page.get("rate_limited", 0) for record in records),
        "paced_s": round(sum(record.page.get("paced_s", 0.0) for record in records), 3),
        "notes": [note for record in records for note in record.page.get("notes", ())],
        "leftovers": [line for record in records for line in record.page.get("leftovers", ())],
        "could_not_detect": sorted(blind),
    }


def unfinished(run_facts: dict[str, Any]) -> str:
    """The file's text while the run goes on."""
    reason = "the run did not end: killed, or still going on"
    return _text({**run_facts, "verdict": Verdict.INVALID.value, "exit_code": ExitCode.INVALID, "reasons": [reason]})


def finished(run_facts: dict[str, Any], verdicts: Sequence[GateVerdict], exit_code: int) -> str:
    """The file's text at the end. "verdict" is that of the gate which the exit code comes from."""
    deciding = word(verdicts, exit_code) or (Verdict.NO_GO if exit_code == 1 else Verdict.TOOL_ERROR)
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
        return [str(row["what"]) for row in read_toml(project / "contracts" / "local_runtime.toml")["limit"]]
    except (ConfigurationError, KeyError) as error:
        return [f"what the local runtime does not enforce is unknown: {error}"]


def _text(data: dict[str, Any]) -> str:
    return json.dumps(redact_all(data), indent=2, ensure_ascii=False) + "\n"
