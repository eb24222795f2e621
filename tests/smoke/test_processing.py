"""Processing after an upload. Plan: files.upload_status, row_count."""

from collections.abc import Mapping
from typing import Any

import pytest

from cutover import corpus
from cutover.accounts.prepared_files import prepare_file
from cutover.accounts.registered import Accounts
from cutover.config.environment_promises import upload_limit
from cutover.core.recorder import Recorder
from cutover.core.rule_table import Rule
from cutover.core.secrets import Secret
from cutover.systems.target import Result, Target

pytestmark = [
    pytest.mark.smoke,
    pytest.mark.system("worker"),
    pytest.mark.level("test-data"),
    pytest.mark.plan("Production Database Setup: upload_status, row_count, column_count, processing_error"),
    pytest.mark.rule(Rule.PROCESSING),
]

DEADLINE_S = 30.0


SIZES = (1_500_000, 11_000_000, corpus.NEARLY_THE_LIMIT)
"""Bytes of the large lists: parts, buffers and estimates begin at 1 or 10 MB."""


def test_processing_completes_with_right_counts(
    target: Target, accounts: Accounts, promises: Mapping[str, Any], recorder: Recorder
) -> None:
    """Lists of three kinds and of every size reach "completed" with the correct rows, columns and SHA-256."""
    token = accounts.new().access_token
    prepare_file(target, token)
    limit = upload_limit(promises, target.system)
    large = [corpus.large(size) for size in SIZES if size < limit]
    for file in (*map(corpus.list_file, ("contacts", "header_only", "quoted_newlines")), *large):
        name = file.name
        result, seconds = _processed(target, token, file)
        recorder.measure(f"{name} processed after (s)", round(seconds, 3), f"<= {DEADLINE_S:g}")
        promised = {
            "upload_status": "completed", "row_count": file.rows, "column_count": len(file.columns),
            "checksum": file.sha256,
        }  # fmt: skip
        declared = [field for field in promised if result.operation.has(field)]
        seen, known = tuple(map(result.field, declared)), tuple(promised[field] for field in declared)
        if seen != known:
            raise result.failed("processing:counts", expected=f"{name}: {known}", got=seen)


def test_broken_file_reaches_error_with_a_reason(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """A malformed list reaches "error" with a reason."""
    token = accounts.new().access_token
    prepare_file(target, token)
    broken = [file for file in corpus.list_files() if file.malformed]
    assert broken, "the corpus has no malformed list"
    for file in broken:
        result, seconds = _processed(target, token, file)
        recorder.measure(f"{file.name} processed after (s)", round(seconds, 3), f"<= {DEADLINE_S:g}")
        reason = result.field("processing_error")
        if result.field("upload_status") != "error" or not isinstance(reason, str) or not reason.strip():
            raise result.failed(
                "processing:error",
                expected=f'{file.name}: upload_status "error" and a reason',
                got=f"{result.field('upload_status')!r}, reason {reason!r}",
            )


def _processed(target: Target, token: Secret, file: corpus.ListFile) -> tuple[Result, float]:
    target.operation("file").require("response", "upload_status")
    upload = target.call("upload", token=token, file=(file.filename, file.content, "text/csv")).expect_status()
    file_id = str(upload.field("file_id"))
    result, seconds, ended = target.poll(
        lambda: target.call("file", token=token, path={"file_id": file_id}).expect_status(),
        lambda seen: seen.field("upload_status") not in ("pending", "processing"),
        DEADLINE_S,
        interval_s=0.05,
    )
    if not ended:
        raise result.failed(
            "processing:never-ends",
            expected=f"{file.name}: processed within {DEADLINE_S:g} s",
            got=repr(result.field("upload_status")),
            do_next="check the processing queue: this file is never processed",
        )
    return result, seconds
