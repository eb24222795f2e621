"""Other names of the front end, a colour with its versions, HTTP/2: what an edge before the Worker decides."""

import re
from collections.abc import Generator
from pathlib import Path

import pytest
from tests.suite.support.cloudflare_edge import Certificate, edge, new_certificate
from tests.suite.support.gate_runs import run_gate
from tests.suite.verdicts.conftest import MakeProject, WholeProject

from cutover.config.validation import root
from cutover.embedded import pair
from cutover.embedded.state import PairState

pytestmark = pytest.mark.verdicts

SCRIPT = "list-cutter-api-green"
UNKNOWN = "00000000-0000-0000-0000-000000000000"
IDENTITY = 'identity = { header = "x-served-by", value = "list-cutter-worker", version_header = "x-worker-version" }'


@pytest.fixture(scope="module")
def two() -> Generator[tuple[PairState, PairState]]:
    """Two pairs: two builds, two versions. Their limiters are not in the way."""
    options = pair.PairOptions(rate_limit=(100_000, 60))
    handles = [pair.start(pair.anonymous_name(), owned=True, options=options) for _ in range(2)]
    try:
        yield handles[0].wait(90), handles[1].wait(90)
    finally:
        for handle in handles:
            handle.stop()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate for loopback."""
    return new_certificate(tmp_path_factory.mktemp("tls"))


# --- names -------------------------------------------------------------------------------------


def front_end_project(make_project: MakeProject, found: PairState, *names: str) -> Path:
    """A project with the checks of the front end, and an environment `zone` that has these further names."""
    here = "tests/smoke/test_front_end.py"
    listed = [line for line in (root() / "manifest.toml").read_text().splitlines() if here in line]
    zone = (
        f'\n[zone]\nsafety = "read-only"\nlocal_runtime = true\nlegacy = {{ absent = "x" }}\nnames = {list(names)}\n'
        f'budget = {{ requests = 60000, window_s = 60 }}\n[zone.worker]\nurl = "{found.worker_url}"\n{IDENTITY}\n'
    )
    manifest = "[smoke]\n" + "\n".join(listed).replace("test_front_end.py", "test_tiny.py")
    return make_project((root() / here).read_text(), manifest=manifest, environments=zone)


def test_names_of_this_deployment_are_go(
    two: tuple[PairState, PairState], make_project: MakeProject, reports: Path
) -> None:
    """Another address of the same Worker, and a name that leads to it by a redirect that does not say whose it is."""
    here = two[0].worker_url
    with edge(redirect=here) as www:
        project = front_end_project(make_project, two[0], here.replace("127.0.0.1", "localhost"), www)
        done = run_gate("-m", "smoke", "--env", "zone", reports=reports, project=project)
    assert done.code == 0, done.output
    (record,) = [record for record in done.records if "every_name" in record["check"]]
    assert [figure["value"] for figure in record["observations"]["measured"]] == [two[0].version_id] * 2


@pytest.mark.parametrize("where", ["another build", "another system", "by a redirect", "a host that nobody named"])
def test_name_that_serves_something_else_is_no_go(
    two: tuple[PairState, PairState], make_project: MakeProject, reports: Path, where: str
) -> None:
    """1, with the name: old DNS, a forgotten route, a stale deployment. Not 11: what was measured is the name."""
    here, other = two
    with edge(redirect=other.worker_url) as by_redirect, edge(redirect="https://parked.example") as parked:
        names = {
            "another build": (other.worker_url,),
            "another system": (here.legacy_url,),
            "by a redirect": (by_redirect, other.worker_url),
            "a host that nobody named": (parked,),
        }[where]
        project = front_end_project(make_project, here, *names)
        done = run_gate("-m", "smoke", "--env", "zone", reports=reports, project=project)
    assert done.code == 1, done.output
    assert [check.rpartition("::")[2] for check in done.verdict["gates"][0]["failed"]] == [
        "test_every_host_name_serves_the_same_build[worker]"
    ]
    if where in ("another build", "by a redirect"):
        assert f"build '{other.build_id}', version '{other.version_id}'" in done.output
    assert done.verdict["answered_versions"] == [here.version_id]


# --- colours -----------------------------------------------------------------------------------


def colours(project: Path, url: str, certificate: Certificate) -> Path:
    """The project's own tables of blue and green, at the edge's address and with room for many requests."""
    file = project / "environments.toml"
    text = re.sub(r"https://(blue|green)-api\.list-cutter\.com", url, file.read_text())
    added = f'ca_file = "{certificate.cert}"\nlocal_runtime = true\n'
    for colour in ("blue", "green"):
        start = text.index(f"[{colour}]\n")
        table = text[start:].replace(f"[{colour}]\n", f"[{colour}]\n{added}", 1)
        text = text[:start] + table.replace("budget = { requests = 90,", "budget = { requests = 60000,", 1)
    file.write_text(text)
    return project


def test_green_by_its_version_is_proven_on_each_answer(
    two: tuple[PairState, PairState], whole_project: WholeProject, certificate: Certificate, reports: Path
) -> None:
    """Blue has all the traffic. `--env green --worker-version ID` reaches the other one: GO, each answer is of that
    version; without the option it is not proven whose they are; with an id that is not deployed, or another script's
    name, INVALID."""
    blue, green = two
    versions = {blue.version_id: blue.worker_url, green.version_id: green.worker_url}
    with edge(certificate, http2=True, versions=versions, script=SCRIPT) as url:
        project = colours(whole_project(""), url, certificate)

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
        assert "which deployment answered is not proven" in output
        assert verdict["gates"][0]["counts"]["passed"] > 20  # type: ignore[index]  # plain JSON
        for name, env, version in (("unknown", "green", UNKNOWN), ("another script", "blue", green.version_id)):
            code, output, verdict, seen = run(name, "--worker-version", version, "--ready-tries", "1", env=env)
            assert code == 11, output
            assert f"expected version {version} (--worker-version), got '{blue.version_id}'" in output
            assert verdict["gates"][0]["counts"]["passed"] == 0  # type: ignore[index]  # plain JSON


# --- HTTP/2 ------------------------------------------------------------------------------------


def test_edge_without_http2_is_no_go_and_nothing_else_is(
    two: tuple[PairState, PairState], whole_project: WholeProject, certificate: Certificate, reports: Path
) -> None:
    """The whole form over TLS: GO where HTTP/2 is agreed on (above); NO-GO, by the one check, where it is not."""
    versions = {two[0].version_id: two[0].worker_url}
    with edge(certificate, http2=False, versions=versions, script=SCRIPT) as url:
        project = colours(whole_project(""), url, certificate)
        done = run_gate("-m", "smoke", "--env", "green", reports=reports, project=project)
    assert done.code == 1, done.output  # NO-GO comes before what is not proven
    assert done.verdict["gates"][0]["failed"] == ["tests/smoke/test_https.py::test_https_speaks_http2[worker]"]
    assert "HTTP/1.1, status 200" in done.output


def test_plain_http_that_does_not_say_so_is_not_verified(
    two: tuple[PairState, PairState], make_project: MakeProject, reports: Path
) -> None:
    """10, with what to declare."""
    worker = f'worker = {{ url = "{two[0].worker_url}" }}'
    plain = f'\n[plain]\nsafety = "read-only"\nlegacy = {{ absent = "x" }}\n{worker}\n'
    manifest = '[smoke]\n"tests/smoke/test_tiny.py::test_https_speaks_http2[worker]" = '
    project = make_project(
        (root() / "tests/smoke/test_https.py").read_text(),
        manifest=manifest + '{ system = "worker", level = "read-only", needs = "http2" }',
        environments=plain,
    )
    done = run_gate("-m", "smoke", "--env", "plain", "-k", "http2", reports=reports, project=project)
    assert done.code == 10, done.output
    assert "absent.http2" in done.output
