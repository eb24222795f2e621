"""Each awkward kind of legacy data leads to the verdict that reference/migration/awkward.toml states.

Data that cannot be migrated is never a GO. Only with CUTOVER_SENSITIVITY=full: generating and migrating takes seconds
for each kind.
"""

import contextlib
import os
import tomllib
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from tests.suite.support.migrated_pair import environment_of, places_of, reconcile_here

from cutover.config.validation import root
from cutover.embedded import pair as pairs
from cutover.embedded import pair_migration
from cutover.embedded.pair_error import PairError
from cutover.embedded.state import PairState

pytestmark = [
    pytest.mark.sensitivity,
    pytest.mark.xdist_group("awkward kinds"),
    pytest.mark.skipif(
        os.environ.get("CUTOVER_SENSITIVITY") != "full",
        reason="The awkward kinds of data run only with CUTOVER_SENSITIVITY=full.",
    ),
]

KINDS: list[dict[str, Any]] = tomllib.loads((root() / "reference/migration/awkward.toml").read_text())["awkward"]

# The list states "keys". Tables that must be empty are reported with the rows, as in migration_found_as.toml.
PARTS = {"group-in-use": "rows", "permission-in-use": "rows"}


@pytest.fixture(scope="module")
def replaceable_pair() -> Generator[PairState]:
    """Yield a pair of these tests. Each kind of data replaces the one before."""
    handle = pairs.start(pairs.anonymous_name(), owned=True, options=pairs.PairOptions())
    yield handle.wait(90)
    handle.stop()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind["name"])
def test_awkward_data_has_its_verdict(kind: dict[str, Any], replaceable_pair: PairState, tmp_path: Path) -> None:
    """The reconciliation is GO, or finds the stated places."""
    pair_migration.generate(replaceable_pair, "--clear", "--users", "25", "--files", "50", "--awkward", kind["name"])
    refused = pytest.raises(PairError) if kind["migrate"] == "leaves out" else contextlib.nullcontext()
    with refused:
        pair_migration.migrate(replaceable_pair, "full", "--replace", "--leave-out")
    result, findings = reconcile_here(environment_of(replaceable_pair), tmp_path, thorough=True)
    places = {each[:4] for each in places_of(findings)}
    if kind["verdict"] == "GO":
        assert (places, result.unverified) == (set(), {})
        return
    wanted = {
        (PARTS.get(kind["name"], show["part"]), show["table"], show.get("column"), show["kind"])
        for show in kind["shows"]
    }
    assert wanted <= places, sorted(map(str, places))
