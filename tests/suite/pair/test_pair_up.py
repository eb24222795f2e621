"""What a pair is like while it is up: addresses, secrets, planted defects, dead parts, neighbours."""

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
    """Status, headers and body, without a proxy."""
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=5) as answer:
            return answer.status, answer.headers, answer.read()
    except HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def test_state_names_both_systems_which_are_healthy(pair_up: PairState) -> None:
    """The addresses in the state answer /health with 200, each as itself and with its version."""
    for url, who, version in (
        (pair_up.worker_url, "list-cutter-worker", pair_up.version_id),
        (pair_up.legacy_url, "list-cutter-django", pair_up.legacy_version),
    ):
        status, headers, body = get(f"{url}/health")
        assert (status, headers["X-Served-By"]) == (200, who)
        assert json.loads(body)["version"]["id"] == version


def test_state_reaches_the_stores(pair_up: PairState) -> None:
    """The DSN opens the migrated database, the D1 file the Worker's."""
    with psycopg.connect(pair_up.pg_dsn) as connection:
        assert connection.execute("select count(*) from list_cutter_savedfile").fetchone() == (0,)
        assert connection.execute("show max_connections").fetchone() == ("60",)
    d1 = sqlite3.connect(f"file:{pair_up.d1_file}?mode=ro", uri=True)
    try:
        assert d1.execute("select count(*) from users").fetchone() == (0,)
    finally:
        d1.close()
    assert Path(pair_up.media_root).is_dir()


def test_database_wants_the_password(pair_up: PairState) -> None:
    """Without it nobody gets in, over loopback neither."""
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(pair_up.pg_dsn, password="wrong")


def test_parts_listen_on_loopback_only(pair_up: PairState) -> None:
    """No socket of the pair is bound to another address."""
    inodes = set()
    for found in Processes(pair_up.pid).all:
        # A child of PostgreSQL may end, and a file be closed, while we look.
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


def test_state_file_is_readable_by_its_owner_only(pair_up: PairState) -> None:
    """State, control socket, logs and media cannot be read by others."""
    folder = folders.pair_folder(pair_up.name)
    for name in ("state.json", "control.sock"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    for name in ("logs", "media", "postgres", "tmp", "worker"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o700


def test_secrets_are_in_no_command_line_or_log(pair_up: PairState) -> None:
    """Neither `ps` nor the pair's logs, nor the state's repr, show one."""
    secrets = [
        pair_up.jwt_secret,
        pair_up.jwt_refresh_secret,
        pair_up.legacy_secret_key,
        pair_up.limiter_bypass,
        pair_up.s3_secret_key,
        str(urlsplit(pair_up.pg_dsn).password),
    ]
    shown = "\n".join(
        [
            *Processes(pair_up.pid).commands,
            *(file.read_text(errors="replace") for file in Path(pair_up.log_dir).iterdir()),
            repr(pair_up),
            json.dumps(pair_up.shown()),
        ]
    )
    assert len(set(secrets)) == len(secrets)
    assert [secret for secret in secrets if secret in shown] == []


def test_callers_variables_reach_no_part(starting: Callable[..., PairHandle], monkeypatch: pytest.MonkeyPatch) -> None:
    """What the caller has set for itself does not change how the systems behave."""
    monkeypatch.setenv("CUTOVER_TEST_LEAK", "leaked")
    found = starting().wait()
    for process in Processes(found.pid).all:
        try:
            assert b"CUTOVER_TEST_LEAK" not in Path(f"/proc/{process.pid}/environ").read_bytes()
        except PermissionError:  # of PostgreSQL's user
            continue


def test_worker_serves_a_planted_defect_and_its_honest_self_again(pair_up: PairState) -> None:
    """The switch shows in the answers and in the state; the port stays."""
    assert get(f"{pair_up.worker_url}/health")[1]["X-Planted"] is None
    for mode, marked in (("planted", "yes"), ("control", None)):
        pair.serve(pair_up.name, "worker", "marked", mode)  # type: ignore[arg-type]
        found = state.read(pair_up.name)
        assert found is not None
        assert (found.fault, found.planted_systems) == (f"worker marked {mode}", ["worker"])
        assert get(f"{pair_up.worker_url}/health")[1]["X-Planted"] == marked
    pair.serve_variant(pair_up.name, "teapot")
    assert get(pair_up.worker_url)[::2] == (418, b"undefined")
    pair.serve(pair_up.name, "worker", None)
    assert get(f"{pair_up.worker_url}/health")[0] == 200
    found = state.read(pair_up.name)
    assert found is not None
    assert found.fault is None
    assert found.healthy


def test_legacy_serves_a_planted_defect_and_its_honest_self_again(pair_up: PairState) -> None:
    """gunicorn is restarted on the same port; connections meanwhile wait and are not refused."""
    for mode, marked in (("planted", "yes"), ("control", None)):
        pair.serve(pair_up.name, "legacy", "marked", mode)  # type: ignore[arg-type]
        assert get(f"{pair_up.legacy_url}/health")[1]["X-Planted"] == marked
    pair.serve(pair_up.name, "legacy", None)
    status, headers, _ = get(f"{pair_up.legacy_url}/health")
    assert (status, headers["X-Planted"]) == (200, None)
    found = state.read(pair_up.name)
    assert found is not None
    assert found.healthy
    assert Path(f"/proc/{found.pids['legacy']}").exists()


def test_unknown_defect_lists_those_there_are(pair_up: PairState) -> None:
    """The message can be acted on, and nothing was switched."""
    with pytest.raises(PairError, match="choose one of: marked") as caught:
        pair.serve(pair_up.name, "worker", "../../worker/src/index")
    assert caught.value.exit_code == USAGE
    assert get(f"{pair_up.worker_url}/health")[0] == 200


def test_defect_that_cannot_start_says_why(starting: Callable[..., PairHandle]) -> None:
    """The message holds the end of the log, and the honest system can be had again."""
    found = starting().wait()
    with pytest.raises(PairError, match="this defect cannot be imported"):
        pair.serve(found.name, "legacy", "broken")
    pair.serve(found.name, "legacy", None)
    assert get(f"{found.legacy_url}/health")[0] == 200
    assert (state.read(found.name) or found).healthy


@pytest.mark.parametrize("part", ["postgres", "legacy", "worker", "workerd"])
def test_supervisor_notices_a_dead_part(starting: Callable[..., PairHandle], part: str) -> None:
    """The state says which part died and how; the others go on."""
    found = starting().wait()
    os.kill(pid_of(found, part), signal.SIGKILL)
    assert until(lambda: not (state.read(found.name) or found).healthy)
    after = state.read(found.name)
    assert after is not None
    assert list(after.dead) == [part.removesuffix("d") if part == "workerd" else part]
    assert Processes(found.pid).all


def test_two_pairs_run_side_by_side(starting: Callable[..., PairHandle]) -> None:
    """Started at once, they share neither ports nor secrets nor data."""
    handles = [starting(), starting()]
    one, two = (handle.wait() for handle in handles)
    assert {one.name, two.name} <= set(state.names())
    for field in ("worker_url", "legacy_url", "pg_dsn", "jwt_secret", "media_root", "d1_file", "version_id"):
        assert getattr(one, field) != getattr(two, field)
    handles[0].stop()
    assert state.read(one.name) is None
    assert get(f"{two.worker_url}/health")[0] == 200
    assert get(f"{two.legacy_url}/health")[0] == 200


def test_second_starter_of_a_name_is_told(starting: Callable[..., PairHandle]) -> None:
    """The one that comes second gets a message, the first its pair."""
    name = pair.anonymous_name()
    first = starting(name)
    assert until(lambda: folders.supervisor(name) is not None)
    second = pair.start(name, owned=True)
    with pytest.raises(PairError, match="already being started") as caught:
        second.wait()
    assert caught.value.exit_code == USAGE
    assert first.wait().healthy
    third = pair.start(name, owned=True)
    with pytest.raises(PairError, match="already up"):
        third.wait()


@pytest.mark.parametrize("system", ["worker", "legacy"])
def test_taken_port_is_named(starting: Callable[..., PairHandle], system: str) -> None:
    """The message names the port and the option."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        handle = starting(**{f"{system}_port": port})
        with pytest.raises(PairError, match=rf"Port {port} .* taken.\nFix: .*--{system}-port") as caught:
            handle.wait()
    assert caught.value.exit_code == USAGE


def test_options_reach_the_systems(starting: Callable[..., PairHandle]) -> None:
    """Ports, version, build and rate limit are those that were asked for."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    found = starting(legacy_port=port, version_id="v-7", build_id="b-9", rate_limit=(5, 60)).wait()
    assert found.legacy_url == f"http://127.0.0.1:{port}"
    assert json.loads(get(f"{found.worker_url}/health")[2])["version"] == {"id": "v-7", "build": "b-9"}
    statuses = [get(f"{found.worker_url}/api/v1/nothing")[0] for _ in range(8)]
    assert statuses.count(429) == 3
