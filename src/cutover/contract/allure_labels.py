"""Names the operation of a check in Allure's results, where they are written.

JUnit needs nothing: an operation is a parameter of its check, and so part of its name there.
"""

from __future__ import annotations

from typing import Any


def name_in_reports(item: Any) -> None:
    """Give Allure the operation as a parameter: entries of one check would else read as retries of one test."""
    callspec = getattr(item, "callspec", None)
    if callspec is None or "operation" not in callspec.params or not item.config.getoption("allure_report_dir", None):
        return
    import allure

    allure.dynamic.parameter("operation", f"{callspec.params.get('target', '')} {callspec.params['operation']}")
