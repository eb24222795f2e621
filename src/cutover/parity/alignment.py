"""Align two sequences: common elements, elements of one sequence only, and a changed order.

The time is linear in the length of the sequences, for any content.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Alignment:
    """Indexes into both sequences.

    pairs: equal elements. gaps: elements between two pairs, as (only in the first, only in the second), never both
    empty. moved: the common elements are in another order; then there is one gap.
    """

    pairs: tuple[tuple[int, int], ...]
    gaps: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]
    moved: bool


def align(ours: Sequence[Hashable], theirs: Sequence[Hashable]) -> Alignment:
    """Pair each element with an equal one, as often as both sequences have it.

    If one sequence has an element more often, the pairs that keep the order are preferred. Three ways are tried: one
    sequence as part of the other, counting from the front, counting from the back.
    """
    start = _common(zip(ours, theirs, strict=False))
    shorter = min(len(ours), len(theirs)) - start
    end = min(shorter, _common(zip(reversed(ours), reversed(theirs), strict=False)))
    left, right = ours[start : len(ours) - end], theirs[start : len(theirs) - end]
    middle = _within(left, right)
    if middle is None:
        middle = _counted(left, right)
    if not _ascending(middle):
        backwards = [(len(left) - 1 - i, len(right) - 1 - j) for i, j in _counted(left[::-1], right[::-1])]
        backwards.sort()
        middle = backwards if _ascending(backwards) else middle
    pairs = [(i, i) for i in range(start)]
    pairs += [(start + i, start + j) for i, j in middle]
    pairs += [(len(ours) - k, len(theirs) - k) for k in range(end, 0, -1)]
    pairs.sort()
    moved = not _ascending(pairs)
    gaps = [_alone(pairs, len(ours), len(theirs))] if moved else _between(pairs, len(ours), len(theirs))
    return Alignment(tuple(pairs), tuple(gap for gap in gaps if gap != ((), ())), moved)


def _common(pairs: Iterable[tuple[Hashable, Hashable]]) -> int:
    count = 0
    for one, other in pairs:
        if one != other:
            break
        count += 1
    return count


def _within(left: Sequence[Hashable], right: Sequence[Hashable]) -> list[tuple[int, int]] | None:
    """Return the pairs if the shorter sequence is the longer one with elements left out, else None."""
    if len(left) < len(right):
        found = _within(right, left)
        return None if found is None else [(i, j) for j, i in found]
    pairs: list[tuple[int, int]] = []
    for index, value in enumerate(left):
        if len(pairs) < len(right) and value == right[len(pairs)]:
            pairs.append((index, len(pairs)))
    return pairs if len(pairs) == len(right) else None


def _counted(left: Sequence[Hashable], right: Sequence[Hashable]) -> list[tuple[int, int]]:
    """Pair the first occurrence of a value with the first, the second with the second."""
    places: dict[Hashable, list[int]] = {}
    for index in range(len(right) - 1, -1, -1):
        places.setdefault(right[index], []).append(index)
    return [(index, places[value].pop()) for index, value in enumerate(left) if places.get(value)]


def _ascending(pairs: Sequence[tuple[int, int]]) -> bool:
    return all(one[1] < other[1] for one, other in pairwise(pairs))


def _between(
    pairs: Sequence[tuple[int, int]], ours: int, theirs: int
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    i = j = 0
    for one, other in (*pairs, (ours, theirs)):
        yield tuple(range(i, one)), tuple(range(j, other))
        i, j = one + 1, other + 1


def _alone(pairs: Sequence[tuple[int, int]], ours: int, theirs: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    left, right = {i for i, _ in pairs}, {j for _, j in pairs}
    return tuple(i for i in range(ours) if i not in left), tuple(j for j in range(theirs) if j not in right)


def same_elements(ours: Iterable[Hashable], theirs: Iterable[Hashable]) -> bool:
    """Return True if both have each element equally often."""
    return Counter(ours) == Counter(theirs)
