"""Properties of the edge in front of the Worker: further host names, blue and green versions, HTTP/2."""

import re
from collections.abc import Generator
from pathlib import Path

import pytest
from tests.suite.support.cloudflare_edge import Certificate, edge, new_certificate
from tests.suite.support.gate_runs import run_gate
from tests.suite.verdicts.conftest import ProjectFactory, SmokeProjectFactory

from cutover.config.validation import root
from cutover.embedded import pair
from cutover.embedded.state import PairState

pytestmark = pytest.mark.verdicts

SCRIPT = "list-cutter-api-green"
UNKNOWN = "00000000-0000-0000-0000-000000000000"
IDENTITY = 'identity = { header = "x-served-by", value = "list-cutter-worker", version_header = "x-worker-version" }'


@pytest.fixture(scope="module")
def two_pairs() -> Generator[tuple[PairState, PairState]]:
    """Yield two pairs with two builds and two versions. Their rate limits are high."""
    options = pair.PairOptions(rate_limit=(100_000, 60))
    handles = [pair.start(pair.anonymous_name(), owned=True, options=options) for _ in range(2)]
    try:
        yield handles[0].wait(90), handles[1].wait(90)
    finally:
        for handle in handles:
            handle.stop()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Return a certificate for loopback."""
    return new_certificate(tmp_path_factory.mktemp("tls"))


# --- host names ----------------------------------------------------------------------------


def front_end_project(project_factory: ProjectFactory, found: PairState, *names: str) -> Path:
    """Create a project with the checks of the front end, and an environment `zone` with these further host names."""
    here = "tests/smoke/test_front_end.py"
    listed = [line for line in (root() / "manifest.toml").read_text().splitlines() if here in line]
    zone = (
        f'\n[zone]\nsafety = "read-only"\nlocal_runtime = true\nlegacy = {{ absent = "x" }}\nnames = {list(names)}\n'
        f'budget = {{ requests = 60000, window_s = 60 }}\n[zone.worker]\nurl = "{found.worker_url}"\n{IDENTITY}\n'
    )
    manifest = "[smoke]\n" + "\n".join(listed).replace("test_front_end.py", "test_tiny.py")
    return project_factory((root() / here).read_text(), manifest=manifest, environments=zone)


def test_host_names_of_this_deployment_are_go(
    two_pairs: tuple[PairState, PairState], project_factory: ProjectFactory, reports: Path
) -> None:
    """Another address of the same Worker and a name that redirects to it are accepted."""
    here = two_pairs[0].worker_url
    with edge(redirect=here) as www:
        project = front_end_project(project_factory, two_pairs[0], here.replace("127.0.0.1", "localhost"), www)
        done = run_gate("-m", "smoke", "--env", "zone", reports=reports, project=project)
    assert done.code == 0, done.output
    (record,) = [record for record in done.records if "every_host_name" in record["check"]]
    assert [figure["value"] for figure in record["observations"]["measured"]] == [two_pairs[0].version_id] * 2


@pytest.mark.parametrize("where", ["another build", "another system", "by a redirect", "an unnamed host"])
def test_host_name_of_something_else_is_no_go(
    two_pairs: tuple[PairState, PairState], project_factory: ProjectFactory, reports: Path, where: str
) -> None:
    """Old DNS, a forgotten route or an old deployment gives 1 with the name, because the name is under test."""
    here, other = two_pairs
    with edge(redirect=other.worker_url) as by_redirect, edge(redirect="https://parked.example") as parked:
        names = {
            "another build": (other.worker_url,),
            "another system": (here.legacy_url,),
            "by a redirect": (by_redirect, other.worker_url),
            "an unnamed host": (parked,),
        }[where]
        project = front_end_project(project_factory, here, *names)
        done = run_gate("-m", "smoke", "--env", "zone", reports=reports, project=project)
    assert done.code == 1, done.output
    assert [check.rpartition("::")[2] for check in done.verdict["gates"][0]["failed"]] == [
        "test_every_host_name_serves_the_same_build[worker]"
    ]
    if where in ("another build", "by a redirect"):
        assert f"build '{other.build_id}', version '{other.version_id}'" in done.output
    assert done.verdict["answered_versions"] == [here.version_id]


# --- blue and green ----------------------------------------------------------------------------


def colours(project: Path, url: str, certificate: Certificate) -> Path:
    """Set the edge's address and a large budget in the project's own tables of blue and green."""
    file = project / "environments.toml"
    text = re.sub(r"https://(blue|green)-api\.list-cutter\.com", url, file.read_text())
    added = f'ca_file = "{certificate.cert}"\nlocal_runtime = true\n'
    for colour in ("blue", "green"):
        start = text.index(f"[{colour}]\n")
        table = text[start:].replace(f"[{colour}]\n", f"[{colour}]\n{added}", 1)
        text = text[:start] + table.replace("budget = { requests = 90,", "budget = { requests = 60000,", 1)
    file.write_text(text)
    return project


def test_green_version_is_proven_on_each_response(
    two_pairs: tuple[PairState, PairState],
    smoke_project_factory: SmokeProjectFactory,
    certificate: Certificate,
    reports: Path,
) -> None:
    """A version override reaches green while blue has all traffic: GO. Without it the version is not proven.

    With a version that is not deployed, or with the name of another script, the run is INVALID.
    """
    blue, green = two_pairs
    versions = {blue.version_id: blue.worker_url, green.version_id: green.worker_url}
    with edge(certificate, http2=True, versions=versions, script=SCRIPT) as url:
        project = colours(smoke_project_factory(""), url, certificate)

        def run(name: str, *arguments: str, env: str = "green") -> tuple[int, str, dict[str, object], set[str]]:
            done = run_gate("-m", "smoke", "--env", env, *arguments, reports=reports.with_name(name), project=project)
            seen = {exchange["version"] for record in done.records for exchange in record["observations"]["exchanges"]}
            return done.code, done.output, done.verdict, seen

        code, output, verdict, seen = run("chosen", "--worker-version", green.version_id)
        assert code == 0, output
        assert "smoke GO (read-only form): green (https://127.0.0.1:" in output
        assert (verdict["answered_versions"], seen) == ([green.version_id], {green.version_id})
        code, output, verdict, seen = run("all traffic", env="blue")
        assert (code, seen) == (10, {blue.version_id}), output
        assert "the deployment that answered is not proven" in output
        assert verdict["gates"][0]["counts"]["passed"] > 20  # type: ignore[index]  # plain JSON
        for name, env, version in (("unknown", "green", UNKNOWN), ("another script", "blue", green.version_id)):
            code, output, verdict, seen = run(name, "--worker-version", version, "--ready-tries", "1", env=env)
            assert code == 11, output
            assert f"expected version {version} (--worker-version), got '{blue.version_id}'" in output
            assert verdict["gates"][0]["counts"]["passed"] == 0  # type: ignore[index]  # plain JSON


# --- HTTP/2 ----------------------------------------------------------------------------


def test_edge_without_http2_fails_one_check(
    two_pairs: tuple[PairState, PairState],
    smoke_project_factory: SmokeProjectFactory,
    certificate: Certificate,
    reports: Path,
) -> None:
    """Without HTTP/2 the gate is NO-GO, and only the check of HTTP/2 fails."""
    versions = {two_pairs[0].version_id: two_pairs[0].worker_url}
    with edge(certificate, http2=False, versions=versions, script=SCRIPT) as url:
        project = colours(smoke_project_factory(""), url, certificate)
        done = run_gate("-m", "smoke", "--env", "green", reports=reports, project=project)
    assert done.code == 1, done.output  # NO-GO comes before INCONCLUSIVE
    assert done.verdict["gates"][0]["failed"] == ["tests/smoke/test_https.py::test_https_speaks_http2[worker]"]
    assert "HTTP/1.1, status 200" in done.output


def test_undeclared_plain_http_is_not_verified(
    two_pairs: tuple[PairState, PairState], project_factory: ProjectFactory, reports: Path
) -> None:
    """The exit code is 10, and the message names the key to set."""
    worker = f'worker = {{ url = "{two_pairs[0].worker_url}" }}'
    plain = f'\n[plain]\nsafety = "read-only"\nlegacy = {{ absent = "x" }}\n{worker}\n'
    manifest = '[smoke]\n"tests/smoke/test_tiny.py::test_https_speaks_http2[worker]" = '
    project = project_factory(
        (root() / "tests/smoke/test_https.py").read_text(),
        manifest=manifest + '{ system = "worker", level = "read-only", needs = "http2" }',
        environments=plain,
    )
    done = run_gate("-m", "smoke", "--env", "plain", "-k", "http2", reports=reports, project=project)
    assert done.code == 10, done.output
    assert "absent.http2" in done.output
