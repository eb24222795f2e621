"""What an answer tells of the inside: stack traces, a database's errors, SQL, names of files and tables.

Not for users' own data: a file that somebody uploaded may hold any of it.
"""

from __future__ import annotations

import re
from typing import Final

from cutover.systems.target import Result

_MARKS: Final = re.compile(
    # stack traces of Python and JavaScript
    r'Traceback \(most recent|File "[^"]+", line \d+|\bat [\w.<>$ ]+ ?\(?[\w:/.-]+\.[mc]?[jt]s:\d+|\.[mc]?js:\d+:\d+'
    # databases, frameworks, folders
    r"|node_modules|site-packages|SQLITE_|D1_ERROR|psycopg|django\.|/usr/|/home/|/app/|\bSELECT\s|\bINSERT INTO\b"
    # constraints, tables and columns by their names, exceptions by their class
    r"|constraint failed|violates [a-z-]+ constraint|\bauth_user\b|\blist_cutter_savedfile\b|\br2_key\b|\bfile_path\b"
    r"|\buploads/user-\d"
    r"|\b(?:Type|Reference|Range|Syntax|Key|Value|Attribute|Integrity|Programming|Data|Operational)Error\b"
    r"|\bmultipart/[\w-]+ parse error|undefined is not|Cannot read propert|\bpbkdf2_sha256\$"
)


def disclosed_detail(body: bytes) -> str | None:
    """The first thing of the inside that this text of an error tells; None when it tells none."""
    found = _MARKS.search(body.decode("utf-8", "replace"))
    return found[0] if found else None


def expect_no_disclosure(result: Result) -> None:
    """Raise CheckFailed for an error that tells of the inside."""
    if result.status >= 400 and (found := disclosed_detail(result.body)):
        raise result.failed(
            "error:inside",
            expected="no stack trace, SQL or path of the inside",
            got=f"status {result.status} with {found!r}",
            do_next="users, and who means harm, read how the system is built: answer errors without their cause",
        )
