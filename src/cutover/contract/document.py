"""The OpenAPI document of a system: read, and put where an environment has its operations.

Not for judging the document (lint.py), and not for comparing two of them (breaking.py).
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from cutover.config.operations import Operation
from cutover.config.validation import ConfigurationError
from cutover.contract.document_types import misshapen

METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
FILES: Final = {"worker": "contracts/worker.openapi.yaml", "legacy": "contracts/legacy.openapi.yaml"}
STANDS_FOR: Final = "x-stands-for"
REFUSES_VALID: Final = "x-refuses-valid"
ACCEPTS_INVALID: Final = "x-accepts-invalid"
SERVES_NOTHING: Final = "x-serves-nothing"


@dataclass(frozen=True)
class Described:
    """One operation of a document. name: its operationId; path: as the document has it."""

    name: str
    path: str
    method: str
    row: Mapping[str, Any] = field(repr=False)

    @property
    def has_body(self) -> bool:
        """Whether it takes a body."""
        return "requestBody" in self.row


@dataclass(frozen=True)
class Contract:
    """A document and where it came from (a file's name, or a URL)."""

    source: str
    raw: Mapping[str, Any] = field(repr=False)

    def operations(self) -> Iterator[Described]:
        """Its operations in the order of the document."""
        for path, item in self.raw.get("paths", {}).items():
            for method, row in item.items():
                if method in METHODS:
                    yield Described(str(row.get("operationId", f"{method.upper()} {path}")), path, method.upper(), row)

    def needs_token(self, described: Described) -> bool:
        """Whether an operation refuses who has no token. `{}` among its requirements makes one optional (OpenAPI 3.1,
        Security Requirement Object)."""
        requirements = described.row.get("security", self.raw.get("security"))
        return bool(requirements) and {} not in requirements

    @property
    def stands_for(self) -> Mapping[str, Any]:
        """What a value of the examples stands for -> that value; a run puts its own in its place."""
        found: Mapping[str, Any] = self.raw.get(STANDS_FOR, {})
        return found

    def placed(self, operations: Mapping[str, Operation]) -> Contract:
        """The document with the paths and methods of an environment's operations, without those that it has not.

        Operations that the environment does not know stay where they are.
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

    def copied(self) -> dict[str, Any]:
        """The document as plain data that nobody else holds."""
        return copy.deepcopy(dict(self.raw))


def read_contract(file: Path) -> Contract:
    """The document in that file (YAML or JSON). Raises ConfigurationError for what is none."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(file, "", f"cannot be read: {error}", "Name an OpenAPI document.") from None
    return parse_contract(text, file)


def parse_contract(text: str, source: Path | str) -> Contract:
    """The same from its text. source: file or address, for messages."""
    try:
        raw = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        told = " ".join(str(error).split())[:200]
        raise ConfigurationError(source, "", f"is no YAML and no JSON: {told}", "Mend the document.") from None
    if not isinstance(raw, dict) or not str(raw.get("openapi", "")).startswith("3."):
        raise ConfigurationError(source, "openapi", "is no OpenAPI document of version 3", "Name another.")
    if "paths" not in raw:
        raise ConfigurationError(source, "paths", "a table of paths is expected", "Mend the document.")
    for where, kind in misshapen(raw):
        raise ConfigurationError(source, where, f"is no {kind}", "Mend the document.")
    for item in raw["paths"].values():
        for method in METHODS:
            if "responses" in item.get(method, {}):  # YAML reads an unquoted 200 as a number
                row = item[method]
                row["responses"] = {str(status): answer for status, answer in row["responses"].items()}
    return Contract(str(source), raw)


def resolved(raw: Mapping[str, Any], value: Any) -> Any:
    """What a $ref inside of the document stands for; any other value itself. Raises KeyError where it leads nowhere."""
    seen = 0
    while isinstance(value, Mapping) and isinstance(value.get("$ref"), str):
        seen += 1
        reference = value["$ref"]
        if not reference.startswith("#/") or seen > 50:
            raise KeyError(reference)
        found: Any = raw
        for segment in reference[2:].split("/"):
            name = segment.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, Mapping) or name not in found:
                raise KeyError(reference)
            found = found[name]
        value = found
    return value
