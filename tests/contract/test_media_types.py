"""Media types: a browser never interprets a stored file as a page or a program, whatever its content and name.

Contract: upload (mime_type is text/csv for all), download; OWASP Unrestricted File Upload.
"""

from collections.abc import Mapping
from typing import Any, Final

import pytest

from cutover.accounts.registered import Accounts
from cutover.client.multipart import MEDIA_TYPE, form
from cutover.contract.error_responses import rule_of_negotiation
from cutover.contract.finding_collector import Inspection
from cutover.contract.valid_requests import create_person
from cutover.core.recorder import Recorder
from cutover.core.rule_table import Rule
from cutover.systems.target import Target

pytestmark = [
    pytest.mark.contract,
    pytest.mark.system("worker", "legacy"),
    pytest.mark.level("test-data"),
    pytest.mark.plan("contracts/api.md, upload, download; OWASP Unrestricted File Upload"),
]

PAGE: Final = b"<!doctype html><script>alert(document.domain)</script>\n"
CONTENTS: Final[Mapping[str, tuple[bytes, str]]] = {
    "a page": (PAGE, "text/html"),
    "an image with a script": (b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>\n', "image/svg+xml"),
    "a page behind a BOM": (b"\xef\xbb\xbf" + PAGE, "application/xhtml+xml"),
    "a page in UTF-16": (PAGE.decode().encode("utf-16"), "text/html; charset=utf-16"),
    "a program": (b"MZ\x90\x00\x03" + bytes(range(1, 60)), "application/x-msdownload"),
    "an archive": (b"PK\x03\x04" + bytes(range(1, 60)), "application/zip"),
    "JSON": (b'{"a": 1}\n', "application/json"),
    "two types": (b"a,b\n", "text/csv, text/html"),
    "a type with a line end": (b"a,b\n", "text/csv\r\nContent-Disposition: inline"),
    "no type": (b"a,b\n", ""),
}
NO_LISTS: Final = (
    "list.html", "list.csv.html", "list.html;.csv.svg", "list.csv.", "list.csv ", "list", ".htaccess", "list.csvx",
    "list.xls", "csv", "list.csv%00.html", "list.cs\u200bv", "list.\uff43sv", "list.csv:stream.exe", "list.csv#",
)  # fmt: skip
LISTS: Final = ("list.CSV", "list.Tsv", "list.html.csv", ".csv", "list.exe.txt")


@pytest.mark.rule(Rule.DATA_LOSS)
def test_downloads_are_csv_attachments(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Downloads are text/csv attachments with unchanged bytes, also if the file is a page or a program."""
    person = create_person(target, accounts, objects=(), requires=("upload",))
    inspection = Inspection(target, "mime", "contracts/api.md download: text/csv, attachment; nosniff")
    field = target.operation("upload").request["file"]
    for what, (content, media) in CONTENTS.items():
        body = form(field, b"list.csv", content, media_type=media)
        uploaded = target.call("upload", token=person.token, content=(body, MEDIA_TYPE))
        # A part with a broken header may be refused.
        expected = (*uploaded.operation.statuses, *((400,) if "line end" in what else ()))
        inspection.expect_status(uploaded, *expected, defect=f"{what}: refused", breaks=Rule.FILE_TYPES)
        if not uploaded.succeeded:
            continue
        path = {"file_id": str(uploaded.field("file_id"))}
        for headers in ({}, {"accept": "text/html"}, {"range": "bytes=0-"}):
            result = target.call("download", token=person.token, path=path, headers=headers)
            # 206, or the whole file: a server may ignore Range (RFC 9110 14.2).
            statuses = (*result.operation.statuses, 206)
            breaks = rule_of_negotiation(result.status, headers)
            if not inspection.expect_status(result, *statuses, defect=f"{what}: cannot be downloaded", breaks=breaks):
                continue
            got = result.answer.headers.get("content-type", "").partition(";")[0].strip().lower()
            if got != "text/csv":
                inspection.report(
                    result, f"{what}: wrong media type", expected="text/csv", got=got, breaks=Rule.DOWNLOADS
                )
            if not result.answer.headers.get("content-disposition", "").lower().startswith("attachment"):
                inspection.report(
                    result,
                    f"{what}: not an attachment",
                    expected="Content-Disposition: attachment",
                    breaks=Rule.DOWNLOADS,
                )
            if target.system == "worker" and result.answer.headers.get("x-content-type-options") != "nosniff":
                inspection.report(
                    result,
                    f"{what}: content sniffing possible",
                    expected="X-Content-Type-Options: nosniff",
                    breaks=Rule.SECURITY_HEADERS,
                )
            if result.answer.headers.get("content-length") != str(len(content)):
                inspection.report(
                    result, f"{what}: wrong length", expected=f"Content-Length: {len(content)}", breaks=Rule.DOWNLOADS
                )
            if result.body != content:
                inspection.report(result, f"{what}: changed", expected=f"{len(content)} bytes as sent")
    inspection.close(recorder)


@pytest.mark.rule(Rule.FILE_TYPES)
def test_only_list_files_are_accepted(
    target: Target, accounts: Accounts, promises: Mapping[str, Any], recorder: Recorder
) -> None:
    """Only files with the extension .csv, .tsv or .txt are accepted, whatever their declared type."""
    person = create_person(target, accounts, objects=(), requires=("upload",))
    inspection = Inspection(target, "mime:name", "contracts/api.md upload: Not a CSV or text file (by the extension …)")
    field = target.operation("upload").request["file"]
    refused = promises["refusals"][target.system]["wrong_type"]
    for names, status, wrong in ((NO_LISTS, refused, "accepted"), (LISTS, 201, "refused")):
        for name in names:
            body = form(field, name.encode(), b"a,b\n1,2\n")
            result = target.call("upload", token=person.token, content=(body, MEDIA_TYPE))
            inspection.expect_status(result, status, defect=f"{name!r} is {wrong}")
    inspection.close(recorder)
