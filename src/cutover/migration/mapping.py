"""The mapping of tables, columns, objects and logins from Django to the Worker, as data.

mapping_file.py reads it from contracts/migration.toml; schemas.py compares it with the live databases.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

DERIVED: Final = ("row_count", "column_count", "sha256", "status", "error")
"""The values that can be derived from a file's bytes (contracts/api.md, Reading a list file)."""


class Form(StrEnum):
    """A format in which D1 stores a value of Django. The head of contracts/migration.toml describes each."""

    INTEGER = "integer"
    BOOLEAN = "boolean"
    TEXT = "text"
    EMPTY_IS_NULL = "empty_is_null"
    UUID = "uuid"
    TIMESTAMP = "timestamp"
    TEXT_ARRAY = "text_array"
    JSON = "json"


class Origin(StrEnum):
    """The origin of a D1 column's value; the key that declares it in the mapping."""

    COLUMN = "from"
    CONSTANT = "constant"
    NULL = "always_null"
    TEMPLATE = "template"
    DERIVED = "calculated"


@dataclass(frozen=True, slots=True)
class Template:
    """A text with fields in braces: literals and fields alternate, beginning and ending with a literal."""

    text: str
    literals: tuple[str, ...]
    fields: tuple[str, ...]

    def filled(self, values: Mapping[str, object]) -> str:
        """Return the text with the values of its fields. Raises KeyError for a missing one."""
        parts = [self.literals[0]]
        for name, literal in zip(self.fields, self.literals[1:], strict=True):
            parts += (str(values[name]), literal)
        return "".join(parts)


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """A column of D1.

    source: column of Django, if the origin is COLUMN; form: its format in D1. derived: one of DERIVED, if the origin is
    DERIVED. null: True if the column may be NULL; back_null: JSON text that the reverse direction writes for NULL.
    carried_back: True if the reverse direction writes the column into Django, so that it can be compared there.
    """

    name: str
    origin: Origin
    source: str | None = None
    form: Form | None = None
    constant: int | str | None = None
    template: Template | None = None
    derived: str | None = None
    null: bool = False
    back_null: str | None = None
    carried_back: bool = True


@dataclass(frozen=True, slots=True)
class SourceOnly:
    """A column of Django without a column in D1.

    constant, column, template: the value that every row must have; any other value would be lost. None of the three:
    any value may be lost, for the reason in `why`.
    """

    name: str
    why: str
    constant: str | int | bool | None = None
    column: str | None = None
    template: Template | None = None

    @property
    def constrained(self) -> bool:
        """Return True if every row must have a certain value."""
        return self.constant is not None or self.column is not None or self.template is not None


@dataclass(frozen=True, slots=True)
class TableMapping:
    """A table of Django and the table of D1 that receives its rows. Integer keys match the rows.

    unique: columns of D1. references: column of D1 -> (table, column) of D1.
    """

    source: str
    target: str
    source_key: str
    target_key: str
    columns: tuple[ColumnMapping, ...]
    source_only: tuple[SourceOnly, ...]
    unique: tuple[str, ...] = ()
    references: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def column(self, name: str) -> ColumnMapping:
        """Return the column of D1 with that name. Raises KeyError."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def source_of(self, name: str) -> str | None:
        """Return the column of Django that is the source of a D1 column, None if it has none."""
        return self.column(name).source


@dataclass(frozen=True, slots=True)
class OneSided:
    """A table that only one side has. references: column -> (table, column) of the same side.

    grows: True if rows are added at any time, as to a log. Then rows that a migration run adds are not noticed.
    """

    name: str
    why: str
    must_be_empty: bool = False
    grows: bool = False
    references: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ObjectRules:
    """The place of a file's bytes on each side, and the headers of its object.

    table: of D1; source_path: column of Django with the path below MEDIA_ROOT; target_key, size: columns of D1.
    metadata: name -> template over columns of D1 ({filename:percent}: percent-encoded), or "instant".
    """

    table: str
    source_path: str
    target_key: str
    size: str
    content_type: str
    cache_control: str
    prefix: str
    metadata: Mapping[str, str]
    optional_metadata: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LoginRules:
    """The column of D1 with password hashes, their algorithm, and the most iterations that the Worker can verify."""

    table: str
    column: str
    algorithm: str
    max_iterations: int


@dataclass(frozen=True, slots=True)
class MigrationMapping:
    """The content of contracts/migration.toml. digest: SHA-256 of the file, to detect a change between two runs."""

    tables: tuple[TableMapping, ...]
    source_tables: tuple[OneSided, ...]
    target_tables: tuple[OneSided, ...]
    objects: ObjectRules
    logins: LoginRules
    digest: str

    def table(self, target: str) -> TableMapping:
        """Return the mapped table with that name in D1. Raises KeyError."""
        for table in self.tables:
            if table.target == target:
                return table
        raise KeyError(target)
