"""Send requests until one response proves the identity of a system."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cutover.accounts.registered import Accounts
from cutover.client.identity import found_in
from cutover.config.environments import Identity
from cutover.contract.operation_controls import WITHOUT_ACCOUNT, send_valid
from cutover.contract.valid_requests import DESTRUCTIVE
from cutover.core.errors import Blocked, CheckFailed, NotApplicable, NotVerified
from cutover.core.safety import SafetyLevel
from cutover.systems.readiness import proving_response
from cutover.systems.target import Result, Target

_FIRST: Final = ("login", "user", "list_files", "list_filters", "refresh", "register")
"""Operations with an account that change no file, the cheapest first."""
_WITHOUT_BODY: Final = frozenset({204, 205, 304})


def identity_proof(target: Target, identity: Identity, accounts: Callable[[], Accounts]) -> Result:
    """Return a response that carries the proof of the system. The client has compared it (client/identity.py).

    accounts: returns the check's accounts. It is called only if no response without an account carries the proof, and
    the environment allows test data. Raises IdentityMismatch for another proof; Blocked if the operations that carry
    it are broken; NotVerified if none of them can be sent here, or no response contains the proof.
    """
    result = proving_response(target, identity)
    if result is not None:
        return result

    def allowed() -> Accounts:
        if target.environment.safety < SafetyLevel.TEST_DATA:
            raise NotVerified(f"an account is needed, and safety = {target.environment.safety.label!r} allows none")
        return accounts()

    reasons: dict[str, list[str]] = {}
    broken: Blocked | None = None
    for name in carrying_operations(target, identity):
        try:
            result = send_valid(target, name, allowed)
        except Blocked as blocked:
            broken = broken or blocked
        except CheckFailed as error:
            reasons.setdefault(f"not answered as declared ({error.finding})", []).append(name)
        except (NotVerified, NotApplicable) as why:
            reasons.setdefault(" ".join(str(why).split()), []).append(name)
        else:
            if found_in(identity, result.answer) is not None:
                return result
            reasons.setdefault(f"the response has no {identity.place}", []).append(name)
    if broken is not None:
        raise broken
    tried = "; ".join(f"{', '.join(names)}: {reason}" for reason, names in reasons.items())
    raise NotVerified(
        f"environments.toml:{target.environment.name}.{target.system}.identity: expected a response with "
        f"{identity.place}, got none ({tried or 'no operation carries it'}). Name an operation that needs no account, "
        "or use address_only with the reason"
    )


def carrying_operations(target: Target, identity: Identity) -> list[str]:
    """Return the operations whose success carries the proof, those without an account first."""

    def is_proof(name: str) -> bool:
        operation = target.environment.operations[target.system][name]
        return operation.absent is None and any(
            identity.is_carried(name, status) and not (identity.pointers and status in _WITHOUT_BODY)
            for status in operation.statuses
        )

    def order(name: str) -> tuple[bool, int, bool, str]:
        place = _FIRST.index(name) if name in _FIRST else len(_FIRST)
        return name not in WITHOUT_ACCOUNT, place, name in DESTRUCTIVE, name

    # An account of a pool must not be deleted.
    kept = {"delete_account"} if "registration" in target.environment.absent else set()
    return sorted(
        (name for name in target.environment.operations[target.system] if is_proof(name) and name not in kept),
        key=order,
    )
