"""Recordings of a thousand requests, replayed on a real pair: honest, with a planted fault, killed and resumed."""

import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.suite.support.gate_runs import GateRun, clean_environment
from tests.suite.support.recorded_session import PASSWORD, Exchange, Session, combined, har, json_lines
from tests.suite.verdicts.conftest import ProjectFactory

from cutover.config.validation import root
from cutover.embedded import pair
from cutover.embedded.state import PairState

pytestmark = pytest.mark.verdicts

LINES = 1000
SAMPLES = Path(__file__).parents[1] / "unit" / "samples" / "recordings"


@dataclass(frozen=True)
class Recordings:
    """What was recorded: of the legacy an access log, of the Worker a HAR, each of LINES requests."""

    pair: PairState
    session: Session
    legacy: list[Exchange]
    worker: list[Exchange]

    def identities(self, *, more: str = "", files: str = 'files = "in order"') -> str:
        """The identities file: every user by variables, all of the same password."""
        told = more
        for number, user in enumerate(self.session.users):
            login = f'{{ username = "REPLAY_USER_{number}", password = "REPLAY_PASSWORD" }}'
            told += f'[identities."{user.name}"]\nlegacy = {login}\nworker = {login}\n{files}\n'
        return told

    @property
    def variables(self) -> dict[str, str]:
        """What the identities file names."""
        return {f"REPLAY_USER_{n}": user.name for n, user in enumerate(self.session.users)} | {
            "REPLAY_PASSWORD": PASSWORD
        }


@pytest.fixture(scope="module")
def recordings(own_pair: PairState) -> Generator[Recordings]:
    """Sessions of two users with four files each, on a pair that nothing is planted in."""
    session = Session(own_pair, users=2, files=4)
    # A quarter is sent and written down four times: the replay sends all of it, and the recording waits less.
    legacy, worker = (session.record(system, LINES // 4) * 4 for system in ("legacy", "worker"))
    yield Recordings(own_pair, session, legacy, worker)
    session.close()


def command(recordings: Recordings, file: Path, reports: Path, *more: str, environment: str = "embedded") -> list[str]:
    """`cutover parity replay` as a caller starts it."""
    named = ["--env", environment, "--identities", str(file.with_suffix(".toml"))]
    named += ["--pair", recordings.pair.name] if environment == "embedded" else []
    return [sys.executable, "-m", "cutover.cli", "parity", "replay", str(file), *named, f"--reports={reports}", *more]


def replay(
    recordings: Recordings,
    file: Path,
    reports: Path,
    *more: str,
    identities: str = "",
    project: Path | None = None,
    environment: str = "embedded",
    **variables: str,
) -> GateRun:
    """Replay a recording and wait for its end."""
    file.with_suffix(".toml").write_text(identities or recordings.identities())
    done = subprocess.run(
        command(recordings, file, reports, *more, environment=environment),
        cwd=project or root(),
        env=clean_environment(**{**recordings.variables, **variables}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    return GateRun(done.returncode, done.stdout, reports)


def parity(run: GateRun) -> dict[str, Any]:
    """parity.json of the run."""
    data: dict[str, Any] = json.loads((run.folder / "parity.json").read_text())
    return data


def undeclared(run: GateRun) -> list[str]:
    """Keys of what nobody declared."""
    return [f"{d['operation']} {d['path']} {d['kind']} {d['case']}".strip() for d in parity(run)["differences"]
            if d["decision"] == "undeclared"]  # fmt: skip


def sums(run: GateRun) -> dict[str, Any]:
    """Everything that is counted, without times, ids and samples."""
    data = parity(run)
    counted = {key: data[key] for key in ("replay", "coverage", "acceptances")}
    counted["differences"] = sorted((d["operation"], d["path"], d["kind"], d["case"], d["count"], d["of"])
                                    for d in data["differences"])  # fmt: skip
    counted["totals"] = {key: value for key, value in data["totals"].items() if key != "requests"}
    return counted


def test_access_log_of_an_honest_pair_is_go(recordings: Recordings, tmp_path: Path, reports: Path) -> None:
    """A thousand lines of Django's log: every GET and HEAD is compared, nothing undeclared differs."""
    file = tmp_path / "access.log"
    file.write_bytes(combined(recordings.legacy))
    run = replay(recordings, file, reports)
    assert run.code == 0, run.output
    posts = sum(exchange.request.method == "POST" for exchange in recordings.legacy)
    assert parity(run)["replay"]["outcomes"] == {"compared": LINES - posts, "not replayed": posts}
    assert parity(run)["totals"]["answers_compared"] == LINES - posts
    assert {cell["role"] for cell in parity(run)["coverage"]} == {"anonymous", "owner", "other"}
    assert f"{posts} lines not replayed: POST" in run.output
    assert re.search(rf"replay: {LINES:,} of {LINES:,} lines, [\d,]+/s", run.output)
    assert run.last_line.startswith("parity replay GO: embedded")
    assert run.verdict["verdict"] == "GO"
    assert (run.folder / "parity.html").read_text().startswith("<!DOCTYPE html>")
    everything = "".join(file.read_text() for file in run.folder.iterdir()) + run.output
    assert not [user.name for user in recordings.session.users if user.name in everything]
    assert PASSWORD not in everything


def test_files_that_neither_system_has_are_no_coverage(recordings: Recordings, tmp_path: Path, reports: Path) -> None:
    """Recorded with 200, refused by both now: a mapping that is wrong, or data that was lost on both, is no proof."""
    downloads = [each for each in recordings.legacy if each.request.url.path.startswith("/api/list_cutter/download/")]
    log = combined(downloads[:20]).decode()
    assert " 200 " in log
    file = tmp_path / "access.log"
    file.write_text(re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "00000000-0000-4000-8000-000000000000", log))
    run = replay(recordings, file, reports, identities=recordings.identities(files='files = "same"'))
    assert run.code == 10, run.output
    assert parity(run)["replay"]["outcomes"] == {"not coverage": len(log.splitlines())}
    assert "recorded 200, now 404" in run.output


def test_replay_asks_for_a_version_and_proves_it(recordings: Recordings, tmp_path: Path, reports: Path) -> None:
    """The version that runs is GO. Another one is INVALID: the override was not applied."""
    file = tmp_path / "access.log"
    file.write_bytes(combined([each for each in recordings.legacy if each.request.method == "GET"][:20]))
    running = recordings.pair.version_id
    run = replay(recordings, file, reports, "--worker-version", running)
    assert run.code == 0, run.output
    assert run.verdict["asked_version"] == running
    other = replay(recordings, file, tmp_path / "other", "--worker-version", "00000000-0000-0000-0000-000000000000")
    assert other.code == 11, other.output
    assert "expected version 00000000" in other.output


def test_access_log_with_a_planted_defect_is_found(recordings: Recordings, tmp_path: Path, reports: Path) -> None:
    """The same thousand lines, and a Worker that writes a total as 1.0: found, and nothing else."""
    file = tmp_path / "access.log"
    file.write_bytes(combined(recordings.legacy))
    pair.serve(recordings.pair.name, "worker", "total-with-fraction")
    try:
        run = replay(recordings, file, reports)
    finally:
        pair.serve(recordings.pair.name, "worker", None)
    assert run.code == 1, run.output
    assert undeclared(run) == ["list_files /total type"]
    assert parity(run)["replay"]["done"] == LINES


ANN = """
[recording]
on = "legacy"
hosts = ["list-cutter.com"]
header = "x-user"

[identities.ann]
account = 1
uploads = 2
files = "in order"
"""


def test_host_with_its_default_port_hides_no_difference(recordings: Recordings, tmp_path: Path, reports: Path) -> None:
    """A request to list-cutter.com:443 or :80 is one to list-cutter.com: the planted fault behind it is found."""
    pair.serve(recordings.pair.name, "worker", "total-with-fraction")
    try:
        for name in ("port443.har", "port80.log"):
            file = tmp_path / name
            file.write_bytes((SAMPLES / name).read_bytes())
            run = replay(recordings, file, reports / name, identities=ANN)
            assert run.code == 1, run.output
            assert undeclared(run) == ["list_files /total type"]
    finally:
        pair.serve(recordings.pair.name, "worker", None)


def test_recordings_of_the_field_are_go(recordings: Recordings, tmp_path: Path, reports: Path) -> None:
    """Lines of every dialect in one log are compared; an entry without HTTP and a WebSocket do not block."""
    log = tmp_path / "field.log"
    names = ("dash.log", "gunicorn_unix_socket.log", "vhost_combined.log", "syslog_day8.log", "syslog_day18.log")
    log.write_bytes(b"".join((SAMPLES / name).read_bytes().rstrip(b"\n") + b"\n" for name in names))
    run = replay(recordings, log, reports / "log", identities=ANN)
    assert run.code == 0, run.output
    assert parity(run)["replay"]["outcomes"] == {"compared": 10}
    entries = [json.loads((SAMPLES / name).read_text())["log"]["entries"] for name in ("data.har", "ws.har")]
    file = tmp_path / "field.har"
    file.write_text(json.dumps({"log": {"version": "1.2", "entries": [*entries[0], *entries[1]]}}))
    run = replay(recordings, file, reports / "har", identities=ANN)
    assert run.code == 0, run.output
    assert parity(run)["replay"]["outcomes"] == {"compared": 2, "no HTTP": 1, "not replayed": 1}


def test_har_with_a_planted_defect_is_found(recordings: Recordings, tmp_path: Path, reports: Path) -> None:
    """A thousand entries of a browser at the Worker, whose downloads are named wrongly: found, and nothing else."""
    file = tmp_path / "session.har"
    file.write_bytes(har(recordings.worker, "X-Who"))
    told = '[recording]\nheader = "x-who"\n'
    for user in recordings.session.users:  # ids of the recording system, mapped one by one
        for legacy, worker in zip(user.ids["legacy"], user.ids["worker"], strict=True):
            told += f'[files."{worker}"]\nlegacy = "{legacy}"\nworker = "{worker}"\nowner = "{user.name}"\n'
    identities = recordings.identities(more=told, files="")
    pair.serve(recordings.pair.name, "worker", "download-named-by-id")
    try:
        run = replay(recordings, file, reports, identities=identities)
    finally:
        pair.serve(recordings.pair.name, "worker", None)
    assert run.code == 1, run.output
    keys = [key for key in undeclared(run) if key.split()[0] != "download" or "content-disposition" not in key]
    assert not keys
    assert "download header:content-disposition/filename header" in undeclared(run)
    assert parity(run)["replay"]["done"] == LINES
    assert run.last_line.startswith("parity replay NO-GO: embedded")
    everything = "".join(file.read_text() for file in run.folder.iterdir()) + run.output
    assert "the-cookies-secret" not in everything
    assert not [user for user in recordings.session.users if user.tokens["worker"] in everything]


def test_collapsed_log_with_a_planted_defect_is_found(recordings: Recordings, tmp_path: Path, reports: Path) -> None:
    """Equal requests are sent once with --collapse, and the total with a fraction is still found."""
    file = tmp_path / "access.jsonl"
    file.write_bytes(json_lines(recordings.legacy, "who"))
    identities = recordings.identities(more='[recording]\nkeys = { identity = "who" }\n')
    pair.serve(recordings.pair.name, "worker", "total-with-fraction")
    try:
        run = replay(recordings, file, reports, "--collapse", identities=identities)
    finally:
        pair.serve(recordings.pair.name, "worker", None)
    assert run.code == 1, run.output
    assert undeclared(run) == ["list_files /total type"]
    outcomes = parity(run)["replay"]["outcomes"]
    assert outcomes["collapsed"] > LINES // 2
    assert sum(outcomes.values()) == LINES
    assert "curl" in json.dumps(
        [d["reproduction"] for d in parity(run)["differences"] if d["decision"] == "undeclared"]
    )


def test_broken_and_unmapped_lines_are_inconclusive(recordings: Recordings, tmp_path: Path, reports: Path) -> None:
    """What cannot be read and what nobody is mapped for is named by line and reason, counted, and never sent."""
    first = recordings.session.users[0]
    lines = combined(recordings.legacy[:30]).decode().splitlines()
    file = tmp_path / "access.log"
    paths = "/api/accounts/user/"
    when = "[22/Nov/2026:19:00:00 +0000]"
    lines += [
        "no line of a log",  # 31
        f'10.0.0.1 - {first.name} {when} "GET {paths} HTTP/1.1" 200',  # 32, cut off
        f'10.0.0.1 - - {when} "GET {paths} HTTP/1.1" 401 1 "-" "-"',  # 33
        f'10.0.0.1 - somebody-else {when} "GET {paths} HTTP/1.1" 200 1 "-" "-"',  # 34
        f'10.0.0.1 - {first.name} {when} "GET {paths}?access_token=sesame HTTP/1.1" 200 1 "-" "-"',  # 35
        f'10.0.0.1 - - {when} "GET /wp-login.php HTTP/1.1" 404 1 "-" "-"',  # 36
        f'10.0.0.1 - {first.name} {when} "GET /api/list_cutter/statistics/7/ HTTP/1.1" 200 1 "-" "-"',  # 37
        f'10.0.0.1 - {first.name} {when} "GET /metrics HTTP/1.1" 200 1 "-" "-"',  # 38
        f'10.0.0.1 - - {when} "\\x16\\x03\\x01" 400 1 "-" "-"',  # 39
    ]
    file.write_bytes("\n".join([*lines, ""]).encode() + b"\xff\xfe broken bytes\n")
    run = replay(recordings, file, reports)
    assert run.code == 10, run.output
    told = parity(run)["replay"]
    assert [row["line"] for row in told["broken"]] == [31, 32, 40]
    assert "line 31 (it has no timestamp" in run.output
    assert told["outcomes"]["broken"] == 3
    assert {tuple(row["first"]): row["count"] for row in told["not_coverage"]} == {(33,): 1, (34,): 1, (35,): 1}
    assert [row["first"] for row in told["identities_not_mapped"]] == [[34]]
    assert told["unknown_paths"] == [
        {"path": "GET /wp-login.php", "count": 1, "answered_well": 0},
        {"path": "GET /api/list_cutter/statistics/{…}", "count": 1, "answered_well": 1},
    ]
    assert [row["operation"] for row in told["not_on_both"]] == ["metrics"]
    assert told["outcomes"]["no HTTP"] == 1
    assert undeclared(run) == []
    everything = "".join(file.read_text() for file in run.folder.iterdir()) + run.output
    assert "somebody-else" not in everything
    assert "sesame" not in everything


def test_killed_replay_goes_on_with_the_same_sums(recordings: Recordings, tmp_path: Path, reports: Path) -> None:
    """Killed in the middle and resumed, it counts what an uninterrupted one counts; a changed log is refused."""
    file = tmp_path / "access.log"
    file.write_bytes(combined(recordings.legacy[:150]) + b"broken\n")
    whole = replay(recordings, file, tmp_path / "whole")
    assert whole.code == 10, whole.output
    process = subprocess.Popen(
        command(recordings, file, reports),
        cwd=root(),
        env=clean_environment(**recordings.variables),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while done_so_far(reports) < 40:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGSTOP)  # still holds the lock, and cannot end before it is killed
    busy = replay(recordings, file, reports, "--resume")
    assert busy.code == 4
    assert "by another process" in busy.output
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = done_so_far(reports)
    assert 40 <= before < 150
    assert json.loads((next(reports.iterdir()) / "verdict.json").read_text())["verdict"] == "INVALID"
    content = file.read_bytes()
    file.write_bytes(content.replace(b"18:00:01", b"18:00:02", 1))
    changed = replay(recordings, file, reports, "--resume")
    assert changed.code == 11, changed.output
    assert "have changed since they were replayed" in changed.output
    file.write_bytes(content + b"one more\n")
    grown = replay(recordings, file, reports, "--resume")
    assert grown.code == 4, grown.output
    assert "the size of the recording has changed" in grown.output
    file.write_bytes(content)
    resumed = replay(recordings, file, reports, "--resume")
    assert resumed.code == 10, resumed.output
    assert sums(resumed) == sums(whole)
    numbers = [row["n"] for row in state_of(reports) if "n" in row]
    assert numbers == list(range(1, 152))
    again = replay(recordings, file, reports, "--resume")
    assert again.code == 4
    assert "already complete" in again.output


def state_of(reports: Path) -> list[dict[str, Any]]:
    """The whole records of the replay's state."""
    (folder,) = reports.iterdir()
    text = (folder / "replay-state.jsonl").read_text()
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def done_so_far(reports: Path) -> int:
    """The last line that a running replay has written down."""
    if not reports.is_dir() or not any((folder / "replay-state.jsonl").is_file() for folder in reports.iterdir()):
        return 0
    return max((row.get("n", 0) for row in state_of(reports)), default=0)


def test_fresh_accounts_stand_for_recorded_identities(recordings: Recordings, tmp_path: Path, reports: Path) -> None:
    """An identity may be a fresh account with files of its own, which is removed again; --limit is no whole replay."""
    file = tmp_path / "access.jsonl.gz"
    file.write_bytes(gzip.compress(json_lines(recordings.legacy[:40], "user")))
    told = "".join(
        f'[identities."{user.name}"]\naccount = {number}\nuploads = 4\nfiles = "in order"\n'
        for number, user in enumerate(recordings.session.users, 1)
    )
    run = replay(recordings, file, reports, identities=told)
    assert run.code == 0, run.output
    ledger = [json.loads(line) for line in (run.folder / "test-data.jsonl").read_text().splitlines()]
    assert sorted(line["event"] for line in ledger) == ["named"] * 4 + ["removed"] * 4
    part = replay(recordings, file, tmp_path / "part", "--limit", "10", identities=told)
    assert part.code == 10, part.output
    assert "only 10 of 40 lines were requested (--limit)" in part.output
    rest = replay(recordings, file, tmp_path / "part", "--resume", identities=told)
    assert rest.code == 0, rest.output
    assert sums(rest) == sums(run)


@pytest.mark.parametrize(
    ("identities", "variables", "message"),
    [
        ('[identities.ann]\naccount = 1\nfile = "x"\n', {}, 'identities."ann".file'),
        ('[identities.ann]\nfiles = "same"\n', {}, "has no account"),
        ("{login}", {"REPLAY_USER_0": ""}, "REPLAY_USER_0 is not set"),
        ("{login}", {"REPLAY_PASSWORD": "another one"}, "cannot log in on legacy (401)"),
        ('[recording]\nheader = "Cookie"\n', {}, "contains a secret"),
        ('[files.a]\nlegacy = "1"\nworker = "2"\n[files.b]\nlegacy = "3"\nworker = "2"\n', {}, "one to one"),
        ("[identities.ann\n", {}, "not valid TOML"),
    ],
)
def test_bad_identities_end_with_4(
    recordings: Recordings, tmp_path: Path, reports: Path, identities: str, variables: dict[str, str], message: str
) -> None:
    """One clear message that names file and key, no traceback, no secret."""
    file = tmp_path / "access.log"
    file.write_bytes(combined(recordings.legacy[:5]))
    told = identities.replace("{login}", recordings.identities())
    run = replay(recordings, file, reports, identities=told, **variables)
    assert run.code == 4, run.output
    assert message in run.output
    assert "Traceback" not in run.output


def test_unreachable_and_wrong_systems_are_invalid(
    recordings: Recordings, project_factory: ProjectFactory, tmp_path: Path, reports: Path
) -> None:
    """A system that does not answer, and one that is the other under its address: 11, and no line is sent."""
    file = tmp_path / "access.log"
    file.write_bytes(combined(recordings.legacy[:5]))
    table = """
[NAME]
safety = "test-data"
worker = { url = "WORKER", identity = { header = "x-served-by", value = "list-cutter-worker" } }
legacy = { url = "LEGACY", identity = { header = "x-served-by", value = "list-cutter-django" } }
readiness = { tries = 1, interval_s = 0 }
"""
    state = recordings.pair
    alias = state.legacy_url.replace("127.0.0.1", "localhost")
    rows = [("gone", "http://127.0.0.1:9", state.legacy_url), ("twice", alias, state.legacy_url)]
    text = "".join(table.replace("NAME", n).replace("WORKER", w).replace("LEGACY", o) for n, w, o in rows)
    project = project_factory(environments=text)
    for name, _, _ in rows:
        run = replay(recordings, file, reports / name, project=project, environment=name)
        assert run.code == 11, run.output
        assert parity(run)["replay"]["done"] == 0
        assert run.verdict["verdict"] == "INVALID"
