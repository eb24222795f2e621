"""Conditional and range downloads. Contract: download; RFC 9110 13 and 14."""

from collections.abc import Mapping

import pytest

from cutover import corpus
from cutover.accounts.prepared_files import prepare_file
from cutover.accounts.registered import Accounts
from cutover.core.rule_table import Rule
from cutover.systems.target import Result, Target

pytestmark = [
    pytest.mark.smoke,
    pytest.mark.system("worker"),
    pytest.mark.level("test-data"),
    pytest.mark.plan("contracts/api.md, download; RFC 9110"),
    pytest.mark.rule(Rule.DOWNLOADS),
]


def test_conditional_download_is_correct(target: Target, accounts: Accounts) -> None:
    """If-None-Match returns 304 without a body for the file's own ETag, and the whole file for any other."""
    uploads = Uploads(target, accounts, ("contacts", "tabs"))
    own = uploads.download("contacts", {}).expect_status()
    other = uploads.download("tabs", {}).expect_status()
    tag, foreign = (result.answer.headers.get("etag", "") for result in (own, other))
    if not tag.startswith('"') or tag == foreign:
        raise own.failed("etag:weak-or-shared", expected="a strong ETag for each content", got=f"{tag} and {foreign}")
    same = uploads.download("contacts", {"if-none-match": tag}).expect_status(304, why="this is its ETag")
    if same.body:
        raise same.failed("etag:body", expected="304 without a body", got=f"{len(same.body)} bytes")
    for other_tag in (foreign, '"made-up"', f'"{tag.strip(chr(34))}x"'):
        changed = uploads.download("contacts", {"if-none-match": other_tag})
        changed.expect_status(200, why=f"{other_tag} is not its ETag")
        if changed.body != own.body:
            raise changed.failed("etag:content", expected="the whole file", got=f"{len(changed.body)} bytes")


def test_range_download_is_correct(target: Target, accounts: Accounts) -> None:
    """A range request returns 206 with exactly these bytes, and 416 for a range beyond the end."""
    uploads = Uploads(target, accounts, ("contacts",))
    content = corpus.list_file("contacts").content
    size = len(content)
    ranges = {"0-0": (0, 1), "10-99": (10, 100), f"{size - 5}-": (size - 5, size), "-7": (size - 7, size)}
    for text, (start, end) in ranges.items():
        result = uploads.download("contacts", {"range": f"bytes={text}"}).expect_status(206, why=f"bytes={text}")
        content_range = result.answer.headers.get("content-range")
        if content_range != f"bytes {start}-{end - 1}/{size}" or result.body != content[start:end]:
            raise result.failed(
                "range:bytes",
                expected=f"bytes {start} to {end - 1} of {size}",
                got=f"content-range {content_range!r}, {len(result.body)} bytes"
                + ("" if result.body == content[start:end] else ", different from these"),
            )
    headers = {"range": f"bytes={size}-{size + 9}"}
    beyond = uploads.download("contacts", headers).expect_status(416, why="beyond the end")
    if beyond.answer.headers.get("content-range") != f"bytes */{size}":
        raise beyond.failed(
            "range:unsatisfied", expected=f"bytes */{size}", got=repr(beyond.answer.headers.get("content-range"))
        )


@pytest.mark.rule(Rule.HEAD)
def test_head_of_a_download_has_the_headers_of_get(target: Target, accounts: Accounts) -> None:
    """HEAD has the status, length, type and ETag of GET, and no body (RFC 9110, 9.3.2)."""
    uploads = Uploads(target, accounts, ("contacts",))
    got = uploads.download("contacts", {}).expect_status()
    head = uploads.download("contacts", {}, method="HEAD").expect_status()
    for name in ("content-length", "content-type", "etag"):
        if head.answer.headers.get(name) != got.answer.headers.get(name):
            raise head.failed(
                f"head:{name}",
                expected=f"{name}: {got.answer.headers.get(name)} as by GET",
                got=repr(head.answer.headers.get(name)),
            )
    if head.body:
        raise head.failed("head:body", expected="no body", got=f"{len(head.body)} bytes")


class Uploads:
    """List files of the corpus, uploaded to a new account."""

    def __init__(self, target: Target, accounts: Accounts, names: tuple[str, ...]) -> None:
        self._target, self._token = target, accounts.new().access_token
        self._ids = {}
        for name in names:
            self._ids[name] = prepare_file(target, self._token, corpus.list_file(name))
            target.prepare("download", token=self._token, path={"file_id": self._ids[name]})

    def download(self, name: str, headers: Mapping[str, str], *, method: str | None = None) -> Result:
        """Download one of the files with these headers."""
        # Identity: a compressed response has another length and, by RFC 9110, another ETag.
        sent = {"accept-encoding": "identity", **headers}
        path = {"file_id": self._ids[name]}
        return self._target.call("download", token=self._token, path=path, headers=sent, method=method)
