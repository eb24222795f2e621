"""Errors as the contract wants them: below 500, in JSON, and with nothing of the inside, of any operation.

Not for which status it must be: the check knows that.
"""

from __future__ import annotations

from cutover.contract.finding_collector import Inspection
from cutover.contract.information_disclosure import disclosed_detail
from cutover.contract.payloads import EVALUATED
from cutover.core.errors import CheckFailed
from cutover.systems.target import Result


def expect_plain(inspection: Inspection, result: Result) -> None:
    """Below 500, and where it is an error, one in JSON that tells nothing; what is not so is a finding."""
    inspection.looked(result.operation.name)
    if result.status >= 500:
        inspection.see(result, "5xx", expected="a status below 500")
    if result.status < 400:
        return
    if inside := disclosed_detail(result.body):
        inspection.see(result, "tells of the inside", expected="nothing of the inside", got=f"{inside!r}")
    if EVALUATED in result.body.decode("utf-8", "replace").replace(result.answer.request_id, ""):
        inspection.see(result, "calculates a template", expected="the text as it is")
    try:
        # DRF's own: an object, or the reasons alone.
        is_error = isinstance(result.answer.json, dict if inspection.target.system == "worker" else (dict, list))
    except CheckFailed:
        is_error = False
    if not is_error and result.answer.request.method != "HEAD":
        inspection.see(result, "is no JSON", expected="an object of JSON")
