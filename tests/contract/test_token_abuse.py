"""Missing, forged, expired and revoked tokens are refused by every operation that requires a token.

Contract: Accounts (a token is refused when …); RFC 6750, RFC 7519, RFC 8725.
"""

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from cutover.accounts.registered import Accounts
from cutover.accounts.roles import AccountRoles
from cutover.accounts.sessions import can_refresh, prepare_refresh, text_of
from cutover.config.environment_promises import token_claims
from cutover.config.operations import Operation
from cutover.contract.access_control import comparable_parts, differing_parts
from cutover.contract.account_snapshot import expect_unchanged, snapshot
from cutover.contract.finding_collector import Inspection, available_operations
from cutover.contract.forged_tokens import (
    control_token,
    forged_with_key,
    forged_without_key,
    rule_of_claims,
    with_identity,
)
from cutover.contract.valid_requests import (
    Person,
    authenticated_operations,
    create_person,
    renew_session,
    valid_request,
)
from cutover.core.errors import NotVerified
from cutover.core.recorder import Recorder
from cutover.core.rule_table import Rule
from cutover.core.secrets import new_password
from cutover.stores import RowStore
from cutover.systems.target import Result, Target

pytestmark = [
    pytest.mark.contract,
    pytest.mark.system("worker", "legacy"),
    pytest.mark.level("test-data"),
    pytest.mark.never_waived("isolation between users"),
    pytest.mark.plan("Environment Configuration: JWT_SECRET, JWT_ISSUER, JWT_AUDIENCE; contracts/api.md, Accounts"),
    pytest.mark.rule(Rule.AUTHENTICATION),
]

RULE = "contracts/api.md Accounts: a token is refused (401) when …"
DO_NEXT = "stop the cutover and check the token validation: such a token gives access to users' data"


def test_operations_need_a_token(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Every operation returns 401 with a challenge without a token, or with one in another place or scheme."""
    person = create_person(target, accounts)
    inspection = Inspection(target, "token:missing", "contracts/api.md Everywhere: Statuses; RFC 6750 2 and 3")
    token = person.token.reveal()
    attempts: dict[str, dict[str, Any]] = {
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
    before, accepted = snapshot(target, person), set[str]()
    for operation in authenticated_operations(available_operations(target, recorder)):
        for attempt, sent in attempts.items():
            result = target.call(operation.name, **valid_request(operation.name, person), **sent)
            _expect_refusal(inspection, result, f"accepted: {attempt}")
            accepted |= {operation.name} if result.succeeded else set()
    _renew_after_logout(target, person, accepted)
    expect_unchanged(inspection, person, before)
    for method, operation in _undeclared(authenticated_operations(available_operations(target, recorder))):
        path = valid_request(operation.name, person).get("path")
        content = (b"cutover,overwritten\n", "text/csv")
        target.call(operation.name, method=method, path=path, content=content)  # any status: house:405-before-401
        inspection.count(operation.name)
    expect_unchanged(inspection, person, before, after="an undeclared method without a token")
    inspection.close(recorder)


def _undeclared(operations: Sequence[Operation]) -> Iterator[tuple[str, Operation]]:
    """Yield the changing methods that no operation of the same path declares, each path once."""
    declared: dict[str, set[str]] = {}
    for operation in operations:
        declared.setdefault(operation.path, set()).add(operation.method)
    first = {operation.path: operation for operation in reversed(operations)}
    for path, methods in declared.items():
        for method in ("PUT", "PATCH", "POST", "DELETE"):
            if method not in methods:
                yield method, first[path]


def test_forged_tokens_are_refused(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Tokens forged without the key (alg none, other secrets, changed claims, own key) are refused."""
    person = create_person(target, accounts)
    inspection = Inspection(target, "token:forged", f"{RULE} wrongly signed; RFC 8725 3.1")
    before = snapshot(target, person)
    accepted = _refuse_all(inspection, person, forged_without_key(person.token), recorder)
    _renew_after_logout(target, person, accepted)
    expect_unchanged(inspection, person, before)
    inspection.close(recorder)


def test_signed_tokens_with_wrong_claims_are_refused(
    target: Target, accounts: Accounts, promises: Mapping[str, Any], recorder: Recorder
) -> None:
    """Correctly signed tokens with a wrong expiry, issuer, audience, algorithm or subject are refused."""
    person = create_person(target, accounts)
    key = target.environment.secrets.get(f"{target.system}_jwt_secret")
    if key is None:
        raise NotVerified(f"environments.toml names no secrets.{target.system}_jwt_secret to sign with")
    target.prepare(target.protected_read, token=person.token)
    good = control_token(person.token, key)
    target.call(target.protected_read, token=good).expect_status(200, why="signed with the environment's own secret")
    inspection = Inspection(target, "token:claims", f"{RULE} expired, of another issuer or audience; RFC 7519 4.1")
    before = snapshot(target, person)
    forged = forged_with_key(good, key, token_claims(promises, target.system))
    accepted = _refuse_all(inspection, person, forged, recorder, rule_of=rule_of_claims)
    _renew_after_logout(target, person, accepted)
    expect_unchanged(inspection, person, before)
    inspection.close(recorder)


def test_tokens_of_the_other_type_are_refused(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """A refresh token is refused as an access token, and an access token as a refresh token."""
    person = create_person(target, accounts)
    inspection = Inspection(target, "token:type", f"{RULE} of the other type")
    if target.has("refresh"):
        prepare_refresh(target, person.account)
    before = snapshot(target, person)
    other_type = {"refresh token as access token": person.account.refresh_token.reveal()}
    _renew_after_logout(target, person, _refuse_all(inspection, person, other_type, recorder))
    for name in filter(target.has, ("refresh", "logout")):
        token = person.token if name == "logout" else None
        result = target.call(name, token=token, fields={"refresh_token": person.token})
        # A logout without an effect is harmless; both tokens are still valid, as the check shows below.
        breaks = Rule.STATUSES if name == "logout" else None
        _expect_refusal(inspection, result, "accepted: access token as refresh token", breaks=breaks)
    expect_unchanged(inspection, person, before)
    if target.has("refresh"):
        with target.judged("refresh"):
            target.call("refresh", **valid_request("refresh", person)).expect_status(200, why="nothing was revoked")
    inspection.close(recorder)


@pytest.mark.system("worker")
@pytest.mark.rule(Rule.TOKEN_CLAIMS)
def test_each_type_of_token_has_its_own_key(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """A token signed with the key of the other token type is refused."""
    person = create_person(target, accounts)
    named = target.environment.secrets
    keys = {name: named.get(f"worker_{name}") for name in ("jwt_secret", "jwt_refresh_secret")}
    if missing := [f"secrets.worker_{name}" for name, key in keys.items() if key is None]:
        raise NotVerified(f"environments.toml names no {' and no '.join(missing)} to sign with")
    target.prepare(target.protected_read, token=person.token)
    refreshes = can_refresh(target, person.account)
    if refreshes:
        prepare_refresh(target, person.account)
    access, refresh = person.token, person.account.refresh_token
    target.call(target.protected_read, token=control_token(access, keys["jwt_secret"])).expect_status()
    if refreshes:
        good = control_token(refresh, keys["jwt_refresh_secret"])
        target.call("refresh", fields={"refresh_token": good}).expect_status()
    inspection = Inspection(target, "token:key", "contracts/api.md Accounts: JWT_SECRET and JWT_REFRESH_SECRET")
    before = snapshot(target, person)
    wrong = control_token(access, keys["jwt_refresh_secret"])
    _refuse_all(inspection, person, {"access token with the key of refresh tokens": wrong.reveal()}, recorder)
    if refreshes:
        result = target.call("refresh", fields={"refresh_token": control_token(refresh, keys["jwt_secret"])})
        _expect_refusal(inspection, result, "accepted: refresh token with the key of access tokens")
    expect_unchanged(inspection, person, before)
    inspection.close(recorder)


@pytest.mark.rule(Rule.REVOCATION)
def test_tokens_after_logout_are_refused(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Tokens of an ended session are refused; another session of the same account continues."""
    person = create_person(target, accounts)
    account = person.account
    login = target.prepare("login", having=("access_token",), **valid_request("login", person))
    other = login.secret("access_token")
    target.prepare("logout", token=person.token, **valid_request("logout", person))
    inspection = Inspection(target, "token:revoked", f"{RULE} revoked")
    revoked = target.operation("logout").revokes
    refreshes = "refresh_token" in revoked and can_refresh(target, account)
    if refreshes:
        _await_refusal(target, lambda: target.call("refresh", **valid_request("refresh", person)))
    if "access_token" in revoked:
        _await_refusal(target, lambda: target.call(target.protected_read, token=person.token))
        _refuse_all(inspection, person, {"after the logout": person.token.reveal()}, recorder)
    for name, token in (("refresh", None), ("logout", other)) if "refresh_token" in revoked else ():
        if not (refreshes if name == "refresh" else _sends_refresh_token(target, name, person)):
            continue
        result = target.call(name, token=token, **valid_request(name, person))
        breaks = Rule.STATUSES if name == "logout" else None  # a second logout without an effect is harmless
        _expect_refusal(inspection, result, "accepted: refresh token after the logout", breaks=breaks)
    for operation in target.present("user", "list_files"):
        result = target.call(operation, token=other)
        inspection.expect_status(
            result, *result.operation.statuses, defect="the logout ended another session", role="other session"
        )
    account.access_token = other  # for the cleanup
    inspection.close(recorder)


@pytest.mark.needs("registration")
@pytest.mark.accounts(2)
@pytest.mark.rule(Rule.REVOCATION)
def test_tokens_of_a_deleted_account_are_refused(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Tokens of a deleted account are refused, also after another account is registered."""
    person = create_person(target, accounts)
    target.prepare("delete_account", token=person.token, **valid_request("delete_account", person))
    accounts.forget(person.account)
    accounts.new()  # a new account must not get the id of the deleted one, which would make its tokens valid
    inspection = Inspection(target, "token:deleted-account", f"{RULE} of an account that is gone")
    _refuse_all(inspection, person, {"of a deleted account": person.token.reveal()}, recorder)
    for name in _ways_in(target, person):
        result = target.call(name, **valid_request(name, person))
        _expect_refusal(inspection, result, "accepted: of a deleted account")
    inspection.close(recorder)


@pytest.mark.level("disposable")
@pytest.mark.needs("registration", "d1", "postgres")
@pytest.mark.rule(Rule.REVOCATION)
def test_tokens_of_a_disabled_account_are_refused(
    target: Target, accounts: Accounts, row_store: RowStore, recorder: Recorder
) -> None:
    """A disabled account cannot log in, and its tokens are refused."""
    person = create_person(target, accounts)
    before = snapshot(target, person)
    roles = AccountRoles(target.environment, row_store)
    inspection = Inspection(target, "token:disabled-account", f"{RULE} of an account that is disabled")
    roles.disable(target, person.account)
    try:
        _refuse_all(inspection, person, {"of a disabled account": person.token.reveal()}, recorder)
        for name in _ways_in(target, person):
            result = target.call(name, **valid_request(name, person))
            _expect_refusal(inspection, result, "accepted: of a disabled account")
    finally:
        roles.enable(target, person.account)
    expect_unchanged(inspection, person, before)
    inspection.close(recorder)


def test_tokens_of_the_other_system_are_refused_everywhere(
    target: Target, accounts: Accounts, recorder: Recorder
) -> None:
    """A token of the other system is refused by every operation (contracts/api.md, Accounts)."""
    name = "legacy" if target.system == "worker" else "worker"
    other = target.other(name)
    theirs = accounts.for_target(other)
    try:
        # The same order in both checks, so that two processes do not wait for each other's account (deadlock).
        created = {one.system: one.new() for one in sorted((accounts, theirs), key=lambda one: one.system)}
        inspection = Inspection(target, "token:other-system", "contracts/api.md Accounts: a token of one system …")
        stranger, person = created[name], Person(created[target.system])
        target.prepare(target.protected_read, token=person.token)
        other.prepare(other.protected_read, token=stranger.access_token)
        theirs_of = {"access token": stranger.access_token, "refresh token": stranger.refresh_token}
        given = {kind: token for kind, token in theirs_of.items() if text_of(token)}
        tokens = {kind: token.reveal() for kind, token in given.items()}
        # A migrated account has the same id on both systems: a token with that id must be refused, too.
        same = {
            f"{kind} with the same id": with_identity(
                token,
                str(stranger.user_id),
                str(person.account.user_id),
                target.environment.secrets.get(f"{name}_jwt_secret"),
            )
            for kind, token in given.items()
        }
        tokens |= {kind: token.reveal() for kind, token in same.items()}
        _refuse_all(inspection, person, {f"{name}'s {kind}": token for kind, token in tokens.items()}, recorder)
        refreshing = (
            [given["refresh token"], same["refresh token with the same id"]] if "refresh token" in given else []
        )
        for token in refreshing if target.has("refresh") else ():
            result = target.call("refresh", fields={"refresh_token": token})
            _expect_refusal(inspection, result, f"accepted: {name}'s refresh token")
        inspection.close(recorder)
    finally:
        theirs.close(recorder)


@pytest.mark.level("disposable")
@pytest.mark.needs("registration", "d1", "postgres")
@pytest.mark.accounts(2)
@pytest.mark.rule(Rule.HIDDEN_OBJECTS)
def test_refused_logins_are_indistinguishable(
    target: Target, accounts: Accounts, row_store: RowStore, recorder: Recorder
) -> None:
    """Refused logins do not reveal if the name is unknown, the password wrong or the account disabled."""
    inspection = Inspection(
        target, "login:refusal", "contracts/api.md Accounts: login, all three alike; OWASP API2:2023"
    )
    account, disabled, unregistered = accounts.new(), accounts.new(), accounts.name()
    roles = AccountRoles(target.environment, row_store)
    roles.disable(target, disabled)
    try:
        answers = {
            who: target.call("login", fields={"username": person.username, "password": password})
            for who, person, password in (
                ("a wrong password", account, new_password()),
                ("a wrong name", unregistered, unregistered.password),
                ("a disabled account", disabled, disabled.password),
                ("a disabled account, a wrong password", disabled, new_password()),
            )
        }
    finally:
        roles.enable(target, disabled)
    first = answers["a wrong password"]
    for who, result in answers.items():
        _expect_refusal(inspection, result, f"accepted: {who}")
        if found := differing_parts(comparable_parts(first), comparable_parts(result)):
            inspection.report(
                result, f"{who} is distinguishable", expected="equal responses", got=f"different: {', '.join(found)}"
            )
    inspection.close(recorder)


def _refuse_all(
    inspection: Inspection,
    person: Person,
    tokens: Mapping[str, str],
    recorder: Recorder,
    *,
    rule_of: Callable[[str], Rule | None] = lambda _: None,
) -> set[str]:
    """Expect that every operation refuses each token, and return the operations that accepted one.

    rule_of: kind of token -> rule that its acceptance breaks.
    """
    target, accepted = inspection.target, set[str]()
    rules = {kind: rule_of(kind) for kind in tokens}
    judged = {kind: token for kind, token in tokens.items() if (rule := rules[kind]) is None or target.judges(rule)}
    for operation in authenticated_operations(available_operations(target, recorder)):
        for kind, token in judged.items():
            result = target.call(operation.name, token=token, **valid_request(operation.name, person))
            _expect_refusal(inspection, result, f"accepted: {kind}", breaks=rules[kind])
            accepted |= {operation.name} if result.succeeded else set()
    return accepted


def _renew_after_logout(target: Target, person: Person, accepted: set[str]) -> None:
    """Log the person in again if a logout was accepted. Its acceptance is a finding, and its effect is not a second."""
    if "logout" in accepted and target.has("login"):
        renew_session(target, person)


def _expect_refusal(inspection: Inspection, result: Result, defect: str, *, breaks: Rule | None = None) -> None:
    """Expect 401 with the challenge that RFC 9110 15.5.2 requires."""
    if (
        not inspection.expect_refusal(result, 401, defect=defect, do_next=DO_NEXT, breaks=breaks)
        or result.status != 401
    ):
        return
    challenge = result.answer.headers.get("www-authenticate", "")
    if not challenge.lower().startswith("bearer"):
        inspection.report(
            result,
            "401 without a challenge",
            expected="WWW-Authenticate: Bearer",
            got=repr(challenge),
            rule="RFC 9110 15.5.2; RFC 6750 3",
            breaks=Rule.CHALLENGE,
        )


def _ways_in(target: Target, person: Person) -> list[str]:
    """Return the operations that give the person a new token. The system has them and gave what they need."""
    names = ["refresh"] if can_refresh(target, person.account) else []
    return [*names, "login"] if target.has("login") else names


def _sends_refresh_token(target: Target, name: str, person: Person) -> bool:
    """Return True if a valid request to the operation contains a refresh token."""
    dropped = "request.refresh_token" in target.operation(name).dropped
    return not dropped and bool(text_of(person.account.refresh_token))


def _await_refusal(target: Target, send: Callable[[], Result]) -> None:
    """Poll until the request is refused, at most the propagation time of KV. Raises CheckFailed."""
    deadline = target.environment.kv_propagation_s
    result, _, refused = target.poll(
        send,
        lambda seen: seen.is_refusal or seen.is_status(401),  # 401 may be declared as a redirect
        deadline,
        interval_s=min(1.0, deadline / 10),
    )
    if not refused:
        raise result.failed(
            "logout:token-lives", expected=f"401 within {deadline:g} s of the logout", got=result.answer.excerpt
        )


def _basic(person: Person) -> str:
    """Return name and password as Basic credentials (RFC 7617)."""
    return base64.b64encode(f"{person.account.username}:{person.account.password.reveal()}".encode()).decode()
