"""The OpenAPI document of a system, read from a file and adapted to the paths of an environment."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cutover.config.input_files import refuse_foreign_content
from cutover.config.operations import Operation
from cutover.config.validation import ConfigurationError
from cutover.contract.document_shape import METHODS, shaped
from cutover.contract.document_text import parse_text
from cutover.contract.document_types import type_errors

FILES: Final = {"worker": "contracts/worker.openapi.yaml", "legacy": "contracts/legacy.openapi.yaml"}
PLACEHOLDERS: Final = "x-stands-for"
REFUSES_VALID: Final = "x-refuses-valid"
ACCEPTS_INVALID: Final = "x-accepts-invalid"
SERVES_NOTHING: Final = "x-serves-nothing"


@dataclass(frozen=True)
class Described:
    """One operation of a document. name: the operationId. path: the path template of the document."""

    name: str
    path: str
    method: str
    row: Mapping[str, Any] = field(repr=False)

    @property
    def has_body(self) -> bool:
        """Return True if the operation has a request body."""
        return "requestBody" in self.row


@dataclass(frozen=True)
class Contract:
    """A document and its source (file name or URL)."""

    source: str
    raw: Mapping[str, Any] = field(repr=False)

    def operations(self) -> Iterator[Described]:
        """Yield the operations in the order of the document."""
        for path, item in self.raw.get("paths", {}).items():
            for method, row in item.items():
                if method in METHODS:
                    yield Described(str(row.get("operationId", f"{method.upper()} {path}")), path, method.upper(), row)

    def needs_token(self, described: Described) -> bool:
        """Return True if the operation requires a token.

        An operation whose `security` includes `{}` counts as unauthenticated (OpenAPI 3.1, Security Requirement
        Object).
        """
        requirements = described.row.get("security", self.raw.get("security"))
        return bool(requirements) and {} not in requirements

    @property
    def placeholders(self) -> Mapping[str, Any]:
        """Return name -> placeholder value in the examples. A run replaces the value with its own."""
        found: Mapping[str, Any] = self.raw.get(PLACEHOLDERS, {})
        return found

    def with_operations(self, operations: Mapping[str, Operation]) -> Contract:
        """Return the document with the paths and methods of an environment, without its absent operations.

        Operations that are not in `operations` keep their path.
        """
        raw = dict(self.raw)
        paths: dict[str, dict[str, Any]] = {}
        for described in self.operations():
            known = operations.get(described.name)
            if known is not None and known.absent is not None:
                continue
            path = re.sub(r"\{\+(\w+)\}", r"{\1}", known.path) if known is not None else described.path
            method = (known.method if known is not None else described.method).lower()
            item = paths.setdefault(path, {})
            shared = self.raw["paths"][described.path].get("parameters")
            if shared is not None:
                item["parameters"] = shared
            item[method] = described.row
        raw["paths"] = paths
        return Contract(self.source, raw)

    def copy(self) -> dict[str, Any]:
        """Return the document as a deep copy."""
        return copy.deepcopy(dict(self.raw))


def read_contract(file: Path) -> Contract:
    """Read the document in a YAML or JSON file. Raises ConfigurationError."""
    try:
        refuse_foreign_content(file, "an OpenAPI document")
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(file, "", f"cannot be read: {error}", "Name an OpenAPI 3 document.") from None
    return parse_contract(text, file)


def parse_contract(text: str, source: Path | str) -> Contract:
    """Parse a document. source: file or URL for messages. Raises ConfigurationError."""
    raw = parse_text(text, source)
    version = str(raw.get("openapi", "")) if isinstance(raw, dict) else ""
    if not version.startswith("3."):
        got = f"Swagger {raw['swagger']}" if isinstance(raw, dict) and "swagger" in raw else version or "none"
        raise ConfigurationError(
            source, "openapi", f"expected an OpenAPI 3 document, got {got}", "Name another document."
        )
    if "paths" not in raw:
        raise ConfigurationError(source, "paths", "missing", "Add the table of paths.")
    raw = shaped(raw, source)
    for where, kind in type_errors(raw):
        raise ConfigurationError(source, where, f"expected a {kind}", "Correct the document.")
    return Contract(str(source), raw)
