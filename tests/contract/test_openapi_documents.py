"""The documents themselves: nothing left open, nothing left out, and an environment's own break nothing of ours."""

import pytest

from cutover.config.validation import root
from cutover.contract.document import FILES, read_contract
from cutover.contract.findings import Finding, Findings, Place, show
from cutover.contract.lint import lint
from cutover.contract.served_documents import differences
from cutover.core.recorder import Recorder
from cutover.systems.target import Target

pytestmark = [
    pytest.mark.contract,
    pytest.mark.plan("Staging Validation Script"),
    pytest.mark.system("worker", "legacy"),
]


def test_document_passes_lint(target: Target, recorder: Recorder) -> None:
    """Closed answers, each status, security said: an open schema hides leaks."""
    own = target.environment.contracts.get(target.system)
    file = (own and own.file) or root() / FILES[target.system]
    findings = Findings()
    for line in lint(read_contract(file), target.environment.operations[target.system]):
        operation, _, what = line.partition(": ")
        place = Place(operation.partition(" ")[0])
        findings.add(Finding("lint", what, target.system, file.name, "a document in order", what, (place,)))
    show(findings, recorder)


def test_own_document_has_no_breaking_changes(target: Target, recorder: Recorder) -> None:
    """What the environment's own file says, and what its system serves, accepts and promises all that ours does."""
    if target.system not in target.environment.contracts:
        recorder.note_undetectable(
            f"whether a document of the {target.system}'s own agrees: environments.toml names none"
        )
    show(differences(root(), target), recorder)
