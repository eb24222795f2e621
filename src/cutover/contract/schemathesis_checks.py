"""What schemathesis' checks say of an answer, as findings of this gate: stable names, masked texts, one curl line.

Not for what the checks look for: docs/contract.md names them.
"""

from __future__ import annotations

import re
from typing import Any, Final

from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.openapi.checks import (
    EnsureResourceAvailability,
    IgnoredAuth,
    JsonSchemaError,
    MissingHeaders,
    UndefinedContentType,
    UnsupportedMethodResponse,
)
from schemathesis.specs.openapi.checks import ignored_auth

from cutover.contract.findings import Finding, Place
from cutover.contract.request_generation import Response
from cutover.core.secrets import redact

RULES: Final = {
    "ServerError": "contracts/api.md Everywhere: Statuses",
    "ContentTypeServerError": "contracts/api.md Everywhere: Statuses",
    "UnsupportedMethodResponse": "contracts/api.md Everywhere: Statuses (405 with Allow); RFC 9110 15.5.6",
    "AllowHeaderMismatch": "RFC 9110 10.2.1",
    "IgnoredAuth": "contracts/api.md Everywhere: Statuses (401 without a valid access token)",
    "AcceptedNegativeData": "{source} {operation}: request; contracts/api.md",
    "RejectedPositiveData": "{source} {operation}: request; contracts/api.md",
    "UseAfterFree": "contracts/api.md Files: delete",
    "EnsureResourceAvailability": "{source} {operation}: links",
    "MissingHeaderNotRejected": "contracts/api.md Everywhere: Statuses (401 without a valid access token)",
}
_EXPECTED: Final = {
    "ServerError": "no status of 5xx",
    "ContentTypeServerError": "no status of 5xx",
    "IgnoredAuth": "401 without a valid access token",
    "AcceptedNegativeData": "a request that does not keep to its schema is refused",
    "RejectedPositiveData": "a request that keeps to its schema is accepted",
    "UseAfterFree": "404 for what was deleted",
    "EnsureResourceAvailability": "what was just made is there",
    "UndefinedStatusCode": "a status that the contract names for this operation",
    "UndefinedContentType": "a media type that the contract names for this status",
    "MissingContentType": "a Content-Type",
    "MissingHeaders": "the headers that the contract requires",
    "JsonSchemaError": "an answer as its schema says",
    "MalformedJson": "valid JSON",
    "UnsupportedMethodResponse": "405 with Allow for a method that the contract does not name",
    "MissingHeaderNotRejected": "401 without a token",
}


def failures_of(
    case: Any, response: Response, recorder: Any, confirmed: set[str], linked: frozenset[str] = frozenset()
) -> list[Failure]:
    """What the checks find wrong with an answer. recorder: of the sequence that it is a step of; linked: which path
    parameters an earlier answer of it gave.

    confirmed: operations that were seen to refuse who has no valid token. That costs two requests more, and is asked
    once of each operation, with the first request that succeeded; tests/contract asks with tokens of every kind.
    """
    known = case.operation.label in confirmed
    try:
        case.validate_response(response, recorder=recorder, excluded_checks=[ignored_auth] if known else [])
        if 200 <= response.status_code < 300:
            confirmed.add(case.operation.label)
    except FailureGroup as group:
        # An id that no link gave was drawn, and need not be there, whatever the check takes it for.
        drawn = not linked.issuperset(case.path_parameters)
        return [each for each in group.exceptions if not (drawn and isinstance(each, EnsureResourceAvailability))]
    return []


def finding_of(failure: Failure, case: Any, response: Response, *, system: str, operation: str, source: str,
               place: Place) -> Finding:  # fmt: skip
    """The failure as a finding. source: the document that says otherwise; place: where it was seen."""
    kind = type(failure).__name__
    status = response.status_code
    rule = RULES.get(kind, "{source} {operation}: responses").format(source=source, operation=operation)
    return Finding(
        check=_words(kind),
        defect=redact(_defect(failure, case, status)),
        system=system,
        rule=rule,
        expected=_EXPECTED.get(kind, failure.title),
        got=redact(_got(failure, status)),
        places=(place,),
    )


def _defect(failure: Failure, case: Any, status: int) -> str:
    """What is wrong, with nothing in it that was drawn or that names the operation."""
    if isinstance(failure, JsonSchemaError):
        at = re.sub(r"/\d+(?=/|$)", "/*", _pointer(failure.instance_path))
        keyword = _pointer(failure.schema_path).rpartition("/")[2]
        extra = _extra_names(failure.message) if "roperties" in keyword else ""
        return f"{status}: {keyword}{extra} at {at or 'the whole'}"
    if isinstance(failure, MissingHeaders):
        return f"without {', '.join(sorted(name.lower() for name in failure.missing_headers))}"
    if isinstance(failure, UndefinedContentType):
        return f"{status} as {failure.content_type.partition(';')[0]}"
    if isinstance(failure, UnsupportedMethodResponse):
        return f"{failure.failure_reason.replace('_', ' ')}: {status}"
    if isinstance(failure, IgnoredAuth):
        return str(failure.scenario.value).replace("_", " ")
    where = ""
    if type(failure).__name__ == "AcceptedNegativeData" and case.meta is not None:
        negated = [place.value for place, told in case.meta.components.items() if told.mode.is_negative]
        where = f" of an invalid {', '.join(sorted(negated)) or 'request'}"
    return f"{status}{where}"


def _got(failure: Failure, status: int) -> str:
    """The first lines of what the check says. Values of users' data are in none: they quote requests and schemas."""
    if isinstance(failure, JsonSchemaError):
        keyword = _pointer(failure.schema_path)
        return f"status {status}, against {keyword}{_extra_names(failure.message)}"
    told = " ".join(line.strip() for line in failure.message.splitlines()[:6] if line.strip())
    return f"status {status}: {told[:300] or failure.title}"


def _extra_names(message: str) -> str:
    """Names of the properties that are too many; names are no values."""
    found = re.search(r"Additional properties are not allowed \((.{1,200}?) w(?:as|ere) unexpected\)", message)
    return f" ({found[1]})" if found else ""


def _pointer(path: Any) -> str:
    return "".join(f"/{part}" for part in path) if isinstance(path, (list, tuple)) else str(path)


def _words(kind: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", kind).lower()
