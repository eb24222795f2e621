"""A certificate authority, its intermediate, and certificates of both. Made at start, never stored."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ORGANIZATION = "List Cutter Test CA"


@dataclass(frozen=True)
class Issuer:
    """A CA: its certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        """Return the certificate as PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)


@dataclass
class CertificateSpec:
    """The content of a certificate, and of what the server sends with it.

    names: DNS names. days: until it expires, negative for an expired one. issued_by: "intermediate" (as CAs do),
    "root", "self" (self-signed) or "unknown" (an intermediate of another CA). chain: the server sends the intermediate
    too. intermediate_days: until the intermediate expires. valid_in_days: until the certificate is valid.
    """

    names: Sequence[str]
    days: float = 90.0
    issued_by: str = "intermediate"
    chain: bool = True
    intermediate_days: float = 1000.0
    valid_in_days: float = -1.0


class Authority:
    """A root CA and what it issues. A new one each time."""

    def __init__(self, organization: str = ORGANIZATION) -> None:
        self.organization = organization
        self.root = _issuer(organization, "Root", None, 3650)

    @functools.cached_property
    def other(self) -> Authority:
        """Return another CA, which no client trusts."""
        return Authority("Unknown CA")

    def issue(self, spec: CertificateSpec) -> bytes:
        """Return key and certificates of a server, as one PEM text."""
        key = _key()
        source = self.other if spec.issued_by == "unknown" else self
        chain: list[x509.Certificate] = []
        if spec.issued_by in ("intermediate", "unknown"):
            middle = _issuer(source.organization, "Intermediate", source.root, spec.intermediate_days)
            issuer, chain = middle, [middle.certificate]
        else:
            issuer = source.root
        subject = _subject(None, spec.names[0] if spec.names else "no name")
        builder = (
            _builder(subject, key.public_key(), spec.days, spec.valid_in_days)
            .issuer_name(subject if spec.issued_by == "self" else issuer.certificate.subject)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        )
        if spec.names:
            names = x509.SubjectAlternativeName([x509.DNSName(name) for name in spec.names])
            builder = builder.add_extension(names, critical=False)
        signer = key if spec.issued_by == "self" else issuer.key
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        leaf = builder.sign(signer, hashes.SHA256())
        sent = [leaf, *(chain if spec.chain else [])]
        return key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ) + b"".join(each.public_bytes(serialization.Encoding.PEM) for each in sent)


def _issuer(organization: str, name: str, above: Issuer | None, days: float) -> Issuer:
    key = _key()
    subject = _subject(organization, f"{organization} {name}")
    signer = above.key if above else key
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    builder = (
        _builder(subject, key.public_key(), days)
        .issuer_name(above.certificate.subject if above else subject)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    return Issuer(builder.sign(signer, hashes.SHA256()), key)


def _builder(
    subject: x509.Name, key: ec.EllipticCurvePublicKey, days: float, valid_in_days: float = -1.0
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    until = now + datetime.timedelta(days=days)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(now, until) + datetime.timedelta(days=valid_in_days))
        .not_valid_after(until)
    )


def _subject(organization: str | None, name: str) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)] if organization else []
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())
