"""Information disclosure in error responses: stack traces, database errors, SQL, names of files and tables.

It applies to errors only: an uploaded file may contain any of these texts.
"""

from __future__ import annotations

import re
from typing import Final

from cutover.core.rule_table import Rule
from cutover.systems.target import Result

_MARKS: Final = re.compile(
    # stack traces of Python and JavaScript
    r'Traceback \(most recent|File "[^"]+", line \d+|\bat [\w.<>$ ]+ ?\(?[\w:/.-]+\.[mc]?[jt]s:\d+|\.[mc]?js:\d+:\d+'
    # databases, frameworks, folders
    r"|node_modules|site-packages|SQLITE_|D1_ERROR|psycopg|django\.|/usr/|/home/|/app/|\bSELECT\s|\bINSERT INTO\b"
    # debug pages of frameworks: Django, Werkzeug, Rails, Laravel
    r"|Using the URLconf defined in|\bDEBUG = True\b|Werkzeug Debugger|\bRails\.root\b|Whoops! There was an error"
    # constraints, tables and columns by their names, exceptions by their class
    r"|constraint failed|violates [a-z-]+ constraint|\bauth_user\b|\blist_cutter_savedfile\b|\br2_key\b|\bfile_path\b"
    r"|\buploads/user-\d"
    r"|\b(?:Type|Reference|Range|Syntax|Key|Value|Attribute|Integrity|Programming|Data|Operational)Error\b"
    r"|\bmultipart/[\w-]+ parse error|undefined is not|Cannot read propert|\bpbkdf2_sha256\$"
)


_MADE_BY_MINIFLARE: Final = re.compile(
    r"[^\n]{0,500}\n\s+at async Object\.fetch \(file://[^\s()]*/miniflare/dist/src/workers/core/entry\.worker\.js:\d+:\d+\)\s*"
)
"""The body with which local Miniflare answers an exception that the Worker did not catch. Cloudflare sends a page of
its own without the exception's text, so only the status is the Worker's."""


def disclosed_detail(body: bytes) -> str | None:
    """Return the first internal detail in the body of an error; None if there is none."""
    text = body.decode("utf-8", "replace")
    found = None if _MADE_BY_MINIFLARE.fullmatch(text) else _MARKS.search(text)
    return found[0] if found else None


def expect_no_disclosure(result: Result) -> None:
    """Raise CheckFailed if the response is an error that discloses internal details."""
    if result.status >= 400 and (found := disclosed_detail(result.body)):
        raise result.failed(
            "error:inside",
            expected="no stack trace, SQL or internal path",
            got=f"status {result.status} with {found!r}",
            do_next="remove internal details from error responses: attackers can use them",
            breaks=Rule.DISCLOSURE,
        )
