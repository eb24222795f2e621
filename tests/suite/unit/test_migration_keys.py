"""Tests of checks across rows."""

import sqlite3
from pathlib import Path

import pytest

from cutover.config.validation import root
from cutover.core.safety import KillSwitch
from cutover.migration.findings import Finding, Findings, Kind
from cutover.migration.keys import KeyChecks
from cutover.migration.mapping_file import load_mapping
from cutover.migration.schemas import Schema, d1_schema
from cutover.migration.sqlite_side import SqliteReader

pytestmark = pytest.mark.unit


def test_every_broken_reference_names_its_row(tmp_path: Path) -> None:
    """Also beyond the findings that are kept with their values, and with all digits of the key."""
    file = tmp_path / "d1.sqlite"
    connection = sqlite3.connect(file)
    connection.executescript("CREATE TABLE users(id INTEGER PRIMARY KEY); CREATE TABLE audit_logs(id INTEGER, user_id)")
    keys = [*range(1, 20), 2**53 + 1]
    connection.executemany("INSERT INTO audit_logs VALUES (?, 7)", [(key,) for key in keys])
    connection.commit()
    connection.close()
    reader = SqliteReader(file, KillSwitch(root()))
    every: list[Finding] = []
    checks = KeyChecks(
        load_mapping(root()), (), reader, reader, Schema(), d1_schema(reader), Findings(sink=every.append)
    )
    checks.run()
    reader.close()
    assert [finding.key for finding in every] == [str(key) for key in keys]
    assert {finding.kind for finding in every} == {Kind.BROKEN_REFERENCE}
