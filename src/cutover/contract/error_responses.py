"""Check of error responses: status below 500, JSON, and no information disclosure. The check tests the exact status."""

from __future__ import annotations

from collections.abc import Mapping

from cutover.contract.finding_collector import Inspection
from cutover.contract.information_disclosure import disclosed_detail
from cutover.contract.payloads import EVALUATED
from cutover.core.errors import CheckFailed
from cutover.core.rule_table import Rule
from cutover.systems.target import Result


def rule_of_negotiation(status: int, sent: Mapping[str, str]) -> Rule | None:
    """Return the rule that a refused download breaks if the request asked for another media type, None otherwise.

    406 says that there is no representation of the type in Accept (RFC 9110 15.5.7): no data is lost.
    """
    return Rule.DOWNLOADS if status == 406 and "accept" in sent else None


def expect_safe_error(inspection: Inspection, result: Result) -> None:
    """Report a status of 500 or more, and an error that is not JSON, discloses internals or evaluated a template."""
    inspection.count(result.operation.name)
    if result.status >= 500 and not inspection.is_unproven(result.operation.name, result.status):
        inspection.report(result, "5xx", expected="a status below 500", breaks=Rule.DISCLOSURE)
    if result.status < 400:
        return
    if detail := disclosed_detail(result.body):
        inspection.report(
            result,
            "discloses internals",
            expected="no stack trace, SQL, path or internal name",
            got=f"{detail!r}",
            breaks=Rule.DISCLOSURE,
        )
    if EVALUATED in result.body.decode("utf-8", "replace").replace(result.answer.request_id, ""):
        inspection.report(result, "evaluates a template", expected="the text unchanged", breaks=Rule.DISCLOSURE)
    try:
        # Django REST framework returns an object, or a list of reasons.
        is_error = isinstance(result.answer.json, dict if inspection.target.system == "worker" else (dict, list))
    except CheckFailed:
        is_error = False
    if not is_error and result.answer.request.method != "HEAD":
        inspection.report(result, "is not JSON", expected="a JSON object", breaks=Rule.ERROR_FORMAT)
