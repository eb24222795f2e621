"""Readiness and identity of the deployment. Plan: Staging Validation Script."""

import pytest

from cutover.client.identity import found_in
from cutover.contract.identity_proof import identity_proof
from cutover.core.errors import NotVerified
from cutover.core.recorder import Recorder
from cutover.core.rule_table import Rule
from cutover.systems.readiness import become_ready
from cutover.systems.target import Target

pytestmark = [pytest.mark.smoke, pytest.mark.system("worker", "legacy"), pytest.mark.rule(Rule.IDENTITY)]


@pytest.mark.plan("Staging Validation Script: wait for deployment to be ready")
@pytest.mark.never_waived("the identity of who answered")
def test_system_is_ready_and_proves_its_identity(
    target: Target, recorder: Recorder, request: pytest.FixtureRequest
) -> None:
    """The system responds within the allowed tries, and proves its identity as the environment declares."""
    identity = target.environment.systems[target.system].identity
    if identity is None:
        raise NotVerified(f"environments.toml [{target.environment.name}] declares no {target.system}.identity")
    tries, seconds, _ = become_ready(target, recorder.notes.append)
    recorder.measure("tries until ready", tries, f"<= {target.environment.readiness.tries}")
    recorder.measure("seconds until ready", round(seconds, 3), "reported")
    if identity.blind_spot:
        recorder.note_undetectable(f"{target.system}: {identity.blind_spot}")
    if identity.address_only:
        return
    # The client compares the identity of every response; this check requires one that carries it.
    result = identity_proof(target, identity, lambda: request.getfixturevalue("accounts"))
    got = found_in(identity, result.answer)
    if got != identity.value:
        raise result.failed("identity", expected=f"{identity.place}: {identity.value}", got=repr(got))
