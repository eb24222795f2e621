"""Judge the authoritative servers: missing, lame, disagreeing and slow ones."""

from __future__ import annotations

from collections.abc import Mapping

from cutover.preflight.dns_judgement import RESOLVING, Judgement
from cutover.preflight.dns_queries import TRIES, DnsAnswer
from cutover.preflight.dns_survey import AuthoritativeServer, DnsSurvey
from cutover.preflight.findings import Finding

PAGE = "plan, DNS and Domain Configuration; docs/preflight.md, DNS"
SERVING = "authoritative DNS servers"
"""The precondition of the comparisons with authoritative servers."""


def judge_missing(survey: DnsSurvey) -> Judgement:
    """Report each authoritative server that does not respond, and each zone that cannot be found."""
    judged = Judgement()
    for host, zone in survey.zones.items():
        if not zone and not survey.addresses(host):
            judged.block(RESOLVING, f"{host} does not resolve")
        elif not zone:
            judged.findings.append(
                Finding(
                    f"dns:no-zone:{host}",
                    f"{host} SOA, asked at the resolver {survey.resolver}",
                    "an SOA record of the name or of a parent",
                    "none: the zone does not exist or is not delegated",
                    PAGE,
                    "add the zone at its DNS provider, and its NS records at the registrar",
                )
            )
    for zone in sorted(set(survey.zones.values()) - {""}):
        servers = [server for server in survey.servers if server.zone == zone]
        routed = [server for server in servers if server not in survey.unrouted]
        silent = [server for server in routed if not survey.is_alive(server)]
        judged.measure(f"authoritative servers of {zone} that respond", len(routed) - len(silent), f"= {len(routed)}")
        if not servers:
            judged.findings.append(
                Finding(
                    f"dns:no-servers:{zone}", f"{zone} NS, asked at the resolver {survey.resolver}",
                    "NS records", "none", PAGE, "delegate the zone to its DNS servers",
                )
            )  # fmt: skip
        elif not routed:
            judged.unreachable.append(
                f"this machine has no route to any authoritative server of {zone} ({', '.join(map(str, servers))}). "
                "Run the gate in a network with IPv6, or name servers in preflight.dns.authoritative"
            )
        elif len(silent) == len(routed) and all(server.address for server in silent) and silent:
            judged.unreachable.append(
                f"no authoritative server of {zone} responds to this machine ({', '.join(map(str, silent))}), and the "
                f"resolver {survey.resolver} does. Allow DNS (port 53, UDP and TCP) to them in the network, or name "
                "servers in preflight.dns.authoritative"
            )
        else:
            judged.findings += [_missing(survey, server) for server in silent]
    judged.could_not_detect += [
        f"faults of {server}: this machine has no route to its address" for server in survey.unrouted
    ]
    return judged


def _missing(survey: DnsSurvey, server: AuthoritativeServer) -> Finding:
    answer = survey.soa.get(server)
    if answer is None:
        got = f"the name {server.host} has no address, so no one can ask this server"
        fix = "correct the NS record, or add the address of the server"
    else:
        got = f"{answer.outcome} {answer.detail}".strip() + f", asked up to {TRIES} times"
        fix = "start the server, or remove it from the zone's NS records at the registrar and in the zone"
    return Finding(
        f"dns:missing:{server.host or server.address}",
        f"{server.zone} SOA at {server}",
        "a response of every authoritative server",
        got,
        PAGE,
        fix,
    )


def judge_lame(survey: DnsSurvey) -> Judgement:
    """Report each authoritative server that responds without authority for its zone."""
    judged = Judgement()
    responding = [server for server in survey.servers if survey.is_alive(server)]
    lame = sum(survey.is_lame(server) for server in responding)
    judged.measure("authoritative servers with authority", len(responding) - lame, f"= {len(responding)}")
    for server in responding:  # judge_missing reports the others
        answer = survey.soa[server]
        if survey.is_lame(server):
            judged.findings.append(
                Finding(
                    f"dns:lame:{server.host or server.address}",
                    f"{server.zone} SOA at {server}",
                    "an authoritative answer (flag AA) with the zone's SOA record",
                    f"{answer.shown}{'' if answer.authoritative else ', without the flag AA'}: the server is named for "
                    "the zone and does not serve it (lame delegation)",
                    PAGE,
                    "load the zone on this server, or remove the server from the zone's NS records",
                )
            )
    _require_some(survey, judged)
    return judged


def judge_disagreement(survey: DnsSurvey) -> Judgement:
    """Report each name about which authoritative servers, or these and the resolver, answer differently."""
    judged = Judgement()
    questions = _by_question(survey)
    compared = sum(len(answers) for answers in questions.values())
    judged.measure("answers compared with each other and with the resolver", compared, "> 0", sample=len(questions))
    for host in survey.hosts:
        of_host = {kind: answers for (each, kind), answers in questions.items() if each == host and answers}
        if not of_host and survey.zones[host]:
            judged.block(SERVING, f"no authoritative server answers about {host}")
        if any(len(answers) < 2 for answers in of_host.values()):
            judged.notes.append(f"{host}: one authoritative server answers, so no two can be compared")
        odd = {kind: answers for kind, answers in of_host.items() if _differ(answers)}
        if odd:
            judged.findings.append(_disagreement(host, odd))
            continue
        wrong = [
            found
            for kind, answers in of_host.items()
            if (found := _resolver_differs(survey, host, kind, next(iter(answers.values())))) is not None
        ]
        judged.findings += wrong[:1]
    _require_some(survey, judged)
    return judged


def _disagreement(host: str, odd: Mapping[str, Mapping[AuthoritativeServer, tuple[DnsAnswer, ...]]]) -> Finding:
    kind, answers = next(iter(odd.items()))
    shown = "; ".join(f"{server}: {given[-1].shown}" for server, given in answers.items())
    return Finding(
        f"dns:disagree:{host}",
        f"{host} {' and '.join(odd)} at {len(answers)} authoritative servers",
        "the same answer of all authoritative servers",
        f"{kind}: {shown}",
        PAGE,
        "find the server with the old zone, and repair its zone transfer",
    )


def _differ(answers: Mapping[AuthoritativeServer, tuple[DnsAnswer, ...]]) -> bool:
    first, *others = answers.values()
    return any(not _agree(first, other) for other in others)


def judge_slow(survey: DnsSurvey) -> Judgement:
    """Report each authoritative server with a median response time above the limit."""
    judged = Judgement()
    limit = survey.settings.slow_ms
    for server in survey.servers:
        median = survey.median_ms(server)
        if median is None:
            continue  # judge_missing reports it
        judged.measure(f"median response time of {server} (ms)", round(median, 1), f"<= {limit:g}")
        if median > limit:
            judged.findings.append(
                Finding(
                    f"dns:slow:{server.host or server.address}",
                    f"{server.zone} at {server}",
                    f"a median response time of at most {limit:g} ms (preflight.dns.slow_ms)",
                    f"{median:.0f} ms: resolvers ask another server after this time, or answer SERVFAIL",
                    PAGE,
                    "check the load of this server and the network to it",
                )
            )
    _require_some(survey, judged)
    return judged


def _require_some(survey: DnsSurvey, judged: Judgement) -> None:
    """Block a check without any server that responds: a check without a subject must not pass."""
    for host, zone in survey.zones.items():
        if not zone and not survey.addresses(host):
            judged.block(RESOLVING, f"{host} does not resolve")
            continue
        of_zone = [server for server in survey.servers if server.zone == zone]
        if not any(survey.is_alive(server) for server in of_zone):
            judged.block(SERVING, f"no authoritative server of {zone or 'an unknown zone'} responds")


def serving(survey: DnsSurvey, host: str) -> list[AuthoritativeServer]:
    """Return the authoritative servers of the name that respond with authority."""
    return [server for server in survey.servers_of(host) if survey.is_alive(server) and not survey.is_lame(server)]


def _by_question(survey: DnsSurvey) -> dict[tuple[str, str], dict[AuthoritativeServer, tuple[DnsAnswer, ...]]]:
    """Return the usable answers of the authoritative servers by question. Lame and missing servers are left out."""
    found: dict[tuple[str, str], dict[AuthoritativeServer, tuple[DnsAnswer, ...]]] = {}
    for host, kind in survey.resolved:
        found[host, kind] = {}
        for server in serving(survey, host):
            given = tuple(each for each in survey.authoritative.get((server, host, kind), ()) if each.responded)
            if given:
                found[host, kind][server] = given
    return found


def _agree(one: tuple[DnsAnswer, ...], other: tuple[DnsAnswer, ...]) -> bool:
    """Return True if two servers gave the same answer once, or the same addresses over all their answers."""
    if {answer.content for answer in one} & {answer.content for answer in other}:
        return True
    unions = [{record for answer in given for record in answer.records} for given in (one, other)]
    return unions[0] == unions[1] != set()


def _resolver_differs(survey: DnsSurvey, host: str, kind: str, authoritative: tuple[DnsAnswer, ...]) -> Finding | None:
    resolved = survey.resolved[host, kind]
    if not resolved.responded or not survey.addresses(host):
        return None  # judge_resolution reports it
    truth = authoritative[-1]
    if truth.chain and not truth.records:  # the target is in another zone, which only the resolver follows
        same = resolved.chain[: len(truth.chain)] == truth.chain
    else:
        known = {record for answer in authoritative for record in answer.records}
        same = set(resolved.records) <= known and bool(resolved.records) == bool(known)
    if same:
        return None
    left = resolved.longest_ttl_s(survey.zones[host])
    wait = f"; it expires there in {left} s" if left else ""
    return Finding(
        f"dns:resolver-differs:{host}",
        f"{host} {kind} at the resolver {survey.resolver}",
        f"the authoritative answer: {truth.shown}",
        f"{resolved.shown}{wait}",
        PAGE,
        "wait until the resolver's answer expires; if it stays, check the delegation at the registrar",
    )
