"""The profiles of rules: which checks a verdict requires, and the page that lists all rules."""

import argparse
import dataclasses
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutover.config.environments import load_environment
from cutover.config.manifest import load_manifest, parse_manifest, render
from cutover.config.rules_page import FILE, rules_page
from cutover.config.validation import ConfigurationError, root
from cutover.contract import explore
from cutover.core.evidence import Record, Status
from cutover.core.requirements import RequiredCheck
from cutover.core.rule_table import HOUSE, PROFILES, UNIVERSAL, Rule
from cutover.core.safety import SafetyLevel
from cutover.core.verdict import Run, Verdict, decide
from cutover.report.terminal import details, last_line

pytestmark = pytest.mark.unit

UNIVERSAL_RUN = Run("x", SafetyLevel.DISPOSABLE, rules=UNIVERSAL)
FACTS = {
    "answered_versions": [], "url": "", "environment": "x", "connect_retries": 0, "rate_limited": 0, "planted": None,
    "requests": 1, "duration_s": 1.0, "leftovers": [], "not_judged_rules": ["house:statuses"],
}  # fmt: skip


def check(name: str, rule: Rule | None) -> RequiredCheck:
    """Return a required check of smoke that judges the rule."""
    return RequiredCheck("smoke", name, "worker", SafetyLevel.READ_ONLY, rule=rule)


def record(name: str, status: Status) -> Record:
    """Return the record of a check of smoke."""
    return Record(name, ("smoke",), "x", status, 0.0, 0.0, system="worker", reason="why")


JUDGED = [status for status in Status if status is not Status.NOT_APPLICABLE]
rules = st.none() | st.sampled_from(Rule)
manifests = st.dictionaries(st.sampled_from("abcd"), rules, min_size=1).map(
    lambda named: [check(name, rule) for name, rule in named.items()]
)


@given(manifests, st.lists(st.builds(record, st.sampled_from("abcd"), st.sampled_from(Status)), max_size=8))
def test_universal_verdict_ignores_house_checks(manifest: list[RequiredCheck], seen: list[Record]) -> None:
    """In profile universal the verdict is that of the universal checks alone, and the others are listed."""
    house = {entry.check for entry in manifest if entry.rule is not None and entry.rule.profile == HOUSE}
    left_out = [each for each in seen if each.check in house and each.status is not Status.NOT_VERIFIED]
    seen = [each for each in seen if each not in left_out]  # a check that is not judged does not run
    verdict = decide("smoke", UNIVERSAL_RUN, manifest, seen, ())
    others = [each for each in seen if each.check not in house]
    alone = decide("smoke", UNIVERSAL_RUN, [entry for entry in manifest if entry.check not in house], others, ())
    assert (verdict.verdict, verdict.reasons, verdict.missing) == (alone.verdict, alone.reasons, alone.missing)
    assert set(verdict.not_judged) == house


@given(manifests, st.lists(st.builds(record, st.sampled_from("abcd"), st.sampled_from(JUDGED)), max_size=8))
def test_house_verdict_requires_every_rule(manifest: list[RequiredCheck], seen: list[Record]) -> None:
    """In profile house, the default, the rules of checks have no effect unless the configuration leaves checks out."""
    run = dataclasses.replace(UNIVERSAL_RUN, rules=HOUSE)
    plain = [dataclasses.replace(entry, rule=None) for entry in manifest]
    verdict = decide("smoke", run, manifest, seen, ())
    assert verdict == decide("smoke", run, plain, seen, ())
    assert verdict.not_judged == ()


def test_house_checks_alone_are_no_go_evidence() -> None:
    """A gate that has only house conventions is INCONCLUSIVE in profile universal: it judged nothing."""
    verdict = decide("smoke", UNIVERSAL_RUN, [check("a", Rule.CORS)], [], ())
    assert (verdict.verdict, verdict.exit_code) == (Verdict.INCONCLUSIVE, 10)


def test_verdict_counts_rules_that_are_not_judged() -> None:
    """The details and the last line say how many house conventions were not judged."""
    manifest = [check("a", Rule.ISOLATION), check("b", Rule.CORS), check("c", Rule.HEAD)]
    verdict = decide("smoke", UNIVERSAL_RUN, manifest, [record("a", Status.PASSED)], ())
    assert verdict.verdict is Verdict.GO
    text = "\n".join(details([verdict], [], FACTS, root()))
    assert "house conventions not judged: 2 checks, rules = universal; within other checks: house:statuses" in text
    assert "1 of 1 checks passed, 2 house conventions not judged" in last_line(verdict, FACTS)


def test_every_check_of_smoke_and_contract_names_its_rule() -> None:
    """A new check without a rule would be required in both profiles without a decision."""
    entries = [entry for entry in load_manifest(root()) if entry.gate in ("smoke", "contract")]
    assert [entry.check for entry in entries if entry.rule is None] == []
    assert {entry.rule.profile for entry in entries if entry.rule} == set(PROFILES)


def test_each_owned_operation_has_a_universal_owner() -> None:
    """An operation of which no owner is judged would leave the checks that it blocks without a finding."""
    owning = [entry for entry in load_manifest(root()) if entry.owns]
    judged = {(entry.gate, name) for entry in owning if entry.is_judged(UNIVERSAL) for name in entry.owns}
    assert {(entry.gate, name) for entry in owning for name in entry.owns} == judged
    assert all(entry.is_judged(UNIVERSAL) for entry in owning if entry.gate != "preflight")


def test_rules_page_lists_all_rules_and_checks() -> None:
    """docs/rules.md is the page that `cutover manifest --write` renders."""
    assert (root() / FILE).read_text(encoding="utf-8") == rules_page(load_manifest(root()))


def test_manifest_keeps_rules() -> None:
    """The rules of the manifest survive rendering and reading; an unknown rule is a configuration error."""
    entries = (check("a", Rule.CORS), check("b", None))
    text = render(entries)
    assert parse_manifest(root(), tomllib.loads(text)) == entries
    with pytest.raises(ConfigurationError, match="expected one of universal:identity"):
        parse_manifest(root(), tomllib.loads(text.replace("house:cors", "house:none")))


def test_ad_hoc_url_is_judged_by_universal_rules() -> None:
    """An ad-hoc URL declares no conventions, and has no OpenAPI document; the plan's environments are house."""
    environment = load_environment(root(), "https://preview.example")
    assert environment.rules == UNIVERSAL
    assert "contract.worker.file" in environment.absent["worker_document"]
    production = load_environment(root(), "production")
    assert production.rules == HOUSE
    assert "worker_document" not in production.absent


def test_explore_needs_a_document_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In profile universal requests are generated from the deployment's document only; without one nothing is sent."""
    table = 'safety = "disposable"\nrules = "universal"\nlegacy = { absent = "x" }\n'
    table += 'worker = { url = "http://127.0.0.1:9" }\n'
    (tmp_path / "environments.toml").write_text(f"[other]\n{table}")
    (tmp_path / "contracts").symlink_to(root() / "contracts")
    monkeypatch.setenv("CUTOVER_ROOT", str(tmp_path))
    options = argparse.Namespace(env="other", pair=None, minutes=1.0, system="worker")
    with pytest.raises(ConfigurationError, match=r"other\.contract\.worker\]: .*names no OpenAPI document of its own"):
        explore.run(options)


def test_every_table_of_promises_names_its_rule() -> None:
    """The exact values of contracts/promises.toml are conventions, each of a rule that exists."""
    text = (root() / "contracts" / "promises.toml").read_text(encoding="utf-8")
    tables = re.findall(r"^\[([\w.]+)\]", text, re.MULTILINE)
    rules = {table: rule.split(", ") for rule, table in re.findall(r"^# rule (.+)\n\[([\w.]+)\]", text, re.MULTILINE)}
    assert sorted(rules) == sorted(tables)
    assert all(Rule(rule).profile == HOUSE for each in rules.values() for rule in each)
