"""Conditional and range requests answer truthfully. Contract: download; RFC 9110 13 and 14."""

from collections.abc import Mapping

import pytest

from cutover import corpus
from cutover.accounts.registered import Accounts
from cutover.systems.target import Result, Target

pytestmark = [
    pytest.mark.smoke,
    pytest.mark.system("worker"),
    pytest.mark.level("test-data"),
    pytest.mark.plan("contracts/api.md, download; RFC 9110"),
]


def test_conditional_download_is_correct(target: Target, accounts: Accounts) -> None:
    """304 without a body for the file's own ETag, the whole file for another's, for an old and for a made-up one."""
    send = _uploaded(target, accounts, ("contacts", "tabs"))
    own = send("contacts", {}).expect_status()
    other = send("tabs", {}).expect_status()
    tag, foreign = (result.answer.headers.get("etag", "") for result in (own, other))
    if not tag.startswith('"') or tag == foreign:
        raise own.failed("etag:weak-or-shared", expected="a strong ETag for each content", got=f"{tag} and {foreign}")
    same = send("contacts", {"if-none-match": tag}).expect_status(304, why="this is its ETag")
    if same.body:
        raise same.failed("etag:body", expected="304 without a body", got=f"{len(same.body)} bytes")
    for stranger in (foreign, '"made-up"', f'"{tag.strip(chr(34))}x"'):
        changed = send("contacts", {"if-none-match": stranger})
        changed.expect_status(200, why=f"{stranger} is not its ETag")
        if changed.body != own.body:
            raise changed.failed("etag:content", expected="the whole file", got=f"{len(changed.body)} bytes")


def test_range_download_is_correct(target: Target, accounts: Accounts) -> None:
    """206 with exactly the bytes that were asked for, 416 for a range beyond the end."""
    send = _uploaded(target, accounts, ("contacts",))
    content = corpus.list_file("contacts").content
    size = len(content)
    wanted = {"0-0": (0, 1), "10-99": (10, 100), f"{size - 5}-": (size - 5, size), "-7": (size - 7, size)}
    for spelling, (start, end) in wanted.items():
        result = send("contacts", {"range": f"bytes={spelling}"}).expect_status(206, why=f"bytes={spelling}")
        told = result.answer.headers.get("content-range")
        if told != f"bytes {start}-{end - 1}/{size}" or result.body != content[start:end]:
            raise result.failed(
                "range:bytes",
                expected=f"bytes {start} to {end - 1} of {size}",
                got=f"content-range {told!r}, {len(result.body)} bytes"
                + ("" if result.body == content[start:end] else ", and other ones than these"),
            )
    beyond = send("contacts", {"range": f"bytes={size}-{size + 9}"}).expect_status(416, why="beyond the end")
    if beyond.answer.headers.get("content-range") != f"bytes */{size}":
        raise beyond.failed(
            "range:unsatisfied", expected=f"bytes */{size}", got=repr(beyond.answer.headers.get("content-range"))
        )


class _uploaded:  # noqa: N801 - reads as the function that it is
    """Upload lists to a new account; calling it downloads one of them with these headers."""

    def __init__(self, target: Target, accounts: Accounts, names: tuple[str, ...]) -> None:
        self._target, self._token = target, accounts.new().access_token
        self._ids = {}
        for name in names:
            file = corpus.list_file(name)
            upload = target.call("upload", token=self._token, file=(file.filename, file.content, "text/csv"))
            self._ids[name] = str(upload.expect_status().field("file_id"))

    def __call__(self, name: str, headers: Mapping[str, str]) -> Result:
        # Identity: a compressed answer has another length and, by RFC 9110, another ETag.
        asked = {"accept-encoding": "identity", **headers}
        return self._target.call("download", token=self._token, path={"file_id": self._ids[name]}, headers=asked)
