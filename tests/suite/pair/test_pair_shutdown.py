"""No process and no folder of a pair is left, however the pair or its owner ends."""

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
from cutover.embedded.processes import ProcessIdentity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cutover.embedded.pair import PairHandle

pytestmark = pytest.mark.pair

PROMISED_S = 1.5  # the longest time that a pair may take to end on a quiet machine
GONE_S = 15.0  # the deadline of tests that do not measure time

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
def owner_factory() -> Iterator[Callable[[str, str], subprocess.Popen[str]]]:
    """Yield a function that starts a process that owns a pair, and returns when it has printed "ready"."""
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
def test_ended_owner_leaves_nothing(owner_factory: Callable[[str, str], subprocess.Popen[str]], how: str) -> None:
    """After kill -9 of the owner, or SIGINT to its process group, all processes and the folder are gone."""
    name = pair.anonymous_name()
    process = owner_factory(name, "wait")
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
    assert until(lambda: not folders.pair_folder(name).exists())


@pytest.mark.parametrize("delay_s", [0.0, 0.1, 0.4, 0.8])
def test_owner_killed_during_the_start_leaves_nothing(
    owner_factory: Callable[[str, str], subprocess.Popen[str]], delay_s: float
) -> None:
    """The owner is killed at several moments of the start."""
    name = pair.anonymous_name()
    process = owner_factory(name, "go on")
    until(lambda: folders.supervisor(name) is not None)
    time.sleep(delay_s)
    supervisor = folders.supervisor(name)
    assert supervisor is not None
    recorded = Processes(supervisor.pid)
    process.kill()
    assert recorded.left(GONE_S) == []
    assert until(lambda: not folders.pair_folder(name).exists())


def test_killed_supervisor_leaves_nothing(pair_factory: Callable[..., PairHandle]) -> None:
    """kill -9 of the supervisor ends all parts. The next call that looks for pairs removes its folder."""
    found = pair_factory().wait()
    recorded = Processes(found.pid)
    os.kill(found.pid, signal.SIGKILL)
    assert recorded.left(GONE_S) == []
    assert recorded.shared_memory() == []
    assert state.read(found.name) is None
    assert found.name not in state.names()
    assert folders.pair_folder(found.name).exists()
    folders.remove_dead()
    assert not folders.pair_folder(found.name).exists()


@pytest.mark.alone
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signal_ends_the_pair_in_time(pair_factory: Callable[..., PairHandle], number: signal.Signals) -> None:
    """SIGTERM, SIGINT and SIGHUP end everything, including the folder, within 1.5 s."""
    found = pair_factory().wait()
    recorded = Processes(found.pid)
    began = time.monotonic()
    os.kill(found.pid, number)
    assert recorded.left(PROMISED_S) == []
    assert time.monotonic() - began < PROMISED_S
    assert recorded.shared_memory() == []
    assert not folders.pair_folder(found.name).exists()


def test_stop_during_the_start_leaves_nothing(pair_factory: Callable[..., PairHandle]) -> None:
    """A handle can be stopped before the pair is up, and more than once."""
    handle = pair_factory()
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
    """A pair that is not owned runs until it is stopped. The second stop finds none."""
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


def test_reused_pid_is_not_the_supervisor(pair_factory: Callable[..., PairHandle]) -> None:
    """If another process has a dead supervisor's pid, the pair is dead and that process gets no signal."""
    found = pair_factory().wait()
    folder = folders.pair_folder(found.name)
    os.kill(found.pid, signal.SIGKILL)
    assert until(lambda: ProcessIdentity.of(found.pid) is None)
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


def test_failed_start_leaves_nothing(pair_factory: Callable[..., PairHandle]) -> None:
    """A part that cannot start gives one message with the end of its log, and leaves no process and no folder."""
    handle = pair_factory(worker_vars={"JWT_SECRET": ""})
    with pytest.raises(PairError, match=r"The Worker did not start: vars\.JWT_SECRET is missing") as caught:
        handle.wait()
    assert "Traceback" not in str(caught.value)
    assert not folders.pair_folder(handle.name).exists()
