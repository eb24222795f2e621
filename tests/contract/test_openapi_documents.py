"""The OpenAPI documents: complete, with closed schemas, and without breaking changes in an environment's own."""

import pytest

from cutover.config.validation import root
from cutover.contract.document import FILES, read_contract
from cutover.contract.findings import Finding, Findings, Place, conclude
from cutover.contract.lint import lint
from cutover.contract.served_documents import differences
from cutover.core.recorder import Recorder
from cutover.core.rule_table import Rule
from cutover.systems.target import Target

pytestmark = [
    pytest.mark.contract,
    pytest.mark.plan("Staging Validation Script"),
    pytest.mark.system("worker", "legacy"),
    pytest.mark.rule(Rule.DOCUMENT),
]


def test_document_passes_lint(target: Target, recorder: Recorder) -> None:
    """The document has closed response schemas, all statuses and a security statement for each operation."""
    own = target.environment.contracts.get(target.system)
    file = (own and own.file) or root() / FILES[target.system]
    findings = Findings()
    for line in lint(read_contract(file), target.environment.operations[target.system]):
        operation, _, problem = line.partition(": ")
        place = Place(operation.partition(" ")[0])
        findings.add(Finding("lint", problem, target.system, file.name, "no lint message", problem, (place,)))
    conclude(findings, recorder)


def test_own_document_has_no_breaking_changes(target: Target, recorder: Recorder) -> None:
    """The environment's own document, as a file or served, accepts and promises everything that ours does."""
    if target.system not in target.environment.contracts:
        recorder.note_undetectable(
            f"breaking changes of an own document of {target.system}: environments.toml names none"
        )
    conclude(differences(root(), target), recorder)
