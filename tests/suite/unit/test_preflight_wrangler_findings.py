"""Each broken precondition of a Wrangler configuration is exactly one finding, at its line."""

import datetime
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutover.config.preflight_wrangler import SharedStores, WranglerSettings
from cutover.config.validation import root
from cutover.core.errors import NotVerified
from cutover.core.recorder import Recorder
from cutover.preflight.findings import Finding, PreflightFailed, conclude
from cutover.preflight.wrangler_comparison import comparison_findings, inheritance_findings
from cutover.preflight.wrangler_file import WranglerEnvironment, missing_environments, read_wrangler_file
from cutover.preflight.wrangler_routes import Route, route_findings
from cutover.preflight.wrangler_secrets import secret_list_findings
from cutover.preflight.wrangler_shape import validity_findings
from cutover.preflight.wrangler_stores import sharing_findings
from cutover.preflight.wrangler_usage import unbound_findings, usage_findings
from cutover.preflight.wrangler_values import placeholder_findings, secret_findings

pytestmark = pytest.mark.unit

HONEST = (root() / "reference" / "worker" / "wrangler.toml").read_text()
TODAY = datetime.date(2026, 1, 15)
SHARED = (SharedStores(frozenset({"production", "blue", "green"}), "two versions on the same data"),)
PRODUCTION_D1 = "5d3f2a10-6c1e-4b9a-9f0d-2f7c1f0a8e01"
STAGING_D1 = "7b8c9d12-0e4f-4a6b-8c3d-5e6f7a8b9c02"
STAGING_KV = "1a3bd85c509c59139dc79498d532f38a"
QUEUE = '[[env.production.queues.producers]]\nbinding = "JOBS"\nqueue = "jobs"\n'


def settings(folder: Path, text: str, name: str = "wrangler.toml") -> WranglerSettings:
    """Write the configuration, one source file and the lists of secrets. Return the settings of the gate."""
    (folder / name).write_text(text)
    (folder / "source").mkdir(exist_ok=True)
    (folder / "source" / "index.mjs").write_text(
        'export default { fetch: (request, env) => env.DB.prepare("SELECT 1").run() };'
    )
    (folder / "list.json").write_text(json.dumps([{"name": "JWT_SECRET", "type": "secret_text"}]))
    return WranglerSettings(
        folder / name,
        hosts=("list-cutter.com", "www.list-cutter.com"),
        sources=folder / "source",
        shared=SHARED,
        secrets={"production": ("JWT_SECRET",)},
        secret_lists={"production": folder / "list.json"},
    )


def judged(wanted: WranglerSettings) -> list[Finding]:
    """Return the findings of all checks, each name once."""
    file = read_wrangler_file(wanted.file)
    found = [
        *validity_findings(file, wanted, TODAY),
        *missing_environments(file, wanted),
        *inheritance_findings(file, wanted),
        *comparison_findings(file, wanted),
        *placeholder_findings(file, wanted),
        *sharing_findings(file, wanted),
        *route_findings(file, wanted, wanted.hosts or ()),
        *secret_findings(file, wanted),
        *secret_list_findings(file, wanted),
        *usage_findings(file, wanted),
        *unbound_findings(file, wanted),
    ]
    return list({each.name: each for each in found}.values())


def test_honest_configuration_has_no_finding(tmp_path: Path) -> None:
    """The configuration of the reference Worker has no defect."""
    assert judged(settings(tmp_path, HONEST)) == []


STAGING_LIMIT = "simple = { limit = 100, period = 60 }\n\n# --- blue"
NEXT = "# --- staging"
WWW = '  { pattern = "www.list-cutter.com/*", zone_name = "list-cutter.com" },\n'
BLUE = 'routes = [{ pattern = "blue.list-cutter.com/*", zone_name = "list-cutter.com" }]'
CORS = 'CORS_ORIGIN = "https://staging'
SERVICE = '[[env.production.services]]\nbinding = "MAIL"\nservice = "mail"\n'
SIZE = 'MAX_FILE_SIZE = "52428800"'
API = '  { pattern = "list-cutter.com/api/*", zone_name = "list-cutter.com" },\n'
D1, KV = "d1_databases.DB", "kv_namespaces.AUTH_TOKENS"
BROKEN = {
    # name: (text to replace, its replacement, a text in the line of the finding, the finding)
    "inline table over lines": (BLUE, BLUE.replace(", ", ",\n"), 'routes = [{ pattern = "blue', "syntax:1"),
    "future date": ("2024-12-30", "2027-01-01", "2027-01-01", "compatibility-date"),
    "date of another form": ("2024-12-30", "30.12.2024", "30.12.2024", "compatibility-date"),
    "period": (STAGING_LIMIT, STAGING_LIMIT.replace("60", "30"), "period = 30", "rate-period:env.staging.RATE_LIMITER"),
    "top level only": ("[assets]", '[vars]\nNEW = "1"\n[assets]', 'NEW = "1"', "inheritance:env.production.vars.NEW"),
    "only in production": (NEXT, SERVICE + NEXT, "[[env.production.services",
                           "comparison:env.production.services.MAIL"),
    "not in a colour": ('name = "list-cutter-blue"', 'name = "list-cutter-blue"\nlimits = { cpu_ms = 50 }', "limits =",
                        "comparison:env.blue.limits"),
    "limit of production": ("simple = { limit = 100", "simple = { limit = 1000", "limit = 1000",
                            "comparison:env.production.ratelimits.RATE_LIMITER.simple.limit"),
    "not in production": (CORS, f'DEBUG = "1"\n{CORS}', "[env.production.vars]",
                          "comparison:env.production.vars.DEBUG"),
    "other limit": (STAGING_LIMIT, STAGING_LIMIT.replace("100", "500"), "limit = 500",
                    "comparison:env.staging.ratelimits.RATE_LIMITER.simple.limit"),
    "other flags": ("[env.staging]", "[env.staging]\ncompatibility_flags = []", "compatibility_flags = []",
                    "comparison:env.staging.compatibility_flags"),
    "capitals": (STAGING_D1, "STAGING_DB_ID", "STAGING_DB_ID", f"placeholder:env.staging.{D1}.database_id"),
    "brackets": (STAGING_KV, "<KV_ID>", "<KV_ID>", f"placeholder:env.staging.{KV}.id"),
    "zeros": (STAGING_D1, "00000000-0000-0000-0000-000000000000", '"00000000-',
              f"placeholder:env.staging.{D1}.database_id"),
    "bucket to replace": ("cutty-files-staging", "REPLACE_ME", "REPLACE_ME",
                          "placeholder:env.staging.r2_buckets.FILE_STORAGE.bucket_name"),
    "var to replace": ("https://staging.list-cutter.com", "<https://your-domain>", "<https",
                       "placeholder:env.staging.vars.CORS_ORIGIN"),
    "database of production": (STAGING_D1, PRODUCTION_D1, f"{PRODUCTION_D1}#2",
                               f"shared:env.production:env.staging.{D1}"),
    "name of production": ('name = "list-cutter-staging"', 'name = "list-cutter-production"',
                           'name = "list-cutter-production"#3', "shared:worker:env.production:env.staging"),
    "database of a colour": ("2f7c1f0a8e01", "2f7c1f0a8e99", "8e99", f"split:env.production:env.blue.{D1}"),
    "missing host": (WWW, "", "routes = [", "route-missing:env.production.www.list-cutter.com"),
    "root only": ("www.list-cutter.com/*", "www.list-cutter.com", "routes = [",
                  "route-missing:env.production.www.list-cutter.com"),
    "overlap": (WWW, WWW + API, "/api/*", "route-overlap:env.production.list-cutter.com/api/*"),
    "route of production": ("staging.list-cutter.com/*", "list-cutter.com/*", 'routes = [{ pattern = "list-cutter.com',
                            "route-conflict:env.staging.list-cutter.com/*"),
    "wildcard inside": ("www.list-cutter.com/*", "www.list-cutter.com/*/x", "/*/x",
                        "route-unreachable:env.production.www.list-cutter.com/*/x"),
    "other zone": (BLUE, BLUE.replace('"list-cutter.com"', '"list-cuter.com"'), "list-cuter.com",
                   "route-unreachable:env.blue.blue.list-cutter.com/*"),
    "no route": (BLUE, "workers_dev = false", "workers_dev", "route-none:env.blue"),
    "secret by name": (SIZE, f'{SIZE}\nLIMIT_API_KEY = "a8F-2k"', "LIMIT_API_KEY",
                       "secret-in-vars:env.production.LIMIT_API_KEY"),
    "missing colour": ("env.green", "env.grey", "[env.production]", "environment:green"),
    "unused queue": (NEXT, f"{QUEUE}{QUEUE.replace('production', 'staging').replace('jobs', 'jobs-2')}{NEXT}",
                     "[[env.production.queues", "unused:env.production.queues.producers.JOBS"),
}  # fmt: skip
MORE = {
    "unused queue": [
        "unused:env.staging.queues.producers.JOBS",
        *(f"comparison:env.{name}.queues.producers.JOBS" for name in ("blue", "green")),
    ],
    "top level only": [f"inheritance:env.{name}.vars.NEW" for name in ("staging", "blue", "green")],
}
"""Cases with more than one broken precondition: each environment that needs the same fix is one."""


def changed(case: str, old: str, new: str) -> str:
    """Return the honest configuration with a change: everywhere, in the second place, or in the first."""
    if case == "database of a colour":
        first, second, rest = HONEST.split(old, 2)
        return f"{first}{old}{second}{new}{rest}"
    return HONEST.replace(old, new, -1 if case == "missing colour" else 1)


@pytest.mark.parametrize("case", sorted(BROKEN))
def test_broken_precondition_is_one_finding_at_its_line(case: str, tmp_path: Path) -> None:
    """One change of an honest configuration is one finding over all checks, with the line where it is."""
    old, new, marker, name = BROKEN[case]
    assert old in HONEST
    text = changed(case, old, new)
    found = judged(settings(tmp_path, text))
    names = [each.name.removeprefix("wrangler:") for each in found]
    assert sorted(names) == sorted([name, *MORE.get(case, [])]), found
    wanted, _, number = marker.partition("#")
    lines = [at for at, line in enumerate(text.splitlines(), 1) if wanted in line]
    assert found[names.index(name)].place == f"wrangler.toml:{lines[int(number or 1) - 1]}"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('vars = "x"', "type:env.production.vars"),
        ("d1_databases = { binding = 'DB' }", "type:env.production.d1_databases"),
        ("kv_namespaces = ['AUTH']", "type:env.production.kv_namespaces"),
    ],
)
def test_wrong_type_is_a_finding(text: str, name: str, tmp_path: Path) -> None:
    """A key of the wrong type is a finding, and no check stops at it."""
    wanted = replace(settings(tmp_path, f'name = "x"\ncompatibility_date = "2024-01-01"\n[env.production]\n{text}\n'))
    assert name in {each.name.removeprefix("wrangler:") for each in judged(wanted)}


PLAIN = st.one_of(st.text(max_size=5), st.integers(), st.booleans(), st.none())
KEYS = st.sampled_from([
    "env", "production", "staging", "blue", "vars", "routes", "route", "pattern", "binding", "name", "queues",
    "producers", "bindings", "unsafe", "d1_databases", "database_id", "kv_namespaces", "id", "simple", "period", "main",
    "secrets", "required", "account_id", "compatibility_date", "workers_dev", "zone_name", "analytics_engine_datasets",
])  # fmt: skip
ANY_SHAPE = st.recursive(
    PLAIN, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)), max_leaves=25
)


@given(st.dictionaries(KEYS, ANY_SHAPE, max_size=6))
def test_no_shape_of_a_configuration_stops_a_check(
    tmp_path_factory: pytest.TempPathFactory, value: dict[str, object]
) -> None:
    """Every check of any JSON object ends with findings, or says what it could not verify."""
    wanted = settings(tmp_path_factory.getbasetemp(), json.dumps(value), "wrangler.jsonc")
    try:
        found = judged(wanted)
    except NotVerified:
        return
    assert all(each.place.startswith("wrangler.jsonc:") for each in found)


@pytest.mark.parametrize(
    ("name", "value", "is_secret"),
    [
        ("JWT_SECRET", "required by the settings", True),
        ("STRIPE_KEY", "sk_live_" + "4eC39HqLyjWDarjt", True),
        ("DATABASE", "postgres://app:pa55@db.internal/app", True),
        ("PEM", "-----BEGIN PRIVATE KEY-----", True),
        ("ADMIN_PASSWORD", "hunter2!", True),
        ("SESSION_SECRET", "letmein", True),
        ("MAIL_API_KEY", "LIVE_KEY_4711", True),
        ("AUTH_TOKEN", "required", False),
        ("TOKEN_ISSUER", "list-cutter", False),
        ("STRIPE_PUBLISHABLE_KEY", "pk_live_4eC39HqLyjWDarjt", False),
        ("TURNSTILE_SITE_KEY", "0x4AAAAAAABkMYinukE8nzYS", False),
        ("ACCESS_TOKEN_TTL", "3600", False),
        ("TOKEN", "", False),
        ("API_KEY", "<set by wrangler secret>", False),
        ("AUTH_URL", "https://auth.list-cutter.com/secret", False),
    ],
)
def test_secrets_in_vars_differ_from_settings(name: str, value: str, is_secret: bool, tmp_path: Path) -> None:
    """A secret is found by its name, its value or the list of required ones. Public keys and figures are none."""
    text = HONEST.replace("[env.production.vars]", f"[env.production.vars]\n{name} = {json.dumps(value)}")
    wanted = settings(tmp_path, text)
    found = secret_findings(read_wrangler_file(wanted.file), wanted)
    assert [each.name for each in found] == [f"wrangler:secret-in-vars:env.production.{name}"] * is_secret
    assert not any(value in str(each) for each in found if value)


@pytest.mark.parametrize(
    "row",
    [
        '[[env.{name}.analytics_engine_datasets]]\nbinding = "DB2"\ndataset = "WEB_EVENTS_{upper}"\n',
        '[[env.{name}.d1_databases]]\nbinding = "DB2"\ndatabase_name = "MY_DB_{upper}"\ndatabase_id = "{id}"\n',
    ],
)
def test_names_that_may_have_capitals_are_no_placeholders(row: str, tmp_path: Path) -> None:
    """A dataset and a database may have a name in capitals."""
    text = HONEST
    for number, name in enumerate(("production", "staging")):
        identifier = f"3f2b7c1{number}-84d5-4e6a-9b0c-1d2e3f4a5b6c"
        text += row.format(name=name, upper=name.upper(), id=identifier)
    wanted = settings(tmp_path, text)
    assert placeholder_findings(read_wrangler_file(wanted.file), wanted) == []


def test_missing_secret_is_found_by_its_name(tmp_path: Path) -> None:
    """A required secret that the list lacks is a finding with the command that sets it."""
    wanted = replace(settings(tmp_path, HONEST), secrets={"production": ("JWT_SECRET", "SENTRY_DSN")})
    (found,) = secret_list_findings(read_wrangler_file(wanted.file), wanted)
    assert found.name == "wrangler:secret-missing:env.production.SENTRY_DSN"
    assert found.do_next == "wrangler secret put SENTRY_DSN --env production"


def test_secrets_without_a_list_are_not_verified(tmp_path: Path) -> None:
    """Without a list of the secrets that are set, the check says which key to add."""
    wanted = replace(settings(tmp_path, HONEST), secret_lists={})
    with pytest.raises(NotVerified, match=r"secret_lists\.production"):
        secret_list_findings(read_wrangler_file(wanted.file), wanted)


def test_required_secrets_of_the_file_are_checked(tmp_path: Path) -> None:
    """Names in `secrets.required` of the configuration are required too."""
    text = HONEST.replace(
        "[env.production.vars]", '[env.production.secrets]\nrequired = ["API_TOKEN"]\n\n[env.production.vars]'
    )
    wanted = settings(tmp_path, text)
    (found,) = secret_list_findings(read_wrangler_file(wanted.file), wanted)
    assert found.name.endswith("API_TOKEN")


@pytest.mark.parametrize(
    "changed",
    [
        {"without": {"green": "one colour at a time"}},
        {"differences": {"vars.DEBUG": "only staging is verbose"}},
    ],
)
def test_declared_exceptions_are_no_findings(changed: dict[str, dict[str, str]], tmp_path: Path) -> None:
    """An environment that does not exist on purpose, and a difference with a reason, are no findings."""
    text = HONEST.replace('CORS_ORIGIN = "https://staging', 'DEBUG = "1"\nCORS_ORIGIN = "https://staging')
    text = text if "differences" in changed else HONEST[: HONEST.index("[env.green]")]
    assert judged(replace(settings(tmp_path, text), **changed)) == []


def test_source_code_that_is_missing_is_not_verified(tmp_path: Path) -> None:
    """Without source code the use of a queue is not verified, and the message names the key to add."""
    wanted = replace(settings(tmp_path, HONEST.replace("# --- staging", f"{QUEUE}# --- staging")), sources=None)
    with pytest.raises(NotVerified, match=r"JOBS is used: add preflight\.wrangler\.sources"):
        usage_findings(read_wrangler_file(wanted.file), wanted)


@pytest.mark.parametrize(
    ("source", "unbound"),
    [
        ("await env.SESSIONS.get(id)", ["SESSIONS"]),
        ("await this.env.SESSIONS\n  .get(id)", ["SESSIONS"]),
        ("if (env.SESSIONS) { env.SESSIONS.get(id) }", []),
        ("env.SESSIONS?.get(id)", []),
        ("process.env.SESSIONS.split(',')", []),
        ("import.meta.env.SESSIONS.split(',')", []),
        ("const level = env.LEVEL ?? 'info'", []),
        ("// env.SESSIONS.get(id)", []),
        ("/* env.SESSIONS.get(id) */ env.DB.prepare(q)", []),
        ("env.CORS_ORIGIN.split(',')", []),
        ("env.JWT_SECRET.trim()", []),
    ],
)
def test_use_of_an_unbound_name_is_a_finding(source: str, unbound: list[str], tmp_path: Path) -> None:
    """A call on a name that the environment does not bind is a finding, unless the code tests the name first."""
    wanted = settings(tmp_path, HONEST)
    (tmp_path / "source" / "index.mjs").write_text(source)
    found = unbound_findings(read_wrangler_file(wanted.file), wanted)
    assert [each.name for each in found] == [f"wrangler:unbound:{name}" for name in unbound]


def test_top_level_can_be_production(tmp_path: Path) -> None:
    """With production = "" the top level is judged, with its own bindings."""
    text = 'name = "x"\ncompatibility_date = "2024-01-01"\n[[kv_namespaces]]\nbinding = "A"\nid = "KV_ID"\n'
    wanted = replace(settings(tmp_path, text), production="", staging="", colours=(), hosts=(), secrets={"": ("A",)},
                     secret_lists={"": tmp_path / "list.json"})  # fmt: skip
    assert {each.name for each in judged(wanted)} == {
        "wrangler:placeholder:the top level.kv_namespaces.A.id", "wrangler:secret-missing:the top level.A",
        "wrangler:unbound:DB",
    }  # fmt: skip


def test_findings_of_a_check_are_waived_one_by_one() -> None:
    """A check with several findings fails with a fingerprint for each of them."""
    found = [Finding(f"wrangler:{name}", "wrangler.toml:1", "x", "y", "page", "do it") for name in ("a", "b", "a")]
    with pytest.raises(PreflightFailed) as failed:
        conclude(found, Recorder())
    assert failed.value.findings == (found[0].fingerprint, found[1].fingerprint)


HOSTS = st.sampled_from(["a.com", "b.a.com", "*.a.com", "*a.com", "c.b.a.com", "ba.com"])
PATHS = st.sampled_from(["", "/", "/*", "/x", "/x*", "/x/*", "/x/y", "/xy"])
URLS = [
    (host, path)
    for host in ("a.com", "b.a.com", "c.b.a.com", "ba.com", "x.com")
    for path in ("/", "/x", "/xy", "/x/", "/x/y", "/x/z")
]


def matches(route: Route, host: str, path: str) -> bool:
    """Return True if a pattern matches a URL, by Cloudflare's description, as an oracle for single URLs."""
    pattern_host, wanted = route.host, route.path or "/"
    on_host = host.endswith(pattern_host[1:]) if pattern_host.startswith("*") else host == pattern_host
    return on_host and (path.startswith(wanted[:-1]) if wanted.endswith("*") else path == wanted)


@given(HOSTS, PATHS, HOSTS, PATHS)
def test_covering_route_matches_all_urls_of_the_other(host: str, path: str, other_host: str, other_path: str) -> None:
    """A route that covers another one matches every URL that the other one matches."""
    one, other = (
        Route("production", f"{each[0]}{each[1]}", 1, False, None, True)
        for each in ((host, path), (other_host, other_path))
    )
    if one.covers(other):
        assert all(matches(one, *url) for url in URLS if matches(other, *url))


def test_environment_inherits_only_what_wrangler_inherits(tmp_path: Path) -> None:
    """A named environment gets the compatibility date and the routes of the top level, and no binding and no var."""
    wanted = settings(
        tmp_path, 'compatibility_date = "2024-01-01"\nroute = "a.com/*"\n[vars]\nA = "1"\n[env.production]\n'
    )
    environment = read_wrangler_file(wanted.file).environment("production")
    assert isinstance(environment, WranglerEnvironment)
    assert (environment.get("compatibility_date") is not None, environment.vars) == (True, {})
    assert environment.get("route") is not None
