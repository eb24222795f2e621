"""Redirect from http to https, and HTTP/2. Plan: SSL Certificate Configuration, enforceHTTPS."""

import pytest

from cutover.core.errors import NotVerified
from cutover.core.recorder import Recorder
from cutover.core.rule_table import Rule
from cutover.systems.target import Target

pytestmark = [
    pytest.mark.smoke,
    pytest.mark.system("worker"),
    pytest.mark.plan("SSL Certificate Configuration: enforceHTTPS"),
    pytest.mark.rule(Rule.HTTPS),
]


@pytest.mark.needs("https")
@pytest.mark.parametrize("place", ["root", "api", "app"])
def test_http_is_redirected_with_path_and_query(target: Target, place: str) -> None:
    """Plain http is redirected by 301 to the same host, path and query with https."""
    api = target.operation("list_files").path
    path = {"root": "/", "api": f"{api}?sort=name&q=a%20b%26c", "app": "/files/recent?x=1"}[place]
    result = target.over_http(path)
    location = result.answer.headers.get("location", "")
    requested = result.answer.request.headers.get("mf-original-url", result.answer.request.url)
    expected = "https:" + requested.removeprefix("http:")
    if (result.status, location) != (301, expected):
        raise result.failed("https:redirect", expected=f"301 to {expected}", got=f"{result.status} to {location!r}")


@pytest.mark.needs("http2")
def test_https_speaks_http2(target: Target, recorder: Recorder) -> None:
    """The API and each name of the front end negotiate HTTP/2 by ALPN and use it."""
    urls = (target.url, *target.environment.names)
    if plain := [url for url in urls if not url.startswith("https:")]:
        raise NotVerified(f"plain http has no ALPN, and absent.http2 gives no reason: {', '.join(plain)}")
    for url in urls:
        result = target.call("health", http2=True) if url == target.url else target.at(url, http2=True)
        recorder.measure(f"protocol of {url}", result.answer.protocol, "= HTTP/2")
        if result.answer.protocol != "HTTP/2":
            raise result.failed(
                "https:http2",
                expected=f"HTTP/2 at {url}, as offered by ALPN",
                got=f"{result.answer.protocol}, status {result.status}",
                do_next="check the zone's HTTP/2 setting and proxies in front of it: pages load slowly without it",
            )
