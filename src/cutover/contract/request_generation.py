"""Draws requests from a contract by schemathesis: examples, coverage, fuzzing, and sequences along links.

The one module that imports schemathesis, and only when a gate draws. Not for sending (sending.py) and not for what
an answer means (judging.py).
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
from cutover.contract.hypothesis_settings import no_constants_of_ours

__all__ = ["Case", "Drawn", "Response"]

UNEXPECTED_METHODS: Final = ("get", "put", "post", "delete", "options", "patch")
"""Not TRACE and QUERY: contracts/api.md leaves methods that the server itself does not know to the server."""
_REFUSALS: Final = ("400", "401", "403", "404", "405", "406", "411", "412", "413", "414", "415", "416", "422", "431")
_ACCEPTED: Final = ("2XX", "304", "401", "403", "404", "409", "416", "429")
"""What may be answered to a request that keeps to its schema: it can name what is not there, or ask for no byte."""
PHASES: Final = ("examples", "coverage", "fuzzing")

Case = Any
"""A request as schemathesis draws it: schemathesis.generation.case.Case, whose parts may be anything."""
Token = Callable[[], str | None]


class Drawn:
    """A contract made ready for drawing, with the settings under which the same requests come in each run."""

    def __init__(
        self, contract: Contract, base_url: str, *, token: Token, probe: Callable[[Case], Response], seed: str
    ) -> None:
        """token: bearer of the account that asks, None for nobody; probe: sends what a check has to ask in addition;
        seed: another text draws other requests.
        """
        self.seed = seed
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # of patterns that Python reads otherwise than ECMA: schemathesis has its own
            self._schema: OpenApiSchema = schemathesis.openapi.from_dict(
                contract.copied(), config=SchemathesisConfig.from_dict(_settings(contract, base_url))
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
        """The operations from which requests can be drawn."""
        return list(self._operations)

    def examples(self, name: str) -> list[Case]:
        """The requests of the document's examples."""
        generator = ExamplesGenerator(
            operation=self._operations[name], override=_override(), feedback=NO_FEEDBACK, fill_missing=True
        )
        with _quiet(), no_constants_of_ours():
            return list(generator)

    def coverage(self, name: str) -> list[Case]:
        """Requests at and beyond each limit of the schema, without each required part, and with other methods."""
        operation = self._operations[name]
        generation = self._schema.config.generation_for(operation=operation, phase="coverage")
        generator = CoverageGenerator(
            operation=operation, generation_modes=generation.modes, generation_config=generation,
            auth_storage=None, override=_override(), feedback=NO_FEEDBACK,
        )  # fmt: skip
        with _quiet(), no_constants_of_ours():
            return list(generator)

    def fuzz(self, name: str, count: int, send: Callable[[Case], None]) -> None:
        """Draw at most so many requests, valid and invalid ones, and send each. send raises nothing."""
        operation = self._operations[name]
        generation = self._schema.config.generation_for(operation=operation, phase="fuzzing")
        cases = hypothesis.strategies.one_of(
            [operation.as_strategy(generation_mode=mode, phase=TestPhase.FUZZING) for mode in generation.modes]
        )

        @hypothesis.seed(self._number(name))
        @_hypothesis_settings(count)
        @hypothesis.given(case=cases)
        def draw(case: Case) -> None:
            send(case)

        with _quiet(), no_constants_of_ours():
            draw()

    def sequences(
        self,
        count: int,
        steps: int,
        send: Callable[[Case, frozenset[str]], Response],
        judge: Callable[[Response, Case, Any, frozenset[str]], None],
        goes_on: Callable[[], bool],
    ) -> None:
        """Draw so many sequences along the document's links and send each step. judge raises nothing.

        send, judge: are told which path parameters an earlier answer gave.
        """
        from hypothesis.stateful import run_state_machine_as_test

        base: Any = self._schema.build_state_machine(feedback=NO_FEEDBACK, link_calibration=None)

        class Sequences(base):  # type: ignore[misc] # made by schemathesis when it is called
            def step(self, step: Any) -> Any:
                self.linked = frozenset(str(name) for _, name in step.applied_parameters)
                return super().step(step)

            def call(self, case: Case, **_kwargs: Any) -> Response:
                hypothesis.assume(goes_on())
                return send(case, self.linked)

            def validate_response(self, response: Response, case: Case, *_: Any, **_kwargs: Any) -> None:
                judge(response, case, getattr(self, "recorder", None), self.linked)

        machine = hypothesis.seed(self._number("sequences"))(Sequences)
        settings = hypothesis.settings(_hypothesis_settings(count), stateful_step_count=steps)
        with _quiet(), no_constants_of_ours():
            run_state_machine_as_test(machine, settings=settings, _min_steps=2)

    def _number(self, name: str) -> int:
        return int.from_bytes(hashlib.sha256(f"{self.seed}\n{name}".encode()).digest()[:8])


def operation_name(case: Case) -> str:
    """The operationId of the operation that the case is drawn from."""
    operation: Any = case.operation
    return str(operation.definition.raw.get("operationId", operation.label))


def _sent_by(probe: Callable[[Case], Response], schema: type[OpenApiSchema]) -> type[OpenApiSchema]:
    """The class of a schema that sends nothing itself: schemathesis' own client would not know our rules."""

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
    """Which checks apply to an operation in a phase is worked out once: for every answer it was 7 % of a run's time."""
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
    """Which settings make a run repeatable was measured, setting by setting (docs/contract.md)."""
    nothing_learnt = {"extra-data-sources": {"responses": False}}
    spared: list[dict[str, Any]] = []
    for described in contract.operations():
        checks: dict[str, Any] = {}
        if REFUSES_VALID in described.row:
            checks["positive_data_acceptance"] = {"enabled": False}
        if ACCEPTS_INVALID in described.row:
            checks["negative_data_rejection"] = {"enabled": False}
        if SERVES_NOTHING in described.row:
            checks["unsupported_method"] = {"enabled": False}
        if checks:
            spared.append({"include-operation-id": described.name, "checks": checks})
    return {
        "base-url": base_url,
        "cache": {"enabled": False},
        "generation": {"deterministic": True, "database": "none", "no-shrink": True},
        "phases": {
            "examples": nothing_learnt,
            "coverage": {**nothing_learnt, "unexpected-methods": list(UNEXPECTED_METHODS)},
            "fuzzing": {**nothing_learnt, "error-feedback": {"enabled": False}},
            "stateful": {"inference": {"algorithms": []}},
        },
        "checks": {
            "negative_data_rejection": {"expected-statuses": [*_REFUSALS, "429"]},
            "positive_data_acceptance": {"expected-statuses": list(_ACCEPTED)},
        },
        "operations": spared,
    }


def _hypothesis_settings(count: int) -> hypothesis.settings:
    # Nothing is raised in a draw, so there is nothing to shrink and no time on which anything would depend.
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
    """What schemathesis and Hypothesis warn of while they draw is about drawing, not about the deployment."""
    before = logging.root.manager.disable
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            logging.disable(before)
