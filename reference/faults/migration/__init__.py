"""Faults of a migrated pair: `from reference.faults.migration import entries, planted, Pair`.

Faults of the running systems are in ../worker and ../legacy.
"""

from reference.faults.migration import keys, objects, rows, source, transport
from reference.faults.migration.planting import Entry, Pair, PlantingError, Shows, entries, planted
from reference.faults.migration.transport import LIES, lying

__all__ = [
    "LIES",
    "Entry",
    "Pair",
    "PlantingError",
    "Shows",
    "entries",
    "keys",
    "lying",
    "objects",
    "planted",
    "rows",
    "source",
    "transport",
]
