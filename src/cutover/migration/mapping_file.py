"""Read and validate contracts/migration.toml.

Names of tables and columns are validated here, because queries contain them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from cutover.config.validation import ConfigurationError, known_keys, read_toml, table_of, texts_of, typed, whole_of
from cutover.migration.mapping import (
    DERIVED,
    ColumnMapping,
    Form,
    LoginRules,
    MigrationMapping,
    ObjectRules,
    OneSided,
    Origin,
    SourceOnly,
    TableMapping,
    Template,
)

FILE: Final = Path("contracts") / "migration.toml"

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FIELD: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)(?::(percent))?\}")
_COLUMN_KEYS: Final = {
    "from", "as", "constant", "always_null", "template", "calculated", "null", "back_null", "back", "why",
}  # fmt: skip
_ORIGINS: Final = tuple(origin.value for origin in Origin)
_OBJECT_KEYS: Final = {
    "table", "source_path", "target_key", "size", "content_type", "cache_control", "metadata", "optional_metadata",
    "prefix",
}  # fmt: skip
_CORRECT_NAME: Final = "Correct the name."


def load_mapping(project: Path, file: Path | None = None) -> MigrationMapping:
    """Return the mapping of a project, or of an environment's own file. Raises ConfigurationError."""
    file = file or project / FILE
    data = read_toml(file)
    known_keys(file, "", data, {"ownership", "table", "objects", "source_table", "target_table", "logins"})
    tables = tuple(
        _table(file, number, typed(file, f"table {number}", row, dict, "a table"))
        for number, row in enumerate(_rows(file, data, "table"), 1)
    )
    if not tables:
        raise ConfigurationError(file, "table", "expected at least one table, got none", "Add a [[table]].")
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
    _validate_references(file, mapping)
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
    key_column = next((column for column in columns if column.name == keys["target"]), None)
    if key_column is None or key_column.source != keys["source"] or key_column.form is not Form.INTEGER:
        raise ConfigurationError(
            file, f"{key}.key", 'expected a column with as = "integer" from the source key, got another',
            "Rows are matched by one integer that is the same on both sides.",
        )  # fmt: skip
    _validate_templates(file, key, columns)
    only = _source_only_columns(file, key, row, columns, target)
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


def _validate_templates(file: Path, key: str, columns: Iterable[ColumnMapping]) -> None:
    usable = {column.name for column in columns if column.origin is Origin.COLUMN}
    for column in columns:
        for used in column.template.fields if column.template else ():
            if used not in usable:
                raise ConfigurationError(
                    file, f"{key}.columns.{column.name}.template",
                    f"expected a column of this table that has `from`, got {{{used}}}", _CORRECT_NAME,
                )  # fmt: skip


def _source_only_columns(
    file: Path, key: str, row: dict[str, Any], columns: Iterable[ColumnMapping], target: str
) -> tuple[SourceOnly, ...]:
    place = f"{key}.source_only"
    only = tuple(
        _source_only(file, f"{place}.{name}", name, typed(file, f"{place}.{name}", one, dict, "a table"))
        for name, one in table_of(file, place, row.get("source_only", {})).items()
    )
    names = {column.name for column in columns}
    sources = {column.source for column in columns}
    for one in only:
        for used in one.template.fields if one.template else ():
            if used not in names:
                raise ConfigurationError(
                    file, f"{place}.{one.name}.must_be", f"expected a column of {target}, got {{{used}}}", _CORRECT_NAME
                )
        if one.name in sources:
            raise ConfigurationError(
                file, f"{place}.{one.name}", f"it is also the source of a column of {target}", "Keep one of the two."
            )
    return only


def _column(file: Path, key: str, name: str, row: dict[str, Any]) -> ColumnMapping:
    known_keys(file, key, row, _COLUMN_KEYS)
    _name(file, key, name)
    origins = [origin for origin in _ORIGINS if origin in row]
    if len(origins) != 1:
        raise ConfigurationError(
            file, key, f"expected one of {', '.join(_ORIGINS)}, got {' and '.join(origins) or 'none'}", "Keep one."
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
                file, f"{key}.as", f"expected one of {', '.join(Form)}, got {row.get('as')!r}", "Correct the value."
            ) from None
        back_null = _back_null(file, f"{key}.back_null", row, form, null=null)
        source = _name(file, f"{key}.from", row["from"])
        return ColumnMapping(name, origin, source=source, form=form, back_null=back_null, **common)
    if "back_null" in row:
        raise ConfigurationError(file, f"{key}.back_null", "it is only allowed with `from`", "Remove it.")
    if "as" in row:
        raise ConfigurationError(file, f"{key}.as", "it is only allowed with `from`", "Remove it.")
    if origin is Origin.CONSTANT:
        constant = typed(file, f"{key}.constant", row["constant"], (int, str), "an integer or a string")
        return ColumnMapping(name, origin, constant=constant, **common)
    if origin is Origin.TEMPLATE:
        return ColumnMapping(name, origin, template=_template(file, f"{key}.template", row["template"]), **common)
    if origin is Origin.DERIVED:
        if row["calculated"] not in DERIVED:
            raise ConfigurationError(
                file, f"{key}.calculated", f"expected one of {', '.join(DERIVED)}, got {row['calculated']!r}",
                "Correct the value.",
            )  # fmt: skip
        return ColumnMapping(name, origin, derived=row["calculated"], **common)
    if row["always_null"] is not True or not null:
        raise ConfigurationError(
            file, key, "expected always_null = true and null = true, got another value", "Set both."
        )
    return ColumnMapping(name, origin, **common)


def _back_null(file: Path, key: str, row: dict[str, Any], form: Form, *, null: bool) -> str | None:
    """Return the JSON text that the reverse direction writes for NULL, None if it writes NULL."""
    if "back_null" not in row:
        return None
    if form is not Form.JSON or not null:
        raise ConfigurationError(
            file, key, 'expected as = "json" and null = true, got another column', "Set both, or remove back_null."
        )
    value = typed(file, key, row["back_null"], dict, "a table")
    try:
        return json.dumps(value)
    except TypeError:
        raise ConfigurationError(
            file, key, "expected values that JSON can express, got another", "Write no dates or times."
        ) from None


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
        raise ConfigurationError(
            file, f"{key}.must_be", f"expected a string, an integer or a boolean, got {value!r}", "Correct the value."
        )
    return SourceOnly(name, why, constant=value)


def _one_sided(file: Path, side: str, row: Any) -> OneSided:
    table = typed(file, side, row, dict, "a table")
    key = f"{side} {table.get('name', '')}"
    known_keys(file, key, table, {"name", "why", "must_be_empty", "grows", "references"})
    return OneSided(
        _name(file, f"{key}.name", table.get("name")),
        typed(file, f"{key}.why", table.get("why"), str, "a reason"),
        bool(typed(file, f"{key}.must_be_empty", table.get("must_be_empty", False), bool, "true or false")),
        bool(typed(file, f"{key}.grows", table.get("grows", False), bool, "true or false")),
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
            raise ConfigurationError(
                file, f"objects.{key}", f"expected a column of {of}, got {places[key]!r}", _CORRECT_NAME
            )
    metadata = texts_of(file, "objects.metadata", row.get("metadata", {}))
    for name, text in metadata.items():
        for used in _template(file, f"objects.metadata.{name}", text).fields:
            if used not in names:
                raise ConfigurationError(
                    file,
                    f"objects.metadata.{name}",
                    f"expected a column of {table.target}, got {{{used}}}",
                    _CORRECT_NAME,
                )
    texts = {
        key: typed(file, f"objects.{key}", row.get(key), str, "a string")
        for key in ("content_type", "cache_control", "prefix")
    }
    optional = typed(file, "objects.optional_metadata", row.get("optional_metadata", []), list, "a list of names")
    for name in optional:
        if typed(file, "objects.optional_metadata", name, str, "a name") not in metadata:
            raise ConfigurationError(
                file, "objects.optional_metadata", f"expected a name of objects.metadata, got {name!r}", _CORRECT_NAME
            )
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
    raise ConfigurationError(file, key, f"expected one of {names}, got {name!r}", _CORRECT_NAME)


def _validate_references(file: Path, mapping: MigrationMapping) -> None:
    known = {table.target: {column.name for column in table.columns} for table in mapping.tables}
    owners: list[TableMapping | OneSided] = [*mapping.tables, *mapping.target_tables]
    for owner in owners:
        name = owner.target if isinstance(owner, TableMapping) else owner.name
        for column, (table, referred) in owner.references.items():
            if isinstance(owner, TableMapping) and column not in known[name]:
                raise ConfigurationError(
                    file, f"{name}.references.{column}", f"expected a column of {name}, got {column!r}", _CORRECT_NAME
                )
            if referred not in known.get(table, ()):
                raise ConfigurationError(
                    file,
                    f"{name}.references.{column}",
                    f"expected a mapped column, got {table}.{referred}",
                    _CORRECT_NAME,
                )


def _references(file: Path, key: str, value: Any) -> dict[str, tuple[str, str]]:
    found = {}
    for column, place in texts_of(file, key, value).items():
        table, dot, referred = place.partition(".")
        if not dot:
            raise ConfigurationError(file, f"{key}.{column}", f"expected table.column, got {place!r}", _CORRECT_NAME)
        _name(file, f"{key}.{column}", column)
        found[column] = (_name(file, f"{key}.{column}", table), _name(file, f"{key}.{column}", referred))
    return found


def _columns_of(file: Path, key: str, value: Any, names: Iterable[str]) -> tuple[str, ...]:
    known = set(names)
    for name in typed(file, key, value, list, "a list of columns"):
        if typed(file, key, name, str, "a column's name") not in known:
            raise ConfigurationError(file, key, f"expected a mapped column, got {name!r}", _CORRECT_NAME)
    return tuple(value)


def _template(file: Path, key: str, value: Any) -> Template:
    text = typed(file, key, value, str, "a string with {columns}")
    pieces = _FIELD.split(text)  # literal, field, percent, literal, …
    literals = tuple(pieces[::3])
    if any("{" in literal or "}" in literal for literal in literals):
        raise ConfigurationError(
            file, key, f"expected {{column}} for every brace, got {text!r}", "Correct the template."
        )
    return Template(text, literals, tuple(pieces[1::3]))


def _name(file: Path, key: str, value: Any) -> str:
    """Return a name that SQL can contain unquoted. Raises ConfigurationError for any other text."""
    name: str = typed(file, key, value, str, "a name")
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            file, key, f"expected a name of letters, digits and underscores, got {name!r}", _CORRECT_NAME
        )
    return name


def _all_different(file: Path, side: str, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(file, f"{side} {name}", "the table is declared twice", "Remove one.")
