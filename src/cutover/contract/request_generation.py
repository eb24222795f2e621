"""Generation of requests from a contract by schemathesis: examples, coverage, fuzzing, and sequences along links.

schemathesis is imported only here and in schemathesis_checks.py, and only when requests are generated.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import warnings
from collections.abc import Callable, Iterator
from typing import Any, Final

import hypothesis
import schemathesis
from schemathesis.auths import AuthContext
from schemathesis.config import SchemathesisConfig
from schemathesis.core.result import Ok
from schemathesis.core.transport import Response
from schemathesis.generation.drivers import CoverageGenerator, ExamplesGenerator
from schemathesis.generation.feedback import NO_FEEDBACK
from schemathesis.generation.meta import TestPhase
from schemathesis.generation.overrides import Override
from schemathesis.specs.openapi.schemas import OpenApiSchema
from schemathesis.transport.requests import REQUESTS_TRANSPORT, RequestsTransport

from cutover.contract.document import ACCEPTS_INVALID, REFUSES_VALID, SERVES_NOTHING, Contract
from cutover.contract.hypothesis_settings import without_local_constants

__all__ = ["Case", "RequestGenerator", "Response"]

UNEXPECTED_METHODS: Final = ("get", "put", "post", "delete", "options", "patch")
"""Without TRACE and QUERY: contracts/api.md does not specify methods that the HTTP server itself does not know."""
_REFUSALS: Final = ("400", "401", "403", "404", "405", "406", "411", "412", "413", "414", "415", "416", "422", "431")
_ACCEPTED: Final = ("2XX", "304", "401", "403", "404", "409", "416", "429")
"""Statuses allowed for a valid request. It may name an object that does not exist, or an empty range."""
PHASES: Final = ("examples", "coverage", "fuzzing")

Case = Any
"""A generated request: schemathesis.generation.case.Case. Its parts may have any type."""
Token = Callable[[], str | None]


class RequestGenerator:
    """A generator of requests from one contract. The same seed gives the same requests in every run."""

    def __init__(
        self, contract: Contract, base_url: str, *, token: Token, probe: Callable[[Case], Response], seed: str
    ) -> None:
        """Load the contract. Raises the errors of schemathesis for a document that it cannot load.

        token: returns the access token of the requesting account, None for anonymous requests. probe: sends the
        additional requests of schemathesis' checks.
        """
        self.seed = seed
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about patterns; schemathesis translates ECMA patterns itself
            self._schema: OpenApiSchema = schemathesis.openapi.from_dict(
                contract.copy(), config=SchemathesisConfig.from_dict(_settings(contract, base_url))
            )
            self._schema.__class__ = _sent_by(probe, type(self._schema))
            _remember_checks(self._schema.config)
            self._schema.auth.auth(refresh_interval=None)(_provider(token))
            self._operations = {
                str(found.ok().definition.raw.get("operationId", found.ok().label)): found.ok()
                for found in self._schema.get_all_operations()
                if isinstance(found, Ok)
            }

    @property
    def names(self) -> list[str]:
        """Return the operations for which requests can be generated."""
        return list(self._operations)

    def examples(self, name: str) -> list[Case]:
        """Return the requests of the document's examples."""
        generator = ExamplesGenerator(
            operation=self._operations[name], override=_override(), feedback=NO_FEEDBACK, fill_missing=True
        )
        with _quiet(), without_local_constants():
            return list(generator)

    def coverage(self, name: str) -> list[Case]:
        """Return requests at and beyond each limit of the schema, without required parts, and with other methods."""
        operation = self._operations[name]
        generation = self._schema.config.generation_for(operation=operation, phase="coverage")
        generator = CoverageGenerator(
            operation=operation, generation_modes=generation.modes, generation_config=generation,
            auth_storage=None, override=_override(), feedback=NO_FEEDBACK,
        )  # fmt: skip
        with _quiet(), without_local_constants():
            return list(generator)

    def fuzz(self, name: str, count: int, send: Callable[[Case], None]) -> None:
        """Generate at most `count` valid and invalid requests and send each. send must not raise."""
        operation = self._operations[name]
        generation = self._schema.config.generation_for(operation=operation, phase="fuzzing")
        cases = hypothesis.strategies.one_of(
            [operation.as_strategy(generation_mode=mode, phase=TestPhase.FUZZING) for mode in generation.modes]
        )

        @hypothesis.seed(self._number(name))
        @_hypothesis_settings(count)
        @hypothesis.given(case=cases)
        def generate(case: Case) -> None:
            send(case)

        with _quiet(), without_local_constants():
            generate()

    def sequences(
        self,
        count: int,
        steps: int,
        send: Callable[[Case, frozenset[str]], Response],
        inspect: Callable[[Response, Case, Any, frozenset[str]], None],
        continues: Callable[[], bool],
    ) -> None:
        """Generate `count` sequences along the document's links and send each step. inspect must not raise.

        send, inspect: their last argument is the set of path parameters from an earlier response.
        """
        from hypothesis.stateful import run_state_machine_as_test

        base: Any = self._schema.build_state_machine(feedback=NO_FEEDBACK, link_calibration=None)

        class Sequences(base):  # type: ignore[misc] # schemathesis creates the class at run time
            def step(self, step: Any) -> Any:
                self.linked = frozenset(str(name) for _, name in step.applied_parameters)
                return super().step(step)

            def call(self, case: Case, **_kwargs: Any) -> Response:
                hypothesis.assume(continues())
                return send(case, self.linked)

            def validate_response(self, response: Response, case: Case, *_: Any, **_kwargs: Any) -> None:
                inspect(response, case, getattr(self, "recorder", None), self.linked)

        machine = hypothesis.seed(self._number("sequences"))(Sequences)
        settings = hypothesis.settings(_hypothesis_settings(count), stateful_step_count=steps)
        with _quiet(), without_local_constants():
            run_state_machine_as_test(machine, settings=settings, _min_steps=2)

    def _number(self, name: str) -> int:
        return int.from_bytes(hashlib.sha256(f"{self.seed}\n{name}".encode()).digest()[:8])


def operation_name(case: Case) -> str:
    """Return the operationId of the case."""
    operation: Any = case.operation
    return str(operation.definition.raw.get("operationId", operation.label))


def _sent_by(probe: Callable[[Case], Response], schema: type[OpenApiSchema]) -> type[OpenApiSchema]:
    """Return a subclass of the schema that sends by `probe`: schemathesis' own client would ignore our rules."""

    class Transport(RequestsTransport):
        def send(self, case: Case, **_kwargs: Any) -> Response:
            return probe(case)

    ours = Transport()
    ours._serializers = REQUESTS_TRANSPORT._serializers  # noqa: SLF001 - it registers them on its own instance only

    class Sent(schema):  # type: ignore[misc, valid-type] # the class is schemathesis' choice
        @property
        def transport(self) -> Transport:
            return ours

    return Sent


def _remember_checks(config: Any) -> None:
    """Cache the checks of an operation in a phase. Without the cache they took 7 % of a run's time."""
    found: dict[tuple[str | None, str | None], Any] = {}

    class Remembering(type(config)):  # type: ignore[misc] # the class is schemathesis' choice
        __slots__ = ()

        def checks_config_for(self, *, operation: Any = None, phase: str | None = None) -> Any:
            key = operation.label if operation is not None else None, phase
            if key not in found:
                found[key] = super().checks_config_for(operation=operation, phase=phase)
            return found[key]

    config.__class__ = Remembering


def _provider(token: Token) -> type:
    class Bearer:
        def get(self, _case: Case, _context: AuthContext) -> str | None:
            return token()

        def set(self, case: Case, data: str, _context: AuthContext) -> None:
            if _secured(case.operation):
                case.headers["Authorization"] = f"Bearer {data}"

    return Bearer


def _secured(operation: Any) -> bool:
    declared = operation.definition.raw.get("security", operation.schema.raw_schema.get("security"))
    return bool(declared) and {} not in declared


def _settings(contract: Contract, base_url: str) -> dict[str, Any]:
    """Return schemathesis' settings. docs/contract.md has the measurements of those that make a run repeatable."""
    no_response_data = {"extra-data-sources": {"responses": False}}
    exceptions: list[dict[str, Any]] = []
    for described in contract.operations():
        checks: dict[str, Any] = {}
        if REFUSES_VALID in described.row:
            checks["positive_data_acceptance"] = {"enabled": False}
        if ACCEPTS_INVALID in described.row:
            checks["negative_data_rejection"] = {"enabled": False}
        if SERVES_NOTHING in described.row:
            checks["unsupported_method"] = {"enabled": False}
        if checks:
            exceptions.append({"include-operation-id": described.name, "checks": checks})
    return {
        "base-url": base_url,
        "cache": {"enabled": False},
        "generation": {"deterministic": True, "database": "none", "no-shrink": True},
        "phases": {
            "examples": no_response_data,
            "coverage": {**no_response_data, "unexpected-methods": list(UNEXPECTED_METHODS)},
            "fuzzing": {**no_response_data, "error-feedback": {"enabled": False}},
            "stateful": {"inference": {"algorithms": []}},
        },
        "checks": {
            "negative_data_rejection": {"expected-statuses": [*_REFUSALS, "429"]},
            "positive_data_acceptance": {"expected-statuses": list(_ACCEPTED)},
        },
        "operations": exceptions,
    }


def _hypothesis_settings(count: int) -> hypothesis.settings:
    # The tests never raise, so there is nothing to shrink.
    return hypothesis.settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
        verbosity=hypothesis.Verbosity.quiet,
    )


def _override() -> Override:
    return Override(query={}, headers={}, cookies={}, path_parameters={}, body={})


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Suppress warnings of schemathesis and Hypothesis: they are about the generation, not about the deployment."""
    before = logging.root.manager.disable
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            logging.disable(before)
