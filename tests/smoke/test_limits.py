"""Upload limit and rate limiter. Plan: MAX_FILE_SIZE; RATE_LIMITER."""

import secrets
from collections.abc import Mapping
from typing import Any

import pytest

from cutover import corpus
from cutover.accounts.prepared_files import list_own, prepare_file
from cutover.accounts.registered import Accounts
from cutover.config.environment_promises import upload_limit
from cutover.core.recorder import Recorder
from cutover.core.rule_table import Rule
from cutover.systems.target import Target

pytestmark = pytest.mark.smoke


@pytest.mark.system("worker", "legacy")
@pytest.mark.level("test-data")
@pytest.mark.plan("Unified Production Configuration: MAX_FILE_SIZE")
@pytest.mark.rule(Rule.UPLOAD_LIMIT)
def test_upload_limit_is_exact(
    target: Target, accounts: Accounts, promises: Mapping[str, Any], recorder: Recorder
) -> None:
    """Uploads of the limit and one byte less are accepted; one byte more is refused and not stored."""
    account, limit = accounts.new(), upload_limit(promises, target.system)
    prepare_file(target, account.access_token)
    content = corpus.large(limit + 1).content
    refused = promises["refusals"][target.system]["too_large"]
    accepted = target.operation("upload").statuses
    for size, expected in ((limit - 1, accepted), (limit, accepted), (limit + 1, (refused,))):
        file = (f"{size}.csv", content[:size], "text/csv")
        result = target.call("upload", token=account.access_token, file=file, timeout_s=120)
        result.expect_status(*expected, why=f"{size} bytes, the limit is {limit}")
        if result.succeeded and result.operation.has("file_size") and result.field("file_size") != size:
            raise result.failed("limit:size", expected=f"file_size {size}", got=repr(result.field("file_size")))
    recorder.measure("upload limit (bytes)", limit, "exact", sample=3)
    found = target.if_possible(
        lambda: list_own(target, account), without="a stored file of the refused upload", judged=True
    )
    if found is None:
        return
    files, listed = found
    kept, total = len(files), listed.field_if_declared("total")
    if kept != 3 or total not in (None, len(account.before) + 3):
        raise listed.failed(
            "limit:kept", expected="a small and the two accepted files", got=f"{kept} files, total {total!r}"
        )


@pytest.mark.system("worker")
@pytest.mark.level("disposable")
@pytest.mark.needs("limiter")
@pytest.mark.plan("Unified Production Configuration: RATE_LIMITER, 100 in 60 s")
@pytest.mark.rule(Rule.RATE_LIMIT)
def test_limiter_refuses_above_its_limit(target: Target, promises: Mapping[str, Any], recorder: Recorder) -> None:
    """Requests above the limit of a client return 429 with Retry-After; another client is not limited."""
    limit, window = promises["limiter"]["requests"], promises["limiter"]["window_s"]
    client = (
        f"203.0.113.{secrets.randbelow(256)}-{secrets.token_hex(3)}"  # unique, so that no other client shares the count
    )
    exact = target.environment.local_runtime
    # The window may end during the loop and reset the count, so the loop sends up to twice as many requests.
    for sent in range(1, 2 * limit + 2):  # noqa: B007 - `sent` is measured after the loop
        result = target.call(target.protected_read, headers={"cf-connecting-ip": client}, expects_429=True)
        if result.status == 429:
            break
        result.expect_status(401, why="there is no token")
    else:
        raise result.failed("limiter:none", expected=f"429 after {limit} requests", got=f"none in {sent}")
    recorder.measure("requests before 429", sent - 1, f"= {limit}" if exact else f"about {limit}")
    if exact and sent > limit + 1:
        recorder.notes.append(f"the limiter's window ended during the count: 429 at request {sent}")
    if sent <= (limit if exact else limit // 2):
        raise result.failed("limiter:early", expected=f"{limit} requests", got=f"429 at request {sent}")
    after = result.answer.headers.get("retry-after", "")
    if not (after.isascii() and after.isdigit() and 1 <= int(after) <= window):
        raise result.failed("limiter:retry-after", expected=f"Retry-After: 1 to {window}", got=repr(after))
    other = target.call(target.protected_read, headers={"cf-connecting-ip": f"{client}-other"}, expects_429=True)
    other.expect_status(401, why="another client has its own count")
