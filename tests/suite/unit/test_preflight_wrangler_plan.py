"""The plan's two Wrangler configurations: each defect is found at its line, and the corrected files have none."""

import datetime
import re
from pathlib import Path

import pytest

from cutover.config.preflight_wrangler import SharedStores, WranglerSettings
from cutover.config.validation import root
from cutover.preflight.findings import Finding
from cutover.preflight.wrangler_comparison import comparison_findings, inheritance_findings
from cutover.preflight.wrangler_file import missing_environments, read_wrangler_file
from cutover.preflight.wrangler_routes import route_findings
from cutover.preflight.wrangler_shape import validity_findings
from cutover.preflight.wrangler_stores import sharing_findings
from cutover.preflight.wrangler_usage import usage_findings
from cutover.preflight.wrangler_values import placeholder_findings, secret_findings

pytestmark = pytest.mark.unit

FOLDER = root() / "tests" / "suite" / "support" / "wrangler"
HOSTS = {"unified": ("list-cutter.com", "www.list-cutter.com"), "workers": ("api.list-cutter.com",)}
TODAY = datetime.date(2025, 6, 1)

VARS = ("API_VERSION", "MAX_FILE_SIZE", "JWT_ISSUER", "JWT_AUDIENCE", "LOG_LEVEL", "SENTRY_ENVIRONMENT")
DEFECTS = {
    "unified": {
        (15, "syntax:1"),
        (13, "environment:staging"),
        (13, "environment:blue"),
        (13, "environment:green"),
        (35, "placeholder:env.production.d1_databases.DB.database_id"),
        (43, "placeholder:env.production.kv_namespaces.AUTH_TOKENS.id"),
    },
    "workers": {
        (10, "syntax:1"),
        (57, "syntax:2"),
        (8, "environment:blue"),
        (8, "environment:green"),
        *((57, f"comparison:env.staging.vars.{name}") for name in VARS),
        (55, "comparison:env.staging.queues.producers.CSV_QUEUE"),
        (55, "comparison:env.staging.analytics_engine_datasets.ANALYTICS"),
        (66, "comparison:env.staging.d1_databases.DB.migrations_dir"),
        (31, "placeholder:env.production.d1_databases.DB.database_id"),
        (42, "placeholder:env.production.kv_namespaces.AUTH_TOKENS.id"),
        (69, "placeholder:env.staging.d1_databases.DB.database_id"),
        (77, "placeholder:env.staging.kv_namespaces.AUTH_TOKENS.id"),
        (24, "route-overlap:env.production.api.list-cutter.com/health"),
        (45, "unused:env.production.queues.producers.CSV_QUEUE"),
    },
}


def judged(name: str, sources: Path, *, corrected: bool = False) -> list[Finding]:
    """Return the findings of all checks of a file of the plan, or of its corrected version."""
    path = FOLDER / f"{name}{'.corrected' if corrected else ''}.toml"
    (sources / "monitoring.ts").write_text(
        "export const count = (env) => env.ANALYTICS.writeDataPoint({ doubles: [1] });"
    )
    settings = WranglerSettings(
        path,
        sources=sources,
        shared=(SharedStores(frozenset({"production", "blue", "green"}), "two versions on the same data"),),
    )
    file = read_wrangler_file(path)
    return [
        *validity_findings(file, settings, TODAY),
        *missing_environments(file, settings),
        *inheritance_findings(file, settings),
        *comparison_findings(file, settings),
        *placeholder_findings(file, settings),
        *sharing_findings(file, settings),
        *route_findings(file, settings, HOSTS[name]),
        *secret_findings(file, settings),
        *usage_findings(file, settings),
    ]


@pytest.mark.parametrize("name", sorted(DEFECTS))
def test_each_defect_of_the_plan_has_its_line(name: str, tmp_path: Path) -> None:
    """Exactly the known defects are found, each at its line."""
    found = {
        (int(each.place.rpartition(":")[2]), each.name.removeprefix("wrangler:")) for each in judged(name, tmp_path)
    }
    assert found == DEFECTS[name]


@pytest.mark.parametrize("name", sorted(DEFECTS))
def test_corrected_file_has_no_finding(name: str, tmp_path: Path) -> None:
    """The corrected version of each file has no defect."""
    assert judged(name, tmp_path, corrected=True) == []


def test_documentation_names_each_defect_with_its_line() -> None:
    """The table of docs/preflight.md has one row for each defect, with file, line and name."""
    rows = re.findall(
        r"^\| (\w+)\.toml:(\d+) \| `([^`]+)` \|", (root() / "docs/preflight.md").read_text(), re.MULTILINE
    )
    assert {(name, int(line), defect) for name, line, defect in rows} == {
        (name, line, defect) for name, defects in DEFECTS.items() for line, defect in defects
    }
