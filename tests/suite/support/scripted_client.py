"""A target whose client answers by a script, in an environment that a test describes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import httpx

from cutover.client.account_markers import AccountMarkers
from cutover.client.identity import IdentityVerifier
from cutover.client.request import Answer, Request
from cutover.config.environments import Environment, load_environment
from cutover.core.recorder import Recorder
from cutover.systems.target import Target

BASE: Final = """
[x]
safety = "test-data"
worker = { url = "https://worker.example"%s }
legacy = { absent = "none here" }
readiness = { tries = 1, interval_s = 0 }
"""
Reply = Callable[[Request], tuple[int, Any]]
"""The script: request -> status and JSON document of the response, bytes for another body, None for an empty one."""


class Client:
    """A client that answers by a script and keeps the requests. Verifies the identity as the real one does."""

    def __init__(self, environment: Environment, reply: Reply, headers: dict[str, str]) -> None:
        self.reply, self.headers, self.requests = reply, headers, list[Request]()
        self.verifier = IdentityVerifier(environment, None)
        self.markers = AccountMarkers()

    def send(self, request: Request) -> Answer:
        """Return the scripted answer."""
        self.requests.append(request)
        status, document = self.reply(request)
        body = document if isinstance(document, bytes) else b"" if document is None else json.dumps(document).encode()
        headers = httpx.Headers(self.headers)
        version = self.verifier.version(request.system, headers)
        answer = Answer(request, "r-1", status, headers, body, 0.0, version)
        self.verifier.verify(answer)
        return answer


def load(project: Path, text: str, identity: str = "") -> Environment:
    (project / "environments.toml").write_text(BASE % (f", identity = {identity}" if identity else "") + text)
    return load_environment(project, "x", variables={})


def target_of(environment: Environment, reply: Reply, headers: dict[str, str] | None = None) -> tuple[Target, Client]:
    client: Any = Client(environment, reply, headers or {})
    return Target("worker", environment, client, Recorder()), client
