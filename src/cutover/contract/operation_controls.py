"""Controls: a valid request to an operation succeeds, which proves that a refused or odd response means something.

A missing route answers 404 to every request. Without a control, each promise about the operation would be a finding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cutover.accounts.registered import Accounts
from cutover.accounts.sessions import TOKENS, take_session
from cutover.contract.valid_requests import UNAUTHENTICATED, create_person, objects_for, valid_request
from cutover.core.errors import LocalRuntimeAnswer, NotVerified
from cutover.systems.target import Result, Target

WITHOUT_ACCOUNT: Final = frozenset({"health", "metrics", "index", "front_end", "no_such_operation"})
"""Operations whose valid request needs no account."""


class OperationControls:
    """Sends the control of an operation when one of its responses is about to become a finding.

    Each process sends a control at most once, unless the operation fails now and then.
    """

    def __init__(self, target: Target, accounts: Callable[[], Accounts]) -> None:
        """accounts: returns the check's accounts. It raises NotVerified if the environment allows none."""
        self._target, self._accounts = target, accounts

    def prove(self, operation: str) -> None:
        """Raise Blocked if a valid request to the operation fails, or needs another one that fails.

        Return if it succeeds, or cannot be sent in this environment.
        """
        target = self._target
        if not target.preconditions.blocks(operation, target.system):
            return
        if target.preconditions.has_worked(operation, target.system):
            return
        for name in ("register", *objects_for(target.operation(operation)), operation):
            target.preconditions.refuse_broken(name, target.system)  # before an account is created for the control
        try:
            send_valid(target, operation, self._accounts)
        except LocalRuntimeAnswer:
            raise  # nothing is proved, so the response that needs the control is no finding
        except NotVerified:
            return


def send_valid(target: Target, name: str, accounts: Callable[[], Accounts]) -> Result:
    """Send the valid request of an operation from a new account, and return the successful response.

    Raises Blocked or CheckFailed (`Target.needs`), and NotVerified if the environment allows no account, or too few.
    """
    operation = target.operation(name)
    if name in WITHOUT_ACCOUNT:
        return target.prepare(name, path={"path": ""})
    own = accounts()
    if name == "register":
        account = own.name()
        with target.needs(name):
            registered = own.register(account).expect_status()
        with target.needs(TOKENS):
            take_session(target, account, registered)
        return registered
    person = create_person(target, own, objects=(), requires=objects_for(operation))
    token = None if name in UNAUTHENTICATED else person.token
    result = target.prepare(name, token=token, **valid_request(name, person))
    if name == "delete_account":
        own.forget(person.account)
    return result
