"""One difference between two responses: its key, its direction, and samples without users' values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Final, Self

SAMPLES: Final = 5
NOT_LISTED: Final = "list without a file that was uploaded"
STILL_LISTED: Final = "list with a file that was deleted"
NOT_FOUND: Final = "404 for the user's own file"
OTHER_BYTES: Final = "other bytes than uploaded"
SHARED_LOSSES: Final = (NOT_LISTED, STILL_LISTED, NOT_FOUND, OTHER_BYTES)
"""Words of differences that mean lost data on both systems (shared_losses.py). No entry can accept them."""
_SHOWN: Final = 200


class Kind(StrEnum):
    """The class of a difference, as seen from the baseline."""

    MISSING = "missing"  # only the baseline has it
    EXTRA = "extra"  # only the candidate has it
    TYPE = "type"  # another JSON type: "5" for 5, 1.0 for 1, null for ""
    VALUE = "value"  # the same type, but another value
    ORDER = "order"  # the same elements in another order, where order is promised
    STATUS = "status"
    HEADER = "header"  # both responses have the header, with different meanings
    SEMANTICS = "semantics"  # each response is plausible alone, but they contradict each other


@dataclass(frozen=True)
class Difference:
    """One difference of one pair of responses.

    operation: a name of contracts/operations.toml, or "state". path: the place in the response, with the Worker's
    names and `*` for each element of a list (docs/parity.md). baseline, candidate: words for the two sides that
    contain no user's values and are the same in each run: statuses, JSON types, meanings of headers. case: the step's
    name for a special condition, "" without one. sample: both values, masked or not, and where they start to differ;
    not part of the key.
    """

    operation: str
    path: str
    kind: Kind
    baseline: str
    candidate: str
    case: str = ""
    sample: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def key(self) -> tuple[str, str, str, str, str, str]:
        """Return operation, path, class, direction and case. Differences with equal keys are counted as one."""
        return self.operation, self.path, self.kind.value, self.baseline, self.candidate, self.case

    def as_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {**asdict(self), "kind": self.kind.value, "sample": dict(self.sample)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the difference that `as_json` gave. Raises ValueError or TypeError for anything else."""
        found = cls(**{**data, "kind": Kind(data["kind"]), "sample": dict(data["sample"])})
        if not all(isinstance(part, str) for part in found.key):
            raise TypeError("the key of a difference contains something that is not text")
        return found

    def __str__(self) -> str:
        case = f" ({self.case})" if self.case else ""
        return f"{self.operation} {self.path} {self.kind.value}{case}: legacy {self.baseline}, Worker {self.candidate}"


def shape(value: Any) -> str:
    """Return the JSON type of a value as a word, without the value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, Lexeme):
        return "number"
    if isinstance(value, str):
        return "text" if value else "empty text"
    if isinstance(value, list):
        return "list" if value else "empty list"
    if isinstance(value, Repeated):
        return "object with a repeated key"
    if isinstance(value, dict):
        return "object" if value else "empty object"
    return type(value).__name__


class Lexeme(str):
    """A JSON number with a fraction or an exponent, as it was written. Integers are Python's, which are exact."""

    __slots__ = ()


class Repeated(dict[str, Any]):
    """A JSON object in which a key occurs twice. Parsers disagree about the value (RFC 8259, section 4).

    As a dictionary it has the last value of each key. pairs: all keys and values, as written.
    """

    __slots__ = ("pairs",)

    def __init__(self, pairs: Iterable[tuple[str, Any]]) -> None:
        self.pairs = tuple(pairs)
        super().__init__(self.pairs)


def every(value: Mapping[str, Any], key: str) -> list[Any]:
    """Return all values of that key."""
    if isinstance(value, Repeated):
        return [inner for name, inner in value.pairs if name == key]
    return [value[key]]


def sample_of(baseline: Any, candidate: Any, *, show_values: bool) -> dict[str, str]:
    """Return both sides for the report: their values with show_values, else kind, length and first difference."""
    if show_values:
        return {"baseline": _quoted(baseline), "candidate": _quoted(candidate)}
    masked = {"baseline": _masked(baseline), "candidate": _masked(candidate)}
    if isinstance(baseline, (str, bytes)) and isinstance(candidate, (str, bytes)) and type(baseline) is type(candidate):
        masked["parts_at"] = str(first_difference(baseline, candidate))
    return masked


def first_difference(baseline: str | bytes, candidate: str | bytes) -> int:
    """Return the index of the first character or byte that differs, the shorter length if there is none."""
    if baseline == candidate:
        return len(baseline)
    low, high = 0, min(len(baseline), len(candidate))
    while low < high:  # bisection over equal prefixes: slices compare in C
        middle = (low + high + 1) // 2
        if baseline[:middle] == candidate[:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _masked(value: Any) -> str:
    if isinstance(value, (str, bytes, list)):
        unit = {bytes: "bytes", list: "elements"}.get(type(value), "characters")
        kind = "bytes" if isinstance(value, bytes) else shape(value)
        return f"{kind}, {len(value)} {unit}" if value else kind
    return shape(value)


def _quoted(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)} characters)"
