"""Malformed and slow uploads: limits hold, no incomplete file is stored, other clients are not delayed.

Contract: upload, JSON bodies; RFC 9112 6 and 7.
"""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from cutover.accounts.registered import Accounts
from cutover.client.multipart import MEDIA_TYPE
from cutover.client.raw_http import RawAnswer, RawConnection, chunk
from cutover.config.environment_promises import upload_limit
from cutover.config.operations import follow_pointer
from cutover.contract.account_snapshot import Judged, expect_unchanged, snapshot
from cutover.contract.exceptional_uploads import (
    CHUNKED,
    announce_upload,
    body_of,
    upload_chunked,
    upload_in_parallel,
    upload_with_length,
)
from cutover.contract.finding_collector import Inspection
from cutover.contract.findings import Place
from cutover.contract.valid_requests import Person, create_person
from cutover.core.recorder import Recorder
from cutover.core.rule_table import Rule
from cutover.systems.target import Target

pytestmark = [
    pytest.mark.contract,
    pytest.mark.system("worker", "legacy"),
    pytest.mark.level("test-data"),
    pytest.mark.never_waived("loss of data"),
    pytest.mark.plan("Unified Production Configuration: MAX_FILE_SIZE; contracts/api.md, upload"),
    pytest.mark.rule(Rule.DATA_LOSS),
]

LINE = b"0123456789,abcdefghij,ABCDEFGHIJ\n"
PIECES = 10
SLOW_S = 3.5
"""Duration of the slow upload in seconds."""
TOO_LARGE = (400, 413)
"""Statuses of the legacy system and of the Worker. promises.refusals has the status of each."""


@pytest.mark.rule(Rule.UPLOAD_LIMIT)
def test_upload_limit_holds_without_a_length(
    target: Target, accounts: Accounts, promises: Mapping[str, Any], recorder: Recorder
) -> None:
    """A chunked upload of exactly the limit is accepted; one byte more is refused and not stored."""
    person = create_person(target, accounts, objects=(), requires=("upload",))
    inspection = Inspection(target, "upload:chunked", "contracts/api.md upload: more than 52,428,800 bytes")
    limit = upload_limit(promises, target.system)
    content = (LINE * (limit // len(LINE) + 1))[: limit + 1]
    before = snapshot(target, person, Judged.LIST)
    refused = upload_chunked(target, person.token, content)
    _expect(inspection, refused, promises["refusals"][target.system]["too_large"], "one byte above the limit in chunks")
    expect_unchanged(inspection, person, before)
    accepted = upload_chunked(target, person.token, content[:-1])
    if target.system == "legacy" and accepted is not None and accepted.status == 400:
        # Django reads no body without a length (WSGI): it refuses every chunked upload.
        recorder.note_undetectable("the upload limit in chunks: this system refuses chunked uploads")
        expect_unchanged(inspection, person, before)
    elif _expect(inspection, accepted, 201, "the limit in chunks") and (
        (size := _field(target, accepted, "file_size")) != limit
    ):
        place = Place("upload", "", "the limit in chunks", "201")
        inspection.report_at(place, "wrong size", expected=f"{limit} bytes", got=size)
    inspection.close(recorder)


@pytest.mark.rule(Rule.UPLOAD_LIMIT)
def test_announced_size_is_refused_at_once(
    target: Target, accounts: Accounts, promises: Mapping[str, Any], recorder: Recorder
) -> None:
    """A Content-Length far above the limit is refused before the body is sent."""
    person = create_person(target, accounts, objects=(), requires=("upload",))
    inspection = Inspection(target, "upload:announced", "contracts/api.md upload: more than 52,428,800 bytes")
    before = snapshot(target, person, Judged.LIST)
    for size in (upload_limit(promises, target.system) * 2, 10**12):
        answer = announce_upload(target, person.token, size)
        # A server may also report that the body is incomplete.
        _expect(inspection, answer, (*TOO_LARGE, 417), "far more than the limit", may_close=True)
    expect_unchanged(inspection, person, before)
    inspection.close(recorder)


@pytest.mark.level("disposable")
def test_wrong_lengths_store_nothing(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """An upload with a wrong, ambiguous or invalid Content-Length is refused and stores no file."""
    person = create_person(target, accounts, objects=(), requires=("upload",))
    inspection = Inspection(target, "upload:length", "contracts/api.md upload: not stored completely; RFC 9112 6.3")
    body = body_of(target, LINE * 3)
    size = len(body)
    before = snapshot(target, person, Judged.LIST)
    lengths: dict[str, tuple[str, list[tuple[str, str]]]] = {
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
        "with chunks": (str(size), [CHUNKED]),
    }
    for what, (length, more) in lengths.items():
        answer, _ = upload_with_length(target, person.token, body, length, more=more)
        _expect(inspection, answer, range(400, 502), f"accepted: {what}", may_close=True)
        if not expect_unchanged(inspection, person, before, after=what):
            before = snapshot(target, person, Judged.LIST)  # each change is reported once
    inspection.close(recorder)


@pytest.mark.level("disposable")
@pytest.mark.never_waived("isolation between users")
@pytest.mark.rule(Rule.ISOLATION)
def test_bodies_smuggle_no_second_request(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """A request hidden in a body with conflicting length and chunks is not executed (request smuggling)."""
    person = create_person(target, accounts, objects=(), requires=("upload",))
    inspection = Inspection(target, "upload:smuggling", "RFC 9112 6.1 and 11.2")
    asked = target.operation(target.present("delete", "download", "list_files", "user")[0])
    path = asked.url_path({"file_id": person.file_id} if "{file_id}" in asked.path else {})
    hidden = (
        f"{asked.method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {person.token.reveal()}\r\n"
        "Content-Length: 0\r\n\r\n"
    ).encode()
    before = snapshot(target, person, Judged.DATA)
    body = chunk(b"") + hidden
    spellings = ["xchunked", "chunked, identity", "identity", "\x0bchunked"]
    if target.system == "worker" and target.environment.local_runtime:
        recorder.note_undetectable(
            "request smuggling by length and chunks: workerd keeps the connection open, the edge may not"
        )
    else:
        spellings += ["chunked", "Chunked", "chunked, chunked"]
    for spelling in spellings:
        answer, second = upload_with_length(
            target, person.token, body, str(len(body)), more=[("Transfer-Encoding", spelling)]
        )
        _expect(inspection, answer, range(400, 502), f"accepted: {spelling!r} with a length", may_close=True)
        if second is not None and second.status < 400:  # an error only refuses the hidden request
            place = Place("upload", "", f"a {asked.method} in the body of a POST", f"status {second.status}")
            inspection.report_at(place, f"second response to {spelling!r}", expected="one response", got=second.status)
        if not expect_unchanged(inspection, person, before, after=repr(spelling)):
            before = snapshot(target, person, Judged.DATA)
    inspection.close(recorder)


def test_slow_and_parallel_uploads_succeed(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Four interleaved uploads and a slow one are stored as sent, and other requests are answered meanwhile."""
    person = create_person(target, accounts, objects=(), requires=("upload",))
    inspection = Inspection(target, "upload:parallel", "contracts/api.md upload, download")
    contents = [b"n,text\n" + f"{number},".encode() + LINE * (1000 + number) for number in range(4)]
    answers = upload_in_parallel(target, person.token, contents, 12)
    accepted = target.operation("upload").statuses
    for number, (content, answer) in enumerate(zip(contents, answers, strict=True)):
        if _expect(inspection, answer, accepted, "a parallel upload"):
            _expect_stored(inspection, person, answer, content)
            if (name := _field(target, answer, "filename")) != f"side-{number}.csv":
                place = Place("upload", "", "a parallel upload", "wrong name")
                inspection.report_at(
                    place, "wrong name", expected=f"side-{number}.csv", got=name, breaks=Rule.FILE_NAMES
                )
    with RawConnection(target, "upload") as slow:
        body = body_of(target, LINE * 40)
        slow.begin([("Content-Type", MEDIA_TYPE), ("Content-Length", str(len(body)))], token=person.token)
        for piece in range(PIECES):
            slow.send(body[len(body) * piece // PIECES : len(body) * (piece + 1) // PIECES])
            # A slow client must not delay other requests.
            target.prepare(target.protected_read, token=person.token)
            if slow.answers_within(SLOW_S / PIECES):
                break  # an early response is checked below
        answer = slow.answer()
    if _expect(inspection, answer, accepted, "a slow upload"):
        _expect_stored(inspection, person, answer, LINE * 40)
    inspection.close(recorder)


def test_aborted_uploads_store_nothing(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """An upload that the client aborts, with a length or in chunks, stores no file."""
    person = create_person(target, accounts, objects=(), requires=("upload",))
    inspection = Inspection(target, "upload:broken-off", "contracts/api.md upload: not stored completely …")
    body = body_of(target, LINE * 1000)
    before = snapshot(target, person, Judged.LIST)
    for size in (0, 100, len(body) // 2, len(body) - 1):
        with RawConnection(target, "upload") as connection:
            length = ("Content-Length", str(len(body)))
            connection.begin([("Content-Type", MEDIA_TYPE), length], token=person.token)
            connection.send(body[:size])
        with RawConnection(target, "upload") as connection:
            connection.begin([("Content-Type", MEDIA_TYPE), CHUNKED], token=person.token)
            connection.send(chunk(body[:size]) if size else b"")
        inspection.count("upload")
    expect_unchanged(inspection, person, before)
    inspection.close(recorder)


def test_part_lengths_are_ignored(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """A Content-Length header of a form part does not change the stored size or content."""
    person = create_person(target, accounts, objects=(), requires=("upload",))
    inspection = Inspection(target, "upload:part", "contracts/api.md Files: file_size (bytes); RFC 7578 4.8")
    content = LINE * 3
    for length in ("3", "100000", "0", "-1", "x"):
        body = body_of(target, content).replace(
            b"Content-Type: text", f"Content-Length: {length}\r\nContent-Type: text".encode(), 1
        )
        result = target.call("upload", token=person.token, content=(body, MEDIA_TYPE))
        statuses = (*result.operation.statuses, 400)
        inspection.expect_status(result, *statuses, defect="neither accepted nor refused", breaks=Rule.VALIDATION)
        if result.succeeded:
            if result.operation.has("file_size") and result.field("file_size") != len(content):
                got = result.field("file_size")
                inspection.report(result, "the part's length is used", expected=f"{len(content)} bytes", got=got)
            if not target.has("download"):
                recorder.note_undetectable("a length of a part that truncates the stored file: there is no download")
                continue
            download = target.call("download", token=person.token, path={"file_id": str(result.field("file_id"))})
            statuses = download.operation.statuses
            if (
                inspection.expect_status(download, *statuses, defect="cannot be downloaded")
                and download.body != content
            ):
                inspection.report(
                    download, "the part's length truncates the file", expected=f"{len(content)} bytes as sent"
                )
    inspection.close(recorder)


@pytest.mark.rule(Rule.VALIDATION)
def test_json_limit_holds_without_a_length(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """A chunked JSON body above 1 MiB is refused by every operation with a JSON body."""
    person = create_person(target, accounts)
    inspection = Inspection(target, "body:chunked", "contracts/api.md Everywhere: JSON bodies hold at most 1 MiB")
    before = snapshot(target, person, Judged.DATA)
    for name in target.present("login", "refresh", "tags", "export"):
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
            what = f"{name} accepts more than 1 MiB in chunks"
            _expect(inspection, connection.answer(), TOO_LARGE, what, operation=name)
    expect_unchanged(inspection, person, before)
    inspection.close(recorder)


def _expect(
    inspection: Inspection,
    answer: RawAnswer | None,
    statuses: int | range | tuple[int, ...],
    what: str,
    *,
    may_close: bool = False,
    operation: str = "upload",
) -> bool:
    """Return True if the status is one of these; report a finding otherwise. may_close: closing is a refusal, too."""
    inspection.count(operation)
    wanted = (statuses,) if isinstance(statuses, int) else statuses
    if (answer is None and may_close) or (answer is not None and answer.status in wanted):
        return True
    if inspection.is_unproven(operation, answer.status if answer else None):
        return False
    got = f"status {answer.status}: {answer.body[:120]!r}" if answer else "no answer"
    place = Place(operation, "", what, got)
    listed = f"{wanted[0]} to {wanted[-1]}" if isinstance(wanted, range) else " or ".join(map(str, wanted))
    inspection.report_at(place, what, expected=f"status {listed}", got=got)
    return False


def _expect_stored(inspection: Inspection, person: Person, answer: RawAnswer | None, content: bytes) -> None:
    """Check that an accepted upload is downloaded byte for byte."""
    target = inspection.target
    path = {"file_id": str(_field(target, answer, "file_id"))}
    if not target.has("download"):
        target.recorder.note_undetectable("an accepted upload that is not stored as sent: there is no download")
        return
    if target.known.names:  # a file that is named otherwise than by its id: the raw response was not read for that
        target.call("list_files", token=person.token)
    result = target.call("download", token=person.token, path=path)
    statuses = result.operation.statuses
    if inspection.expect_status(result, *statuses, defect="cannot be downloaded") and result.body != content:
        got = f"{len(result.body)} bytes, not the same"
        inspection.report(result, "stored content differs", expected=f"{len(content)} bytes", got=got)


def _field(target: Target, answer: RawAnswer | None, field: str) -> Any:
    """Return a field of the 201 response to an upload; None if it is missing."""
    assert answer is not None, "the status was 201"
    try:
        return follow_pointer(json.loads(answer.body), target.operation("upload").response[field])
    except (ValueError, KeyError):
        return None
