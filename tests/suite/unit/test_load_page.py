"""A load run's page and terminal: sound whatever the data, and what is wrong is told in words and figures."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.suite.support.load_series import Series, failing, profile_gates, series, slower, stalling, steady
from tests.suite.unit.test_report_page import HOSTILE, places, plain_json, replaced, shown, sound

from cutover.core.evidence import EvidenceLog
from cutover.load.load_json import BINS, as_json
from cutover.load.load_verdict import judge
from cutover.load.report_files import write_load_files
from cutover.report.html.charts import Line, Mark, chart
from cutover.report.html.markup import element
from cutover.report.load_page import load_page
from cutover.report.load_terminal import summary
from cutover.traffic.ledger import Outcome

pytestmark = pytest.mark.unit
timeless = settings(deadline=None)  # a busy machine is slow, which is not what is tested here

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
    gates = profile_gates(run)
    data = as_json(run.sums, run.facts, judge(run.sums, run.facts, gates), gates, **more)
    read: dict[str, Any] = json.loads(json.dumps(data, allow_nan=False))
    return read


STALLED = figures(series(("warm-up", 2, 200, steady()), ("steady", 28, 200, stalling(10, 2))))
COMPARED = figures(
    series(("old", 30, 200, slower(200, 3)), ("new", 30, 200, slower(33, 8)), profile="compare"), availability=OUTAGES
)
STRESSED = figures(series(("step-1", 10, 80, steady()), ("step-2", 10, 160, steady(1500)), profile="stress"))


def test_the_figures_of_a_run_agree_with_its_ledger() -> None:
    """Counts by endpoint and phase add up to the totals, over time as well; JSON holds no infinity."""
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


def test_maintenance_that_was_declared_is_shown() -> None:
    """What it excused stands on top."""
    run = series(("steady", 30, 100, failing(4, Outcome.REFUSED_BY_MAINTENANCE)), profile="availability")
    text = shown(sound(load_page(figures(run.with_facts(maintenance=(2.5, 20.0))))))
    assert "Maintenance was declared from second 2.5 to 20.0. 750 writes were refused in that time" in text
    assert "Maintenance was declared" not in shown(sound(load_page(figures(run))))


def test_a_long_run_has_no_more_points_than_can_be_seen() -> None:
    """Nothing is lost by drawing them together."""
    data = figures(series(("steady", 1000, 2, steady()), profile="soak"))
    assert len(data["timeline"]["bins"]) <= BINS
    assert sum(each["scheduled"] for each in data["timeline"]["bins"]) == 2000


def test_the_page_shows_verdict_limits_and_what_broke() -> None:
    """Value, interval, limit and state of each gate; stalls; seed; every outcome."""
    page = sound(load_page(STALLED))
    text = shown(page)
    assert "NO-GO load profile baseline on embedded, exit code 1" in text
    assert "✗ broken" in text
    assert "no standstill: 2,003 ms breaks longest_stall_ms < 1000" in text
    assert text.index("no standstill") < text.index("errors before the switch")
    for name in ("Refused by maintenance", "Closed while idle", "Unsent", "Wrong version"):
        assert name in text
    assert "Seed1" in text.replace(" ", "")
    assert len([attributes for attributes in page.tags("svg") if attributes.get("class") == "chart"]) == 4


def test_every_picture_has_its_figures_as_text_and_can_be_reached_by_keyboard() -> None:
    """No figure stands in a picture alone; what scrolls can be focused."""
    page = sound(load_page(COMPARED))
    pictures = [attributes for attributes in page.tags("svg") if attributes.get("class") == "chart"]
    assert len(pictures) == 7
    assert all(attributes["role"] == "img" and "table" in str(attributes["aria-label"]) for attributes in pictures)
    ids = {attributes.get("id") for _, attributes in page.elements}
    assert {"latency-figures", "sending-figures", "lag-figures", "cpu-figures", "sides-time-figures"} <= ids
    assert {"sides-curve-figures", "outage-list"} <= ids
    scrolls = [attributes for attributes in page.tags("div") if attributes.get("class") == "scroll"]
    assert all(attributes.get("tabindex") == "0" for attributes in scrolls)


def test_comparisons_steps_and_outages_have_their_sections() -> None:
    """And runs without them have none."""
    compared, stressed = shown(sound(load_page(COMPARED))), shown(sound(load_page(STRESSED)))
    assert "slow requests against the old system" in compared
    assert "148.0 ms" in compared
    assert "no response afterwards" in compared
    assert "list-17.csvlost" in compared.replace(" ", "")
    assert "v15,0000.0 s10.0 s" in compared
    assert "every limit held up to 80/s; at 160/s broke response time of a step" in stressed
    assert "Outages" not in stressed
    assert "Old and new" not in stressed
    assert "Breaking point" not in compared


def test_the_terminal_says_the_same() -> None:
    """Each gate with its state, the counts, and what a stress run found."""
    lines = "\n".join(summary(STALLED))
    assert "broken     no standstill: 2,003 ms breaks longest_stall_ms < 1000" in lines
    assert "6,000 scheduled = 6,000 ok" in lines
    assert "p95" in lines
    assert "every limit held up to 80/s" in "\n".join(summary(STRESSED))
    outages = "\n".join(summary(COMPARED))
    assert "fresh: 6,000 requests, 1 outages, longest time without a response 154.2 ms" in outages
    assert "outage from second 10.0: at least 148.0 ms, at most 152.0 ms, 75 failed" in outages
    assert "at least 2.0 ms, no response afterwards, 2 failed" in outages


def test_a_ledger_that_does_not_balance_is_told_on_the_page() -> None:
    """Above everything else."""
    run = series(("steady", 30, 200, steady()))
    run.sums.cell("upload", "steady").scheduled += 3
    text = shown(sound(load_page(figures(run))))
    assert "does not balance" in text
    assert "upload in steady: 2003 requests were scheduled, 2000 have an outcome" in text


def test_the_files_are_written_with_secrets_masked(tmp_path: Path) -> None:
    """load.json and load.html, neither with a token that an error's text held."""
    run = series(("steady", 30, 200, steady()))
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
    run.sums.cell("upload", "steady").add_detail(f"said {token}", 1)
    log, gates = EvidenceLog(tmp_path), profile_gates(run)
    lines = write_load_files(log, run.sums, run.facts, judge(run.sums, run.facts, gates), gates)
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
    """A page does not guess."""
    with pytest.raises(ValueError, match="expected 1, got 2"):
        load_page({**STALLED, "schema": 2})


# Whole, the data have tens of thousands of places; three bins and six rows have one of each kind.
SMALL = copy.deepcopy(COMPARED)
for holder in (SMALL["timeline"], *(SMALL["sides"][side]["timeline"] for side in ("old", "new"))):
    holder["bins"] = holder["bins"][:3]
SMALL["stalls"], SMALL["breaking"] = STALLED["stalls"], STRESSED["breaking"]
SMALL["errors"] = [{"endpoint": "upload", "phase": "old", "detail": HOSTILE, "count": 3}]
EVERYWHERE = list(places(SMALL))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(EVERYWHERE), plain_json)
def test_whatever_stands_in_the_data_the_page_is_sound(path: tuple[Any, ...], value: Any) -> None:
    """At any one place anything may stand."""
    data = replaced(SMALL, path, value)
    sound(load_page(data))
    list(summary(data))


def test_hostile_text_stays_text() -> None:
    """Wherever a text stands."""
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
@given(st.dictionaries(st.text(max_size=8), plain_json, max_size=4))
def test_data_of_nothing_make_a_page_that_says_so(data: dict[str, Any]) -> None:
    """What is absent is told as such, not as zero."""
    text = shown(sound(load_page({**data, "schema": 1})))
    if "gates" not in data:
        assert "The data contain no list gates" in text


@timeless
@given(
    st.lists(st.tuples(st.floats(), st.none() | st.floats() | st.integers(-(10**20), 10**20)), max_size=30),
    st.booleans(),
    st.none() | st.floats(),
)
def test_any_points_make_a_chart_within_its_frame(points: Any, logarithmic: bool, limit: float | None) -> None:
    """No coordinate leaves the picture, whatever the figures."""
    made = str(chart("c", "A chart", [Line("one", points)], x="s", unit="ms", logarithmic=logarithmic, limit=limit,
                     marks=[Mark("steady", 0, 10), Mark("stall", 3, 4, bad=True)]))  # fmt: skip
    assert "nan" not in made.split("<details")[0].replace("A chart", "")
    assert "inf" not in made.split("<details")[0]


@pytest.mark.parametrize("path", ['M0 0"/><script>', "url(x)", "M0,0", "m1 1"])
def test_only_digits_make_a_path(path: str) -> None:
    """Nothing that could end the attribute."""
    with pytest.raises(ValueError, match="no path"):
        element("path", d=path)
