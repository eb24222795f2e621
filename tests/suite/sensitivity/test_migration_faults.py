"""Each planted fault of a migrated pair is found at its table, column and key. Its control changes nothing.

By default the faults of rows, keys and schemas run, and the faults of D1's interface. CUTOVER_SENSITIVITY=full adds the
faults of objects (tests/suite/pair/test_migration_objects.py has them on fewer files) and all controls. The author of a
fault does not read src/cutover/migration: migration_found_as.toml lists the faults that are reported in other terms.
"""

import os
import tomllib
from collections.abc import Generator
from pathlib import Path

import pytest
from reference.faults.migration import Entry, Pair, entries, lying, planted
from tests.suite.support.migrated_pair import environment_of, fill, places_of, reconcile_here

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
def migrated_stores() -> Generator[tuple[PairState, Pair]]:
    """Yield a migrated pair of these tests with 300 accounts and 1,500 files, and the access that plants faults."""
    handle = pairs.start(pairs.anonymous_name(), owned=True, options=pairs.PairOptions())
    own_pair = handle.wait(90)
    fill(own_pair, 300, 1500)
    stores = Pair(
        own_pair.pg_dsn, own_pair.d1_url, own_pair.s3_url, own_pair.s3_bucket,
        (own_pair.s3_access_key, own_pair.s3_secret_key), Path(own_pair.media_root),
    )  # fmt: skip
    yield own_pair, stores
    stores.close()
    handle.stop()


@pytest.mark.parametrize("entry", ENTRIES if FULL else QUICK, ids=lambda entry: entry.name)
def test_fault_is_found_at_its_place(entry: Entry, migrated_stores: tuple[PairState, Pair], tmp_path: Path) -> None:
    """A finding has the part, table, column, kind and key of the fault."""
    pair, stores = migrated_stores
    with planted(stores, entry.name) as shows:
        beyond = shows.thorough or shows.part in (None, "objects", "logins")
        result, findings = reconcile_here(
            environment_of(pair, by_file=True), tmp_path, thorough=shows.thorough, objects=beyond
        )
    if entry.verdict == "GO":
        assert places_of(findings) == set()
        return
    if not entry.shows:
        assert findings or result.unverified or any(result.written.values())
        return
    wanted = {word: getattr(shows, word) for word in WORDS} | FOUND_AS.get(entry.name, {})
    place = tuple(wanted[word] for word in WORDS)
    found = {each for each in places_of(findings) if each[:4] == place}
    assert found, sorted(map(str, places_of(findings)))
    keys = {each[4] for each in found}
    assert (keys == {""}) if shows.part == "schema" else (shows.key is None or shows.key in keys), found


@pytest.mark.parametrize("control", [False, True], ids=["fault", "control"])
def test_id_above_2_to_the_53_is_exact_over_rest(
    migrated_stores: tuple[PairState, Pair], tmp_path: Path, *, control: bool
) -> None:
    """D1's REST rounds numbers, so keys are read as texts: a rounded id is a finding, the right one is none."""
    pair, stores = migrated_stores
    with planted(stores, "id-rounded-to-a-double", control=control) as shows:
        result, findings = reconcile_here(environment_of(pair), tmp_path)
    assert set(result.written.values()) == {None}
    if control:
        assert places_of(findings) == set()
    else:
        assert ("rows", "files", None, "missing", shows.key) in places_of(findings)


@pytest.mark.skipif(not FULL, reason="The controls of migration faults run only with CUTOVER_SENSITIVITY=full.")
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_control_changes_nothing(entry: Entry, migrated_stores: tuple[PairState, Pair], tmp_path: Path) -> None:
    """The same work without the fault gives no finding."""
    pair, stores = migrated_stores
    with planted(stores, entry.name, control=True) as shows:
        result, findings = reconcile_here(environment_of(pair, by_file=True), tmp_path, thorough=shows.thorough)
    assert places_of(findings) == set()
    assert set(result.written.values()) == {None}


@pytest.mark.parametrize("name", sorted(LIES))
def test_wrong_response_of_d1_is_no_go(name: str, migrated_stores: tuple[PairState, Pair], tmp_path: Path) -> None:
    """A lost page, a chunk sent twice or rows written meanwhile are no GO, unless the run can wait for the end."""
    pair, stores = migrated_stores
    wanted = LIES[name]
    with lying(stores, name) as lie:
        try:
            result, findings = reconcile_here(environment_of(pair, d1_url=lie.url), tmp_path, objects=False)
            go = not findings and not result.unverified and not any(result.written.values())
        except (MeasurementError, CheckFailed):
            go = False
    assert lie.told, "the proxy never sent a wrong response, so the test proves nothing"
    assert go == (wanted == "GO"), wanted


def test_other_terms_are_of_known_faults() -> None:
    """Every line of migration_found_as.toml names an existing fault."""
    assert set(FOUND_AS) <= {entry.name for entry in ENTRIES}
