"""Read a Wrangler configuration."""

from __future__ import annotations

import tomllib
from pathlib import Path

from cutover.preflight.findings import Finding

PAGE = "Cloudflare docs, Workers, Wrangler configuration"


def syntax_findings(file: Path) -> list[Finding]:
    """Return the syntax errors of the file, with their lines."""
    try:
        tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        return [
            Finding("wrangler:syntax", file.name, "valid TOML 1.0", str(error), PAGE, "correct that line"),
        ]
    return []
