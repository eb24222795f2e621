"""Accounts, sessions and tokens. Plan: Staging Validation Script, authentication."""

import time

import pytest

from cutover.accounts.registered import Account, Accounts
from cutover.accounts.sessions import (
    TOKENS,
    can_refresh,
    expect_owner,
    prepare_refresh,
    take_refresh_token,
    take_session,
)
from cutover.client.jwt import reissued
from cutover.core.errors import NotApplicable, NotVerified
from cutover.core.recorder import Recorder
from cutover.core.rule_table import Rule
from cutover.core.secrets import Secret, new_password
from cutover.systems.target import Result, Target

pytestmark = [
    pytest.mark.smoke,
    pytest.mark.system("worker", "legacy"),
    pytest.mark.level("test-data"),
    pytest.mark.plan("Staging Validation Script: authentication test"),
    pytest.mark.rule(Rule.AUTHENTICATION),
]


PASSWORD_SIZES = (120, 100, 80, 73, 72, 64, 40)
"""Sizes of the password, the longest first: a system may refuse passwords that it would cut."""
PASSWORD_CUTS = (8, 16, 32, 39, 63, 64, 71, 72, 99, 100, 119)
"""Lengths at which hashes, columns and forms cut passwords. 72 is bcrypt's."""


@pytest.mark.needs("registration")
@pytest.mark.rule(Rule.OPERATIONS)
@pytest.mark.owns("register", TOKENS)
def test_register_gives_working_tokens(target: Target, accounts: Accounts) -> None:
    """A registration returns the account and two tokens, and the access token gives access to that account."""
    account = accounts.name()
    result = accounts.register(account).expect_status()
    if result.operation.has("username") and result.field("username") != account.username:
        raise result.failed("register:username", expected=account.username, got=repr(result.field("username")))
    take_session(target, account, result)
    _expect_access(target, account)


@pytest.mark.needs("registration")
@pytest.mark.never_waived("isolation between users")
def test_passwords_count_to_their_last_byte(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """The longest accepted password is needed in full: its beginnings are refused (bcrypt compares only 72 bytes)."""
    for size in PASSWORD_SIZES:
        account = accounts.name()
        accounts.set_password(account, Secret((new_password().reveal() * 6)[:size]))
        registered = accounts.register(account)
        if not registered.is_status(400, 422):
            break
    else:
        raise NotVerified(f"{target.system} refuses passwords of {PASSWORD_SIZES[-1]} bytes, so none could be cut")
    registered.expect_status()
    _prepare_login(target, account)
    lengths = [length for length in PASSWORD_CUTS if length < size]
    for length in lengths:
        password = account.password.reveal()
        other = "".join("y" if character == "x" else "x" for character in password[length:])
        for wrong in (password[:length], password[:length] + other):
            _login(target, account.username, Secret(wrong)).expect_refusal(
                401, why=f"only the first {length} of {size} bytes are right"
            )
    recorder.measure(f"beginnings of {size} bytes refused", len(lengths), "all", sample=len(lengths))


@pytest.mark.needs("registration")
@pytest.mark.rule(Rule.VALIDATION)
def test_email_keeps_its_spelling(target: Target, accounts: Accounts) -> None:
    """The part of an address before the @ keeps its capital letters (RFC 5321, 2.4)."""
    target.operation("user").require("response", "email")
    account = accounts.name()
    account.email = f"Mixed.Case-{account.email}"
    with target.needs("register"):
        registered = accounts.register(account).expect_status()
    accounts.open_session(account, registered)
    expect_owner(_user(target, account.access_token), account, fields=("email",))


@pytest.mark.needs("registration")
@pytest.mark.never_waived("isolation between users")
@pytest.mark.rule(Rule.ISOLATION)
def test_second_registration_of_a_name_is_refused(target: Target, accounts: Accounts) -> None:
    """A second registration of a name is refused with 400 and does not change the account's password."""
    account = accounts.new()
    _prepare_login(target, account)
    other = new_password()
    again = target.call(
        "register",
        fields={
            "username": account.username,
            "email": f"second-{account.email}",
            "password": other,
            "password_again": other,
        },
    )
    again.expect_refusal(400, why="the name is taken")
    _login(target, account.username, account.password).expect_status()
    _login(target, account.username, other).expect_refusal(401, why="the second registration changed nothing")


@pytest.mark.accounts(2)
@pytest.mark.rule(Rule.OPERATIONS)
@pytest.mark.owns("login", "logout", "refresh", "user")
def test_session_from_login_to_logout(target: Target, accounts: Accounts) -> None:
    """Register, log in, refresh, read the account and log out all succeed in one session."""
    account, _later = accounts.new(), accounts.new()  # a profile of the account that registered last would be wrong
    login = _login(target, account.username, account.password).expect_status()
    take_session(target, account, login)
    expect_owner(login, account, fields=("username", "email"))
    if target.has("refresh") and login.operation.has("refresh_token"):
        refreshed = _refresh(target, account.refresh_token).expect_status()
        account.access_token = take_refresh_token(account, refreshed).secret("access_token")
    _expect_access(target, account)
    if target.has("logout"):
        fields = {"refresh_token": account.refresh_token}
        target.call("logout", token=account.access_token, fields=fields).expect_status()


def test_wrong_password_is_refused(target: Target, accounts: Accounts) -> None:
    """A login with a wrong password, or with the right one in another case or length, returns 401 and no token."""
    account = accounts.new()
    _prepare_login(target, account)
    right = account.password.reveal()
    nearly = (right.swapcase(), right[:-1])  # few attempts, because a deployment may lock an account after some
    for wrong in (new_password(), *map(Secret, nearly)):
        _login(target, account.username, wrong).expect_refusal(401, why="the password is wrong")
    _login(target, account.username, account.password).expect_status()


@pytest.mark.never_waived("isolation between users")
@pytest.mark.rule(Rule.REVOCATION)
def test_logout_revokes_tokens(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """After a logout the revoked tokens are refused within the propagation time of KV."""
    account = accounts.new()
    declared = target.operation("logout").revokes
    revokes = [name for name in declared if name != "refresh_token" or can_refresh(target, account)]
    if not revokes:
        raise NotApplicable(f"{target.operation('logout').where} declares no revoked token that can be used here")
    target.prepare(target.protected_read, token=account.access_token)  # the tokens are valid before the logout
    if "refresh_token" in revokes:
        prepare_refresh(target, account)
    target.prepare("logout", token=account.access_token, fields={"refresh_token": account.refresh_token})
    uses = {
        "access_token": lambda: _read(target, account.access_token),
        "refresh_token": lambda: _refresh(target, account.refresh_token),
    }
    started, deadline = time.monotonic(), target.environment.kv_propagation_s
    for name in revokes:
        left = deadline - (time.monotonic() - started)  # one deadline for both tokens, from the logout
        result, _, refused = target.poll(
            uses[name],
            lambda seen: seen.is_refusal or seen.is_status(401),  # 401 may be declared as a redirect
            left,
            interval_s=min(1.0, deadline / 10),
        )
        seconds = time.monotonic() - started
        recorder.measure(f"{name} refused within (s)", round(seconds, 3), f"<= {deadline:g}")
        if not refused:
            raise result.failed(
                f"logout:{name}-lives",
                expected=f"401 within {deadline:g} s of the logout",
                got=result.answer.excerpt,
                do_next="the token is still valid: check how revoked tokens are stored and looked up",
            )
        result.expect_refusal(401, why="the session was ended")


@pytest.mark.never_waived("isolation between users")
def test_refresh_token_is_refused_as_access_token(target: Target, accounts: Accounts) -> None:
    """A refresh token is refused by operations that require an access token."""
    account = accounts.new()
    target.prepare(target.protected_read, token=account.access_token)
    _read(target, account.refresh_token).expect_refusal(401, why="this is a refresh token")
    if target.has("list_files"):
        target.call("list_files", token=account.refresh_token).expect_refusal(401, why="this is a refresh token")


@pytest.mark.never_waived("isolation between users")
def test_expired_token_is_refused(target: Target, accounts: Accounts) -> None:
    """A correctly signed token of the account with an expiry in the past is refused."""
    account = accounts.new()
    target.prepare(target.protected_read, token=account.access_token)
    key = target.environment.secrets.get(f"{target.system}_jwt_secret")
    valid = reissued(account.access_token, key, lifetime_s=300)
    # A refusal proves the check of the expiry only if the system accepts our signature.
    _read(target, valid).expect_status(why=f"signed with secrets.{target.system}_jwt_secret, not expired")
    for seconds in (120, 3600, 30 * 86400):
        expired = reissued(account.access_token, key, lifetime_s=-seconds)
        _read(target, expired).expect_refusal(401, why=f"the token expired {seconds} s ago")


@pytest.mark.needs("registration")
@pytest.mark.rule(Rule.REVOCATION)
def test_deleted_account_is_gone(target: Target, accounts: Accounts) -> None:
    """A deleted account cannot log in, and its tokens are refused."""
    account = accounts.new()
    _prepare_login(target, account)
    target.prepare(target.protected_read, token=account.access_token)
    refreshes = can_refresh(target, account)
    if refreshes:
        prepare_refresh(target, account)
    target.call("delete_account", token=account.access_token, fields={"password": account.password}).expect_status()
    _login(target, account.username, account.password).expect_refusal(401, why="the account was deleted")
    _read(target, account.access_token).expect_refusal(401, why="the account was deleted")
    if refreshes:
        _refresh(target, account.refresh_token).expect_refusal(401, why="the account was deleted")
    accounts.forget(account)


def _login(target: Target, username: str, password: Secret) -> Result:
    return target.call("login", fields={"username": username, "password": password})


def _prepare_login(target: Target, account: Account) -> None:
    """Prove that logins of this account succeed, so that a refusal is one."""
    target.prepare("login", fields={"username": account.username, "password": account.password})


def _refresh(target: Target, token: Secret) -> Result:
    return target.call("refresh", fields={"refresh_token": token})


def _expect_access(target: Target, account: Account) -> None:
    """Expect that the access token gives access, to this account as far as the system has a read for that."""
    read = _read(target, account.access_token).expect_status()
    if read.operation.name == "user":
        expect_owner(read, account)


def _read(target: Target, token: Secret) -> Result:
    """Read with the token, whatever the account has."""
    return target.call(target.protected_read, token=token)


def _user(target: Target, token: Secret) -> Result:
    return target.call("user", token=token)
