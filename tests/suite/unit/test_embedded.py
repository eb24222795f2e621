"""The embedded pair without starting one: names, folders, secrets, messages, choice of Node.js."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from psycopg import OperationalError

from cutover.cli import pair_commands
from cutover.embedded import faults, folders, health, node, packages, pair, postgres, state
from cutover.embedded.pair_error import USAGE, PairError
from cutover.embedded.processes import Identity, clean_environment, descendants, tail

pytestmark = pytest.mark.unit


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder of the test's own, so that no pair of the user is touched."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    """A reference folder with a lock file and installed packages."""
    folder = tmp_path / "reference"
    (folder / "worker" / "node_modules" / "miniflare").mkdir(parents=True)
    (folder / "worker" / "node_modules" / "miniflare" / "package.json").write_text("{}")
    (folder / "worker" / "package-lock.json").write_text('{"lockfileVersion": 3}')
    return folder


def executable(path: Path, script: str) -> Path:
    """A shell script that can be run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def some_state(**changes: object) -> state.PairState:
    """A state with a recognisable value in each text."""
    values: dict[str, object] = {
        field.name: f"<{field.name}>"
        for field in dataclasses.fields(state.PairState)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    values |= {"pid": os.getpid(), "started": 1.5, "rate_limit": (100, 60), **changes}
    return state.PairState(**values)  # type: ignore[arg-type]


# Folders


def test_base_is_private_and_can_be_passed_through(temporary: Path) -> None:
    """0711, whatever the umask: PostgreSQL's user goes through, nobody lists it."""
    before = os.umask(0o077)
    try:
        assert stat.S_IMODE(folders.base().stat().st_mode) == 0o711
        assert stat.S_IMODE(folders.cache().stat().st_mode) == 0o711
    finally:
        os.umask(before)
    folders.base().chmod(0o777)
    assert stat.S_IMODE(folders.base().stat().st_mode) == 0o711
    assert folders.base() == temporary / f"cutover-{os.geteuid()}"


def test_base_that_is_a_link_is_refused(temporary: Path) -> None:
    """Somebody may have put a link where we are going to write secrets."""
    (temporary / "elsewhere").mkdir()
    (temporary / f"cutover-{os.geteuid()}").symlink_to(temporary / "elsewhere")
    with pytest.raises(PairError, match="TMPDIR") as caught:
        folders.base()
    assert caught.value.exit_code == USAGE


def test_base_of_somebody_else_is_refused(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of another user is named as such."""
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    (temporary / f"cutover-{mine + 1}").mkdir()
    with pytest.raises(PairError, match=f"belongs to uid {mine}"):
        folders.base()


@pytest.mark.parametrize("name", ["", "Default", "a/b", "..", "a b", "x" * 41, "ä"])
def test_malformed_name_is_refused(temporary: Path, name: str) -> None:
    """Before it becomes part of a path."""
    for call in (folders.pair_folder, state.read, pair.stop):
        with pytest.raises(PairError, match="a-z, 0-9"):
            call(name)
    with pytest.raises(PairError, match="a-z, 0-9"):
        pair.start(name, owned=True)
    assert list(temporary.iterdir()) in ([], [temporary / f"cutover-{os.geteuid()}"])


def test_anonymous_names_are_names_and_differ() -> None:
    """`run-` and something random."""
    names = {pair.anonymous_name() for _ in range(20)}
    assert len(names) == 20
    assert all(folders.NAME.fullmatch(name) and name.startswith("run-") for name in names)


@pytest.mark.usefixtures("temporary")
def test_claimed_name_is_refused_until_it_is_released() -> None:
    """One supervisor a name; what it leaves is removed."""
    claim = folders.claim("one")
    assert folders.pair_names() == ["one"]
    supervisor = folders.supervisor("one")
    assert supervisor is not None
    assert supervisor.pid == os.getpid()
    with pytest.raises(PairError, match=f"already being started \\(process {os.getpid()}\\)"):
        folders.claim("one")
    folders.sweep()  # takes nothing from the living
    assert claim.path.is_dir()
    claim.release()
    assert not claim.path.exists()
    folders.claim("one").release()


@pytest.mark.usefixtures("temporary")
def test_folder_of_a_dead_pair_is_swept() -> None:
    """When its holder is gone, by the next claim of any name too."""
    for look in (folders.sweep, lambda: folders.claim("other").release()):
        code = (
            "import os, sys, tempfile; tempfile.tempdir = sys.argv[1]\n"
            "from cutover.embedded import folders; folders.claim('dead'); os._exit(9)"
        )
        subprocess.run([sys.executable, "-c", code, tempfile.gettempdir()], check=False)
        assert folders.pair_folder("dead").is_dir()
        assert state.read("dead") is None
        assert folders.pair_names() == []
        look()
        assert not folders.pair_folder("dead").exists()


# State


@pytest.mark.usefixtures("temporary")
def test_state_is_read_as_it_was_written_and_only_while_its_pair_lives() -> None:
    """Whole, 0600, None before it is written and after the end."""
    claim = folders.claim("one")
    assert state.read("one") is None
    written = some_state(name="one", fault="legacy x planted; worker y control", dead={"legacy": "gone"})
    state.write(claim.path, written)
    assert state.read("one") == written
    assert stat.S_IMODE((claim.path / "state.json").stat().st_mode) == 0o600
    assert written.planted_systems == ["legacy", "worker"]
    assert not written.healthy
    claim.release()
    assert state.read("one") is None


def test_secrets_are_not_shown() -> None:
    """Neither by repr nor by what the commands print."""
    found = some_state()
    for shown in (repr(found), json.dumps(found.shown())):
        for name in ("s3_secret_key", "pg_dsn", "jwt_secret", "jwt_refresh_secret", "legacy_secret_key"):
            assert f"<{name}>" not in shown
        assert "<limiter_bypass>" not in shown
        assert "<worker_url>" in shown


# Processes


def test_identity_tells_a_process_from_a_later_one_with_its_pid() -> None:
    """The start time belongs to it; a zombie is no process any more."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    found = Identity.of(child.pid)
    assert found is not None
    later = Identity(found.pid, found.start_ticks + 1)
    assert found.alive()
    assert not later.alive()
    assert later.end(signal.SIGKILL, timeout_s=0.1)  # gone, so there is nothing to end
    assert child.poll() is None
    assert child.pid in descendants(os.getpid())
    assert found.end(signal.SIGKILL, timeout_s=2)
    assert not found.alive()
    child.wait()
    assert Identity.of(child.pid) is None


def test_environment_of_the_parts_is_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what every program needs is handed on."""
    monkeypatch.setenv("PGPASSWORD", "x")
    monkeypatch.setenv("NODE_OPTIONS", "x")
    monkeypatch.setenv("TZ", "UTC")
    assert set(clean_environment()) <= {"PATH", "HOME", "LANG", "TZ"}
    assert clean_environment()["TZ"] == "UTC"


def test_tail_is_the_end_of_a_log(tmp_path: Path) -> None:
    """Bounded, whatever the log's size; empty without a log."""
    log = tmp_path / "log"
    assert tail(log) == ""
    log.write_text("".join(f"line {number}\n" for number in range(10_000)))
    assert tail(log, 2) == "line 9998\nline 9999"


# PostgreSQL


def test_admin_session_without_a_server_raises(tmp_path: Path) -> None:
    """No server listens yet: psycopg's OperationalError, which the start waits out."""
    with pytest.raises(OperationalError), postgres.admin_session(tmp_path, 5432, "template1"):
        pass


# Health


def test_probe_reads_the_status_without_waiting_for_a_slow_start() -> None:
    """Refused, accepted but silent, then answered: None, None, 503; then a request anew."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        probe = health.Probe(f"http://127.0.0.1:{listener.getsockname()[1]}")
        assert probe.status() is None
        listener.listen()
        assert probe.status() is None
        for status in (503, 200):
            assert probe.status() is None
            connection, _ = listener.accept()
            with connection:
                assert connection.recv(4096).startswith(b"GET /health HTTP/1.1\r\n")
                connection.sendall(f"HTTP/1.1 {status} x\r\n\r\n".encode())
            assert probe.status(1.0) == status
        probe.close()


def test_probe_of_an_answer_that_is_none() -> None:
    """A connection closed without an answer is no answer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        probe = health.Probe(f"http://127.0.0.1:{listener.getsockname()[1]}")

        def refuse() -> None:
            listener.accept()[0].close()

        thread = threading.Thread(target=refuse)
        thread.start()
        assert probe.status(1.0) is None
        thread.join()


# Node.js and packages


def test_system_node_is_used_when_it_is_new_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From 22 on; the version is remembered until the file changes."""
    program = executable(tmp_path / "bin" / "node", "echo v22.1.0; echo asked >> $0.log")
    monkeypatch.setenv("PATH", f"{program.parent}:/bin")
    for _ in range(2):
        assert node.find(tmp_path).program == program
    assert Path(f"{program}.log").read_text() == "asked\n"
    executable(program, "echo v23.0.0; echo asked >> $0.log")
    assert node.find(tmp_path).program == program
    assert Path(f"{program}.log").read_text() == "asked\nasked\n"


@pytest.mark.parametrize("script", ["echo v20.1.0", "echo nonsense", "exit 3", None])
def test_wheel_is_used_when_the_systems_node_is_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None
) -> None:
    """Too old, broken or absent; and without the wheel there is a message."""
    if script is not None:
        executable(tmp_path / "bin" / "node", script)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    wheel = node.Node(Path("/wheel/node"), None)
    monkeypatch.setattr(node, "_wheel", lambda: wheel)
    assert node.find() is wheel
    monkeypatch.setattr(node, "_wheel", lambda: None)
    with pytest.raises(PairError, match="Fix: make setup") as caught:
        node.find()
    assert caught.value.exit_code == USAGE


def test_missing_npm_packages_are_refused_with_the_fix(reference: Path) -> None:
    """Before anything is started; also when they are older than the lock file."""
    packages.require(reference)
    (reference / "worker" / "node_modules" / ".cutover-lock-sha256").write_text("of another lock file")
    with pytest.raises(PairError, match=r"older than reference/worker/package-lock\.json"):
        packages.require(reference)
    (reference / "worker" / "node_modules" / "miniflare" / "package.json").unlink()
    with pytest.raises(PairError, match=r"node_modules is missing\.\nFix: make setup") as caught:
        pair.start("x", owned=True, options=pair.PairOptions(reference_dir=reference))
    assert caught.value.exit_code == USAGE


def test_missing_python_packages_are_named(reference: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As they are installed, not as they are imported."""
    monkeypatch.setattr(packages, "_NEEDED", {"no_such_module": "no-such-package", "json": "json"})
    with pytest.raises(PairError, match=r"not installed: no-such-package\."):
        packages.require(reference)


def test_npm_ci_runs_once_for_a_lock_file(reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Again only when the lock file changes; scripts of packages are never run."""
    npm = executable(tmp_path / "npm", 'echo "$@" >> calls; mkdir -p node_modules')
    monkeypatch.setattr(node, "find", lambda: node.Node(tmp_path / "node", (str(npm),)))
    assert packages.install_worker_packages(reference)
    assert not packages.install_worker_packages(reference)
    packages.require(reference)
    (reference / "worker" / "package-lock.json").write_text('{"lockfileVersion": 3, "packages": {}}')
    assert packages.install_worker_packages(reference)
    calls = (reference / "worker" / "calls").read_text().splitlines()
    assert calls == ["ci --ignore-scripts --no-audit --no-fund"] * 2


def test_npm_that_fails_or_is_absent_gives_one_message(
    reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the end of what npm said, and what to do."""
    npm = executable(tmp_path / "npm", "echo npm error network >&2; exit 7")
    monkeypatch.setattr(node, "find", lambda: node.Node(tmp_path / "node", (str(npm),)))
    with pytest.raises(PairError, match=r"exit code 7\.\n  \| npm error network\nFix: check the network"):
        packages.install_worker_packages(reference)
    monkeypatch.setattr(node, "find", lambda: node.Node(tmp_path / "node", None))
    with pytest.raises(PairError, match="without npm"):
        packages.install_worker_packages(reference)


# Planted defects


def test_faults_are_the_files_of_the_folder(tmp_path: Path) -> None:
    """A module of lib/ is shared by several faults and is no fault."""
    for name, text in {
        "worker/b.mjs": "export default fault({});",
        "worker/a.mjs": "// a\nexport default {\n};",
        "worker/lib/wrapper.mjs": "export default {};",
        "legacy/c.py": "from config.wsgi import application as honest\ndef application(e, s): ...",
        "legacy/d.py": "from config.wsgi import application\n",
        "legacy/lib/fault_mode.py": "from config.wsgi import application\n",
    }.items():
        path = tmp_path / "faults" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert faults.names(tmp_path, "worker") == ["a", "b"]
    assert faults.names(tmp_path, "legacy") == ["c", "d"]
    faults.require(tmp_path, "worker", "faults", "a")
    with pytest.raises(PairError, match="choose one of: a, b"):
        faults.require(tmp_path, "worker", "faults", "../a")
    for name in ("wrapper", "lib", "lib/wrapper"):
        with pytest.raises(PairError, match="no planted fault"):
            faults.require(tmp_path, "worker", "faults", name)
    with pytest.raises(PairError, match="there is none"):
        faults.require(tmp_path, "worker", "variants", "a")


# Commands


@pytest.mark.usefixtures("temporary")
@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["up", "--name", "Not a name"], 4, "a-z, 0-9"),
        (["up", "--rate-limit", "100"], 4, "100/60"),
        (["up", "--rate-limit", "0/60"], 4, "100/60"),
        (["up", "--rate-limit", "100/30"], 4, "periods of 10 and 60 s"),
        (["up", "--worker-port", "70000"], 4, "--worker-port 70000"),
        (["fault", "x"], 11, "cutover pair up"),
        (["logs"], 11, "cutover pair up"),
        (["status"], 11, "not up"),
        (["down"], 0, "nothing to end"),
    ],
)
def test_commands_that_cannot_be_done_say_so(
    capsys: pytest.CaptureFixture[str], words: list[str], code: int, message: str
) -> None:
    """One message, no traceback, 4 for wrong usage and 11 for a pair that is not up."""
    parser = argparse.ArgumentParser()
    pair_commands.add_parser(parser.add_subparsers(required=True))
    args = parser.parse_args(["pair", *words])
    assert args.run(args) == code
    output = capsys.readouterr()
    assert message in output.out + output.err


def test_other_systems_get_one_message(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """On anything but Linux every command says so and ends with 4."""
    monkeypatch.setattr(sys, "platform", "darwin")
    parser = argparse.ArgumentParser()
    pair_commands.add_parser(parser.add_subparsers(required=True))
    args = parser.parse_args(["pair", "up"])
    assert args.run(args) == USAGE
    assert "Linux only, this is darwin" in capsys.readouterr().err
