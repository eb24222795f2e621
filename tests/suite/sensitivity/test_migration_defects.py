"""Each planted defect of a migrated pair is found at its table, column and key; its neutral twin changes nothing.

By default the defects that rows, keys and schemas show, and the lies of D1's interface; with CUTOVER_SENSITIVITY=full
those of objects (tests/pair/test_migration_objects.py has them on fewer files) and all twins, too. Who plants a defect
does not read src/cutover/migration: where our words differ from his stands in migration_found_as.toml.
"""

import os
import tomllib
from collections.abc import Generator
from pathlib import Path

import pytest
from reference.faults.migration import Entry, Pair, entries, lying, planted
from tests.suite.support.migrated import environment_of, fill, reconciled, told

from cutover.config.validation import root
from cutover.core.errors import CheckFailed, MeasurementError
from cutover.embedded import pair as pairs
from cutover.embedded.state import PairState

pytestmark = [pytest.mark.sensitivity, pytest.mark.xdist_group("migrated pair")]

FULL = os.environ.get("CUTOVER_SENSITIVITY") == "full"
FOUND_AS: dict[str, dict[str, str]] = tomllib.loads(Path(__file__).with_name("migration_found_as.toml").read_text())
WORDS = ("part", "table", "column", "kind")
ENTRIES = entries()
QUICK = [entry for entry in ENTRIES if entry.shows.get("part") not in ("objects", "logins")]
LIES: dict[str, str] = {
    lie["name"]: lie["verdict"]
    for lie in tomllib.loads((root() / "reference/faults/migration.toml").read_text())["lie"]
}


@pytest.fixture(scope="module")
def filled() -> Generator[tuple[PairState, Pair]]:
    """A pair of their own with 300 accounts and 1,500 files, migrated, and the hand that spoils it."""
    handle = pairs.start(pairs.anonymous_name(), owned=True, options=pairs.PairOptions())
    own_pair = handle.wait(90)
    fill(own_pair, 300, 1500)
    hand = Pair(
        own_pair.pg_dsn, own_pair.d1_url, own_pair.s3_url, own_pair.s3_bucket,
        (own_pair.s3_access_key, own_pair.s3_secret_key), Path(own_pair.media_root),
    )  # fmt: skip
    yield own_pair, hand
    hand.close()
    handle.stop()


@pytest.mark.parametrize("entry", ENTRIES if FULL else QUICK, ids=lambda entry: entry.name)
def test_defect_is_found_at_its_place(entry: Entry, filled: tuple[PairState, Pair], tmp_path: Path) -> None:
    """Part, table, column, kind and key."""
    pair, hand = filled
    with planted(hand, entry.name) as shows:
        beyond = shows.thorough or shows.part in (None, "objects", "logins")
        result, findings = reconciled(
            environment_of(pair, by_file=True), tmp_path, thorough=shows.thorough, objects=beyond
        )
    if entry.verdict == "GO":
        assert told(findings) == set()
        return
    if not entry.shows:
        assert findings or result.unverified or any(result.written.values())
        return
    wanted = {word: getattr(shows, word) for word in WORDS} | FOUND_AS.get(entry.name, {})
    place = tuple(wanted[word] for word in WORDS)
    found = {each for each in told(findings) if each[:4] == place}
    assert found, sorted(map(str, told(findings)))
    keys = {each[4] for each in found}
    assert (keys == {""}) if shows.part == "schema" else (shows.key is None or shows.key in keys), found


@pytest.mark.parametrize("neutral", [False, True], ids=["defect", "twin"])
def test_id_above_2_to_the_53rd_is_read_through_the_interface(
    filled: tuple[PairState, Pair], tmp_path: Path, *, neutral: bool
) -> None:
    """D1's REST rounds numbers, so keys travel as texts: the rounded id is told, the right one is nothing to tell."""
    pair, hand = filled
    with planted(hand, "id-rounded-to-a-double", neutral=neutral) as shows:
        result, findings = reconciled(environment_of(pair), tmp_path)
    assert set(result.written.values()) == {None}
    if neutral:
        assert told(findings) == set()
    else:
        assert ("rows", "files", None, "missing", shows.key) in told(findings)


@pytest.mark.skipif(not FULL, reason="twins with CUTOVER_SENSITIVITY=full")
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_twin_changes_nothing(entry: Entry, filled: tuple[PairState, Pair], tmp_path: Path) -> None:
    """The same work without the defect: nothing is found."""
    pair, hand = filled
    with planted(hand, entry.name, neutral=True) as shows:
        result, findings = reconciled(environment_of(pair, by_file=True), tmp_path, thorough=shows.thorough)
    assert told(findings) == set()
    assert set(result.written.values()) == {None}


@pytest.mark.parametrize("name", sorted(LIES))
def test_lie_of_the_interface_is_no_go(name: str, filled: tuple[PairState, Pair], tmp_path: Path) -> None:
    """A page lost, a chunk answered twice, rows written meanwhile: nothing is proven, or the run waits it out."""
    pair, hand = filled
    wanted = LIES[name]
    with lying(hand, name) as lie:
        try:
            result, findings = reconciled(environment_of(pair, d1_url=lie.url), tmp_path, objects=False)
            go = not findings and not result.unverified and not any(result.written.values())
        except (MeasurementError, CheckFailed):
            go = False
    assert lie.told, "it never lied, so nothing was shown"
    assert go == (wanted == "GO"), wanted


def test_words_of_others_are_of_known_defects() -> None:
    """No line of migration_found_as.toml is left over."""
    assert set(FOUND_AS) <= {entry.name for entry in ENTRIES}
