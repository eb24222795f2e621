"""The parity page: safe for any data, complete, and with the problems first."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.suite.support.report_pages import HOSTILE, any_json, everywhere, places, replaced, shown, sound

from cutover.report.parity_page import earlier_runs, parity_page

pytestmark = pytest.mark.unit

SAMPLE: dict[str, Any] = json.loads((Path(__file__).parent / "samples" / "parity.json").read_text())


def sample(**changes: Any) -> dict[str, Any]:
    """Return the sample's data with some keys changed."""
    return {**copy.deepcopy(SAMPLE), **changes}


def test_sample_page_is_sound_and_the_same_each_time() -> None:
    """The page has landmarks, captions, unique ids and a policy, and contains no clock or random number."""
    source = parity_page(SAMPLE, [])
    page = sound(source)
    assert source == parity_page(copy.deepcopy(SAMPLE), [])
    assert {"header", "nav", "main", "footer"} <= {tag for tag, _ in page.elements}
    assert page.tags("a")[0] == {"href": "#verdict", "class": "skip"}
    assert page.text["title"].startswith("NO-GO: Parity, staging")


def test_problems_are_shown_before_everything_else() -> None:
    """Verdict and reasons come first, undeclared differences before accepted ones."""
    read = shown(sound(parity_page(SAMPLE, [])))
    order = ["✗ NO-GO", *SAMPLE["reasons"], "✗ 3 undeclared differences", "✗ 1 declaration in error",
             "✗ 1 required but not seen", "Differences without a declaration", "bytes, 1,204 long",
             "bytes, 1,201 long", "5 of 5 responses compared (100 %)", "ann: export ['name']", "On legacy", "On worker",
             "contracts/accepted_differences.toml:58", "not seen in 12 answers of download", "✗ not seen",
             "the front end reads the status only"]  # fmt: skip
    at = 0
    for part in order:
        assert part in read[at:], part
        at += read[at:].index(part)


def test_every_text_of_the_data_is_on_the_page() -> None:
    """A small run is shown whole, except the samples of accepted differences."""
    data = sample()
    for difference in data["differences"]:
        if difference["decision"] != "undeclared":
            difference["samples"] = []
            difference["journeys"] = []
            (difference["acceptance"] or {}).pop("expires", None)
    page = sound(parity_page(data, []))
    keep = {"schema", "decision"}

    def leaves(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            for key, inner in value.items():
                yield from leaves(inner) if key not in keep else ()
        elif isinstance(value, list):
            for inner in value:
                yield from leaves(inner)
        elif isinstance(value, str):
            yield value

    missing = [leaf for leaf in leaves(data) if leaf and leaf not in page.shown and leaf != data["noise"][0]["case"]]
    assert missing == []


@pytest.mark.parametrize("kind", [str, (int, float), (str, int, float)], ids=["texts", "numbers", "both"])
def test_hostile_text_in_every_field_stays_text(kind: Any) -> None:
    """No element, attribute or link comes from the data."""
    hostile = everywhere(SAMPLE, HOSTILE, kind)
    earlier = [
        everywhere({**SAMPLE, "folder": "x", "page": True}, HOSTILE, kind),
        {"folder": HOSTILE, "broken": HOSTILE},
    ]
    page = sound(parity_page(hostile, earlier))
    assert not {tag for tag, _ in page.elements} & {"img", "iframe", "object"}
    assert "</script></style></title><script>alert(1)</script>" in page.shown
    assert "U+202E" in page.shown


@pytest.mark.parametrize("path", list(places(SAMPLE)), ids=lambda path: ".".join(map(str, path)))
def test_hostile_text_in_one_field_is_harmless(path: tuple[Any, ...]) -> None:
    """Any single field can contain hostile text: one that was a text, a number, a list or an object."""
    sound(parity_page(replaced(SAMPLE, path, HOSTILE), []))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_json_anywhere_gives_a_sound_page(data: st.DataObject) -> None:
    """Data of any shape give a sound page, because a broken run is the one that people look at."""
    changed: Any = SAMPLE
    for _ in range(data.draw(st.integers(1, 3))):
        changed = replaced(changed, data.draw(st.sampled_from(list(places(changed)))), data.draw(any_json))
    sound(parity_page(changed, [changed, {}]))


@pytest.mark.parametrize("number", [10**400, -(10**400), float("inf"), float("-inf"), float("nan"), True, -0.0])
def test_extreme_number_is_shown(number: float) -> None:
    """Counts, shares, times and days left accept numbers that a float cannot contain."""
    for other in (number, float("inf")):
        data = everywhere(SAMPLE, number, (int, float))
        data["differences"] = [{**difference, "of": other} for difference in data["differences"]]
        sound(parity_page(data, [{**data, "folder": "x", "page": True}]))


def test_empty_data_are_not_shown_as_good() -> None:
    """Missing data are reported as missing."""
    page = sound(parity_page({"schema": 1}, []))
    read = shown(page)
    for name in ("coverage", "not_exercised", "differences", "acceptances", "noise", "proposals", "journeys"):
        assert f"The data contain no list {name}" in read
    assert "The data contain no totals" in read
    assert "nothing was compared" in read
    assert "Every required combination was seen" not in read
    assert "✗ ? undeclared differences" in read
    assert "✓" not in read
    assert page.tags("section")[0]["class"] == "verdict bad"


def test_data_of_another_schema_are_refused() -> None:
    """Another schema raises ValueError."""
    for schema in (2, None, "1", [1]):
        with pytest.raises(ValueError, match="schema"):
            parity_page(sample(schema=schema), [])


@pytest.mark.parametrize(("undeclared", "keep"), [(0, True), (4, False), (None, True)])
def test_totals_that_contradict_the_list_are_reported(undeclared: int | None, keep: bool) -> None:
    """Totals and list of undeclared differences that disagree give a notice."""
    data = sample(totals={**SAMPLE["totals"], "undeclared": undeclared})
    if not keep:
        data["differences"] = [d for d in data["differences"] if d["decision"] != "undeclared"]
    assert "undeclared differences, the list contains" in shown(sound(parity_page(data, [])))
    assert "undeclared differences, the list contains" not in shown(sound(parity_page(SAMPLE, [])))


def test_unknown_decision_counts_as_undeclared() -> None:
    """An unknown decision does not accept a difference."""
    data = sample()
    data["differences"][3]["decision"] = "tolerated"
    read = shown(sound(parity_page(data, [])))
    assert "4 undeclared differences" in read
    assert "The decision in the data is tolerated" in read


def test_planted_fault_and_unmasked_values_are_announced() -> None:
    """Both notices come before the first section."""
    read = shown(sound(parity_page(sample(planted="worker size-as-text planted", show_values=True), [])))
    for part in ("worker size-as-text planted", "not masked"):
        assert read.index(part) < read.index("Totals")


@pytest.mark.parametrize(("days", "expected"), [(13, "! 13"), (14, "14"), (0, "! 0"), (-2, "✗ expired 2 days ago")])
def test_days_left_are_marked_under_fourteen(days: int, expected: str) -> None:
    """An accepted difference has a warning in its last 14 days."""
    data = sample()
    data["differences"][3]["acceptance"]["days_left"] = days
    data["acceptances"] = []
    read = shown(sound(parity_page(data, [])))
    assert f"100 %{expected}" in read.replace("100 % ", "100 %")


@pytest.mark.parametrize("state", ["stale", "too broad", "expired", "a new word"])
def test_declaration_in_error_has_its_own_table(state: str) -> None:
    """Accepted differences and noise in error are listed with file and line."""
    data = sample()
    data["acceptances"][0]["state"] = data["noise"][0]["state"] = state
    read = shown(sound(parity_page(data, [])))
    errors = read[read.index("Declarations that are stale") : read.index("Required but not seen")]
    assert "contracts/accepted_differences.toml:31" in errors
    assert "contracts/noise.toml:12" in errors
    assert "3 declarations in error" in read


def test_missing_coverage_is_in_the_matrix_and_in_a_table() -> None:
    """A required combination without a count was not seen."""
    data = sample()
    del data["coverage"][0]["seen"]
    read = shown(sound(parity_page(data, [])))
    assert "2 required but not seen" in read
    missing = read[read.index("Required but not seen") : read.index("Responses seen, by operation")]
    assert "list_files" in missing
    assert "stranger" in missing
    assert read.count("✗ not seen") == 4


def thousand() -> dict[str, Any]:
    """Return data with a thousand undeclared differences of one operation, and one of another."""
    one = SAMPLE["differences"][0]
    many = [{**one, "operation": "aaa", "path": f"/files/*/field_{n}"} for n in range(1000)]
    return sample(differences=[*many, {**one, "operation": "zzz", "path": "/only"}])


def test_thousand_differences_hide_no_operation() -> None:
    """All are counted, 1000 are in the table and 100 are shown in full, with at least one of each operation."""
    source = parity_page(thousand(), [])
    page = sound(source)
    assert len(page.tags("article")) == 100
    assert "1,001 undeclared differences" in shown(page)
    assert "901 more are not shown in full" in shown(page)
    assert "Rows that are not shown: 1." in shown(page)
    assert [a for a in page.tags("article") if a["id"] == "difference-1000"]
    assert len(source) < 2_000_000


def test_ten_megabytes_of_data_make_a_page_that_opens() -> None:
    """The page's size is bounded if one text is huge, if all are, and if there are many."""
    lone = sample()
    lone["differences"][0]["samples"][0]["baseline"] = "<\u202e" * 5_000_000
    everything = everywhere(SAMPLE, "\u202e<&" * 12_000, str)
    many = thousand()
    for difference in many["differences"]:
        difference["samples"] = [
            {
                "journey": "j" * 200,
                "step": n,
                "baseline": "<" * 900,
                "candidate": ">" * 900,
                "parts_at": "0",
                "requests": {},
            }
            for n in range(5)
        ]
    for data, most in ((lone, 200_000), (everything, 2_000_000), (many, 6_000_000)):
        assert len(json.dumps(data)) > 8_000_000
        assert len(parity_page(data, [])) < most


# Earlier runs


def write_run(reports: Path, folder: str, **changes: Any) -> Path:
    """Create the folder of a run with its parity.json."""
    (reports / folder).mkdir()
    (reports / folder / "parity.json").write_text(json.dumps(sample(**changes)))
    return reports / folder


def test_earlier_runs_are_listed_newest_first(tmp_path: Path) -> None:
    """At most 20 runs are listed, without this one. A file that cannot be read is named."""
    for n in range(25):
        folder = write_run(tmp_path, f"20261101T0000{n:02}-run{n}", run=f"run{n}", started=1795000000.0 + n)
    (folder.parent / "20261101T000024-run24" / "parity.html").write_text("")
    own = write_run(tmp_path, "20261102T000000-own")
    for name, content in {"no-json": b"{", "not-utf8": b"\xff", "list": b"[]", "schema-2": b'{"schema": 2}',
                          "no-time": b'{"schema": 1}', "deep": b"[" * 200_000}.items():  # fmt: skip
        (tmp_path / f"20261103-{name}").mkdir()
        (tmp_path / f"20261103-{name}" / "parity.json").write_bytes(content)
    (tmp_path / "20261104-link").symlink_to(own)
    (tmp_path / "20261105-smoke").mkdir()
    (tmp_path / "README.md").write_text("")
    runs = earlier_runs(own)
    good = [run for run in runs if "broken" not in run]
    assert [run["run"] for run in good] == [f"run{n}" for n in range(24, 4, -1)]
    assert [run["page"] for run in good[:2]] == [True, False]
    broken = {run["folder"].partition("-")[2] for run in runs if "broken" in run}
    assert broken == {"no-json", "not-utf8", "list", "schema-2", "no-time", "deep"}
    page = sound(parity_page(SAMPLE, runs))
    assert "../20261101T000024-run24/parity.html" in [link["href"] for link in page.tags("a")]
    assert "20261103-deep/parity.json: not valid JSON" in shown(page)
    assert "this run" in shown(page)


def test_no_earlier_run_is_reported(tmp_path: Path) -> None:
    """A missing folder is not an error."""
    assert earlier_runs(write_run(tmp_path, "20261102T000000-own")) == []
    assert earlier_runs(tmp_path / "gone" / "gone") == []
    assert "The folder of reports contains no earlier run." in shown(sound(parity_page(SAMPLE, [])))
