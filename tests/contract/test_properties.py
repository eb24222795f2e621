"""Property tests of the API. Hypothesis generates the same inputs in every run.

The expected results come from the construction of the input and from an independent oracle (contract/oracle.py).
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from cutover.accounts.prepared_files import prepare_file
from cutover.accounts.registered import Accounts
from cutover.contract.finding_collector import Inspection
from cutover.contract.generated_tables import (
    ExportCase,
    Table,
    contents,
    delimiter_cases,
    export_cases,
    long_table_cases,
    marked_tables,
    number_cases,
    tables,
)
from cutover.contract.generated_texts import (
    NAME_LENGTH,
    boundary_filters,
    kept_tags,
    name_endings,
    saved_filters,
    tag_lists,
)
from cutover.contract.oracle import OPERATORS, expected_export, write_csv
from cutover.contract.properties import Counterexample, for_all, require
from cutover.contract.valid_requests import create_person
from cutover.core.errors import CheckFailed
from cutover.core.recorder import Recorder
from cutover.core.rule_table import Rule
from cutover.core.secrets import Secret
from cutover.systems.target import Target

pytestmark = [
    pytest.mark.contract,
    pytest.mark.system("worker", "legacy"),
    pytest.mark.level("test-data"),
    pytest.mark.plan("contracts/api.md, Accounts, Files, Reading a list file, Saved filters"),
]

NORMALISED = ("\ufb01\uff21\u212b\u212a", "\u00df\u0130\u1e9e", "\u03a3\u03c2", "\u00aa\u00ba")
"""Letters that Unicode normalization or a change of case replaces."""


@pytest.mark.never_waived("loss of data")
@pytest.mark.rule(Rule.DATA_LOSS)
def test_any_content_comes_back_identical(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """A download has the bytes of the upload, for any content."""
    token = accounts.new().access_token
    prepare_file(target, token)
    inspection = Inspection(target, "property:bytes", "contracts/api.md download: the bytes as uploaded")

    def check(content: bytes) -> None:
        path = {"file_id": _uploaded(target, token, content)}
        result = require(target.call("download", token=token, path=path), defect="cannot be downloaded")
        if result.body != content:
            got = f"{len(result.body)} bytes, not the same"
            raise Counterexample(result, "other bytes", expected=f"{len(content)} bytes", got=got)
        headers = result.answer.headers
        if "content-encoding" not in headers and headers.get("content-length") != str(len(content)):
            got = f"Content-Length {headers.get('content-length')}"
            raise Counterexample(
                result, "wrong length", expected=f"Content-Length {len(content)}", got=got, breaks=Rule.DOWNLOADS
            )
        if target.system == "worker" and target.judges(Rule.DOWNLOADS):
            tag, checksum = result.answer.headers.get("etag", ""), hashlib.sha256(content).hexdigest()
            if not tag.startswith('"'):
                raise Counterexample(result, "no strong ETag", expected="a strong ETag", got=tag, breaks=Rule.DOWNLOADS)
            if not target.has("file"):
                recorder.note_undetectable("a wrong checksum: no operation returns the data of a file")
                return
            data = require(target.call("file", token=token, path=path), defect="has no data")
            known = {"checksum": checksum, "file_size": len(content)}
            if any(data.field(name) != value for name, value in known.items() if data.operation.has(name)):
                expected = f"{checksum}, {len(content)} bytes"
                raise Counterexample(data, "wrong checksum", expected=expected, breaks=Rule.DOWNLOADS)

    for_all(inspection, contents(), check, examples=35)
    inspection.close(recorder)


@pytest.mark.rule(Rule.LIST_FORMAT)
def test_columns_are_those_of_the_file(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Column names and row count are those of the file, in each dialect and encoding."""
    token = accounts.new().access_token
    prepare_file(target, token)
    inspection = Inspection(target, "property:columns", "contracts/api.md Reading a list file: columns")

    def check(table: Table) -> None:
        path = {"file_id": _uploaded(target, token, table.content)}
        result = require(target.call("columns", token=token, path=path), defect="is refused")
        promised = {
            "columns": list(table.header),
            "row_count": len(table.records) - 1,
            "column_count": len(table.header),
        }
        declared = [name for name in promised if result.operation.has(name)]
        if not declared:
            result.field("columns")  # NotApplicable: the environment dropped all of them
        got, known = [result.field(name) for name in declared], [promised[name] for name in declared]
        if got != known:
            raise Counterexample(result, "wrong table", expected=json.dumps(known), got=json.dumps(got))

    for_all(inspection, tables(), check, examples=35, first=marked_tables())
    inspection.close(recorder)


@pytest.mark.rule(Rule.EXPORT)
def test_export_agrees_with_the_oracle(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Exports with columns in any order and up to three filters equal those of the oracle, byte for byte."""
    _compare_exports(target, accounts, recorder, OPERATORS, 50, [*long_table_cases(), *delimiter_cases()])


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.rule(Rule.EXPORT)
def test_operator_agrees_with_the_oracle(target: Target, accounts: Accounts, recorder: Recorder, operator: str) -> None:
    """A filter operator compares numbers exactly, strings by code point, and mixed values as strings."""
    _compare_exports(target, accounts, recorder, (operator,), 12, number_cases(operator))


@pytest.mark.needs("registration")
@pytest.mark.never_waived("isolation between users")
@pytest.mark.rule(Rule.ISOLATION)
def test_any_valid_name_registers_and_logs_in(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """A name of letters and digits of any script and @.+-_ is registered unchanged and can log in."""
    inspection = Inspection(target, "property:name", "contracts/api.md Accounts: register, login")
    room = NAME_LENGTH - len(accounts.name().username) - 4

    def check(ending: str) -> None:
        account = accounts.name(ending)
        registered = require(
            accounts.register(account), defect="a valid name is refused", refusal_breaks=Rule.USER_NAMES
        )
        answers = [registered]
        if target.has("login"):
            fields = {"username": account.username, "password": account.password}
            answers.append(require(target.call("login", fields=fields), defect="a registered name cannot log in"))
        source = next((each for each in reversed(answers) if each.operation.has("access_token")), None)
        if source is None:
            return  # there is no token: nothing more can be asked for this account
        account.access_token = source.secret("access_token")
        if target.has("user"):
            answers.append(require(target.call("user", token=account.access_token), defect="has no account"))
        names = {result.field("username") for result in answers if result.operation.has("username")}
        if names - {account.username}:
            raise Counterexample(answers[-1], "wrong name", expected=ascii(account.username), got=ascii(names))
        if not names:
            recorder.note_undetectable("a name that is changed: no response contains it")
        if target.has("delete_account"):
            gone = target.call("delete_account", token=account.access_token, fields={"password": account.password})
            require(gone, defect="cannot be deleted")
            accounts.forget(account)

    for_all(inspection, name_endings(room), check, examples=8, first=NORMALISED)
    inspection.close(recorder)


@pytest.mark.level("disposable")
@pytest.mark.needs("registration")
@pytest.mark.rule(Rule.USER_NAMES)
def test_reserved_words_are_valid_names(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Reserved words of programming languages are valid names. Disposable only: they lack the suite's prefix."""
    inspection = Inspection(
        target, "name:word", "contracts/api.md Accounts: register, 3 to 150 letters, digits and @.+-_"
    )
    for word in ("null", "None", "undefined", "NaN", "true", "000", "__proto__", "constructor"):
        account = replace(accounts.name(), username=word)
        created = accounts.register(account)
        if not inspection.expect_status(created, 201, defect="a valid name is refused"):
            continue
        if created.operation.has("username") and created.field("username") != word:
            inspection.report(created, "wrong name", expected=word)
        accounts.open_session(account, created)
        if target.has("delete_account"):
            gone = target.call("delete_account", token=account.access_token, fields={"password": account.password})
            inspection.expect_status(gone, 204, defect="cannot be deleted")
    inspection.close(recorder)


@pytest.mark.rule(Rule.TAGS)
def test_tags_round_trip(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Tags are returned trimmed, without duplicates and in order, by the response and by the list."""
    person = create_person(target, accounts, objects=(), requires=("upload",))
    inspection = Inspection(target, "property:tags", "contracts/api.md tags")
    listing = target.has("list_files") and {"file_id", "tags"} <= target.operation("list_files").entry.keys()
    if not listing:
        recorder.note_undetectable("tags that are wrong in the list: there is no list with tags")
        target.operation("tags").require("response", "tags")  # without both, nothing shows the stored tags

    def check(tags: list[str]) -> None:
        result = target.call("tags", token=person.token, path={"file_id": person.file_id}, fields={"tags": tags})
        require(result, defect="valid tags are refused")
        known = kept_tags(tags)
        returned = [result.field("tags")] if result.operation.has("tags") else []
        if listing:
            listed = require(target.call("list_files", token=person.token), defect="cannot be listed")
            (entry,) = (row for row in listed.entries("files") if str(row["file_id"]) == person.file_id)
            returned.append(entry["tags"])
        for got in returned:
            if got != known:
                raise Counterexample(result, "wrong tags", expected=json.dumps(known), got=json.dumps(got))

    for_all(inspection, tag_lists(), check, examples=30)
    inspection.close(recorder)


@pytest.mark.system("worker")
@pytest.mark.rule(Rule.SAVED_FILTERS)
def test_saved_filters_round_trip(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """A saved filter is returned with its exact name, description, numbers and order, and is listed once."""
    person = create_person(target, accounts, objects=(), requires=("upload",))
    inspection = Inspection(target, "property:filter", "contracts/api.md Saved filters")

    def check(fields: dict[str, Any]) -> None:
        created = target.call("create_filter", token=person.token, fields={**fields, "file_id": person.file_id})
        filter_id = str(require(created, defect="a valid filter is refused").field("filter_id"))
        path = {"filter_id": filter_id}
        read = target.call("filter", token=person.token, path=path) if target.has("filter") else created
        row = require(read, defect="cannot be read").answer.json["filter"]
        got = {name: row.get(name) for name in fields}
        # Compared as JSON texts, so that 1, 1.0 and true differ.
        if json.dumps(got, sort_keys=True) != json.dumps(fields, sort_keys=True) or row["file_id"] != person.file_id:
            raise Counterexample(read, "wrong filter", expected=json.dumps(fields), got=json.dumps(got))
        if target.has("list_filters"):
            listed = require(target.call("list_filters", token=person.token), defect="cannot be listed")
            if [str(each["id"]) for each in listed.field("filters")].count(filter_id) != 1:
                raise Counterexample(listed, "not listed once", expected="the filter once", got="another count")
        if target.has("delete_filter"):
            require(target.call("delete_filter", token=person.token, path=path), defect="cannot be deleted")

    for_all(inspection, saved_filters(), check, examples=25, first=boundary_filters())
    inspection.close(recorder)


def _compare_exports(
    target: Target,
    accounts: Accounts,
    recorder: Recorder,
    operators: tuple[str, ...],
    examples: int,
    first: Sequence[ExportCase],
) -> None:
    token = accounts.new().access_token
    prepare_file(target, token)
    inspection = Inspection(target, "property:export", "contracts/api.md export")

    stored: dict[Table, str] = {}

    def check(case: ExportCase) -> None:
        table, columns, filters = case
        if table not in stored:
            stored[table] = _uploaded(target, token, table.content)
        path = {"file_id": stored[table]}
        fields = {"columns": columns, "filters": filters}
        result = require(target.call("export", token=token, path=path, fields=fields), defect="is refused")
        known = write_csv(expected_export(table.records, columns, filters))
        if result.body != known:
            raise Counterexample(result, "wrong rows", expected=repr(known[:300]), got=repr(result.body[:300]))

    for_all(inspection, export_cases(operators), check, examples=examples, first=first)
    inspection.close(recorder)


def _uploaded(target: Target, token: Secret, content: bytes) -> str:
    result = target.call("upload", token=token, file=("generated.csv", content, "text/csv"))
    try:
        uploaded = require(result, defect="an upload is refused", refusal_breaks=Rule.FILE_TYPES)
        return str(uploaded.field("file_id"))
    except CheckFailed:
        raise Counterexample(result, "an upload has no id", expected="file_id") from None
