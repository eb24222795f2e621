"""The front end and the API are one deployment. Plan: Unified Workers Deployment Architecture."""

from collections.abc import Mapping
from mimetypes import guess_type
from typing import Any

import pytest

from cutover.client.identity import found_in
from cutover.core.errors import NotVerified
from cutover.core.recorder import Recorder
from cutover.core.rule_table import Rule
from cutover.systems.front_end import assets_of, build_of
from cutover.systems.target import Result, Target

pytestmark = [
    pytest.mark.smoke,
    pytest.mark.system("worker"),
    pytest.mark.plan("Unified Workers Deployment Architecture: frontend and backend always in sync"),
    pytest.mark.rule(Rule.FRONT_END),
]


def test_index_is_served_and_revalidated(target: Target, promises: Mapping[str, Any]) -> None:
    """The index is HTML and must be revalidated on each request, so that a deployment takes effect at once."""
    _expect_page(target.call("index").expect_status(), promises)


def test_assets_have_type_and_long_cache_lifetime(target: Target, promises: Mapping[str, Any]) -> None:
    """Each asset that the index names exists with its media type, and assets of a build are cached for long.

    An extension that front_end.asset_types does not name has the type that Python's mimetypes knows, or any but HTML.
    """
    promised = promises["front_end"]
    for path in assets_of(target.call("index").expect_status()):
        result = target.call("front_end", path={"path": path}).expect_status()
        kind = promised["asset_types"].get(path.rpartition(".")[2]) or guess_type(path)[0]
        media = result.answer.headers.get("content-type", "").partition(";")[0].strip()
        if (media != kind if kind else media in ("", "text/html")) or not result.body:
            raise result.failed("asset:type", expected=f"/{path} as {kind or 'an asset'}", got=result.answer.excerpt)
        policy = result.answer.headers.get("cache-control")
        if path.startswith("assets/") and policy != promised["asset_cache_control"]:
            raise result.failed("asset:cache", expected=promised["asset_cache_control"], got=repr(policy))


def test_application_routes_return_the_index(target: Target, promises: Mapping[str, Any]) -> None:
    """A route of the application returns the index, and an unknown asset returns 404."""
    index = target.call("index").expect_status()
    for route in promises["front_end"]["app_routes"]:
        result = target.call("front_end", path={"path": route.removeprefix("/")}).expect_status()
        _expect_page(result, promises)
        if result.body != index.body:
            raise result.failed("front-end:route", expected=f"{route} answers the index", got=result.answer.excerpt)
    target.call("front_end", path={"path": "assets/cutover-no-such-asset.js"}).expect_status(404)


def test_front_end_and_api_have_the_same_build(target: Target) -> None:
    """The build id of the index equals the one of /health."""
    index = target.call("index").expect_status()
    target.operation("health").require("response", "build")
    health = target.call("health").expect_status(200, 503)
    if not health.field("build") or build_of(index) != health.field("build"):
        raise index.failed(
            "front-end:build",
            expected=f"build {health.field('build')!r} of /health",
            got=f"{build_of(index)!r} in the index",
            do_next="the front end is older than the API, or cached: deploy both and purge the cache",
        )


@pytest.mark.needs("names")
@pytest.mark.plan("DNS and Domain Configuration: @ and www")
def test_every_host_name_serves_the_same_build(target: Target, recorder: Recorder) -> None:
    """Apex and www return the index of this deployment, or redirect to each other."""
    if not target.environment.names:
        raise NotVerified(
            f"environments.toml [{target.environment.name}] lists no names and gives no reason in absent.names"
        )
    index = target.call("index").expect_status()
    health = target.call("health").expect_status(200, 503) if target.has("health") else index
    build = health.field("build") if health.operation.has("build") else build_of(index)
    identity = target.environment.systems[target.system].identity
    for url in target.environment.names:
        result = target.at(url)
        for _ in range(2):
            if result.status in (301, 302, 307, 308):
                result = Result(target.client.follow(result.answer), result.operation)
        result.expect_status(200, why=f"{url} is a name of the front end")
        proves = identity is not None and identity.is_carried("index", result.status)
        if identity is not None and proves and (got := found_in(identity, result.answer)) != identity.value:
            raise result.failed(
                "front-end:name-answerer",
                expected=f"{identity.place}: {identity.value} at {url}",
                got=repr(got),
                do_next="this name points to another system: check the DNS records and routes of the zone",
            )
        recorder.measure(f"version at {url}", result.answer.version, f"= {health.answer.version}")
        if (build_of(result), result.answer.version) != (build, health.answer.version):
            raise result.failed(
                "front-end:name",
                expected=f"build {build!r} and version {health.answer.version!r} at {url}, as at {target.url}",
                got=f"build {build_of(result)!r}, version {result.answer.version!r}",
            )


def _expect_page(result: Result, promises: Mapping[str, Any]) -> None:
    promised = promises["front_end"]["index"]
    media = result.answer.headers.get("content-type", "").partition(";")[0].strip()
    policy = result.answer.headers.get("cache-control")
    if (media, policy) != (promised["content_type"], promised["cache_control"]):
        raise result.failed("index:headers", expected=promised, got=f"content type {media!r}, cache {policy!r}")
