"""contracts/migration.toml, read and judged: what becomes of each table and column.

Not for the databases themselves: schemas.py holds the mapping against them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from cutover.config.validation import ConfigurationError, known_keys, read_toml, table_of, texts_of, typed, whole_of

FILE: Final = Path("contracts") / "migration.toml"
CALCULATED: Final = ("row_count", "column_count", "sha256", "status", "error")
"""What a column may be calculated from a file's bytes as (contracts/api.md, Reading a list file)."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FIELD: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)(?::(percent))?\}")
_COLUMN_KEYS: Final = {
    "from",
    "as",
    "constant",
    "always_null",
    "template",
    "calculated",
    "null",
    "back_null",
    "back",
    "why",
}
_ORIGINS: Final = ("from", "constant", "always_null", "template", "calculated")
_OBJECT_KEYS: Final = {
    "table", "source_path", "target_key", "size", "content_type", "cache_control", "metadata", "optional_metadata",
    "prefix",
}  # fmt: skip


class Form(StrEnum):
    """How a value of Django is written in D1. The file's head says what each means."""

    INTEGER = "integer"
    BOOLEAN = "boolean"
    TEXT = "text"
    EMPTY_IS_NULL = "empty_is_null"
    UUID = "uuid"
    TIMESTAMP = "timestamp"
    TEXT_ARRAY = "text_array"
    JSON = "json"


class Origin(StrEnum):
    """Where a column of D1 has its value from."""

    COLUMN = "from"
    CONSTANT = "constant"
    NULL = "always_null"
    TEMPLATE = "template"
    CALCULATED = "calculated"


@dataclass(frozen=True, slots=True)
class Template:
    """A text with fields in braces: literal and field take turns, beginning and ending with a literal."""

    text: str
    literals: tuple[str, ...]
    fields: tuple[str, ...]

    def filled(self, values: Mapping[str, object]) -> str:
        """The text with the fields' values. Raises KeyError for one that is not given."""
        parts = [self.literals[0]]
        for name, literal in zip(self.fields, self.literals[1:], strict=True):
            parts += (str(values[name]), literal)
        return "".join(parts)


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """One column of D1.

    source: column of Django, when origin is COLUMN; form: how it is written. constant: integer or text. calculated:
    one of CALCULATED. null: whether it may be NULL; back_null: JSON that stands for
    NULL in Django. carried_back: whether the reverse direction writes it into
    Django, so that it can be compared there.
    """

    name: str
    origin: Origin
    source: str | None = None
    form: Form | None = None
    constant: int | str | None = None
    template: Template | None = None
    calculated: str | None = None
    null: bool = False
    back_null: str | None = None
    carried_back: bool = True


@dataclass(frozen=True, slots=True)
class SourceOnly:
    """One column of Django that no column of D1 holds.

    must_be: the one value (constant), column or template that each row must hold, or the migration loses
    something; none of the three: any value is given up, and why says it.
    """

    name: str
    why: str
    constant: str | int | bool | None = None
    column: str | None = None
    template: Template | None = None

    @property
    def judged(self) -> bool:
        """Whether its value is held to anything."""
        return self.constant is not None or self.column is not None or self.template is not None


@dataclass(frozen=True, slots=True)
class TableMapping:
    """One table of Django and the one of D1 that holds its rows, matched by integer keys.

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
        """The column of D1 with that name. Raises KeyError."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def source_of(self, name: str) -> str | None:
        """The column of Django that D1's column comes from; None when it comes from none."""
        return self.column(name).source


@dataclass(frozen=True, slots=True)
class OneSided:
    """A table that only one side has. references: column -> (table, column) of the same side."""

    name: str
    why: str
    must_be_empty: bool = False
    references: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ObjectRules:
    """Where a row's bytes lie and how their object is described.

    table: of D1; source_path: column of Django below MEDIA_ROOT; target_key, size: columns of D1. metadata: name ->
    template over D1's columns ({filename:percent}: percent-encoded), or "instant".
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
    """Which column of D1 holds passwords, in which algorithm, and the most iterations that the Worker verifies."""

    table: str
    column: str
    algorithm: str
    max_iterations: int


@dataclass(frozen=True, slots=True)
class MigrationMapping:
    """The whole file. digest: of its bytes, to know whether a run that is resumed had the same one."""

    tables: tuple[TableMapping, ...]
    source_tables: tuple[OneSided, ...]
    target_tables: tuple[OneSided, ...]
    objects: ObjectRules
    logins: LoginRules
    digest: str

    def table(self, target: str) -> TableMapping:
        """The mapped table with that name in D1. Raises KeyError."""
        for table in self.tables:
            if table.target == target:
                return table
        raise KeyError(target)


def load_mapping(project: Path) -> MigrationMapping:
    """The mapping of that project. Raises ConfigurationError, naming key and fix."""
    file = project / FILE
    data = read_toml(file)
    known_keys(file, "", data, {"ownership", "table", "objects", "source_table", "target_table", "logins"})
    tables = tuple(
        _table(file, number, typed(file, f"table {number}", row, dict, "a table"))
        for number, row in enumerate(_rows(file, data, "table"), 1)
    )
    if not tables:
        raise ConfigurationError(file, "table", "no table is mapped", "A migration of nothing cannot be proven.")
    sided = {
        side: tuple(_one_sided(file, side, row) for row in _rows(file, data, side))
        for side in ("source_table", "target_table")
    }
    _all_different(file, "source", [*(t.source for t in tables), *(t.name for t in sided["source_table"])])
    _all_different(file, "target", [*(t.target for t in tables), *(t.name for t in sided["target_table"])])
    mapping = MigrationMapping(
        tables,
        sided["source_table"],
        sided["target_table"],
        _objects(file, data.get("objects"), tables),
        _logins(file, data.get("logins"), tables),
        hashlib.sha256(file.read_bytes()).hexdigest(),
    )
    _judge_references(file, mapping)
    return mapping


def _rows(file: Path, data: Mapping[str, Any], key: str) -> list[Any]:
    rows: list[Any] = typed(file, key, data.get(key, []), list, f"[[{key}]]")
    return rows


def _table(file: Path, number: int, row: dict[str, Any]) -> TableMapping:
    key = f"table {row.get('target', number)}"
    known_keys(file, key, row, {"source", "target", "key", "unique", "references", "columns", "source_only"})
    source, target = (_name(file, f"{key}.{side}", row.get(side)) for side in ("source", "target"))
    keys = texts_of(file, f"{key}.key", table_of(file, f"{key}.key", row.get("key"), {"source", "target"}))
    columns = tuple(
        _column(file, f"{key}.columns.{name}", name, typed(file, f"{key}.columns.{name}", column, dict, "a table"))
        for name, column in table_of(file, f"{key}.columns", row.get("columns")).items()
    )
    names = {column.name for column in columns}
    for side in ("source", "target"):
        _name(file, f"{key}.key.{side}", keys.get(side))
    held = next((column for column in columns if column.name == keys["target"]), None)
    if held is None or held.source != keys["source"] or held.form is not Form.INTEGER:
        raise ConfigurationError(
            file, f"{key}.key", "its target is no column that comes as an integer from its source",
            "Rows are matched by one integer that is the same on both sides.",
        )  # fmt: skip
    for column in columns:
        for used in column.template.fields if column.template else ():
            if used not in names or next(c for c in columns if c.name == used).origin is not Origin.COLUMN:
                raise ConfigurationError(
                    file, f"{key}.columns.{column.name}.template", f"{{{used}}} is no column that comes from Django",
                    "Use columns of this table that have `from`.",
                )  # fmt: skip
    within = f"{key}.source_only"
    only = tuple(
        _source_only(file, f"{within}.{name}", name, typed(file, f"{within}.{name}", one, dict, "a table"))
        for name, one in table_of(file, within, row.get("source_only", {})).items()
    )
    for one in only:
        for used in one.template.fields if one.template else ():
            if used not in names:
                raise ConfigurationError(
                    file, f"{key}.source_only.{one.name}.must_be", f"{{{used}}} is no column of {target}", "Mend it."
                )
    sources = [column.source for column in columns if column.source]
    for one in only:
        if one.name in sources:
            raise ConfigurationError(
                file, f"{key}.source_only.{one.name}", f"a column of {target} comes from it", "Keep one of the two."
            )
    return TableMapping(
        source,
        target,
        keys["source"],
        keys["target"],
        columns,
        only,
        _columns_of(file, f"{key}.unique", row.get("unique", []), names),
        _references(file, f"{key}.references", row.get("references", {})),
    )


def _column(file: Path, key: str, name: str, row: dict[str, Any]) -> ColumnMapping:
    known_keys(file, key, row, _COLUMN_KEYS)
    _name(file, key, name)
    origins = [origin for origin in _ORIGINS if origin in row]
    if len(origins) != 1:
        raise ConfigurationError(
            file, key, f"its value comes from {' and '.join(origins) or 'nowhere'}", f"One of: {', '.join(_ORIGINS)}."
        )
    origin = Origin(origins[0])
    null = bool(typed(file, f"{key}.null", row.get("null", False), bool, "true or false"))
    back = row.get("back")
    common: dict[str, Any] = {"null": null, "carried_back": back != "none"}
    if origin is Origin.COLUMN:
        try:
            form = Form(row.get("as", ""))
        except ValueError:
            raise ConfigurationError(
                file, f"{key}.as", f"{row.get('as')!r} is no form", f"One of: {', '.join(Form)}."
            ) from None
        back_null = _back_null(file, f"{key}.back_null", row, form, null=null)
        source = _name(file, f"{key}.from", row["from"])
        return ColumnMapping(name, origin, source=source, form=form, back_null=back_null, **common)
    if "back_null" in row:
        raise ConfigurationError(file, f"{key}.back_null", "it has no `from`", "Remove it.")
    if "as" in row:
        raise ConfigurationError(file, f"{key}.as", "it has no `from`", "Remove it.")
    if origin is Origin.CONSTANT:
        constant = typed(file, f"{key}.constant", row["constant"], (int, str), "a whole number or a text")
        return ColumnMapping(name, origin, constant=constant, **common)
    if origin is Origin.TEMPLATE:
        return ColumnMapping(name, origin, template=_template(file, f"{key}.template", row["template"]), **common)
    if origin is Origin.CALCULATED:
        if row["calculated"] not in CALCULATED:
            raise ConfigurationError(
                file, f"{key}.calculated", f"{row['calculated']!r} is not known", f"One of: {', '.join(CALCULATED)}."
            )
        return ColumnMapping(name, origin, calculated=row["calculated"], **common)
    if row["always_null"] is not True or not null:
        raise ConfigurationError(file, key, "always_null, and yet it may not be NULL", "Write both as true.")
    return ColumnMapping(name, origin, **common)


def _back_null(file: Path, key: str, row: dict[str, Any], form: Form, *, null: bool) -> str | None:
    """The JSON text that stands for NULL in Django; None: NULL itself does."""
    if "back_null" not in row:
        return None
    if form is not Form.JSON or not null:
        raise ConfigurationError(
            file, key, "its column is no JSON that may be NULL", 'It needs as = "json", null = true.'
        )
    value = typed(file, key, row["back_null"], dict, "a table")
    try:
        return json.dumps(value)
    except TypeError:
        raise ConfigurationError(file, key, "it holds what JSON has no word for", "No dates or times.") from None


def _source_only(file: Path, key: str, name: str, row: dict[str, Any]) -> SourceOnly:
    known_keys(file, key, row, {"must_be", "back", "why"})
    why = typed(file, f"{key}.why", row.get("why"), str, "a reason")
    _name(file, key, name)
    if "must_be" not in row:
        return SourceOnly(name, why)
    value = row["must_be"]
    if isinstance(value, dict):
        known_keys(file, f"{key}.must_be", value, {"column", "template"})
        if "column" in value:
            return SourceOnly(name, why, column=_name(file, f"{key}.must_be.column", value["column"]))
        return SourceOnly(name, why, template=_template(file, f"{key}.must_be.template", value.get("template")))
    if not isinstance(value, (str, int, bool)):
        raise ConfigurationError(file, f"{key}.must_be", f"{value!r} cannot be compared", "Give a text or a number.")
    return SourceOnly(name, why, constant=value)


def _one_sided(file: Path, side: str, row: Any) -> OneSided:
    table = typed(file, side, row, dict, "a table")
    key = f"{side} {table.get('name', '')}"
    known_keys(file, key, table, {"name", "why", "must_be_empty", "references"})
    return OneSided(
        _name(file, f"{key}.name", table.get("name")),
        typed(file, f"{key}.why", table.get("why"), str, "a reason"),
        bool(typed(file, f"{key}.must_be_empty", table.get("must_be_empty", False), bool, "true or false")),
        _references(file, f"{key}.references", table.get("references", {})),
    )


def _objects(file: Path, value: Any, tables: tuple[TableMapping, ...]) -> ObjectRules:
    row = table_of(file, "objects", value, _OBJECT_KEYS)
    table = _mapped(file, "objects.table", row.get("table"), tables)
    names = {column.name for column in table.columns}
    sources = {column.source for column in table.columns if column.source} | {one.name for one in table.source_only}
    places = {}
    for key, known, of in (
        ("target_key", names, table.target), ("size", names, table.target), ("source_path", sources, table.source)
    ):  # fmt: skip
        places[key] = typed(file, f"objects.{key}", row.get(key), str, "a column's name")
        if places[key] not in known:
            raise ConfigurationError(file, f"objects.{key}", f"{places[key]!r} is no column of {of}", "Mend it.")
    metadata = texts_of(file, "objects.metadata", row.get("metadata", {}))
    for name, text in metadata.items():
        for used in _template(file, f"objects.metadata.{name}", text).fields:
            if used not in names:
                raise ConfigurationError(
                    file, f"objects.metadata.{name}", f"{{{used}}} is no column of {table.target}", "Mend it."
                )
    texts = {
        key: typed(file, f"objects.{key}", row.get(key), str, "a text")
        for key in ("content_type", "cache_control", "prefix")
    }
    optional = typed(file, "objects.optional_metadata", row.get("optional_metadata", []), list, "a list of names")
    for name in optional:
        if typed(file, "objects.optional_metadata", name, str, "a name") not in metadata:
            raise ConfigurationError(file, "objects.optional_metadata", f"{name!r} is not in metadata", "Remove it.")
    return ObjectRules(
        table.target, places["source_path"], places["target_key"], places["size"], metadata=metadata,
        optional_metadata=tuple(optional), **texts,
    )  # fmt: skip


def _logins(file: Path, value: Any, tables: tuple[TableMapping, ...]) -> LoginRules:
    row = table_of(file, "logins", value, {"table", "column", "algorithm", "max_iterations"})
    table = _mapped(file, "logins.table", row.get("table"), tables)
    (column,) = _columns_of(file, "logins.column", [row.get("column")], {column.name for column in table.columns})
    return LoginRules(
        table.target,
        column,
        typed(file, "logins.algorithm", row.get("algorithm"), str, "an algorithm's name"),
        whole_of(file, "logins.max_iterations", row.get("max_iterations"), least=1, most=100_000_000),
    )


def _mapped(file: Path, key: str, name: Any, tables: tuple[TableMapping, ...]) -> TableMapping:
    for table in tables:
        if table.target == name:
            return table
    names = ", ".join(table.target for table in tables)
    raise ConfigurationError(file, key, f"{name!r} is no mapped table of D1", f"One of: {names}.")


def _judge_references(file: Path, mapping: MigrationMapping) -> None:
    known = {table.target: {column.name for column in table.columns} for table in mapping.tables}
    owners: list[TableMapping | OneSided] = [*mapping.tables, *mapping.target_tables]
    for owner in owners:
        name = owner.target if isinstance(owner, TableMapping) else owner.name
        for column, (table, referred) in owner.references.items():
            if isinstance(owner, TableMapping) and column not in known[name]:
                raise ConfigurationError(file, f"{name}.references.{column}", "no such column", "Mend the name.")
            if referred not in known.get(table, ()):
                raise ConfigurationError(
                    file, f"{name}.references.{column}", f"{table}.{referred} is no mapped column", "Mend the name."
                )


def _references(file: Path, key: str, value: Any) -> dict[str, tuple[str, str]]:
    found = {}
    for column, place in texts_of(file, key, value).items():
        table, dot, referred = place.partition(".")
        if not dot:
            raise ConfigurationError(file, f"{key}.{column}", f"{place!r} names no column", "Write table.column.")
        _name(file, f"{key}.{column}", column)
        found[column] = (_name(file, f"{key}.{column}", table), _name(file, f"{key}.{column}", referred))
    return found


def _columns_of(file: Path, key: str, value: Any, names: Iterable[str]) -> tuple[str, ...]:
    known = set(names)
    for name in typed(file, key, value, list, "a list of columns"):
        if typed(file, key, name, str, "a column's name") not in known:
            raise ConfigurationError(file, key, f"{name!r} is no column that is mapped", "Mend the name.")
    return tuple(value)


def _template(file: Path, key: str, value: Any) -> Template:
    text = typed(file, key, value, str, "a text with {columns}")
    pieces = _FIELD.split(text)  # literal, field, percent, literal, …
    literals = tuple(pieces[::3])
    if any("{" in literal or "}" in literal for literal in literals):
        raise ConfigurationError(file, key, f"a brace of {text!r} names no column", "Write {column}.")
    return Template(text, literals, tuple(pieces[1::3]))


def _name(file: Path, key: str, value: Any) -> str:
    """A name as SQL has it. What is none is refused here, so that it can stand in a query."""
    name: str = typed(file, key, value, str, "a name")
    if not _NAME.fullmatch(name):
        raise ConfigurationError(file, key, f"{name!r} is no name of a table or column", "Mend it.")
    return name


def _all_different(file: Path, side: str, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(file, f"{side} {name}", "the table stands there twice", "Remove one.")
