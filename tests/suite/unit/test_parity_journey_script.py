"""Tests of curl commands: a shell runs, expands or changes nothing that a user wrote."""

import json
import shutil
import subprocess
import tomllib
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cutover.config.environments import load_environment
from cutover.config.validation import root
from cutover.core.recorder import Recorder
from cutover.parity.journey_script import command, script
from cutover.parity.steps import Journey, Own, Ref, Step, Upload
from cutover.systems.target import Target

pytestmark = pytest.mark.unit

NEEDED = tomllib.loads((root() / "environments.toml").read_text())["staging"]["secrets"].values()
ENVIRONMENT = load_environment(root(), "staging", variables=dict.fromkeys(NEEDED, "v" * 20))
WORKER = Target("worker", ENVIRONMENT, None, Recorder())  # type: ignore[arg-type] # nothing is sent
VARIABLES = {
    "ANN_ACCESS_TOKEN": "t0ken",
    "ANN_USERNAME": "cutover-ann",
    "ANN_PASSWORD": "pass word",
    "LIST_FILE_ID": "f1",
}
BASH = shutil.which("bash") or "bash"
NASTY = ["${HOME}", "$(id)", "`id`", "'", '"', "\\", "!x", "a!!b", "; rm -rf /", "\n", "$", "${ANN_PASSWORD}", "%",
         "@/etc/passwd", "\u2028", "{a,b}", "[1-3]", "~", "#", "&", "\\n", "..", "../x",
         ";type=x", "é\u0301"]  # fmt: skip


def arguments(shown: str) -> list[str]:
    """Return the arguments that curl gets from a shell."""
    assert shown.startswith("curl ")
    ran = subprocess.run(
        [BASH, "-c", "curl() { printf '%s\\0' \"$@\"; }; " + shown],
        env=VARIABLES, capture_output=True, check=True, timeout=20,
    )  # fmt: skip
    assert ran.stderr == b""
    return ran.stdout.decode().split("\0")[:-1]


def sent(shown: str, reads: str) -> bytes:
    """Return the bytes that curl reads from there."""
    return subprocess.run(
        [BASH, "-c", f"curl() {{ cat {reads}; }}; {shown}"], env={**VARIABLES, "PATH": "/usr/bin:/bin"},
        capture_output=True, check=True, timeout=20,
    ).stdout  # fmt: skip


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12) | st.lists(
    st.sampled_from(NASTY), min_size=1, max_size=4
).map("".join)


@settings(max_examples=60, deadline=None)
@given(texts, texts)
@example("${HOME}", "$(id)!`id`\\\"'")
def test_json_arrives_unchanged(text: str, key: str) -> None:
    """Texts are literal; values of accounts and responses are variables."""
    fields = {"username": Own("username", before=text), key: [text, 1, None, {"id": Ref("list", "file_id")}]}
    shown = arguments(command(WORKER, Step("login", "ann", fields=fields)))
    body = json.loads(shown[shown.index("--data-raw") + 1])
    wanted = {"username": f"{text}cutover-ann", key: [text, 1, None, {"id": "f1"}]}
    assert body == wanted


@settings(max_examples=60, deadline=None)
@given(texts, texts, texts)
def test_path_headers_and_bearer_arrive_unchanged(identity: str, header: str, bearer: str) -> None:
    """The path is percent-encoded like in the client, so that curl expands no patterns."""
    header = header.replace("\n", "").replace("\r", "") or "x"
    step = Step("download", "ann", path={"file_id": identity}, headers={"x-any": header}, bearer=bearer or "b")
    shown = arguments(command(WORKER, step))
    assert f"{WORKER.url}/api/files/{quote(identity, safe='')}/download" in shown
    assert f"x-any: {header}" in shown
    if bearer not in ("access", "refresh", "old access"):
        assert f"Authorization: Bearer {bearer or 'b'}" in shown


@settings(max_examples=60, deadline=None)
@given(texts, st.binary(max_size=40) | st.lists(st.sampled_from([b"\n", b"1", b"%", b"\\", b"'", b"\0"])).map(b"".join))
@example("a", b"h\n1\n7")
def test_file_arrives_byte_for_byte(name: str, content: bytes) -> None:
    """The bytes by printf, including digits after a line end; the name in curl's quoting."""
    step = Step("upload", "ann", file=Upload(name, content))
    shown = command(WORKER, step)
    assert sent(shown, "<&3") == content
    escaped = name.replace("\\", "\\\\").replace('"', "%22")
    form = [argument for argument in arguments(shown) if argument.startswith("file=")]
    assert form == [f'file=@/dev/fd/3;filename="{escaped}";type=text/csv']


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=30) | texts.map(str.encode))
@example(b"@/etc/passwd")
def test_body_arrives_byte_for_byte(content: bytes) -> None:
    """Also a body that no argument can contain, and one that curl would take for a file name."""
    shown = command(WORKER, Step("login", content=(content, "application/json")))
    found = arguments(shown)
    if "--data-raw" in found:
        assert found[found.index("--data-raw") + 1].encode() == content
    else:
        assert found[found.index("--data-binary") + 1] == "@-"
        assert sent(shown, "") == content


def test_secrets_are_variables_and_nothing_else() -> None:
    """Of the actor, of another account, and of an earlier response."""
    steps = (
        Step("login", "ann", saves="list", fields={"username": Own("username"), "password": Own("password")}),
        Step("user", "ann"),
        Step("user", "ann", bearer="old access"),
        Step("user", "ann", bearer=Own("refresh_token", "bob")),
        Step("download", "ann", path={"file_id": Ref("list", "file_id")}),
    )
    shown = script(WORKER, Journey("j", "s", ("ann", "evil\nid"), steps), steps)
    for name in ("ANN_PASSWORD", "ANN_ACCESS_TOKEN", "ANN_OLD_ACCESS_TOKEN", "BOB_REFRESH_TOKEN", "LIST_FILE_ID"):
        assert f"${{{name}}}" in shown
    assert all(line.startswith(("#", "curl ")) for line in shown.splitlines())


def test_dots_are_kept_and_methods_are_one_word() -> None:
    """curl would remove dot segments."""
    shown = arguments(command(WORKER, Step("download", path={"file_id": ".."}, method="PUT;id")))
    assert "--path-as-is" in shown
    assert "PUT;id" in shown


def test_half_a_surrogate_pair_is_escaped() -> None:
    """A terminal cannot print it."""
    assert "\\\\ud800" in command(WORKER, Step("login", fields={"username": "\ud800"}))
