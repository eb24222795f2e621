"""`cutover contract explore`: requests that no run drew before, operation after operation, until the time is over.

Not the gate, which draws the same in each run: tests/contract/test_operations.py.
"""

from __future__ import annotations

import argparse
import secrets
import time
from typing import Final

from cutover.accounts.pool import accounts_on
from cutover.config.environment_option import named_environment
from cutover.config.validation import ConfigurationError, root
from cutover.contract.findings import ATTACHMENT, ContractFailed
from cutover.contract.fuzzing import SEQUENCES, Fuzzer
from cutover.contract.totals import ContractTotals
from cutover.core.errors import CheckFailed, NotVerified
from cutover.core.evidence import Status
from cutover.core.safety import SafetyLevel
from cutover.parity.command_run import CommandRun
from cutover.parity.totals import ParityTotals
from cutover.systems.target import Target

EXAMPLES: Final = 60
"""Requests drawn for an operation in each round, after which the clock is looked at."""


def run(options: argparse.Namespace) -> int:
    """The command. Raises ConfigurationError, with nothing sent."""
    project = root()
    environment, planted = named_environment(project, options.env, options.pair)
    if environment.safety < SafetyLevel.TEST_DATA:
        raise ConfigurationError(
            project / "environments.toml", f"{environment.name}.safety", "allows no test data", "Explore elsewhere."
        )
    if not 0 < options.minutes <= 1440:
        raise ConfigurationError("--minutes", "", "no time, or more than a day", "Give a number above 0, up to 1440.")
    if options.system not in environment.systems:
        raise ConfigurationError("--system", "", f"{environment.name} has no {options.system}", "Name the other.")
    seed = options.seed or secrets.token_hex(4)
    command = CommandRun(
        project, environment, "contract explore", planted=planted, reports=options.reports,
        show_values=options.show_values,
    )  # fmt: skip
    sums, interrupted = ContractTotals(), False
    try:
        command.become_ready({options.system})
        target = Target(options.system, environment, command.client, command.recorder)
        status, reason = _explored(command, target, sums, options, seed)
    except KeyboardInterrupt:
        interrupted, status, reason = True, Status.NOT_VERIFIED, "interrupted"
    except Exception as error:  # noqa: BLE001 - what is no outcome is raised again
        status, reason = command.failed(error)
    command.log.write("contract.json", sums.as_json({"run": command.run_id, "environment": environment.name}))
    details = [*sums.lines(), f"--seed {seed} draws the same again"]
    return command.conclude(
        status, reason, ParityTotals(), None, systems=("legacy", "worker"), details=details, interrupted=interrupted
    )


def _explored(
    command: CommandRun, target: Target, sums: ContractTotals, options: argparse.Namespace, seed: str
) -> tuple[Status, str]:
    known = Fuzzer(command.project, command.environment, target, command.recorder).names
    wanted = options.operation or [*known, "sequences"]
    for name in wanted:
        if name != "sequences" and name not in known:
            raise ConfigurationError("--operation", "", f"no operation {name!r}", f"One of: {', '.join(known)}.")
    deadline = time.monotonic() + options.minutes * 60
    round_number = 0
    while time.monotonic() < deadline:
        round_number += 1
        for name in wanted:
            if time.monotonic() >= deadline:
                break
            _one(command, target, sums, name, f"{seed}-{round_number}")
        command.progress(f"{sums.sent} requests, {len(sums.findings)} finding(s)")
    if len(sums.findings):
        return Status.FAILED, f"{len(sums.findings)} finding(s)"
    return (Status.PASSED, "") if sums.sent else (Status.NOT_VERIFIED, "nothing was sent")


def _one(command: CommandRun, target: Target, sums: ContractTotals, name: str, seed: str) -> None:
    """One operation in one round, with accounts of its own."""
    recorder = command.recorder
    fuzzer = Fuzzer(command.project, command.environment, target, recorder, seed=seed)
    accounts = accounts_on(target, command.run_id, command.ledger, at_once=1)
    try:
        if name == "sequences":
            fuzzer.hold_together(accounts, sequences=2 * SEQUENCES)
        else:
            fuzzer.hold(name, accounts, examples=EXAMPLES)
    except ContractFailed as error:
        command.progress(str(error))
    except (CheckFailed, NotVerified) as error:
        command.progress(str(error).splitlines()[0])
    finally:
        accounts.close(recorder)
    # What a thousand rounds exchanged is not kept: only what was found, and what could not be removed.
    attached = recorder.attachments.get(ATTACHMENT)
    leftovers, limited, requests = recorder.leftovers, recorder.rate_limited, recorder.exchanges[-1:]
    recorder.take()
    recorder.leftovers, recorder.rate_limited, recorder.exchanges = leftovers, limited, requests
    if attached is not None:
        sums.add(seed + name, attached)
