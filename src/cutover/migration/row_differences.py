"""Rows and columns that differ in a range whose rendered bytes are not equal."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Sequence
from itertools import compress

from cutover.migration import values
from cutover.migration.findings import Finding, Kind, Part
from cutover.migration.mapping import Form
from cutover.migration.rendered_range import MismatchedError, Rendered
from cutover.migration.row_queries import TableQueries
from cutover.migration.values import Value


class RowDifferences:
    """Finds the differences of one table."""

    def __init__(self, queries: TableQueries, part: Part) -> None:
        self._queries, self._part = queries, part

    def between(self, source: Rendered, target: Rendered) -> list[Finding]:
        """Return a finding for each difference. Raises MismatchedError if none explains why the bytes differ."""
        source_keys, target_keys = self._values(source, None), self._values(target, None)
        at_source, at_target = _first_positions(source_keys), _first_positions(target_keys)
        source_counts, target_counts = Counter(source_keys), Counter(target_keys)
        explained = source_keys != target_keys
        found: list[Finding] = []
        for key in sorted(at_source.keys() - at_target.keys(), key=str):
            found += [self._finding(Kind.MISSING, key)] * source_counts[key]
        for key in sorted(at_target.keys() - at_source.keys(), key=str):
            found += [self._finding(Kind.EXTRA, key)] * target_counts[key]
        for counts, side in ((source_counts, "source"), (target_counts, "target")):
            if counts.total() > len(counts):
                for key, count in counts.items():
                    if count > 1 and key in at_source and key in at_target:
                        found += [self._finding(Kind.DUPLICATED, key, note=f"in the {side}")] * (count - 1)
        common = [key for key in source_counts if key in at_target]
        source_places = [at_source[key] for key in common]
        target_places = [at_target[key] for key in common]
        for number, column in enumerate(self._queries.columns):
            if source.columns[number] == target.columns[number] and source_keys == target_keys:
                continue
            source_values, target_values = self._values(source, number), self._values(target, number)
            expected = [source_values[place] for place in source_places]
            got = [target_values[place] for place in target_places]
            # Without booleans and floats, equal values are identical, so the lists are compared in C.
            for place in compress(range(len(common)), map(operator.ne, expected, got)):
                explained = True
                if not values.same(column.form, expected[place], got[place]):
                    found.append(self._changed(common[place], column.name, column.form, expected[place], got[place]))
            # Equal values with different escapes, for example by two versions of SQLite: only the bytes differ.
            explained = explained or source_values == target_values
        if not explained:
            raise MismatchedError(
                f"{self._queries.name}, keys {source_keys[0] if source_keys else ''} to "
                f"{source_keys[-1] if source_keys else ''}: the bytes differ, but no row and column does. One of the "
                "two responses cannot be right"
            )
        return found

    def _values(self, rendered: Rendered, number: int | None) -> list[Value]:
        try:
            return rendered.values_of(number)
        except ValueError as error:
            name = "the key" if number is None else self._queries.columns[number].name
            raise MismatchedError(f"{self._queries.name}: {name} cannot be parsed as JSON: {error}") from None

    def _changed(self, key: Value, column: str, form: Form, expected: Value, got: Value) -> Finding:
        classes = values.storage_class(expected), values.storage_class(got)
        kind = Kind.STORAGE_CLASS if classes[0] != classes[1] and "null" not in classes else Kind.CHANGED
        if form is Form.TIMESTAMP and isinstance(expected, str) and not values.is_time(expected):
            kind = Kind.NOT_CARRIED  # a year without four digits: D1's format cannot represent it
        return self._finding(kind, key, column, values.shown(expected), values.shown(got))

    def _finding(
        self,
        kind: Kind,
        key: Value,
        column: str | None = None,
        expected: str | None = None,
        got: str | None = None,
        note: str = "",
    ) -> Finding:
        text = str(key) if isinstance(key, int) else values.shown(key)
        return Finding(self._part, self._queries.name, kind, text, column, expected, got, note)


def _first_positions(keys: Sequence[Value]) -> dict[Value, int]:
    """Return the first position of each key."""
    return dict(zip(reversed(keys), range(len(keys) - 1, -1, -1), strict=True))
