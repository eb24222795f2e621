"""A running pair: addresses, secrets, planted faults, dead parts, several pairs."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sqlite3
import stat
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

import psycopg
import pytest
from pair_processes import Processes, pid_of, until

from cutover.embedded import folders, pair, state
from cutover.embedded.pair_error import USAGE, PairError

if TYPE_CHECKING:
    from collections.abc import Callable
    from email.message import Message

    from cutover.embedded.pair import PairHandle
    from cutover.embedded.state import PairState

pytestmark = pytest.mark.pair


def get(url: str) -> tuple[int, Message, bytes]:
    """Return status, headers and body of a GET without a proxy."""
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=5) as answer:
            return answer.status, answer.headers, answer.read()
    except HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def test_state_has_the_addresses_of_both_systems(running_pair: PairState) -> None:
    """Both addresses in the state answer /health with 200 and with their own identity and version."""
    for url, who, version in (
        (running_pair.worker_url, "list-cutter-worker", running_pair.version_id),
        (running_pair.legacy_url, "list-cutter-django", running_pair.legacy_version),
    ):
        status, headers, body = get(f"{url}/health")
        assert (status, headers["X-Served-By"]) == (200, who)
        assert json.loads(body)["version"]["id"] == version


def test_state_has_the_addresses_of_the_stores(running_pair: PairState) -> None:
    """The DSN opens the migrated database, and the D1 file is the Worker's."""
    with psycopg.connect(running_pair.pg_dsn) as connection:
        assert connection.execute("select count(*) from list_cutter_savedfile").fetchone() == (0,)
        assert connection.execute("show max_connections").fetchone() == ("60",)
    d1 = sqlite3.connect(f"file:{running_pair.d1_file}?mode=ro", uri=True)
    try:
        assert d1.execute("select count(*) from users").fetchone() == (0,)
    finally:
        d1.close()
    assert Path(running_pair.media_root).is_dir()


def test_database_requires_the_password(running_pair: PairState) -> None:
    """A connection without the password is refused, also over loopback."""
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(running_pair.pg_dsn, password="wrong")


def test_parts_listen_on_loopback_only(running_pair: PairState) -> None:
    """No socket of the pair is bound to another address."""
    inodes = set()
    for found in Processes(running_pair.pid).all:
        # A child of PostgreSQL can end, and a file can be closed, during the loop.
        with contextlib.suppress(OSError):
            for fd in Path(f"/proc/{found.pid}/fd").iterdir():
                with contextlib.suppress(OSError):
                    inodes.add(str(fd.readlink()))
    listening = [
        line.split()[1]
        for file in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{file}").read_text(encoding="ascii").splitlines()[1:]
        if line.split()[3] == "0A" and f"socket:[{line.split()[9]}]" in inodes
    ]
    assert len(listening) >= 3
    assert [address for address in listening if not address.startswith("0100007F:")] == []


def test_state_file_is_readable_by_its_owner_only(running_pair: PairState) -> None:
    """Only the owner can read state, control socket, logs and media."""
    folder = folders.pair_folder(running_pair.name)
    for name in ("state.json", "control.sock"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    for name in ("logs", "media", "postgres", "tmp", "worker"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o700


def test_secrets_are_in_no_command_line_or_log(running_pair: PairState) -> None:
    """No command line, no log and no repr of the state contains a secret."""
    secrets = [
        running_pair.jwt_secret,
        running_pair.jwt_refresh_secret,
        running_pair.legacy_secret_key,
        running_pair.limiter_bypass,
        running_pair.s3_secret_key,
        str(urlsplit(running_pair.pg_dsn).password),
    ]
    shown = "\n".join(
        [
            *Processes(running_pair.pid).commands,
            *(file.read_text(errors="replace") for file in Path(running_pair.log_dir).iterdir()),
            repr(running_pair),
            json.dumps(running_pair.public()),
        ]
    )
    assert len(set(secrets)) == len(secrets)
    assert [secret for secret in secrets if secret in shown] == []


def test_callers_variables_reach_no_part(
    pair_factory: Callable[..., PairHandle], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller's environment variables do not reach the systems."""
    monkeypatch.setenv("CUTOVER_TEST_LEAK", "leaked")
    found = pair_factory().wait()
    for process in Processes(found.pid).all:
        try:
            assert b"CUTOVER_TEST_LEAK" not in Path(f"/proc/{process.pid}/environ").read_bytes()
        except PermissionError:  # a process of PostgreSQL's own user
            continue


def test_worker_switches_to_a_fault_and_back(running_pair: PairState) -> None:
    """Responses and state contain the switch, and the port stays the same."""
    assert get(f"{running_pair.worker_url}/health")[1]["X-Planted"] is None
    for mode, marked in (("planted", "yes"), ("control", None)):
        pair.serve(running_pair.name, "worker", "marked", mode)  # type: ignore[arg-type]
        found = state.read(running_pair.name)
        assert found is not None
        assert (found.fault, found.planted_systems) == (f"worker marked {mode}", ["worker"])
        assert get(f"{running_pair.worker_url}/health")[1]["X-Planted"] == marked
    pair.serve_variant(running_pair.name, "teapot")
    assert get(running_pair.worker_url)[::2] == (418, b"undefined")
    pair.serve(running_pair.name, "worker", None)
    assert get(f"{running_pair.worker_url}/health")[0] == 200
    found = state.read(running_pair.name)
    assert found is not None
    assert found.fault is None
    assert found.healthy


def test_legacy_switches_to_a_fault_and_back(running_pair: PairState) -> None:
    """gunicorn restarts on the same port. Connections wait meanwhile and are not refused."""
    for mode, marked in (("planted", "yes"), ("control", None)):
        pair.serve(running_pair.name, "legacy", "marked", mode)  # type: ignore[arg-type]
        assert get(f"{running_pair.legacy_url}/health")[1]["X-Planted"] == marked
    pair.serve(running_pair.name, "legacy", None)
    status, headers, _ = get(f"{running_pair.legacy_url}/health")
    assert (status, headers["X-Planted"]) == (200, None)
    found = state.read(running_pair.name)
    assert found is not None
    assert found.healthy
    assert Path(f"/proc/{found.pids['legacy']}").exists()


def test_unknown_fault_lists_the_existing_ones(running_pair: PairState) -> None:
    """The message lists the existing faults, and nothing is switched."""
    with pytest.raises(PairError, match="choose one of: marked") as caught:
        pair.serve(running_pair.name, "worker", "../../worker/src/index")
    assert caught.value.exit_code == USAGE
    assert get(f"{running_pair.worker_url}/health")[0] == 200


def test_fault_that_cannot_start_gives_the_reason(pair_factory: Callable[..., PairHandle]) -> None:
    """The message contains the end of the log, and the unchanged system can be restored."""
    found = pair_factory().wait()
    with pytest.raises(PairError, match="this fault cannot be imported"):
        pair.serve(found.name, "legacy", "broken")
    pair.serve(found.name, "legacy", None)
    assert get(f"{found.legacy_url}/health")[0] == 200
    assert (state.read(found.name) or found).healthy


@pytest.mark.parametrize("part", ["postgres", "legacy", "worker", "workerd"])
def test_supervisor_notices_a_dead_part(pair_factory: Callable[..., PairHandle], part: str) -> None:
    """The state contains the part that died. The others continue to run."""
    found = pair_factory().wait()
    os.kill(pid_of(found, part), signal.SIGKILL)
    assert until(lambda: not (state.read(found.name) or found).healthy)
    after = state.read(found.name)
    assert after is not None
    assert list(after.dead) == [part.removesuffix("d") if part == "workerd" else part]
    assert Processes(found.pid).all


def test_two_pairs_share_nothing(pair_factory: Callable[..., PairHandle]) -> None:
    """Two pairs that start at once have different ports, secrets and data."""
    handles = [pair_factory(), pair_factory()]
    one, two = (handle.wait() for handle in handles)
    assert {one.name, two.name} <= set(state.names())
    for field in ("worker_url", "legacy_url", "pg_dsn", "jwt_secret", "media_root", "d1_file", "version_id"):
        assert getattr(one, field) != getattr(two, field)
    handles[0].stop()
    assert state.read(one.name) is None
    assert get(f"{two.worker_url}/health")[0] == 200
    assert get(f"{two.legacy_url}/health")[0] == 200


def test_second_start_of_a_name_is_refused(pair_factory: Callable[..., PairHandle]) -> None:
    """The second start gets a message, and the first one gets its pair."""
    name = pair.anonymous_name()
    first = pair_factory(name)
    assert until(lambda: folders.supervisor(name) is not None)
    second = pair.start(name, owned=True)
    with pytest.raises(PairError, match="already starting") as caught:
        second.wait()
    assert caught.value.exit_code == USAGE
    assert first.wait().healthy
    third = pair.start(name, owned=True)
    with pytest.raises(PairError, match="already up"):
        third.wait()


@pytest.mark.parametrize("system", ["worker", "legacy"])
def test_port_in_use_is_named(pair_factory: Callable[..., PairHandle], system: str) -> None:
    """The message names the port and the option."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        handle = pair_factory(**{f"{system}_port": port})
        with pytest.raises(PairError, match=rf"Port {port} .* taken.\nFix: .*--{system}-port") as caught:
            handle.wait()
    assert caught.value.exit_code == USAGE


def test_options_reach_the_systems(pair_factory: Callable[..., PairHandle]) -> None:
    """Ports, version, build and rate limit are the requested ones."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    found = pair_factory(legacy_port=port, version_id="v-7", build_id="b-9", rate_limit=(5, 60)).wait()
    assert found.legacy_url == f"http://127.0.0.1:{port}"
    assert json.loads(get(f"{found.worker_url}/health")[2])["version"] == {"id": "v-7", "build": "b-9"}
    statuses = [get(f"{found.worker_url}/api/v1/nothing")[0] for _ in range(8)]
    assert statuses.count(429) == 3
