"""Command lines, environment variables, signals and edits of judging files that must not end with 0.

`RUNS` are the three runs that are GO without a change; each row changes one thing. test_never_go.py runs them.

`pytest -m smoke --env NAME --version` is missing: pytest prints its version and ends with 0 before it loads a plugin.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

RUNS = {
    "pytest": "-m smoke --env embedded --pair {pair}",
    "locust": "-f locustfiles/smoke.py --env target",
    "cutover": "contract lint",
}
"""Program -> arguments of a run that ends with 0."""

Edit = tuple[str, str | None, str | None]
"""File, text in it (None: all of it), new text (None: no file; "FIFO", "FOLDER": that in its place)."""


@dataclass(frozen=True)
class Row:
    """One case. more: arguments after those of the run, or with "= " before them instead of those.

    codes: the exit codes that are right; says: a part of the output. at_s: the time after which `signal` is sent, in s.
    """

    program: str
    kind: str
    more: str
    codes: tuple[int, ...]
    says: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    edits: tuple[Edit, ...] = ()
    signal: str = ""
    at_s: float = 0.0

    @property
    def name(self) -> str:
        """Return the name of the row in reports."""
        parts = [self.more, *(f"{key}={value}" for key, value in self.variables.items()), self.signal]
        parts += [
            f"{file}: {old or 'all'} -> {'no file' if new is None else new[:40]!r}" for file, old, new in self.edits
        ]
        parts += [f"after {self.at_s:g} s"] if self.signal else []
        text = " ".join(f"{self.program} {' '.join(part for part in parts if part)}".split())
        return re.sub(r"[^A-Za-z0-9.,=_/>-]+", " ", text)[:110].strip()


def _commands(program: str, *rows: tuple[str, int | tuple[int, ...], str]) -> list[Row]:
    return [Row(program, "command", more, _codes(codes), says) for more, codes, says in rows]


def _variables(program: str, *rows: tuple[str, int | tuple[int, ...], str]) -> list[Row]:
    found = []
    for text, codes, says in rows:
        name, _, value = text.partition("=")
        found.append(Row(program, "variable", "", _codes(codes), says, {name: value}))
    return found


def _edits(program: str, *rows: tuple[str, str | None, str | None, int | tuple[int, ...], str]) -> list[Row]:
    return [Row(program, "edit", "", _codes(codes), says, edits=((f, old, new),)) for f, old, new, codes, says in rows]


def _signals(program: str, *rows: tuple[str, float, int | tuple[int, ...]]) -> list[Row]:
    return [Row(program, "signal", "", _codes(codes), signal=name, at_s=at) for name, at, codes in rows]


def _codes(codes: int | tuple[int, ...]) -> tuple[int, ...]:
    return (codes,) if isinstance(codes, int) else codes


CHECK = "tests/smoke/test_tiny.py"
USER = "def test_user_is_refused"
IDENTITY = 'legacy = { identity = { header = "x-served-by", value = "list-cutter-django" } }'
LIST_IN_SMOKE = "[smoke]\n"
RAISING = "def pytest_unconfigure():\n    raise RuntimeError('x')\n"
EMBEDDED = "[embedded]\n"

PYTEST = [
    *_commands(
        "pytest",
        ("= -m smoke", 4, "expected an environment"),
        ("= -m smoke --env nosuch", 4, "no environment 'nosuch'"),
        ("= -m smoke --env http://list-cutter.com", 4, "https"),
        ("= -m smoke --env https://user@list-cutter.com", 4, ""),
        ("= -m smoke --env https://127.0.0.1:9 --ready-tries 1", 11, "cannot be reached"),
        ("= -m smoke --env embedded --pair nosuch", 4, "no pair 'nosuch' is up"),
        ("= -m smoke --env embedded --pair ../x", 4, "--pair"),
        ("= -m smok --env embedded --pair {pair}", 4, "smok"),
        ("= -m smok -n 2 --env embedded --pair {pair}", (4, 5), ""),
        ("= -m 'smoke and' --env embedded --pair {pair}", 4, ""),
        ("= -m 'not smoke' --env embedded --pair {pair}", (4, 5), ""),
        ("= -m contract --env embedded --pair {pair}", (4, 5, 10), ""),
        ("--ready-tries 0", 4, "--ready-tries"),
        ("--ready-tries x", 4, "--ready-tries"),
        ("--ready-interval -1", 4, "--ready-interval"),
        ("--ready-interval nan", 4, "--ready-interval"),
        ("--co", 10, ""),
        ("--collect-only -q", 10, ""),
        ("--collect-only -n 2", 10, ""),
        ("--fixtures", 4, "--fixtures"),
        ("--fixtures-per-test", 4, "--fixtures-per-test"),
        ("--cache-show", 4, "--cache-show"),
        ("--markers", 4, "--markers"),
        ("--help", 4, "--help"),
        ("-h", 4, ""),
        ("-VV", 4, ""),
        ("--setup-plan", (4, 10), ""),
        ("--setup-only", (4, 10), ""),
        ("-k nothing", 5, ""),
        ("-k health", 10, "-k 'health'"),
        (f"--deselect {CHECK}", 5, ""),
        (f"--deselect {CHECK}::test_user_is_refused", 10, "--deselect"),
        (f"--ignore {CHECK}", 5, ""),
        ("--override-ini=python_files=none.py", 5, ""),
        ("--override-ini=python_functions=none_", 5, ""),
        (f"{CHECK}::test_health_answers", 10, ""),
        ("missing_folder", 4, "missing_folder"),
        ("--noconftest", 4, "--noconftest"),
        ("-p no:cutover", 4, ""),
        ("-p no:cutover-session", 4, "no:cutover-session"),
        ("-p no:terminal", 4, "no:terminal"),
        ("-p no:xdist -n 2", 4, ""),
        ("--full-trace", 4, "--full-trace"),
        ("--unknown-option", 4, "--unknown-option"),
        ("--import-mode=wrong", 4, "import-mode"),
        ("--tb=wrong", 4, "--tb"),
        ("--rootdir=/", 4, ""),
        ("--maxfail=x", 4, "maxfail"),
        ("--worker-version 00000000", 11, "expected version 00000000"),
        ("--direction sideways", 4, "--direction"),
        ("--wrangler missing.toml", 4, "missing.toml"),
        ("--run-nonce", 4, "--run-nonce"),
        ("--reports=/proc/none", 11, "could not be written"),
        ("--reports /proc/none", (4, 11), ""),
        ("--junitxml=/proc/none/x.xml", 4, "--junitxml"),
        ("--alluredir=/proc/none/x", 4, "--alluredir"),
    ),
    *_variables(
        "pytest",
        ("PYTEST_ADDOPTS=--markers", 4, "--markers"),
        ("PYTEST_ADDOPTS=-h", 4, ""),
        ("PYTEST_ADDOPTS=--version", 4, ""),
        ("PYTEST_ADDOPTS=-VV", 4, ""),
        ("PYTEST_ADDOPTS=--fixtures", 4, "--fixtures"),
        ("PYTEST_ADDOPTS=--co", 10, ""),
        ("PYTEST_ADDOPTS=-p no:cutover-session --co", 4, "no:cutover-session"),
        ("PYTEST_ADDOPTS=-p no:cutover --co", 4, ""),
        ("PYTEST_ADDOPTS=--noconftest", 4, "--noconftest"),
        ("PYTEST_ADDOPTS=-k health", 10, "-k 'health'"),
        ("PYTEST_ADDOPTS=--deselect tests", 5, ""),
        ("PYTEST_ADDOPTS=--setup-plan", (4, 10), ""),
        ("PYTEST_DISABLE_PLUGIN_AUTOLOAD=1", 4, ""),
        ("PYTHONOPTIMIZE=1", 4, "PYTHONOPTIMIZE"),
        ("PYTHONOPTIMIZE=2", 4, "PYTHONOPTIMIZE"),
    ),
    *_edits(
        "pytest",
        ("manifest.toml", None, "", 10, ""),
        ("manifest.toml", None, "[smoke]\n", 10, ""),
        ("manifest.toml", "test_user_is_refused", "test_user_was_refused", 10, ""),
        ("manifest.toml", None, "[smoke", 4, "not valid TOML"),
        ("manifest.toml", 'level = "read-only"', 'level = "none"', 4, "level"),
        ("manifest.toml", 'system = "worker"', 'system = "other"', 4, "system"),
        ("manifest.toml", LIST_IN_SMOKE, "[smoke]\n'x' = 1\n", 4, "manifest.toml"),
        ("manifest.toml", LIST_IN_SMOKE, "[smok]\n", (4, 10), ""),
        ("manifest.toml", None, None, 4, "manifest.toml"),
        ("manifest.toml", None, "FIFO", 4, "manifest.toml"),
        ("manifest.toml", None, "FOLDER", 4, "manifest.toml"),
        ("manifest.toml", None, "a = " + "9" * 6000, 4, "manifest.toml"),
        ("manifest.toml", None, "a = " + "[" * 5000 + "]" * 5000, 4, "manifest.toml"),
        ("waivers.toml", None, "[[waiver]]\ncheck = 1", 4, "waiver 1."),
        ("waivers.toml", None, "waiver = 1", 4, "waivers.toml"),
        ("waivers.toml", None, "[waivers]", 4, "waivers.toml"),
        ("environments.toml", None, None, 4, "environments.toml"),
        ("environments.toml", EMBEDDED, "[embeded]\n", 4, "no environment"),
        ("environments.toml", EMBEDDED, "[embedded]\nnot_a_key = 1\n", 4, "not_a_key"),
        ("environments.toml", 'safety = "disposable"', 'safety = "none"', 4, "safety"),
        ("environments.toml", "timeout_s = 30", "timeout_s = nan", 4, "timeout_s"),
        ("environments.toml", "timeout_s = 30", "timeout_s = 0", 4, "timeout_s"),
        ("environments.toml", "kv_propagation_s = 5", "kv_propagation_s = inf", 4, "kv_propagation_s"),
        ("environments.toml", 'value = "list-cutter-worker"', 'value = "another"', 11, "x-served-by"),
        ("environments.toml", "requests = 60000,", "requests = 0,", 4, "budget"),
        ("environments.toml", "tries = 40", "tries = 0", 4, "readiness"),
        ("environments.toml", "pair = true", "pair = 'yes'", 4, "pair"),
        ("environments.toml", EMBEDDED, "[embedded]\nrules = 'none'\n", 4, "rules"),
        ("environments.toml", EMBEDDED, "[embedded]\nread_only_form = { smoke = '' }\n", 4, "read_only_form"),
        ("environments.toml", IDENTITY, "legacy = { identity = {} }", 4, "environments.toml"),
        ("contracts/operations.toml", None, "", 4, "operations.toml"),
        ("contracts/operations.toml", None, None, 4, "operations.toml"),
        ("contracts/operations.toml", "[health]", "[healthy]", 4, "operations.toml"),
        ("contracts/promises.toml", None, "", 4, "promises.toml"),
        ("contracts/promises.toml", "access_s = 900", "access_s = nan", 4, "access_s"),
        ("contracts/promises.toml", "limit = 52428800", "limit = -1", 4, "limit"),
        (
            "contracts/promises.toml",
            'claims = { iss = "list-cutter", aud = "list-cutter-api" }',
            "claims = 1",
            4,
            "claims",
        ),
        ("contracts/promises.toml", 'x-frame-options = "DENY"', "x-frame-options = 1", 4, "x-frame-options"),
        ("contracts/local_runtime.toml", None, "x = 1", 4, "local_runtime.toml"),
        ("conftest.py", None, None, 4, "conftest.py"),
        ("STOP", None, "", 11, "kill switch"),
        (CHECK, USER, "@pytest.mark.xfail(reason='x')\n" + USER, (1, 10), ""),
        (CHECK, USER, "@pytest.mark.skip(reason='x')\n" + USER, 10, ""),
        (CHECK, USER, "def test_user_was_refused", 10, ""),
        (CHECK, USER, "def not_a_test", 10, ""),
        (CHECK, 'call("user")', "call('user'); pytest.exit('x', returncode=0); target.call('user')", (2, 3, 10), ""),
        (CHECK, 'call("user")', "call('user'); raise SystemExit(0); target.call('user')", (1, 2, 3), ""),
        (CHECK, "expect_status(401)", "expect_status(418)", 1, "418"),
    ),
    Row("pytest", "edit", "-p raising", (3,), "RuntimeError", edits=(("raising.py", None, RAISING),)),
    *(
        Row("pytest", "signal", "= -m smoke --env https://127.0.0.1:9", codes, signal=name, at_s=1.5)
        for name, codes in (("SIGINT", (2,)), ("SIGTERM", (2,)), ("SIGKILL", (-9,)))
    ),
]

LOCUST = [
    *_commands(
        "locust",
        ("= -f locustfiles/smoke.py", 4, "expected an environment"),
        ("= -f locustfiles/smoke.py --env nosuch", 4, "nosuch"),
        ("= -f locustfiles/smoke.py --env staging", 4, ""),
        ("= -f missing.py --env target", 4, "missing.py"),
        ("= -f locustfiles/smoke.py,locustfiles/baseline.py --env target", 4, "two profiles"),
        ("= --env target", 4, ""),
        ("--pair nosuch --env embedded", 4, "nosuch"),
        ("--short", 10, "--short"),
        ("--tags x", 4, "--tags"),
        ("--exclude-tags x", 4, "--tags"),
        ("-T x", 4, "--tags"),
        ("-V", 4, ""),
        ("--list", 4, "--list"),
        ("--show-task-ratio", 4, "--show-task-ratio"),
        ("--show-task-ratio-json", 4, "--show-task-ratio-json"),
        ("--config-users {{}}", 4, "--config-users"),
        ("-u 1", 4, "--users"),
        ("-r 1", 4, "--spawn-rate"),
        ("-t 1s", 4, "--run-time"),
        ("--host http://127.0.0.1:9", 4, "--host"),
        ("--html /proc/none/x", 4, "--html"),
        ("--csv /proc/none/x", 4, "--csv"),
        ("--csv-full-history", 4, "--csv-full-history"),
        ("--json-file /proc/none/x", 4, "--json-file"),
        ("--logfile /proc/none/x", 4, "--logfile"),
        ("--loglevel loud", 4, "--loglevel"),
        ("--config missing.conf", 4, "missing.conf"),
        ("--maintenance 0-inf", 4, "--maintenance"),
        ("--maintenance 5-1", 4, "--maintenance"),
        ("--maintenance x", 4, "--maintenance"),
        ("--seed x", 4, "--seed"),
        ("--processes -5", 4, "--processes"),
        ("--processes x", 4, "--processes"),
        ("--master --processes 2", 4, "--master"),
        ("--master --expect-workers 0", 4, "--expect-workers"),
        ("--class-picker", 4, "--class-picker"),
        ("--web-base-path x", 4, "--web-base-path"),
        ("--autoquit 1", 4, "--autoquit"),
        ("NoSuchUser", 4, ""),
        ("--unknown-option", 4, "--unknown-option"),
        ("--reports /proc/none", (4, 11), "/proc/none"),
    ),
    *_variables(
        "locust",
        ("LOCUST_USERS=5", 4, "--users"),
        ("LOCUST_HOST=http://127.0.0.1:9", 4, "--host"),
        ("LOCUST_RUN_TIME=1s", 4, "--run-time"),
        ("LOCUST_TAGS=x", 4, "--tags"),
        ("LOCUST_LOGLEVEL=loud", 4, "--loglevel"),
        ("LOCUST_CSV=/proc/none/x", 4, "--csv"),
        ("CUTOVER_ROOT=/proc/none", 4, ""),
    ),
    *_edits(
        "locust",
        ("gates.toml", None, None, 4, "gates.toml"),
        ("gates.toml", None, "", (4, 10), ""),
        ("gates.toml", "limit = 5\n", "limit = 1000\n", 4, "limit"),
        ("gates.toml", "limit = 5\n", "limit = nan\n", 4, "limit"),
        ("gates.toml", "limit = 5\n", "limit = inf\n", 4, "limit"),
        ("gates.toml", "limit = 5\n", "limit = -1\n", 4, "limit"),
        ("gates.toml", 'metric = "p95_ms"', 'metric = "p95"', 4, "metric"),
        ("gates.toml", 'operator = "<="', 'operator = ">="', 4, "operator"),
        ("gates.toml", "minimum = 59", "minimum = 0", 4, "minimum"),
        ("gates.toml", 'profiles = ["smoke", "spike"]', 'profiles = ["spike"]', 10, "1 missing"),
        ("gates.toml", 'profiles = ["smoke", "spike"]', 'profiles = ["smok"]', 4, "smok"),
        ("gates.toml", 'health = ["health"]', "health = []", 4, "health"),
        ("gates.toml", "abort_after = 30", "abort_after = nan", 4, "abort_after"),
        ("load.toml", None, None, 4, "load.toml"),
        ("load.toml", "[smoke]", "[smok]", 4, "smok"),
        ("load.toml", "rate = 150", "rate = 0", 4, "rate"),
        ("load.toml", "rate = 150", "rate = nan", 4, "rate"),
        ("load.toml", "rate = 150", "rate = inf", 4, "rate"),
        ("load.toml", "rate = 150", "rate = 1e12", 4, ""),
        ("load.toml", "seconds = 3", "seconds = -3", 4, "seconds"),
        ("load.toml", "list = 30", "list = -30", 4, "mix"),
        ("load.toml", "list = 30", "lists = 30", 4, "lists"),
        ("load.toml", "timeout_s = 2", "timeout_s = nan", 4, "timeout_s"),
        ("load.toml", "timeout_s = 2", "systems = []", 4, "systems"),
        ("environments.toml", "rate = 2000, seconds = 60", "rate = 1, seconds = 60", 4, "rate"),
        ("environments.toml", 'value = "list-cutter-worker"', 'value = "another"', 11, ""),
        ("contracts/operations.toml", None, "", 4, "unknown value"),
        ("STOP", None, "", 11, "kill switch"),
    ),
    *_signals("locust", ("SIGINT", 0.7, 2), ("SIGTERM", 0.7, 2), ("SIGINT", 3.0, 2), ("SIGTERM", 3.0, 2),
              ("SIGKILL", 3.0, -9)),
]  # fmt: skip

CUTOVER = [
    *_commands(
        "cutover",
        ("=", 4, "command"),
        ("= nosuch", 4, "nosuch"),
        ("= init", 4, "URL"),
        ("= init nonsense", 4, ""),
        ("= init http://127.0.0.1:9", (4, 11), ""),
        ("= doctor --env nosuch", 4, "nosuch"),
        ("= doctor", 4, ""),
        ("= doctor --env target --gate nosuch", 4, "nosuch"),
        ("= cleanup", 4, ""),
        ("= cleanup --env nosuch", 4, "nosuch"),
        ("= cleanup --env target --older-than soon", 4, "--older-than"),
        ("= sweep --env nosuch", 4, "nosuch"),
        ("= contract", 4, ""),
        ("= contract lint missing.yaml", 4, "missing.yaml"),
        ("= contract lint manifest.toml", 4, ""),
        ("= contract explore --env nosuch", 4, ""),
        ("= parity", 4, ""),
        ("= parity replay", 4, ""),
        ("= parity replay missing.har --env target --identities missing.toml", 4, ""),
        ("= parity replay missing.har --env target --identities missing.toml --limit 0", 4, ""),
        ("= reconcile", 4, ""),
        ("= reconcile --env nosuch", 4, "nosuch"),
        ("= reconcile --env target --direction sideways", 4, "--direction"),
        ("= reconcile --env target --samples -1", 4, ""),
        ("= pair up --name Bad_Name", 4, ""),
        ("= pair up --rate-limit 0/0", 4, ""),
        ("= pair status --name nosuch", 11, ""),
        ("= pair fault nosuch --name nosuch", (4, 11), ""),
        ("= pair logs --name nosuch", (4, 11), ""),
    ),
    *_edits(
        "cutover",
        ("contracts/worker.openapi.yaml", None, None, 4, "worker.openapi.yaml"),
        ("contracts/worker.openapi.yaml", None, "", 4, "worker.openapi.yaml"),
        ("contracts/worker.openapi.yaml", "openapi: 3", "openapi: 2", 4, "openapi"),
        ("contracts/worker.openapi.yaml", "additionalProperties: false", "additionalProperties: true", 1, "open"),
        ("contracts/operations.toml", None, "x = 1", 4, "operations.toml"),
    ),
    *_variables("cutover", ("CUTOVER_ROOT=/proc/none", 4, "")),
    Row("cutover", "signal", "= manifest", (2,), "interrupted", signal="SIGINT", at_s=2),
    Row("cutover", "signal", "= manifest", (2,), "interrupted", signal="SIGTERM", at_s=2),
]  # fmt: skip

ROWS = [*PYTEST, *LOCUST, *CUTOVER]
