"""Each awkward kind of legacy data has the verdict that its list foretells: what cannot be carried is never GO.

Runs with CUTOVER_SENSITIVITY=full: each is generated and migrated anew, which takes seconds.
"""

import contextlib
import os
import tomllib
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from tests.suite.support.migrated import environment_of, reconciled, told

from cutover.config.validation import root
from cutover.embedded import pair as pairs
from cutover.embedded import pair_migration
from cutover.embedded.pair_error import PairError
from cutover.embedded.state import PairState

pytestmark = [
    pytest.mark.sensitivity,
    pytest.mark.xdist_group("awkward kinds"),
    pytest.mark.skipif(os.environ.get("CUTOVER_SENSITIVITY") != "full", reason="with CUTOVER_SENSITIVITY=full"),
]

KINDS: list[dict[str, Any]] = tomllib.loads((root() / "reference/migration/awkward.toml").read_text())["awkward"]


# Their author foretold "keys"; tables that must be empty are told with the rows (migration_found_as.toml has one, too).
PARTS = {"group-in-use": "rows", "permission-in-use": "rows"}


@pytest.fixture(scope="module")
def emptied() -> Generator[PairState]:
    """A pair of their own; each kind replaces what the one before left."""
    handle = pairs.start(pairs.anonymous_name(), owned=True, options=pairs.PairOptions())
    yield handle.wait(90)
    handle.stop()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind["name"])
def test_awkward_kind_has_its_verdict(kind: dict[str, Any], emptied: PairState, tmp_path: Path) -> None:
    """NO-GO at the place that is foretold, or GO."""
    pair_migration.generate(emptied, "--clear", "--users", "25", "--files", "50", "--awkward", kind["name"])
    refused = pytest.raises(PairError) if kind["migrate"] == "leaves out" else contextlib.nullcontext()
    with refused:
        pair_migration.migrate(emptied, "full", "--replace", "--leave-out")
    result, findings = reconciled(environment_of(emptied), tmp_path, thorough=True)
    places = {each[:4] for each in told(findings)}
    if kind["verdict"] == "GO":
        assert (places, result.unverified) == (set(), {})
        return
    wanted = {
        (PARTS.get(kind["name"], show["part"]), show["table"], show.get("column"), show["kind"])
        for show in kind["shows"]
    }
    assert wanted <= places, sorted(map(str, places))
