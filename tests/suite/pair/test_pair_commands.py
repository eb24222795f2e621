"""`cutover pair …` as a user runs it: exit codes and messages."""

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
def pair_command() -> Iterator[Callable[..., int]]:
    """Yield a function that runs `cutover pair WORD... --name NAME` and returns the exit code. End the pair."""
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


def test_commands_from_up_to_down(pair_command: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    """up, a second up, status, logs, fault, down, a second down and status have their exit codes and messages."""
    assert pair_command("up", "--rate-limit", "100/60", "--version-id", "v-1", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["healthy"], shown["rate_limit"], shown["version_id"]) == (True, [100, 60], "v-1")
    assert 0 < shown["seconds"] < 60
    assert not {"jwt_secret", "pg_dsn", "s3_secret_key", "limiter_bypass"} & set(shown)
    assert pair_command("up") == 0
    assert "already up" in capsys.readouterr().out
    assert pair_command("status") == 0
    assert shown["worker_url"] in capsys.readouterr().out
    assert pair_command("logs", "--part", "supervisor") == 0
    assert "legacy healthy" in capsys.readouterr().out
    assert pair_command("fault", "none") == 0
    assert "both systems are honest" in capsys.readouterr().out
    assert pair_command("down") == 0
    assert "has ended" in capsys.readouterr().out
    assert pair_command("down") == 0
    assert "There is no pair" in capsys.readouterr().out
    assert pair_command("status") == 11
    assert pair_command("logs") == 11
    assert pair_command("fault", "none") == 11
    assert "cutover pair up" in capsys.readouterr().err


def test_status_names_a_dead_part(pair_command: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is 11, and the part is named."""
    assert pair_command("up", "--json") == 0
    found = state.read(json.loads(capsys.readouterr().out)["name"])
    assert found is not None
    os.kill(found.pids["legacy"], signal.SIGKILL)
    assert until(lambda: pair_command("status") == 11)
    assert "legacy is dead ended by SIGKILL" in capsys.readouterr().out


def test_status_removes_the_folder_of_a_dead_pair(
    pair_command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    """The stale folder of a killed supervisor is removed, and the name can be used again."""
    assert pair_command("up", "--json") == 0
    found = state.read(json.loads(capsys.readouterr().out)["name"])
    assert found is not None
    os.kill(found.pid, signal.SIGKILL)
    assert until(lambda: state.read(found.name) is None)
    assert folders.pair_folder(found.name).exists()
    assert pair_command("status") == 11
    assert not folders.pair_folder(found.name).exists()
    assert pair_command("up") == 0
