"""`cutover pair …` as a user calls it: exit codes and messages."""

from __future__ import annotations

import argparse
import json
import os
import signal
from typing import TYPE_CHECKING

import pytest
from pair_processes import until

from cutover.cli import pair_commands
from cutover.embedded import folders, pair, state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.pair


@pytest.fixture
def command() -> Iterator[Callable[..., int]]:
    """Runs `cutover pair WORD... --name NAME` and returns its exit code; ends the pair after the test."""
    parser = argparse.ArgumentParser()
    pair_commands.add_parser(parser.add_subparsers(required=True))
    name = pair.anonymous_name()

    def run(*words: str) -> int:
        args = parser.parse_args(["pair", *words, "--name", name])
        code = args.run(args)
        assert isinstance(code, int)
        return code

    yield run
    pair.stop(name)


def test_commands_from_up_to_down(command: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    """up, up again, status, logs, down, down again, status."""
    assert command("up", "--rate-limit", "100/60", "--version-id", "v-1", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["healthy"], shown["rate_limit"], shown["version_id"]) == (True, [100, 60], "v-1")
    assert 0 < shown["seconds"] < 60
    assert not {"jwt_secret", "pg_dsn", "s3_secret_key", "limiter_bypass"} & set(shown)
    assert command("up") == 0
    assert "already up" in capsys.readouterr().out
    assert command("status") == 0
    assert shown["worker_url"] in capsys.readouterr().out
    assert command("logs", "--part", "supervisor") == 0
    assert "legacy healthy" in capsys.readouterr().out
    assert command("fault", "none") == 0
    assert "both systems are honest" in capsys.readouterr().out
    assert command("down") == 0
    assert "has ended" in capsys.readouterr().out
    assert command("down") == 0
    assert "nothing to end" in capsys.readouterr().out
    assert command("status") == 11
    assert command("logs") == 11
    assert command("fault", "none") == 11
    assert "cutover pair up" in capsys.readouterr().err


def test_status_tells_of_a_dead_part(command: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 11, and which part it is."""
    assert command("up", "--json") == 0
    found = state.read(json.loads(capsys.readouterr().out)["name"])
    assert found is not None
    os.kill(found.pids["legacy"], signal.SIGKILL)
    assert until(lambda: command("status") == 11)
    assert "legacy is dead ended by SIGKILL" in capsys.readouterr().out


def test_status_sweeps_what_a_killed_supervisor_left(
    command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    """The stale folder is gone afterwards, and the name can be used again."""
    assert command("up", "--json") == 0
    found = state.read(json.loads(capsys.readouterr().out)["name"])
    assert found is not None
    os.kill(found.pid, signal.SIGKILL)
    assert until(lambda: state.read(found.name) is None)
    assert folders.pair_folder(found.name).exists()
    assert command("status") == 11
    assert not folders.pair_folder(found.name).exists()
    assert command("up") == 0
