"""Parts of the embedded pair that need no running pair: names, folders, secrets, messages, Node.js."""

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
from cutover.embedded.processes import ProcessIdentity, clean_environment, descendants, tail

pytestmark = pytest.mark.unit


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a temporary folder of this test, so that no pair of the user is changed."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    """Return a reference folder with a lock file and installed packages."""
    folder = tmp_path / "reference"
    (folder / "worker" / "node_modules" / "miniflare").mkdir(parents=True)
    (folder / "worker" / "node_modules" / "miniflare" / "package.json").write_text("{}")
    (folder / "worker" / "package-lock.json").write_text('{"lockfileVersion": 3}')
    return folder


def executable(path: Path, script: str) -> Path:
    """Write an executable shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def example_state(**changes: object) -> state.PairState:
    """Return a state with a recognisable value in each text."""
    values: dict[str, object] = {
        field.name: f"<{field.name}>"
        for field in dataclasses.fields(state.PairState)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    values |= {"pid": os.getpid(), "started": 1.5, "rate_limit": (100, 60), **changes}
    return state.PairState(**values)  # type: ignore[arg-type]


# Folders


def test_base_folder_can_be_entered_but_not_listed(temporary: Path) -> None:
    """Mode 0711 with any umask: PostgreSQL's user may enter it, no other user may list it."""
    before = os.umask(0o077)
    try:
        assert stat.S_IMODE(folders.base().stat().st_mode) == 0o711
        assert stat.S_IMODE(folders.cache().stat().st_mode) == 0o711
    finally:
        os.umask(before)
    folders.base().chmod(0o777)
    assert stat.S_IMODE(folders.base().stat().st_mode) == 0o711
    assert folders.base() == temporary / f"cutover-{os.geteuid()}"


def test_base_folder_that_is_a_link_is_refused(temporary: Path) -> None:
    """Another user may have created the link to receive our secrets."""
    (temporary / "elsewhere").mkdir()
    (temporary / f"cutover-{os.geteuid()}").symlink_to(temporary / "elsewhere")
    with pytest.raises(PairError, match="TMPDIR") as caught:
        folders.base()
    assert caught.value.exit_code == USAGE


def test_base_folder_of_another_user_is_refused(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the other user's id."""
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    (temporary / f"cutover-{mine + 1}").mkdir()
    with pytest.raises(PairError, match=f"got a folder of uid {mine}"):
        folders.base()


@pytest.mark.parametrize("name", ["", "Default", "a/b", "..", "a b", "x" * 41, "ä"])
def test_malformed_name_is_refused(temporary: Path, name: str) -> None:
    """A malformed name never becomes part of a path."""
    for call in (folders.pair_folder, state.read, pair.stop):
        with pytest.raises(PairError, match="a-z, 0-9"):
            call(name)
    with pytest.raises(PairError, match="a-z, 0-9"):
        pair.start(name, owned=True)
    assert list(temporary.iterdir()) in ([], [temporary / f"cutover-{os.geteuid()}"])


def test_anonymous_names_are_valid_and_differ() -> None:
    """Each name is `run-` and random characters."""
    names = {pair.anonymous_name() for _ in range(20)}
    assert len(names) == 20
    assert all(folders.NAME.fullmatch(name) and name.startswith("run-") for name in names)


@pytest.mark.usefixtures("temporary")
def test_claimed_name_is_refused_until_released() -> None:
    """A name has one supervisor, and its folder is removed at the end."""
    claim = folders.claim("one")
    assert folders.pair_names() == ["one"]
    supervisor = folders.supervisor("one")
    assert supervisor is not None
    assert supervisor.pid == os.getpid()
    with pytest.raises(PairError, match=f"already starting \\(process {os.getpid()}\\)"):
        folders.claim("one")
    folders.remove_dead()  # does not remove a running pair
    assert claim.path.is_dir()
    claim.release()
    assert not claim.path.exists()
    folders.claim("one").release()


@pytest.mark.usefixtures("temporary")
def test_folder_of_a_dead_pair_is_removed() -> None:
    """The next claim of any name removes it too."""
    for removal in (folders.remove_dead, lambda: folders.claim("other").release()):
        code = (
            "import os, sys, tempfile; tempfile.tempdir = sys.argv[1]\n"
            "from cutover.embedded import folders; folders.claim('dead'); os._exit(9)"
        )
        subprocess.run([sys.executable, "-c", code, tempfile.gettempdir()], check=False)
        assert folders.pair_folder("dead").is_dir()
        assert state.read("dead") is None
        assert folders.pair_names() == []
        removal()
        assert not folders.pair_folder("dead").exists()


# State


@pytest.mark.usefixtures("temporary")
def test_state_is_read_only_while_its_pair_runs() -> None:
    """It is complete and has mode 0600. It is None before it is written and after the end."""
    claim = folders.claim("one")
    assert state.read("one") is None
    written = example_state(name="one", fault="legacy x planted; worker y control", dead={"legacy": "gone"})
    state.write(claim.path, written)
    assert state.read("one") == written
    assert stat.S_IMODE((claim.path / "state.json").stat().st_mode) == 0o600
    assert written.planted_systems == ["legacy", "worker"]
    assert not written.healthy
    claim.release()
    assert state.read("one") is None


def test_public_state_contains_no_secret() -> None:
    """Neither repr nor the output of the commands contains one."""
    found = example_state()
    for shown in (repr(found), json.dumps(found.public())):
        for name in ("s3_secret_key", "pg_dsn", "jwt_secret", "jwt_refresh_secret", "legacy_secret_key"):
            assert f"<{name}>" not in shown
        assert "<limiter_bypass>" not in shown
        assert "<worker_url>" in shown


# Processes


def test_process_identity_differs_for_a_reused_pid() -> None:
    """The start time is part of the identity, and a zombie has none."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    found = ProcessIdentity.of(child.pid)
    assert found is not None
    later = ProcessIdentity(found.pid, found.start_ticks + 1)
    assert found.alive()
    assert not later.alive()
    assert later.end(signal.SIGKILL, timeout_s=0.1)  # not running, so there is nothing to end
    assert child.poll() is None
    assert child.pid in descendants(os.getpid())
    assert found.end(signal.SIGKILL, timeout_s=2)
    assert not found.alive()
    child.wait()
    assert ProcessIdentity.of(child.pid) is None


def test_environment_of_the_parts_is_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only variables that every program needs are passed on."""
    monkeypatch.setenv("PGPASSWORD", "x")
    monkeypatch.setenv("NODE_OPTIONS", "x")
    monkeypatch.setenv("TZ", "UTC")
    assert set(clean_environment()) <= {"PATH", "HOME", "LANG", "TZ"}
    assert clean_environment()["TZ"] == "UTC"


def test_tail_is_the_end_of_a_log(tmp_path: Path) -> None:
    """The tail is bounded for a log of any size, and empty without a log."""
    log = tmp_path / "log"
    assert tail(log) == ""
    log.write_text("".join(f"line {number}\n" for number in range(10_000)))
    assert tail(log, 2) == "line 9998\nline 9999"


# PostgreSQL


def test_admin_session_without_a_server_raises(tmp_path: Path) -> None:
    """The error is psycopg's OperationalError, after which `start` tries again."""
    with pytest.raises(OperationalError), postgres.admin_session(tmp_path, 5432, "template1"):
        pass


# Health


def test_probe_reads_the_status_of_a_slow_start() -> None:
    """A refused and a silent connection give None, an answer gives its status, and then a new request is sent."""
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


def test_probe_of_a_closed_connection_is_none() -> None:
    """A connection that is closed without an answer has no status."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        probe = health.Probe(f"http://127.0.0.1:{listener.getsockname()[1]}")

        def refuse() -> None:
            listener.accept()[0].close()

        thread = threading.Thread(target=refuse)
        thread.start()
        assert probe.status(1.0) is None
        thread.join()


# Node.js and packages


def test_installed_node_is_used_if_new_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Version 22 or later is used. The version is stored until the file changes."""
    program = executable(tmp_path / "bin" / "node", "echo v22.1.0; echo asked >> $0.log")
    monkeypatch.setenv("PATH", f"{program.parent}:/bin")
    for _ in range(2):
        assert node.find(tmp_path).program == program
    assert Path(f"{program}.log").read_text() == "asked\n"
    executable(program, "echo v23.0.0; echo asked >> $0.log")
    assert node.find(tmp_path).program == program
    assert Path(f"{program}.log").read_text() == "asked\nasked\n"


@pytest.mark.parametrize("script", ["echo v20.1.0", "echo nonsense", "exit 3", None])
def test_wheel_is_used_if_installed_node_is_unusable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None
) -> None:
    """It is too old, broken or absent. Without the wheel there is an error."""
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


def test_missing_npm_packages_are_refused(reference: Path) -> None:
    """The error comes before anything starts, also if the packages are older than the lock file."""
    packages.require(reference)
    (reference / "worker" / "node_modules" / ".cutover-lock-sha256").write_text("of another lock file")
    with pytest.raises(PairError, match=r"older than reference/worker/package-lock\.json"):
        packages.require(reference)
    (reference / "worker" / "node_modules" / "miniflare" / "package.json").unlink()
    with pytest.raises(PairError, match=r"node_modules is missing\.\nFix: make setup") as caught:
        pair.start("x", owned=True, options=pair.PairOptions(reference_dir=reference))
    assert caught.value.exit_code == USAGE


def test_missing_python_packages_are_named(reference: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message has the names for pip, not the module names."""
    monkeypatch.setattr(packages, "_NEEDED", {"no_such_module": "no-such-package", "json": "json"})
    with pytest.raises(PairError, match=r"not installed: no-such-package\."):
        packages.require(reference)


def test_npm_ci_runs_once_per_lock_file(reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs again only if the lock file changes, and never runs scripts of packages."""
    npm = executable(tmp_path / "npm", 'echo "$@" >> calls; mkdir -p node_modules')
    monkeypatch.setattr(node, "find", lambda: node.Node(tmp_path / "node", (str(npm),)))
    assert packages.install_worker_packages(reference)
    assert not packages.install_worker_packages(reference)
    packages.require(reference)
    (reference / "worker" / "package-lock.json").write_text('{"lockfileVersion": 3, "packages": {}}')
    assert packages.install_worker_packages(reference)
    calls = (reference / "worker" / "calls").read_text().splitlines()
    assert calls == ["ci --ignore-scripts --no-audit --no-fund"] * 2


def test_failing_or_absent_npm_gives_one_message(
    reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message has the end of npm's output and the fix."""
    npm = executable(tmp_path / "npm", "echo npm error network >&2; exit 7")
    monkeypatch.setattr(node, "find", lambda: node.Node(tmp_path / "node", (str(npm),)))
    with pytest.raises(PairError, match=r"exit code 7\.\n  \| npm error network\nFix: check the network"):
        packages.install_worker_packages(reference)
    monkeypatch.setattr(node, "find", lambda: node.Node(tmp_path / "node", None))
    with pytest.raises(PairError, match="has no npm"):
        packages.install_worker_packages(reference)


# Planted faults


def test_faults_are_the_files_of_their_folder(tmp_path: Path) -> None:
    """Modules of lib/, which several faults share, are not faults."""
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
        (["up", "--worker-port", "70000"], 4, "--worker-port: expected 0 to 65535"),
        (["fault", "x"], 11, "cutover pair up"),
        (["logs"], 11, "cutover pair up"),
        (["status"], 11, "not up"),
        (["down"], 0, "There is no pair"),
    ],
)
def test_impossible_command_ends_with_one_message(
    capsys: pytest.CaptureFixture[str], words: list[str], code: int, message: str
) -> None:
    """The exit code is 4 for wrong usage and 11 for a pair that is not up."""
    parser = argparse.ArgumentParser()
    pair_commands.add_parser(parser.add_subparsers(required=True))
    args = parser.parse_args(["pair", *words])
    assert args.run(args) == code
    output = capsys.readouterr()
    assert message in output.out + output.err


def test_other_platforms_get_one_message(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """On every system except Linux the commands end with 4."""
    monkeypatch.setattr(sys, "platform", "darwin")
    parser = argparse.ArgumentParser()
    pair_commands.add_parser(parser.add_subparsers(required=True))
    args = parser.parse_args(["pair", "up"])
    assert args.run(args) == USAGE
    assert "expected Linux, got darwin" in capsys.readouterr().err
