"""Complete preflight runs about DNS and TLS, against servers on loopback: every outcome of the gate."""

import shutil
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from reference.surroundings.certificates import CertificateSpec
from reference.surroundings.dns_part import CA_DOMAIN, NAMES, ZONE
from tests.suite.support.gate_runs import GateRun, run_gate
from tests.suite.support.named_deployment import NamedDeployment

from cutover.config.validation import root

pytestmark = pytest.mark.verdicts

FILES = ("test_dns.py", "test_tls.py")
CHECKS = 13
PYPROJECT = """
[tool.pytest]
strict = true
testpaths = ["tests"]
addopts = ["-p", "no:locust", "-p", "no:schemathesis", "-p", "no:hypothesispytest"]
filterwarnings = ["error", "ignore:assertions not in test modules:pytest.PytestConfigWarning"]
markers = ["preflight: gate"]
"""
ENVIRONMENT = """
[named]
safety = "read-only"
worker = {{ url = "https://api.{zone}" }}
legacy = {{ absent = "only the names are tested here" }}
names = ["https://{zone}", "https://www.{zone}"]

[named.preflight.dns]
resolver = "{resolver}"
authoritative = {authoritative}
timeout_s = 1.0

[named.preflight.tls]
port = {port}
http_port = {http_port}
ca_file = "{ca_file}"
ca_domains = ["{ca_domain}"]
{more}
"""


class Project:
    """A project with the checks of DNS and TLS only, and a deployment that it tests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "project"
        self.deployment = NamedDeployment(folder)
        (self.folder / "tests" / "preflight").mkdir(parents=True)
        shutil.copytree(root() / "contracts", self.folder / "contracts")
        shutil.copy(root() / "conftest.py", self.folder)
        for name in (*FILES, "conftest.py"):
            shutil.copy(root() / "tests" / "preflight" / name, self.folder / "tests" / "preflight")
        lines = (root() / "manifest.toml").read_text().splitlines()
        listed = [line for line in lines if any(f"tests/preflight/{name}" in line for name in FILES)]
        (self.folder / "manifest.toml").write_text("\n".join(["[preflight]", *listed]))
        (self.folder / "waivers.toml").touch()
        (self.folder / "pyproject.toml").write_text(PYPROJECT)

    @contextmanager
    def serving(self, more: str = "") -> Generator[ExitStack]:
        """Serve the deployment, and write the environment with this text at its end. Yield what ends the servers."""
        with ExitStack() as servers:
            dns = servers.enter_context(self.deployment.serving_dns())
            tls = servers.enter_context(self.deployment.serving_tls())
            text = ENVIRONMENT.format(
                zone=ZONE, resolver=dns.resolver, authoritative=[str(server) for server in dns.authoritative],
                port=tls.port, http_port=tls.http_port, ca_file=self.deployment.folder / "root.pem",
                ca_domain=CA_DOMAIN, more=more,
            )  # fmt: skip
            (self.folder / "environments.toml").write_text(text)
            yield servers

    def run(self) -> GateRun:
        """Run the gate."""
        return run_gate(
            "-m", "preflight", "--env", "named", reports=self.folder.parent / "reports", project=self.folder
        )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return a project with an honest deployment, which a test changes."""
    return Project(tmp_path)


def test_honest_names_are_go(project: Project) -> None:
    """All checks of DNS and TLS pass, without a warning."""
    with project.serving():
        run = project.run()
    assert (run.code, len(run.records)) == (0, CHECKS), run.output
    assert f"{CHECKS} of {CHECKS} checks passed; " in run.last_line


def test_certificate_with_few_days_left_is_go_with_a_warning(project: Project) -> None:
    """The verdict is GO. Its line counts the warnings, and verdict.json and the output name each certificate."""
    project.deployment.certificates = {"": CertificateSpec(NAMES, days=20.5)}
    with project.serving():
        run = project.run()
    assert run.code == 0, run.output
    assert "checks passed, 3 warnings; " in run.last_line
    (gate,) = run.verdict["gates"]
    assert len(gate["warnings"]) == 3
    assert all("expires in 20 days" in text and f"warning: {text}" in run.output for text in gate["warnings"])


def test_expired_certificate_of_three_names_is_one_finding(project: Project) -> None:
    """NO-GO with one failed check and one finding, at three places."""
    project.deployment.certificates = {"": CertificateSpec(NAMES, days=-1)}
    with project.serving():
        run = project.run()
    assert run.code == 1, run.output
    (failed,) = [record for record in run.records if record["status"] == "failed"]
    assert len(failed["findings"]) == 1
    assert failed["finding"] == "tls:expired:" + "+".join(sorted(NAMES))
    assert run.verdict["gates"][0]["counts"]["blocked"] == 0


def test_self_signed_certificate_is_one_reason(project: Project) -> None:
    """NO-GO with one failed check, which names the check of CAA that it blocks."""
    project.deployment.certificates = {"": CertificateSpec(NAMES, issued_by="self")}
    with project.serving():
        run = project.run()
    assert run.code == 1, run.output
    (gate,) = run.verdict["gates"]
    assert [reason.partition(":")[0] for reason in gate["reasons"]] == ["certificates of a CA"]
    assert (gate["counts"]["failed"], gate["counts"]["blocked"]) == (1, 1)


def test_unresolved_name_is_one_reason(project: Project) -> None:
    """NO-GO with one failed check. The checks of its TTL and its TLS are blocked by it."""
    project.deployment.without(f"api.{ZONE}", "A")
    with project.serving():
        run = project.run()
    assert run.code == 1, run.output
    (gate,) = run.verdict["gates"]
    assert [check.rpartition("::")[2] for check in gate["failed"]] == ["test_names_resolve"]
    assert [reason.partition(":")[0] for reason in gate["reasons"]] == ["resolution of host names"]
    assert "1 finding, blocks 8 checks" in gate["reasons"][0]
    assert (gate["counts"]["failed"], gate["counts"]["blocked"]) == (1, 8)


def test_unreachable_resolver_is_invalid_with_one_reason(project: Project) -> None:
    """Exit code 11. Only the check that owns the resolver reports it, the others are blocked."""
    with project.serving() as servers:
        servers.close()
        run = project.run()
    assert run.code == 11, run.output
    (gate,) = run.verdict["gates"]
    assert len(gate["reasons"]) == 1
    assert "preflight.dns.resolver" in gate["reasons"][0]
    assert gate["counts"]["blocked"] == CHECKS - 1


def test_wrong_setting_ends_with_4(project: Project) -> None:
    """With one message that names file, key and fix, before anything is sent."""
    with project.serving("fail_days = 40"):
        run = project.run()
    assert run.code == 4, run.output
    assert "environments.toml [named.preflight.tls.fail_days]: expected at most warn_days = 30, got 40" in run.output
    assert "Traceback" not in run.output
