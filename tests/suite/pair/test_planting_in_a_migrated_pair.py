"""The planted defects of a migrated pair: each changes what it says, its twin does not, and all is put back."""

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
# All of them take a minute and a half; the default is every seventh.
SOME = ALL if os.environ.get("CUTOVER_SENSITIVITY") == "full" else ALL[::15]
# What they spoil is in no row, no object's bytes and no listing: schemas, and what is told of an object.
UNSEEN = {
    entry.name
    for entry in entries()
    if entry.shows["part"] == "schema" or (entry.shows["part"] == "objects" and "column" in entry.shows)
} | {"group-in-use", "audit-row-of-no-user"}
# Their twins write another text of the same meaning, or what is allowed.
MEANT_ALIKE = {
    entry.name for entry in entries()
    if entry.shows.get("column") in ("tags", "columns_metadata") and entry.name != "tags-null"
    and entry.name != "source-changed-after-migration"
} | {"filter-of-no-file", "filter-of-no-user", "id-rounded-to-a-double", "object-in-parts-bit-flipped"} | {
    entry.name for entry in entries() if entry.shows["part"] == "logins"
}  # fmt: skip


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programs]:
    """A migrated pair of which these tests own every row."""
    handle = pair.start(pair.anonymous_name(), owned=True, options=pair.PairOptions())
    made = Programs(handle.wait(90), tmp_path_factory.mktemp("recorder"))
    made.generate("--users", "300", "--files", "400")
    made.migrate("full")
    yield made
    handle.stop()


@pytest.fixture(scope="module")
def migrated(programs: Programs) -> Iterator[Pair]:
    """The same, as the planter has it."""
    state = programs.pair
    keys = (state.s3_access_key, state.s3_secret_key)
    made = Pair(state.pg_dsn, state.d1_url, state.s3_url, state.s3_bucket, keys, Path(state.media_root))
    yield made
    made.close()


def _held(programs: Programs) -> dict[str, Any]:
    return programs.target() | programs.source()


@pytest.fixture(scope="module")
def honest(programs: Programs) -> dict[str, Any]:
    """What both sides hold before anything is planted."""
    return _held(programs)


@pytest.mark.parametrize("name", SOME)
def test_defect_is_one_and_is_taken_out_again(
    programs: Programs, migrated: Pair, honest: dict[str, Any], name: str
) -> None:
    """What it spoils differs while it is planted, what its twin wrote does not, and afterwards all is as it was."""
    with planted(migrated, name) as shows:
        assert shows.part
        if name not in UNSEEN:
            assert _held(programs) != honest
    assert _held(programs) == honest
    with planted(migrated, name, control=True):
        if name not in MEANT_ALIKE:
            assert _held(programs) == honest
    assert _held(programs) == honest


def _page(url: str, after: int) -> httpx.Response:
    query = f"SELECT id, username, password FROM users WHERE id > {after} ORDER BY id LIMIT 100"  # noqa: S608 - a number
    return httpx.post(f"{url}/raw", json={"sql": query, "params": []}, trust_env=False)


@pytest.mark.parametrize("name", [*LIES, *BEFORE])
def test_lie_is_told_and_its_twin_tells_none(migrated: Pair, programs: Programs, name: str) -> None:
    """Of two pages one at least is not D1's own, or a row is written meanwhile; the twin passes both on."""
    before = _held(programs)
    honest = [_page(migrated.d1_url, after) for after in (0, 100, 200)]
    with lying(migrated, name, control=True) as lie:
        assert [_page(lie.url, after).json()["result"][0]["results"] for after in (0, 100, 200)] == [
            page.json()["result"][0]["results"] for page in honest
        ]
        assert lie.told == 0
    with lying(migrated, name) as lie:
        answers = [_page(lie.url, after) for after in (0, 100, 200, 200)]
        assert lie.told >= 1
        lied = any(answer.status_code != 200 for answer in answers) or any(
            one.text.split('"results":')[1:] != other.text.split('"results":')[1:]
            for one, other in zip(answers, honest, strict=False)
        )
        assert lied or _held(programs) != before
    assert _held(programs) == before
