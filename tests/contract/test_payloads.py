"""Injection payloads for databases, templates, spreadsheets and headers are stored unchanged or refused.

Contract: Files (names are kept exactly), export; OWASP Injection.
"""

import json
import re
from typing import Any
from urllib.parse import unquote

import pytest

from cutover.accounts.registered import Accounts
from cutover.client.multipart import MEDIA_TYPE, form
from cutover.client.raw_http import RawConnection
from cutover.config.operations import Operation
from cutover.contract.account_snapshot import expect_unchanged, snapshot
from cutover.contract.error_responses import expect_safe_error
from cutover.contract.finding_collector import Inspection, available_operations
from cutover.contract.findings import Place
from cutover.contract.information_disclosure import disclosed_detail
from cutover.contract.oracle import expected_export, write_csv
from cutover.contract.payloads import FILE_NAMES, FORMULAS, IDS, MARKUP, SQL, TEMPLATES
from cutover.contract.valid_requests import Person, create_person, object_operations, valid_request
from cutover.core.recorder import Recorder
from cutover.core.rule_table import Rule
from cutover.systems.target import Result, Target

pytestmark = [
    pytest.mark.contract,
    pytest.mark.system("worker", "legacy"),
    pytest.mark.level("test-data"),
    pytest.mark.plan("contracts/api.md, Errors, Files, export; OWASP Injection"),
]

TEXTS = (*SQL, *TEMPLATES, *MARKUP, *FORMULAS)
DISPOSITION = re.compile(
    r"attachment; filename=\"(?:[^\"\\\x00-\x1f\x7f]|\\[\"\\])*\"; filename\*=UTF-8''([!#$&+\-.^_`|~\w%]+)"
)


@pytest.mark.rule(Rule.DISCLOSURE)
def test_payloads_disclose_no_internals(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Payloads as ids, names and forms cause no 5xx and disclose no stack trace, SQL or internal name."""
    person = create_person(target, accounts)
    inspection = Inspection(target, "error", "contracts/api.md Everywhere: Errors")
    operations = available_operations(target, recorder)
    for operation in object_operations(operations):
        for text in IDS:
            path = {name: text for name in ("file_id", "filter_id") if f"{{{name}}}" in operation.path}
            if path:
                sent = {**valid_request(operation.name, person), "path": path}
                expect_safe_error(inspection, target.call(operation.name, token=person.token, **sent))
        for spelling in ("%ZZ", "%", "%C3", "%00", "%E0%80%80") if "{" in operation.path else ():
            _expect_safe_raw_error(inspection, person, operation, spelling)
    taken = {"username": person.account.username, "email": person.account.email}
    for field in taken:
        if "registration" not in target.environment.absent:
            other = accounts.name()
            asked = {"username": other.username, "email": other.email, field: taken[field]}
            fields = {**asked, "password": other.password, "password_again": other.password}
            result = target.call("register", fields=fields)
            # Two accounts of one name would be one account; several of one e-mail are a deployment's choice.
            breaks = Rule.ISOLATION if field == "username" else Rule.VALIDATION
            inspection.expect_refusal(result, 400, defect=f"a duplicate {field} is accepted", breaks=breaks)
            expect_safe_error(inspection, result)
    uploads = target.has("upload")
    for content in (b'a,"b\n1,2\n', b'a,"b"c\n', b"a\0b\n") if uploads else ():
        broken = target.call("upload", token=person.token, file=("broken.csv", content, "text/csv"))
        if broken.is_refusal and not target.judges(Rule.LIST_FORMAT):
            expect_safe_error(inspection, broken)
            continue
        if not inspection.expect_status(broken, *broken.operation.statuses, defect="a malformed file is refused"):
            continue
        path = {"file_id": str(broken.field("file_id"))}
        readers = {"columns": None, "export": {"columns": ["a"], "filters": []}}
        for name in filter(target.has, readers):
            fields = readers[name]
            result = target.call(name, token=person.token, path=path, fields=fields)
            inspection.expect_refusal(result, 400, defect="a malformed file is accepted", breaks=Rule.LIST_FORMAT)
            expect_safe_error(inspection, result)
    if target.has("no_such_operation"):
        expect_safe_error(inspection, target.call("no_such_operation", token=person.token))
    for name, (raw, _) in FILE_NAMES.items() if uploads else ():
        body = form("nothing of ours", raw, name.encode())
        expect_safe_error(inspection, target.call("upload", token=person.token, content=(body, MEDIA_TYPE)))
        bad = f"{MEDIA_TYPE}{name}"
        expect_safe_error(inspection, target.call("upload", token=person.token, content=(b"--x\r\nbroken", bad)))
    inspection.close(recorder)


@pytest.mark.never_waived("isolation between users")
@pytest.mark.rule(Rule.AUTHENTICATION)
def test_login_is_safe_from_sql_injection(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """SQL in user names and passwords does not log in and does not change the account."""
    person = Person(accounts.new())
    inspection = Inspection(target, "injection:login", "contracts/api.md login: 401 for a wrong name, a wrong password")
    target.prepare("login", **valid_request("login", person))
    before = snapshot(target, person)
    name = person.account.username
    # Only each third password: every login costs a password hash.
    logins = [(f"{name}{text}", text) for text in SQL] + [(name, text) for text in SQL[::3]]
    for username, password in logins:
        result = target.call("login", fields={"username": username, "password": password})
        inspection.expect_refusal(result, 401, 400, defect="login by SQL injection")
    expect_unchanged(inspection, person, before)
    inspection.close(recorder)


@pytest.mark.rule(Rule.DATA_LOSS)
def test_texts_are_stored_unchanged(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """SQL, templates, markup and formulas in tags and saved filters are returned unchanged."""
    person = create_person(target, accounts, objects=(), requires=("upload",))
    inspection = Inspection(target, "injection:text", "contracts/api.md: tags, Saved filters: kept as given")
    trimmed = [text.strip() for text in TEXTS]
    if "tags" in target.present("tags", "create_filter"):
        path = {"file_id": person.file_id}
        tags = target.call("tags", token=person.token, path=path, fields={"tags": list(trimmed)})
        accepted = inspection.expect_status(tags, *tags.operation.statuses, defect="tags are refused", breaks=Rule.TAGS)
        if accepted and tags.operation.has("tags"):
            _expect_same(inspection, tags, tags.field("tags"), list(dict.fromkeys(trimmed)), "tags")
    if target.environment.operations[target.system]["create_filter"].absent is None:
        for text in TEXTS:
            config = {"columns": [text], "filters": [{"column": text, "operator": "IN", "value": [text]}]}
            fields = {"name": text, "description": text, "file_id": person.file_id, "filter_config": config}
            created = target.call("create_filter", token=person.token, fields=fields)
            statuses = created.operation.statuses
            accepted = inspection.expect_status(
                created, *statuses, defect="a filter is refused", breaks=Rule.SAVED_FILTERS
            )
            if accepted and not target.has("filter"):
                recorder.note_undetectable("changed texts of saved filters: no operation reads one")
            elif accepted:
                path = {"filter_id": str(created.field("filter_id"))}
                read = target.call("filter", token=person.token, path=path)
                if inspection.expect_status(read, *read.operation.statuses, defect="a filter is lost"):
                    row = read.answer.json["filter"]
                    got = [row.get("name"), row.get("description"), row.get("filter_config")]
                    _expect_same(inspection, read, got, [text, text, config], "a filter")
    inspection.close(recorder)


@pytest.mark.rule(Rule.EXPORT)
def test_cells_are_exported_unchanged(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Formulas, SQL and markup in cells, column names and filters are exported unchanged.

    The contract declares that an export does not escape formulas.
    """
    person = create_person(target, accounts, objects=(), requires=("upload",))
    inspection = Inspection(target, "injection:cell", "contracts/api.md export: Output")
    columns = ["text", "=1+1", "' OR '1'='1"]
    rows = [[text, str(number), "x"] for number, text in enumerate(TEXTS)]
    upload = target.call(
        "upload", token=person.token, file=("cells.csv", write_csv([columns, *rows]), "text/csv")
    ).expect_status()
    path = {"file_id": str(upload.field("file_id"))}
    chosen = target.call("export", token=person.token, path=path, fields={"columns": columns, "filters": []})
    if inspection.expect_status(chosen, 200, defect="the export is refused"):
        _expect_bytes(inspection, chosen, write_csv([columns, *rows]))
    for text in TEXTS:
        asked: dict[str, Any] = {
            "columns": [columns[1]],
            "filters": [{"column": "text", "operator": "=", "value": text}],
        }
        result = target.call("export", token=person.token, path=path, fields=asked)
        if inspection.expect_status(result, 200, defect="the export is refused"):
            _expect_bytes(
                inspection, result, write_csv(expected_export([columns, *rows], asked["columns"], asked["filters"]))
            )
    inspection.close(recorder)


@pytest.mark.rule(Rule.ISOLATION)
def test_file_names_inject_nothing(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Line ends, quotes and paths in a file name add no header and do not change the folder or file."""
    person = create_person(target, accounts, objects=(), requires=("upload",))
    inspection = Inspection(target, "file-name", "contracts/api.md upload: the name is kept exactly; RFC 6266")
    field = target.operation("upload").request["file"]
    usual = None
    if target.has("download"):
        plain = target.prepare("download", token=person.token, path={"file_id": person.file_id})
        usual = {name.lower() for name in plain.answer.headers}
    else:
        recorder.note_undetectable("headers that a file name adds to its download: there is no download")
    for what, (raw, kept) in FILE_NAMES.items():
        body = form(field, raw, b"a,b\n1,2\n")
        uploaded = target.call("upload", token=person.token, content=(body, MEDIA_TYPE))
        expected = (*uploaded.operation.statuses, *((400, 415) if kept is None else ()))
        inspection.expect_status(uploaded, *expected, defect=f"{what}: unexpected status", breaks=Rule.FILE_NAMES)
        if not uploaded.succeeded:
            continue
        named, file_id = uploaded.operation.has("filename"), str(uploaded.field("file_id"))
        name = uploaded.field("filename") if named else kept or ""
        if (kept is not None and name != kept) or "/" in name or "\\" in name or "\0" in name:
            inspection.report(
                uploaded, f"{what}: wrong name", expected=repr(kept), got=repr(name), breaks=Rule.FILE_NAMES
            )
        if usual is None:
            continue
        result = target.call("download", token=person.token, path={"file_id": file_id})
        if not inspection.expect_status(result, *result.operation.statuses, defect=f"{what}: cannot be downloaded"):
            continue
        more = {header.lower() for header in result.answer.headers} - usual
        if more or "injected" in " ".join(header.lower() for header in result.answer.headers):
            inspection.report(
                result, f"{what}: adds a header", expected="the headers of any download", got=sorted(more)
            )
        disposition = result.answer.headers.get_list("content-disposition")
        found = DISPOSITION.fullmatch(disposition[0]) if len(disposition) == 1 else None
        if found is None or unquote(found[1]) != name:
            inspection.report(
                result,
                f"{what}: Content-Disposition",
                expected="one header with this file name",
                got=disposition,
                breaks=Rule.DOWNLOADS,
            )
    inspection.close(recorder)


def _expect_safe_raw_error(inspection: Inspection, person: Person, operation: Operation, spelling: str) -> None:
    """Send a malformed path. Report a 5xx, a success, and an error that discloses internals."""
    written = re.sub(r"\{\w+\}", lambda _: spelling, operation.path)
    with RawConnection(inspection.target, operation.name) as connection:
        path = inspection.target.known.parameters(valid_request(operation.name, person).get("path") or {})
        connection.begin({"Content-Length": "0"}, token=person.token, path=path, spelling=written)
        answer = connection.answer()
    inspection.count(operation.name)
    if answer is None:
        return  # the server closed the connection, which is a refusal
    place = Place(operation.name, "", f"{operation.method} {written}", f"status {answer.status}")
    if answer.status >= 500:
        inspection.report_at(place, "5xx", expected="a status from 400 to 499", got=answer.status)
    elif answer.status < 400:
        defect = "a malformed path is accepted"
        inspection.report_at(place, defect, expected="a status from 400 to 499", got=answer.status, breaks=Rule.IDS)
    elif detail := disclosed_detail(answer.body):
        inspection.report_at(place, "discloses internals", expected="no internals", got=repr(detail))


def _expect_same(inspection: Inspection, result: Result, got: object, known: object, what: str) -> None:
    if got != known:
        # The texts are payloads, not users' data, so they need no mask.
        inspection.report(result, f"{what} changed", expected=json.dumps(known)[:300], got=json.dumps(got)[:300])


def _expect_bytes(inspection: Inspection, result: Result, known: bytes) -> None:
    if result.body != known:
        at = next((i for i, pair in enumerate(zip(result.body, known, strict=False)) if pair[0] != pair[1]), None)
        got = f"{len(result.body)} bytes, first difference at {at}: {result.body[at or 0 :][:60]!r}"
        inspection.report(result, "cells changed", expected=f"{len(known)} bytes: {known[at or 0 :][:60]!r}", got=got)
