"""The request body: JSON whose numbers keep their spelling, and a check for valid texts.

The settings import this module by name, so it must not import views. Multipart is in
list_cutter/upload.py.
"""

import json
from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser


class NumberLexeme(str):
    """A JSON number, stored as its text in the request."""

    __slots__ = ()


def is_sound(text: str) -> bool:
    """Return True if PostgreSQL accepts the text: no NUL, no half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


class LexemeJSONParser(JSONParser):
    """DRF's JSON parser with lexemes of numbers: `1.10` and `1e2` reach the view as written.

    Nesting that is too deep for Python's parser is malformed here, not an internal error. The body
    is UTF-8 whatever charset the request names, and a BOM is ignored (RFC 8259, section 8.1).
    """

    # A subclass of JSONParser, because DRF checks DATA_UPLOAD_MAX_MEMORY_SIZE only for those.
    def parse(self, stream: Any, *_context: Any) -> Any:
        try:
            return json.loads(
                stream.read().decode("utf-8-sig"),
                parse_int=NumberLexeme,
                parse_float=NumberLexeme,
                parse_constant=refuse_constant,
            )
        except (ValueError, RecursionError) as error:
            raise ParseError("Malformed JSON.") from error
