"""Judge CAA records: they permit the CA of the certificate in use (RFC 8659)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from cutover.preflight.dns_judgement import HANDSHAKE, RESOLVING, TRUST, Judgement
from cutover.preflight.dns_proxied import is_proxied
from cutover.preflight.dns_queries import Outcome
from cutover.preflight.dns_servers import PAGE
from cutover.preflight.dns_survey import DnsSurvey
from cutover.preflight.findings import Finding
from cutover.preflight.tls_certificates import Certificate
from cutover.preflight.tls_survey import TlsSurvey

KNOWN_TAGS: Final = ("issue", "issuewild", "iodef", "issuemail", "issuevmc", "contactemail", "contactphone")
"""Registered properties (IANA, CAA Property Tags). A CA must refuse an unknown one with the critical flag."""
_RECORD: Final = re.compile(r'(\d+)\s+([a-z0-9]+)\s+"((?:[^"\\]|\\.)*)"', re.IGNORECASE)


class CaaRecord(NamedTuple):
    """One CAA record. domain: the CA that it permits, "" if it permits none, for issue and issuewild."""

    critical: bool
    tag: str
    domain: str


def read_caa(text: str) -> CaaRecord | None:
    """Return the record of '0 issue "letsencrypt.org; …"', None if it is not one."""
    match = _RECORD.fullmatch(text.strip())
    if match is None:
        return None
    domain = match[3].partition(";")[0].strip().rstrip(".").lower()
    return CaaRecord(bool(int(match[1]) & 128), match[2].lower(), domain)


def permits(records: Sequence[CaaRecord], domains: Sequence[str], *, wildcard: bool) -> bool:
    """Return True if the records permit a CA with one of these domain names (RFC 8659 4.2 and 4.3).

    wildcard: the certificate has a name with `*`. Without a record of the wanted property, any CA is permitted.
    """
    if any(record.critical and record.tag not in KNOWN_TAGS for record in records):
        return False
    wild = [record for record in records if record.tag == "issuewild"]
    relevant = wild if wildcard and wild else [record for record in records if record.tag == "issue"]
    return not relevant or any(record.domain in domains for record in relevant if record.domain)


def judge_caa(dns: DnsSurvey, tls: TlsSurvey | None) -> Judgement:
    """Report each name whose CAA records do not permit the CA of its certificate. tls: None without its settings."""
    judged = Judgement()
    for host in dns.hosts:
        if not dns.addresses(host):
            judged.block(RESOLVING, f"{host} does not resolve")
            continue
        answers = dns.caa[host]
        broken = [a for a in answers if a.outcome not in (Outcome.ANSWER, Outcome.NO_DATA, Outcome.NO_NAME)]
        if broken:
            judged.findings.append(
                Finding(
                    f"dns:caa-unanswered:{host}", f"{broken[0].name} CAA at the resolver {dns.resolver}",
                    "an answer, also without records: a CA refuses to issue if the question fails (RFC 8659 4)",
                    f"{broken[0].outcome} {broken[0].code or broken[0].detail}".strip(), PAGE,
                    "repair the authoritative servers for questions of this type",
                )
            )  # fmt: skip
            continue
        texts = answers[-1].records
        judged.measure(f"CAA of {host}", "; ".join(texts) or "none", "permits the CA of the certificate")
        if not texts:
            judged.notes.append(f"{host}: no CAA record, so any CA may issue a certificate for it")
            continue
        _judge_records(judged, dns, tls, host, answers[-1].name, texts)
    return judged


def _judge_records(
    judged: Judgement, dns: DnsSurvey, tls: TlsSurvey | None, host: str, owner: str, texts: Sequence[str]
) -> None:
    records = [record for text in texts if (record := read_caa(text)) is not None]
    if len(records) < len(texts):
        judged.unverified.append(f"CAA of {host}: the suite cannot read a record: {'; '.join(texts)}")
    if tls is None:
        judged.unverified.append(f"CAA of {host}: preflight.tls is missing, so the CA of its certificate is unknown")
        return
    probes = [probed for probed in tls.probes if probed.used.host == host]
    leaves = [probed.leaf for probed in probes if probed.leaf is not None]
    if unreadable := [probed for probed in probes if probed.unreadable]:
        judged.unverified.append(f"CAA of {host}: the suite cannot read its certificate: {unreadable[0].unreadable}")
        return
    if not leaves:
        if any(used.host == host and used.is_https for used in dns.names):
            judged.block(HANDSHAKE, f"{host}: no certificate")
        return
    for leaf in {(each.organization, each.names, each.self_signed): each for each in leaves}.values():
        _judge_leaf(judged, dns, tls, host, owner, texts, records, leaf)


def _judge_leaf(
    judged: Judgement, dns: DnsSurvey, tls: TlsSurvey, host: str, owner: str, texts: Sequence[str],
    records: Sequence[CaaRecord], leaf: Certificate,
) -> None:  # fmt: skip
    domains = tls.settings.ca_domains or leaf.ca_domains
    if leaf.self_signed:
        judged.block(TRUST, f"{host}: a self-signed certificate has no CA")
        return
    if not domains:
        judged.unverified.append(
            f"CAA of {host}: {leaf.organization!r} is not a known CA. Add preflight.tls.ca_domains with its names"
        )
        return
    # A certificate for the name and for all names below it needs both permissions.
    kinds = [host not in leaf.names and leaf.covers(host), *([True] if f"*.{host}" in leaf.names else [])]
    if not all(permits(records, domains, wildcard=wildcard) for wildcard in kinds):
        judged.findings.append(
            Finding(
                f"dns:caa:{host}", f"{owner} CAA at the resolver {dns.resolver}",
                f"records that permit {leaf.organization} ({' or '.join(domains)})", "; ".join(texts), PAGE,
                "add an issue record for this CA: the certificate cannot be renewed otherwise",
            )
        )  # fmt: skip
    elif is_proxied(dns.addresses(host)):
        judged.could_not_detect.append(
            f"{host} is proxied by Cloudflare: which CA issues its next certificate; Cloudflare chooses among several, "
            "and adds their CAA records itself"
        )
