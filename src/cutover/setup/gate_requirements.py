"""The requirements of each gate in an environment: checks that can run, and what is missing for the others.

It reads configuration only. manifest.toml says which checks a gate has and what each needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from cutover.config.environment import Environment
from cutover.core.requirements import RequiredCheck, base_of
from cutover.core.rule_table import UNIVERSAL
from cutover.core.safety import SafetyLevel

GATES: Final = ("preflight", "smoke", "contract", "parity", "migration", "load")
"""The gates of the doctor: those of manifest.toml, and the load profiles."""


@dataclass(frozen=True)
class Missing:
    """One thing that is missing. line: the line to add, for the environment's table; other: the alternative."""

    what: str
    line: str
    other: str = ""


@dataclass
class GateState:
    """One gate of an environment. missing: what is missing -> the checks that it keeps from running."""

    gate: str
    total: int = 0
    runnable: int = 0
    not_applicable: dict[str, int] = field(default_factory=dict)
    missing: dict[Missing, list[str]] = field(default_factory=dict)

    @property
    def can_run(self) -> bool:
        """Return True if every required check can run, and at least one is required."""
        return not self.missing and self.runnable > 0

    def lacks(self, missing: Missing, check: str) -> None:
        """Add a check that this keeps from running."""
        self.missing.setdefault(missing, []).append(check)


LINES: Final[dict[str, tuple[str, Callable[[Environment], bool], str]]] = {
    "d1": ("the Worker's database", lambda env: env.d1 is not None or bool(env.d1_file or env.d1_export),
           'd1 = { url = "https://api.cloudflare.com/client/v4/accounts/ACCOUNT/d1/database/ID" }'),
    "r2": ("the Worker's objects", lambda env: env.bucket is not None,
           'r2 = { endpoint = "https://ACCOUNT.r2.cloudflarestorage.com", bucket = "NAME" }'),
    "postgres": ("the legacy database", lambda env: env.postgres is not None, "postgres = {}"),
    "media": ("the legacy files", lambda env: env.media is not None, 'media = "/path/of/the/media/folder"'),
    "migrated": ("migrated accounts", lambda env: env.migrated_accounts is not None,
                 'migrated_accounts = "NAME_OF_A_VARIABLE"'),
    "names": ("further names of the front end", lambda env: bool(env.names), 'names = ["https://www.example.org"]'),
    "wrangler": ("the Wrangler configuration", lambda env: env.preflight.wrangler is not None,
                 'preflight.wrangler = { file = "path/to/wrangler.toml" }'),
    "dns": ("the DNS of the names in use", lambda env: env.preflight.dns is not None,
            'preflight.dns = { resolver = "ADDRESS" }'),
    "tls": ("the certificates", lambda env: env.preflight.tls is not None, "preflight.tls = {}"),
    "prerequisites": ("the plan's prerequisites", lambda env: env.preflight.prerequisites is not None,
                      'preflight.prerequisites = { dry_run = { command = ["TOOL", "--dry-run"] } }'),
    "https": ("an https address", lambda env: _all_https(env), 'worker.url = "https://…"'),
    "http2": ("an https address", lambda env: _all_https(env), 'worker.url = "https://…"'),
}  # fmt: skip
"""Capability -> its meaning, whether the environment has it, and the line to add."""

SECRETS: Final[dict[str, tuple[str, ...]]] = {
    "tests/smoke/test_accounts.py::test_expired_token_is_refused": ("jwt_secret",),
    "tests/smoke/test_tokens.py::test_tokens_of_other_environments_are_refused": ("jwt_secret",),
    "tests/contract/test_token_abuse.py::test_signed_tokens_with_wrong_claims_are_refused": ("jwt_secret",),
    "tests/contract/test_token_abuse.py::test_each_type_of_token_has_its_own_key": (
        "jwt_secret", "jwt_refresh_secret",
    ),
}  # fmt: skip
"""Check -> secrets of its system that it signs tokens with."""


KNOWN_VIOLATIONS: Final = "tests/contract/test_known_violations.py::test_legacy_violations_are_declared"
"""The check that compares the legacy system's violations of its document with a list."""


def states(environment: Environment, manifest: Iterable[RequiredCheck]) -> list[GateState]:
    """Return the state of each gate."""
    found = {gate: GateState(gate) for gate in GATES}
    for check in manifest:
        _judge(environment, check, found[check.gate])
    _judge_load(environment, found["load"])
    return list(found.values())


def _judge(environment: Environment, check: RequiredCheck, state: GateState) -> None:
    state.total += 1
    for need in (check.system, *check.needs):
        if need is not None and need in environment.absent:
            reason = f"no {need}: {environment.absent[need]}"
            state.not_applicable[reason] = state.not_applicable.get(reason, 0) + 1
            return
    if not check.is_judged(environment.rules):
        reason = f"a house convention, rules = {environment.rules}"
        state.not_applicable[reason] = state.not_applicable.get(reason, 0) + 1
        return
    missing = list(_missing_of(environment, check))
    for each in missing:
        state.lacks(each, check.check)
    state.runnable += not missing


def _missing_of(environment: Environment, check: RequiredCheck) -> Iterable[Missing]:
    form = environment.read_only_form
    if check.level > environment.safety and check.gate not in form:
        readable = environment.safety is SafetyLevel.READ_ONLY
        yield Missing(
            f"safety {check.level.label} (it is {environment.safety.label})",
            f'safety = "{check.level.label}"',
            f'read_only_form.{check.gate} = "why"' if readable else "",
        )
    for need in check.needs:
        if need in LINES:
            what, has, line = LINES[need]
            if not has(environment):
                yield Missing(what, line, f'absent.{need} = "why"')
    yield from _missing_files(environment, check)
    if check.gate == "parity":
        for system in sorted({"worker", "legacy"} & set(environment.absent)):
            yield Missing(f"the {system} system", f'{system} = {{ url = "https://…" }}')
    if check.system is not None and check.system in environment.systems:
        yield from _missing_of_system(environment, check, check.system)


def _missing_files(environment: Environment, check: RequiredCheck) -> Iterable[Missing]:
    """Yield the files about List Cutter in contracts/ that a deployment of another kind needs of its own."""
    if environment.rules != UNIVERSAL:
        return
    wanted: tuple[str, ...] = ("parity", "accepted_differences") if check.gate == "parity" else ()
    if base_of(check.check) == KNOWN_VIOLATIONS and "legacy" in environment.contracts:
        wanted = ("known_violations",)
    for name in wanted:
        if name not in environment.files:
            yield Missing(f"its own {name.replace('_', ' ')} (contracts/{name}.toml is about List Cutter)",
                          f'files.{name} = "FILE.toml"')  # fmt: skip


def _missing_of_system(environment: Environment, check: RequiredCheck, system: str) -> Iterable[Missing]:
    if environment.systems[system].identity is None:
        yield Missing(
            f"the proof that {system} answered",
            f'{system} = {{ url = "{environment.systems[system].url}", identity = {{ header = "…", value = "…" }} }}',
            'identity = { address_only = "why" }',
        )
    for name in SECRETS.get(base_of(check.check), ()):
        secret = f"{system}_{name}"
        if secret not in environment.secrets:
            yield Missing(
                f"the secret that signs tokens ({secret})", f'secrets = {{ {secret} = "NAME_OF_A_VARIABLE" }}'
            )


def _judge_load(environment: Environment, state: GateState) -> None:
    state.total = 1
    if environment.load is None:
        line = "load = { rate = 20, seconds = 60, accounts = 5, connections = 20, bytes = 100_000_000 }"
        state.lacks(Missing("the limits of a load run", line), "load")
    if environment.safety.label == "read-only":
        state.lacks(Missing("safety test-data (it is read-only)", 'safety = "test-data"'), "load")
    state.runnable = int(not state.missing)


def _all_https(environment: Environment) -> bool:
    return all(urlsplit(system.url).scheme == "https" for system in environment.systems.values())


def lines_of(state: GateState, name: str) -> list[str]:
    """Return the lines for the terminal: what can run, what is missing, and the line to add. name: of the table."""
    word = "can run" if state.can_run else "cannot run completely" if state.runnable else "cannot run"
    unit = "checks" if state.gate != "load" else "profile configurations"
    required = state.total - sum(state.not_applicable.values())
    lines = [f"{state.gate}: {word}: {state.runnable} of {required} {unit}"]
    if not required:
        lines = [f"{state.gate}: cannot run: no check is required here. To run it, replace the absent lines below"]
    lines += [f"  not required: {count} checks, {reason}" for reason, count in sorted(state.not_applicable.items())]
    for missing, checks in sorted(state.missing.items(), key=lambda each: -len(each[1])):
        lines.append(f"  missing: {missing.what} ({len(checks)} check{'s' if len(checks) > 1 else ''})")
        lines.append(f"    environments.toml [{name}]: {missing.line}")
        lines += [f"    or: {missing.other}"] if missing.other else []
    return lines


def absent_operations(environment: Environment) -> Mapping[str, str]:
    """Return "SYSTEM OPERATION" -> reason of the operations that the environment declares absent."""
    return {
        f"{system} {name}": operation.absent
        for system in environment.systems
        for name, operation in environment.operations[system].items()
        if operation.absent is not None
    }
