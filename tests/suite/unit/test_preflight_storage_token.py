"""The scope of Cloudflare credentials, against a scripted API of Cloudflare."""

import dataclasses
import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.suite.support.scripted_client import Client

from cutover.client.request import Request
from cutover.config.environment import Environment
from cutover.config.environments import load_environment
from cutover.config.validation import root
from cutover.core.errors import MeasurementError, NotApplicable, NotVerified
from cutover.core.recorder import Recorder
from cutover.core.safety import SafetyLevel
from cutover.preflight.storage_token import d1_token_findings, r2_key_findings

pytestmark = pytest.mark.unit

ACCOUNT = "0123456789abcdef0123456789abcdef"
TABLE = f"""
[x]
safety = "read-only"
worker = {{ url = "https://worker.example" }}
legacy = {{ absent = "none here" }}
d1 = {{ url = "https://api.cloudflare.com/client/v4/accounts/{ACCOUNT}/d1/database/db" }}
r2 = {{ endpoint = "https://{ACCOUNT}.r2.cloudflarestorage.com", bucket = "lists" }}
secrets = {{ d1_api_token = "TOKEN", r2_access_key_id = "KEY_ID", r2_secret_access_key = "KEY" }}
"""
VARIABLES = {"TOKEN": "the-token-of-d1", "KEY_ID": "r2tokenid", "KEY": "the-secret-key"}
D1_RESOURCE = f"com.cloudflare.api.account.{ACCOUNT}"
R2_RESOURCE = f"com.cloudflare.edge.r2.bucket.{ACCOUNT}_default_lists"


def policy(resource: str, *groups: str, effect: str = "allow") -> dict[str, Any]:
    """Return a policy as Cloudflare's API describes it."""
    return {"effect": effect, "permission_groups": [{"id": "1", "name": name} for name in groups],
            "resources": {resource: "*"}}  # fmt: skip


class Api:
    """Cloudflare's API for the token with the id "id1" and the R2 key "r2tokenid"."""

    def __init__(self) -> None:
        self.kind = "account"
        self.verified: dict[str, Any] = {"id": "id1", "status": "active", "expires_on": days(200)}
        self.policies: dict[str, list[dict[str, Any]] | None] = {
            "id1": [policy(D1_RESOURCE, "D1 Read", "Account API Tokens Read")],
            "r2tokenid": [policy(R2_RESOURCE, "Workers R2 Storage Bucket Item Read")],
        }
        self.described: dict[str, Any] = {"status": "active", "expires_on": days(200)}
        self.refuses = False

    def __call__(self, request: Request) -> tuple[int, Any]:
        """Return the answer to a request."""
        assert request.method == "GET"
        assert request.headers["authorization"] == "Bearer the-token-of-d1"
        path = request.url.partition("/client/v4")[2]
        own = f"/accounts/{ACCOUNT}/tokens/" if self.kind == "account" else "/user/tokens/"
        if self.refuses or not path.startswith(own):
            return 401, {"success": False, "errors": [{"code": 1000}], "result": None}
        name = path.removeprefix(own)
        if name == "verify":
            return 200, {"success": True, "result": self.verified}
        policies = self.policies.get(name)
        if policies is None:
            return 403, {"success": False, "errors": [{"code": 9109}], "result": None}
        return 200, {"success": True, "result": {"id": name, "policies": policies, **self.described}}


def days(count: float) -> str:
    """Return a time in so many days, as Cloudflare writes it."""
    return f"{datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=count, hours=12):%Y-%m-%dT%H:%M:%SZ}"


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """Return an environment with D1 and R2 at Cloudflare."""
    (tmp_path / "contracts").symlink_to(root() / "contracts")
    (tmp_path / "environments.toml").write_text(TABLE)
    return load_environment(tmp_path, "x", variables=VARIABLES)


@pytest.fixture
def api() -> Api:
    """Return an API whose credentials have the right scope."""
    return Api()


def names(judge: Callable[..., Any], environment: Environment, api: Api, recorder: Recorder | None = None) -> list[str]:
    """Return the names of the findings."""
    client: Any = Client(environment, api, {})
    return [finding.name for finding in judge(environment, client, recorder or Recorder())]


@pytest.mark.parametrize("kind", ["account", "user"])
def test_credentials_of_the_right_scope_pass(environment: Environment, api: Api, kind: str) -> None:
    """Tokens of the account and of a user are found, and have no finding."""
    api.kind = kind
    assert names(d1_token_findings, environment, api) == []
    assert names(r2_key_findings, environment, api) == []


def test_more_permissions_are_found(environment: Environment, api: Api) -> None:
    """Each permission that is not needed is a finding of its own."""
    api.policies["id1"] = [policy(D1_RESOURCE, "D1 Read", "D1 Write", "Workers Scripts Write")]
    api.policies["r2tokenid"] = [policy(R2_RESOURCE, "Workers R2 Storage Bucket Item Write")]
    assert names(d1_token_findings, environment, api) == [
        "storage:d1-token-permission:D1 Write", "storage:d1-token-permission:Workers Scripts Write",
    ]  # fmt: skip
    assert names(r2_key_findings, environment, api) == [
        "storage:r2-key-permission:Workers R2 Storage Bucket Item Write", "storage:r2-key-lacking",
    ]  # fmt: skip


def test_disposable_environment_needs_to_write(environment: Environment, api: Api) -> None:
    """Account roles are written into D1 there, so `D1 Write` is needed."""
    disposable = dataclasses.replace(environment, safety=SafetyLevel.DISPOSABLE)
    assert names(d1_token_findings, disposable, api) == ["storage:d1-token-lacking"]
    api.policies["id1"] = [policy(D1_RESOURCE, "D1 Read", "D1 Write")]
    assert names(d1_token_findings, disposable, api) == []


@pytest.mark.parametrize("resource", ["com.cloudflare.api.account.*", "com.cloudflare.api.account.ffff"])
def test_wider_resources_are_found(environment: Environment, api: Api, resource: str) -> None:
    """Another account, all accounts or all buckets are more than needed."""
    api.policies["id1"] = [policy(D1_RESOURCE, "D1 Read"), policy(resource, "D1 Read")]
    api.policies["r2tokenid"] = [policy(R2_RESOURCE.replace("lists", "backups"), "Workers R2 Storage Bucket Item Read")]
    assert names(d1_token_findings, environment, api) == [f"storage:d1-token-resource:{resource}"]
    assert names(r2_key_findings, environment, api) == [
        f"storage:r2-key-resource:{R2_RESOURCE.replace('lists', 'backups')}"
    ]


def test_permission_on_no_resource_is_found(environment: Environment, api: Api) -> None:
    """A permission that is granted on nothing reads nothing."""
    api.policies["id1"] = [{**policy(D1_RESOURCE, "D1 Read"), "resources": {}}]
    assert names(d1_token_findings, environment, api) == ["storage:d1-token-no-resource"]


def test_denied_permissions_do_not_count(environment: Environment, api: Api) -> None:
    """A policy that denies grants nothing."""
    api.policies["id1"] = [policy(D1_RESOURCE, "D1 Read"), policy(D1_RESOURCE, "D1 Write", effect="deny")]
    assert names(d1_token_findings, environment, api) == []


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({"status": "disabled"}, ["storage:d1-token-inactive"]),
        ({"expires_on": days(6)}, ["storage:d1-token-expires"]),
        ({"expires_on": days(7)}, []),
    ],
)
def test_lifetime_of_the_token_is_judged(
    environment: Environment, api: Api, change: dict[str, str], finding: list[str]
) -> None:
    """A token that is inactive or ends within 7 days fails."""
    api.verified |= change
    assert names(d1_token_findings, environment, api) == finding


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({"status": "disabled"}, ["storage:r2-key-inactive"]),
        ({"expires_on": days(6)}, ["storage:r2-key-expires"]),
        ({"expires_on": days(7)}, []),
    ],
)
def test_lifetime_of_the_r2_key_is_judged(
    environment: Environment, api: Api, change: dict[str, str], finding: list[str]
) -> None:
    """A key that is inactive or ends within 7 days fails, though it still lists the bucket."""
    api.described |= change
    assert names(r2_key_findings, environment, api) == finding


@pytest.mark.parametrize(("left", "warnings"), [(29, 1), (31, 0), (None, 1)])
def test_short_or_endless_lifetime_warns(environment: Environment, api: Api, left: float | None, warnings: int) -> None:
    """Less than 30 days, or no end at all, is a warning."""
    api.verified["expires_on"] = None if left is None else days(left)
    recorder = Recorder()
    assert names(d1_token_findings, environment, api, recorder) == []
    assert len(recorder.warnings) == warnings


def test_refused_token_is_invalid_and_names_its_key(environment: Environment, api: Api) -> None:
    """A token that Cloudflare refuses makes the run INVALID, with file, key and fix in one message."""
    api.refuses = True
    with pytest.raises(MeasurementError) as raised:
        names(d1_token_findings, environment, api)
    assert "environments.toml [x.secrets.d1_api_token]" in str(raised.value)
    assert "the-token-of-d1" not in str(raised.value)


def test_unreadable_permissions_are_not_verified(environment: Environment, api: Api) -> None:
    """A token that may not read its permissions is not verified, and the reason names the permission."""
    api.policies = {}
    for judge in (d1_token_findings, r2_key_findings):
        with pytest.raises(NotVerified, match="Account API Tokens Read"):
            names(judge, environment, api)


def test_other_host_is_not_verified(environment: Environment, api: Api) -> None:
    """A D1 address that is not Cloudflare's API has no permissions that can be read."""
    assert environment.d1 is not None
    other = dataclasses.replace(environment, d1=dataclasses.replace(environment.d1, url="https://proxy.example/d1"))
    with pytest.raises(NotVerified, match="not an address of Cloudflare's API"):
        names(d1_token_findings, other, api)


def test_local_runtime_is_not_applicable(environment: Environment, api: Api) -> None:
    """The credentials of a local runtime have no permissions."""
    with pytest.raises(NotApplicable):
        names(d1_token_findings, dataclasses.replace(environment, local_runtime=True), api)
