"""Tokens that are not good open nothing: each is tried on every operation that needs one.

Contract: Accounts (a token is refused when …); RFC 6750, RFC 7519, RFC 8725.
"""

import base64
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from cutover.accounts.registered import Accounts
from cutover.accounts.roles import AccountRoles
from cutover.contract.access_control import differences, trace
from cutover.contract.account_snapshot import belongings, expect_unchanged
from cutover.contract.finding_collector import Inspection, present
from cutover.contract.forged_tokens import control, with_identity, with_key, without_key
from cutover.contract.valid_requests import Person, exercise, guarded, settle
from cutover.core.errors import NotVerified
from cutover.core.recorder import Recorder
from cutover.core.secrets import new_password
from cutover.stores import RowStore
from cutover.systems.target import Result, Target

pytestmark = [
    pytest.mark.contract,
    pytest.mark.system("worker", "legacy"),
    pytest.mark.level("test-data"),
    pytest.mark.never_waived("isolation between users"),
    pytest.mark.plan("Environment Configuration: JWT_SECRET, JWT_ISSUER, JWT_AUDIENCE; contracts/api.md, Accounts"),
]

RULE = "contracts/api.md Accounts: a token is refused (401) when …"
DO_NEXT = "whoever can make such a token reads and changes users' data: stop, and look at how tokens are read"


def test_operations_need_a_token(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Without a token, with one in the wrong place or by another scheme, every operation is 401 with a challenge."""
    person = settle(target, accounts)
    inspection = Inspection(target, "token:missing", "contracts/api.md Everywhere: Statuses; RFC 6750 2 and 3")
    token = person.token.reveal()
    ways: dict[str, dict[str, Any]] = {
        "none": {},
        "scheme without a token": {"headers": {"authorization": "Bearer"}},
        "Basic": {"headers": {"authorization": f"Basic {token}"}},
        "the password by Basic": {"headers": {"authorization": f"Basic {_basic(person)}"}},
        "Token": {"headers": {"authorization": f"Token {token}"}},
        "no scheme": {"headers": {"authorization": token}},
        "in a cookie": {"headers": {"cookie": f"access_token={token}; session={token}; token={token}"}},
        "in the query": {"query": f"access_token={token}&token={token}"},
        "in another header": {"headers": {"x-access-token": token, "x-authorization": f"Bearer {token}"}},
        "as another user by header": {"headers": {"x-user-id": str(person.account.user_id), "x-forwarded-user": "1"}},
    }
    before = belongings(target, person)
    for operation in guarded(present(target, recorder)):
        for way, sent in ways.items():
            result = target.call(operation.name, **exercise(operation.name, person), **sent)
            _expect_refusal(inspection, result, f"accepted: {way}")
    expect_unchanged(inspection, person, before)
    inspection.close(recorder)


def test_forged_tokens_are_refused(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """alg none, other secrets, other people's claims, keys brought along: what anybody can make opens nothing."""
    person = settle(target, accounts)
    inspection = Inspection(target, "token:forged", f"{RULE} wrongly signed; RFC 8725 3.1")
    before = belongings(target, person)
    _refuse_all(inspection, person, without_key(person.token), recorder)
    expect_unchanged(inspection, person, before)
    inspection.close(recorder)


def test_signed_tokens_with_wrong_claims_are_refused(
    target: Target, accounts: Accounts, promises: Mapping[str, Any], recorder: Recorder
) -> None:
    """Expired, not yet valid, of another issuer or audience, of another algorithm, of nobody: refused though signed."""
    person = settle(target, accounts)
    key = target.environment.secrets.get(f"{target.system}_jwt_secret")
    if key is None:
        raise NotVerified(f"environments.toml names no secrets.{target.system}_jwt_secret to sign with")
    good = control(person.token, key)
    target.call("user", token=good).expect_status(200, why="signed with the environment's own secret")
    inspection = Inspection(target, "token:claims", f"{RULE} expired, of another issuer or audience; RFC 7519 4.1")
    before = belongings(target, person)
    _refuse_all(inspection, person, with_key(good, key, promises["tokens"][target.system]["claims"]), recorder)
    expect_unchanged(inspection, person, before)
    inspection.close(recorder)


def test_tokens_of_the_other_type_are_refused(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """A refresh token opens no operation, and an access token neither refreshes nor is taken as one by logout."""
    person = settle(target, accounts)
    inspection = Inspection(target, "token:type", f"{RULE} of the other type")
    target.call("refresh", **exercise("refresh", person)).expect_status()
    before = belongings(target, person)
    _refuse_all(inspection, person, {"refresh token as access token": person.account.refresh_token.reveal()}, recorder)
    for name, token in (("refresh", None), ("logout", person.token)):
        result = target.call(name, token=token, fields={"refresh_token": person.token})
        _expect_refusal(inspection, result, "accepted: access token as refresh token")
    expect_unchanged(inspection, person, before)
    target.call("refresh", **exercise("refresh", person)).expect_status(200, why="nothing was revoked")
    inspection.close(recorder)


@pytest.mark.system("worker")
def test_each_type_of_token_has_its_own_key(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """An access token signed with the key of refresh tokens opens nothing, and the reverse refreshes nothing."""
    person = settle(target, accounts)
    named = target.environment.secrets
    keys = {name: named.get(f"worker_{name}") for name in ("jwt_secret", "jwt_refresh_secret")}
    if missing := [f"secrets.worker_{name}" for name, key in keys.items() if key is None]:
        raise NotVerified(f"environments.toml names no {' and no '.join(missing)} to sign with")
    access, refresh = person.token, person.account.refresh_token
    target.call("user", token=control(access, keys["jwt_secret"])).expect_status()
    target.call("refresh", fields={"refresh_token": control(refresh, keys["jwt_refresh_secret"])}).expect_status()
    inspection = Inspection(target, "token:key", "contracts/api.md Accounts: JWT_SECRET and JWT_REFRESH_SECRET")
    before = belongings(target, person)
    wrong = control(access, keys["jwt_refresh_secret"])
    _refuse_all(inspection, person, {"access token with the key of refresh tokens": wrong.reveal()}, recorder)
    result = target.call("refresh", fields={"refresh_token": control(refresh, keys["jwt_secret"])})
    _expect_refusal(inspection, result, "accepted: refresh token with the key of access tokens")
    expect_unchanged(inspection, person, before)
    inspection.close(recorder)


def test_tokens_after_logout_are_refused(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """What the logout revokes opens no operation any more; a session of the same account beside it goes on."""
    person = settle(target, accounts)
    account = person.account
    login = target.call("login", fields={"username": account.username, "password": account.password}).expect_status()
    beside = login.secret("access_token")
    target.call("logout", token=person.token, **exercise("logout", person)).expect_status()
    inspection = Inspection(target, "token:revoked", f"{RULE} revoked")
    _await_refusal(target, lambda: target.call("refresh", **exercise("refresh", person)))
    if "access_token" in target.operation("logout").revokes:
        _await_refusal(target, lambda: target.call("user", token=person.token))
        _refuse_all(inspection, person, {"after the logout": person.token.reveal()}, recorder)
    for name, token in (("refresh", None), ("logout", beside)):
        result = target.call(name, token=token, **exercise(name, person))
        _expect_refusal(inspection, result, "accepted: refresh token after the logout")
    for operation in ("user", "list_files"):
        result = target.call(operation, token=beside)
        inspection.expect_status(result, 200, defect="another session ended, too", role="session beside")
    account.access_token = beside  # for the removal
    inspection.close(recorder)


@pytest.mark.needs("registration")
@pytest.mark.accounts(2)
def test_tokens_of_a_deleted_account_are_refused(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Once the account is gone its tokens open nothing, and whoever registers next does not get its things."""
    person = settle(target, accounts)
    target.call("delete_account", token=person.token, **exercise("delete_account", person)).expect_status()
    accounts.forget(person.account)
    accounts.new()  # whoever comes next must not get the id, and with it the tokens
    inspection = Inspection(target, "token:deleted-account", f"{RULE} of an account that is gone")
    _refuse_all(inspection, person, {"of a deleted account": person.token.reveal()}, recorder)
    for name in ("refresh", "login"):
        result = target.call(name, **exercise(name, person))
        _expect_refusal(inspection, result, "accepted: of a deleted account")
    inspection.close(recorder)


@pytest.mark.level("disposable")
@pytest.mark.needs("registration", "d1", "postgres")
def test_tokens_of_a_disabled_account_are_refused(
    target: Target, accounts: Accounts, row_store: RowStore, recorder: Recorder
) -> None:
    """A disabled account cannot log in, and the tokens that it has open nothing."""
    person = settle(target, accounts)
    before = belongings(target, person)
    standing = AccountRoles(target.environment, row_store)
    inspection = Inspection(target, "token:disabled-account", f"{RULE} of an account that is disabled")
    standing.disable(target, person.account)
    try:
        _refuse_all(inspection, person, {"of a disabled account": person.token.reveal()}, recorder)
        for name in ("refresh", "login"):
            result = target.call(name, **exercise(name, person))
            _expect_refusal(inspection, result, "accepted: of a disabled account")
    finally:
        standing.enable(target, person.account)
    expect_unchanged(inspection, person, before)
    inspection.close(recorder)


def test_tokens_of_the_other_system_are_refused_everywhere(
    target: Target, accounts: Accounts, recorder: Recorder
) -> None:
    """A token that the other system gave opens no operation here (contracts/api.md, Accounts)."""
    name = "legacy" if target.system == "worker" else "worker"
    if name not in target.environment.systems:
        raise NotVerified(f"{target.environment.name} has no {name}")
    other = Target(name, target.environment, target.client, target.recorder)
    theirs = accounts.beside(other)
    try:
        # In one order for both systems, so that two of these checks never hold what the other one waits for.
        made = {one.system: one.new() for one in sorted((accounts, theirs), key=lambda one: one.system)}
        inspection = Inspection(target, "token:other-system", "contracts/api.md Accounts: a token of one system …")
        stranger, person = made[name], Person(made[target.system])
        target.call("user", token=person.token).expect_status()
        other.call("user", token=stranger.access_token).expect_status()
        tokens = {"access token": stranger.access_token.reveal(), "refresh token": stranger.refresh_token.reveal()}
        # Accounts that were migrated have one number on both systems: a token for it must open nothing all the same.
        same = {
            f"{kind} for the same number": with_identity(
                token,
                str(stranger.user_id),
                str(person.account.user_id),
                target.environment.secrets.get(f"{name}_jwt_secret"),
            )
            for kind, token in (("access token", stranger.access_token), ("refresh token", stranger.refresh_token))
        }
        tokens |= {kind: token.reveal() for kind, token in same.items()}
        _refuse_all(inspection, person, {f"{name}'s {kind}": token for kind, token in tokens.items()}, recorder)
        for token in (stranger.refresh_token, same["refresh token for the same number"]):
            result = target.call("refresh", fields={"refresh_token": token})
            _expect_refusal(inspection, result, f"accepted: {name}'s refresh token")
        inspection.close(recorder)
    finally:
        theirs.close(recorder)


@pytest.mark.level("disposable")
@pytest.mark.needs("registration", "d1", "postgres")
@pytest.mark.accounts(2)
def test_refused_logins_are_indistinguishable(
    target: Target, accounts: Accounts, row_store: RowStore, recorder: Recorder
) -> None:
    """A wrong name, a wrong password and a disabled account are refused by one answer: nobody learns who is here."""
    inspection = Inspection(
        target, "login:refusal", "contracts/api.md Accounts: login, all three alike; OWASP API2:2023"
    )
    account, disabled, nobody = accounts.new(), accounts.new(), accounts.name()
    standing = AccountRoles(target.environment, row_store)
    standing.disable(target, disabled)
    try:
        answers = {
            who: target.call("login", fields={"username": person.username, "password": password})
            for who, person, password in (
                ("a wrong password", account, new_password()),
                ("a wrong name", nobody, nobody.password),
                ("a disabled account", disabled, disabled.password),
                ("a disabled account, a wrong password", disabled, new_password()),
            )
        }
    finally:
        standing.enable(target, disabled)
    first = answers["a wrong password"]
    for who, result in answers.items():
        _expect_refusal(inspection, result, f"{who} is not 401")
        if found := differences(trace(first), trace(result)):
            inspection.see(
                result, f"{who} is told apart", expected="one answer to all", got=f"another {', '.join(found)}"
            )
    inspection.close(recorder)


def _refuse_all(inspection: Inspection, person: Person, tokens: Mapping[str, str], recorder: Recorder) -> None:
    target = inspection.target
    for operation in guarded(present(target, recorder)):
        for kind, token in tokens.items():
            result = target.call(operation.name, token=token, **exercise(operation.name, person))
            _expect_refusal(inspection, result, f"accepted: {kind}")


def _expect_refusal(inspection: Inspection, result: Result, defect: str) -> None:
    """401, and the challenge that RFC 9110 15.5.2 wants with it."""
    if not inspection.expect_status(result, 401, defect=defect, do_next=DO_NEXT):
        return
    challenge = result.answer.headers.get("www-authenticate", "")
    if not challenge.lower().startswith("bearer"):
        inspection.see(
            result,
            "401 without a challenge",
            expected="WWW-Authenticate: Bearer",
            got=repr(challenge),
            rule="RFC 9110 15.5.2; RFC 6750 3",
        )


def _await_refusal(target: Target, send: Callable[[], Result]) -> None:
    """What depends on KV is seen everywhere within its time; from then on it is refused for good."""
    deadline = target.environment.kv_propagation_s
    result, _, refused = target.poll(
        send, lambda seen: seen.status == 401, deadline, interval_s=min(1.0, deadline / 10)
    )
    if not refused:
        raise result.failed(
            "logout:token-lives", expected=f"401 within {deadline:g} s of the logout", got=result.answer.excerpt
        )


def _basic(person: Person) -> str:
    """Name and password as RFC 7617 sends them."""
    return base64.b64encode(f"{person.account.username}:{person.account.password.reveal()}".encode()).decode()
