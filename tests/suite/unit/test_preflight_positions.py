"""Readers of TOML and JSONC with lines: every value is found at the line where it was written."""

import json
import tomllib
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutover.preflight.jsonc_positions import read_jsonc_positions
from cutover.preflight.located import Located
from cutover.preflight.toml_positions import read_toml_positions

pytestmark = pytest.mark.unit

KEYS = st.one_of(st.text("abcXYZ019_-", min_size=1, max_size=5), st.text(min_size=0, max_size=5))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SCALARS = st.one_of(
    TEXTS, st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)


@dataclass
class Written:
    """A document that is being written, and the line of each plain value by its path."""

    lines: list[str] = field(default_factory=lambda: [""])
    places: list[tuple[tuple[str | int, ...], int]] = field(default_factory=list)

    def add(self, text: str) -> None:
        """Append text that may contain line breaks."""
        first, *rest = text.split("\n")
        self.lines[-1] += first
        self.lines += rest

    def place(self, path: tuple[str | int, ...]) -> None:
        """Note that the value at a path begins at the current line."""
        self.places.append((path, len(self.lines)))

    @property
    def text(self) -> str:
        """Return the whole text."""
        return "\n".join(self.lines)


def basic(text: str) -> str:
    """Return a text as a TOML basic string."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def scalar(value: Any) -> str:
    """Return a plain value in TOML."""
    if isinstance(value, str):
        return basic(value)
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value)


@dataclass
class TomlWriter:
    """Writes values with drawn spaces, comments and line breaks wherever TOML 1.0 allows them."""

    draw: Any
    written: Written = field(default_factory=Written)

    def gap(self, *choices: str) -> None:
        """Write one of these gaps."""
        self.written.add(self.draw(st.sampled_from(choices)))

    def value(self, value: Any, path: tuple[str | int, ...]) -> None:
        """Write a value. A table is written inline."""
        self.written.place(path)
        if isinstance(value, dict):
            self.written.add("{")
            for number, (key, inner) in enumerate(value.items()):
                self.written.add(", " if number else " ")
                self.pair(key, inner, path)
            self.written.add(" }")
        elif isinstance(value, list):
            self.written.add("[")
            for number, inner in enumerate(value):
                self.gap("", " ", "\n", "\n  # ] } \" '\n", "\r\n")
                self.value(inner, (*path, number))
                self.gap("", "\n", " # , ]\n")
                self.written.add(",")
            self.gap("", "\n")
            self.written.add("]")
        elif isinstance(value, str) and "\r" not in value and self.draw(st.booleans()):
            escaped = basic(value)[1:-1].replace("\\n", "\n")
            self.written.add(f'"""\n{escaped}"""')
        else:
            self.written.add(scalar(value))

    def pair(self, key: str, value: Any, path: tuple[str | int, ...]) -> None:
        """Write a key with its value."""
        self.written.add(basic(key))
        self.gap(" = ", "=", "\t= ")
        self.value(value, (*path, key))


@st.composite
def toml_documents(draw: Any) -> Written:
    """Return a TOML document with tables, arrays of tables, and values, and the lines of all values."""
    writer = TomlWriter(draw)
    for key, value in draw(st.dictionaries(TEXTS, VALUES, max_size=3)).items():
        writer.gap("", "# a = [\n", "\n", "\r\n")
        writer.pair(f"k{key}", value, ())
        writer.gap("\n", "  # comment\n", "\r\n")
    for number, rows in enumerate(draw(st.lists(st.dictionaries(TEXTS, VALUES, max_size=3), max_size=3))):
        kind = draw(st.sampled_from(["table", "array", "dotted"]))
        name: tuple[str | int, ...] = (f"t{number}",)
        writer.written.add(
            {"table": f"[t{number}]", "array": f"[[t{number}]]", "dotted": f"[ t{number} . 'x.y' ]"}[kind]
        )
        writer.gap("\n", " # [x]\n")
        path = {"table": name, "array": (*name, 0), "dotted": (*name, "x.y")}[kind]
        for key, value in rows.items():
            writer.pair(key, value, path)
            writer.gap("\n", "\n\n")
    return writer.written


def at(document: Located, path: tuple[str | int, ...]) -> Located:
    """Return the value at a path of keys and indices."""
    for key in path:
        document = document.value[key]
    return document


def assert_places(document: Located, written: Written) -> None:
    """Assert that each value is at its line."""
    for path, line in written.places:
        assert at(document, path).line == line, (path, written.text)


@given(toml_documents())
def test_toml_values_are_at_their_lines(written: Written) -> None:
    """Every value has the line of its key or element, and the document equals that of tomllib."""
    document, defects = read_toml_positions(written.text)
    assert defects == []
    assert document is not None
    assert document.plain == tomllib.loads(written.text)
    assert_places(document, written)


@given(st.text("ab=[]{}\"'#,.\n\r \\-1", max_size=40))
def test_any_text_is_valid_toml_or_has_a_defect(text: str) -> None:
    """Without a defect the document equals that of tomllib. With one, its line is in the text."""
    document, defects = read_toml_positions(text)
    try:
        expected = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        assert defects
    else:
        assert defects == []
        assert document is not None
        assert document.plain == expected
    assert all(1 <= defect.line <= text.count("\n") + 1 for defect in defects)


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), st.integers(0, 9), min_size=1), st.integers(0, 3))
def test_inline_table_over_lines_is_a_defect_and_is_read(table: dict[str, int], before: int) -> None:
    """An inline table with line breaks, comments and a last comma is one defect, and its values have their lines."""
    rows = "".join(f"\n  {key} = {value}, # }} {key}" for key, value in table.items())
    text = "\n" * before + f"vars = {{{rows}\n}}\nafter = 1\n"
    document, defects = read_toml_positions(text)
    assert [defect.line for defect in defects] == [before + 1]
    assert document is not None
    assert document.plain == {"vars": table, "after": 1}
    for number, key in enumerate(table):
        assert at(document, ("vars", key)).line == before + 2 + number


@st.composite
def jsonc_documents(draw: Any) -> tuple[Written, Any]:
    """Return an object in JSONC with the lines of all values, and its plain value."""
    written = Written()

    def gap() -> None:
        written.add(draw(st.sampled_from(["", " ", "\n", "// , } ]\n", '/* " ] \n } */', "\r\n", "/**/"])))

    def write(value: Any, path: tuple[str | int, ...]) -> None:
        if not (path and isinstance(path[-1], str)):
            written.place(path)
        if isinstance(value, (dict, list)):
            written.add("{" if isinstance(value, dict) else "[")
            items = list(value.items() if isinstance(value, dict) else enumerate(value))
            for number, (key, inner) in enumerate(items):
                gap()
                if isinstance(value, dict):
                    written.place((*path, key))
                    written.add(json.dumps(key))
                    gap()
                    written.add(":")
                    gap()
                write(inner, (*path, key))
                gap()
                written.add("," if number < len(items) - 1 or draw(st.booleans()) else "")
            gap()
            written.add("}" if isinstance(value, dict) else "]")
        else:
            written.add(json.dumps(value))

    value = draw(st.dictionaries(TEXTS, VALUES, max_size=3))
    gap()
    write(value, ())
    gap()
    return written, value


@given(jsonc_documents())
def test_jsonc_values_are_at_their_lines(document: tuple[Written, Any]) -> None:
    """Every value of JSON with comments and last commas has its line, and the whole equals what was written."""
    written, value = document
    found, defects = read_jsonc_positions(written.text)
    assert defects == []
    assert found is not None
    assert found.plain == value
    assert_places(found, written)


@given(st.text('ab:[]{}",/*\n 1-', max_size=30))
def test_any_text_is_valid_jsonc_or_has_a_defect(text: str) -> None:
    """Valid JSON is read as the json module reads it. Anything else is read or has a defect at a line of the text."""
    document, defects = read_jsonc_positions(text)
    try:
        expected = json.loads(text)
    except ValueError:
        assert (document is None) == bool(defects)
    else:
        assert document is not None
        assert document.plain == expected
    assert all(1 <= defect.line <= text.count("\n") + 1 for defect in defects)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a = 1\nb = \nc = 2\n", 2),
        ("a = 1\na = 2\n", 2),
        ("[a]\nb = 1\n[a]\n", 3),
        ('a = 1\nb = "x\n', 2),
        ("a = 1\n\nb = [1, 2\n", 3),
        ("a = 1\r\nb = ?\r\n", 2),
        ("v = {\n a = 1,\n b = ?\n}\n", 3),
        ("a = 1\nv = { a = 1\n", 2),
    ],
)
def test_syntax_error_has_its_line(text: str, line: int) -> None:
    """The last defect of a broken TOML file is at its line, also after inline tables over several lines."""
    assert read_toml_positions(text)[1][-1].line == line


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "a = " + "[" * 100_000, "x = " + "9" * 5000])
def test_text_beyond_the_limits_of_python_is_a_defect(text: str) -> None:
    """Deep nesting and numbers with thousands of digits are defects and end no run."""
    read = read_toml_positions if text[0] in "ax" else read_jsonc_positions
    assert read(text)[0] is None
    assert read(text)[1]
