"""Conversion of the failures of schemathesis' checks to findings of this gate. docs/contract.md lists the checks."""

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
from cutover.core.rule_table import Rule
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
BREAKS: Final = {
    "ServerError": Rule.DISCLOSURE,
    "ContentTypeServerError": Rule.DISCLOSURE,
    "UnsupportedMethodResponse": Rule.METHODS,
    "AllowHeaderMismatch": Rule.METHODS,
    "IgnoredAuth": Rule.AUTHENTICATION,
    "MissingHeaderNotRejected": Rule.AUTHENTICATION,
    "UseAfterFree": Rule.REVOCATION,
}
"""Failure -> the rule that it breaks. All others break that of the document."""
_EXPECTED: Final = {
    "ServerError": "no 5xx status",
    "ContentTypeServerError": "no 5xx status",
    "IgnoredAuth": "401 without a valid access token",
    "AcceptedNegativeData": "the refusal of a request that violates its schema",
    "RejectedPositiveData": "the acceptance of a request that matches its schema",
    "UseAfterFree": "404 for a deleted object",
    "EnsureResourceAvailability": "the object that was just created",
    "UndefinedStatusCode": "a documented status of this operation",
    "UndefinedContentType": "a documented media type of this status",
    "MissingContentType": "a Content-Type",
    "MissingHeaders": "the required headers",
    "JsonSchemaError": "a response that matches its schema",
    "MalformedJson": "valid JSON",
    "UnsupportedMethodResponse": "405 with Allow for an undocumented method",
    "MissingHeaderNotRejected": "401 without a token",
}


def failures_of(
    case: Any, response: Response, recorder: Any, confirmed: set[str], linked: frozenset[str] = frozenset()
) -> list[Failure]:
    """Return the failures of schemathesis' checks for a response.

    recorder: schemathesis' recorder of the sequence, None outside of one. linked: path parameters that an earlier
    response provided. confirmed: operations that are known to refuse requests without a valid token. That test sends
    two more requests, so it runs once per operation, with the first successful request.
    """
    known = case.operation.label in confirmed
    try:
        case.validate_response(response, recorder=recorder, excluded_checks=[ignored_auth] if known else [])
        if 200 <= response.status_code < 300:
            confirmed.add(case.operation.label)
    except FailureGroup as group:
        # A generated id need not exist; only an id from a link must.
        generated = not linked.issuperset(case.path_parameters)
        return [each for each in group.exceptions if not (generated and isinstance(each, EnsureResourceAvailability))]
    return []


def finding_of(failure: Failure, case: Any, response: Response, *, system: str, operation: str, source: str,
               place: Place, document_rule: Rule) -> Finding:  # fmt: skip
    """Return the failure as a finding. source: name of the document. place: place of the response.

    document_rule: the rule that a response breaks if it does not match the document.
    """
    kind = type(failure).__name__
    status = response.status_code
    rule = RULES.get(kind, "{source} {operation}: responses").format(source=source, operation=operation)
    breaks = BREAKS.get(kind, document_rule)
    check = _words(kind)
    if kind == "MissingHeaderNotRejected" and 400 <= status < 500:
        # It was refused, only with another status: no gap in the access control.
        check, breaks = "refusal-status", Rule.STATUSES
    return Finding(
        check=check,
        defect=redact(_defect(failure, case, status)),
        system=system,
        rule=rule,
        expected=_EXPECTED.get(kind, failure.title),
        got=redact(_got(failure, status)),
        places=(place,),
        breaks=breaks,
    )


def _defect(failure: Failure, case: Any, status: int) -> str:
    """Return the defect without generated values and without the operation."""
    if isinstance(failure, JsonSchemaError):
        at = re.sub(r"/\d+(?=/|$)", "/*", _pointer(failure.instance_path))
        keyword = _pointer(failure.schema_path).rpartition("/")[2]
        extra = _extra_names(failure.message) if "roperties" in keyword else ""
        return f"{status}: {keyword}{extra} at {at or 'the root'}"
    if isinstance(failure, MissingHeaders):
        return f"without {', '.join(sorted(name.lower() for name in failure.missing_headers))}"
    if isinstance(failure, UndefinedContentType):
        return f"{status} as {failure.content_type.partition(';')[0]}"
    if isinstance(failure, UnsupportedMethodResponse):
        return f"{failure.failure_reason.replace('_', ' ')}: {status}"
    if isinstance(failure, IgnoredAuth):
        return str(failure.scenario.value).replace("_", " ")
    part = ""
    if type(failure).__name__ == "AcceptedNegativeData" and case.meta is not None:
        negated = [place.value for place, component in case.meta.components.items() if component.mode.is_negative]
        part = f" of an invalid {', '.join(sorted(negated)) or 'request'}"
    return f"{status}{part}"


def _got(failure: Failure, status: int) -> str:
    """Return the first lines of the check's message. They quote requests and schemas, never users' data."""
    if isinstance(failure, JsonSchemaError):
        keyword = _pointer(failure.schema_path)
        return f"status {status}, violates {keyword}{_extra_names(failure.message)}"
    message = " ".join(line.strip() for line in failure.message.splitlines()[:6] if line.strip())
    return f"status {status}: {message[:300] or failure.title}"


def _extra_names(message: str) -> str:
    """Return the names of additional properties."""
    found = re.search(r"Additional properties are not allowed \((.{1,200}?) w(?:as|ere) unexpected\)", message)
    return f" ({found[1]})" if found else ""


def _pointer(path: Any) -> str:
    return "".join(f"/{part}" for part in path) if isinstance(path, (list, tuple)) else str(path)


def _words(kind: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", kind).lower()
