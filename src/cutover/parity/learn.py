"""`cutover parity learn`: Django against itself, in random order, to see what differs by itself.

It proposes noise with its evidence; a person decides and writes it into accepted_differences.toml. Never
applied by itself, and never for a type or for whether something is there.
"""

from __future__ import annotations

import argparse
import random
import secrets
from collections import Counter
from typing import Any

from cutover.config.environment_option import named_environment
from cutover.config.validation import ConfigurationError, root
from cutover.core.evidence import Status
from cutover.core.safety import SafetyLevel
from cutover.parity.accepted_differences import FILE, NOISY
from cutover.parity.assembly import parity_run
from cutover.parity.command_run import CommandRun
from cutover.parity.journeys import written
from cutover.parity.parity_run import ParityRun
from cutover.parity.totals import ParityTotals


def run(options: argparse.Namespace) -> int:
    """The command. Raises ConfigurationError, with nothing sent."""
    project = root()
    environment, planted = named_environment(project, options.env, options.pair)
    if environment.safety < SafetyLevel.TEST_DATA:
        raise ConfigurationError(
            project / "environments.toml", f"{environment.name}.safety", "allows no test data", "Learn elsewhere."
        )
    known = {journey.name: journey for journey in written() if not journey.admins}
    unknown = sorted(set(options.journey or ()) - set(known))
    if unknown:
        raise ConfigurationError("--journey", "", f"no journey {unknown[0]!r}", f"One of: {', '.join(known)}.")
    if not 1 <= options.rounds <= 1000:
        raise ConfigurationError("--rounds", "", f"{options.rounds} rounds", "Between 1 and 1000.")
    names = list(options.journey or known)
    seed = options.seed if options.seed is not None else secrets.randbelow(10**6)
    command = CommandRun(project, environment, "parity learn", planted=planted, reports=options.reports)
    totals, rules, judged, interrupted = ParityTotals(), None, [], False
    try:
        command.become_ready(["legacy"])
        with parity_run(
            project, environment, command.client, command.recorder, run=command.run_id, ledger=command.ledger,
            candidate="legacy", seed=seed,
        ) as parity:  # fmt: skip
            rules = parity.rules
            order = names * options.rounds
            random.Random(seed).shuffle(order)  # noqa: S311 - the order of journeys
            for number, name in enumerate(order, 1):
                parity.play(known[name], "")
                if number % 10 == 0 or number == len(order):
                    command.progress(f"{number} of {len(order)} journeys")
            totals = parity.totals
            status, reason = _learned(parity)
            judged = parity.decisions.judge(totals.accepted, set(totals.compared), cases=totals.cases, sides=())
    except KeyboardInterrupt:
        interrupted, status, reason = True, Status.NOT_VERIFIED, "interrupted"
    except Exception as error:  # noqa: BLE001 - what is no outcome is raised again
        status, reason = command.failed(error)
    proposals = proposed(totals)
    return command.conclude(
        status, reason, totals, rules, systems=("legacy", "legacy"), judged=judged, proposals=proposals,
        interrupted=interrupted, details=[*_written_out(proposals), f"--seed {seed} plays them in this order again"],
    )  # fmt: skip


def proposed(totals: ParityTotals) -> list[dict[str, Any]]:
    """What differed by itself and may be noise: operation, path, class, in how many answers of how many."""
    found: dict[tuple[str, str, str], Counter[str]] = {}
    for seen in totals.seen.values():
        if seen.decision == "undeclared" and seen.difference.kind in NOISY:
            key = seen.difference.operation, seen.difference.path, seen.difference.kind.value
            evidence = found.setdefault(key, Counter())
            evidence[f"{seen.difference.baseline} / {seen.difference.candidate}"] += seen.answers
    return [
        {
            "operation": operation,
            "path": path,
            "kind": kind,
            "differed": sum(evidence.values()),
            "of": totals.compared[operation],
            "evidence": [f"{text} ({count})" for text, count in evidence.most_common(5)],
        }
        for (operation, path, kind), evidence in sorted(found.items())
    ]


def _learned(parity: ParityRun) -> tuple[Status, str]:
    undeclared = [seen.difference for seen in parity.totals.seen.values() if seen.decision == "undeclared"]
    never = [str(difference) for difference in undeclared if difference.kind not in NOISY]
    if never:
        return Status.FAILED, (
            f"Django differs from itself in what noise may not hide: {'; '.join(never[:5])}. Look for the cause: two "
            "machines behind one address, a deployment under way, or a defect of the suite."
        )
    if undeclared:
        return Status.NOT_VERIFIED, f"{len(undeclared)} differences are proposed as noise and wait for a decision"
    return Status.PASSED, ""


def _written_out(proposals: list[dict[str, Any]]) -> list[str]:
    lines = [f"proposed for {FILE}, for a person to decide:"] if proposals else ["nothing is proposed"]
    for row in proposals:
        lines += [
            "[[noise]]",
            f'operations = ["{row["operation"]}"]',
            f'path = "{row["path"]}"',
            f'class = "{row["kind"]}"',
            f'reason = "…" # differed in {row["differed"]} of {row["of"]} answers: {", ".join(row["evidence"])}',
            'owner = "…"',
            "expires = 20…-…-…",
            "",
        ]
    return lines
