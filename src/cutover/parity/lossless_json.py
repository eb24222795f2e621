"""Read JSON without loss: repeated keys, spelling of numbers, and integers of any size.

`json.loads` keeps the last of two equal keys and changes the value of 9007199254740993.0.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from cutover.parity.differences import Lexeme, Repeated

_LONGEST: Final = 4_000  # Python's int reads at most 4,300 digits (sys.get_int_max_str_digits)
# Python's int changes "-0" to 0. Matches only where a number may begin, not in dates and UUIDs. A match inside of a
# text costs only time.
_NEGATIVE_ZERO: Final = re.compile(r"-0(?<![^\[,:\s]-0)(?![0-9.eE])")


class NotJson(ValueError):  # noqa: N818 - what was found, not an error of ours
    """The bytes are not JSON. The message gives the reason and contains nothing of the body."""


def read(body: bytes) -> Any:
    """Return the value of a JSON text (RFC 8259: UTF-8, no BOM, no NaN). Raises NotJson.

    Numbers with a fraction or an exponent, "-0", and integers of more than 4,000 digits are Lexemes, other integers
    are int. An object with a repeated key is a Repeated.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise NotJson("not UTF-8") from None
    try:
        return _parsed(text, exactly=_NEGATIVE_ZERO.search(text) is not None)
    except ValueError as error:
        if isinstance(error, (NotJson, json.JSONDecodeError)):
            raise _refusal(error) from None
    try:
        return _parsed(text, exactly=True)  # an integer with more digits than Python's int reads
    except ValueError as error:
        raise _refusal(error) from None


def _parsed(text: str, *, exactly: bool) -> Any:
    hook = _integer if exactly else None  # one call for each integer, so only if it is needed
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
    raise NotJson(f"{word} is not a JSON number")
