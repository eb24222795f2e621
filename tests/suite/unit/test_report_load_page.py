"""The page and the terminal lines of a load run: safe for any data, with every problem in words and numbers."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.suite.support.load_series import Series, failing, profile_thresholds, series, slower, stalling, steady
from tests.suite.support.report_pages import HOSTILE, any_json, places, replaced, shown, sound

from cutover.core.evidence import EvidenceLog
from cutover.load.load_json import BINS, as_json
from cutover.load.load_verdict import decide_load
from cutover.load.report_files import write_load_files
from cutover.report.html.charts import Line, Mark, line_chart
from cutover.report.html.rendering import environment
from cutover.report.load_page import load_page
from cutover.report.load_terminal import summary
from cutover.traffic.ledger import Outcome

pytestmark = pytest.mark.unit
timeless = settings(deadline=None)  # a busy machine is slow

OUTAGES = {
    "streams": {
        "fresh": {
            "requests": 6000,
            "windows": [{"from_s": 10.0, "to_s": 10.15, "failed": 75, "lower_ms": 148.0, "upper_ms": 152.0}],
            "longest_gap_ms": 154.2,
        },
        "kept": {
            "requests": 6000,
            "windows": [{"from_s": 20.0, "to_s": 20.2, "failed": 2, "lower_ms": 2.0, "upper_ms": None}],
            "longest_gap_ms": None,
        },
    },
    "versions": {"v1": {"answers": 5000, "first_s": 0.0, "last_s": 10.0}},
    "writes": {"acknowledged": 240, "lost": ["list-17.csv"], "doubled": []},
    "flips": 1,
}


def figures(run: Series, **more: Any) -> dict[str, Any]:
    """Return load.json of a run."""
    thresholds = profile_thresholds(run)
    data = as_json(run.totals, run.facts, decide_load(run.totals, run.facts, thresholds), thresholds, **more)
    read: dict[str, Any] = json.loads(json.dumps(data, allow_nan=False))
    return read


STALLED = figures(series(("warm-up", 2, 200, steady()), ("steady", 28, 200, stalling(10, 2))))
COMPARED = figures(
    series(("old", 30, 200, slower(200, 3)), ("new", 30, 200, slower(33, 8)), profile="compare"), availability=OUTAGES
)
STRESSED = figures(series(("step-1", 10, 80, steady()), ("step-2", 10, 160, steady(1500)), profile="stress"))


def test_load_json_agrees_with_the_ledger() -> None:
    """Counts by endpoint, by phase and over time add up to the totals. The JSON contains no infinity."""
    rows, totals, bins = STALLED["ledger"], STALLED["totals"], STALLED["timeline"]["bins"]
    assert STALLED["balanced"] is True
    assert sum(row["scheduled"] for row in rows) == totals["scheduled"] == 6000 == sum(each["sent"] for each in bins)
    for outcome in Outcome:
        assert sum(row["outcomes"][outcome.label] for row in rows) == totals["outcomes"][outcome.label]
    assert len(bins) == 30
    assert [stall["first_s"] for stall in STALLED["stalls"]] == [12]
    failed = figures(series(("steady", 30, 200, failing(16))))
    gate = next(gate for gate in failed["gates"] if gate["metric"] == "p95_ms")
    assert gate["interval"] == {"estimate": None, "low": None, "high": None}


def test_declared_maintenance_is_shown() -> None:
    """The refused writes are reported at the top."""
    run = series(("steady", 30, 100, failing(4, Outcome.REFUSED_BY_MAINTENANCE)), profile="availability")
    text = shown(sound(load_page(figures(run.with_facts(maintenance=(2.5, 20.0))))))
    assert "Maintenance was declared from second 2.5 to 20.0. 750 writes were refused in that time" in text
    assert "Maintenance was declared" not in shown(sound(load_page(figures(run))))


def test_long_run_has_a_limited_number_of_points() -> None:
    """Merged points contain every request."""
    data = figures(series(("steady", 1000, 2, steady()), profile="soak"))
    assert len(data["timeline"]["bins"]) <= BINS
    assert sum(each["scheduled"] for each in data["timeline"]["bins"]) == 2000


def test_page_shows_verdict_thresholds_and_stalls() -> None:
    """The page shows value, interval, limit and state of each threshold, stalls, seed and every outcome."""
    page = sound(load_page(STALLED))
    text = shown(page)
    assert "NO-GO load profile baseline on embedded, exit code 1" in text
    assert "✗ broken" in text
    assert "no standstill: 2,003 ms, threshold longest_stall_ms < 1000 broken" in text
    assert text.index("no standstill") < text.index("errors before the switch")
    for name in ("Refused by maintenance", "Closed while idle", "Unsent", "Wrong version"):
        assert name in text
    assert "Seed1" in text.replace(" ", "")
    assert len([attributes for attributes in page.tags("svg") if attributes.get("class") == "chart"]) == 4


def test_every_chart_has_a_table_and_is_reachable_by_key() -> None:
    """Every figure is also in a table. Everything that scrolls can be focused."""
    page = sound(load_page(COMPARED))
    pictures = [attributes for attributes in page.tags("svg") if attributes.get("class") == "chart"]
    assert len(pictures) == 7
    assert all(attributes["role"] == "img" and "table" in str(attributes["aria-label"]) for attributes in pictures)
    ids = {attributes.get("id") for _, attributes in page.elements}
    assert {"latency-figures", "sending-figures", "lag-figures", "cpu-figures", "sides-time-figures"} <= ids
    assert {"sides-curve-figures", "outage-list"} <= ids
    scrolls = [attributes for attributes in page.tags("div") if attributes.get("class") == "scroll"]
    assert all(attributes.get("tabindex") == "0" for attributes in scrolls)


def test_comparison_steps_and_outages_have_sections() -> None:
    """A run without them does not have these sections."""
    compared, stressed = shown(sound(load_page(COMPARED))), shown(sound(load_page(STRESSED)))
    assert "slow requests against the old system" in compared
    assert "148.0 ms" in compared
    assert "no response afterwards" in compared
    assert "list-17.csvlost" in compared.replace(" ", "")
    assert "v1 5,000 0.0 s 10.0 s" in compared
    assert "all thresholds kept up to 80/s; breaking point 160/s: response time of a step" in stressed
    assert "Outages" not in stressed
    assert "Old and new" not in stressed
    assert "Breaking point" not in compared


def test_terminal_lines_agree_with_the_page() -> None:
    """The lines contain each threshold with its state, the counts and the breaking point."""
    lines = "\n".join(summary(STALLED))
    assert "broken     no standstill: 2,003 ms, threshold longest_stall_ms < 1000 broken" in lines
    assert "6,000 scheduled = 6,000 ok" in lines
    assert "p95" in lines
    assert "all thresholds kept up to 80/s" in "\n".join(summary(STRESSED))
    outages = "\n".join(summary(COMPARED))
    assert "fresh: 6,000 requests, 1 outages, longest time without a response 154.2 ms" in outages
    assert "outage from second 10.0: at least 148.0 ms, at most 152.0 ms, 75 failed" in outages
    assert "at least 2.0 ms, no response afterwards, 2 failed" in outages


def test_unbalanced_ledger_is_reported_on_the_page() -> None:
    """The notice names the endpoint and both counts."""
    run = series(("steady", 30, 200, steady()))
    run.totals.cell("upload", "steady").scheduled += 3
    text = shown(sound(load_page(figures(run))))
    assert "does not balance" in text
    assert "upload in steady: 2003 requests were scheduled, 2000 have an outcome" in text


def test_files_are_written_with_secrets_masked(tmp_path: Path) -> None:
    """A token in an error's text is neither in load.json nor in load.html."""
    run = series(("steady", 30, 200, steady()))
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
    run.totals.cell("upload", "steady").add_detail(f"said {token}", 1)
    log, thresholds = EvidenceLog(tmp_path), profile_thresholds(run)
    lines = write_load_files(log, run.totals, run.facts, decide_load(run.totals, run.facts, thresholds), thresholds)
    log.close()
    assert log.failure is None
    data = json.loads((tmp_path / "load.json").read_text())
    assert (data["schema"], data["verdict"], data["exit_code"]) == (1, "GO", 0)
    page = (tmp_path / "load.html").read_text()
    assert "GO" in shown(sound(page))
    assert "said" in page
    for text in (page, (tmp_path / "load.json").read_text(), *lines):
        assert token not in text


def test_another_schema_is_refused() -> None:
    """Another schema raises ValueError."""
    with pytest.raises(ValueError, match="expected 1, got 2"):
        load_page({**STALLED, "schema": 2})


# The whole data have tens of thousands of places. Three bins contain one of each kind.
SMALL = copy.deepcopy(COMPARED)
for holder in (SMALL["timeline"], *(SMALL["sides"][side]["timeline"] for side in ("old", "new"))):
    holder["bins"] = holder["bins"][:3]
SMALL["stalls"], SMALL["breaking"] = STALLED["stalls"], STRESSED["breaking"]
SMALL["errors"] = [{"endpoint": "upload", "phase": "old", "detail": HOSTILE, "count": 3}]
EVERYWHERE = list(places(SMALL))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(EVERYWHERE), any_json)
def test_any_json_anywhere_gives_a_sound_page(path: tuple[Any, ...], value: Any) -> None:
    """Any place of the data can contain any JSON."""
    data = replaced(SMALL, path, value)
    sound(load_page(data))
    list(summary(data))


def test_hostile_text_stays_text() -> None:
    """Every text of the data is hostile."""
    data = copy.deepcopy(SMALL)
    for path in EVERYWHERE:
        at: Any = data
        for key in path[:-1]:
            at = at[key]
        if isinstance(at[path[-1]], str):
            at[path[-1]] = HOSTILE
    page = sound(load_page(data))
    assert "alert(1)" in page.shown


@timeless
@given(st.dictionaries(st.text(max_size=8), any_json, max_size=4))
def test_empty_data_are_reported_as_missing(data: dict[str, Any]) -> None:
    """Missing data are reported as missing, not as zero."""
    text = shown(sound(load_page({**data, "schema": 1})))
    if "gates" not in data:
        assert "The data contain no list gates" in text


@timeless
@given(
    st.lists(st.tuples(st.floats(), st.none() | st.floats() | st.integers(-(10**20), 10**20)), max_size=30),
    st.booleans(),
    st.none() | st.floats(),
)
def test_any_points_give_a_chart_within_its_frame(points: Any, logarithmic: bool, limit: float | None) -> None:
    """No coordinate leaves the chart, for any numbers."""
    chart = line_chart("c", "A chart", [Line("one", points)], x="s", unit="ms", logarithmic=logarithmic, limit=limit,
                       marks=[Mark("steady", 0, 10), Mark("stall", 3, 4, bad=True)])  # fmt: skip
    module: Any = environment().get_template("charts.html").module
    made = str(module.line_chart(chart))
    assert "nan" not in made.split("<details")[0].replace("A chart", "")
    assert "inf" not in made.split("<details")[0]


def test_names_of_simultaneous_phases_do_not_overlap() -> None:
    """A comparison sends both phases at the same time. Their names are on separate lines of the chart."""
    marks = [Mark("old", 0, 10), Mark("new", 0, 10), Mark("later", 5, 10)]
    chart = line_chart("c", "A chart", [Line("one", [(0, 1.0), (10, 1.0)])], x="s", unit="ms", marks=marks)
    places = {label.content: (label.x, label.y) for label in chart.labels}
    assert places["old"] == ("74.0", "22")
    assert places["new"] == ("74.0", "36")
    assert places["later"][1] == "22"
