"""Rendering of report pages: text stays text, templates can only do what is safe, pages load nothing."""

import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import TemplateAssertionError, UndefinedError, nodes
from tests.suite.support.report_pages import Page, texts

from cutover.core.secrets import MASK, Secret, redact
from cutover.report.html.figures import share
from cutover.report.html.rendering import environment
from cutover.report.html.shown_text import is_exact, markup_of, plain
from cutover.report.parity_differences import Command

pytestmark = pytest.mark.unit

HTML = Path(__file__).parents[3] / "src" / "cutover" / "report" / "html"
TEMPLATES = sorted((HTML / "templates").iterdir())
# Printable in Unicode, but invisible.
BLANK = set("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | {
    chr(code)
    for first, last in ((0x180B, 0x180F), (0xFE00, 0xFE0F), (0xE0100, 0xE01EF))
    for code in range(first, last + 1)
}
# Tags and attributes that load, run, frame, submit or style something are missing on purpose.
TAGS = {
    "a", "article", "caption", "code", "dd", "details", "div", "dl", "dt", "em", "footer", "h1", "h2", "h3", "h4",
    "header", "li", "main", "nav", "ol", "p", "path", "pre", "rect", "section", "small", "span", "strong",
    "summary", "svg", "table", "tbody", "td", "text", "th", "thead", "time", "tr", "ul",
}  # fmt: skip
FRAME_TAGS = {"html", "head", "meta", "title", "style", "body", "script"}
ATTRIBUTES = {
    "aria-hidden", "aria-label", "aria-labelledby", "class", "colspan", "d", "data-copy", "data-order", "data-sortable",
    "datetime", "dir", "height", "href", "id", "role", "scope", "tabindex", "viewBox", "width", "x", "y",
}  # fmt: skip
FRAME_ATTRIBUTES = {"lang", "charset", "http-equiv", "content", "name"}
TAG = re.compile(r"<([a-zA-Z!/][^\s>{]*)((?:[^>{]|\{\{.*?\}\}|\{%.*?%\})*)>")


def rendered(template: str, **context: Any) -> str:
    """Return the output of a template given as text."""
    return environment().from_string(template).render(context)


def text(value: str) -> str:
    """Return the markup of a text in a paragraph."""
    return rendered("<p>{{ value }}</p>", value=value)


def tags_of(template: Path) -> Iterator[tuple[str, str]]:
    """Yield the name and the attributes' source of each tag in a template, without comments."""
    source = re.sub(r"\{#.*?#\}", "", template.read_text(), flags=re.DOTALL)
    for match in TAG.finditer(source):
        yield match[1], match[2]


def command(value: str) -> str:
    """Return the markup of a command."""
    module: Any = environment().get_template("parity_differences.html").module
    return str(module.command_block(Command("worker", value)))


# Text


@given(texts)
def test_text_is_shown_as_it_is(value: str) -> None:
    """A parser finds the text and no element. Invisible characters are named by their code points."""
    parsed = Page(text(value))
    assert {tag for tag, _ in parsed.elements} <= {"p", "mark"}
    assert not parsed.unbalanced
    if BLANK.isdisjoint(value):
        assert parsed.shown == "".join(
            c if c in " \n\t" or unicodedata.category(c)[0] not in "CZ" else f"U+{ord(c):04X}" for c in redact(value)
        )


@given(texts)
def test_attribute_contains_only_its_text(value: str) -> None:
    """No value ends its attribute or its element, or starts another one."""
    parsed = Page(
        rendered('<p aria-label="{{ value|attribute }}" data-copy="{{ value|attribute }}">x</p>', value=value)
    )
    assert parsed.elements == [("p", {"aria-label": plain(value), "data-copy": plain(value)})]
    assert parsed.shown == "x"


@given(st.lists(texts, max_size=4))
def test_markup_as_a_string_is_text(values: list[str]) -> None:
    """A string is never markup, not even if it contains the output of a template."""
    inner = "".join(text(value) for value in values)
    for template in ("<p>{{ value }}</p>", '<p>{{ "{}"|filled(value) }}</p>', "<p>{{ [value]|comma_separated }}</p>"):
        parsed = Page(rendered(template, value=inner))
        assert [tag for tag, _ in parsed.elements if tag not in ("mark", "span")] == ["p"]


def test_filled_and_joined_markup_is_text() -> None:
    """A filter that combines texts does not pass markup on."""
    for expression in ('"{}"|filled(code(value))', "[code(value), value]|comma_separated"):
        made = rendered('{% from "macros.html" import code %}<p>{{ ' + expression + " }}</p>", value="<b>")
        assert [tag for tag, _ in Page(made).elements] == ["p"]


def test_invisible_characters_are_named() -> None:
    """Bidi overrides, zero width, control characters, blanks and half surrogate pairs are visible."""
    page = Page(text("a\u202eb\u200bc\x00d\xa0e\ud800f\rg\u3164h\U000e0041i\ufe0fj\tk\nl"))
    assert page.shown == "aU+202EbU+200BcU+0000dU+00A0eU+D800fU+000DgU+3164hU+E0041iU+FE0Fj\tk\nl"
    assert len(page.tags("mark")) == 9


def test_long_text_is_cut_and_the_rest_counted() -> None:
    """A text of ten megabytes takes no more of the page than its limit."""
    for filling in ("a", "<", "\x00", "\u202e", "..."):
        markup = text(filling * (10_000_000 // len(filling)))
        assert len(markup) < 8_000
        assert re.search(r"… 9,999,\d{3} more characters", markup)


@pytest.mark.parametrize("before", [0, 1, 350, 380, 390, 395, 399, 400, 2000, 2440])
@pytest.mark.parametrize("behind", [0, 5000])
def test_secret_is_masked_also_at_the_cut(before: int, behind: int) -> None:
    """A cut leaves no beginning of a secret, which `redact` would not recognize."""
    secret = Secret("hunter2-correct-horse-battery-staple-" * 4).reveal()
    crowd = "a" * before + (secret + " ") * 3
    for shown_text in (text(crowd + "b" * behind), plain(crowd + "b" * behind)):
        assert "hunter" not in shown_text
        assert MASK in shown_text or before >= 395


def test_secret_is_masked_if_masks_make_room() -> None:
    """In a text full of long secrets the masks are short, so the end of the read part becomes visible."""
    secret = Secret("long-" + "0123456789abcdef" * 70).reveal()
    for limit in (400, 2000):
        assert "0123456789" not in markup_of((secret + " ") * 300, limit)


def test_inexact_command_cannot_be_copied() -> None:
    """A command with an invisible character, a cut or a mask has no copy button."""
    assert "data-copy" in command("curl -sS 'https://worker.example'")
    for value in (
        "curl 'a\u202eb'",
        "curl 'a\rb'",
        "curl " + "x" * 5000,
        "curl -H 'Authorization: Bearer abcdef0123456789'",
    ):
        assert not is_exact(value, 4000)
        assert "data-copy" not in command(value)


# Links and paths


@pytest.mark.parametrize(
    "link",
    ["https://evil.example", "//evil.example", "javascript:alert(1)", "data:text/html,x", "/x.html", "file:///x.html",
     "../../x.html", "../a/../../x.html", "../%2e%2e/x.html", "\\\\evil\\x.html", "#", "#a b", "x.html?q", " #a",
     "#a\n", ""],
)  # fmt: skip
def test_link_away_from_the_reports_is_refused(link: str) -> None:
    """A report links only to its own sections and to pages of other runs."""
    with pytest.raises(ValueError, match="cannot link"):
        rendered('<a href="{{ link|link }}">x</a>', link=link)


@pytest.mark.parametrize("path", ['M0 0"/><script>', "url(x)", "M0,0", "m1 1"])
def test_path_of_other_characters_is_refused(path: str) -> None:
    """The data of a path contain only digits and drawing commands, which cannot end the attribute."""
    with pytest.raises(ValueError, match="SVG path"):
        rendered('<path d="{{ path|path }}"></path>', path=path)


# Templates


@pytest.mark.parametrize(
    "name", ["safe", "e", "escape", "forceescape", "join", "format", "replace", "tojson", "xmlattr"]
)
def test_filter_of_jinja_does_not_exist(name: str) -> None:
    """Jinja2's own filters, above all `safe`, are removed: some of them return text that is not shown by our rules."""
    with pytest.raises(TemplateAssertionError, match="No filter"):
        rendered("{{ value|" + name + " }}", value="x")


@pytest.mark.parametrize("value", [None, 1.5, True, {}, []])
def test_output_other_than_text_is_refused(value: Any) -> None:
    """A value without a defined text form is an error of the template."""
    with pytest.raises(TypeError, match="outputs text"):
        rendered("{{ value }}", value=value)


def test_unknown_variable_is_refused() -> None:
    """A name that the page does not define raises instead of showing nothing."""
    for template in ("{{ missing }}", "{% if missing %}{% endif %}", "{{ value.missing }}"):
        with pytest.raises(UndefinedError):
            rendered(template, value="x")


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_template_has_only_harmless_tags(template: Path) -> None:
    """No tag or attribute of a template loads, runs, frames, submits or styles. Only the frame has style and script."""
    frame = template.name == "page.html"
    for tag, attributes in tags_of(template):
        name = tag.removeprefix("/")
        assert name in TAGS or (frame and (name in FRAME_TAGS or name == "!DOCTYPE")), tag
        static = re.sub(r'\{%.*?%\}|"[^"]*"', " ", attributes)
        for attribute in re.findall(r"[^\s=]+", static):
            assert attribute in ATTRIBUTES or (frame and attribute in {*FRAME_ATTRIBUTES, "html"}), (tag, attribute)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_template_quotes_and_filters_every_attribute(template: Path) -> None:
    """An expression in an attribute is quoted and passes a filter for attributes, links or paths."""
    for tag, attributes in tags_of(template):
        assert "{{" not in re.sub(r'"[^"]*"', "", attributes), (tag, attributes)
        for expression in re.findall(r"\{\{(.*?)\}\}", attributes):
            allowed = expression.strip() == "CONTENT_SECURITY_POLICY" or re.search(
                r"\|(attribute|link|path) $", expression
            )
            assert allowed, (tag, expression)
        for link in re.findall(r'href="([^"]*)"', attributes):
            assert link.startswith("#") or link.endswith("|link }}"), link


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_template_does_not_combine_markup_with_text(template: Path) -> None:
    """No `~`, no pattern from the data, no switch of autoescape: they would skip the rules for text."""
    parsed = environment().parse(template.read_text())
    assert not list(parsed.find_all((nodes.Concat, nodes.ScopedEvalContextModifier, nodes.EvalContextModifier)))
    for each in parsed.find_all(nodes.Filter):
        if each.name == "filled":
            assert isinstance(each.node, nodes.Const)


def test_empty_table_shows_a_sentence() -> None:
    """An empty table would look like good news."""
    made = rendered(
        '{% from "macros.html" import table %}{% call(row) table("t", "T", ["A"], [], "Nothing was compared.") %}'
        "{% endcall %}"
    )
    assert made.strip() == '<p class="nothing" id="t">Nothing was compared.</p>'


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_share_is_0_or_100_only_if_exact(part: int, whole: int) -> None:
    """39,999 of 40,000 is not 100 %, and 1 of 40,000 is not 0 %."""
    written = share(part, whole).text
    if whole and part <= whole:
        assert (written == "100 %") == (part == whole)
        assert (written == "0 %") == (part == 0)


def test_jinja_is_imported_only_to_render() -> None:
    """The start of a gate and `cutover --help` do not pay for the import of Jinja2."""
    modules = "cutover.cli, cutover.pytest_plugin, cutover.report.load_page, cutover.report.parity_page"
    program = f"import sys, {modules}, cutover.report.reconciliation_page\nsys.exit('jinja2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


# Style and script


def test_style_and_script_load_nothing() -> None:
    """They contain no address and no import, and the script makes no markup from text."""
    style, script = (HTML / "page.css").read_text(), (HTML / "page.js").read_text()
    assert not re.search(r"url\(|@import|@font-face|expression\(|://|</", style)
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|eval|Function\(|fetch|XMLHttp|import|WebSocket|://|</",
        script,
    )


def luminance(color: str) -> float:
    """Return the relative luminance by WCAG 2.2."""
    channels = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("palette", [0, 1, 2], ids=["light", "dark", "print"])
def test_contrast_is_enough(palette: int) -> None:
    """Each text color has at least 4.5:1 on each background (WCAG 2.2, 1.4.3)."""
    blocks = re.findall(r":root \{([^}]*)\}", (HTML / "page.css").read_text())
    assert len(blocks) == 3
    colors = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", blocks[palette]))
    panels = ["page", "panel", "good-panel", "bad-panel", "warn-panel"]
    pairs = [(front, ground) for front in ("text", "quiet", "link", "good", "bad", "warn") for ground in panels]
    for front, ground in [*pairs, ("mark", "mark-panel")]:
        light, dark = sorted((luminance(colors[front]), luminance(colors[ground])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (front, ground)
