"""The schema of contracts/promises.toml: every key that the suite reads, with the kind of its value.

The file is complete. What an environment does not promise, it drops in its own table, and the verdict shows that.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from cutover.config.validation import ConfigurationError

_TEXT: Final = "a text"
_TEXTS: Final = "a list of texts"
_POSITIVE: Final = "a number above 0"
_REFUSAL: Final = "a status of 400 to 499"
_CLAIM: Final = "a text, number or boolean"
_HEADERS: Final = (
    "strict-transport-security", "x-content-type-options", "x-frame-options", "x-xss-protection", "referrer-policy",
)  # fmt: skip
"""plan: SSL Certificate Configuration, addSecurityHeaders. The file may name more."""

_TOKENS: Final = {"access_s": _POSITIVE, "refresh_s": _POSITIVE, "type_claim": _TEXT}
_REFUSALS: Final = dict.fromkeys(("too_large", "wrong_type", "wrong_method"), _REFUSAL)
_SCHEMA: Final[Mapping[str, Any]] = {
    "security_headers": dict.fromkeys((*_HEADERS, "*"), _TEXT),
    "cors": {"origin": _TEXT, "headers": _TEXTS},
    "tokens": {
        "worker": {**_TOKENS, "claims": {"iss": _CLAIM, "aud": _CLAIM, "*": _CLAIM}},
        "legacy": {**_TOKENS, "claims": {"*": _CLAIM}},
    },
    "refusals": {"worker": _REFUSALS, "legacy": _REFUSALS},
    "uploads": {"limit": _POSITIVE},
    "front_end": {
        "index": {"content_type": _TEXT, "cache_control": _TEXT},
        "asset_cache_control": _TEXT,
        "asset_types": {"*": _TEXT},
        "app_routes": _TEXTS,
    },
    "limiter": {"requests": _POSITIVE, "window_s": _POSITIVE},
    "response_time": {"each_ms": _POSITIVE},
    "health": dict.fromkeys(("healthy", "degraded", "unhealthy"), _TEXT),
}
"""Key -> kind, or a table. "*": any further key."""


def check_promises(file: Path, tables: Mapping[str, Any]) -> None:
    """Raise ConfigurationError for a missing or unknown key, and for a value of another kind."""
    _check(file, "", tables, _SCHEMA)


def _check(file: Path, key: str, value: object, schema: str | Mapping[str, Any]) -> None:
    if isinstance(schema, str):
        if not _is(value, schema):
            raise ConfigurationError(file, key, f"expected {schema}, got {value!r}", "Correct the value.")
        return
    if not isinstance(value, Mapping):
        raise ConfigurationError(file, key, f"expected a table, got {value!r}", "Correct the value.")
    for name, inner in schema.items():
        where = f"{key}.{name}".lstrip(".")
        if name != "*" and name not in value:
            raise ConfigurationError(
                file, where, "missing", f"Add it. An environment drops it by promises.{where} = false."
            )
        if name != "*":
            _check(file, where, value[name], inner)
    for name in value.keys() - schema.keys():
        where = f"{key}.{name}".lstrip(".")
        if "*" not in schema:
            raise ConfigurationError(file, where, "unknown key", f"Use one of {', '.join(sorted(schema))}.")
        _check(file, where, value[name], schema["*"])


def _is(value: object, kind: str) -> bool:
    if kind == _TEXTS:
        return isinstance(value, list) and bool(value) and all(_is(each, _TEXT) for each in value)
    if kind == _TEXT:
        return isinstance(value, str) and bool(value.strip())
    if kind == _CLAIM:
        return isinstance(value, (str, int, float, bool))
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind == _REFUSAL:
        return number and value in range(400, 500)
    return number and 0 < float(str(value)) < float("inf")
