"""One system under test: its operations by name, its answers by field name.

Checks speak through this alone, so that they run on any deployment whose routes and fields are
declared. Not for what is right or wrong: a check decides that, with the `expect_` methods here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from cutover.client.http import SAFE_METHODS, Answer, Client, Request
from cutover.config.environments import Environment
from cutover.config.operations import Operation, follow_pointer
from cutover.core.errors import CheckFailed, IdentityMismatch, NotVerified, Unreachable
from cutover.core.recorder import Recorder
from cutover.core.safety import SafetyLevel
from cutover.core.secrets import Secret

CONTRACT: Final = "contracts/api.md"


@dataclass(frozen=True)
class Result:
    """An answer to a named operation."""

    answer: Answer
    operation: Operation

    @property
    def status(self) -> int:
        """HTTP status."""
        return self.answer.status

    @property
    def body(self) -> bytes:
        """The body's bytes, content encoding undone."""
        return self.answer.body

    def expect_status(self, *statuses: int, why: str = "") -> Result:
        """This result, when its status is one of these (of the declared ones of success without any)."""
        wanted = statuses or self.operation.statuses
        if self.status not in wanted:
            shown = " or ".join(map(str, wanted))
            raise self.failed(
                f"status:{self.operation.name}:{shown.replace(' ', '-')}",
                expected=f"status {shown}{': ' + why if why else ''}",
                got=self.answer.excerpt,
            )
        return self

    def field(self, name: str) -> Any:
        """The answer's value of that field. Raises CheckFailed when it is not there."""
        pointer = self.operation.response.get(name)
        if pointer is None:
            raise NotVerified(f"{self.operation.where}.response names no {name!r}")
        try:
            return follow_pointer(self.answer.json, pointer)
        except KeyError:
            raise self.failed(
                f"field:{self.operation.name}:{name}", expected=f"{name} at {pointer}", got=self.answer.excerpt
            ) from None

    def secret(self, name: str) -> Secret:
        """The same for a token: a text of at least 16 characters, kept secret from here on."""
        value = self.field(name)
        if not isinstance(value, str) or len(value) < 16:
            raise self.failed(
                f"field:{self.operation.name}:{name}",
                expected=f"a token in {name}",
                got=f"{type(value).__name__} of length {len(value) if isinstance(value, str) else '-'}",
            )
        return Secret(value)

    def entries(self, name: str) -> list[dict[str, Any]]:
        """The list of that field, each element by our field names. Raises CheckFailed for what is no list."""
        rows = self.field(name)
        if not isinstance(rows, list):
            raise self.failed(
                f"field:{self.operation.name}:{name}", expected=f"a list in {name}", got=type(rows).__name__
            )
        entries = []
        for row in rows:
            entry = {}
            for ours, pointer in self.operation.entry.items():
                try:
                    entry[ours] = follow_pointer(row, pointer)
                except KeyError:
                    raise self.failed(
                        f"field:{self.operation.name}:{ours}",
                        expected=f"{ours} at {pointer} of each element",
                        got=f"an element with {sorted(row) if isinstance(row, dict) else type(row).__name__}",
                    ) from None
            entries.append(entry)
        return entries

    def failed(self, finding: str, *, expected: object, got: object, do_next: str = "") -> CheckFailed:
        """A failure of this operation, with who answered and where the promise stands."""
        return CheckFailed(
            f"{finding}:{self.operation.system}",
            expected=expected,
            got=got,
            source=self.answer.source,
            contract=f"{self.operation.where}; {CONTRACT}",
            do_next=do_next,
        )


class Watch(Protocol):
    """Who wants to know what is sent to a target."""

    def before(self, operation: Operation, level: SafetyLevel, path: Mapping[str, str]) -> None:
        """About to be sent; level: what it may do. What is raised here keeps it from being sent."""

    def after(self, result: Result, path: Mapping[str, str]) -> None:
        """What came back."""


class Target:
    """One system of an environment."""

    def __init__(self, system: str, environment: Environment, client: Client, recorder: Recorder) -> None:
        self.system, self.environment = system, environment
        self.watch: Watch | None = None
        self.client, self.recorder = client, recorder
        self.url = environment.systems[system].url

    def __repr__(self) -> str:
        return f"<{self.system} at {self.url}>"

    def operation(self, name: str) -> Operation:
        """The operation of that name. Raises NotVerified when this system has none, KeyError for a typo."""
        operation = self.environment.operations[self.system][name]
        if operation.absent is not None:
            raise NotVerified(f"{self.system} has no {name}: {operation.absent}")
        return operation

    def call(
        self,
        name: str,
        *,
        token: Secret | str | None = None,
        path: Mapping[str, str] | None = None,
        query: str = "",
        fields: Mapping[str, Any] | None = None,
        file: tuple[str, bytes, str] | None = None,
        content: tuple[bytes, str] | None = None,
        headers: Mapping[str, str] | None = None,
        method: str | None = None,
        timeout_s: float | None = None,
        expects_429: bool = False,
        http2: bool = False,
    ) -> Result:
        """Send one operation and return what came back, whatever its status.

        token: bearer; path: path parameters; query: as it stands in the URL, percent-encoded; fields: JSON body
        by our field names (a Secret is revealed); file: (name, bytes, media type) as the multipart part that the
        operation names; content: (bytes, media type) as the whole body, for what no honest client sends; http2: offer
        HTTP/2; expects_429: it is part of a flood, which the environment has to be disposable for.
        Raises NotVerified, and sends nothing, when what is sent may write above the environment's safety
        level, or the system or the environment has no such operation; and what Client.send raises.
        """
        operation = self.operation(name)
        level = SafetyLevel.DISPOSABLE if expects_429 else _level_of(operation, method or operation.method)
        self._permit(operation, method or operation.method, level)
        sent = dict(headers or {})
        if token is not None:
            sent["authorization"] = f"Bearer {token.reveal() if isinstance(token, Secret) else token}"
        if content is not None:
            sent["content-type"] = content[1]
        body = None
        if fields is not None:
            body = {operation.request[ours]: _revealed(value) for ours, value in fields.items()}
        return self._sent(
            operation,
            level,
            path or {},
            Request(
                self.system,
                name,
                method or operation.method,
                self.url + operation.url_path(path or {}) + (f"?{query}" if query else ""),
                sent,
                json=body,
                content=content[0] if content is not None else None,
                parts={operation.request["file"]: file} if file else None,
                timeout_s=timeout_s,
                expects_429=expects_429,
                http2=http2,
            ),
        )

    def send_drawn(
        self, name: str, method: str, url: str, headers: Mapping[str, str], content: bytes | None,
        path: Mapping[str, str],
    ) -> Result:  # fmt: skip
        """Send a request to that operation that was drawn elsewhere, byte for byte; path: its path parameters.

        Raises as `call` does: NotVerified, and nothing is sent, where its method may write above the safety level.
        """
        operation = self.operation(name)
        level = _level_of(operation, method)
        self._permit(operation, method, level)
        request = Request(self.system, name, method, url, headers, content=content)
        return self._sent(operation, level, path, request)

    def _permit(self, operation: Operation, method: str, level: SafetyLevel) -> None:
        missing = self.environment.absent.get(operation.needs or "")
        if missing is not None and method == operation.method:
            raise NotVerified(f"{operation.name} needs {operation.needs}, {self.environment.name} has none: {missing}")
        if level > self.environment.safety:
            raise NotVerified(
                f"{operation.name} by {method} needs safety {level.label}, {self.environment.name} allows "
                f"{self.environment.safety.label} (environments.toml)"
            )

    def _sent(self, operation: Operation, level: SafetyLevel, path: Mapping[str, str], request: Request) -> Result:
        if self.watch is not None:
            self.watch.before(operation, level, path)
        result = Result(self.client.send(request), operation)
        if self.watch is not None:
            self.watch.after(result, path)
        return result

    def over_http(self, path: str) -> Result:
        """Ask over plain http where a path leads, with nothing that is secret.

        Where the Worker runs on this machine's runtime, which is plain http itself, its MF-Original-URL
        makes the Worker see the URL that a visitor of the zone would have typed.
        """
        operation = self.operation("index")
        if self.environment.local_runtime:
            request = Request(
                self.system,
                "over_http",
                "GET",
                self.url + path,
                {"mf-original-url": f"http://list-cutter.example{path}"},
            )
        else:
            url = "http://" + self.url.removeprefix("https://") + path
            request = Request(self.system, "over_http", "GET", url, plain_probe=True)
        return Result(self.client.send(request), operation)

    def at(self, url: str, *, http2: bool = False) -> Result:
        """The index at another of the environment's names, whoever answers there: that is for the check to judge."""
        request = Request(self.system, "index", "GET", url, http2=http2, of_name=True)
        return Result(self.client.send(request), self.operation("index"))

    def poll(
        self, send: Callable[[], Result], until: Callable[[Result], bool], deadline_s: float, *, interval_s: float
    ) -> tuple[Result, float, bool]:
        """Ask until the condition holds or the deadline is over: the last result, seconds taken, whether it held.

        Asks at least once. For what depends on KV (kv_propagation_s) or is calculated after the answer.
        """
        started = time.monotonic()
        while True:
            result = send()
            taken = time.monotonic() - started
            if until(result):
                return result, taken, True
            if taken + interval_s > deadline_s:
                return result, taken, False
            time.sleep(interval_s)


def become_ready(target: Target, progress: Callable[[str], None]) -> tuple[int, float]:
    """Ask for health until it answers with a status of success: (tries, seconds) that it took.

    As often and as far apart as the environment's `readiness` says (the plan: 30 tries, 10 s apart).
    Raises Unreachable with the last reason when no try succeeded; IdentityMismatch when another system
    answered to the last one. Before that it may: a deployment in progress still answers from elsewhere.
    """
    ready = target.environment.readiness
    started = time.monotonic()
    for attempt in range(1, ready.tries + 1):
        last = attempt == ready.tries
        reason = ""
        try:
            result = target.call("health", timeout_s=min(10.0, target.environment.timeout_s))
            # 503 is an answer of health itself, for the checks to judge; any other status is no readiness.
            if result.status in result.operation.statuses or result.status == 503:
                return attempt, time.monotonic() - started
            reason = result.answer.excerpt
        except (Unreachable, IdentityMismatch, CheckFailed) as error:
            if last and isinstance(error, IdentityMismatch):
                raise
            reason = _one_line(error) if isinstance(error, CheckFailed) else str(error).splitlines()[0]
        if last:
            break
        progress(f"waiting for {target.system} ({attempt}/{ready.tries}): {reason}")
        time.sleep(ready.interval_s)
    raise Unreachable(
        f"{target.system} at {target.url} was not ready after {ready.tries} tries, {ready.interval_s:g} s apart: "
        f"{reason}. Is it deployed and running, and is the address in environments.toml "
        f"[{target.environment.name}] right?"
    )


def _level_of(operation: Operation, method: str) -> SafetyLevel:
    """The safety level of sending this method to the operation's path.

    Its own method: as the contract declares it. Another one that is safe (RFC 9110 9.2.1) asks for nothing
    that writes, whatever the path; any other might write, where the deployment is not as it should be.
    """
    if method == operation.method:
        return operation.level
    return SafetyLevel.READ_ONLY if method in SAFE_METHODS else max(SafetyLevel.TEST_DATA, operation.level)


def _one_line(error: CheckFailed) -> str:
    return "; ".join(line.strip() for line in str(error).splitlines()[1:3])


def _revealed(value: Any) -> Any:
    return value.reveal() if isinstance(value, Secret) else value
