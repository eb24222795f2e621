"""Journeys about exports: each operator, numbers and texts, columns chosen and refused."""

from __future__ import annotations

from typing import Any, Final

from cutover.parity.journeys.actions import columns, export, list_files, raw, upload
from cutover.parity.steps import Journey, Step

_PEOPLE: Final = (
    "name,age,city,score,note\r\n"
    'Ada,36,London,9.5,"likes, commas"\r\n'
    'Grace,85,New York,10,"said ""hello"""\r\n'
    'Edsger,72,Nuenen,9,"two\r\nlines"\r\n'
    "ada,9,london,09.50,\r\n"
    "Zoë,100,Ørsted, 7 ,é\r\n"
    "Zoe\u0301,1e2,Oslo,-3,e\u0301\r\n"
    "Alan,+41,Manchester,.5,' apostrophe\r\n"
    "Barbara,9007199254740993,Boston,0.1,\u00a0\r\n"
    "Katherine,9007199254740992,Hampton,0.10,\u2028\r\n"
    "Margaret,,Boston,1e400,=1+1\r\n"
    "Linus,abc,Helsinki,NaN,10\r\n"
    " Ken ,\t54,Murray Hill,1.,2\r\n"
    "Dennis,70.0,Murray Hill,0,9\r\n"
    "Short\r\n"
).encode()
_NAMES: Final = (
    "a.b", "a", "b", ".a", "a.", "a..b", "a[0]", "a->b", "$a", "a:b", "a/b", "~1", "a*", "100%", "a b", " a", "A", "0",
    "1", "length", "__proto__", "constructor", "toString", "null", "select", "a,b", 'say "x"', "it's", "two\r\nlines",
    "\u00e9", "e\u0301", "\U0001f4c7",
)  # fmt: skip
"""Column names with characters that have a meaning in paths, queries and programs."""
_PRICES: Final = "price,note\r\n5 \u20ac,\u201cfresh\u201d \u2013 daily\r\n7,plain\r\n".encode("cp1252")
_OPERATORS: Final = ("=", "!=", "<", "<=", ">", ">=")
_NUMBERS: Final = (36, 85, "85", "085", 9, 10, "9.50", 100, 9007199254740993, "9007199254740992", -3, "0.1", "+41", 0)
_TEXTS: Final = (
    "Ada",
    "ada",
    "ADA",
    "Zoë",
    "Zoe\u0301",
    "",
    " Ken ",
    "Ken",
    "Boston",
    "New York",
    "abc",
    "\u00a0",
    "10",
    "9",
)


_BODY: Final = b'{"columns": ["name"], "filters": [{"column": "%b", "operator": "%b", "value": %b}]}'
_LEXEMES: Final = (
    (b"age", b"36.0"), (b"age", b"3.6e1"), (b"age", b"9007199254740993"), (b"score", b"0.10"), (b"score", b"-0"),
    (b"age", b"1E2"),
)  # fmt: skip


def journeys() -> tuple[Journey, ...]:
    """Return all journeys about exports."""
    return (_columns(), _numbers(), _texts(), _several(), _refused())


def _start(content: bytes = _PEOPLE) -> Step:
    return upload("ann", "people.csv", content, saves="people")


def _columns() -> Journey:
    chosen: tuple[Any, ...] = (
        ["name"], ["note"], ["city", "name"], ["name", "city"], ["note", "score", "city", "age", "name"],
        ["name", "name"], ["name", "age", "city", "score", "note"],
    )  # fmt: skip
    return Journey(
        "cut_by_columns",
        "The chosen columns are exported in the chosen order, quoted if necessary; a short row is filled.",
        ("ann",),
        (
            _start(),
            *(export("ann", "people", names) for names in chosen),
            upload("ann", "prices.csv", _PRICES, saves="prices"),
            export("ann", "prices", ["note", "price"]),
            export("ann", "prices", ["price"], ("price", "=", "5 \u20ac")),
            upload("ann", "names.csv", _named_columns(), saves="names"),
            columns("ann", "names"),
            export("ann", "names", list(_NAMES)),
            *(export("ann", "names", [name, "a"], (name, "=", f"2.{number}")) for number, name in enumerate(_NAMES)),
        ),
    )


def _named_columns() -> bytes:
    """Return a list with these columns and two rows. Each cell is different: row.column."""
    rows = [_NAMES, *([f"{row}.{number}" for number in range(len(_NAMES))] for row in (1, 2))]
    return "".join(",".join('"' + cell.replace('"', '""') + '"' for cell in row) + "\r\n" for row in rows).encode()


def _numbers() -> Journey:
    return Journey(
        "cut_by_numbers",
        "Each operator with numbers in many spellings. They are compared exactly, not as floating point or text.",
        ("ann",),
        (
            _start(),
            *(
                export("ann", "people", ["name", column], (column, operator, value))
                for column, values in (("age", _NUMBERS), ("score", (9.5, 10, "9", "-3", ".5", 0, "1e400")))
                for operator in _OPERATORS
                for value in values
            ),
            *(
                raw("export", "ann", _BODY % (column, operator, value), path=dict(export("ann", "people", []).path))
                for operator in (b"=", b"<=")
                for column, value in _LEXEMES
            ),
        ),
    )  # fmt: skip


def _texts() -> Journey:
    return Journey(
        "cut_by_texts",
        "Each operator with texts: case, accents, spaces at the ends, empty cells, code points.",
        ("ann",),
        (
            _start(),
            *(
                export("ann", "people", ["name", column], (column, operator, value))
                for column in ("name", "city", "note")
                for operator in _OPERATORS
                for value in _TEXTS
            ),
        ),
    )


def _several() -> Journey:
    ranges: tuple[tuple[str, str, Any], ...] = (
        ("age", "BETWEEN", [36, 85]), ("age", "BETWEEN", ["36", "72"]), ("age", "BETWEEN", [85, 36]),
        ("age", "BETWEEN", [9, 9]), ("name", "BETWEEN", ["Ada", "Grace"]), ("name", "BETWEEN", ["A", "a"]),
        ("score", "BETWEEN", [-3, 0.5]), ("age", "IN", [36]), ("age", "IN", ["36", "085", 9]),
        ("name", "IN", ["Ada", " Grace ", "\tKen"]), ("name", "IN", ["ADA"]),
        ("city", "IN", ["Boston", "Oslo", "Nowhere"]),
        ("note", "IN", [""]), ("age", "IN", ["abc", 100]),
        # operands with characters that separate or quote operands elsewhere
        ("note", "IN", ["likes, commas"]), ("note", "IN", ["x", "likes, commas", "2"]),
        ("note", "IN", ["likes", "commas"]),
        ("note", "IN", ['"likes, commas"']), ("note", "IN", ['said "hello"', "two\r\nlines", "' apostrophe"]),
        ("note", "IN", ["likes, commas,10", "2,9"]), ("city", "IN", ["New York;Boston", "New York"]),
        ("note", "BETWEEN", ["likes, commas", "likes, commas"]), ("note", "BETWEEN", ["likes", "likes, z"]),
    )  # fmt: skip
    return Journey(
        "cut_by_ranges_lists_and_several_filters",
        "BETWEEN includes both ends, IN takes any of a list, several filters must all hold.",
        ("ann",),
        (
            _start(),
            *(export("ann", "people", ["name", column], (column, word, value)) for column, word, value in ranges),
            export("ann", "people", ["name"], ("age", ">", 30), ("age", "<", 80)),
            export("ann", "people", ["name", "city"], ("city", "!=", "Boston"), ("score", ">=", 0), ("name", "<", "Z")),
            export("ann", "people", ["name"], ("name", "=", "nobody")),
            export("ann", "people", ["name"], *[("age", ">", index) for index in range(20)]),
        ),
    )


def _refused() -> Journey:
    path = dict(export("ann", "people", []).path)
    wrong: tuple[Any, ...] = (
        ("age", "LIKE", "3"), ("age", "==", 3), ("age", "between", [1, 2]), ("age", "BETWEEN", [1]),
        ("age", "BETWEEN", [1, 2, 3]), ("age", "BETWEEN", 5), ("age", "IN", []), ("age", "IN", 5),
        ("age", "IN", [None]),
        ("age", "=", None), ("age", "=", True), ("age", "=", [1]), ("age", "=", {"a": 1}), ("unknown", "=", 1),
        ("age", None, 1), (5, "=", 1), "age = 1", {"column": "age"}, {"column": "age", "operator": "="},
    )  # fmt: skip
    return Journey(
        "cuts_that_are_refused",
        "Unknown columns and operators, malformed operands and bodies are refused with 400. The file stays.",
        ("ann",),
        (
            _start(),
            *(export("ann", "people", ["name"], one) for one in wrong),
            export("ann", "people", []),
            export("ann", "people", ["unknown"]),
            export("ann", "people", ["name", "Name"]),
            export("ann", "people", "name"),
            export("ann", "people", [5]),
            export("ann", "people", None),
            raw("export", "ann", b'{"columns": ["name"]}', path=path),
            raw("export", "ann", b'{"columns": ["name"], "filters": null}', path=path),
            raw("export", "ann", b'{"columns": ["name"], "filters": {}}', path=path),
            raw("export", "ann", b'{"columns": ["name"], "filters": []', path=path),
            raw("export", "ann", b"{}", path=path),
            raw("export", "ann", b"[]", path=path),
            list_files("ann"),
        ),
    )
