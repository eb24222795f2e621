"""Check that migrated users can log in: a correctly copied hash that cannot be verified locks its user out."""

from collections.abc import Mapping
from typing import Any

import pytest

from cutover.accounts.migrated_accounts import migrated_accounts
from cutover.config.environments import Environment
from cutover.core.errors import CheckFailed, NotVerified
from cutover.core.recorder import Recorder
from cutover.migration.checks import expect_none
from cutover.migration.findings import Findings, Part
from cutover.migration.logins import LoginNumbers, log_in_all
from cutover.migration.reconciliation_result import found_in, sentence
from cutover.systems.target import Target

pytestmark = [
    pytest.mark.migration,
    pytest.mark.needs("postgres", "d1"),
    pytest.mark.never_waived("users would be locked out"),
    pytest.mark.plan("Data Migration Execution: users"),
]
NEXT = (
    "Django rehashes at the next login with PBKDF2PasswordHasher.iterations = 100000; other users reset their passwords"
)


def test_every_hash_can_be_verified(reconciliation: Mapping[str, Any], recorder: Recorder) -> None:
    """Every active account has a hash with a format and cost that the target can verify."""
    if "logins" in reconciliation["unverified"]:
        raise NotVerified(reconciliation["unverified"]["logins"])
    if not reconciliation["logins"].get("accounts"):
        raise NotVerified("no account was checked")
    recorder.measure("hashes verified", reconciliation["logins"]["verified"], "every active account")
    expect_none(
        reconciliation, Part.LOGINS, "logins:hashes", do_next=NEXT,
        promised="PBKDF2-SHA256, on the Worker with at most 100,000 iterations, for every account that may log in",
    )  # fmt: skip


@pytest.mark.system("worker")
@pytest.mark.level("test-data")
@pytest.mark.needs("migrated")
def test_migrated_accounts_log_in(migrated_side: Target, environment: Environment, recorder: Recorder) -> None:
    """Accounts with known passwords log in with them and with no other; disabled accounts are refused."""
    numbers, findings = LoginNumbers(), Findings()
    log_in_all(migrated_side, migrated_accounts(environment), numbers, findings)
    recorder.measure("logged in", numbers.logged_in, "each active account")
    recorder.measure("refused", numbers.refused, "each disabled account")
    if findings.total:
        raise CheckFailed(
            "logins:real",
            expected="each active account logs in with its password only; no disabled account logs in",
            got="; ".join(map(sentence, found_in(findings, show_values=False))),
            source=f"{migrated_side.system}, login",
            do_next="compare the format of the hash with that of an account that can log in",
        )
    if not numbers.logged_in:
        raise NotVerified("no account with a known password is active")
