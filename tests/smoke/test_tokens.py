"""Tokens: lifetime, claims, and refusal of tokens of other environments and of the other system."""

from collections.abc import Mapping
from typing import Any

import pytest

from cutover.accounts.registered import Account, Accounts
from cutover.accounts.sessions import can_refresh, text_of
from cutover.client.jwt import claims, reissued
from cutover.config.environment_promises import token_claims
from cutover.core.recorder import Recorder
from cutover.core.rule_table import Rule
from cutover.core.secrets import Secret
from cutover.systems.target import Target

pytestmark = [
    pytest.mark.smoke,
    pytest.mark.system("worker", "legacy"),
    pytest.mark.level("test-data"),
    pytest.mark.plan("Environment Configuration: JWT_ISSUER, JWT_AUDIENCE; contracts/api.md, Accounts"),
    pytest.mark.rule(Rule.AUTHENTICATION),
]


@pytest.mark.rule(Rule.TOKEN_CLAIMS)
def test_tokens_have_the_promised_lifetime(
    target: Target, accounts: Accounts, promises: Mapping[str, Any], recorder: Recorder
) -> None:
    """Access and refresh token have the promised lifetime, issuer, audience and type."""
    account, promised = accounts.new(), promises["tokens"][target.system]
    result = target.prepare(target.protected_read, token=account.access_token)
    tokens = {"access": account.access_token, "refresh": account.refresh_token}
    for kind, token in ((kind, token) for kind, token in tokens.items() if text_of(token)):
        _, payload = claims(token)
        times = payload.get("exp"), payload.get("iat")
        if not all(isinstance(moment, int) for moment in times):
            raise result.failed(f"token:times:{kind}", expected="exp and iat, in seconds", got=repr(times))
        lifetime = payload["exp"] - payload["iat"]
        recorder.measure(f"{kind} token lifetime (s)", lifetime, f"= {promised[f'{kind}_s']}")
        if lifetime != promised[f"{kind}_s"]:
            raise result.failed(f"token:lifetime:{kind}", expected=f"{promised[f'{kind}_s']} s", got=f"{lifetime} s")
        expected = dict(promised.get("claims", {}))
        expected |= {promised["type_claim"]: kind} if "type_claim" in promised else {}
        got = {name: payload.get(name) for name in expected}
        if got != expected:
            raise result.failed(f"token:claims:{kind}", expected=expected, got=got)


@pytest.mark.never_waived("isolation between users")
def test_tokens_of_other_environments_are_refused(
    target: Target, accounts: Accounts, promises: Mapping[str, Any], recorder: Recorder
) -> None:
    """A token with another issuer or audience, or signed with the secret of another environment, is refused."""
    account = accounts.new()
    target.prepare(target.protected_read, token=account.access_token)
    key = target.environment.secrets.get(f"{target.system}_jwt_secret")
    stranger = reissued(account.access_token, Secret("another environment's secret, " * 2), lifetime_s=300)
    target.call(target.protected_read, token=stranger).expect_refusal(401, why="signed with another secret")
    good = reissued(account.access_token, key, lifetime_s=300)
    target.call(target.protected_read, token=good).expect_status(why=f"signed with secrets.{target.system}_jwt_secret")
    _expect_foreign_keys_refused(target, account, recorder)
    if not target.judges(Rule.TOKEN_CLAIMS):
        return  # issuer and audience are conventions: only the owner of the key can make these tokens
    for name, value in token_claims(promises, target.system).items():
        for other in (f"{value}-staging", f"staging-{value}", "", None):
            token = reissued(account.access_token, key, lifetime_s=300, claims_instead={name: other})
            target.call(target.protected_read, token=token).expect_refusal(401, why=f"{name} is {other!r}")


@pytest.mark.never_waived("isolation between users")
def test_tokens_of_the_other_system_are_refused(target: Target, accounts: Accounts, other_target: Target) -> None:
    """A token of the other system is refused (contracts/api.md, Accounts)."""
    theirs = accounts.for_target(other_target)
    try:
        # The same order in both checks, so that two processes do not wait for each other's account (deadlock).
        created = {one.system: one.new() for one in sorted((accounts, theirs), key=lambda one: one.system)}
        account, own = created[other_target.system], created[target.system]
        target.prepare(target.protected_read, token=own.access_token)
        for token in filter(text_of, (account.access_token, account.refresh_token)):
            target.call(target.protected_read, token=token).expect_refusal(401, why=f"a token of {other_target.system}")
    finally:
        theirs.close(target.recorder)


def _expect_foreign_keys_refused(target: Target, account: Account, recorder: Recorder) -> None:
    """Expect that tokens are refused that are signed with the keys of the other environments in environments.toml."""
    keys = [each for each in target.environment.foreign_keys if each.identifier.startswith(target.system)]
    unset = [f"{each.variable} of {each.name}" for each in keys if each.key is None]
    if unset:
        recorder.note_undetectable(f"tokens signed with another environment's key: not set is {', '.join(unset)}")
    refreshes = can_refresh(target, account)
    for each in (each for each in keys if each.key is not None):
        why = (
            f"signed with secrets.{each.identifier} of {each.name}. If both have one key on purpose, name one variable "
            "in both tables of environments.toml"
        )
        if each.identifier != "worker_jwt_refresh_secret":
            token = reissued(account.access_token, each.key, lifetime_s=300)
            target.call(target.protected_read, token=token).expect_refusal(401, why=why)
        if refreshes and each.identifier != "worker_jwt_secret":
            token = reissued(account.refresh_token, each.key, lifetime_s=300)
            target.call("refresh", fields={"refresh_token": token}).expect_refusal(401, why=why)
    recorder.measure("keys of other environments", len(keys) - len(unset), "refused", sample=len(keys))


@pytest.fixture
def other_target(target: Target) -> Target:
    """Return the other system. Raises NotVerified if the environment has none."""
    return target.other("legacy" if target.system == "worker" else "worker")
