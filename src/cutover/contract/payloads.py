"""Payloads for SQL, template, path, header and formula injection. Each must be stored unchanged or refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SQL: Final = (
    "' OR '1'='1", "' OR 1=1 --", "\" OR \"\"=\"", "1; DROP TABLE users", "'; DELETE FROM files; --",
    "' UNION SELECT 1 --", "x'||(SELECT 1)||'", "%", "_", "\\", "')) OR (('1'='1", "$1", "?1", ":id",
    "%s", "%(id)s", "NULL", "0x27",
)  # fmt: skip
"""Texts that end an SQL literal, or have a meaning in LIKE or as a parameter."""
TEMPLATES: Final = (
    "{{6007*7019}}", "${6007*7019}", "#{6007*7019}", "<%= 6007*7019 %>", "{% debug %}", "{{config}}", "${{6007*7019}}",
    "@(6007*7019)", "{0.__class__}", "%{6007*7019}", "$(expr 6007 \\* 7019)", "`expr 6007 \\* 7019`",
)  # fmt: skip
EVALUATED: Final = "42163133"
"""Result of each expression in TEMPLATES: long enough not to occur in a debug page by chance."""
MARKUP: Final = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "</title><svg/onload=1>",
)
FORMULAS: Final = (
    "=1+1", "=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(1+1)", "\t=1+1", "=HYPERLINK(\"http://x.invalid\";\"a\")",
    "|calc", "%0A=1+1",
)  # fmt: skip
"""Cells that a spreadsheet would evaluate (OWASP CSV Injection)."""
IDS: Final = (
    "'", "1 OR 1=1", "1;DROP TABLE files", "%00", "../../etc/passwd", "..", ".", "1e999", "-1", "0", "01", "1.0",
    "9" * 40, "\uff19", "00000000-0000-4000-8000-00000000000g", "a" * 3000, "{{6007*7019}}", "null", "undefined", "NaN",
    "*", "%",
    "\r\nX-Injected: 1", "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), "constructor",
    "__proto__",
)  # fmt: skip
"""Texts sent instead of an id."""
FILE_NAMES: Final[Mapping[str, tuple[bytes, str | None]]] = {
    "CR LF": (b"a\r\nX-Injected: 1\r\n.csv", None),
    "LF": (b"a\nX-Injected: 1.csv", None),
    "CR": (b"a\rX-Injected: 1.csv", None),
    "NUL": (b"a\0.csv", None),
    "up": (b"../../../../etc/passwd.csv", "passwd.csv"),
    "up by backslash": (b"..\\\\..\\\\..\\\\windows\\\\win.csv", "win.csv"),
    "absolute": (b"/etc/cron.d/x.csv", "x.csv"),
    "a drive": (b"C:\\\\x.csv", "x.csv"),
    "encoded up": (b"..%2f..%2fx.csv", "..%2f..%2fx.csv"),
    "encoded line end": (b"a%0d%0aX-Injected:%201.csv", "a%0d%0aX-Injected:%201.csv"),
    "only dots": (b"...csv", "...csv"),
    "a quote": (b"a%22; x=%22b.csv", 'a"; x="b.csv'),
    "a second parameter": (b"a.csv%22; filename=%22evil.html.csv", 'a.csv"; filename="evil.html.csv'),
    "a semicolon": (b"a;b=c.csv", "a;b=c.csv"),
    "line separator": ("a\u2028b\u2029c.csv".encode(), "a\u2028b\u2029c.csv"),
    "next line": ("a\u0085b.csv".encode(), "a\u0085b.csv"),
    "right to left": ("\u202evsc.exe.csv".encode(), "\u202evsc.exe.csv"),
    "half width": ("\uff0e\uff0e\uff0fx.csv".encode(), "\uff0e\uff0e\uff0fx.csv"),
    "markup": (b"<img src=x onerror=alert(1)>.csv", "<img src=x onerror=alert(1)>.csv"),
    "a template": (b"{{6007*7019}}.csv", "{{6007*7019}}.csv"),
    "SQL": (b"'; DROP TABLE files; --.csv", "'; DROP TABLE files; --.csv"),
    "a formula": (b"=cmd|x.csv", "=cmd|x.csv"),
    "a shell": (b"$(reboot)`id`.csv", "$(reboot)`id`.csv"),
    "a device": (b"CON.csv", "CON.csv"),
    "emoji": ("\U0001f4c8.csv".encode(), "\U0001f4c8.csv"),
}
"""Name of the payload -> (text between the quotes, stored name by the contract; None if it may be refused)."""
