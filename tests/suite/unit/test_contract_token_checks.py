"""Checks of tokens on a deployment whose logout is open: its effect is no second finding."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.contract import test_token_abuse as checks
from tests.suite.support.scripted_client import load, target_of

from cutover.accounts.registered import Accounts
from cutover.client.request import Request
from cutover.config.validation import root
from cutover.core.errors import CheckFailed

pytestmark = pytest.mark.unit

ABSENT = (
    "delete_account", "upload", "list_files", "file", "download", "delete", "tags", "columns", "export",
    "list_filters", "create_filter", "filter", "delete_filter", "index", "front_end",
)  # fmt: skip


class Deployment:
    """A deployment of sessions only: each login has its own two tokens, and a logout ends both of one session.

    open_logout: a logout succeeds with any access token or none. forgets: a refused refresh ends the session.
    """

    def __init__(self, *, open_logout: bool, forgets: bool = False) -> None:
        self.open_logout, self.forgets = open_logout, forgets
        self.sessions: list[tuple[str, str]] = []
        self.opened = 0

    def __call__(self, request: Request) -> tuple[int, Any]:
        """Answer register, login, refresh, user and logout."""
        fields = request.json if isinstance(request.json, dict) else {}
        sent = fields.get("refresh_token")
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        mine = next((session for session in self.sessions if session[0] == bearer), None)
        match request.operation:
            case "register" | "login":
                self.opened += 1
                session = (f"an-access-token-of-login-{self.opened}", f"a-refresh-token-of-login-{self.opened}")
                self.sessions.append(session)
                user = {"id": 1, "username": "someone"}
                return (201 if request.operation == "register" else 200), {
                    "access_token": session[0], "refresh_token": session[1], "user": user, **user,
                }  # fmt: skip
            case "refresh":
                session = next((session for session in self.sessions if session[1] == sent), None)
                if session is None:
                    self.sessions = [] if self.forgets else self.sessions
                    return 401, {"error": "no"}
                return 200, {"access_token": session[0]}
            case "logout":
                if mine is None and not self.open_logout:
                    return 401, {"error": "no"}
                self.sessions = [session for session in self.sessions if session[1] != sent]
                return 204, None
            case "user":
                return (200, {"id": 1, "username": "someone"}) if mine else (401, {"error": "no"})
        return 404, {"error": "no"}


def findings(check: Any, deployment: Deployment, folder: Path) -> str:
    """Return the error of the check on the deployment, by universal rules."""
    shutil.copytree(root() / "contracts", folder / "contracts")
    absent = "".join(f'[x.operations.{name}.worker]\nabsent = "not here"\n' for name in ABSENT)
    environment = load(folder, f'rules = "universal"\n{absent}')
    target, _ = target_of(environment, deployment)
    with pytest.raises(CheckFailed) as caught:
        check(target, Accounts(target, "run", None), target.recorder)
    return str(caught.value)


def test_effect_of_an_accepted_logout_is_no_finding(tmp_path: Path) -> None:
    """The open logout accepted the refresh token and ended its session: one finding, not also the ended session."""
    found = findings(checks.test_tokens_of_the_other_type_are_refused, Deployment(open_logout=True), tmp_path)
    assert "accepted: refresh token as access token" in found
    assert "at        logout" in found
    assert "status:refresh" not in found


def test_session_ended_by_a_refusal_is_a_finding(tmp_path: Path) -> None:
    """A refused refresh ended the session, and no logout was accepted: the session must still be valid."""
    deployment = Deployment(open_logout=False, forgets=True)
    found = findings(checks.test_tokens_of_the_other_type_are_refused, deployment, tmp_path)
    assert "status:refresh" in found or "data changed" in found


def test_data_are_readable_after_an_accepted_logout(tmp_path: Path) -> None:
    """The logout without a token ended the session: the data of the account are read with a new one."""
    found = findings(checks.test_operations_need_a_token, Deployment(open_logout=True), tmp_path)
    assert "accepted: none" in found
    assert "data changed" not in found
