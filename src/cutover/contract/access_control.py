"""Asking for another's things: every way to ask, and whether the answer tells that they exist.

Not for what is allowed to whom: the check names who asks and what must come of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from cutover.contract.finding_collector import Inspection, present
from cutover.contract.valid_requests import Person, about_things, exercise
from cutover.core.recorder import Recorder
from cutover.core.secrets import Secret
from cutover.systems.target import Result

_OF_THE_MOMENT: Final = frozenset({"date", "x-request-id", "cf-ray", "age", "server-timing"})


def ways(owner: Person) -> dict[str, dict[str, Any]]:
    """name -> further arguments of Target.call by which a system may be talked into taking one for the owner."""
    identity = str(owner.account.user_id)
    return {
        "": {},
        "naming the owner in the query": {"query": f"user_id={identity}&owner={identity}&user={identity}"},
        "naming the owner in headers": {"headers": {"x-user-id": identity, "x-original-user": identity}},
        "with any ETag": {"headers": {"if-none-match": "*"}},
        "from within": {"headers": {"x-forwarded-for": "127.0.0.1", "x-internal": "1", "x-original-url": "/"}},
    }


def trespass(
    inspection: Inspection, who: str, token: Secret | None, owner: Person, recorder: Recorder, *, refusal: int
) -> None:
    """Ask for the owner's things by every operation about things and in every way; each must be refused.

    refusal: the status of it: 404 for who may ask, 401 for who may not. Each time it is the same answer as for what is
    not there. What the owner has is not looked at here.
    """
    target = inspection.target
    for operation in about_things(present(target, recorder)):
        methods = (operation.method, "HEAD") if operation.method == "GET" else (operation.method,)
        for method in methods:
            for way, sent in ways(owner).items():
                asked = {"token": token, "method": method, **sent}
                result = target.call(operation.name, **asked, **exercise(operation.name, owner))
                defect = f"{who} gets at it{f', {way}' if way else ''}"
                if not inspection.expect_status(result, refusal, defect=defect, why=_WHY, do_next=_STOP):
                    continue
                nothing = target.call(operation.name, **asked, **exercise(operation.name, owner.without_things()))
                if told := differences(trace(nothing), trace(result)):
                    inspection.see(
                        result,
                        "tells that it exists",
                        expected="the same answer as for what is not there",
                        got=f"another {', '.join(told)}",
                        rule="contracts/api.md Everywhere: 404 for what is not there and for what belongs to another",
                    )


_WHY: Final = "it belongs to another user"
_STOP: Final = "users reach one another's data: stop the cutover"


def trace(result: Result) -> Mapping[str, Any]:
    """What an answer tells, but for what changes from request to request: status, headers, body."""
    answer = result.answer
    told: dict[str, Any] = {"status": answer.status}
    for name, value in answer.headers.items():
        if name.lower() not in _OF_THE_MOMENT:
            told[f"header {name.lower()}"] = value
    try:
        told["body"] = _without(json.loads(answer.body), answer.request_id)
    except ValueError:
        told["body"] = answer.body
    return told


def _without(value: Any, request_id: str) -> Any:
    if isinstance(value, dict):
        return {key: _without(inner, request_id) for key, inner in value.items()}
    return None if value == request_id else value


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Names of what two answers tell differently, each as `trace` gives it."""
    return [name for name in sorted({*one, *other}) if one.get(name) != other.get(name)]


def spellings(file_id: str) -> dict[str, str]:
    """The same UUID as other texts. None of them is the id that the system gave."""
    return {
        "upper case": file_id.upper(),
        "no dashes": file_id.replace("-", ""),
        "in braces": f"{{{file_id}}}",
        "as a URN": f"urn:uuid:{file_id}",
        "a space behind": f"{file_id} ",
        "a line end behind": f"{file_id}\n",
        "a NUL behind": f"{file_id}\0",
        "an ending": f"{file_id}.csv",
        "a step back": f"x/../{file_id}",
        "a star": f"{file_id[:-1]}*",
        "a per cent": f"{file_id[:-1]}%",
    }
