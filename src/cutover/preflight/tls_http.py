"""Judge HSTS and the redirect from http to https."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from cutover.core.errors import NotApplicable
from cutover.preflight.dns_judgement import HANDSHAKE, Judgement
from cutover.preflight.dns_names import LEGACY
from cutover.preflight.findings import Finding
from cutover.preflight.tls_checks import PAGE, judgement_of
from cutover.preflight.tls_probe import REDIRECTED_PATHS, HttpHead, TlsProbe
from cutover.preflight.tls_survey import TlsSurvey

HSTS: Final = "strict-transport-security"
_DIRECTIVE: Final = re.compile(r"""\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*(?:=\s*("(?:[^"\\]|\\.)*"|[^\s;"]+)\s*)?""")


@dataclass(frozen=True)
class HstsPolicy:
    """The policy of a header Strict-Transport-Security (RFC 6797 6.1). max_age: in s."""

    max_age: int
    include_subdomains: bool
    preload: bool


def read_hsts(value: str) -> HstsPolicy | None:
    """Return the policy of the header's value, None if browsers ignore it: malformed, or without max-age."""
    found: dict[str, str] = {}
    for part in value.split(";"):
        if not part.strip():
            continue
        match = _DIRECTIVE.fullmatch(part)
        if match is None or match[1].lower() in found:
            return None
        found[match[1].lower()] = (match[2] or "").strip('"')
    age = found.get("max-age", "")
    if not (age.isascii() and age.isdigit()):
        return None
    return HstsPolicy(int(age[:18]), "includesubdomains" in found, "preload" in found)


def judge_hsts(survey: TlsSurvey, promised: str) -> Judgement:
    """Report each name of the Worker whose HSTS policy is weaker than the promised one."""
    judged = _of_names_of_the_worker(survey)
    wanted = read_hsts(promised)
    for probed in _of_worker(survey):
        response = probed.https
        if not probed.negotiated:
            judged.block(HANDSHAKE, f"{probed.place}: {probed.refused or probed.failed or 'no handshake'}")
            continue
        if not isinstance(response, HttpHead) or response.status >= 500:
            got = f"status {response.status}" if isinstance(response, HttpHead) else response
            judged.unverified.append(f"HSTS of {probed.place}: GET / got {got}")
            continue
        values = response.all(HSTS)
        policy = read_hsts(values[0]) if values else None  # browsers read the first one only (RFC 6797 8.1)
        judged.measure(f"HSTS of {probed.place}", values[0] if values else None, promised)
        if weaker := _weaker(policy, wanted, present=bool(values)):
            judged.findings.append(
                Finding(
                    f"tls:hsts:{probed.used.host}", f"{probed.place} GET /",
                    f"Strict-Transport-Security: {promised} (contracts/promises.toml)",
                    f"{weaker}: {values[0]!r}" if values else weaker, PAGE,
                    "set the header in the Worker, or HSTS in the zone's Edge Certificates",
                )
            )  # fmt: skip
    return judged


def _weaker(policy: HstsPolicy | None, wanted: HstsPolicy | None, *, present: bool) -> str:
    """Return what the policy lacks, "" if it is at least as strong as the wanted one."""
    if policy is None:
        return "a header that browsers ignore" if present else "no header"
    wanted = wanted or HstsPolicy(1, include_subdomains=False, preload=False)
    lacks = [f"max-age {policy.max_age} s"] if policy.max_age < wanted.max_age else []
    lacks += ["no includeSubDomains"] if wanted.include_subdomains and not policy.include_subdomains else []
    lacks += ["no preload"] if wanted.preload and not policy.preload else []
    return ", ".join(lacks)


def judge_redirect(survey: TlsSurvey) -> Judgement:
    """Report each name of the Worker whose http is not redirected by 301 to the same URL with https."""
    judged = _of_names_of_the_worker(survey)
    for probed in _of_worker(survey):
        if probed.used.port != 443 and survey.settings.http_port == 80:
            judged.unverified.append(
                f"https://{probed.used.authority} has a port of its own, so no port of plain http is known: add "
                "preflight.tls.http_port"
            )
            continue
        if probed.refused and all(isinstance(response, str) for response in probed.http.values()):
            judged.block(HANDSHAKE, f"{probed.place}: {probed.refused}")
            continue
        wrong = [problem for path in REDIRECTED_PATHS if (problem := _wrong_redirect(probed, path))]
        judged.measure(
            f"redirects of {probed.used.host}", len(REDIRECTED_PATHS) - len(wrong), f"= {len(REDIRECTED_PATHS)}"
        )
        if wrong:
            expected = f"301 to https://{probed.used.authority} with the same path and query"
            judged.findings.append(
                Finding(
                    f"tls:redirect:{probed.used.host}",
                    f"http://{probed.used.host} ({probed.address}:{survey.settings.http_port})",
                    expected, "; ".join(wrong), PAGE,
                    "redirect in the Worker (enforceHTTPS), or set Always Use HTTPS in the zone",
                )
            )  # fmt: skip
    return judged


def _wrong_redirect(probed: TlsProbe, path: str) -> str:
    """Return what is wrong with the redirect of this path, "" if nothing is."""
    response = probed.http[path]
    if not isinstance(response, HttpHead):
        return f"{path}: {response}"
    location = (response.all("location") or [""])[0]
    if response.status != 301:
        return f"{path}: {response.status}" + (f" to {location}" if location else "")
    try:
        parts = urlsplit(location)
        port = parts.port
    except ValueError:
        return f"{path}: 301 to {location!r}, which is not a URL"
    if parts.scheme != "https":
        return f"{path}: 301 to {location!r}, which is not https"
    if (parts.hostname, port or 443) != (probed.used.host, probed.used.port):
        return f"{path}: 301 to another host, {location}"
    target = (parts.path or "/") + (f"?{parts.query}" if "?" in location else "")
    if target != path:
        lost = "the query" if target.partition("?")[0] == path.partition("?")[0] else "the path"
        return f"{path}: 301 changes {lost}: {location}"
    return ""


def _of_names_of_the_worker(survey: TlsSurvey) -> Judgement:
    """Return a judgement. Raises NotApplicable if the configuration has names of the legacy system only."""
    if all(used.role == LEGACY for used in survey.names):
        raise NotApplicable("the environment has no name of the Worker: the plan does not promise this for legacy")
    return judgement_of(survey)


def _of_worker(survey: TlsSurvey) -> list[TlsProbe]:
    """Return the probes of the Worker's names: the plan promises both for these, not for the legacy system."""
    return [probed for probed in survey.probes if probed.used.role != LEGACY]
