"""Access-control probes (BOLA/IDOR): requests for objects of another user, and comparison of the refusals."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from cutover.contract.finding_collector import Inspection, available_operations
from cutover.contract.valid_requests import Person, object_operations, valid_request
from cutover.core.recorder import Recorder
from cutover.core.rule_table import Rule
from cutover.core.secrets import Secret
from cutover.systems.target import Result

_OF_THE_MOMENT: Final = frozenset({"date", "x-request-id", "cf-ray", "age", "server-timing"})


def bypass_attempts(owner: Person) -> dict[str, dict[str, Any]]:
    """Return name -> further arguments of Target.call that may make a system treat the caller as the owner."""
    identity = str(owner.account.user_id)
    return {
        "": {},
        "naming the owner in the query": {"query": f"user_id={identity}&owner={identity}&user={identity}"},
        "naming the owner in headers": {"headers": {"x-user-id": identity, "x-original-user": identity}},
        "with any ETag": {"headers": {"if-none-match": "*"}},
        "with internal headers": {
            "headers": {"x-forwarded-for": "127.0.0.1", "x-internal": "1", "x-original-url": "/"}
        },
    }


def expect_no_access(
    inspection: Inspection, who: str, token: Secret | None, owner: Person, recorder: Recorder, *, refusal: int
) -> None:
    """Request the owner's objects by every object operation and bypass attempt; report each one that is not refused.

    who: name of the caller in findings. refusal: expected status, 404 for an authenticated caller, 401 for one without
    access. Each refusal must equal the response for an object that does not exist. The caller of this function compares
    the owner's data.
    """
    target = inspection.target
    for operation in object_operations(available_operations(target, recorder)):
        methods = (operation.method, "HEAD") if operation.method == "GET" else (operation.method,)
        for method in methods:
            for attempt, sent in bypass_attempts(owner).items():
                asked = {"token": token, "method": method, **sent}
                result = target.call(operation.name, **asked, **valid_request(operation.name, owner))
                defect = f"accessible to {who}{f', {attempt}' if attempt else ''}"
                if not inspection.expect_refusal(result, refusal, defect=defect, why=_WHY, do_next=_STOP):
                    continue
                if named := _names(owner, result):
                    inspection.report(
                        result,
                        f"the refusal names the owner's {named}",
                        expected="no data of the owner in a response to others",
                        rule="contracts/api.md Everywhere: 404 for an object of another user",
                        do_next=_STOP,
                    )
                if not target.judges(Rule.HIDDEN_OBJECTS):
                    continue
                missing = target.call(
                    operation.name, **asked, **valid_request(operation.name, owner.with_unknown_ids())
                )
                if parts := differing_parts(comparable_parts(missing), comparable_parts(result)):
                    inspection.report(
                        result,
                        "discloses that the object exists",
                        expected="the same response as for an object that does not exist",
                        got=f"different: {', '.join(parts)}",
                        rule="contracts/api.md Everywhere: 404 for a missing object and for an object of another user",
                        breaks=Rule.HIDDEN_OBJECTS,
                    )


_WHY: Final = "the object belongs to another user"
_STOP: Final = "stop the cutover: users can access data of other users"


def _names(owner: Person, result: Result) -> str:
    """Return which of the owner's names a response contains, "" if none. No request contains them."""
    answer = result.answer
    texts = [answer.body.decode("utf-8", "replace"), *answer.headers.values()]
    names = {"user name": owner.account.username, "address": owner.account.email}
    return next((what for what, name in names.items() if name and any(name in text for text in texts)), "")


def comparable_parts(result: Result) -> Mapping[str, Any]:
    """Return status, headers and body of a response without the parts that change with each request."""
    answer = result.answer
    parts: dict[str, Any] = {"status": answer.status}
    for name, value in answer.headers.items():
        if name.lower() not in _OF_THE_MOMENT:
            parts[f"header {name.lower()}"] = value
    try:
        parts["body"] = _without(json.loads(answer.body), answer.request_id)
    except ValueError:
        parts["body"] = answer.body
    return parts


def _without(value: Any, request_id: str) -> Any:
    if isinstance(value, dict):
        return {key: _without(inner, request_id) for key, inner in value.items()}
    return None if value == request_id else value


def differing_parts(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Return the names of the parts in which two responses differ. one, other: from `comparable_parts`."""
    return [name for name in sorted({*one, *other}) if one.get(name) != other.get(name)]


def alternative_spellings(file_id: str) -> dict[str, str]:
    """Return name -> another spelling of the same id. No spelling equals the id that the system returned."""
    made = {
        "upper case": file_id.upper(),
        "no dashes": file_id.replace("-", ""),
        "in braces": f"{{{file_id}}}",
        "as a URN": f"urn:uuid:{file_id}",
        "a trailing space": f"{file_id} ",
        "a trailing line end": f"{file_id}\n",
        "a trailing NUL": f"{file_id}\0",
        "a file extension": f"{file_id}.csv",
        "a parent segment": f"x/../{file_id}",
        "an asterisk": f"{file_id[:-1]}*",
        "a percent sign": f"{file_id[:-1]}%",
    }
    return {name: text for name, text in made.items() if text != file_id}
