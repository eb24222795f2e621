"""Cloudflare's API through the official client (package cloudflare), which sends through the suite's HTTP client.

The official client knows paths, types and error codes. It does not connect, retry or follow redirects: the suite's
client (client/http.py) enforces allowed hosts, request budget and kill switch, and writes the evidence. Only the names
of a Worker's secrets are read.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any, Final

import httpx

from cutover.client.http import Client, Request
from cutover.config.validation import ConfigurationError
from cutover.core.errors import CheckFailed, MeasurementError, Refused
from cutover.core.secrets import Secret

_SCRIPT_NOT_FOUND: Final = 10007
"""Cloudflare's error code for a Worker that does not exist: it has no secrets yet."""


class _SuiteTransport(httpx.BaseTransport):
    """Sends the GET requests of the official client through the suite's client."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request. Raises Refused for another method than GET, and what Client.send raises."""
        if request.method != "GET":
            raise Refused(f"request refused: the suite only reads from Cloudflare's API, not {request.method}")
        headers = {"authorization": request.headers["authorization"], "accept": "application/json"}
        answer = self._client.send(Request("cloudflare", "secrets", "GET", str(request.url), headers))
        return httpx.Response(
            answer.status, content=answer.body, headers={"content-type": "application/json"}, request=request
        )


class CloudflareApi:
    """Cloudflare's API for one account. url: its base URL; token: needs the permission Workers Scripts Read."""

    def __init__(self, url: str, account: str, token: Secret, client: Client) -> None:
        self._url, self._account, self._token, self._client = url, account, token, client

    def secret_names(self, worker: str) -> set[str]:
        """Return the names of the secrets of a Worker, none if it does not exist yet.

        Raises MeasurementError if Cloudflare refuses the token or answers otherwise, and what Client.send raises.
        https://developers.cloudflare.com/api/resources/workers/subresources/scripts/subresources/secrets/
        """
        official = _official()
        api = official.Cloudflare(
            api_token=self._token.reveal(),
            base_url=self._url,
            http_client=httpx.Client(transport=_SuiteTransport(self._client)),
            max_retries=0,
        )
        with api:
            try:
                found = list(api.workers.scripts.secrets.list(worker, account_id=self._account))
            except official.APIConnectionError as error:
                if isinstance(error.__cause__, (MeasurementError, Refused, CheckFailed)):
                    raise error.__cause__ from None
                raise MeasurementError(f"Cloudflare's API cannot be used: {error.__cause__ or error}") from None
            except official.APIStatusError as error:
                if error.status_code == 404 and _SCRIPT_NOT_FOUND in {each.code for each in error.errors}:
                    return set()
                raise MeasurementError(
                    f"Cloudflare's API: expected the secrets of Worker {worker}, got status {error.status_code} "
                    f"({'; '.join(str(each.message) for each in error.errors) or 'no reason'}). Check "
                    "preflight.wrangler.account, and that the token in secrets.cloudflare_api_token has the permission "
                    "Workers Scripts Read"
                ) from None
            except (official.APIError, ValueError, TypeError, AttributeError) as error:
                raise MeasurementError(
                    f"Cloudflare's API: expected a list of secrets, got {type(error).__name__}"
                ) from None
        names = {getattr(each, "name", None) for each in found}
        if not all(isinstance(name, str) for name in names):
            raise MeasurementError("Cloudflare's API: expected a list of secrets with names, got something else")
        return {str(name) for name in names}


def require_official_client() -> None:
    """Raise ConfigurationError if the official client is not installed."""
    if importlib.util.find_spec("cloudflare") is None:
        raise ConfigurationError(
            "environments.toml",
            "preflight.wrangler.account",
            "the package cloudflare is not installed",
            "Install it (pip install 'cutover[cloudflare]'), or use secret_lists.",
        )


def _official() -> Any:
    """Return the official client. Raises ConfigurationError if it is not installed.

    It is imported by name: it has 6,000 modules, which a type checker would read and of which one is needed.
    """
    require_official_client()
    return importlib.import_module("cloudflare")
