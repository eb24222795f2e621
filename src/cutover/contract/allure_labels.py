"""Labels of contract checks in Allure results. JUnit needs none: the operation is part of the check's name."""

from __future__ import annotations

from typing import Any


def name_in_reports(item: Any) -> None:
    """Add the operation as an Allure parameter. Without it, Allure shows the entries of a check as retries."""
    callspec = getattr(item, "callspec", None)
    if callspec is None or "operation" not in callspec.params or not item.config.getoption("allure_report_dir", None):
        return
    import allure

    allure.dynamic.parameter("operation", f"{callspec.params.get('target', '')} {callspec.params['operation']}")
