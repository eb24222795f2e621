"""Compare two JSON values. Each difference has a path and a class; ids and times are compared by the ID mapping.

The code is optimized for equal values: places are created once, and texts only if a difference is found.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from cutover.parity.alignment import Alignment, align
from cutover.parity.differences import Kind, Lexeme, Repeated, every, shape
from cutover.parity.id_mapping import IdMapping, read_instant
from cutover.parity.list_elements import (
    PLAIN,
    are_alike,
    elements_by_key,
    hashable,
    have_same_elements,
    literal_content,
    moved_positions,
    without,
)
from cutover.parity.rules import Place

Report = Callable[[str, Kind, str, str, Any, Any], None]
"""Called with path, class, the two words (without users' values), and the two values."""

_ABSENT = "absent"
_GONE = object()
_NESTED = frozenset((dict, list, Repeated))
_TEXTS = frozenset((str,))


class Comparison:
    """Compares values of one pair of responses and reports the differences."""

    def __init__(self, id_mapping: IdMapping, report: Report, filled: set[str] | None = None) -> None:
        """filled: gets the path of each list that has elements on both sides."""
        self._id_mapping, self._report = id_mapping, report
        self._filled = set() if filled is None else filled

    def compare(self, baseline: Any, candidate: Any, place: Place) -> None:
        """Compare two values at that place.

        Types are those of JSON: 1, 1.0, true and "1" are four values. Numbers are compared exactly, never as floating
        point. Two spellings of one number (1.50, 1.5) are different values, because a client that reads the text sees
        the difference.
        """
        kind = type(baseline)
        if kind is not type(candidate):
            self._unlike(baseline, candidate, place)
        elif kind is list:
            self._lists(baseline, candidate, place)
        elif kind in _NESTED:
            self._objects(baseline, candidate, place)
        elif place.value:
            self._meanings(baseline, candidate, place)
        elif baseline != candidate:
            self._values(baseline, candidate, place)

    def _unlike(self, baseline: Any, candidate: Any, place: Place) -> None:
        if isinstance(baseline, dict) and isinstance(candidate, dict):  # one of them has a repeated key
            self._objects(baseline, candidate, place)
            return
        self._report(place.path, Kind.TYPE, shape(baseline), shape(candidate), baseline, candidate)
        if place.value in ("id", "token") and not {type(baseline), type(candidate)} & {dict, list, type(None)}:
            self._meanings(baseline, candidate, place)  # of another type, but still part of the ID mapping

    def _objects(self, baseline: dict[str, Any], candidate: dict[str, Any], place: Place) -> None:
        self._members(baseline, candidate, place)
        if isinstance(baseline, Repeated) or isinstance(candidate, Repeated):
            for key in sorted(baseline.keys() & candidate.keys()):
                self._repeats(every(baseline, key), every(candidate, key), place.child(key))

    def _repeats(self, baseline: list[Any], candidate: list[Any], place: Place) -> None:
        """Compare all values of a key that occurs several times. The last ones were compared already."""
        if len(baseline) != len(candidate):
            words = [f"key that occurs {len(side)} times" for side in (baseline, candidate)]
            self._report(place.path, Kind.SEMANTICS, words[0], words[1], None, None)
            return
        for ours, theirs in zip(baseline[:-1], candidate[:-1], strict=True):
            self.compare(ours, theirs, place)

    def _members(self, baseline: dict[str, Any], candidate: dict[str, Any], place: Place) -> None:
        other_of, plain_keys = candidate.get, place.plain
        for key, value in baseline.items():
            other = other_of(key, _GONE)
            kind = type(value)
            if kind is type(other) and kind in PLAIN and value == other and key in plain_keys:
                continue  # most values: avoid a call
            if other is not _GONE:
                self.compare(value, other, place.child(key))
            else:
                self._report(place.child(key).path, Kind.MISSING, shape(value), _ABSENT, value, None)
        if len(candidate) > len(baseline) or candidate.keys() - baseline.keys():
            for key, value in candidate.items():
                if key not in baseline:
                    self._report(place.child(key).path, Kind.EXTRA, _ABSENT, shape(value), None, value)

    def _values(self, baseline: Any, candidate: Any, place: Place) -> None:
        if (
            isinstance(baseline, str)
            and not isinstance(baseline, Lexeme)
            and self._id_mapping.same_text(baseline, candidate)
        ):
            return
        ours, theirs = shape(baseline), shape(candidate)
        if isinstance(baseline, Lexeme) and _equal(baseline, candidate):
            theirs = "number with another spelling"
        elif isinstance(baseline, bool):
            ours, theirs = str(baseline).lower(), str(candidate).lower()
        self._report(place.path, Kind.VALUE, ours, theirs, baseline, candidate)

    def _meanings(self, baseline: Any, candidate: Any, place: Place) -> None:
        if place.value == "instant":
            self._instants(baseline, candidate, place)
            return
        if baseline is None or baseline == "" or candidate == "":
            if baseline != candidate:
                self._values(baseline, candidate, place)
            return
        namespace = place.namespace or place.value
        if objection := self._id_mapping.bind(namespace, baseline, candidate):
            self._report(place.path, Kind.SEMANTICS, place.value, f"{place.value} that {objection}", "", "")

    def _instants(self, baseline: Any, candidate: Any, place: Place) -> None:
        ours = read_instant(baseline)
        theirs = ours if candidate == baseline else read_instant(candidate)
        if ours is None or theirs is None:
            if baseline != candidate:
                names = ["instant" if side else f"{shape(value)}, not an instant" for side, value in
                         ((ours, baseline), (theirs, candidate))]  # fmt: skip
                kind = Kind.VALUE if ours is theirs else Kind.TYPE  # one is an instant, the other a text
                self._report(place.path, kind, names[0], names[1], baseline, candidate)
            return
        if ours.form != theirs.form:
            self._report(place.path, Kind.TYPE, f"instant, {ours.form}", f"instant, {theirs.form}", "", "")
        if objection := self._id_mapping.bind_instants(ours, theirs):
            self._report(place.path, Kind.SEMANTICS, "instant", f"instant that {objection}", baseline, candidate)

    def _lists(self, baseline: list[Any], candidate: list[Any], place: Place) -> None:
        rule, element = place.list, place.element()
        if baseline and candidate:
            self._filled.add(place.path)
        if rule.key is not None:
            self._keyed(baseline, candidate, place, element, rule.key)
        elif rule.ordered:
            self._ordered(baseline, candidate, element)
        else:
            self._free(baseline, candidate, element)

    def _ordered(self, baseline: list[Any], candidate: list[Any], element: Place) -> None:
        if baseline == candidate and not element.value and _TEXTS.issuperset(map(type, (*baseline, *candidate))):
            return  # fast path for equal texts, such as tags
        if len(baseline) == len(candidate):
            moved = set() if element.value or baseline == candidate else moved_positions(baseline, candidate)
            if moved:
                self._report(element.path, Kind.ORDER, "list", "list in another order", baseline, candidate)
            for index, (ours, theirs) in enumerate(zip(baseline, candidate, strict=True)):
                if index not in moved:
                    self.compare(ours, theirs, element)
            return
        aligned = align([hashable(value) for value in baseline], [hashable(value) for value in candidate])
        self._gaps(baseline, candidate, aligned, element)
        if aligned.moved:
            self._report(element.path, Kind.ORDER, "list", "list in another order", baseline, candidate)

    def _free(self, baseline: list[Any], candidate: list[Any], element: Place) -> None:
        if have_same_elements(baseline, candidate):
            return
        aligned = align([hashable(value) for value in baseline], [hashable(value) for value in candidate])
        left = tuple(index for gap in aligned.gaps for index in gap[0])
        right = tuple(index for gap in aligned.gaps for index in gap[1])
        self._gap(baseline, candidate, (left, right), element)

    def _gaps(self, baseline: list[Any], candidate: list[Any], aligned: Alignment, element: Place) -> None:
        for gap in aligned.gaps:
            self._gap(baseline, candidate, gap, element)

    def _gap(
        self,
        baseline: list[Any],
        candidate: list[Any],
        gap: tuple[tuple[int, ...], tuple[int, ...]],
        element: Place,
    ) -> None:
        """Compare elements that only one side has. Elements on both sides of a gap are compared in pairs."""
        left, right = gap
        paired = min(len(left), len(right))
        for one, other in zip(left[:paired], right[:paired], strict=True):
            self.compare(baseline[one], candidate[other], element)
        for one in left[paired:]:
            self._report(element.path, Kind.MISSING, shape(baseline[one]), _ABSENT, baseline[one], None)
        for other in right[paired:]:
            self._report(element.path, Kind.EXTRA, _ABSENT, shape(candidate[other]), None, candidate[other])

    def _keyed(self, baseline: list[Any], candidate: list[Any], place: Place, element: Place, key: str) -> None:
        where = element.child(key)
        theirs = elements_by_key(candidate, key)
        ours = elements_by_key(baseline, key)
        if ours is None or theirs is None:  # elements without the key, or two with the same key
            if (ours is None) != (theirs is None):
                words = [
                    f"list in which not each element has its own {key}" if side is None else "list"
                    for side in (ours, theirs)
                ]
                self._report(place.path, Kind.SEMANTICS, words[0], words[1], baseline, candidate)
            if place.list.ordered:
                self._ordered(baseline, candidate, element)
            else:
                self._free(baseline, candidate, element)
            return
        pairs, left, right = self._matched(ours, theirs, where, element)
        if where.value == "id" and self._only_ids_differ(baseline, candidate, pairs, element, key):
            self._report(where.path, Kind.SEMANTICS, "id", "id of another element", None, None)
            return
        for one, other in pairs:
            self.compare(ours[one], theirs[other], element)
        for one in left:
            self._report(element.path, Kind.MISSING, "object", _ABSENT, ours[one], None)
        for other in right:
            self._report(element.path, Kind.EXTRA, _ABSENT, "object", None, theirs[other])
        if place.list.ordered:
            rank = {other: index for index, other in enumerate(theirs)}
            ranks = [rank[other] for _, other in pairs]
            if ranks != sorted(ranks):
                self._report(element.path, Kind.ORDER, "list", "list in another order", baseline, candidate)

    def _only_ids_differ(
        self, baseline: list[Any], candidate: list[Any], pairs: list[tuple[Any, Any]], element: Place, key: str
    ) -> bool:
        """Return True if the elements are equal one by one, but have each other's ids."""
        if len(baseline) != len(candidate) or len(pairs) != len(baseline):
            return False
        if all(other[key] == partner for other, (_, partner) in zip(candidate, pairs, strict=True)):
            return False
        found: list[Kind] = []
        scratch = Comparison(self._id_mapping.copy(), lambda _path, kind, *_rest: found.append(kind))
        for ours, theirs in zip(baseline, candidate, strict=True):
            scratch.compare({**ours, key: None}, {**theirs, key: None}, element)
            if any(kind not in (Kind.EXTRA, Kind.MISSING, Kind.TYPE) for kind in found):
                return False
        return True

    def _is_unchanged_id(self, namespace: str, key: Any) -> bool:
        """Return True if a new id that is equal on both sides may be the same id: only texts, because numbers may
        be equal by chance.
        """
        return type(key) is str and self._id_mapping.baseline_id(namespace, key) is None

    def _matched(
        self, ours: dict[Any, Any], theirs: dict[Any, Any], where: Place, element: Place
    ) -> tuple[list[tuple[Any, Any]], list[Any], list[Any]]:
        """Return pairs of keys in the baseline's order, and the keys that only one side has.

        Keys that are ids are matched by the ID mapping. Ids that are new on both sides are matched by the other
        content of their elements, or by position if that differs.
        """
        pairs: list[tuple[Any, Any]] = []
        if where.value != "id":
            named = {key: self._id_mapping.candidate_text(key) for key in ours}
            pairs = [(key, partner) for key, partner in named.items() if partner in theirs]
            found = {partner for _, partner in pairs}
            lost = [key for key, partner in named.items() if partner not in theirs]
            return pairs, lost, [key for key in theirs if key not in found]
        left, taken = [], set()
        for key in ours:
            partner = self._id_mapping.candidate_id(where.namespace, key)
            if partner is None and key in theirs and self._is_unchanged_id(where.namespace, key):
                partner = key
            if partner in theirs:
                pairs.append((key, partner))
                taken.add(partner)
            else:
                left.append(key)
        right = [key for key in theirs if key not in taken]
        fresh = [key for key in left if self._id_mapping.candidate_id(where.namespace, key) is None]
        new = [key for key in right if self._id_mapping.baseline_id(where.namespace, key) is None]
        matched = []
        if len(fresh) == len(new):  # most are in the right position, which is cheap to check
            zipped = enumerate(zip(fresh, new, strict=True))
            matched = [(index, index) for index, (a, b) in zipped if are_alike(ours[a], theirs[b], element)]
        matched_here = {index for index, _ in matched}
        one = [index for index in range(len(fresh)) if index not in matched_here]
        other = [index for index in range(len(new)) if index not in matched_here]
        aligned = align(
            [literal_content(ours[fresh[index]], element) for index in one],
            [literal_content(theirs[new[index]], element) for index in other],
        )
        more = [*aligned.pairs, *(pair for gap in aligned.gaps for pair in zip(*gap, strict=False))]
        matched += [(one[a], other[b]) for a, b in more]
        if matched:
            pairs += [(fresh[one], new[other]) for one, other in matched]
            left = without(left, {fresh[one] for one, _ in matched})
            right = without(right, {new[other] for _, other in matched})
            order = {key: index for index, key in enumerate(ours)}
            pairs.sort(key=lambda pair: order[pair[0]])
        return pairs, left, right


def _equal(one: Lexeme, other: Lexeme) -> bool:
    try:
        return Decimal(str(one)) == Decimal(str(other))
    except InvalidOperation:  # an exponent outside of decimal's range
        return False
