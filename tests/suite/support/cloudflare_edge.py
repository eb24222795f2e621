"""Start cloudflare_edge.mjs, a proxy with the features of Cloudflare's edge: TLS, HTTP/2, redirects, versions."""

import contextlib
import json
import subprocess
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cutover.embedded import node


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate for loopback and its key: paths of PEM files."""

    key: Path
    cert: Path


def new_certificate(folder: Path) -> Certificate:
    """Create a certificate with openssl. It is valid for a day."""
    made = Certificate(folder / "key.pem", folder / "cert.pem")
    names = "subjectAltName=IP:127.0.0.1,DNS:localhost"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=loopback",  # noqa: S607 - in PATH
         "-addext", names, "-keyout", str(made.key), "-out", str(made.cert)],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return made


@contextlib.contextmanager
def edge(tls: Certificate | None = None, **options: Any) -> Generator[str]:
    """Run an edge with these options (cloudflare_edge.mjs) and yield its address."""
    if tls is not None:
        options["tls"] = {"key": tls.key.read_text(), "cert": tls.cert.read_text()}
    process = subprocess.Popen(
        [str(node.find().program), str(Path(__file__).with_suffix(".mjs"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    try:
        process.stdin.write(json.dumps(options) + "\n")
        process.stdin.flush()
        yield f"http{'s' if tls else ''}://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()
