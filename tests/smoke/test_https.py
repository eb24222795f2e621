"""Plain http leads to https, whole. Plan: SSL Certificate Configuration, enforceHTTPS."""

import pytest

from cutover.core.errors import NotVerified
from cutover.core.recorder import Recorder
from cutover.systems.target import Target

pytestmark = [
    pytest.mark.smoke,
    pytest.mark.system("worker"),
    pytest.mark.plan("SSL Certificate Configuration: enforceHTTPS"),
]


@pytest.mark.needs("https")
@pytest.mark.parametrize("place", ["root", "api", "app"])
def test_http_is_redirected_with_path_and_query(target: Target, place: str) -> None:
    """301 to the same URL with https: host, path and query as they were."""
    api = target.operation("list_files").path
    path = {"root": "/", "api": f"{api}?sort=name&q=a%20b%26c", "app": "/files/recent?x=1"}[place]
    result = target.over_http(path)
    location = result.answer.headers.get("location", "")
    asked = result.answer.request.headers.get("mf-original-url", result.answer.request.url)
    expected = "https:" + asked.removeprefix("http:")
    if (result.status, location) != (301, expected):
        raise result.failed("https:redirect", expected=f"301 to {expected}", got=f"{result.status} to {location!r}")


@pytest.mark.needs("http2")
def test_https_speaks_http2(target: Target, recorder: Recorder) -> None:
    """The API and each name of the front end agree on HTTP/2 in the handshake (ALPN), and answer by it."""
    urls = (target.url, *target.environment.names)
    if plain := [url for url in urls if not url.startswith("https:")]:
        raise NotVerified(f"plain http agrees on no protocol, and absent.http2 does not say why: {', '.join(plain)}")
    for url in urls:
        result = target.call("health", http2=True) if url == target.url else target.at(url, http2=True)
        recorder.measure(f"protocol of {url}", result.answer.protocol, "= HTTP/2")
        if result.answer.protocol != "HTTP/2":
            raise result.failed(
                "https:http2",
                expected=f"HTTP/2 at {url}, which our handshake offers",
                got=f"{result.answer.protocol}, status {result.status}",
                do_next="pages load slowly: look at the zone's HTTP/2 setting, and at what stands before it",
            )
