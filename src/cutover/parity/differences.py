"""What differs between two answers: its key, its direction, and samples that show no user's values.

Not for finding differences: comparison.py; nor for deciding about them: acceptances.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Final, Self

SAMPLES: Final = 5
_SHOWN: Final = 200


class Kind(StrEnum):
    """The class of a difference, seen from the baseline."""

    MISSING = "missing"  # the baseline has it, the candidate has not
    EXTRA = "extra"  # the candidate has it, the baseline has not
    TYPE = "type"  # another JSON type: "5" for 5, 1.0 for 1, null for ""
    VALUE = "value"  # the same type, another value
    ORDER = "order"  # the same elements in another order, where order is promised
    STATUS = "status"
    HEADER = "header"  # the header is on both answers and means something else
    SEMANTICS = "semantics"  # each answer may look right alone, what they mean together does not hold


@dataclass(frozen=True)
class Difference:
    """One difference of one pair of answers.

    operation: a name of contracts/operations.toml, or "state". path: where in the answer, in the
    Worker's names, `*` for each element of a list (docs/parity.md). baseline, candidate: what stands on
    either side, as far as it may be shown to anybody and is the same in each run: statuses, JSON types,
    meanings of headers. case: the step's own word for a special condition, "" without one.
    sample: both values, masked or not, and where they part; never part of the key.
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
        """Operation, path, class, direction and case: what is counted and decided as one."""
        return self.operation, self.path, self.kind.value, self.baseline, self.candidate, self.case

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**asdict(self), "kind": self.kind.value, "sample": dict(self.sample)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The difference that `as_json` gave. Raises ValueError or TypeError for anything else."""
        found = cls(**{**data, "kind": Kind(data["kind"]), "sample": dict(data["sample"])})
        if not all(isinstance(part, str) for part in found.key):
            raise TypeError("a difference whose key is not of texts")
        return found

    def __str__(self) -> str:
        case = f" ({self.case})" if self.case else ""
        return f"{self.operation} {self.path} {self.kind.value}{case}: legacy {self.baseline}, Worker {self.candidate}"


def shape(value: Any) -> str:
    """What kind of JSON value it is, without the value: the words of a direction."""
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
    """A JSON object in which a key stands twice. RFC 8259, section 4: readers disagree about which one counts.

    As a dictionary it is what a reader sees for whom the last one counts; pairs: everything, as it was written.
    """

    __slots__ = ("pairs",)

    def __init__(self, pairs: Iterable[tuple[str, Any]]) -> None:
        self.pairs = tuple(pairs)
        super().__init__(self.pairs)


def every(value: Mapping[str, Any], key: str) -> list[Any]:
    """All values of that key, as often as it stands there."""
    if isinstance(value, Repeated):
        return [inner for name, inner in value.pairs if name == key]
    return [value[key]]


def sample_of(baseline: Any, candidate: Any, *, show_values: bool) -> dict[str, str]:
    """Both sides for the report: as they are with show_values, else their kind, length and first difference."""
    if show_values:
        return {"baseline": _quoted(baseline), "candidate": _quoted(candidate)}
    masked = {"baseline": _masked(baseline), "candidate": _masked(candidate)}
    if isinstance(baseline, (str, bytes)) and isinstance(candidate, (str, bytes)) and type(baseline) is type(candidate):
        masked["parts_at"] = str(first_difference(baseline, candidate))
    return masked


def first_difference(baseline: str | bytes, candidate: str | bytes) -> int:
    """The index of the first character or byte in which the two differ; the shorter's length when there is none."""
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
