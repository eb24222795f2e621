"""Read the file of certificate authorities that an environment names."""

from __future__ import annotations

import ssl
from pathlib import Path

from cutover.config.validation import ConfigurationError


def read_ca_file(file: Path, name: str, path: str | None) -> str | None:
    """Return the path of the certificate authorities. Raises ConfigurationError if they cannot be loaded."""
    if path is None:
        return None
    try:
        ssl.create_default_context(cafile=path)
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            file, f"{name}.ca_file", f"expected a PEM file, got {path!r} ({error})", "Name a PEM file."
        ) from None
    return path
