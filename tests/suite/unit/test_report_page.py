"""Reports as HTML: text from a server stays text, the page is sound whatever the data, and it shows what is wrong."""

import base64
import copy
import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cutover.core.secrets import MASK, Secret, redact
from cutover.report.html.markup import Html, element, is_whole, plain, text
from cutover.report.html.tables import Column, command, share, table
from cutover.report.parity_page import earlier_runs, parity_page

pytestmark = pytest.mark.unit

SAMPLE: dict[str, Any] = json.loads((Path(__file__).parent / "samples" / "parity.json").read_text())
ASSETS = Path(__file__).parents[3] / "src" / "cutover" / "report" / "html"
HOSTILE = (
    "</script></style></title><script>alert(1)</script><img src=x onerror=alert(1)>\"'><a href='https://evil.example'>"
    "<!-- ]]> &amp; &#x202e; \x00\x1b[2J\r\u202eevil\u200b\ufeff\ud800\u2028\x7f\x9f javascript:alert(1) url(https://evil.example)"
)
# Printable by Unicode's categories, and yet nothing to see.
BLANK = set("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | {
    chr(code)
    for first, last in ((0x180B, 0x180F), (0xFE00, 0xFE0F), (0xE0100, 0xE01EF))
    for code in range(first, last + 1)
}
VOID = {"meta", "link", "br", "img", "input", "hr"}

# Surrogates too: JSON from a server may hold half a pair.
texts = st.text(st.characters(exclude_categories=()), max_size=60) | st.sampled_from(
    [HOSTILE, "<", "&amp;", "\x00", "\u202e"]
)
plain_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from([10**400, -(10**400)]) | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


class Page(HTMLParser):
    """A page as a browser's parser takes it: elements in order with attributes, and what was not closed in order."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.unbalanced: list[str] = []
        self.comments: list[str] = []
        self.text: dict[str, str] = {}  # the text directly inside script, style and title
        self.shown = ""
        self._open: list[str] = []
        self.feed(source)
        self.close()
        self.unbalanced += self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"an attribute twice in <{tag}>"
        self.elements.append((tag, dict(attrs)))
        if tag == "caption":
            assert self._open[-1] == "table"
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
        """The attributes of each element of that name."""
        return [attributes for tag, attributes in self.elements if tag == name]


def sound(source: str) -> Page:
    """The page, after everything that must hold for each report was asserted."""
    source.encode()  # what cannot be encoded cannot be written
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
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
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
    policies = [m["content"] for m in page.tags("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert len(policies) == 1
    policy = dict(part.strip().split(" ", 1) for part in str(policies[0]).split(";"))
    assert policy["default-src"] == "'none'"
    for kind, directive in (("style", "style-src"), ("script", "script-src")):
        digest = base64.b64encode(hashlib.sha256(page.text[kind].encode()).digest()).decode()
        assert policy[directive] == f"'sha256-{digest}'"
    first = [tag for tag, _ in page.elements if tag in ("script", "style", "link")] and source.index("<style>")
    assert source.index("Content-Security-Policy") < first
    return page


def sample(**changes: Any) -> dict[str, Any]:
    """The sample's data with some keys changed."""
    return {**copy.deepcopy(SAMPLE), **changes}


def shown(page: Page) -> str:
    """What a reader sees, with its blanks drawn together."""
    return " ".join(page.shown.split())


def places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to everything in the data, but for the schema's number."""
    if path and path != ("schema",):
        yield path
    for key, value in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield from places(value, (*path, key))


def replaced(data: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy of the data with another value at that place."""
    data = copy.deepcopy(data)
    at = data
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return data


def everywhere(data: Any, value: Any, kind: type | tuple[type, ...]) -> Any:
    """The data with each leaf of that kind replaced, but for what the page cannot do without."""
    if isinstance(data, dict):
        return {key: inner if key == "schema" else everywhere(inner, value, kind) for key, inner in data.items()}
    if isinstance(data, list):
        return [everywhere(inner, value, kind) for inner in data]
    return value if isinstance(data, kind) else data


# Markup


@given(texts)
def test_text_comes_out_as_it_went_in_with_unseen_characters_named(value: str) -> None:
    """A parser finds the text and nothing else; what a reader could not see is named by its code point."""
    parsed = Page(str(element("p", value)))
    assert {tag for tag, _ in parsed.elements} <= {"p", "mark"}
    assert not parsed.unbalanced
    if BLANK.isdisjoint(value):
        assert parsed.shown == "".join(
            c if c in " \n\t" or unicodedata.category(c)[0] not in "CZ" else f"U+{ord(c):04X}" for c in redact(value)
        )


@given(texts)
def test_attribute_holds_its_text_and_ends_where_it_ends(value: str) -> None:
    """No value ends its attribute, its element, or begins another one."""
    parsed = Page(str(element("p", "x", aria_label=value, data_copy=value)))
    assert parsed.elements == [("p", {"aria-label": plain(value), "data-copy": plain(value)})]
    assert parsed.shown == "x"


@given(st.lists(texts, max_size=4))
def test_markup_given_back_as_a_string_is_text(values: list[str]) -> None:
    """Nothing that is a string becomes markup, not even markup."""
    inner = element("strong", values)
    assert [tag for tag, _ in Page(str(element("p", str(inner)))).elements if tag not in ("mark", "span")] == ["p"]
    with pytest.raises(TypeError):
        "" + inner  # type: ignore[operator]


@pytest.mark.parametrize(
    "tag", ["script", "style", "iframe", "img", "base", "link", "meta", "form", "object", "p onclick=x"]
)
def test_tag_that_loads_or_runs_is_refused(tag: str) -> None:
    """A report has no element that loads, runs or submits."""
    with pytest.raises(ValueError, match="tags of a report"):
        element(tag)


@pytest.mark.parametrize("name", ["onclick", "style", "src", "srcset", "formaction", "action", "xlink:href", "a b"])
def test_attribute_that_loads_or_runs_is_refused(name: str) -> None:
    """A report has no handler, no inline style and no address to load from."""
    with pytest.raises(ValueError, match="attributes of a report"):
        element("a", **{name: "x"})


@pytest.mark.parametrize(
    "link",
    ["https://evil.example", "//evil.example", "javascript:alert(1)", "data:text/html,x", "/x.html", "file:///x.html",
     "../../x.html", "../a/../../x.html", "../%2e%2e/x.html", "\\\\evil\\x.html", "#", "#a b", "x.html?q", " #a",
     "#a\n", ""],
)  # fmt: skip
def test_link_away_from_the_reports_is_refused(link: str) -> None:
    """A report links to its own parts and to pages beside it."""
    with pytest.raises(ValueError, match="does not link"):
        element("a", "x", href=link)


def test_unseen_characters_are_named() -> None:
    """Bidi overrides, zero width, control characters, blanks that are no space, halves of a pair: none stays unseen."""
    page = Page(str(Html("a\u202eb\u200bc\x00d\xa0e\ud800f\rg\u3164h\U000e0041i\ufe0fj\tk\nl")))
    assert page.shown == "aU+202EbU+200BcU+0000dU+00A0eU+D800fU+000DgU+3164hU+E0041iU+FE0Fj\tk\nl"
    assert len(page.tags("mark")) == 9


def test_long_text_is_cut_and_the_rest_counted() -> None:
    """A text of ten megabytes takes no more of the page than its limit."""
    for filling in ("a", "<", "\x00", "\u202e", "..."):
        markup = str(text(filling * (10_000_000 // len(filling)), 400))
        assert len(markup) < 8_000
        assert re.search(r"… 9,999,\d{3} more characters", markup)


@pytest.mark.parametrize("before", [0, 1, 350, 380, 390, 395, 399, 400, 2000, 2440])
@pytest.mark.parametrize("behind", [0, 5000])
def test_secret_is_masked_also_where_the_text_is_cut(before: int, behind: int) -> None:
    """A cut leaves no beginning of a secret, which nobody would recognise any more."""
    secret = Secret("hunter2-correct-horse-battery-staple-" * 4).reveal()
    crowd = "a" * before + (secret + " ") * 3
    for shown_text in (str(text(crowd + "b" * behind)), plain(crowd + "b" * behind)):
        assert "hunter" not in shown_text
        assert MASK in shown_text or before >= 395


def test_nothing_of_a_secret_is_left_where_masks_make_room() -> None:
    """A text full of long secrets: its masks are short, so that the place where reading stopped comes into view."""
    secret = Secret("long-" + "0123456789abcdef" * 70).reveal()
    for limit in (400, 2000):
        assert "0123456789" not in str(text((secret + " ") * 300, limit))


def test_command_that_cannot_be_shown_exactly_is_not_offered_for_copying() -> None:
    """What is copied is what was read: no unseen character, no cut, no mask."""
    assert "data-copy" in str(command("worker", "curl -sS 'https://worker.example'"))
    for value in (
        "curl 'a\u202eb'",
        "curl 'a\rb'",
        "curl " + "x" * 5000,
        "curl -H 'Authorization: Bearer abcdef0123456789'",
    ):
        assert not is_whole(value, 4000)
        assert "data-copy" not in str(command("worker", value))


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_share_is_all_or_nothing_only_when_it_is(part: int, whole: int) -> None:
    """39,999 of 40,000 is not 100 %, and 1 of 40,000 is not 0 %."""
    written = share(part, whole).content
    if whole and part <= whole:
        assert (written == "100 %") == (part == whole)
        assert (written == "0 %") == (part == 0)


def test_table_without_rows_says_what_that_means() -> None:
    """An empty table would be taken for good news."""
    assert str(table("t", "T", [Column("A")], [], nothing="Nothing was compared.")) == (
        '<p class="nothing" id="t">Nothing was compared.</p>'
    )


# The page's own style and script


def test_style_and_script_load_nothing() -> None:
    """No address, no import, and no way from text to markup."""
    style, script = (ASSETS / "page.css").read_text(), (ASSETS / "page.js").read_text()
    assert not re.search(r"url\(|@import|@font-face|expression\(|://|</", style)
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|eval|Function\(|fetch|XMLHttp|import|WebSocket|://|</",
        script,
    )


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("palette", [0, 1, 2], ids=["light", "dark", "print"])
def test_contrast_is_enough(palette: int) -> None:
    """At least 4.5:1 for each colour of text on each ground that it stands on (WCAG 2.2, 1.4.3)."""
    blocks = re.findall(r":root \{([^}]*)\}", (ASSETS / "page.css").read_text())
    assert len(blocks) == 3
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", blocks[palette]))
    panels = ["page", "panel", "good-panel", "bad-panel", "warn-panel"]
    pairs = [(front, ground) for front in ("text", "quiet", "link", "good", "bad", "warn") for ground in panels]
    for front, ground in [*pairs, ("mark", "mark-panel")]:
        light, dark = sorted((luminance(colours[front]), luminance(colours[ground])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (front, ground)


# The parity page


def test_sample_page_is_sound_and_the_same_each_time() -> None:
    """Landmarks, captions, ids, policy; no clock and no random number in it."""
    source = parity_page(SAMPLE, [])
    page = sound(source)
    assert source == parity_page(copy.deepcopy(SAMPLE), [])
    assert {"header", "nav", "main", "footer"} <= {tag for tag, _ in page.elements}
    assert page.tags("a")[0] == {"href": "#verdict", "class": "skip"}
    assert page.text["title"].startswith("NO-GO: Parity, staging")


def test_verdict_and_reasons_come_first_and_undeclared_before_accepted() -> None:
    """What is wrong is read before anything else."""
    read = shown(sound(parity_page(SAMPLE, [])))
    order = ["✗ NO-GO", *SAMPLE["reasons"], "✗ 3 undeclared differences", "✗ 1 declaration in error",
             "✗ 1 required but not seen", "Differences without a declaration", "bytes, 1,204 long",
             "bytes, 1,201 long", "5 of 5 responses compared (100 %)", "ann: export ['name']", "On legacy", "On worker",
             "contracts/accepted_differences.toml:58", "not seen in 12 answers of download", "✗ not seen",
             "the front end reads the status only"]  # fmt: skip
    at = 0
    for part in order:
        assert part in read[at:], part
        at += read[at:].index(part)


def test_every_text_of_the_data_is_on_the_page() -> None:
    """Nothing of a small run is left out, but for the samples of what is accepted."""
    data = sample()
    for difference in data["differences"]:
        if difference["decision"] != "undeclared":
            difference["samples"] = []
            difference["journeys"] = []
            (difference["acceptance"] or {}).pop("expires", None)
    page = sound(parity_page(data, []))
    keep = {"schema", "decision"}

    def leaves(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            for key, inner in value.items():
                yield from leaves(inner) if key not in keep else ()
        elif isinstance(value, list):
            for inner in value:
                yield from leaves(inner)
        elif isinstance(value, str):
            yield value

    missing = [leaf for leaf in leaves(data) if leaf and leaf not in page.shown and leaf != data["noise"][0]["case"]]
    assert missing == []


@pytest.mark.parametrize("kind", [str, (int, float), (str, int, float)], ids=["texts", "numbers", "both"])
def test_hostile_text_in_every_field_changes_nothing_but_text(kind: Any) -> None:
    """Not one element, attribute or link comes from the data."""
    hostile = everywhere(SAMPLE, HOSTILE, kind)
    earlier = [
        everywhere({**SAMPLE, "folder": "x", "page": True}, HOSTILE, kind),
        {"folder": HOSTILE, "broken": HOSTILE},
    ]
    page = sound(parity_page(hostile, earlier))
    assert not {tag for tag, _ in page.elements} & {"img", "iframe", "object"}
    assert "</script></style></title><script>alert(1)</script>" in page.shown
    assert "U+202E" in page.shown


@pytest.mark.parametrize("path", list(places(SAMPLE)), ids=lambda path: ".".join(map(str, path)))
def test_hostile_text_in_one_field_is_harmless(path: tuple[Any, ...]) -> None:
    """Each field by itself, whatever stood there: text, number, list or object."""
    sound(parity_page(replaced(SAMPLE, path, HOSTILE), []))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_json_anywhere_gives_a_sound_page(data: st.DataObject) -> None:
    """A page for whatever shape the data have: a run that went wrong is the one that somebody looks at."""
    changed: Any = SAMPLE
    for _ in range(data.draw(st.integers(1, 3))):
        changed = replaced(changed, data.draw(st.sampled_from(list(places(changed)))), data.draw(plain_json))
    sound(parity_page(changed, [changed, {}]))


@pytest.mark.parametrize("number", [10**400, -(10**400), float("inf"), float("-inf"), float("nan"), True, -0.0])
def test_number_beyond_any_measure_is_shown_all_the_same(number: float) -> None:
    """Python's JSON knows numbers that no float holds; counts, shares, times and days left do not fail on them."""
    for other in (number, float("inf")):
        data = everywhere(SAMPLE, number, (int, float))
        data["differences"] = [{**difference, "of": other} for difference in data["differences"]]
        sound(parity_page(data, [{**data, "folder": "x", "page": True}]))


def test_empty_data_promise_nothing() -> None:
    """What is not in the data is said not to be there; it is not shown as good."""
    page = sound(parity_page({"schema": 1}, []))
    read = shown(page)
    for name in ("coverage", "not_exercised", "differences", "acceptances", "noise", "proposals", "journeys"):
        assert f"The data contain no list {name}" in read
    assert "The data contain no totals" in read
    assert "nothing was compared" in read
    assert "Every required combination was seen" not in read
    assert "✗ ? undeclared differences" in read
    assert "✓" not in read
    assert page.tags("section")[0]["class"] == "verdict bad"


def test_data_of_another_schema_are_refused() -> None:
    """No guessing at what a newer file means."""
    for schema in (2, None, "1", [1]):
        with pytest.raises(ValueError, match="schema"):
            parity_page(sample(schema=schema), [])


@pytest.mark.parametrize(("undeclared", "keep"), [(0, True), (4, False), (None, True)])
def test_totals_that_contradict_the_list_are_told(undeclared: int | None, keep: bool) -> None:
    """A reader of one of them only would be misled."""
    data = sample(totals={**SAMPLE["totals"], "undeclared": undeclared})
    if not keep:
        data["differences"] = [d for d in data["differences"] if d["decision"] != "undeclared"]
    assert "undeclared differences, the list contains" in shown(sound(parity_page(data, [])))
    assert "undeclared differences, the list contains" not in shown(sound(parity_page(SAMPLE, [])))


def test_unknown_decision_stands_among_the_undeclared() -> None:
    """A word that nobody knows accepts nothing."""
    data = sample()
    data["differences"][3]["decision"] = "tolerated"
    read = shown(sound(parity_page(data, [])))
    assert "4 undeclared differences" in read
    assert "The decision in the data is tolerated" in read


def test_what_a_reader_must_know_first_is_told_first() -> None:
    """A planted defect, and values that are not masked."""
    read = shown(sound(parity_page(sample(planted="worker size-as-text planted", show_values=True), [])))
    for part in ("worker size-as-text planted", "not masked"):
        assert read.index(part) < read.index("Totals")


@pytest.mark.parametrize(("days", "told"), [(13, "! 13"), (14, "14"), (0, "! 0"), (-2, "✗ expired 2 days ago")])
def test_days_left_are_marked_under_fourteen(days: int, told: str) -> None:
    """Two weeks before it ends an acceptance asks to be looked at."""
    data = sample()
    data["differences"][3]["acceptance"]["days_left"] = days
    data["acceptances"] = []
    read = shown(sound(parity_page(data, [])))
    assert f"100 %{told}" in read.replace("100 % ", "100 %")


@pytest.mark.parametrize("state", ["stale", "too broad", "expired", "a new word"])
def test_declaration_in_error_stands_apart(state: str) -> None:
    """Acceptances and noise alike, with the file and line to mend."""
    data = sample()
    data["acceptances"][0]["state"] = data["noise"][0]["state"] = state
    read = shown(sound(parity_page(data, [])))
    errors = read[read.index("Declarations that are stale") : read.index("Required but not seen")]
    assert "contracts/accepted_differences.toml:31" in errors
    assert "contracts/noise.toml:12" in errors
    assert "3 declarations in error" in read


def test_missing_coverage_is_shown_in_the_matrix_and_by_itself() -> None:
    """Required and never seen; a count that is not given was not seen either."""
    data = sample()
    del data["coverage"][0]["seen"]
    read = shown(sound(parity_page(data, [])))
    assert "2 required but not seen" in read
    missing = read[read.index("Required but not seen") : read.index("Responses seen, by operation")]
    assert "list_files" in missing
    assert "stranger" in missing
    assert read.count("✗ not seen") == 4


def thousand() -> dict[str, Any]:
    """A thousand undeclared differences of one operation, and one of another."""
    one = SAMPLE["differences"][0]
    many = [{**one, "operation": "aaa", "path": f"/files/*/field_{n}"} for n in range(1000)]
    return sample(differences=[*many, {**one, "operation": "zzz", "path": "/only"}])


def test_thousand_differences_are_all_told_and_no_operation_is_crowded_out() -> None:
    """All are counted, a thousand named in the table, a hundred shown in full, each operation among them."""
    source = parity_page(thousand(), [])
    page = sound(source)
    assert len(page.tags("article")) == 100
    assert "1,001 undeclared differences" in shown(page)
    assert "901 more are not shown in full" in shown(page)
    assert "1 more rows are not shown" in shown(page)
    assert [a for a in page.tags("article") if a["id"] == "difference-1000"]
    assert len(source) < 2_000_000


def test_ten_megabytes_of_data_make_a_page_that_opens() -> None:
    """A bound for the page, whether one text is huge, all are, or there are many."""
    lone = sample()
    lone["differences"][0]["samples"][0]["baseline"] = "<\u202e" * 5_000_000
    everything = everywhere(SAMPLE, "\u202e<&" * 12_000, str)
    many = thousand()
    for difference in many["differences"]:
        difference["samples"] = [
            {
                "journey": "j" * 200,
                "step": n,
                "baseline": "<" * 900,
                "candidate": ">" * 900,
                "parts_at": "0",
                "requests": {},
            }
            for n in range(5)
        ]
    for data, most in ((lone, 200_000), (everything, 2_000_000), (many, 6_000_000)):
        assert len(json.dumps(data)) > 8_000_000
        assert len(parity_page(data, [])) < most


# Earlier runs


def write_run(reports: Path, folder: str, **changes: Any) -> Path:
    """A folder of a run with its parity.json."""
    (reports / folder).mkdir()
    (reports / folder / "parity.json").write_text(json.dumps(sample(**changes)))
    return reports / folder


def test_earlier_runs_are_read_newest_first_and_broken_files_named(tmp_path: Path) -> None:
    """At most twenty; this one is not among them; what cannot be read is told by its folder's name."""
    for n in range(25):
        folder = write_run(tmp_path, f"20261101T0000{n:02}-run{n}", run=f"run{n}", started=1795000000.0 + n)
    (folder.parent / "20261101T000024-run24" / "parity.html").write_text("")
    own = write_run(tmp_path, "20261102T000000-own")
    for name, content in {"no-json": b"{", "not-utf8": b"\xff", "list": b"[]", "schema-2": b'{"schema": 2}',
                          "no-time": b'{"schema": 1}', "deep": b"[" * 200_000}.items():  # fmt: skip
        (tmp_path / f"20261103-{name}").mkdir()
        (tmp_path / f"20261103-{name}" / "parity.json").write_bytes(content)
    (tmp_path / "20261104-link").symlink_to(own)
    (tmp_path / "20261105-smoke").mkdir()
    (tmp_path / "README.md").write_text("")
    runs = earlier_runs(own)
    good = [run for run in runs if "broken" not in run]
    assert [run["run"] for run in good] == [f"run{n}" for n in range(24, 4, -1)]
    assert [run["observations"] for run in good[:2]] == [True, False]
    broken = {run["folder"].partition("-")[2] for run in runs if "broken" in run}
    assert broken == {"no-json", "not-utf8", "list", "schema-2", "no-time", "deep"}
    page = sound(parity_page(SAMPLE, runs))
    assert "../20261101T000024-run24/parity.html" in [link["href"] for link in page.tags("a")]
    assert "20261103-deep/parity.json: not valid JSON" in shown(page)
    assert "this run" in shown(page)


def test_no_earlier_run_is_said(tmp_path: Path) -> None:
    """The first run has nothing beside it; a folder that is gone is no error."""
    assert earlier_runs(write_run(tmp_path, "20261102T000000-own")) == []
    assert earlier_runs(tmp_path / "gone" / "gone") == []
    assert "The folder of reports contains no earlier run." in shown(sound(parity_page(SAMPLE, [])))
