"""A target without a running system: addresses that it derives from the environment's URL, and its readiness."""

import dataclasses
from typing import Any

import httpx
import pytest

from cutover.client.request import Answer, Request
from cutover.config.environments import Environment, Readiness, System, load_environment
from cutover.config.validation import root
from cutover.core.errors import CheckFailed, LocalRuntimeAnswer, NotVerified, Unreachable
from cutover.core.recorder import Recorder
from cutover.core.safety import AllowList
from cutover.systems.readiness import CLOCK_LIMIT_S, Ready, become_ready, wrong_clock
from cutover.systems.target import Target

pytestmark = pytest.mark.unit


class Client:
    """A client that returns empty answers, or raises an error for each request."""

    def __init__(self, environment: Environment, error: Exception | None = None) -> None:
        self.environment, self.error, self.urls = environment, error, list[str]()

    def send(self, request: Request) -> Answer:
        """Return an answer if the environment allows the request's host. Raises Refused, and the given error."""
        self.environment.allowed.permit(request.url, plain_probe=request.plain_probe)
        self.urls.append(request.url)
        if self.error is not None:
            raise self.error
        return Answer(request, "r-1", 301, httpx.Headers(), b"", 0.0)


def target_at(url: str, error: Exception | None = None) -> tuple[Target, Client]:
    """Return the Worker at a URL, with its client."""
    environment = dataclasses.replace(
        load_environment(root(), "https://worker.example", variables={}),
        systems={"worker": System("worker", url, None)},
        allowed=AllowList({"worker": url}),
        readiness=Readiness(2, 0),
    )
    client: Any = Client(environment, error)
    return Target("worker", environment, client, Recorder()), client


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("https://api.example", "http://api.example/health?x=1"),
        ("https://api.example:443", "http://api.example/health?x=1"),
        ("https://[::1]", "http://[::1]/health?x=1"),
        ("https://api.example/v1", "http://api.example/v1/health?x=1"),
    ],
)
def test_plain_http_uses_the_host_of_the_url(url: str, sent: str) -> None:
    """The request over plain http goes to port 80 of the environment's host."""
    target, client = target_at(url)
    target.over_http("/health?x=1")
    assert client.urls == [sent]


@pytest.mark.parametrize("url", ["http://127.0.0.1:8787", "http://localhost", "https://api.example:8443"])
def test_redirect_from_http_needs_a_plain_https_url(url: str) -> None:
    """A URL with plain http or a port of its own has no known address to redirect from: not verified, nothing sent."""
    target, client = target_at(url)
    with pytest.raises(NotVerified, match=r"absent\.https"):
        target.over_http("/health")
    assert client.urls == []


def test_restarting_runtime_is_not_ready() -> None:
    """A 503 of the restarting local runtime is no response of /health, unlike a 503 of the Worker."""
    target, client = target_at("http://127.0.0.1:8787", LocalRuntimeAnswer("the local runtime restarted the Worker"))
    progress: list[str] = []
    with pytest.raises(Unreachable, match="the local runtime restarted the Worker"):
        become_ready(target, progress.append)
    assert len(client.urls) == 2


@pytest.mark.parametrize(
    ("ahead", "invalid"),
    [
        ([], False),
        ([None, None], False),
        ([0.5, -1.2], False),
        ([CLOCK_LIMIT_S + 1], True),
        ([-172_800.0, -172_799.0], True),
        ([None, 90.0], True),
        ([90.0, 0.2], False),
        ([90.0, -90.0], False),
    ],
)
def test_wrong_clock_of_this_machine_is_invalid(ahead: list[float | None], invalid: bool) -> None:
    """All systems differ alike: this machine's clock. If one agrees, the other system's clock is for its checks."""
    assert (wrong_clock([Ready(1, 0.1, each) for each in ahead]) is not None) == invalid


@pytest.mark.parametrize(
    "error",
    [
        CheckFailed("broken-answer:health", expected="an HTTP answer", got="garbage"),
        Unreachable("worker cannot be reached (the certificate was not accepted): x"),
    ],
)
def test_permanent_failure_is_tried_three_times(error: Exception) -> None:
    """A refused certificate and bytes without HTTP do not change by waiting, so the run does not wait for 30 tries."""
    target, client = target_at("https://api.example", error)
    target.environment = dataclasses.replace(target.environment, readiness=Readiness(30, 0))
    with pytest.raises(Unreachable, match="after 3 tries"):
        become_ready(target, str)
    assert len(client.urls) == 3
