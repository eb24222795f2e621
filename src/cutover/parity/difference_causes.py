"""Group the undeclared differences of a run by their cause, most important first.

A header that is lost in thirty operations is one cause. A value that differs in each response (a nonce) is one cause.
A difference of responses whose statuses differ is a consequence of the status.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cutover.parity.accepted_differences import STATE
from cutover.parity.differences import SHARED_LOSSES, Difference, Kind, first_difference
from cutover.parity.totals import Seen, add_seen

PER_RESPONSE: Final = "… differs in each response"
_ENOUGH: Final = 3
"""Responses with different values that show a per-response value: two may differ because the state changed."""
_NAMED: Final = 6
_LONG: Final = 240
_SECURITY_HEADERS: Final = (
    "access-control-", "clear-site-data", "content-security-policy", "cross-origin-", "permissions-policy",
    "referrer-policy", "set-cookie", "strict-transport-security", "www-authenticate", "x-content-type-options",
    "x-frame-options", "x-xss-protection",
)  # fmt: skip
_FORBIDDEN: Final = ("401", "403", "404")


@dataclass(frozen=True)
class Cause:
    """Undeclared differences with one cause.

    rank: importance, 0 first. kind, path, baseline, candidate: as in a Difference. operations: sorted; cases: the named
    ones. differences: number of keys. answers, of: responses with the difference, responses compared for these
    operations. consequences: further differences of the same responses. first: (journey, step) of the first sample.
    """

    rank: int
    path: str
    kind: str
    baseline: str
    candidate: str
    operations: tuple[str, ...]
    cases: tuple[str, ...]
    differences: int
    answers: int
    of: int
    first: tuple[str, int]
    consequences: int = 0

    @property
    def key(self) -> str:
        """Return the cause without counts: the same in each run."""
        return f"{self.path} {self.kind} {self.baseline}>{self.candidate}"

    @property
    def line(self) -> str:
        """Return the cause as one line."""
        named = ", ".join(self.operations[:_NAMED])
        if len(self.operations) > _NAMED:
            named += f" and {len(self.operations) - _NAMED} more operations"
        cases = f" when {' or '.join(self.cases)}" if self.cases else ""
        further = f", and {self.consequences} further differences of these responses" if self.consequences else ""
        varies = f" ({PER_RESPONSE})" if "…" in (*self.baseline, *self.candidate) else ""
        sides = f"legacy {_short(self.baseline)}, Worker {_short(self.candidate)}{varies}"
        if self.baseline == self.candidate and self.kind == Kind.SEMANTICS.value:
            sides = f"both systems: {self.candidate}"
        return (
            f"{self.path} {self.kind}{cases}: {sides}, in {named} ({self.answers:,} of {self.of:,} responses, first in "
            f"{self.first[0]}, step {self.first[1]}{further})"
        )

    def as_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            **{name: value for name, value in vars(self).items() if name != "first"},
            "operations": list(self.operations),
            "cases": list(self.cases),
            "first": {"journey": self.first[0], "step": self.first[1]},
            "line": self.line,
        }


def _short(word: str) -> str:
    """Return a value for a line. A long one, such as a policy, is named by its beginning and length."""
    return word if len(word) <= _LONG else f"{word[: _LONG // 2]}… (a value of {len(word)} characters)"


def importance(difference: Difference) -> int:
    """Return the rank of a difference: status and security first, then stored data and bodies, other headers last."""
    kind, path = difference.kind, difference.path
    if kind is Kind.STATUS and difference.baseline in _FORBIDDEN and difference.candidate[:1] in ("2", "3"):
        return 0
    if kind is Kind.SEMANTICS and (difference.baseline in ("id", "token") or difference.candidate in SHARED_LOSSES):
        return 1
    if path == "status":
        return 2
    if path.startswith("header:"):
        return 3 if path.removeprefix("header:").startswith(_SECURITY_HEADERS) else 6
    element = path.endswith("/*") and kind in (Kind.MISSING, Kind.EXTRA)
    return 4 if element or difference.operation == STATE or path in ("body", "csv", "csv/header") else 5


def causes_of(seen: Iterable[Seen], compared: Mapping[str, int]) -> list[Cause]:
    """Return the causes of the undeclared differences, most important first.

    seen: with per-response values merged. compared: operation -> pairs of responses.
    """
    undeclared = [each for each in seen if each.decision == "undeclared"]
    groups: dict[tuple[str, ...], list[Seen]] = {}
    behind: list[Seen] = []
    for each in undeclared:
        if each.difference.path != "status" and each.behind_status == each.answers:
            behind.append(each)
        else:
            groups.setdefault(group_of(each.difference), []).append(each)
    found = [_cause_of(members, compared, behind) for members in groups.values()]
    return sorted(found, key=lambda cause: (cause.rank, -cause.answers / max(1, cause.of), cause.path, cause.key))


def group_of(difference: Difference) -> tuple[str, ...]:
    """Return the key of a difference's cause: without operation and case, and without the column of a list."""
    path = difference.path
    if path.startswith("csv/*/"):
        path = "csv/*/COLUMN"
    return path, difference.kind.value, difference.baseline, difference.candidate


def _cause_of(members: Sequence[Seen], compared: Mapping[str, int], behind: Sequence[Seen]) -> Cause:
    path, kind, baseline, candidate = group_of(members[0].difference)
    operations = tuple(sorted({each.difference.operation for each in members}))
    cases = {each.difference.case for each in members}
    samples = [(str(sample["journey"]), int(sample["step"])) for each in members for sample in each.samples]
    further = 0
    if path == "status":
        own = {(each.difference.operation, each.difference.case) for each in members}
        further = sum((each.difference.operation, each.difference.case) in own for each in behind)
    return Cause(
        min(importance(each.difference) for each in members),
        path,
        kind,
        baseline,
        candidate,
        operations,
        tuple(sorted(cases)) if "" not in cases else (),
        len(members),
        sum(each.answers for each in members),
        sum(compared.get(name, 0) for name in operations),
        min(samples, default=("?", 0)),
        further,
    )


def with_per_response_values(seen: Mapping[tuple[str, ...], Seen]) -> dict[tuple[str, ...], Seen]:
    """Return the differences with the headers whose value differs in each response merged, as one key per operation.

    A value is a per-response value (a nonce, a random id, a path with an id) if no response of its operation has the
    same one, and several responses have one. The part that differs is replaced by "…".
    """
    merged = dict(seen)
    for side in ("baseline", "candidate"):
        groups: dict[tuple[Any, ...], dict[str, list[tuple[str, ...]]]] = {}
        for key, each in merged.items():
            difference = each.difference
            if each.line is None and difference.path.startswith("header:"):
                other = difference.candidate if side == "baseline" else difference.baseline
                operations = groups.setdefault((difference.path, difference.kind, other), {})
                operations.setdefault(difference.operation, []).append(key)
        for operations in groups.values():
            _merge_per_response_values(merged, side, operations)
    return merged


def _merge_per_response_values(
    merged: dict[tuple[str, ...], Seen], side: str, operations: Mapping[str, list[tuple[str, ...]]]
) -> None:
    """Merge the keys of one header, by operation, if its value on that side differs in each response."""
    single = {name: keys for name, keys in operations.items() if all(merged[key].answers == 1 for key in keys)}
    words = {_word(merged[key], side) for keys in single.values() if len(keys) > 1 for key in keys}
    if len(words) < _ENOUGH:
        return
    before, after = _common(sorted(words))
    for keys in single.values():
        for key in keys:
            word = _word(merged[key], side)
            fits = word in words or ((before or after) and word.startswith(before) and word.endswith(after))
            if fits and len(word) >= len(before) + len(after):
                found = merged.pop(key)
                words_of = {"baseline": found.difference.baseline, "candidate": found.difference.candidate}
                add_seen(merged, found.renamed(**{**words_of, side: f"{before}…{after}"}))


def _word(seen: Seen, side: str) -> str:
    return seen.difference.baseline if side == "baseline" else seen.difference.candidate


def _common(words: Sequence[str]) -> tuple[str, str]:
    """Return the common beginning and end of the words, without a part of a token."""
    before = re.sub(r"[A-Za-z0-9+_]*$", "", _beginning(words))
    after = _beginning([word[len(before) :][::-1] for word in words])[::-1]
    return before, re.sub(r"^[A-Za-z0-9+/=_-]*", "", after)


def _beginning(words: Sequence[str]) -> str:
    return words[0][: min(first_difference(words[0], word) for word in words)]
