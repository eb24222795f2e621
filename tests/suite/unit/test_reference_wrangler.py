"""The Wrangler configuration of the reference Worker describes what the embedded pair runs."""

import re
import tomllib
from typing import Any

import pytest

from cutover.config.validation import root
from cutover.embedded.specification import Specification
from cutover.embedded.worker_settings import host_settings

pytestmark = pytest.mark.unit

WORKER = root() / "reference" / "worker"
CONFIGURATION: dict[str, Any] = tomllib.loads((WORKER / "wrangler.toml").read_text())
HOST = (WORKER / "host.mjs").read_text()
ENVIRONMENTS = sorted(CONFIGURATION["env"])
SECRETS = ("jwt", "jwt_refresh", "bypass", "s3_access", "s3")
AT_DEPLOYMENT = {"VERSION_ID", "BUILD_ID"}
"""Vars that a deployment adds: the version and the build that it deploys."""
SECRET_NAMES = {"JWT_SECRET", "JWT_REFRESH_SECRET", "LIMITER_BYPASS"}


def pair_settings() -> dict[str, Any]:
    """Return what the pair sends to the Worker's host."""
    wanted = Specification(
        "any", (1, 0), True, str(root() / "reference"), 0, 0, (100, 60), None, None, None, None, None, {}, 0.0
    )
    return host_settings(wanted, dict.fromkeys(SECRETS, "secret"), "version", "build")


def test_compatibility_is_that_of_the_pair() -> None:
    """Date and flags are those with which the pair runs the Worker."""
    assert f"COMPATIBILITY_DATE = '{CONFIGURATION['compatibility_date']}'" in HOST
    assert f"COMPATIBILITY_FLAGS = {CONFIGURATION['compatibility_flags']}" in HOST


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_vars_are_those_of_the_pair(name: str) -> None:
    """Each environment has the vars that the pair sets, without secrets and without those of a deployment."""
    names = set(pair_settings()["vars"]) - SECRET_NAMES - AT_DEPLOYMENT
    assert set(CONFIGURATION["env"][name]["vars"]) == names


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_bindings_are_those_of_the_pair(name: str) -> None:
    """Each environment has the bindings of the host, by kind and name, and no others."""
    bound = dict(re.findall(r"^ +(d1Databases|r2Buckets|kvNamespaces|ratelimits): \{ (\w+):", HOST, re.MULTILINE))
    environment = CONFIGURATION["env"][name]
    kinds = {
        "d1Databases": "d1_databases", "r2Buckets": "r2_buckets", "kvNamespaces": "kv_namespaces",
        "ratelimits": "ratelimits",
    }  # fmt: skip
    found = {kind: [row.get("binding") or row["name"] for row in environment[key]] for kind, key in kinds.items()}
    assert found == {kind: [binding] for kind, binding in bound.items()}
    assert environment.keys() == {"name", "routes", "vars", *kinds.values()}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_rate_limit_is_that_of_the_pair(name: str) -> None:
    """The limit of the binding and the two vars agree with the pair's."""
    environment, limit = CONFIGURATION["env"][name], pair_settings()["rateLimit"]
    assert environment["ratelimits"][0]["simple"] == limit
    assert environment["vars"]["RATE_LIMIT"] == str(limit["limit"])
    assert environment["vars"]["RATE_PERIOD"] == str(limit["period"])


def test_secrets_are_those_of_the_pair() -> None:
    """The surroundings list the secrets that the pair gives the Worker."""
    text = (root() / "reference" / "surroundings" / "wrangler_part.py").read_text()
    assert set(pair_settings()["vars"]) >= SECRET_NAMES
    assert all(f'"{name}"' in text for name in SECRET_NAMES)
