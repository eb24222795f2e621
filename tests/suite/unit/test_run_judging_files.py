"""The hash of the judging files, and their state in git."""

import dataclasses
import json
import subprocess
from pathlib import Path

import pytest

from cutover.config.environment import OwnContract
from cutover.config.environments import Environment, load_environment
from cutover.report.terminal import judged_line
from cutover.run.judging_files import CHECKS, NAMES, read_judging_files
from cutover.run.lifecycle import Run

pytestmark = pytest.mark.unit


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with every kind of judging file, committed in a git repository."""
    for name in NAMES:
        if "." in name:
            (tmp_path / name).write_text(f"# {name}\n")
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / "promises.toml").write_text("a = 1\n")
    for name in CHECKS:
        path = tmp_path / name if name.endswith(".py") else tmp_path / name / "test_one.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {name}\n")
    (tmp_path / "README.md").write_text("not a judging file\n")
    (tmp_path / "own").mkdir()
    for name in ("accepted.toml", "worker.yaml", "ca.pem"):
        (tmp_path / "own" / name).write_text("a = 1\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "-c", "user.name=t", "-c", "user.email=t@example.invalid", "commit", "-qm", "first")
    return tmp_path


def git(folder: Path, *words: str) -> str:
    """Run git in a folder. Return its output."""
    done = subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True)  # noqa: S607 - git of the PATH
    return done.stdout.strip()


def test_committed_files_are_unchanged(project: Path) -> None:
    """The commit is named, and a change of another file is none of the judging files."""
    (project / "README.md").write_text("changed")
    state = read_judging_files(project)
    assert (state.count, state.changed) == (len(NAMES) + len(CHECKS), ())
    assert "as in commit" in judged_line(state.as_json())


@pytest.mark.parametrize(
    "name",
    [
        "manifest.toml",
        "gates.toml",
        "waivers.toml",
        "contracts/promises.toml",
        "tests/conftest.py",
        "tests/smoke/test_one.py",
        "locustfiles/test_one.py",
    ],
)
def test_edited_file_is_named(project: Path, name: str) -> None:
    """An edit changes the hash, and the file is named."""
    before = read_judging_files(project)
    (project / name).write_text("b = 2\n")
    state = read_judging_files(project)
    assert state.sha256 != before.sha256
    assert state.changed == (name,)
    assert f"changed since commit {state.commit[:12] if state.commit else ''}: {name}" in judged_line(state.as_json())


def test_added_and_removed_files_are_named(project: Path) -> None:
    """A file that the commit lacks counts as changed, like one that is gone. Unusual names are kept."""
    (project / "contracts" / "é \n.toml").write_text("")
    (project / "gates.toml").unlink()
    assert read_judging_files(project).changed == ("contracts/é \n.toml", "gates.toml")


def test_folder_without_git_has_a_hash_and_no_state(tmp_path: Path) -> None:
    """Without a repository nothing is said about changes."""
    (tmp_path / "manifest.toml").write_text("a = 1\n")
    state = read_judging_files(tmp_path)
    assert (state.count, state.commit, state.changed) == (1, None, ())
    assert "in no git repository" in judged_line(state.as_json())


@pytest.mark.parametrize("bit", ["--assume-unchanged", "--skip-worktree"])
def test_index_cannot_hide_a_change(project: Path, bit: str) -> None:
    """The contents are compared with the commit, so the bits of the index have no effect."""
    git(project, "update-index", bit, "gates.toml")
    (project / "gates.toml").write_text("# easier\n")
    assert read_judging_files(project).changed == ("gates.toml",)


def test_staged_change_differs_from_the_commit(project: Path) -> None:
    """The index is not what a reviewer has seen."""
    (project / "gates.toml").write_text("# easier\n")
    git(project, "add", "gates.toml")
    assert read_judging_files(project).changed == ("gates.toml",)


def test_filter_cannot_hide_a_change(project: Path) -> None:
    """A clean filter does not make an edited file look committed."""
    (project / ".git" / "info" / "attributes").write_text("gates.toml filter=old\n")
    git(project, "config", "filter.old.clean", "git show HEAD:gates.toml")
    (project / "gates.toml").write_text("# easier\n")
    assert read_judging_files(project).changed == ("gates.toml",)


def test_replaced_object_cannot_hide_a_change(project: Path) -> None:
    """The tree of the commit itself is compared, not one that `git replace` names in its place."""
    (project / "gates.toml").write_text("# easier\n")
    git(project, "add", "gates.toml")
    git(project, "replace", "HEAD^{tree}", git(project, "write-tree"))
    assert read_judging_files(project).changed == ("gates.toml",)


def test_ignored_file_is_named(project: Path) -> None:
    """A file that git ignores is judged with, so it counts as one that the commit lacks."""
    (project / ".git" / "info" / "exclude").write_text("contracts/extra.toml\n")
    (project / "contracts" / "extra.toml").write_text("a = 1\n")
    assert read_judging_files(project).changed == ("contracts/extra.toml",)


def test_line_ends_of_the_working_tree_are_no_change(project: Path) -> None:
    """Git may write CRLF into the working tree."""
    (project / "gates.toml").write_bytes(b"# gates.toml\r\n")
    assert read_judging_files(project).changed == ()


def test_compiled_files_are_none_of_the_checks(project: Path) -> None:
    """Python writes them during a run."""
    before = read_judging_files(project)
    (project / "tests" / "smoke" / "__pycache__").mkdir()
    (project / "tests" / "smoke" / "__pycache__" / "test_one.pyc").write_bytes(b"x")
    assert read_judging_files(project) == before


def test_link_to_another_file_is_a_change(project: Path) -> None:
    """A link in place of a file is named, also if its target is committed; a committed link is unchanged."""
    (project / "gates.toml").unlink()
    (project / "gates.toml").symlink_to("own/accepted.toml")
    assert read_judging_files(project).changed == ("gates.toml",)
    git(project, "add", ".")
    git(project, "-c", "user.name=t", "-c", "user.email=t@example.invalid", "commit", "-qm", "second")
    assert read_judging_files(project).changed == ()
    (project / "own" / "accepted.toml").write_text("a = 2\n")
    assert read_judging_files(project).changed == ("gates.toml",)


def test_project_below_the_top_of_a_repository(project: Path) -> None:
    """The names are those below the project."""
    inner = project / "inner"
    (inner / "contracts").mkdir(parents=True)
    (inner / "gates.toml").write_text("a = 1\n")
    assert read_judging_files(inner).changed == ("gates.toml",)
    git(project, "add", ".")
    git(project, "-c", "user.name=t", "-c", "user.email=t@example.invalid", "commit", "-qm", "second")
    assert read_judging_files(inner).changed == ()
    (inner / "gates.toml").unlink()
    assert read_judging_files(inner).changed == ("gates.toml",)


@pytest.fixture
def environment(project: Path) -> Environment:
    """Return an environment that names one file of each kind outside contracts/."""
    own = load_environment(Path(__file__).parents[3], "http://127.0.0.1:9/")
    return dataclasses.replace(
        own, files={"accepted_differences": project / "own" / "accepted.toml"},
        contracts={"worker": OwnContract(project / "own" / "worker.yaml"), "legacy": OwnContract(None, "/schema")},
        ca_file=str(project / "own" / "ca.pem"),
    )  # fmt: skip


@pytest.mark.parametrize("name", ["accepted.toml", "worker.yaml", "ca.pem"])
def test_files_of_an_environment_are_judging_files(project: Path, environment: Environment, name: str) -> None:
    """The files that an environment names are hashed and compared with the commit, wherever they are."""
    before = read_judging_files(project, environment)
    assert (before.count, before.changed) == (len(NAMES) + len(CHECKS) + 3, ())
    (project / "own" / name).write_text("a = 2\n")
    state = read_judging_files(project, environment)
    assert state.sha256 != before.sha256
    assert state.changed == (f"own/{name}",)
    assert read_judging_files(project).changed == ()


def test_file_outside_the_repository_is_named(
    project: Path, environment: Environment, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No commit has it, so its absolute path is listed."""
    file = tmp_path_factory.mktemp("other") / "ca.pem"
    file.write_text("x")
    state = read_judging_files(project, dataclasses.replace(environment, ca_file=str(file)))
    assert state.changed == (str(file.resolve()),)


def test_run_reads_the_files_of_an_environment_that_it_learns_later(project: Path, environment: Environment) -> None:
    """An embedded pair's environment is known after the run began; verdict.json has the files that it names."""
    run = Run(project, ["smoke"], "x")
    run.begin()
    (project / "own" / "accepted.toml").write_text("a = 2\n")
    assert run.facts()["judged_by"]["changed"] == []
    run.environment = environment
    assert run.facts()["judged_by"]["changed"] == ["own/accepted.toml"]
    events = [json.loads(line) for line in (run.folder / "evidence.jsonl").read_text().splitlines()]
    assert events[-1]["changed"] == ["own/accepted.toml"]


def test_missing_git_leaves_the_hash(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the command git nothing is said about changes."""
    monkeypatch.setenv("PATH", str(project))
    state = read_judging_files(project)
    assert (state.commit, state.changed) == (None, ())
    assert state.count == len(NAMES) + len(CHECKS)
