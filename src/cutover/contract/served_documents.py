"""An environment's own documents held against ours: the file that it names, and what its system serves.

The comparison itself is in breaking.py.
"""

from __future__ import annotations

from pathlib import Path

from cutover.config.validation import ConfigurationError
from cutover.contract.breaking_changes import breaking
from cutover.contract.document import FILES, Contract, parse_contract, read_contract
from cutover.contract.findings import Finding, Findings, Place
from cutover.systems.target import Target


def documents(target: Target) -> list[Contract]:
    """The documents of the environment's own for that system, read and fetched.

    Raises ConfigurationError for a file that is no document, CheckFailed for an address that serves none.
    """
    own = target.environment.contracts.get(target.system)
    if own is None:
        return []
    found = [read_contract(own.file)] if own.file is not None else []
    if own.served is not None:
        result = target.at(target.url + own.served)
        result.expect_status(200)
        try:
            found.append(parse_contract(result.body.decode("utf-8", "replace"), target.url + own.served))
        except ConfigurationError as error:
            raise result.failed("no-document", expected="an OpenAPI document", got=error.problem) from None
    return found


def differences(project: Path, target: Target) -> Findings:
    """The breaking differences of each of them, against ours as this environment places it."""
    operations = target.environment.operations[target.system]
    ours = read_contract(project / FILES[target.system]).placed(operations)
    findings = Findings()
    for theirs in documents(target):
        for line in breaking(ours, theirs):
            operation, _, what = line.partition(": ")
            findings.add(
                Finding(
                    check="breaking",
                    defect=what,
                    system=target.system,
                    rule=FILES[target.system],
                    expected="what our contract says",
                    got=f"{Path(theirs.source).name}: {what}",
                    places=(Place(operation),),
                )
            )
    return findings
