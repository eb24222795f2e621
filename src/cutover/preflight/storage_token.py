"""The scope of Cloudflare credentials, from the permissions that Cloudflare stores for them. Nothing is written.

The API token of D1 reads its own permissions and those of the R2 key: the access key id of R2 is the id of a token.
https://developers.cloudflare.com/r2/api/tokens/
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cutover.client.http import Answer, Client, Request
from cutover.config.environment import Database, Environment
from cutover.config.validation import ConfigurationError
from cutover.core.errors import CheckFailed, MeasurementError, NotApplicable, NotVerified
from cutover.core.recorder import Recorder
from cutover.core.safety import SafetyLevel
from cutover.preflight.findings import Finding

_DATABASE: Final = re.compile(
    r"(?P<base>https?://[^/]+/client/v4)/accounts/(?P<account>[^/]+)/d1/database/(?P<id>[^/]+)"
)

# Names: https://developers.cloudflare.com/fundamentals/api/reference/permissions/. A query that only reads needs
# `D1 Read`, one that writes `D1 Write`: https://developers.cloudflare.com/d1/platform/release-notes/
SELF_GROUPS: Final = frozenset({"Account API Tokens Read", "API Tokens Read"})
"""The permissions to read the permissions of tokens."""
R2_GROUPS: Final = frozenset({"Workers R2 Storage Bucket Item Read"})
"""The permission to list and read the objects of one bucket."""

_PROMISED: Final = "docs/preflight.md, Stores: credentials have the permissions that the suite needs, and no others"
FAIL_DAYS: Final = 7
WARN_DAYS: Final = 30
"""Days until a token expires. As for certificates: it must outlive the cutover and its rollback."""


@dataclass(frozen=True)
class CloudflareAccount:
    """The address of an account in Cloudflare's API. base: with /client/v4."""

    base: str
    account: str
    database: str

    @classmethod
    def of(cls, database: Database) -> CloudflareAccount:
        """Return the account of a D1 database. Raises NotVerified if its URL is not of Cloudflare's API."""
        found = _DATABASE.fullmatch(database.url)
        if found is None:
            raise NotVerified(
                f"the permissions of the token cannot be read: {database.url} is not an address of Cloudflare's API "
                "(https://api.cloudflare.com/client/v4/accounts/ACCOUNT/d1/database/ID)"
            )
        return cls(found["base"], found["account"], found["id"])


def d1_token_findings(environment: Environment, client: Client, recorder: Recorder) -> Iterator[Finding]:
    """Yield the findings about the API token of D1: it must be active, not expire soon, and only read D1.

    A disposable environment may have `D1 Write`, because checks change account roles there. Raises MeasurementError if
    Cloudflare refuses the token; NotVerified if it may not read its own permissions.
    """
    database = _with_token(environment)
    account = CloudflareAccount.of(database)
    tokens, verified = _verified(environment.name, account, database, client)
    found = list(_lifetime_findings(verified, recorder))
    yield from found
    try:
        policies = _described(f"{tokens}/{verified['id']}", database, client, "the token of secrets.d1_api_token")[
            "policies"
        ]
    except NotVerified as error:
        if not found:
            raise
        recorder.incomplete = str(error)
        return
    writes = environment.safety >= SafetyLevel.DISPOSABLE
    needed = frozenset({"D1 Write"} if writes else {"D1 Read"})
    allowed = needed | {"D1 Read"} | SELF_GROUPS
    resource = f"com.cloudflare.api.account.{account.account}"
    yield from _scope_findings("d1-token", policies, needed, allowed, resource, "secrets.d1_api_token")


def r2_key_findings(environment: Environment, client: Client, recorder: Recorder) -> Iterator[Finding]:
    """Yield the findings about the R2 key: it must read the objects of this bucket, and nothing else.

    Raises like d1_token_findings.
    """
    database, bucket = _with_token(environment), environment.bucket
    if bucket is None:
        raise NotVerified(f"environments.toml [{environment.name}] names no r2")
    account = CloudflareAccount.of(database)
    tokens, _ = _verified(environment.name, account, database, client)
    path = f"{tokens}/{bucket.access_key_id.reveal()}"
    described = _described(path, database, client, "the key of secrets.r2_access_key_id")
    if "status" in described:
        yield from _lifetime_findings(described, recorder, "R2 key", "secrets.r2_access_key_id")
    else:
        recorder.note_undetectable("if the R2 key is active and when it expires: Cloudflare did not say")
    policies = described["policies"]
    resource = f"com.cloudflare.edge.r2.bucket.{account.account}_default_{bucket.bucket}"
    recorder.note_undetectable("a bucket in another jurisdiction than `default`: its resource has another name")
    yield from _scope_findings("r2-key", policies, R2_GROUPS, R2_GROUPS, resource, "secrets.r2_access_key_id")


def _with_token(environment: Environment) -> Database:
    """Return D1 with the API token that reads the permissions."""
    if environment.local_runtime:
        raise NotApplicable("credentials of a local runtime have no permissions (local_runtime)")
    if environment.d1 is None or environment.d1.token is None:
        raise NotVerified(
            f"environments.toml [{environment.name}]: the permissions of credentials are read with d1.url and "
            "secrets.d1_api_token. Add both, or compare the permissions in the dashboard"
        )
    return environment.d1


def _verified(
    environment: str, account: CloudflareAccount, database: Database, client: Client
) -> tuple[str, Mapping[str, Any]]:
    """Return the address of the token's kind (the account's or the user's) and Cloudflare's description of it."""
    answers = []
    for tokens in (f"{account.base}/accounts/{account.account}/tokens", f"{account.base}/user/tokens"):
        answers.append(_get(f"{tokens}/verify", database, client))
        result = _result(answers[-1])
        if isinstance(result, dict) and isinstance(result.get("id"), str) and "status" in result:
            return tokens, result
    if all(400 <= answer.status < 500 and answer.status != 429 for answer in answers):
        refused = ConfigurationError(
            "environments.toml",
            f"{environment}.secrets.d1_api_token",
            f"Cloudflare refuses the token: status {' and '.join(str(answer.status) for answer in answers)}",
            "Put a valid API token into the variable that this key names.",
        )
        raise MeasurementError(str(refused))
    raise NotVerified(f"Cloudflare did not verify the token: {answers[-1].excerpt}")


def _lifetime_findings(
    verified: Mapping[str, Any], recorder: Recorder, what: str = "D1 token", place: str = "secrets.d1_api_token"
) -> Iterator[Finding]:
    name = what.lower().replace(" ", "-")
    if verified["status"] != "active":
        yield Finding(
            f"storage:{name}-inactive", place, "status active", f"status {verified['status']}", _PROMISED,
            "roll the token in the dashboard, and set the new value",
        )  # fmt: skip
    expires = verified.get("expires_on")
    if not expires:
        recorder.measure(f"days until the {what} expires", "never", f">= {FAIL_DAYS}")
        recorder.warn(f"the {what} never expires. Give it an end after the cutover")
        return
    try:
        left = (datetime.datetime.fromisoformat(str(expires)) - datetime.datetime.now(datetime.UTC)).days
    except (TypeError, ValueError):
        raise NotVerified(f"Cloudflare's expires_on is no time with its zone: {expires!r}") from None
    recorder.measure(f"days until the {what} expires", left, f">= {FAIL_DAYS}")
    if left < FAIL_DAYS:
        yield Finding(
            f"storage:{name}-expires", place, f"{FAIL_DAYS} days or more until it expires", f"{left} days", _PROMISED,
            "extend it: it must outlive the cutover and its rollback",
        )  # fmt: skip
    elif left < WARN_DAYS:
        recorder.warn(f"the {what} expires in {left} days")


def _described(url: str, database: Database, client: Client, what: str) -> Mapping[str, Any]:
    """Return Cloudflare's description of a token with its policies. Raises NotVerified if it cannot be read."""
    answer = _get(url, database, client)
    result = _result(answer)
    policies = result.get("policies") if isinstance(result, dict) else None
    if not isinstance(policies, list) or not all(isinstance(policy, dict) for policy in policies):
        raise NotVerified(
            f"the permissions of {what} were not read: status {answer.status}. They can be read if the token of "
            "secrets.d1_api_token also has `Account API Tokens Read` (of a user's token: `API Tokens Read`). Without "
            "it, compare the permissions in the dashboard"
        )
    described: Mapping[str, Any] = result
    return described


def _scope_findings(
    what: str,
    policies: list[Mapping[str, Any]],
    needed: frozenset[str],
    allowed: frozenset[str],
    resource: str,
    key: str,
) -> Iterator[Finding]:
    """Yield a finding for each permission or resource that is not needed, and if no needed one is granted."""
    granting = [policy for policy in policies if policy.get("effect") != "deny"]
    names = {name for policy in granting for name in _groups(policy)}
    named = {name for policy in granting for name in _resources(policy)}
    expected, do_next = " or ".join(sorted(needed)), f"create a token with {{}} on {resource} only, and use it in {key}"
    for name in sorted(names - allowed):
        yield Finding(
            f"storage:{what}-permission:{name}", key, f"only {expected}", f"also the permission {name!r}", _PROMISED,
            do_next.format(expected),
        )  # fmt: skip
    for name in sorted(named - {resource}):
        if not name.startswith("com.cloudflare.api.user."):  # for the permission to read its own permissions
            yield Finding(
                f"storage:{what}-resource:{name}", key, f"only the resource {resource}", f"also {name}", _PROMISED,
                do_next.format(expected),
            )  # fmt: skip
    own = [name for name in named if not name.startswith("com.cloudflare.api.user.")]
    if names & needed and not own:
        yield Finding(
            f"storage:{what}-no-resource", key, f"the resource {resource}", "no resource", _PROMISED,
            do_next.format(expected),
        )  # fmt: skip
    if not names & needed:
        yield Finding(
            f"storage:{what}-lacking", key, expected, ", ".join(sorted(names)) or "no permission", _PROMISED,
            "add the permission to the token",
        )  # fmt: skip


def _groups(policy: Mapping[str, Any]) -> Iterator[str]:
    groups = policy.get("permission_groups")
    for group in groups if isinstance(groups, list) else ():
        yield str(group.get("name") or group.get("id")) if isinstance(group, dict) else str(group)


def _resources(policy: Mapping[str, Any]) -> Iterator[str]:
    resources = policy.get("resources")
    for name, inner in resources.items() if isinstance(resources, dict) else ():
        # {"com.cloudflare.api.account.A": {"com.cloudflare.api.account.zone.*": "*"}}: the inner one is wider in kind
        yield name
        if isinstance(inner, dict):
            yield from inner


def _get(url: str, database: Database, client: Client) -> Answer:
    token = database.token.reveal() if database.token else ""
    return client.send(Request("d1", "token", "GET", url, {"authorization": f"Bearer {token}"}))


def _result(answer: Answer) -> Any:
    """Return `result` of a successful response of Cloudflare's API, None of any other."""
    if answer.status != 200:
        return None
    try:
        body = answer.json
    except CheckFailed:
        return None
    return body.get("result") if isinstance(body, dict) and body.get("success") is True else None
