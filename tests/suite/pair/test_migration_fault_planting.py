"""The planted faults of a migrated pair: each one changes stored data, its control does not, and both are reverted."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from migration_program import Programs
from reference.faults.migration import LIES, Pair, entries, lying, planted
from reference.faults.migration.transport import BEFORE

from cutover.embedded import pair

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.pair

ALL = [entry.name for entry in entries()]
# All of them take a minute and a half. By default every fifteenth runs.
SOME = ALL if os.environ.get("CUTOVER_SENSITIVITY") == "full" else ALL[::15]
# Faults that change no row, no bytes of an object and no listing: schemas, and metadata of objects.
OUTSIDE_ROWS_AND_BYTES = {
    entry.name
    for entry in entries()
    if entry.shows["part"] == "schema" or (entry.shows["part"] == "objects" and "column" in entry.shows)
} | {"group-in-use", "audit-row-of-no-user"}
# Faults whose controls write another text with the same meaning, or an allowed value.
EQUIVALENT_CONTROLS = {
    entry.name for entry in entries()
    if entry.shows.get("column") in ("tags", "columns_metadata") and entry.name != "tags-null"
    and entry.name != "source-changed-after-migration"
} | {"filter-of-no-file", "filter-of-no-user", "id-rounded-to-a-double", "object-in-parts-bit-flipped",
     "users-sequence-of-existing-rows", "files-sequence-of-existing-rows"} | {
    entry.name for entry in entries() if entry.shows["part"] == "logins"
}  # fmt: skip


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programs]:
    """Yield a migrated pair without other rows than those of these tests."""
    handle = pair.start(pair.anonymous_name(), owned=True, options=pair.PairOptions())
    made = Programs(handle.wait(90), tmp_path_factory.mktemp("recorder"))
    made.generate("--users", "300", "--files", "400")
    made.migrate("full")
    yield made
    handle.stop()


@pytest.fixture(scope="module")
def stores(programs: Programs) -> Iterator[Pair]:
    """Yield the access to the pair's stores that plants faults."""
    state = programs.pair
    keys = (state.s3_access_key, state.s3_secret_key)
    made = Pair(state.pg_dsn, state.d1_url, state.s3_url, state.s3_bucket, keys, Path(state.media_root))
    yield made
    made.close()


def _stored_data(programs: Programs) -> dict[str, Any]:
    return programs.target() | programs.source()


@pytest.fixture(scope="module")
def data_before(programs: Programs) -> dict[str, Any]:
    """Return the stored data of both sides before anything is planted."""
    return _stored_data(programs)


@pytest.mark.parametrize("name", SOME)
def test_fault_changes_data_and_is_reverted(
    programs: Programs, stores: Pair, data_before: dict[str, Any], name: str
) -> None:
    """The data differs while the fault is planted, is unchanged with the control, and is the same afterwards."""
    with planted(stores, name) as shows:
        assert shows.part
        if name not in OUTSIDE_ROWS_AND_BYTES:
            assert _stored_data(programs) != data_before
    assert _stored_data(programs) == data_before
    with planted(stores, name, control=True):
        if name not in EQUIVALENT_CONTROLS:
            assert _stored_data(programs) == data_before
    assert _stored_data(programs) == data_before


def _page(url: str, after: int) -> httpx.Response:
    query = f"SELECT id, username, password FROM users WHERE id > {after} ORDER BY id LIMIT 100"  # noqa: S608 - a number
    return httpx.post(f"{url}/raw", json={"sql": query, "params": []}, trust_env=False)


@pytest.mark.parametrize("name", [*LIES, *BEFORE])
def test_wrong_response_is_sent_only_by_the_fault(stores: Pair, programs: Programs, name: str) -> None:
    """With the fault a page is not D1's own, or a row is written. With the control all pages are passed on."""
    before = _stored_data(programs)
    own_pages = [_page(stores.d1_url, after) for after in (0, 100, 200)]
    with lying(stores, name, control=True) as lie:
        assert [_page(lie.url, after).json()["result"][0]["results"] for after in (0, 100, 200)] == [
            page.json()["result"][0]["results"] for page in own_pages
        ]
        assert lie.told == 0
    with lying(stores, name) as lie:
        answers = [_page(lie.url, after) for after in (0, 100, 200, 200)]
        assert lie.told >= 1
        lied = any(answer.status_code != 200 for answer in answers) or any(
            one.text.split('"results":')[1:] != other.text.split('"results":')[1:]
            for one, other in zip(answers, own_pages, strict=False)
        )
        assert lied or _stored_data(programs) != before
    assert _stored_data(programs) == before
