"""Rendering of a report page by Jinja2. Text from a server can neither become markup nor load anything.

Not imported before a page is rendered: the import of Jinja2 takes about 0.1 s.

Jinja2 escapes every expression. On top of that each text is redacted, cut and its invisible characters are named. Only
the filters below exist: a template cannot declare text as safe. A page works from file:// and without a script.
See docs/adr/0010-report-markup-by-jinja2.md.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, Undefined
from markupsafe import Markup, escape

from cutover.report import run_data
from cutover.report.html.figures import NOT_GIVEN, SIGNS, any_text, figure, moment, share
from cutover.report.html.layout import Banner, Section, is_link, verdict_tone
from cutover.report.html.shown_text import is_exact, markup_of, plain

ROWS_LIMIT: Final = 1000
"""Rows of one table that are shown. The others are counted. A browser sorts 1000 rows without a delay."""

REASONS_LIMIT: Final = 50
"""Reasons of the verdict that are shown. The others are counted."""

REASON_LENGTH: Final = 2000
"""Characters of one reason that are shown."""

COMMAND_LIMIT: Final = 4000
"""Characters of a command that are shown. A longer command cannot be copied, because its half is another command."""

# SVG path data with absolute moves and lines: digits, which cannot be markup.
_PATH: Final = re.compile(r"[MLHh0-9. -]*")


def render(template: str, title: str, banner: Banner, sections: Mapping[str, Section], **context: Any) -> str:
    """Return the page. The same data give the same bytes: a page contains no clock and no random number.

    template: file in templates/; sections: anchor -> section, in the page's order; context: the template's variables.
    Raises jinja2.UndefinedError for a variable that the template uses and the context does not contain.
    """
    context |= {"document_title": f"{banner.verdict}: {title}", "title": title, "banner": banner, "sections": sections}
    return environment().get_template(template).render(context)


@cache
def environment() -> Environment:
    """Return the environment of all templates: escaping, filters and globals."""
    made = Environment(
        loader=PackageLoader("cutover.report.html"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.clear()  # above all `safe`
    made.filters.update(
        {
            "attribute": _attribute,
            "comma_separated": _comma_separated,
            "figure": figure,
            "filled": _filled,
            "inner": run_data.inner,
            "length": len,
            "limited": _limited,
            "link": _link,
            "moment": moment,
            "path": _path,
            "rows": run_data.rows,
            "text": any_text,
            "thousands": _thousands,
            "value": run_data.value,
            "word": run_data.word,
            "words": run_data.words,
        }
    )
    made.globals.update(
        COMMAND_LIMIT=COMMAND_LIMIT,
        CONTENT_SECURITY_POLICY=escape(_policy()),
        NOT_GIVEN=NOT_GIVEN,
        REASONS_LIMIT=REASONS_LIMIT,
        REASON_LENGTH=REASON_LENGTH,
        ROWS_LIMIT=ROWS_LIMIT,
        SCRIPT=Markup(_asset("page.js")),  # noqa: S704 - a file of this package
        SIGNS=SIGNS,
        STYLE=Markup(_asset("page.css")),  # noqa: S704
        is_exact=is_exact,
        share=share,
        verdict_tone=verdict_tone,
    )
    return made


def _finalize(value: Any) -> Any:
    """Return the output of an expression: a string is shown as text, markup and whole numbers stay as they are."""
    if isinstance(value, (Markup, Undefined)):  # Undefined raises an error that names the variable
        return value
    if isinstance(value, str):
        return Markup(markup_of(value))  # noqa: S704 - escaped
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise TypeError(f"a template outputs text or a whole number, got {type(value).__name__}")


def _limited(value: str, limit: int) -> Markup:
    """Return a text with a limit other than TEXT_LIMIT."""
    return Markup(markup_of(value, limit))  # noqa: S704 - escaped


def _attribute(value: str | float) -> Markup:
    return escape(plain(str(value)))


def _link(value: str) -> Markup:
    if not is_link(value):
        raise ValueError(f"a report cannot link to {value!r}")
    return Markup(value)  # noqa: S704 - checked


def _path(value: str) -> Markup:
    """Return the path's data whole: a path that is cut would show other figures."""
    if not _PATH.fullmatch(value):
        raise ValueError(f"expected the data of an SVG path, got {value[:40]!r}")
    return Markup(value)  # noqa: S704 - checked


def _comma_separated(values: Iterable[str]) -> str:
    return ", ".join(values)


def _filled(pattern: str, *values: str | int) -> str:
    """Return the pattern with its {} replaced. The result is text, also if a value is markup."""
    return pattern.format(*values)


def _thousands(value: int | str) -> str:
    return f"{value:,}" if isinstance(value, int) else value


def _policy() -> str:
    return (
        f"default-src 'none'; style-src '{_hash(_asset('page.css'))}'; script-src '{_hash(_asset('page.js'))}'; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )


@cache
def _asset(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
