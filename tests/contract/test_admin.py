"""What the plan gives to operators is closed to everybody else. Plan: migration control, blue-green, maintenance."""

from typing import Final

import pytest

from cutover.accounts import Accounts
from cutover.contract.belongings import belongings, expect_unchanged
from cutover.contract.exercises import settle
from cutover.contract.inspection import Inspection
from cutover.journal import Journal
from cutover.safety import SafetyLevel
from cutover.targets import Target

pytestmark = [
    pytest.mark.contract,
    pytest.mark.system("worker"),
    pytest.mark.level("test-data"),
    pytest.mark.never_waived("isolation between users"),
    pytest.mark.plan("Migration control; Blue-green switch; maintenance: /admin/…"),
]

PATHS: Final = (
    "admin", "admin/", "admin/migration", "admin/migration/status", "admin/deployment/current",
    "admin/deployment/switch", "admin/maintenance/enable", "admin/maintenance/disable", "admin/users",
    "api/admin/migration", "api/admin/users",
    "api/migration/status", "api/debug", "api/internal", "api/.env", ".env", ".git/config", "wrangler.toml",
    "cdn-cgi/x", "Admin/deployment/current", "admin//deployment/current", "admin/../admin/migration",
    "assets/../../wrangler.toml", "src/index.mjs", "migrations/0001_production_setup.sql", "server-status",
    "actuator", "graphql",
)  # fmt: skip
"""What the plan names, and what scanners ask for."""
CLOSED: Final = (401, 403, 404, 405)
LOOKS: Final = "action=get_status"
CHANGES: Final = ("action=update_percentage&percentage=100", "action=enable_maintenance", "action=disable_maintenance")
"""What the plan's migrationControl takes (Migration Control Dashboard). One that does not look who asks says 400 to
all else, and would seem closed."""


def test_operators_paths_are_closed(target: Target, accounts: Accounts, journal: Journal) -> None:
    """Without a token and with a user's, operators' paths and hidden files give nothing."""
    person = settle(target, accounts)
    inspection = Inspection(target, "admin", "contracts/api.md Front end: /admin/ is none of it; OWASP API5:2023")
    index = target.call("index").expect_status().body
    before = belongings(target, person)
    # A path that is there and open might do what it says: what changes something only where that harms nobody.
    harmless = target.environment.safety >= SafetyLevel.DISPOSABLE
    for path in PATHS:
        queries = ["", *((LOOKS, *(CHANGES if harmless else ())) if path.lower().startswith("admin") else ())]
        for token in (None, person.token):
            for method in ["GET", *(["POST", "DELETE"] if harmless else [])]:
                for query in queries if method == "GET" else [""]:
                    result = target.call("front_end", method=method, token=token, path={"path": path}, query=query)
                    inspection.looked("front_end")
                    # A route of the application is the page, whatever it is called; it holds nothing of anybody's.
                    if result.status == 200 and method == "GET" and result.body == index and not path.startswith("api"):
                        continue
                    # 400 may be for a path that is none; with an action it is the word of who has read the request.
                    if result.status not in CLOSED and (query or result.status != 400):
                        whose = "nobody" if token is None else "a user"
                        inspection.see(
                            result,
                            f"{path!r} is open to {whose}",
                            expected="401, 403 or 404",
                            do_next="whoever finds this path runs the deployment: close it before anything else",
                        )
    expect_unchanged(inspection, person, before)
    inspection.close(journal)
