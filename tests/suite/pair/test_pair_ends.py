"""Nothing is left of a pair, however it or its owner ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from pair_processes import Processes, until

from cutover.embedded import folders, pair, state
from cutover.embedded.pair_error import PairError
from cutover.embedded.processes import Identity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cutover.embedded.pair import PairHandle

pytestmark = pytest.mark.pair

GONE_S = 1.5

OWNER = """
import sys, time
from cutover.embedded import pair
handle = pair.start(sys.argv[1], owned=True)
if sys.argv[2] == "wait":
    handle.wait()
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def owner() -> Iterator[Callable[[str, str], subprocess.Popen[str]]]:
    """Starts a process that owns a pair and has said "ready"."""
    owners: list[subprocess.Popen[str]] = []

    def start(name: str, how: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", OWNER, name, how],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True,
        )  # fmt: skip
        owners.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in owners:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@pytest.mark.parametrize("how", ["kill -9", "Ctrl-C"])
def test_nothing_is_left_when_the_owner_ends(owner: Callable[[str, str], subprocess.Popen[str]], how: str) -> None:
    """kill -9 of the owner, or Ctrl-C to its whole group: all processes and the folder are gone."""
    name = pair.anonymous_name()
    process = owner(name, "wait")
    found = state.read(name)
    assert found is not None
    recorded = Processes(found.pid)
    for part in ("gunicorn", "node", "workerd", "postgres: checkpointer"):
        assert any(part in command for command in recorded.commands), part
    if how == "kill -9":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGINT)
    assert recorded.left(GONE_S) == []
    assert recorded.shared_memory() == []
    assert until(lambda: not folders.pair_folder(name).exists(), 1)


@pytest.mark.parametrize("delay_s", [0.0, 0.1, 0.4, 0.8])
def test_nothing_is_left_when_the_owner_dies_while_it_starts(
    owner: Callable[[str, str], subprocess.Popen[str]], delay_s: float
) -> None:
    """At any moment of the start, too."""
    name = pair.anonymous_name()
    process = owner(name, "go on")
    until(lambda: folders.supervisor(name) is not None)
    time.sleep(delay_s)
    supervisor = folders.supervisor(name)
    assert supervisor is not None
    recorded = Processes(supervisor.pid)
    process.kill()
    assert recorded.left(GONE_S) == []
    assert until(lambda: not folders.pair_folder(name).exists(), 1)


def test_nothing_is_left_when_the_supervisor_is_killed(starting: Callable[..., PairHandle]) -> None:
    """kill -9 of the supervisor ends all parts; its folder is swept by the next who looks."""
    found = starting().wait()
    recorded = Processes(found.pid)
    os.kill(found.pid, signal.SIGKILL)
    assert recorded.left(GONE_S) == []
    assert recorded.shared_memory() == []
    assert state.read(found.name) is None
    assert found.name not in state.names()
    assert folders.pair_folder(found.name).exists()
    folders.sweep()
    assert not folders.pair_folder(found.name).exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signal_ends_the_pair_in_time(starting: Callable[..., PairHandle], number: signal.Signals) -> None:
    """SIGTERM, SIGINT and SIGHUP end everything within 1.5 s, the folder included."""
    found = starting().wait()
    recorded = Processes(found.pid)
    began = time.monotonic()
    os.kill(found.pid, number)
    assert recorded.left(GONE_S) == []
    assert time.monotonic() - began < GONE_S
    assert recorded.shared_memory() == []
    assert not folders.pair_folder(found.name).exists()


def test_stop_while_starting_leaves_nothing(starting: Callable[..., PairHandle]) -> None:
    """A handle can be stopped before the pair is up, and more than once."""
    handle = starting()
    assert until(lambda: folders.supervisor(handle.name) is not None)
    supervisor = folders.supervisor(handle.name)
    assert supervisor is not None
    recorded = Processes(supervisor.pid)
    handle.stop()
    handle.stop()
    assert recorded.left(0.1) == []
    with pytest.raises(PairError):
        handle.wait()


def test_detached_pair_outlives_its_starter() -> None:
    """A pair that is not owned goes on until it is stopped; the second stop finds none."""
    name = pair.anonymous_name()
    code = f"from cutover.embedded import pair; pair.start({name!r}, owned=False).wait()"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=60)
    found = state.read(name)
    assert found is not None
    recorded = Processes(found.pid)
    assert found.healthy
    assert os.getsid(found.pid) != os.getsid(0)
    assert pair.stop(name)
    assert recorded.left(0.1) == []
    assert not pair.stop(name)


def test_reused_pid_is_not_taken_for_the_supervisor(starting: Callable[..., PairHandle]) -> None:
    """A dead pair whose supervisor's pid now belongs to another is dead, and the other gets no signal."""
    found = starting().wait()
    folder = folders.pair_folder(found.name)
    os.kill(found.pid, signal.SIGKILL)
    assert until(lambda: Identity.of(found.pid) is None)
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        text = (folder / "supervisor.json").read_text().replace(str(found.pid), str(other.pid))
        (folder / "supervisor.json").write_text(text)
        assert state.read(found.name) is None
        assert not pair.stop(found.name)
        assert other.poll() is None
        assert not folder.exists()
    finally:
        other.kill()
        other.wait()


def test_failed_start_leaves_nothing(starting: Callable[..., PairHandle]) -> None:
    """A part that cannot come up: one message with the end of its log, and no process or folder."""
    handle = starting(worker_vars={"JWT_SECRET": ""})
    with pytest.raises(PairError, match=r"The Worker did not start: vars\.JWT_SECRET is missing") as caught:
        handle.wait()
    assert "Traceback" not in str(caught.value)
    assert not folders.pair_folder(handle.name).exists()
