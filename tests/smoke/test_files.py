"""Files: upload, list, download, delete, ownership. Plan: Staging Validation Script, file upload test."""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from cutover import corpus
from cutover.accounts.prepared_files import UNKNOWN_FILE, list_own, prepare_file
from cutover.accounts.registered import Account, Accounts
from cutover.accounts.sessions import object_key_of
from cutover.config.environment_promises import upload_limit
from cutover.core.errors import CheckFailed
from cutover.core.recorder import Recorder
from cutover.core.rule_table import Rule
from cutover.core.secrets import Secret
from cutover.stores import ObjectStore
from cutover.systems.target import Result, Target

pytestmark = [
    pytest.mark.smoke,
    pytest.mark.system("worker", "legacy"),
    pytest.mark.level("test-data"),
    pytest.mark.plan("Staging Validation Script: file upload test"),
    pytest.mark.rule(Rule.DATA_LOSS),
]


@pytest.mark.owns("delete", "download", "list_files", "upload")
@pytest.mark.never_waived("loss of data")
def test_upload_list_download_delete(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """A file of 10,000 contacts is uploaded, listed, downloaded byte for byte and deleted."""
    account, contacts = accounts.new(), corpus.list_file("contacts")
    uploaded = _upload(target, account.access_token, contacts).expect_status()
    if uploaded.operation.has("success") and uploaded.field("success") is not True:
        raise uploaded.failed("upload:success", expected="success: true", got=repr(uploaded.field("success")))
    file_id = str(uploaded.field("file_id"))
    stored_as = {file_id: uploaded.field("filename")} if uploaded.operation.has("filename") else {}
    _expect_listed(target, account, {file_id: contacts}, stored_as)
    if target.has("download"):
        download = _download(target, account.access_token, file_id).expect_status()
        recorder.measure("bytes compared", len(download.body), f"= {contacts.size}")
        _expect_bytes(download, contacts)
    else:
        recorder.note_undetectable("a file that is not stored as uploaded: there is no download")
    if target.has("delete"):
        target.call("delete", token=account.access_token, path={"file_id": file_id}).expect_status()
        if target.has("download"):
            _download(target, account.access_token, file_id).expect_refusal(404, why="the file was deleted")
        _expect_listed(target, account, {})


@pytest.mark.never_waived("loss of data")
def test_every_kind_of_list_comes_back_identical(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Each kind of list is downloaded byte for byte after all were uploaded, also two of one name."""
    account = accounts.new()
    _prepare_download(target, account)
    kinds = [kind for kind in _kinds() if kind.accepted]
    kinds.append(replace(kinds[1], name="another of the same name", filename=kinds[0].filename))
    uploads = [_upload(target, account.access_token, kind).expect_status() for kind in kinds]
    wrong = []
    for kind, file_id in zip(kinds, [str(uploaded.field("file_id")) for uploaded in uploads], strict=True):
        download = _download(target, account.access_token, file_id).expect_status()
        try:
            _expect_bytes(download, kind)
        except CheckFailed as error:
            wrong.append((kind.name, error))
    recorder.measure("identical lists", len(kinds) - len(wrong), f"= {len(kinds)}", sample=len(kinds))
    if wrong:
        raise download.failed(
            "download:bytes", expected=f"{len(kinds)} lists as uploaded", got=_listing(wrong), do_next=_STORED
        )


@pytest.mark.rule(Rule.LIST_FORMAT)
def test_columns_and_rows_are_counted_right(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Columns and row counts of each kind of list are correct, and a malformed list is refused."""
    account = accounts.new()
    prepare_file(target, account.access_token)
    kinds = [kind for kind in _kinds() if kind.accepted]
    wrong = []
    for kind in kinds:
        file_id = str(_upload(target, account.access_token, kind).expect_status().field("file_id"))
        result = target.call("columns", token=account.access_token, path={"file_id": file_id})
        if kind.malformed:
            seen: Any = 400 if result.is_status(400) else result.status
            known: Any = 400
        else:
            result.expect_status(why=f"{kind.name}: {kind.description}")
            promised = {"columns": list(kind.columns), "row_count": kind.rows, "column_count": len(kind.columns)}
            declared = [name for name in promised if result.operation.has(name)]
            seen, known = tuple(map(result.field, declared)), tuple(promised[name] for name in declared)
        if seen != known or any(isinstance(figure, bool) for figure in _figures(seen)):
            wrong.append((kind.name, f"{_short(seen)} instead of {_short(known)} ({kind.description})"))
    recorder.measure("correct lists", len(kinds) - len(wrong), f"= {len(kinds)}", sample=len(kinds))
    if wrong:
        raise result.failed("columns:wrong", expected="the columns and rows of the corpus", got=_listing(wrong))


@pytest.mark.rule(Rule.FILE_NAMES)
def test_file_names_come_back_as_given(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Names with quotes, slashes, percent signs, emoji, combining and right-to-left letters are listed unchanged."""
    target.operation("list_files").require("entry", "filename")
    account, plain = accounts.new(), corpus.list_file("semicolons")
    uploads = {prepare_file(target, account.access_token, plain): plain}
    for awkward in (file for file in corpus.list_files() if file.name.startswith("filename_")):
        result = _upload(target, account.access_token, awkward)
        result.expect_status(*result.operation.statuses, why=f"{awkward.name}: {awkward.description}")
        uploads[str(result.field("file_id"))] = awkward
    assert len(uploads) > 1, "the corpus has no awkward file name"
    recorder.measure("names compared", len(uploads), "each equal", sample=len(uploads))
    _expect_listed(target, account, uploads)


@pytest.mark.owns("tags")
@pytest.mark.rule(Rule.OPERATIONS)
def test_tags_are_stored_and_listed(target: Target, accounts: Accounts) -> None:
    """The tags that the owner sets are in the response and in the list of files, where the system has them."""
    account, tags = accounts.new(), ["two words", "été"]
    file_id = prepare_file(target, account.access_token)
    path = {"file_id": file_id}
    result = target.call("tags", token=account.access_token, path=path, fields={"tags": tags}).expect_status()
    if result.operation.has("tags") and result.field("tags") != tags:
        raise result.failed("tags:response", expected=tags, got=repr(result.field("tags")))
    found = target.if_possible(
        lambda: list_own(target, account), without="tags that are missing in the list", judged=True
    )
    if found is None or "tags" not in found[1].operation.entry:
        return
    files, listed = found
    got = {str(entry["file_id"]): entry["tags"] for entry in files}.get(file_id)
    if got != tags:
        raise listed.failed("tags:listed", expected=tags, got=repr(got))


@pytest.mark.never_waived("loss of data")
def test_files_of_equal_names_are_both_kept(target: Target, accounts: Accounts) -> None:
    """Two files with the same name are both downloaded as uploaded. If the second is refused, the first is kept."""
    account, first = accounts.new(), corpus.list_file("tabs")
    _prepare_download(target, account)
    second = dataclasses.replace(corpus.list_file("semicolons"), filename=first.filename)
    first_id = str(_upload(target, account.access_token, first).expect_status().field("file_id"))
    again = _upload(target, account.access_token, second)
    if again.status not in (400, 409, 422):
        second_id = str(again.expect_status().field("file_id"))
        _expect_bytes(_download(target, account.access_token, second_id).expect_status(), second)
    _expect_bytes(_download(target, account.access_token, first_id).expect_status(), first)


@pytest.mark.rule(Rule.VALIDATION)
def test_empty_file_is_refused(target: Target, accounts: Accounts) -> None:
    """A file of 0 bytes returns 400 and is not listed afterwards."""
    account, notes = accounts.new(), corpus.list_file("semicolons")
    accepted = {prepare_file(target, account.access_token, notes): notes}
    _upload(target, account.access_token, corpus.list_file("empty")).expect_status(400, why="the file is empty")
    _expect_listed(target, account, accepted)


@pytest.mark.never_waived("loss of data")
@pytest.mark.rule(Rule.UPLOAD_LIMIT)
def test_nearly_largest_file_comes_back_identical(
    target: Target, accounts: Accounts, promises: Mapping[str, Any], recorder: Recorder
) -> None:
    """A list just below the limit (49.9 MiB of 50) is accepted and downloaded byte for byte."""
    limit = upload_limit(promises, target.system)
    size = min(corpus.NEARLY_THE_LIMIT, limit - min(100_000, limit // 500))
    account, large = accounts.new(), corpus.large(size)
    _prepare_download(target, account)
    uploaded = _upload(target, account.access_token, large, timeout_s=120).expect_status()
    file_id = str(uploaded.field("file_id"))
    download = _download(target, account.access_token, file_id, timeout_s=120).expect_status()
    recorder.measure("bytes compared", len(download.body), f"= {large.size}")
    recorder.measure("upload (s)", round(uploaded.answer.elapsed_s, 2), "reported")
    recorder.measure("download (s)", round(download.answer.elapsed_s, 2), "reported")
    _expect_bytes(download, large)


@pytest.mark.accounts(2)
@pytest.mark.never_waived("isolation between users")
@pytest.mark.rule(Rule.ISOLATION)
def test_file_of_another_user_is_inaccessible(target: Target, accounts: Accounts) -> None:
    """Another user cannot list, download or delete a file, and the owner's file stays unchanged."""
    owner, other, notes = accounts.new(), accounts.new(), corpus.list_file("quoted_newlines")
    file_id = prepare_file(target, owner.access_token, notes)
    if target.has("download"):
        target.prepare("download", token=owner.access_token, path={"file_id": file_id})
    target.present("download", "columns", "delete", "list_files")  # not applicable only without all of them
    for operation in filter(target.has, ("download", "columns", "delete")):
        target.call(operation, token=other.access_token, path={"file_id": file_id}).expect_refusal(
            404, why="the file belongs to another user"
        )
    _expect_listed(target, other, {})
    _expect_listed(target, owner, {file_id: notes})
    if target.has("download"):
        _expect_bytes(_download(target, owner.access_token, file_id).expect_status(), notes)


@pytest.mark.never_waived("isolation between users")
@pytest.mark.rule(Rule.AUTHENTICATION)
def test_requests_without_a_token_are_refused(target: Target, accounts: Accounts) -> None:
    """Listing, downloading and reading the account return 401 without a token."""
    for operation in target.present("list_files", "user"):
        target.call(operation).expect_refusal(401, why="there is no token")
    if not target.has("download"):
        return
    file_id = target.if_possible(
        lambda: prepare_file(target, accounts.new().access_token), without="an anonymous download of a real file"
    )
    file_id = file_id or UNKNOWN_FILE
    target.call("download", path={"file_id": file_id}).expect_refusal(401, why="there is no token")


@pytest.mark.system("worker")
@pytest.mark.needs("r2")
@pytest.mark.plan("Production Data Migration: r2_key")
def test_delete_removes_the_object(target: Target, accounts: Accounts, object_store: ObjectStore) -> None:
    """The object of an uploaded file exists in R2 with its size and is removed when the file is deleted."""
    account, notes = accounts.new(), corpus.list_file("tabs")
    prepare_file(target, account.access_token, notes)
    uploaded = _upload(target, account.access_token, notes).expect_status()
    file_id = str(uploaded.field("file_id"))
    key = object_key_of(target, account, uploaded)
    stored = object_store.head(key)
    if stored is None or stored.size != notes.size:
        raise uploaded.failed(
            "upload:object", expected=f"object {key} of {notes.size} bytes in R2", got=repr(stored), do_next=_STORED
        )
    deleted = target.call("delete", token=account.access_token, path={"file_id": file_id}).expect_status()
    left = object_store.head(key)
    if left is not None:
        raise deleted.failed(
            "delete:object-left",
            expected=f"no object {key} in R2 after the delete",
            got=f"an object of {left.size} bytes",
            do_next="deleted files of users are kept: check the call to R2 in the delete",
        )


_STORED = "stop the cutover and check how the upload writes to storage: users' files are not stored as uploaded"


def _prepare_download(target: Target, account: Account) -> None:
    """Upload and download a small list, so that the checks below judge only what is special about their files."""
    path = {"file_id": prepare_file(target, account.access_token)}
    target.prepare("download", token=account.access_token, path=path)


def _kinds() -> Sequence[corpus.ListFile]:
    kinds = [file for file in corpus.list_files() if not file.name.startswith("filename_")]
    assert any(kind.accepted and not kind.malformed for kind in kinds), "the corpus has no list to compare"
    return kinds


def _upload(target: Target, token: Secret, file: corpus.ListFile, *, timeout_s: float | None = None) -> Result:
    return target.call("upload", token=token, file=(file.filename, file.content, "text/csv"), timeout_s=timeout_s)


def _download(target: Target, token: Secret, file_id: str, *, timeout_s: float | None = None) -> Result:
    return target.call("download", token=token, path={"file_id": file_id}, timeout_s=timeout_s)


def _expect_bytes(download: Result, file: corpus.ListFile) -> None:
    if download.body == file.content:
        return
    length = min(len(download.body), file.size)
    same = next((at for at in range(length) if download.body[at] != file.content[at]), length)
    raise download.failed(
        "download:bytes",
        expected=f"{file.name}: {file.size} bytes, SHA-256 {file.sha256[:16]}…",
        got=f"{len(download.body)} bytes, SHA-256 {hashlib.sha256(download.body).hexdigest()[:16]}…, "
        f"first difference at byte {same}",
        do_next=_STORED,
    )


def _expect_listed(
    target: Target, account: Account, files: dict[str, corpus.ListFile], stored_as: Mapping[str, Any] | None = None
) -> None:
    """Expect that exactly these files and the earlier ones are listed, with their names, sizes and the total.

    A system may rename a file, for example because another user has one of this name. Where only a convention forbids
    that, the name is that of the response to the upload. stored_as: these names by the file's id, if they are known.
    """
    if not target.has("list_files"):
        return
    result = target.prepare("list_files", token=account.access_token)
    entries = account.own(result)
    keeps_names = target.judges(Rule.FILE_NAMES)
    names = {file_id: file.stored_filename for file_id, file in files.items()} if keeps_names else stored_as or {}
    compared = ("filename", "file_size") if names.keys() == files.keys() else ("file_size",)
    declared = [name for name in compared if name in result.operation.entry]
    seen = {str(entry["file_id"]): tuple(entry[name] for name in declared) for entry in entries}
    known = {
        file_id: tuple({"filename": names.get(file_id), "file_size": file.size}[name] for name in declared)
        for file_id, file in files.items()
    }
    expected = len(known) + len(account.before)
    total = result.field("total") if result.operation.has("total") else expected
    if seen != known or len(entries) != len(known) or total != expected:
        wrong = [
            (files[key].name, f"{seen.get(key, 'missing')} instead of {known[key]}")
            if key in files
            else (key, "is not a file of this account")  # its name is not printed
            for key in {**known, **seen}
            if seen.get(key) != known.get(key)
        ]
        raise result.failed(
            "list:wrong",
            expected=f"{len(known)} files with their names and sizes",
            got=f"{len(entries)} entries, total {total!r} ({len(account.before)} earlier files): {_listing(wrong)}",
        )


def _figures(seen: Any) -> Sequence[Any]:
    return seen[1:] if isinstance(seen, tuple) else (seen,)


def _listing(wrong: Sequence[tuple[str, object]]) -> str:
    shown = "".join(f"\n            {name}: {_short(str(what).replace(chr(10), ' '))}" for name, what in wrong[:12])
    return f"{len(wrong)} wrong{shown}" + (f"\n            and {len(wrong) - 12} more" if len(wrong) > 12 else "")


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 300 else text[:300] + "…"
