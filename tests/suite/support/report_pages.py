"""A parser of report pages, the properties that every page must have, and hostile or odd data to render."""

import base64
import copy
import hashlib
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

from hypothesis import strategies as st

HOSTILE = (
    "</script></style></title><script>alert(1)</script><img src=x onerror=alert(1)>\"'><a href='https://evil.example'>"
    "<!-- ]]> &amp; &#x202e; {{ 7 * 7 }} {% raw %} \x00\x1b[2J\r\u202eevil\u200b\ufeff\ud800\u2028\x7f\x9f "
    "javascript:alert(1) url(https://evil.example)"
)
VOID = {"meta", "link", "br", "img", "input", "hr"}

# With surrogates: JSON from a server may contain half a pair.
texts = st.text(st.characters(exclude_categories=()), max_size=60) | st.sampled_from(
    [HOSTILE, "<", "&amp;", "\x00", "\u202e"]
)
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from([10**400, -(10**400)]) | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


class Page(HTMLParser):
    """A page as a browser parses it: the elements in order with their attributes, and every nesting error."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.unbalanced: list[str] = []
        self.comments: list[str] = []
        self.text: dict[str, str] = {}  # directly inside script, style and title
        self.shown = ""
        self.widths: list[list[int]] = []  # cells of each row, by table
        self._open: list[str] = []
        self.feed(source)
        self.close()
        self.unbalanced += self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"an attribute twice in <{tag}>"
        attributes = dict(attrs)
        self.elements.append((tag, attributes))
        if tag == "caption":
            assert self._open[-1] == "table"
        if tag == "table":
            self.widths.append([])
        if tag == "tr":
            self.widths[-1].append(0)
        if tag in ("td", "th"):
            self.widths[-1][-1] += int(attributes.get("colspan") or 1)
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        inside = self._open[-1] if self._open else ""
        if inside in ("script", "style", "title"):
            self.text[inside] = self.text.get(inside, "") + data
        else:
            self.shown += data

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)

    def tags(self, name: str) -> list[dict[str, str | None]]:
        """Return the attributes of each element of that name."""
        return [attributes for tag, attributes in self.elements if tag == name]


def sound(source: str) -> Page:
    """Return the parsed page after asserting the properties of every report: safe, complete, accessible."""
    source.encode()  # a text that cannot be encoded cannot be written
    page = Page(source)
    assert source.startswith("<!DOCTYPE html>")
    assert not page.unbalanced
    assert not page.comments
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2028\u2066-\u2069\ufeff]", source)
    assert len(page.tags("script")) == len(page.tags("style")) == len(page.tags("title")) == 1
    assert len(page.tags("h1")) == len(page.tags("main")) == 1
    assert page.tags("html") == [{"lang": "en"}]
    assert len(page.tags("table")) == len(page.tags("caption"))
    assert all(heading.get("scope") for heading in page.tags("th"))
    assert all(len(set(widths)) == 1 for widths in page.widths), page.widths
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    _loads_nothing(page, ids)
    _has_its_policy(page, source)
    sections = [str(section["id"]) for section in page.tags("section")[1:]]
    assert re.findall(r'href="#([^"]+)"', source[source.index("<nav") : source.index("</nav>")]) == sections
    return page


def _loads_nothing(page: Page, ids: list[str | None]) -> None:
    loading = {"src", "srcset", "action", "formaction", "data", "poster", "style", "background", "ping", "xlink:href"}
    for tag, attributes in page.elements:
        assert not loading & set(attributes), (tag, attributes)
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
        for target in (attributes.get("aria-labelledby") or "").split():
            assert target in ids
        href = attributes.get("href")
        if href is not None:
            assert tag == "a"
            assert (href[0] == "#" and href[1:] in ids) or re.fullmatch(r"\.\./[^/:]+/parity\.html", href), href


def _has_its_policy(page: Page, source: str) -> None:
    policies = [m["content"] for m in page.tags("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert len(policies) == 1
    policy = dict(part.strip().split(" ", 1) for part in str(policies[0]).split(";"))
    assert policy["default-src"] == "'none'"
    for kind, directive in (("style", "style-src"), ("script", "script-src")):
        digest = base64.b64encode(hashlib.sha256(page.text[kind].encode()).digest()).decode()
        assert policy[directive] == f"'sha256-{digest}'"
    assert source.index("Content-Security-Policy") < source.index("<style>")


def shown(page: Page) -> str:
    """Return the text that a reader sees, with each run of whitespace as one space."""
    return " ".join(page.shown.split())


def places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value in the data, except the schema's number."""
    if path and path != ("schema",):
        yield path
    for key, value in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield from places(value, (*path, key))


def replaced(data: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return a copy of the data with another value at the path."""
    data = copy.deepcopy(data)
    at = data
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return data


def everywhere(data: Any, value: Any, kind: type | tuple[type, ...]) -> Any:
    """Return a copy of the data with every leaf of that type replaced, except the schema's number."""
    if isinstance(data, dict):
        return {key: inner if key == "schema" else everywhere(inner, value, kind) for key, inner in data.items()}
    if isinstance(data, list):
        return [everywhere(inner, value, kind) for inner in data]
    return value if isinstance(data, kind) else data
