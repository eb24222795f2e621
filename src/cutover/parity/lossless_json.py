"""JSON read without loss: repeated keys, number lexemes and integers of any size survive.

`json.loads` keeps the last of two equal keys and turns 9007199254740993.0 into another number.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from cutover.parity.differences import Lexeme, Repeated

_LONGEST: Final = 4_000  # Python's int reads 4,300 digits (sys.get_int_max_str_digits)
# Python's int would turn it into 0. Only where a number may begin, so that dates and UUIDs do not count; a text may
# look so, which costs time only.
_NEGATIVE_ZERO: Final = re.compile(r"-0(?<![^\[,:\s]-0)(?![0-9.eE])")


class NotJson(ValueError):  # noqa: N818 - what was found, not an error of ours
    """The bytes are no JSON text; the message says why, and nothing that depends on what they hold."""


def read(body: bytes) -> Any:
    """The value of a JSON text (RFC 8259: UTF-8, no BOM, no NaN). Raises NotJson.

    Numbers with a fraction or an exponent, "-0", and integers of more than 4,000 digits come as Lexeme, other
    integers as int; an object with a repeated key comes as Repeated.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise NotJson("no UTF-8") from None
    try:
        return _parsed(text, exactly=_NEGATIVE_ZERO.search(text) is not None)
    except ValueError as error:
        if isinstance(error, (NotJson, json.JSONDecodeError)):
            raise _refusal(error) from None
    try:
        return _parsed(text, exactly=True)  # an integer of more digits than Python's int reads
    except ValueError as error:
        raise _refusal(error) from None


def _parsed(text: str, *, exactly: bool) -> Any:
    hook = _integer if exactly else None  # a call for each integer, so only where one of them needs it
    try:
        return json.loads(text, object_pairs_hook=_object, parse_float=Lexeme, parse_int=hook, parse_constant=_refuse)
    except RecursionError:
        raise NotJson("nested too deeply") from None


def _refusal(error: ValueError) -> NotJson:
    return NotJson(error.msg if isinstance(error, json.JSONDecodeError) else str(error))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else Repeated(pairs)


def _integer(text: str) -> int | Lexeme:
    return Lexeme(text) if text == "-0" or len(text) > _LONGEST else int(text)


def _refuse(word: str) -> None:
    raise NotJson(f"{word} is no JSON number")
