"""Wrangler configurations that are broken and look complete, and valid ones that look broken."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from cutover.config.environments import load_environment
from cutover.config.preflight_wrangler import WranglerSettings
from cutover.config.validation import root
from cutover.core.errors import NotVerified
from cutover.preflight.wrangler_file import WranglerFile, read_wrangler_file
from cutover.preflight.wrangler_routes import route_findings
from cutover.preflight.wrangler_secrets import secret_list_findings
from cutover.preflight.wrangler_stores import other_store_findings, sharing_findings
from cutover.preflight.wrangler_usage import unbound_findings, usage_findings
from cutover.preflight.wrangler_values import placeholder_findings, secret_findings

pytestmark = pytest.mark.unit

HONEST = (root() / "reference" / "worker" / "wrangler.toml").read_text()


def read(folder: Path, text: str) -> tuple[WranglerFile, WranglerSettings]:
    """Write the configuration, and return it with the settings of the gate."""
    (folder / "wrangler.toml").write_text(text)
    return read_wrangler_file(folder / "wrangler.toml"), WranglerSettings(folder / "wrangler.toml")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JWT_SECRET", "correcthorsebatterystaple"),
        ("JWT_SECRET", "hunter"),
        ("JWT_SECRET", "PRODUCTION_JWT_SECRET"),
        ("ADMIN_PASSWORD", "12345678"),
        ("API_TOKEN", "abcdefghijklmnopqrstuvwxyz"),
        ("INVITE_SECRET", "s3cr3t-of-invitations"),
        ("API_KEY", "<the key of production>"),
        ("API_KEY", "TODO"),
    ],
)
def test_secret_of_any_form_is_one_finding(name: str, value: str, tmp_path: Path) -> None:
    """A word, digits or a placeholder as the value of a secret is one finding, of one of the two checks."""
    text = HONEST.replace("[env.production.vars]", f"[env.production.vars]\n{name} = {json.dumps(value)}")
    file, wanted = read(tmp_path, text)
    found = [*secret_findings(file, wanted), *placeholder_findings(file, wanted)]
    assert [each.name.endswith(name) for each in found] == [True]


@pytest.mark.parametrize(
    ("name", "value"),
    [("CREDENTIALS", "include"), ("REQUIRE_PASSWORD", "true"), ("SALT", "10")],
)
def test_setting_with_the_name_of_a_secret_is_none(name: str, value: str, tmp_path: Path) -> None:
    """A word, a flag or a figure of a setting is no secret."""
    text = HONEST.replace("[env.production.vars]", f"[env.production.vars]\n{name} = {json.dumps(value)}")
    file, wanted = read(tmp_path, text)
    assert [*secret_findings(file, wanted), *placeholder_findings(file, wanted)] == []


def test_secrets_of_staging_alone_are_not_verified(tmp_path: Path) -> None:
    """Names of staging's secrets alone do not pass for those of production."""
    file, wanted = read(tmp_path, HONEST)
    (tmp_path / "list.json").write_text('[{"name": "JWT_SECRET"}]')
    wanted = replace(wanted, secrets={"staging": ("JWT_SECRET",)}, secret_lists={"staging": tmp_path / "list.json"})
    with pytest.raises(NotVerified, match=r"add preflight\.wrangler\.secrets\.production"):
        secret_list_findings(file, wanted)
    assert secret_list_findings(file, replace(wanted, secrets={**wanted.secrets, "production": ()})) == []


WORKERS_DEV = 'name = "shop"\ncompatibility_date = "2024-01-01"\n[env.production]\n'
IDN = (
    'name = "shop"\ncompatibility_date = "2024-01-01"\n[env.production]\n'
    'routes = [{ pattern = "shop.bücher.example/*", zone_name = "bücher.example" }]\n'
)


@pytest.mark.parametrize(
    ("text", "host", "found"),
    [
        (WORKERS_DEV, "shop-production.mine.workers.dev", []),
        (f"{WORKERS_DEV}workers_dev = true\n", "shop-production.mine.workers.dev", []),
        (f"workers_dev = true\n{WORKERS_DEV}", "shop-production.mine.workers.dev", []),
        (f"{WORKERS_DEV}workers_dev = false\n", "shop-production.mine.workers.dev", ["route-none", "route-missing"]),
        (f'{WORKERS_DEV}route = "a.b.example/*"\n', "shop-production.mine.workers.dev", ["route-missing"]),
        (WORKERS_DEV, "shop.mine.workers.dev", ["route-missing"]),
        (IDN, "shop.xn--bcher-kva.example", []),
        (IDN.replace("ü", "Ü"), "shop.xn--bcher-kva.example", []),
        (IDN.replace("bücher", "xn--bcher-kva"), "shop.xn--bcher-kva.example", []),
    ],
)
def test_host_is_served_by_workers_dev_or_route(text: str, host: str, found: list[str], tmp_path: Path) -> None:
    """A host on workers.dev needs no route, and a host name may be written in Unicode or as `xn--`."""
    file, wanted = read(tmp_path, text)
    assert [each.name.split(":")[1] for each in route_findings(file, wanted, [host])] == found


@pytest.mark.parametrize(
    ("route", "taken"), [("www.shop.example/*", 1), ("www.shop.example/api/*", 1), ("beta.shop.example/*", 0)]
)
def test_host_of_production_taken_by_staging_is_found(route: str, taken: int, tmp_path: Path) -> None:
    """A route of staging for a host that production serves by a wildcard takes its requests."""
    text = f'name = "shop"\n[env.production]\nroute = "*.shop.example/*"\n[env.staging]\nroute = "{route}"\n'
    file, wanted = read(tmp_path, text)
    found = route_findings(file, wanted, ["www.shop.example"])
    assert [each.name for each in found] == [f"wrangler:route-taken:env.staging.{route}"] * taken


D1 = '[[env.{}.d1_databases]]\nbinding = "DB"\ndatabase_id = "{}"\n'
ID = "5d3f2a10-6c1e-4b9a-9f0d-2f7c1f0a8e01"
CONSUMER = '[[env.staging.queues.consumers]]\nqueue = "jobs"\n'
PRODUCER = '[[env.production.queues.producers]]\nbinding = "JOBS"\nqueue = "jobs"\n'


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (D1.format("production", ID) + D1.format("staging", ID.upper()), ["env.staging.d1_databases.DB"]),
        (D1.format("production", ID) + D1.format("dev", ID), ["env.dev.d1_databases.DB"]),
        (D1.format("staging", ID) + D1.format("dev", ID), []),
        (PRODUCER + CONSUMER, ["env.staging.queues.consumers"]),
        (PRODUCER + CONSUMER.replace("staging", "production"), []),
    ],
)
def test_store_of_production_in_any_environment_is_found(text: str, found: list[str], tmp_path: Path) -> None:
    """A store of production is found in other letters, in an environment outside the cutover, and by a consumer."""
    file, wanted = read(tmp_path, 'name = "shop"\n' + text)
    wanted = replace(wanted, without={name: "not here" for name in wanted.judged if f"env.{name}." not in text})
    names = [each.name.rpartition(":")[2] for each in sharing_findings(file, wanted)]
    assert names == found


@pytest.mark.parametrize(
    ("name", "source", "unused"),
    [
        ("index.ts", "interface Env { JOBS: Queue<Job>; }", 1),
        ("index.ts", "type Env = { JOBS?: Queue };", 1),
        ("index.ts", "// JOBS is written to later", 1),
        ("worker.d.ts", "declare const JOBS;", 1),
        ("index.ts", "env.JOBS.send(1)", 0),
        ("index.ts", "const { JOBS } = env; JOBS.send(1)", 0),
        ("index.ts", "const { JOBS: jobs } = env", 0),
        ("index.ts", "env['JOBS'].send(1)", 0),
    ],
)
def test_declared_queue_is_not_a_used_queue(name: str, source: str, unused: int, tmp_path: Path) -> None:
    """A type, a comment or a file of types that names a queue does not use it."""
    file, wanted = read(tmp_path, 'name = "shop"\n' + PRODUCER)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "other.ts").write_text("export {}")
    (tmp_path / "src" / name).write_text(source)
    assert len(usage_findings(file, replace(wanted, sources=tmp_path / "src"))) == unused


def test_loop_over_env_does_not_hide_unbound_names(tmp_path: Path) -> None:
    """A loop over all names tests none of them."""
    file, wanted = read(tmp_path, 'name = "shop"\n' + PRODUCER)
    (tmp_path / "src").mkdir()
    source = "for (const k in env) log(k); env.CACHE.get(1); if ('FLAGS' in env) env.FLAGS.get(1)"
    (tmp_path / "src" / "index.js").write_text(source)
    found = unbound_findings(file, replace(wanted, sources=tmp_path / "src"))
    assert [each.name for each in found] == ["wrangler:unbound:CACHE"]


STAGING_ID = "7b8c9d12-0e4f-4a6b-8c3d-5e6f7a8b9c02"
ENVIRONMENT = """
[mine]
safety = "read-only"
worker = {{ url = "https://list-cutter.com", name = "{name}" }}
legacy = {{ absent = "none" }}
d1 = {{ url = "https://api.cloudflare.com/client/v4/accounts/a1/d1/database/{database}" }}
r2 = {{ endpoint = "https://a1.r2.cloudflarestorage.com", bucket = "{bucket}" }}
secrets = {{ d1_api_token = "T", r2_access_key_id = "T", r2_secret_access_key = "T" }}
"""


@pytest.mark.parametrize(
    ("name", "database", "bucket", "found"),
    [
        ("list-cutter-production", ID, "cutty-files-prod", []),
        ("list-cutter-production", ID.upper(), "cutty-files-prod", []),
        ("list-cutter-production", STAGING_ID, "cutty-files-prod", ["d1_databases"]),
        ("list-cutter-production", ID, "other", ["r2_buckets"]),
        ("unknown-name", STAGING_ID, "cutty-files-prod", []),
        ("unknown-name", "11111111-2222-4333-8444-555555555555", "other", ["d1_databases", "r2_buckets"]),
    ],
)
def test_suite_reads_the_stores_of_the_worker(
    name: str, database: str, bucket: str, found: list[str], tmp_path: Path
) -> None:
    """A database or bucket of the suite's environment that its Worker does not bind is a finding."""
    file, wanted = read(tmp_path, HONEST)
    (tmp_path / "contracts").symlink_to(root() / "contracts")
    (tmp_path / "environments.toml").write_text(ENVIRONMENT.format(name=name, database=database, bucket=bucket))
    environment = load_environment(tmp_path, "mine", variables={"T": "0123456789abcdef0123456789abcdef"})
    names = [each.name for each in other_store_findings(file, wanted, environment)]
    assert names == [f"wrangler:other-store:{kind}" for kind in found]
