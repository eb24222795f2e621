"""Read the build id and the assets from a page of the front end. Nothing is executed or rendered."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import urlsplit

from cutover.systems.target import Result


class _Page(HTMLParser):
    """The meta tags and links of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.metas: dict[str, str] = {}
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "meta" and "name" in values:
            self.metas[values["name"]] = values.get("content", "")
        elif tag == "script" and "src" in values:
            self.links.append(values["src"])
        elif tag == "link" and "href" in values:
            self.links.append(values["href"])


def build_of(page: Result) -> str | None:
    """Return the content of <meta name="build-id">, None if the page has none."""
    return _read(page).metas.get("build-id")


def assets_of(page: Result) -> list[str]:
    """Return the paths, without the leading slash, of the page's scripts, styles and icons on its own host.

    Raises CheckFailed if there are none, because nothing could be checked.
    """
    paths = [parts.path for link in _read(page).links if not (parts := urlsplit(link)).netloc and parts.path]
    if not paths:
        raise page.failed("index:no-assets", expected="an index page with assets", got=page.answer.excerpt)
    return [path.removeprefix("/") for path in paths]


def _read(page: Result) -> _Page:
    reader = _Page()
    reader.feed(page.body.decode("utf-8", "replace"))
    reader.close()
    return reader
