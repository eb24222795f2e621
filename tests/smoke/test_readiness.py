"""Readiness and identity of the deployment. Plan: Staging Validation Script."""

import pytest

from cutover.core.errors import NotVerified
from cutover.core.recorder import Recorder
from cutover.systems.target import Target, become_ready

pytestmark = [pytest.mark.smoke, pytest.mark.system("worker", "legacy")]


@pytest.mark.plan("Staging Validation Script: wait for deployment to be ready")
@pytest.mark.never_waived("the identity of who answered")
def test_system_is_ready_and_proves_its_identity(target: Target, recorder: Recorder) -> None:
    """Health responds within the allowed tries, with the header that proves the system's identity."""
    identity = target.environment.systems[target.system].identity
    if identity is None:
        raise NotVerified(f"environments.toml [{target.environment.name}] declares no {target.system}.identity")
    tries, seconds = become_ready(target, recorder.notes.append)
    recorder.measure("tries until ready", tries, f"<= {target.environment.readiness.tries}")
    recorder.measure("seconds until ready", round(seconds, 3), "reported")
    # The client compares the identity of every response; this check makes it visible.
    result = target.call("health")
    got = result.answer.headers.get(identity.header)
    if got != identity.value:
        raise result.failed("identity", expected=f"{identity.header}: {identity.value}", got=repr(got))
