"""Further paths that an environment declares as protected are refused with exactly the declared statuses."""

import pytest

from cutover.accounts.registered import Accounts
from cutover.contract.finding_collector import Inspection
from cutover.contract.protected_paths import inspect_protected
from cutover.core.errors import NotApplicable, NotVerified
from cutover.core.recorder import Recorder
from cutover.core.rule_table import Rule
from cutover.systems.target import Target

pytestmark = [
    pytest.mark.contract,
    pytest.mark.system("worker", "legacy"),
    pytest.mark.level("test-data"),
    pytest.mark.never_waived("isolation between users"),
    pytest.mark.plan("environments.toml: protected"),
    pytest.mark.rule(Rule.AUTHENTICATION),
]


def test_declared_paths_are_protected(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Each declared path refuses requests without a token, with a bad token and, if declared, with a user's token."""
    paths = [path for path in target.environment.protected if path.system == target.system]
    if not paths:
        raise NotApplicable(f"{target.environment.name} declares no protected path on {target.system}")
    inspection = Inspection(target, "protected", "environments.toml protected; OWASP API5:2023")
    user = accounts.new().access_token if any(path.user for path in paths) else None
    left = inspect_protected(inspection, paths, user)
    inspection.close(recorder)
    if left:
        raise NotVerified(
            f"not sent, because it may change something here: {', '.join(left)}. Declare harmless = true if it cannot"
        )
