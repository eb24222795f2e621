"""Tests of header comparison: equal meanings in other words, and different meanings in similar words."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cutover.parity.header_comparison import compare_headers, meaning

pytestmark = pytest.mark.unit

Lines = list[tuple[str, str]]
DATE = "Sun, 22 Nov 2026 10:00:00 GMT"
URLS = ("http://127.0.0.1:8000/api/x/", "https://worker.example/api/x")


def found(baseline: Lines, candidate: Lines, ignored: dict[str, str] | None = None) -> list[tuple[str, str]]:
    """Return (path, class) of each difference."""
    told: list[tuple[str, str]] = []
    dated = [("date", DATE)]
    compare_headers(
        dated + baseline, dated + candidate, {"date": "any", **(ignored or {})},
        lambda path, kind, *_: told.append((path, kind.value)), urls=URLS,
    )  # fmt: skip
    return told


def differ(name: str, one: str, other: str) -> list[tuple[str, str]]:
    return found([(name, one)], [(name.title(), other)])


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("vary", "Origin, Accept", "accept,origin"),
        ("vary", "Origin", "origin, Origin"),
        ("cache-control", "private, no-store", "No-Store,  private"),
        ("allow", "GET, HEAD", "HEAD,GET"),
        ("access-control-allow-headers", "Authorization, Content-Type", "content-type, authorization"),
        ("content-type", "text/csv; charset=utf-8", 'Text/CSV;charset="UTF-8"'),
        ("content-type", "text/csv; charset=utf-8; header=present", "text/csv; header=present; charset=utf-8;"),
        ("content-disposition", "attachment; filename=a.csv", 'Attachment; filename="a.csv"'),
        ("content-disposition", 'attachment; filename="a\\"b.csv"', 'attachment;filename="a\\"b.csv" '),
        ("content-disposition", "attachment; filename*=UTF-8''%c3%a9", "attachment; filename*=utf-8'en'%C3%A9"),
        ("content-disposition", "attachment; filename*=UTF-8''%c3%a9", "attachment; filename*=iso-8859-1''%E9"),
        ("www-authenticate", "Bearer", "bearer"),
        ("etag", '"a"', '"b"'),
        ("last-modified", DATE, "Sat, 21 Nov 2026 10:00:00 GMT"),
        ("expires", "0", "-1"),
        ("expires", "0", DATE),
        ("retry-after", "5", "60"),
        ("location", "/api/y", "https://worker.example/api/y"),
        ("location", "../y", "/api/y"),
        ("set-cookie", "s=abc; Path=/; HttpOnly; Secure", "s=def; secure; httponly; path=/"),
        ("set-cookie", "s=a; Expires=Mon, 23 Nov 2026 10:00:00 GMT", "s=b; expires=Tue, 24 Nov 2026 10:00:00 GMT"),
    ],
)
def test_header_in_other_words_is_equal(name: str, one: str, other: str) -> None:
    """Order, case and quoting are ignored if the header's own rules ignore them."""
    assert differ(name, one, other) == []


@pytest.mark.parametrize(
    ("name", "one", "other", "part", "kind"),
    [
        ("vary", "origin", "accept", "", "header"),
        ("cache-control", "private, no-store", "public, no-store", "", "header"),
        ("cache-control", "max-age=1", "max-age=10", "", "header"),
        ("allow", "GET", "get", "", "header"),
        ("access-control-allow-methods", "GET, PUT", "GET", "", "header"),
        ("content-type", "text/csv", "text/plain", "", "header"),
        ("content-type", "text/csv; charset=utf-8", "text/csv; charset=utf-16", "", "header"),
        ("content-type", "text/csv; charset=utf-8", "text/csv; charset", "", "header"),
        ("content-type", "text/csv; header=Present", "text/csv; header=present", "", "header"),
        ("content-disposition", "attachment; filename=a", "inline; filename=a", "", "header"),
        ("content-disposition", "attachment; filename=a", "attachment; filename=A", "/filename", "header"),
        ("content-disposition", "attachment; filename=a", "attachment", "/filename", "missing"),
        ("content-disposition", "attachment", "attachment; filename=a", "/filename", "extra"),
        ("content-disposition", "attachment; filename=a; filename*=UTF-8''b", "attachment; filename*=UTF-8''b",
         "/fallback", "missing"),
        ("content-disposition", "attachment; filename=a; filename*=UTF-8''b",
         "attachment; filename=c; filename*=UTF-8''b", "/fallback", "header"),
        ("content-disposition", "attachment; filename*=UTF-8''e%CC%81", "attachment; filename*=UTF-8''%C3%A9",
         "/filename", "header"),
        ("content-disposition", "attachment; filename=a b", "attachment; filename=a c", "/text", "header"),
        ("content-disposition", 'attachment; filename="a"; filename="b"', 'attachment; filename="c"; filename="b"',
         "/text", "header"),
        ("content-disposition", "attachment; size=5", "attachment; size=6", "/size", "header"),
        ("content-disposition", "attachment; filename*=UTF-8''%ff", "attachment; filename*=UTF-8''%fe", "/text",
         "header"),
        ("etag", '"a"', 'W/"a"', "", "header"),
        ("etag", '"a"', "a", "", "header"),
        ("last-modified", DATE, "yesterday", "", "header"),
        ("expires", "0", "Mon, 23 Nov 2026 10:00:00 GMT", "", "header"),
        ("retry-after", "5", DATE, "", "header"),
        ("location", "/api/y", "/api/z", "", "header"),
        ("location", "/api/y", "https://evil.example/api/y", "", "header"),
        ("location", "https://one.example/", "https://two.example/", "", "header"),
        ("location", "/api/y?a=1", "/api/y?a=2", "/query", "header"),
        ("location", "/api/y", "http://[", "", "header"),
        ("set-cookie", "s=abc", "t=abc", "", "header"),
        ("set-cookie", "s=abc", "s=", "", "header"),
        ("set-cookie", "s=abc; Secure", "s=abc", "", "header"),
        ("set-cookie", "s=abc; Path=/A", "s=abc; Path=/a", "", "header"),
        ("set-cookie", "s=abc; Max-Age=0", "s=abc; Max-Age=900", "", "header"),
        ("set-cookie", "s=abc; Max-Age=0", "s=abc", "", "header"),
        ("set-cookie", "s=a; Expires=Mon, 23 Nov 2026 10:00:00 GMT", "s=a; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
         "", "header"),
        ("x-anything", "a", "A", "", "header"),
        ("x-anything", "a", "", "", "header"),
    ],
)  # fmt: skip
def test_header_with_another_meaning_is_found(name: str, one: str, other: str, part: str, kind: str) -> None:
    """Also for two malformed headers that a lenient parser reads alike."""
    told = differ(name, one, other)
    assert (f"header:{name}{part}", kind) in told
    back = {"missing": "extra", "extra": "missing"}
    assert sorted(differ(name, other, one)) == sorted((path, back.get(word, word)) for path, word in told)


def test_repeated_header_is_counted() -> None:
    """Repeated lists are joined; repeated cookies and single headers are not."""
    assert found([("vary", "a"), ("vary", "b")], [("vary", "b, a")]) == []
    assert found([("set-cookie", "a=1"), ("set-cookie", "b=1")], [("set-cookie", "b=1"), ("set-cookie", "a=1")]) == []
    assert found([("set-cookie", "a=1"), ("set-cookie", "a=1")], [("set-cookie", "a=1")])
    assert found([("content-type", "text/csv")], [("content-type", "text/csv"), ("content-type", "text/csv")])
    once = ("content-disposition", "attachment; filename=a")
    assert found([once], [once, ("content-disposition", "attachment; filename=b")])


def test_header_on_one_side_only_is_missing_or_extra() -> None:
    """Also an empty header. Ignored headers are matched without regard to case."""
    assert found([("x-a", "")], []) == [("header:x-a", "missing")]
    assert found([], [("X-A", "b")]) == [("header:x-a", "extra")]
    assert found([("X-Ray", "1")], [], {"x-ray": "the edge's"}) == []


names = st.sampled_from(
    ["content-disposition", "content-type", "set-cookie", "location", "expires", "last-modified", "retry-after",
     "etag", "www-authenticate", "vary", "x-any"]
)  # fmt: skip
texts = st.text(st.characters(max_codepoint=255), max_size=30) | st.sampled_from(
    ["a; filename*=undefined''x", "a; filename*=unicode_escape''%5cq", "a; filename*=hex''00", "a; filename*='", "//[",
     "http://a:b/", "Sun, 99 Nov 99999 10:00:00 GMT", "a; filename*=utf-8''%", 'a; filename="', "a;;;=;\"", "a\0b'c'd"]
)  # fmt: skip


@given(names, texts, texts)
@example("location", "http://a:99999/", "")
def test_any_header_has_a_meaning_and_is_equal_to_itself(name: str, one: str, other: str) -> None:
    """Any text is accepted, equal bytes are equal, and differences are found in both directions."""
    assert isinstance(meaning(name, [one, other])[""], str)
    same, there, back = [], [], []
    for told, sides in ((same, (one, one)), (there, (one, other)), (back, (other, one))):
        compare_headers([(name, sides[0])], [(name, sides[1])], {}, lambda *args, told=told: told.append(args[0]))
    assert same == []
    assert bool(there) == bool(back)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=20))
def test_file_name_is_read_back_from_either_form(name: str) -> None:
    """Percent-encoded, and quoted with escapes."""
    encoded = "".join(f"%{byte:02X}" for byte in name.encode())
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    assert meaning("content-disposition", [f"attachment; filename*=UTF-8''{encoded}"])["filename"] == name
    assert meaning("content-disposition", [f'attachment; filename="{escaped}"'])["filename"] == name


def test_nonce_of_a_policy_is_not_compared() -> None:
    """A nonce differs in each response by definition (CSP 3). The rest of the policy is compared."""
    policy = "script-src 'nonce-{}' 'self'"
    assert differ("content-security-policy", policy.format("aGk+/w=="), policy.format("_-x")) == []
    other = policy.format("abc") + " https://cdn.example"
    assert differ("content-security-policy", policy.format("abc"), other) == [
        ("header:content-security-policy", "header")
    ]
    assert meaning("content-security-policy", [other]) == {"": "script-src 'nonce-…' 'self' https://cdn.example"}
