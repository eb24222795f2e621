"""Properties of the API that hold of all inputs: each is tried on what Hypothesis draws, the same in each run.

What must come out is known from the way a table was drawn, from Python's csv and from a filter of our own.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from cutover.accounts.registered import Accounts
from cutover.contract.finding_collector import Inspection
from cutover.contract.generated_tables import Cut, Table, contents, cuts, long_table, number_cuts, sign_table, tables
from cutover.contract.generated_texts import NAME_LENGTH, kept_tags, name_endings, saved_filters, tag_lists
from cutover.contract.oracle import OPERATORS, cut, write_csv
from cutover.contract.properties import Counterexample, for_all, require
from cutover.contract.valid_requests import settle
from cutover.core.errors import CheckFailed
from cutover.core.recorder import Recorder
from cutover.core.secrets import Secret
from cutover.systems.target import Target

pytestmark = [
    pytest.mark.contract,
    pytest.mark.system("worker", "legacy"),
    pytest.mark.level("test-data"),
    pytest.mark.plan("contracts/api.md, Accounts, Files, Reading a list file, Saved filters"),
]

NORMALISED = ("\ufb01\uff21\u212b\u212a", "\u00df\u0130\u1e9e", "\u03a3\u03c2", "\u00aa\u00ba")
"""Letters that some form of normalisation, or the change of case, makes others."""


@pytest.mark.never_waived("loss of data")
def test_any_content_comes_back_identical(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Whatever bytes a list file has, they are downloaded as they were uploaded."""
    token = accounts.new().access_token
    inspection = Inspection(target, "property:bytes", "contracts/api.md download: the bytes as uploaded")

    def prove(content: bytes) -> None:
        path = {"file_id": _uploaded(target, token, content)}
        result = require(target.call("download", token=token, path=path), defect="cannot be downloaded")
        if result.body != content:
            got = f"{len(result.body)} bytes, not the same"
            raise Counterexample(result, "other bytes", expected=f"{len(content)} bytes", got=got)
        headers = result.answer.headers
        if "content-encoding" not in headers and headers.get("content-length") != str(len(content)):
            got = f"Content-Length {headers.get('content-length')}"
            raise Counterexample(result, "another length", expected=f"Content-Length {len(content)}", got=got)
        if target.system == "worker":
            tag, checksum = result.answer.headers.get("etag", ""), hashlib.sha256(content).hexdigest()
            if not tag.startswith('"'):
                raise Counterexample(result, "no strong ETag", expected="a strong ETag", got=tag)
            data = require(target.call("file", token=token, path=path), defect="has no data")
            if (data.field("checksum"), data.field("file_size")) != (checksum, len(content)):
                raise Counterexample(data, "another checksum", expected=f"{checksum}, {len(content)} bytes")

    for_all(inspection, contents(), prove, examples=35)
    inspection.close(recorder)


def test_columns_are_those_of_the_file(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Column names and the number of rows are those that were written, in each dialect and encoding."""
    token = accounts.new().access_token
    inspection = Inspection(target, "property:columns", "contracts/api.md Reading a list file: columns")

    def prove(table: Table) -> None:
        path = {"file_id": _uploaded(target, token, table.content)}
        result = require(target.call("columns", token=token, path=path), defect="is refused")
        got = [result.field(name) for name in ("columns", "row_count", "column_count")]
        known = [list(table.header), len(table.records) - 1, len(table.header)]
        if got != known:
            raise Counterexample(result, "another table", expected=json.dumps(known), got=json.dumps(got))

    for_all(inspection, tables(), prove, examples=35)
    inspection.close(recorder)


def test_export_agrees_with_the_oracle(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Columns in any order and up to three filters of any kind give the bytes that our own filter gives."""
    _compare_exports(target, accounts, recorder, OPERATORS, 50, [*long_table(), *sign_table()])


@pytest.mark.parametrize("operator", OPERATORS)
def test_operator_agrees_with_the_oracle(target: Target, accounts: Accounts, recorder: Recorder, operator: str) -> None:
    """Filters of this operator alone: numbers exactly, texts by code point, mixed ones as texts."""
    _compare_exports(target, accounts, recorder, (operator,), 12, number_cuts(operator))


@pytest.mark.needs("registration")
@pytest.mark.never_waived("isolation between users")
def test_any_valid_name_registers_and_logs_in(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """A name of letters and digits of any script and @.+-_ is registered, kept exactly, and logs in as itself."""
    inspection = Inspection(target, "property:name", "contracts/api.md Accounts: register, login")
    room = NAME_LENGTH - len(accounts.name().username) - 4

    def prove(ending: str) -> None:
        account = accounts.name(ending)
        made = require(accounts.register(account), defect="a valid name is refused")
        account.access_token = made.secret("access_token")
        login = target.call("login", fields={"username": account.username, "password": account.password})
        require(login, defect="a registered name cannot log in")
        seen = require(target.call("user", token=login.secret("access_token")), defect="has no account")
        names = {made.field("username"), login.field("username"), seen.field("username")}
        if names != {account.username}:
            raise Counterexample(seen, "another name", expected=ascii(account.username), got=ascii(names))
        gone = target.call("delete_account", token=account.access_token, fields={"password": account.password})
        require(gone, defect="cannot be deleted")
        accounts.forget(account)

    for_all(inspection, name_endings(room), prove, examples=8, first=NORMALISED)
    inspection.close(recorder)


@pytest.mark.level("disposable")
@pytest.mark.needs("registration")
def test_reserved_words_are_valid_names(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Who is called null, None or NaN may register. They are no names of the suite's own, so only where all may go."""
    inspection = Inspection(
        target, "name:word", "contracts/api.md Accounts: register, 3 to 150 letters, digits and @.+-_"
    )
    for word in ("null", "None", "undefined", "NaN", "true", "000", "__proto__", "constructor"):
        account = replace(accounts.name(), username=word)
        made = accounts.register(account)
        if not inspection.expect_status(made, 201, defect="a valid name is refused"):
            continue
        if made.field("username") != word:
            inspection.see(made, "another name", expected=word)
        gone = target.call("delete_account", token=made.secret("access_token"), fields={"password": account.password})
        inspection.expect_status(gone, 204, defect="cannot be deleted")
    inspection.close(recorder)


def test_tags_round_trip(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Tags come back trimmed, once each and in order, from the answer and from the list."""
    person = settle(target, accounts)
    inspection = Inspection(target, "property:tags", "contracts/api.md tags")

    def prove(tags: list[str]) -> None:
        result = target.call("tags", token=person.token, path={"file_id": person.file_id}, fields={"tags": tags})
        require(result, defect="valid tags are refused")
        listed = require(target.call("list_files", token=person.token), defect="cannot be listed")
        (entry,) = (row for row in listed.entries("files") if str(row["file_id"]) == person.file_id)
        known = kept_tags(tags)
        for got in (result.field("tags"), entry["tags"]):
            if got != known:
                raise Counterexample(result, "other tags", expected=json.dumps(known), got=json.dumps(got))

    for_all(inspection, tag_lists(), prove, examples=30)
    inspection.close(recorder)


@pytest.mark.system("worker")
def test_saved_filters_round_trip(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """A saved filter comes back with its name, description, numbers and order as given, and is listed once."""
    person = settle(target, accounts)
    inspection = Inspection(target, "property:filter", "contracts/api.md Saved filters")

    def prove(fields: dict[str, Any]) -> None:
        made = target.call("create_filter", token=person.token, fields={**fields, "file_id": person.file_id})
        filter_id = str(require(made, defect="a valid filter is refused").field("filter_id"))
        read = target.call("filter", token=person.token, path={"filter_id": filter_id})
        row = require(read, defect="cannot be read").answer.json["filter"]
        got = {name: row.get(name) for name in fields}
        # Texts of JSON, so that 1 is not 1.0 and not true.
        if json.dumps(got, sort_keys=True) != json.dumps(fields, sort_keys=True) or row["file_id"] != person.file_id:
            raise Counterexample(read, "another filter", expected=json.dumps(fields), got=json.dumps(got))
        listed = require(target.call("list_filters", token=person.token), defect="cannot be listed")
        if [str(each["id"]) for each in listed.field("filters")].count(filter_id) != 1:
            raise Counterexample(listed, "not listed once", expected="the filter once", got="another number")
        gone = target.call("delete_filter", token=person.token, path={"filter_id": filter_id})
        require(gone, defect="cannot be deleted")

    for_all(inspection, saved_filters(), prove, examples=25)
    inspection.close(recorder)


def _compare_exports(
    target: Target,
    accounts: Accounts,
    recorder: Recorder,
    operators: tuple[str, ...],
    examples: int,
    first: Sequence[Cut],
) -> None:
    token = accounts.new().access_token
    inspection = Inspection(target, "property:export", "contracts/api.md export")

    stored: dict[Table, str] = {}

    def prove(asked: Cut) -> None:
        table, columns, filters = asked
        if table not in stored:
            stored[table] = _uploaded(target, token, table.content)
        path = {"file_id": stored[table]}
        fields = {"columns": columns, "filters": filters}
        result = require(target.call("export", token=token, path=path, fields=fields), defect="is refused")
        known = write_csv(cut(table.records, columns, filters))
        if result.body != known:
            raise Counterexample(result, "other rows", expected=repr(known[:300]), got=repr(result.body[:300]))

    for_all(inspection, cuts(operators), prove, examples=examples, first=first)
    inspection.close(recorder)


def _uploaded(target: Target, token: Secret, content: bytes) -> str:
    result = target.call("upload", token=token, file=("drawn.csv", content, "text/csv"))
    try:
        return str(require(result, defect="an upload is refused").field("file_id"))
    except CheckFailed:
        raise Counterexample(result, "an upload has no id", expected="file_id") from None
