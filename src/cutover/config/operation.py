"""One operation of one system: its route, its fields and the statuses of its responses. operations.py reads it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from cutover.core.errors import NotApplicable
from cutover.core.safety import SafetyLevel

_SUCCESS: Final = (200, 201, 202, 204)
PLACEHOLDER: Final = re.compile(r"\{(\+?)(\w+)\}")


@dataclass(frozen=True)
class Operation:
    """One operation of one system.

    path: contains {parameters}. request: our field name -> the deployment's. response, entry: our field name -> JSON
    pointer (RFC 6901); pointers of entry are relative to one element of a list. revokes: tokens that must be refused
    afterwards. object_key: key of the uploaded object in R2. absent: reason why the system has no such operation, None
    if it has. needs: capability (environment_schema.CAPABILITIES) without which an environment has no such operation.
    dropped: PART.FIELD ("response.user_id") -> why the environment has no such field. constants: the deployment's key
    -> text that every request sends, with {parameters}. refusals: status of contracts/api.md -> statuses with which
    this deployment says the same. object_keys: our names in `request` that name the object, instead of the path.
    source: the file and table that declares it.
    """

    name: str
    system: str
    method: str
    path: str
    statuses: tuple[int, ...]
    level: SafetyLevel
    request: Mapping[str, str] = field(default_factory=dict)
    response: Mapping[str, str] = field(default_factory=dict)
    entry: Mapping[str, str] = field(default_factory=dict)
    revokes: tuple[str, ...] = ()
    object_key: str | None = None
    absent: str | None = None
    needs: str | None = None
    dropped: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    refusals: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    object_keys: frozenset[str] = frozenset()
    source: str = ""

    @property
    def where(self) -> str:
        """Return the place of its declaration, for messages."""
        return self.source or f"contracts/operations.toml [{self.name}] {self.system}"

    def url_path(self, parameters: Mapping[str, str]) -> str:
        """Return the path with its parameters filled in, percent-encoded. Raises KeyError for a missing parameter.

        {+name} keeps slashes (RFC 6570, reserved expansion).
        """
        return PLACEHOLDER.sub(lambda match: quote(parameters[match[2]], safe="/" if match[1] else ""), self.path)

    def json_body(self, fields: Mapping[str, Any] | None, parameters: Mapping[str, str]) -> dict[str, Any] | None:
        """Return the JSON body of a request, None if it has none.

        fields: values by our field names. A field that the environment dropped is not sent. parameters: of the object;
        object_keys are sent in the body. Raises KeyError for a field without a declaration.
        """
        body = {}
        for ours, value in (fields or {}).items():
            if f"request.{ours}" not in self.dropped:
                body[self.request[ours]] = value
        for ours in self.object_keys:
            if ours not in (fields or {}):
                body[self.request[ours]] = parameters[ours]
        for theirs, text in self.constants.items():
            body[theirs] = PLACEHOLDER.sub(lambda match: parameters[match[2]], text)
        return body if body or fields is not None else None

    @property
    def parameters(self) -> frozenset[str]:
        """Return the names of the path's parameters."""
        return names_in(self.path)

    @property
    def values(self) -> frozenset[str]:
        """Return the names of all parameters, in the path and in the body."""
        return self.parameters.union(self.object_keys, *map(names_in, self.constants.values()))

    def has(self, name: str) -> bool:
        """Return True if the response has a field of that name."""
        return name in self.response

    def require(self, part: str, name: str) -> None:
        """Raise NotApplicable if the environment dropped a field. part: request, response or entry."""
        reason = self.dropped.get(f"{part}.{name}")
        if reason is not None:
            raise NotApplicable(f"{self.system} {self.name} has no {part} field {name}: {reason}")

    def meaning(self, *statuses: int) -> tuple[int, ...]:
        """Return the statuses with which this deployment says what contracts/api.md says by these, each once.

        A success that the operation does not declare means the declared ones as well, a refusal for those of
        `refusal`.
        """
        found: list[int] = []
        for status in statuses:
            known = (status,) if status in self.statuses or status not in _SUCCESS else (status, *self.statuses)
            found += known if status < 400 else self.refused_with(status)
        return tuple(dict.fromkeys(found))

    def refused_with(self, *statuses: int) -> tuple[int, ...]:
        """Return the statuses of this deployment for those of contracts/api.md, in order and each once."""
        found = [mine for status in statuses for mine in self.refusals.get(status, (status,))]
        return tuple(dict.fromkeys(found))


def names_in(text: str) -> frozenset[str]:
    """Return the names of the parameters in a text."""
    return frozenset(match[2] for match in PLACEHOLDER.finditer(text))


Operations = Mapping[str, Mapping[str, Operation]]
"""System -> name of the operation -> operation."""


def follow_pointer(document: Any, pointer: str) -> Any:
    """Return the value at a JSON pointer (RFC 6901). Raises KeyError if there is none."""
    if pointer == "":
        return document
    for raw in pointer.removeprefix("/").split("/"):
        token = raw.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict) and token in document:
            document = document[token]
        elif isinstance(document, list) and re.fullmatch(r"0|[1-9]\d*", token) and int(token) < len(document):
            document = document[int(token)]
        else:
            raise KeyError(pointer)
    return document
