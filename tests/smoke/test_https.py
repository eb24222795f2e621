"""Plain http leads to https, whole. Plan: SSL Certificate Configuration, enforceHTTPS."""

import pytest

from cutover.targets import Target

pytestmark = [
    pytest.mark.smoke,
    pytest.mark.system("worker"),
    pytest.mark.needs("https"),
    pytest.mark.plan("SSL Certificate Configuration: enforceHTTPS"),
]


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
