"""Uploads as no honest client sends them: the limit holds, nothing is stored by halves, and others are not held up.

Contract: upload, JSON bodies; RFC 9112 6 and 7.
"""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from cutover.accounts.registered import Accounts
from cutover.client.multipart import MEDIA_TYPE
from cutover.client.raw_http import RawAnswer, RawConnection, chunk
from cutover.config.operations import follow_pointer
from cutover.contract.account_snapshot import belongings, expect_unchanged
from cutover.contract.exceptional_uploads import CHUNKED, announced, body_of, chunked, side_by_side, with_length
from cutover.contract.finding_collector import Inspection
from cutover.contract.findings import Place
from cutover.contract.valid_requests import Person, settle
from cutover.core.recorder import Recorder
from cutover.systems.target import Target

pytestmark = [
    pytest.mark.contract,
    pytest.mark.system("worker", "legacy"),
    pytest.mark.level("test-data"),
    pytest.mark.never_waived("loss of data"),
    pytest.mark.plan("Unified Production Configuration: MAX_FILE_SIZE; contracts/api.md, upload"),
]

LINE = b"0123456789,abcdefghij,ABCDEFGHIJ\n"
PIECES = 10
SLOW_S = 3.5
"""How long a slow client takes, in seconds: somebody on the train."""
TOO_LARGE = (400, 413)
"""Legacy and Worker; promises.refusals has the one of each."""


def test_upload_limit_holds_without_a_length(
    target: Target, accounts: Accounts, promises: Mapping[str, Any], recorder: Recorder
) -> None:
    """In chunks, so that nobody knows what is to come, the limit is taken, and one byte more refused, not stored."""
    person = settle(target, accounts)
    inspection = Inspection(target, "upload:chunked", "contracts/api.md upload: more than 52,428,800 bytes")
    limit: int = promises["uploads"]["limit"]
    content = (LINE * (limit // len(LINE) + 1))[: limit + 1]
    before = belongings(target, person)
    refused = chunked(target, person.token, content)
    _expect(inspection, refused, promises["refusals"][target.system]["too_large"], "one byte above the limit in chunks")
    expect_unchanged(inspection, person, before)
    taken = chunked(target, person.token, content[:-1])
    if target.system == "legacy" and taken is not None and taken.status == 400:
        # Django reads no body without a length (WSGI): it refuses every upload in chunks, and stores none.
        recorder.note_undetectable("the limit in chunks: this system takes no uploads in chunks")
        expect_unchanged(inspection, person, before)
    elif _expect(inspection, taken, 201, "the limit in chunks") and _told(target, taken, "file_size") != limit:
        place = Place("upload", "", "the limit in chunks", "201")
        inspection.see_at(place, "another size", expected=f"{limit} bytes", got=_told(target, taken, "file_size"))
    inspection.close(recorder)


def test_announced_size_is_refused_at_once(
    target: Target, accounts: Accounts, promises: Mapping[str, Any], recorder: Recorder
) -> None:
    """A Content-Length far above the limit is refused without waiting for the body that would come."""
    person = settle(target, accounts)
    inspection = Inspection(target, "upload:announced", "contracts/api.md upload: more than 52,428,800 bytes")
    before = belongings(target, person)
    for size in (promises["uploads"]["limit"] * 2, 10**12):
        answer = announced(target, person.token, size)
        # Without the body a server may also find that it was cut off.
        _expect(inspection, answer, (*TOO_LARGE, 417), "far more than the limit", may_close=True)
    expect_unchanged(inspection, person, before)
    inspection.close(recorder)


@pytest.mark.level("disposable")
def test_wrong_lengths_store_nothing(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """A body shorter than it says, longer, of two lengths or none that is a number is refused, and stores no file."""
    person = settle(target, accounts)
    inspection = Inspection(target, "upload:length", "contracts/api.md upload: not stored completely; RFC 9112 6.3")
    body = body_of(target, LINE * 3)
    size = len(body)
    before = belongings(target, person)
    lies: dict[str, tuple[str, list[tuple[str, str]]]] = {
        "longer than the body": (str(size + 100), []),
        "shorter by the end of the form": (str(size - 4), []),
        "half of the body": (str(size // 2), []),
        "zero": ("0", []),
        "negative": ("-1", []),
        "with a sign": (f"+{size}", []),
        "in words": ("many", []),
        "in hexadecimal": (hex(size), []),
        "a list of two": (f"{size}, {size + 1}", []),
        "twice, two lengths": (str(size), [("Content-Length", str(size - 10))]),
        "beside chunks": (str(size), [CHUNKED]),
    }
    for what, (length, more) in lies.items():
        answer, _ = with_length(target, person.token, body, length, more=more)
        _expect(inspection, answer, range(400, 502), f"taken: {what}", may_close=True)
        expect_unchanged(inspection, person, before, after=what)
    inspection.close(recorder)


@pytest.mark.level("disposable")
@pytest.mark.never_waived("isolation between users")
def test_bodies_smuggle_no_second_request(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """A request inside of a body of which length and chunks disagree is not carried out (request smuggling)."""
    person = settle(target, accounts)
    inspection = Inspection(target, "upload:smuggling", "RFC 9112 6.1 and 11.2")
    delete = target.operation("delete").url_path({"file_id": person.file_id})
    hidden = (
        f"DELETE {delete} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {person.token.reveal()}\r\n"
        "Content-Length: 0\r\n\r\n"
    ).encode()
    before = belongings(target, person)
    body = chunk(b"") + hidden
    spellings = ["xchunked", "chunked, identity", "identity", "\x0bchunked"]
    if target.system == "worker" and target.environment.local_runtime:
        recorder.note_undetectable(
            "length and chunks in one request: workerd goes on with the connection, the edge may not"
        )
    else:
        spellings += ["chunked", "Chunked", "chunked, chunked"]
    for spelling in spellings:
        answer, second = with_length(target, person.token, body, str(len(body)), more=[("Transfer-Encoding", spelling)])
        _expect(inspection, answer, range(400, 502), f"taken: {spelling!r} beside a length", may_close=True)
        if second is not None and second.status < 400:  # an error speaks of what cannot be read
            place = Place("upload", "", "a DELETE inside of the body of a POST", f"status {second.status}")
            inspection.see_at(place, f"a second answer to {spelling!r}", expected="one answer", got=second.status)
        expect_unchanged(inspection, person, before, after=repr(spelling))
    inspection.close(recorder)


def test_slow_and_parallel_uploads_succeed(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Four uploads in turns, a piece of each at a time, while others are answered: all are stored as sent."""
    person = settle(target, accounts)
    inspection = Inspection(target, "upload:parallel", "contracts/api.md upload, download")
    contents = [b"n,text\n" + f"{number},".encode() + LINE * (1000 + number) for number in range(4)]
    answers = side_by_side(target, person.token, contents, 12)
    for number, (content, answer) in enumerate(zip(contents, answers, strict=True)):
        if _expect(inspection, answer, 201, "an upload beside others"):
            _expect_stored(inspection, person, answer, content)
            if _told(target, answer, "filename") != f"side-{number}.csv":
                place = Place("upload", "", "an upload beside others", "another name")
                inspection.see_at(place, "another name", expected="its own name", got=_told(target, answer, "filename"))
    with RawConnection(target, "upload") as slow:
        body = body_of(target, LINE * 40)
        slow.begin([("Content-Type", MEDIA_TYPE), ("Content-Length", str(len(body)))], token=person.token)
        for piece in range(PIECES):
            slow.send(body[len(body) * piece // PIECES : len(body) * (piece + 1) // PIECES])
            # Whoever asks in between is answered: one slow client holds nobody up.
            target.call("user", token=person.token).expect_status()
            if slow.answers_within(SLOW_S / PIECES):
                break  # too early: whatever it says, it is judged below
        answer = slow.answer()
    if _expect(inspection, answer, 201, "a slow upload"):
        _expect_stored(inspection, person, answer, LINE * 40)
    inspection.close(recorder)


def test_aborted_uploads_store_nothing(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """A client that goes away in the middle of a body, with a length or in chunks, leaves no file."""
    person = settle(target, accounts)
    inspection = Inspection(target, "upload:broken-off", "contracts/api.md upload: not stored completely …")
    body = body_of(target, LINE * 1000)
    before = belongings(target, person)
    for size in (0, 100, len(body) // 2, len(body) - 1):
        with RawConnection(target, "upload") as connection:
            length = ("Content-Length", str(len(body)))
            connection.begin([("Content-Type", MEDIA_TYPE), length], token=person.token)
            connection.send(body[:size])
        with RawConnection(target, "upload") as connection:
            connection.begin([("Content-Type", MEDIA_TYPE), CHUNKED], token=person.token)
            connection.send(chunk(body[:size]) if size else b"")
        inspection.looked("upload")
    expect_unchanged(inspection, person, before)
    inspection.close(recorder)


def test_part_lengths_are_ignored(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """A Content-Length inside of the form is not believed: the file has the bytes that it has, in size and content."""
    person = settle(target, accounts)
    inspection = Inspection(target, "upload:part", "contracts/api.md Files: file_size (bytes); RFC 7578 4.8")
    content = LINE * 3
    for length in ("3", "100000", "0", "-1", "x"):
        body = body_of(target, content).replace(
            b"Content-Type: text", f"Content-Length: {length}\r\nContent-Type: text".encode(), 1
        )
        result = target.call("upload", token=person.token, content=(body, MEDIA_TYPE))
        if inspection.expect_status(result, 201, 400, defect="is neither taken nor refused") and result.status == 201:
            if result.field("file_size") != len(content):
                got = result.field("file_size")
                inspection.see(result, "the part's length is believed", expected=f"{len(content)} bytes", got=got)
            download = target.call("download", token=person.token, path={"file_id": str(result.field("file_id"))})
            if inspection.expect_status(download, 200, defect="cannot be downloaded") and download.body != content:
                inspection.see(download, "the part's length cuts", expected=f"{len(content)} bytes as sent")
    inspection.close(recorder)


def test_json_limit_holds_without_a_length(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """A JSON body above 1 MiB is refused by every operation that takes one, also in chunks."""
    person = settle(target, accounts)
    inspection = Inspection(target, "body:chunked", "contracts/api.md Everywhere: JSON bodies hold at most 1 MiB")
    before = belongings(target, person)
    for name in ("login", "refresh", "tags", "export"):
        operation = target.operation(name)
        text = json.dumps(dict.fromkeys(operation.request.values(), "x" * (1 << 20))).encode()
        with RawConnection(target, name) as connection:
            connection.begin(
                [("Content-Type", "application/json"), CHUNKED],
                token=person.token,
                path={"file_id": person.file_id} if "{file_id}" in operation.path else None,
            )
            for start in range(0, len(text), 1 << 16):
                if not connection.send(chunk(text[start : start + (1 << 16)])):
                    break
            connection.send(chunk(b""))
            _expect(inspection, connection.answer(), TOO_LARGE, f"{name} takes more than 1 MiB in chunks")
    expect_unchanged(inspection, person, before)
    inspection.close(recorder)


def _expect(
    inspection: Inspection,
    answer: RawAnswer | None,
    statuses: int | range | tuple[int, ...],
    what: str,
    *,
    may_close: bool = False,
) -> bool:
    """Whether the status is one of these. may_close: to end the connection without a word is a refusal as well."""
    inspection.looked("upload")
    wanted = (statuses,) if isinstance(statuses, int) else statuses
    if (answer is None and may_close) or (answer is not None and answer.status in wanted):
        return True
    got = f"status {answer.status}: {answer.body[:120]!r}" if answer else "no answer"
    place = Place("upload", "", what, got)
    shown = f"{wanted[0]} to {wanted[-1]}" if isinstance(wanted, range) else " or ".join(map(str, wanted))
    inspection.see_at(place, what, expected=f"status {shown}", got=got)
    return False


def _expect_stored(inspection: Inspection, person: Person, answer: RawAnswer | None, content: bytes) -> None:
    """What was answered 201 comes back byte for byte."""
    target = inspection.target
    path = {"file_id": str(_told(target, answer, "file_id"))}
    result = target.call("download", token=person.token, path=path)
    if inspection.expect_status(result, 200, defect="cannot be downloaded") and result.body != content:
        got = f"{len(result.body)} bytes, not the same"
        inspection.see(result, "stored otherwise than sent", expected=f"{len(content)} bytes", got=got)


def _told(target: Target, answer: RawAnswer | None, field: str) -> Any:
    """That field of a 201 to an upload; None when it is not there."""
    assert answer is not None, "it was 201"
    try:
        return follow_pointer(json.loads(answer.body), target.operation("upload").response[field])
    except (ValueError, KeyError):
        return None
