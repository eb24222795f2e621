"""Comparison of an environment's own OpenAPI documents with ours: a file, or a document that the system serves."""

from __future__ import annotations

from pathlib import Path

from cutover.config.input_files import foreign_content
from cutover.config.validation import ConfigurationError
from cutover.contract.breaking_changes import breaking_changes
from cutover.contract.document import FILES, Contract, parse_contract, read_contract
from cutover.contract.findings import Finding, Findings, Place
from cutover.systems.target import Target


def documents(target: Target) -> list[Contract]:
    """Read and fetch the environment's own documents of the system.

    Raises ConfigurationError for a file that is no document, CheckFailed for a URL that serves none.
    """
    own = target.environment.contracts.get(target.system)
    if own is None:
        return []
    found = [read_contract(own.file)] if own.file is not None else []
    if own.served is not None:
        result = target.at(target.url + own.served)
        result.expect_status(200)
        try:
            found.append(parse_contract(result.body.decode("utf-8"), target.url + own.served))
        except ConfigurationError as error:
            raise result.failed("no-document", expected="an OpenAPI document", got=error.problem) from None
        except UnicodeDecodeError:
            content = foreign_content(result.body)
            got = f"a body that is {content.name}" if content is not None else "a body that is not UTF-8"
            raise result.failed("no-document", expected="an OpenAPI document", got=got) from None
    return found


def differences(project: Path, target: Target) -> Findings:
    """Return the breaking changes of each document against ours with the environment's paths."""
    operations = target.environment.operations[target.system]
    ours = read_contract(project / FILES[target.system]).with_operations(operations)
    findings = Findings()
    for theirs in documents(target):
        for line in breaking_changes(ours, theirs):
            operation, _, change = line.partition(": ")
            findings.add(
                Finding(
                    check="breaking",
                    defect=change,
                    system=target.system,
                    rule=FILES[target.system],
                    expected="no breaking change of our contract",
                    got=f"{Path(theirs.source).name}: {change}",
                    places=(Place(operation),),
                )
            )
    return findings
