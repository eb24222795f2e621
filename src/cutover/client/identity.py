"""Ask for one version of the Worker, and verify that the right system and version answered."""

from __future__ import annotations

from collections.abc import Mapping

from cutover.client.request import Answer
from cutover.config.environments import Environment, Identity
from cutover.config.operations import follow_pointer
from cutover.core.errors import CheckFailed, IdentityMismatch, LocalRuntimeAnswer


class IdentityVerifier:
    """The identity of each system of an environment, and the Worker version that the run asks for."""

    def __init__(self, environment: Environment, worker_version: str | None) -> None:
        self._environment, self._worker_version = environment, worker_version

    def version_override(self, system: str) -> dict[str, str]:
        """Return Cloudflare's header that selects one deployed version, even one with 0 % of the traffic.

        https://developers.cloudflare.com/workers/configuration/versions-and-deployments/gradual-deployments/
        Cloudflare ignores an invalid override silently, so `verify` compares the version that answered.
        """
        if system != "worker" or self._worker_version is None:
            return {}
        name = self._environment.systems["worker"].name
        return {"Cloudflare-Workers-Version-Overrides": f'{name}="{self._worker_version}"'}

    def version(self, system: str, headers: Mapping[str, str]) -> str | None:
        """Return the version of the system that answered, None if it sends none."""
        named = self._environment.systems.get(system)
        if named is None or named.identity is None or named.identity.version_header is None:
            return None
        return headers.get(named.identity.version_header)

    def verify(self, answer: Answer) -> None:
        """Raise IdentityMismatch if another system or another version answered.

        Raises LocalRuntimeAnswer if the local runtime answered instead of the Worker. A 429 or 5xx without the identity
        header is not verified: a proxy may have sent it, and the check fails or waits in any case.
        """
        system = answer.request.system
        named = self._environment.systems.get(system)
        identity = named.identity if named else None
        request = answer.request
        has_body = bool(request.content or request.parts) or request.json is not None
        refuse_runtime_answer(
            self._environment, system, answer.status, answer.headers, answer.body,
            method=request.method, has_body=has_body, source=answer.source,
        )  # fmt: skip
        if identity is None or answer.request.of_name:
            return
        if identity.address_only:
            return
        got = found_in(identity, answer)
        carried = identity.is_carried(request.operation, answer.status) and not _without_body(identity, answer)
        key = f"environments.toml [{self._environment.name}] {system}.identity"
        bare = got is None and (not carried or answer.status >= 500 or answer.status == 429)
        if bare and answer.version is None:
            return
        if got != identity.value and not bare:
            raise IdentityMismatch(
                f"{key}: expected {identity.place}: {identity.value!r} from {system}, got {got!r} from "
                f"{answer.source}. Another system answers at this address."
            )
        if identity.version_header is not None and answer.version is None and answer.status < 500:
            raise IdentityMismatch(
                f"{key}: expected the header {identity.version_header}, got none from {answer.source}. "
                "An answer without a version proves nothing about this version."
            )
        if system == "worker" and self._worker_version is not None and answer.version != self._worker_version:
            raise IdentityMismatch(
                f"expected version {self._worker_version} (--worker-version), got {answer.version!r} from "
                f"{answer.source}. The override was not applied. Check that this version is in the current deployment "
                f"(wrangler deployments status) and that {self._environment.systems['worker'].name!r} is the Worker's "
                f"name ({key})."
            )


def _without_body(identity: Identity, answer: Answer) -> bool:
    """Return True if a field must prove the identity and the answer has no body (RFC 9110 9.3.2, 15.3.5)."""
    return bool(identity.pointers) and (answer.request.method == "HEAD" or answer.status in (204, 205, 304))


def found_in(identity: Identity, answer: Answer) -> str | None:
    """Return the value that an answer carries as the proof of its system, None if it carries none."""
    if identity.header:
        header: str | None = answer.headers.get(identity.header)
        return header
    pointer = identity.pointers.get(answer.request.operation)
    if pointer is None or answer.status >= 400:
        return None
    try:
        return str(follow_pointer(answer.json, pointer))
    except (KeyError, CheckFailed):
        return None


def refuse_runtime_answer(
    environment: Environment, system: str, status: int, headers: Mapping[str, str], body: bytes,
    *, method: str, has_body: bool, source: str,
) -> None:  # fmt: skip
    """Raise LocalRuntimeAnswer if the local runtime made this response instead of the Worker.

    method, has_body: of the request. source: of the response, for the message.
    """
    if system != "worker" or not environment.runtime_answers:
        return
    identity = environment.systems[system].identity
    if identity is not None and identity.header and headers.get(identity.header) == identity.value:
        return
    for made in environment.runtime_answers:
        if made.matches(status, body, method, has_body=has_body):
            raise LocalRuntimeAnswer(f"{made.what}: status {status} from {source}")
