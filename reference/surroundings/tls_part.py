"""The TLS front of the pair's Worker, with a certificate of a CA of its own for each name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .certificates import Authority, CertificateSpec
from .dns_part import CA_DOMAIN, NAMES
from .serving import Serving
from .tls_front import FrontListener, TlsFront

if TYPE_CHECKING:
    from .presented import Presented


def describe(presented: Presented) -> None:
    """Add the honest content: one certificate for all names, as a zone of Cloudflare has."""
    presented.certificates = {"": CertificateSpec(list(NAMES))}
    presented.front = TlsFront(presented.pair["worker_url"])
    presented.settings["tls"] = {"ca_domains": [CA_DOMAIN]}


def present(presented: Presented) -> Callable[[], None]:
    """Issue the certificates, start the front, and name its ports in the settings."""
    authority = Authority()
    root = presented.folder / "root-ca.pem"
    root.write_bytes(authority.root.pem)
    files = {}
    for number, (host, spec) in enumerate(presented.certificates.items()):
        file = presented.folder / f"certificate-{number}.pem"
        file.touch(mode=0o600)
        file.write_bytes(authority.issue(spec))
        files[host] = str(file)
    running = Serving([FrontListener(presented.front, files)])
    presented.settings["tls"].setdefault("port", presented.front.https_port)
    presented.settings["tls"].setdefault("http_port", presented.front.http_port)
    presented.settings["tls"].setdefault("ca_file", str(root))
    return running.close
