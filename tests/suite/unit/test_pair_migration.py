"""Tests of the migration of a pair: a run that was killed is repeated, and an interrupted filling is continued."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cutover.embedded import pair_migration
from cutover.embedded.pair_error import PairError

pytestmark = pytest.mark.unit

PROGRAM = """
import os, pathlib, signal, sys
here = pathlib.Path(__file__).parent
with (here / "calls").open("a") as calls:
    print(sys.argv[1:3], file=calls)
codes = (here / "codes").read_text().split()
(here / "codes").write_text(" ".join(codes[1:]))
if codes[0] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
print("{}")
sys.exit(int(codes[0]))
"""


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A pair whose migrate.py ends as the file `codes` says, and lists its arguments in the file `calls`."""
    (tmp_path / "migrate.py").write_text(PROGRAM)
    folder = tmp_path / "migration"
    folder.mkdir()
    monkeypatch.setattr(pair_migration, "folder_of", lambda _: folder)
    names = ("pg_dsn", "s3_access_key", "s3_secret_key", "media_root", "d1_url", "s3_url", "s3_bucket")
    return SimpleNamespace(name="a", reference_dir=str(tmp_path), **dict.fromkeys(names, "x"))


def end_with(pair: Any, *codes: str) -> None:
    """Make the next runs of the program end so: an exit code or "killed"."""
    (Path(pair.reference_dir) / "codes").write_text(" ".join(codes))


def calls_of(pair: Any) -> list[str]:
    """Return the first two arguments of each run."""
    return (Path(pair.reference_dir) / "calls").read_text().splitlines()


def test_killed_migration_is_repeated_once(pair: Any) -> None:
    """With the same arguments. After it ended there is nothing to repeat."""
    end_with(pair, "killed", "0")
    with pytest.raises(PairError, match="ended with -9"):
        pair_migration.migrate(pair, "delta", "--leave-out")
    said: list[str] = []
    for _ in range(2):
        pair_migration.repeat_interrupted(pair, said.append)
    assert calls_of(pair) == ["['delta', '--leave-out']"] * 2
    assert len(said) == 1
    assert "interrupted" in said[0]


def test_failed_repetition_names_the_command(pair: Any) -> None:
    """It is an error of the pair, which is INVALID for a gate, with the command that repairs it."""
    end_with(pair, "killed", "11", "4", "0")
    with pytest.raises(PairError):
        pair_migration.migrate(pair, "full")
    for _ in range(2):
        with pytest.raises(PairError, match=r"Fix: run `python .*migrate.py full --state"):
            pair_migration.repeat_interrupted(pair, print)
    pair_migration.repeat_interrupted(pair, print)
    assert len(calls_of(pair)) == 4


@pytest.mark.parametrize("code", ["0", "1", "4"])
def test_migration_that_ended_is_not_repeated(pair: Any, code: str) -> None:
    """Neither a complete run, nor one that left rows out, nor one that was refused."""
    end_with(pair, code, "0")
    if code == "0":
        pair_migration.migrate(pair, "full")
    else:
        with pytest.raises(PairError):
            pair_migration.migrate(pair, "full")
    pair_migration.repeat_interrupted(pair, print)
    assert len(calls_of(pair)) == 1


@pytest.mark.parametrize(("ended", "runs"), [(None, 1), (1.0, 0)])
def test_run_by_hand_is_found_in_the_journal(pair: Any, ended: float | None, runs: int) -> None:
    """A run that was started by hand and did not end is repeated, too."""
    state = pair_migration.folder_of(pair) / "state"
    state.mkdir()
    with closing(sqlite3.connect(state / "journal.sqlite")) as journal:
        journal.execute("CREATE TABLE run (command TEXT, ended REAL, undone REAL)")
        journal.execute("INSERT INTO run VALUES ('delta', ?, NULL)", (ended,))
        journal.commit()
    end_with(pair, "0")
    pair_migration.repeat_interrupted(pair, print)
    calls = Path(pair.reference_dir) / "calls"
    assert (len(calls.read_text().splitlines()) if calls.exists() else 0) == runs


def test_running_migration_is_not_disturbed(pair: Any) -> None:
    """While another process holds the journal, the gate says to wait."""
    state = pair_migration.folder_of(pair) / "state"
    state.mkdir()
    with closing(sqlite3.connect(state / "journal.sqlite")) as journal:
        journal.execute("PRAGMA locking_mode = EXCLUSIVE")
        journal.execute("CREATE TABLE run (command TEXT, ended REAL, undone REAL)")
        with pytest.raises(PairError, match="wait until it has ended"):
            pair_migration.repeat_interrupted(pair, print)


@pytest.mark.parametrize(
    ("broken", "expected"), [("full", ["generate", "full", "full", "delta"]), ("generate", ["generate"] * 2 + ["full"])]
)
def test_interrupted_filling_is_continued(pair: Any, broken: str, expected: list[str]) -> None:
    """It continues with the interrupted step, or begins again if that one cannot be repeated. Then it is done."""
    done: list[str] = []
    fails = [broken]

    def step(name: str) -> tuple[str, Callable[[], None]]:
        def run() -> None:
            done.append(name)
            if name in fails:
                fails.clear()
                raise PairError("killed")

        return name, run

    steps = [step(name) for name in ("generate", "full", "delta")]
    empty = iter([True, False, False])
    with pytest.raises(PairError, match="killed"):
        pair_migration.fill(pair, lambda: next(empty), steps, ("generate",), print)
    for _ in range(2):
        pair_migration.fill(pair, lambda: next(empty), steps, ("generate",), print)
    assert done[: len(expected)] == expected
    assert done[-1] == "delta"
    assert len(done) == 4


def test_pair_with_other_data_is_not_filled(pair: Any) -> None:
    """No step runs if a database has rows that the filling did not make."""
    pair_migration.fill(pair, lambda: False, [("generate", lambda: pytest.fail("it ran"))], (), print)
    assert not (pair_migration.folder_of(pair) / "done").exists()


def test_arguments_are_kept_as_json(pair: Any) -> None:
    """The file of a run that has begun contains its arguments only, no secret."""
    end_with(pair, "killed")
    with pytest.raises(PairError):
        pair_migration.migrate(pair, "full", "--replace")
    begun = (pair_migration.folder_of(pair) / "migrating").read_text()
    assert json.loads(begun) == ["full", "--replace"]
