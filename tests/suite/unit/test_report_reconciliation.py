"""The report of a reconciliation: its page, its lines on the terminal, and the CSV of differences."""

import copy
import csv
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.suite.support.report_pages import HOSTILE, Page, any_json, sound

from cutover.config.validation import ConfigurationError
from cutover.core.secrets import MASK, Secret
from cutover.migration.differences_file import COLUMNS, DifferencesFile
from cutover.migration.findings import Finding, Findings, Kind, Part
from cutover.migration.reconciliation_result import Reconciliation
from cutover.report.reconciliation_page import reconciliation_page
from cutover.report.reconciliation_table import reconciliation_lines

pytestmark = pytest.mark.unit

MAPPED = {"users": ["id", "username", "email"], "files": ["id", "tags", "checksum"]}
RUN = {"verdict": "NO-GO", "exit_code": 1, "reasons": ["two findings"], "run": "r1", "started": 1.8e9, "planted": None}
NUMBERS = {"source_rows": 1_234, "target_rows": 1_233, "bytes": 98_765, "ranges": 3, "differing_ranges": 1}


def found() -> Findings:
    """Return findings: a missing row, two usernames, an object, a password hash."""
    findings = Findings()
    findings.add(Finding(Part.ROWS, "users", Kind.MISSING, "17"))
    for key in ("3", "4"):
        findings.add(Finding(Part.ROWS, "users", Kind.CHANGED, key, "username", '"ann"', '"ann "'))
    findings.add(Finding(Part.OBJECTS, "files", Kind.CHANGED, "uploads/user-1/a.csv", "size", "12", "11", "row 9"))
    findings.add(Finding(Part.LOGINS, "users", Kind.UNUSABLE, "5", "password", '"pbkdf2_sha256"', '"algorithm argon2"'))
    return findings


def sample() -> dict[str, Any]:
    """Return reconciliation.json with these findings."""
    result = Reconciliation("staging", "forward", thorough=False, findings=found())
    result.tables = {"users": dict(NUMBERS), "files": {**NUMBERS, "target_rows": 1_234, "differing_ranges": 0}}
    result.objects = {"files": 7, "objects": 8, "compared_bytes": 5_000, "pairs": 7, "seconds": 0.5}
    result.logins = {"accounts": 1_233, "verified": 1_232, "disabled": 0}
    result.keys = {"references": {"files.user_id → users.id": 1_234}, "sequences": {"users": [9, 8]}, "unique": ["a.b"]}
    result.unverified = {"objects in the thorough form": "not looked at: the bytes"}
    result.written = {"PostgreSQL": None, "D1": "3 rows"}
    return result.as_json()


def rows_of(html: str, table: str) -> str:
    """Return the part of the page that contains the table."""
    return html.split(f'id="{table}"', 1)[1].split("</table>", 1)[0]


def test_page_lists_every_column_with_its_findings() -> None:
    """Columns without a difference are listed, too. Counts are exact."""
    html = reconciliation_page(sample(), RUN, MAPPED)
    users = rows_of(html, "columns-of-5-users")
    assert users.index("whole rows and objects") < users.index("username") < users.index("password")
    for text in ("1 missing (rows)", "2 changed (rows)", "1 unusable (logins)"):
        assert users.count(text) == 1
    assert users.count("no difference") == 2  # id and email
    files = rows_of(html, "columns-of-5-files")
    assert "1 changed (objects)" in files
    assert files.count("no difference") == 4
    page = sound(html)
    assert page.text["title"].startswith("NO-GO: Migration, staging")
    for text in ("1,234", "1,233", "98,765", "uploads/user-1/a.csv", "algorithm argon2", "3 rows", "row 9"):
        assert text in page.shown
    assert "ann " not in page.shown  # users' values are masked


def test_page_reports_inconsistent_data() -> None:
    """A total that is not the sum and unmasked values give notices. Another schema raises ValueError."""
    data = sample()
    data["total_findings"] = 0
    assert "The total is 0 findings, but the list contains 5" in reconciliation_page(data, RUN, MAPPED)
    assert "not masked" in reconciliation_page({**sample(), "values_shown": True}, RUN, MAPPED)
    with pytest.raises(ValueError, match="expected 1, got 2"):
        reconciliation_page({**sample(), "schema": 2}, RUN, MAPPED)
    empty = reconciliation_page({"schema": 1}, {}, {})
    assert "contain no list of findings" in empty
    assert "No row was compared" in empty


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(sample())), any_json)
def test_any_json_anywhere_gives_a_sound_page(key: str, value: Any) -> None:
    """Text stays text. No shape of the data crashes the page or the lines."""
    data = copy.deepcopy(sample())
    one = {"key": HOSTILE, "expected": value, "got": HOSTILE, "note": HOSTILE}
    place = {"part": HOSTILE, "table": HOSTILE, "column": HOSTILE, "kind": HOSTILE}
    data["findings"].append({**place, "count": 1, "samples": [one]})
    if key != "schema":
        data[key] = value
    page = Page(reconciliation_page(data, {**RUN, "reasons": [HOSTILE]}, {HOSTILE: [HOSTILE]}))
    assert page.unbalanced == []
    assert [tag for tag, _ in page.elements if tag in ("script", "style", "img")] == ["style", "script"]
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert all("\n" not in line or key for line in reconciliation_lines(data))


def test_terminal_has_a_line_for_each_table_and_finding() -> None:
    """Every finding is counted in one of the lines."""
    lines = list(reconciliation_lines(sample()))
    cells = {line.split("  ")[0]: line.split() for line in lines if not line.startswith(" ")}
    assert cells["users"][1:] == ["1,234", "1,233", "98,765", "bytes", "3"]
    assert cells["files"][1:] == ["1,234", "1,234", "98,765", "bytes", "0"]
    assert cells["files and objects"][-5:] == ["7", "8", "5,000", "bytes", "1"]
    assert cells["logins"][-1] == "1"
    assert "elsewhere" not in cells
    assert any(line.startswith("  2 changed in users.username, first 3: expected text of 3") for line in lines)
    assert "  not verified: objects in the thorough form: not looked at: the bytes" in lines
    assert "  written during the run: D1: 3 rows" in lines
    assert next(reconciliation_lines({"total_findings": 3, "findings": []})).strip().startswith("source")
    assert any(line.split() == ["elsewhere", "3"] for line in reconciliation_lines({"total_findings": 3}))


def test_csv_contains_every_finding(tmp_path: Path) -> None:
    """The CSV has one line per finding, masked on request. Only its owner can read it, also if it existed before."""
    place = tmp_path / "differences.csv"
    place.write_text("of another run, and longer than this one" * 100)
    place.chmod(0o644)
    with DifferencesFile(place, show_values=False) as file:
        findings = Findings(sink=file, keep=1)
        for number in range(20):
            findings.add(Finding(Part.ROWS, "users", Kind.CHANGED, str(number), "username", '"anna"', '"bob"'))
    with place.open(newline="") as text:
        rows = list(csv.DictReader(text))
    assert (len(rows), tuple(rows[0])) == (20, COLUMNS)
    assert rows[19]["key"] == "19"
    assert "ann" not in place.read_text()
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    with DifferencesFile(place, show_values=True) as file:
        file(Finding(Part.ROWS, "users", Kind.CHANGED, "1", "username", '"=1+1, \\"x\\""', None, "=SUM(A1)"))
        file(
            Finding(
                Part.ROWS, "users", Kind.CHANGED, "=2", "id", "-5", '"line\\nend"', Secret("a long secret").reveal()
            )
        )
    with place.open(newline="") as text:
        one, two = csv.DictReader(text)
    assert (one["expected"], one["got"], one["note"]) == ('"=1+1, \\"x\\""', "", "'=SUM(A1)")
    assert (two["key"], two["expected"], two["got"], two["note"]) == ("'=2", "-5", '"line\\nend"', MASK)


def test_unwritable_csv_is_an_error_at_once(tmp_path: Path) -> None:
    """The error is raised before anything is read. A symbolic link is not followed."""
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for place in (tmp_path, tmp_path / "no" / "folder.csv", tmp_path / "link"):
        with pytest.raises(ConfigurationError, match=r"--differences.*cannot be written"):
            DifferencesFile(place, show_values=False)
    assert not (tmp_path / "elsewhere").exists()
