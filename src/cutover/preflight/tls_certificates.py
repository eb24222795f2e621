"""Read certificates, also those that no client trusts. The only module of the feature that imports cryptography."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import ExtensionOID, NameOID

CA_DOMAINS: Final = {
    "let's encrypt": ("letsencrypt.org",),
    "internet security research group": ("letsencrypt.org",),
    "google trust services": ("pki.goog",),
    "digicert": ("digicert.com", "www.digicert.com", "digicert.ne.jp", "cybertrust.ne.jp"),
    "cloudflare": ("digicert.com", "comodoca.com"),
    "ssl corp": ("ssl.com",),
    "ssl corporation": ("ssl.com",),
    "sectigo": ("sectigo.com", "comodoca.com", "comodo.com", "usertrust.com", "trust-provider.com"),
    "comodo": ("sectigo.com", "comodoca.com", "comodo.com"),
    "zerossl": ("sectigo.com", "zerossl.com"),
    "amazon": ("amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com"),
    "globalsign": ("globalsign.com",),
    "entrust": ("entrust.net", "affirmtrust.com"),
    "godaddy": ("godaddy.com", "starfieldtech.com"),
    "starfield": ("starfieldtech.com", "godaddy.com"),
    "buypass": ("buypass.com", "buypass.no"),
    "microsoft": ("microsoft.com", "digicert.com"),
    "actalis": ("actalis.it",),
    "certum": ("certum.pl", "certum.eu"),
}
"""First words of the organization of an issuer -> the domain names that allow it in CAA records.

Cloudflare docs, Certificate authorities reference, for the CAs of its edge; the CAs' own pages about CAA for the
others."""


@dataclass(frozen=True)
class Certificate:
    """The fields of a certificate that the checks judge. names: DNS names of the subjectAltName, in lower case.

    self_signed: its own key signed it. self_issued: subject and issuer are equal. addresses: IP addresses in it.
    """

    subject: str
    issuer: str
    organization: str
    names: tuple[str, ...]
    addresses: tuple[str, ...]
    not_before: datetime.datetime
    not_after: datetime.datetime
    self_signed: bool
    self_issued: bool

    def days_left(self, now: datetime.datetime) -> int:
        """Return the whole days until it expires, negative if it has expired."""
        return (self.not_after - now).days

    def covers(self, host: str) -> bool:
        """Return True if the certificate is for this host name (RFC 9525 6.3). The common name does not count."""
        return any(name_matches(name, host) for name in self.names)

    @property
    def ca_domains(self) -> tuple[str, ...]:
        """Return the domain names of its CA in CAA records, () if the CA is unknown."""
        issuer = self.organization.lower()
        return next((domains for words, domains in CA_DOMAINS.items() if issuer.startswith(words)), ())


def name_matches(pattern: str, host: str) -> bool:
    """Return True if a DNS name of a certificate matches the host: equal, or `*` as its whole first label."""
    pattern, host = pattern.rstrip(".").lower(), host.rstrip(".").lower()
    if not pattern.startswith("*."):
        return pattern == host
    first, _, rest = host.partition(".")
    return bool(first) and rest == pattern[2:] and "." in rest


def read_certificate(der: bytes) -> Certificate:
    """Return the fields of a certificate in DER form. Raises ValueError if it cannot be read."""
    found = x509.load_der_x509_certificate(der)
    try:
        extension = found.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    except x509.ExtensionNotFound:
        extension = None
    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    if isinstance(extension, x509.SubjectAlternativeName):
        names = tuple(name.lower() for name in extension.get_values_for_type(x509.DNSName))
        addresses = tuple(str(address) for address in extension.get_values_for_type(x509.IPAddress))
    return Certificate(
        found.subject.rfc4514_string(),
        found.issuer.rfc4514_string(),
        _organization(found.issuer),
        names,
        addresses,
        found.not_valid_before_utc,
        found.not_valid_after_utc,
        _is_self_signed(found),
        found.issuer == found.subject,
    )


def _organization(issuer: x509.Name) -> str:
    for kind in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME):
        if values := issuer.get_attributes_for_oid(kind):
            return str(values[0].value)
    return ""


def _is_self_signed(certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(certificate)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
