"""The body of a request: JSON whose numbers keep their spelling, and which texts are sound.

Imported by name from the settings, so it must not import views. Multipart is in list_cutter/upload.py.
"""

import json
from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser


class NumberLexeme(str):
    """A JSON number, kept as the text that stood in the request."""

    __slots__ = ()


def is_sound(text: str) -> bool:
    """Whether PostgreSQL takes the text: no NUL, no half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


class LexemeJSONParser(JSONParser):
    """DRF's JSON parser, but numbers keep their lexeme: `1.10` and `1e2` reach the view as written.

    A nesting too deep for Python's parser is malformed here, not a failure of the server. The body is
    UTF-8 whatever charset the request names, and a BOM is ignored (RFC 8259, section 8.1).
    """

    # A JSONParser by class: only of those does DRF check DATA_UPLOAD_MAX_MEMORY_SIZE.
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
