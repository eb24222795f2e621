"""The page around a report: the verdict on top, sections, and a policy under which nothing is loaded and nothing
runs but the page's own script. Not for what a report says. Works from file://.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any, Final

from cutover.report.html.markup import Content, Html, element, plain, text
from cutover.report.html.tables import SIGNS, Tone, any_text

REASONS_LIMIT: Final = 50
"""Reasons that are shown in full; the others are counted."""

_REASON_LENGTH: Final = 2000
_TONES: Final = {"GO": Tone.GOOD, "NO-GO": Tone.BAD, "INCONCLUSIVE": Tone.WARN, "INVALID": Tone.BAD}


@dataclass(frozen=True)
class Headline:
    """One figure under the verdict. anchor: the section that shows what it counts."""

    figure: int | str
    label: str
    tone: Tone
    anchor: str


@dataclass(frozen=True)
class Banner:
    """What a reader sees first. verdict: the word, as the run's data give it.

    subject: what was judged, in the verdict's line; notices: what must be known before believing anything;
    about: what was run, where and when.
    """

    verdict: str
    exit_code: Any
    subject: str
    reasons: Sequence[str]
    headlines: Sequence[Headline] = ()
    notices: Sequence[Html] = ()
    about: Content = None


@dataclass(frozen=True)
class Section:
    """One part of the page. anchor: its id; count: what the navigation shows beside the title."""

    anchor: str
    title: str
    body: Content
    count: int | None = None
    tone: Tone = Tone.PLAIN


def page(title: str, banner: Banner, sections: Sequence[Section], footer: Content) -> str:
    """The whole page. The same data give the same page, byte for byte: it holds no clock and no random number."""
    style, script = _asset("page.css"), _asset("page.js")
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none'; "
        "form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
    body = Html(
        element("a", "Skip to the verdict", href="#verdict", class_="skip"),
        element("header", element("h1", title)),
        element(
            "main",
            _verdict(banner),
            element("div", banner.about, class_="facts") if banner.about is not None else None,
            element("nav", element("ul", [_entry(section) for section in sections]), aria_label="Sections"),
            [_section(section) for section in sections],
            id="main",
        ),
        element("footer", footer),
    )
    # The policy comes before anything that it governs.
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n'
        f"<title>{escape(plain(f'{banner.verdict}: {title}'))}</title>\n<style>{style}</style>\n</head>\n"
        f"<body>\n{body}\n<script>{script}</script>\n</body>\n</html>\n"
    )


def verdict_tone(verdict: str) -> Tone:
    """How a verdict's word is to be taken; a word that is not known is nothing good."""
    return _TONES.get(verdict, Tone.BAD)


def _verdict(banner: Banner) -> Html:
    tone = verdict_tone(banner.verdict)
    shown = banner.reasons[:REASONS_LIMIT]
    left_out = len(banner.reasons) - len(shown)
    return element(
        "section",
        element(
            "h2",
            element("span", SIGNS[tone] + " ", aria_hidden="true"),
            element("strong", banner.verdict),
            element("span", f" {banner.subject}, exit code {any_text(banner.exit_code)}", class_="subject"),
            id="verdict-title",
        ),
        banner.notices,
        element("ul", [element("li", text(reason, _REASON_LENGTH)) for reason in shown], class_="reasons")
        if shown
        else element("p", "No reason is given.", class_="nothing"),
        element("p", f"{left_out:,} more reasons are in the run's data.", class_="note") if left_out > 0 else None,
        element("ul", [_headline(headline) for headline in banner.headlines], class_="headlines")
        if banner.headlines
        else None,
        id="verdict",
        class_=f"verdict {tone.value}",
        aria_labelledby="verdict-title",
        tabindex=-1,
    )


def _headline(headline: Headline) -> Html:
    written = f"{headline.figure:,}" if isinstance(headline.figure, int) else headline.figure
    sign = element("span", SIGNS[headline.tone] + " ", aria_hidden="true") if SIGNS[headline.tone] else None
    link = element("a", element("strong", written), " ", headline.label, href=f"#{headline.anchor}")
    return element("li", sign, link, class_=headline.tone.value)


def _entry(section: Section) -> Html:
    count = None if section.count is None else element("span", f" {section.count:,}", class_=section.tone.value)
    return element("li", element("a", section.title, count, href=f"#{section.anchor}"))


def _section(section: Section) -> Html:
    title = element("h2", section.title, id=f"{section.anchor}-title")
    return element("section", title, section.body, id=section.anchor, aria_labelledby=f"{section.anchor}-title")


@cache
def _asset(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
