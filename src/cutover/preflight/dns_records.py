"""Judge the records of each name: it resolves, no CNAME is dangling, the TTL allows a cutover."""

from __future__ import annotations

from typing import Final

from cutover.config.preflight_dns import DnsSettings
from cutover.preflight.dns_judgement import RESOLVING, Judgement
from cutover.preflight.dns_names import UsedName
from cutover.preflight.dns_proxied import hidden_by_proxy, is_proxied
from cutover.preflight.dns_queries import DnsAnswer, Outcome, is_below
from cutover.preflight.dns_servers import PAGE, SERVING, serving
from cutover.preflight.dns_survey import ADDRESSES, DnsSurvey
from cutover.preflight.findings import Finding

_ANSWERS_ANY_NAME: Final = ("workers.dev", "pages.dev")


def judge_resolution(survey: DnsSurvey) -> Judgement:
    """Report each name that does not resolve to an address."""
    judged = Judgement()
    for used in _each_host(survey):
        addresses = survey.addresses(used.host)
        judged.measure(f"addresses of {used.host}", ", ".join(addresses) or None, "at least one")
        if addresses:
            judged.could_not_detect += _hidden(survey, used.host)
            _judge_other_kind(survey, used.host, judged)
            continue
        answers = [survey.resolved[used.host, kind] for kind in ADDRESSES]
        if (target := dangling_target(survey, used.host)) is not None:
            got = f"a dangling CNAME: {target[0]} {target[1]}"
            fix = (
                "create the target, or point the name at the Worker: anyone who registers the target gets its visitors"
            )
            name = f"dns:dangling-cname:{used.host}"
            expected = "a CNAME whose target has an address"
        else:
            worst = max(answers, key=_severity)
            got = f"{worst.outcome} {worst.code if worst.outcome is Outcome.FAILED else worst.detail}".strip()
            got += "" if survey.zones[used.host] else ", and no zone above it exists: the domain is not delegated"
            expected, name = "at least one A or AAAA record", f"dns:unresolved:{used.host}"
            fix = _advice(worst, used)
        judged.findings.append(
            Finding(name, f"{used.host} A and AAAA at the resolver {survey.resolver}", expected, got, PAGE, fix)
        )
    judged.could_not_detect += _unchecked(survey)
    return judged


def _judge_other_kind(survey: DnsSurvey, host: str, judged: Judgement) -> None:
    """Report a name with addresses of one kind and a failing question for the other kind."""
    for kind in ADDRESSES:
        answer = survey.resolved[host, kind]
        if not answer.responded:
            judged.unverified.append(f"{host} {kind} at the resolver {survey.resolver}: {answer.outcome}. Ask again")
        elif answer.outcome not in (Outcome.ANSWER, Outcome.NO_DATA, Outcome.NO_NAME):
            judged.findings.append(
                Finding(
                    f"dns:kind-fails:{host}", f"{host} {kind} at the resolver {survey.resolver}",
                    "an answer, also without records: clients ask for A and AAAA", f"{answer.outcome} {answer.code}",
                    PAGE, "repair the authoritative servers for questions of this type",
                )
            )  # fmt: skip


def _unchecked(survey: DnsSurvey) -> list[str]:
    """Return the apex and www of each zone that are no names in use: users try them, and no check does."""
    zones = sorted(set(survey.zones.values()) - {"", *_ANSWERS_ANY_NAME})
    missing = [name for zone in zones for name in (zone, f"www.{zone}") if name not in survey.hosts]
    return [
        f"faults of {name}: it is not among the names of the environment (names, preflight.dns.names)"
        for name in missing
    ]


def dangling_target(survey: DnsSurvey, host: str) -> tuple[str, str] | None:
    """Return the target of a CNAME without an address, and what is wrong with it; None if there is no such CNAME."""
    answers = [survey.resolved[host, kind] for kind in ADDRESSES]
    with_chain = [answer for answer in answers if answer.chain]
    if survey.addresses(host) or not with_chain:
        return None
    target = with_chain[0].chain[-1]
    if any(answer.outcome is Outcome.NO_NAME for answer in with_chain):
        return target, "does not exist (NXDOMAIN)"
    if all(answer.outcome in (Outcome.NO_DATA, Outcome.ANSWER) for answer in with_chain):
        return target, "has no A or AAAA record"
    return target, "does not resolve"


def judge_ttl(survey: DnsSurvey) -> Judgement:
    """Report each name whose records may stay in caches for longer than the limit."""
    judged = Judgement()
    limit = survey.settings.max_ttl_s
    if limit > DnsSettings.max_ttl_s:
        judged.warnings.append(
            f"preflight.dns.max_ttl_s allows {limit} s, more than the plan's {DnsSettings.max_ttl_s} s: after a switch "
            "or a rollback, caches send users to the other system for that time"
        )
    for used in _each_host(survey):
        host = used.host
        if not survey.addresses(host):
            judged.block(RESOLVING, f"{host} does not resolve")
            continue
        truth = [
            answer
            for server in serving(survey, host)
            for kind in ADDRESSES
            for answer in survey.authoritative.get((server, host, kind), ())
        ]
        zone = survey.zones[host]
        longest = max((ttl for answer in truth if (ttl := answer.longest_ttl_s(zone)) is not None), default=None)
        cached = max(survey.resolved[host, kind].longest_ttl_s(zone) or 0 for kind in ADDRESSES)
        judged.measure(f"TTL of {host} (s)", longest, f"<= {limit}")
        if longest is None:
            judged.block(SERVING, f"no authoritative server answers about {host}")
        if longest is not None and longest > limit:
            judged.findings.append(
                Finding(
                    f"dns:ttl:{host}", f"{host} at its authoritative servers",
                    f"a TTL of at most {limit} s (preflight.dns.max_ttl_s)",
                    f"{longest} s: after a switch, caches send users to the old system for that time", PAGE,
                    f"set the TTL to {limit} s at least {longest} s before the cutover",
                )
            )  # fmt: skip
        elif cached > limit:
            judged.findings.append(
                Finding(
                    f"dns:cached-ttl:{host}", f"{host} at the resolver {survey.resolver}",
                    f"at most {limit} s left in caches (preflight.dns.max_ttl_s)",
                    f"{cached} s left: it holds the record from before its TTL was lowered", PAGE,
                    f"wait {cached} s before the cutover",
                )
            )  # fmt: skip
    return judged


def _hidden(survey: DnsSurvey, host: str) -> list[str]:
    """Return the faults of a name with addresses that DNS cannot show."""
    hidden = [hidden_by_proxy(host)] if is_proxied(survey.addresses(host)) else []
    targets = {target for kind in ADDRESSES for target in survey.resolved[host, kind].chain}
    return hidden + [
        f"{host} is a CNAME for {target}: whether that project exists, because {zone} answers for any name"
        for target in sorted(targets)
        for zone in _ANSWERS_ANY_NAME
        if is_below(target, zone)
    ]


def _each_host(survey: DnsSurvey) -> list[UsedName]:
    """Return each host once, though two URLs may have it."""
    return list({used.host: used for used in reversed(survey.names)}.values())[::-1]


def _severity(answer: DnsAnswer) -> int:
    order = (Outcome.ANSWER, Outcome.NO_DATA, Outcome.NO_NAME)
    return order.index(answer.outcome) if answer.outcome in order else len(order)


def _advice(answer: DnsAnswer, used: UsedName) -> str:
    if answer.outcome in (Outcome.NO_DATA, Outcome.NO_NAME, Outcome.ANSWER):
        return f"add a record for {used.host} to its zone, or correct {used.source} in environments.toml"
    if answer.outcome is Outcome.FAILED:
        return "check the zone's authoritative servers and its DNSSEC signatures: the resolver cannot get an answer"
    return "ask again, or name another resolver"
