"""Read JSON with comments and last commas (JSONC, as Wrangler accepts it) with the line of every value.

Comments and last commas become spaces, so that every offset stays the same; the json module decides what is valid and
decodes every scalar.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NoReturn

from cutover.preflight.located import Defect, Lines, Located

_COMMENT: Final = r"//[^\n]*+|/\*(?:(?!\*/).)*+\*/"
_TOKEN: Final = re.compile(rf'"(?:\\.|[^"\\\n])*"|{_COMMENT}|,(?=(?:\s|{_COMMENT})*+[\]}}])', re.DOTALL)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant)


def read_jsonc_positions(text: str) -> tuple[Located | None, list[Defect]]:
    """Return the document, None if it is not valid, and its defects."""
    lines = Lines(text)
    plain = _TOKEN.sub(_blank, text)
    try:
        _DECODER.decode(plain)
        return _value(plain, _skip(plain, 0), lines)[0], []
    except json.JSONDecodeError as error:
        line, problem = lines.of(min(error.pos, max(0, len(text.rstrip()) - 1))), error.msg
    except (ValueError, RecursionError) as error:
        line, problem = 1, str(error) or "values nested too deeply"
    return None, [Defect(line, "valid JSON with comments", problem, "correct that line")]


def _blank(token: re.Match[str]) -> str:
    if token[0].startswith('"'):
        return token[0]
    return "".join(character if character == "\n" else " " for character in token[0])


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


def _value(text: str, at: int, lines: Lines) -> tuple[Located, int]:
    """Return the value at an offset and the offset after it. The text is valid."""
    line = lines.of(at)
    if text[at] == "{":
        table: dict[str, Located] = {}
        at = _skip(text, at + 1)
        while text[at] != "}":
            key_line = lines.of(at)
            key, at = _scalar(text, at)
            child, at = _value(text, _skip(text, _skip(text, at) + 1), lines)
            table[key] = Located(child.value, key_line)
            at = _next(text, at)
        return Located(table, line), at + 1
    if text[at] == "[":
        items: list[Located] = []
        at = _skip(text, at + 1)
        while text[at] != "]":
            child, at = _value(text, at, lines)
            items.append(child)
            at = _next(text, at)
        return Located(items, line), at + 1
    value, at = _scalar(text, at)
    return Located(value, line), at


def _next(text: str, at: int) -> int:
    at = _skip(text, at)
    return _skip(text, at + 1) if text[at] == "," else at


def _scalar(text: str, at: int) -> tuple[Any, int]:
    return _DECODER.raw_decode(text, at)
