"""Judge TLS of each name: versions, chain, names and days left of the certificates."""

from __future__ import annotations

import datetime
import itertools
import ssl
from collections.abc import Iterator
from typing import Final

from cutover.config.preflight_tls import TlsSettings
from cutover.preflight.dns_judgement import HANDSHAKE, RESOLVING, Judgement
from cutover.preflight.findings import Finding
from cutover.preflight.tls_certificates import Certificate
from cutover.preflight.tls_hello import OLD_VERSIONS
from cutover.preflight.tls_probe import TlsProbe
from cutover.preflight.tls_survey import TlsSurvey

PAGE: Final = "plan, SSL Certificate Configuration; docs/preflight.md, TLS"

_SELF_SIGNED_LEAF, _SELF_SIGNED_ROOT = 18, 19
_NO_ISSUER, _NO_LEAF_ISSUER = 20, 21
"""X509_V_ERR codes of OpenSSL: DEPTH_ZERO_SELF_SIGNED_CERT, SELF_SIGNED_CERT_IN_CHAIN,
UNABLE_TO_GET_ISSUER_CERT_LOCALLY and UNABLE_TO_VERIFY_LEAF_SIGNATURE."""


def judge_versions(survey: TlsSurvey) -> Judgement:
    """Report each name without a handshake by TLS 1.2 or 1.3, and each that accepts TLS 1.0 or 1.1."""
    judged = judgement_of(survey)
    for probed in survey.probes:
        if probed.refused:
            judged.unreachable.append(
                f"{probed.place} accepts no TCP connection ({probed.refused}). Check the address and the firewall"
            )
            continue
        offered = _offered(probed)
        judged.measure(f"TLS versions of {probed.place}", ", ".join(offered) or None, "TLS 1.2 and TLS 1.3 only")
        old = [name for name in OLD_VERSIONS if probed.old.get(name)]
        for name in OLD_VERSIONS:
            if name not in probed.old:
                why = probed.not_offered.get(name, "not asked")
                judged.unverified.append(f"{name} could not be offered to {probed.place}: {why}")
            elif probed.old[name] is None:
                judged.could_not_detect.append(f"if {probed.place} accepts {name}: it did not react to the offer")
        if old:
            only = "" if probed.negotiated else ", and neither TLS 1.2 nor TLS 1.3"
            judged.findings.append(
                Finding(
                    f"tls:old-version:{probed.used.host}", probed.place,
                    "TLS 1.2 and TLS 1.3 only (RFC 8996)", f"the server accepts {' and '.join(old)}{only}", PAGE,
                    "set the minimum TLS version to 1.2 (Cloudflare: SSL/TLS, Edge Certificates)",
                )
            )  # fmt: skip
        if not probed.negotiated and not old:
            judged.findings.append(
                Finding(
                    f"tls:handshake:{probed.used.host}", probed.place, "a handshake by TLS 1.2 or TLS 1.3",
                    f"none: {probed.failed or 'no reason'}", PAGE,
                    "check that the port serves TLS and has a certificate for this name",
                )
            )  # fmt: skip
    return judged


def judge_chain(survey: TlsSurvey) -> Judgement:
    """Report each certificate that clients do not trust: self-signed, incomplete chain, unknown CA."""
    judged = judgement_of(survey)
    if survey.ca_file is not None:
        judged.notes.append(f"trust is judged by the CAs in {survey.ca_file}, not by those of browsers")
    for probed, leaf in _certificates(survey, judged):
        if probed.trust_code is None:
            why = probed.trust_error or "no handshake"
            judged.unverified.append(f"the chain of {probed.place}: {why}. Run the gate again")
            continue
        sent = "an unknown number of" if probed.others is None else str(1 + len(probed.others))
        judged.measure(f"chain of {probed.place}", probed.trust_error or "trusted", "trusted")
        if not probed.trust_code:
            continue
        name, got, fix = _chain_problem(probed, leaf, sent)
        judged.findings.append(
            Finding(
                f"tls:{name}:{probed.used.host}", probed.place,
                f"a chain to a CA of {_trusted_by(survey)}", f"{got} (OpenSSL: {probed.trust_error})", PAGE, fix,
            )
        )  # fmt: skip
    return judged


def _chain_problem(probed: TlsProbe, leaf: Certificate, sent: str) -> tuple[str, str, str]:
    """Return name, text and fix of the finding for a chain that is not trusted."""
    if leaf.self_signed or probed.trust_code == _SELF_SIGNED_LEAF:
        return (
            "self-signed",
            f"a self-signed certificate: its own key signed it, no CA ({leaf.subject})",
            "install a certificate of a CA",
        )
    if probed.trust_code in (_NO_ISSUER, _NO_LEAF_ISSUER) and _is_incomplete(probed, leaf):
        last = [leaf, *(probed.others or ())][-1]
        return (
            "incomplete-chain",
            f"an incomplete chain: the server sends {sent} certificate(s), and not that of {last.issuer}",
            "send the intermediate certificates too (fullchain.pem); browsers may hide this, curl and apps do not",
        )
    if probed.trust_code in (_NO_ISSUER, _NO_LEAF_ISSUER, _SELF_SIGNED_ROOT):
        last = [leaf, *(probed.others or ())][-1]
        return (
            "unknown-ca",
            f"a chain of {sent} certificate(s) to an unknown CA: {last.issuer}",
            "use a certificate of a public CA; send its issuer's too; or name the CA in ca_file",
        )
    return "untrusted", f"a chain that is not valid: {probed.trust_error}", "replace the certificate"


def _is_incomplete(probed: TlsProbe, leaf: Certificate) -> bool:
    """Return True if the last certificate that the server sends is not by a root: an intermediate is missing.

    A chain with intermediates that ends at an issuer which the client does not have may also be of an unknown CA. The
    certificates cannot tell, so only a break in the chain and a single certificate count.
    """
    if probed.others is None:
        return True
    chain = [leaf, *probed.others]
    linked = all(one.issuer == other.subject for one, other in itertools.pairwise(chain))
    return not linked or len(chain) == 1


def judge_names(survey: TlsSurvey) -> Judgement:
    """Report each certificate that is not for the name that users ask for."""
    judged = judgement_of(survey)
    for probed, leaf in _certificates(survey, judged):
        names = ", ".join((*leaf.names, *leaf.addresses)) or "none (no subjectAltName)"
        judged.measure(f"names in the certificate of {probed.place}", names[:300], f"one matches {probed.used.host}")
        if not leaf.covers(probed.used.host):
            judged.findings.append(
                Finding(
                    f"tls:wrong-name:{probed.used.host}", probed.place,
                    f"a certificate for {probed.used.host}", f"a certificate for other names: {names[:300]}", PAGE,
                    "add the name to the certificate (a wildcard covers one label), or correct the server's SNI",
                )
            )  # fmt: skip
    return judged


def judge_days(survey: TlsSurvey, now: datetime.datetime) -> Judgement:
    """Report each certificate that is not valid or expires soon. A warning, if some more days are left."""
    judged = judgement_of(survey)
    fail, warn = survey.settings.fail_days, survey.settings.warn_days
    if fail < TlsSettings.fail_days or warn < TlsSettings.warn_days:
        judged.warnings.append(
            f"preflight.tls accepts certificates with more than {fail} days left (warning up to {warn}); the limits of "
            f"the gate are {TlsSettings.fail_days} and {TlsSettings.warn_days}"
        )
    for probed, leaf in _certificates(survey, judged):
        chain = [each for each in (leaf, *(probed.others or ())) if each is leaf or not each.self_issued]
        first = min(chain, key=lambda each: each.not_after)
        what = "the certificate" if first is leaf else f"the intermediate certificate {first.subject}"
        left, until = first.days_left(now), f"{first.not_after:%Y-%m-%d %H:%M} UTC"
        judged.measure(f"days left of {probed.place}", left, f"> {fail}, warning up to {warn}")
        expected = f"a certificate that is valid for more than {fail} days (preflight.tls.fail_days)"
        renew = "renew it, and find out why the automatic renewal did not"
        late = [each for each in chain if each.not_before > now]
        problem: tuple[str, str, str] | None = None
        if late:
            problem = (
                "not-yet-valid", f"not yet valid: from {late[0].not_before:%Y-%m-%d %H:%M} UTC",
                "correct the clock of the machine, or wait",
            )  # fmt: skip
        elif first.not_after <= now:
            problem = "expired", f"{what} has expired on {until}, {(now - first.not_after).days} day(s) ago", renew
        elif left <= fail:
            problem = "expires-soon", f"{what} expires in {left} days, on {until}", renew
        elif probed.is_dated:
            problem = "expired-issuer", "a certificate of the CA that the server does not send has expired", renew
        elif left <= warn:
            judged.warnings.append(f"{what} of {probed.place} expires in {left} days, on {until}")
        if problem is not None:
            name, got, fix = problem
            judged.findings.append(Finding(f"tls:{name}:{probed.used.host}", probed.place, expected, got, PAGE, fix))
    return judged


def judgement_of(survey: TlsSurvey) -> Judgement:
    """Return a judgement with the names that do not resolve, and with what was not probed."""
    judged = Judgement()
    if not survey.names:
        judged.unverified.append("no name has an https URL, so nothing was connected to")
    for used in survey.unresolved:
        judged.block(RESOLVING, f"{used.host} does not resolve")
    judged.could_not_detect += survey.unprobed
    return judged


def _certificates(survey: TlsSurvey, judged: Judgement) -> Iterator[tuple[TlsProbe, Certificate]]:
    """Yield each probe with its certificate. A probe without one blocks its part of the check."""
    for probed in survey.probes:
        if probed.unreadable:
            judged.unverified.append(f"the suite cannot read a certificate of {probed.place}: {probed.unreadable}")
        elif probed.leaf is None and probed.negotiated:
            judged.unverified.append(f"{probed.place} sends no certificate")
        elif probed.leaf is None:
            judged.block(HANDSHAKE, f"{probed.place}: {probed.refused or probed.failed or 'no handshake'}")
        else:
            yield probed, probed.leaf


def _offered(probed: TlsProbe) -> list[str]:
    found = [name for name in OLD_VERSIONS if probed.old.get(name)]
    found += ["TLS 1.2"] if probed.offers_1_2 or probed.negotiated == "TLS 1.2" else []
    return found + (["TLS 1.3"] if probed.negotiated == "TLS 1.3" else [])


def _trusted_by(survey: TlsSurvey) -> str:
    return survey.ca_file or f"this machine ({ssl.get_default_verify_paths().cafile or 'the system'})"
