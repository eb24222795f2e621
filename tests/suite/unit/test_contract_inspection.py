"""The judgement of refusals: what is an acceptance, what breaks a house convention, and what proves nothing."""

import contextlib
import dataclasses
import sqlite3
from typing import Any

import httpx
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutover.accounts.plan_schema import plan_schema
from cutover.client.request import Answer, Request
from cutover.config.environments import load_environment
from cutover.config.validation import root
from cutover.contract.finding_collector import Inspection
from cutover.contract.findings import ContractFailed, Finding
from cutover.core.errors import CheckFailed, NotVerified
from cutover.core.recorder import Recorder
from cutover.core.rule_table import HOUSE, PROFILES, UNIVERSAL, Rule
from cutover.systems.target import Result, Target

pytestmark = pytest.mark.unit

ENVIRONMENT = load_environment(root(), "https://worker.example", variables={})
STATUSES = st.sampled_from([200, 201, 204, 301, 302, 304, 400, 401, 403, 404, 405, 415, 422, 429, 500, 502, 503])


def target_of(profile: str) -> Target:
    """Return a Worker that is judged by this profile. Nothing is sent."""
    client: Any = None
    return Target("worker", dataclasses.replace(ENVIRONMENT, rules=profile), client, Recorder())


def response(target: Target, status: int) -> Result:
    """Return a response of `user` with this status."""
    operation = target.operation("user")
    answer = Answer(
        Request("worker", "user", "GET", "https://worker.example/u"), "r-1", status, httpx.Headers(), b"", 0
    )
    return Result(answer, operation, target.judges)


def judged(profile: str, status: int) -> tuple[bool, list[Finding], Target]:
    """Return the outcome of a response that must be refused with 401, and its findings."""
    target = target_of(profile)
    inspection = Inspection(target, "token:missing", "source")
    refused = inspection.expect_refusal(response(target, status), 401, defect="accepted: none")
    return refused, list(inspection.findings), target


@pytest.mark.parametrize("status", [400, 403, 404])
def test_other_refusal_is_no_acceptance(status: int) -> None:
    """A constant 400, a 403 or the 404 of an unmatched route is not reported as an accepted token."""
    refused, (finding,), _ = judged(HOUSE, status)
    assert (refused, finding.breaks) == (True, Rule.STATUSES)
    assert finding.defect == f"refused with {status} instead of 401: none"
    refused, findings, target = judged(UNIVERSAL, status)
    assert (refused, findings, target.recorder.not_judged) == (True, [], [Rule.STATUSES])


@pytest.mark.parametrize("profile", PROFILES)
def test_server_error_is_neither_refusal_nor_acceptance(profile: str) -> None:
    """A 5xx has a finding of its own in both profiles."""
    refused, (finding,), _ = judged(profile, 500)
    assert (refused, finding.defect, finding.breaks) == (False, "500 instead of a refusal: none", Rule.DISCLOSURE)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("status", [200, 204, 302])
def test_success_and_redirect_are_acceptances(profile: str, status: int) -> None:
    """A success, and a redirect, which may lead to the file itself, are findings in both profiles."""
    refused, (finding,), _ = judged(profile, status)
    assert (refused, finding.defect) == (False, "accepted: none")


@given(STATUSES, st.sampled_from(PROFILES))
def test_smoke_and_contract_judge_refusals_alike(status: int, profile: str) -> None:
    """`Result.expect_refusal` fails exactly for the statuses that `Inspection.expect_refusal` reports."""
    target = target_of(profile)
    _, findings, _ = judged(profile, status)
    try:
        response(target, status).expect_refusal(401)
        failed: CheckFailed | None = None
    except CheckFailed as error:
        failed = error
    assert (failed is not None) == bool(findings)
    if failed is not None and 400 <= status < 500 and status != 429:
        assert failed.rule is Rule.STATUSES


@given(STATUSES)
def test_universal_profile_never_finds_more(status: int) -> None:
    """A finding of the profile universal is one of the profile house as well."""
    universal = {finding.name for finding in judged(UNIVERSAL, status)[1]}
    assert universal <= {finding.name for finding in judged(HOUSE, status)[1]}


def test_response_that_is_not_judged_proves_nothing() -> None:
    """A check whose responses all break only conventions that are not judged is not verified, and never passes."""
    target = target_of(UNIVERSAL)
    inspection = Inspection(target, "mime", "source")
    assert not inspection.expect_status(response(target, 415), 200, defect="a page: refused", breaks=Rule.FILE_TYPES)
    with pytest.raises(NotVerified, match="no response that this check could judge"):
        inspection.close(target.recorder)
    assert target.recorder.could_not_detect == ["mime: a page: refused (user), house:file-types"]


def test_finding_names_its_rule() -> None:
    """A finding without a rule of its own breaks the rule of the check; the message names both kinds."""
    target = target_of(HOUSE)
    target.recorder.rule = Rule.AUTHENTICATION
    inspection = Inspection(target, "token:missing", "source")
    for status in (200, 403):
        inspection.expect_refusal(response(target, status), 401, defect="accepted: none")
    with pytest.raises(ContractFailed) as failed:
        inspection.close(target.recorder)
    for rule in ("universal:authentication", "house:statuses"):
        assert f"  rule      {rule}" in str(failed.value)


def test_finding_before_an_exception_is_reported() -> None:
    """A check that an exception ends, for example an answer of the local runtime, keeps the findings before it."""
    target = target_of(HOUSE)
    inspection = Inspection(target, "token:missing", "source")
    inspection.expect_refusal(response(target, 200), 401, defect="accepted: none")
    (report,) = target.unfinished
    with pytest.raises(ContractFailed, match="accepted: none"):
        report()
    assert target.recorder.incomplete == "token:missing: an exception ended the check before its end"


def test_closed_check_is_reported_once() -> None:
    """After `close` nothing is left to report, with and without a finding."""
    for status in (200, 401):
        target = target_of(HOUSE)
        inspection = Inspection(target, "token:missing", "source")
        inspection.expect_refusal(response(target, status), 401, defect="accepted: none")
        with contextlib.suppress(ContractFailed):
            inspection.close(target.recorder)
        (report,) = target.unfinished
        report()
        assert target.recorder.incomplete == ""


@pytest.mark.parametrize(
    "error", [sqlite3.OperationalError("no such table: users"), psycopg.errors.UndefinedColumn("is_staff")]
)
def test_other_tables_than_the_plans_are_a_convention(error: Exception) -> None:
    """A table that does not exist is a finding of house:schema, and not verified where that is not judged."""
    with pytest.raises(CheckFailed) as failed, plan_schema(target_of(HOUSE)):
        raise error
    assert failed.value.rule is Rule.SCHEMA
    with pytest.raises(NotVerified, match="has other tables than the plan"), plan_schema(target_of(UNIVERSAL)):
        raise error


@pytest.mark.parametrize("profile", PROFILES)
def test_other_error_of_a_database_stays(profile: str) -> None:
    """Any other error of the statements is raised unchanged in both profiles."""
    with pytest.raises(sqlite3.OperationalError, match="database is locked"), plan_schema(target_of(profile)):
        raise sqlite3.OperationalError("database is locked")
