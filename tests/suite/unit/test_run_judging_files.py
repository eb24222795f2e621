"""The hash of the judging files, and their state in git."""

import subprocess
from pathlib import Path

import pytest

from cutover.report.terminal import judged_line
from cutover.run.judging_files import NAMES, read_judging_files

pytestmark = pytest.mark.unit


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with every kind of judging file, committed in a git repository."""
    for name in NAMES:
        if "." in name:
            (tmp_path / name).write_text(f"# {name}\n")
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / "promises.toml").write_text("a = 1\n")
    (tmp_path / "README.md").write_text("not a judging file\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "-c", "user.name=t", "-c", "user.email=t@example.invalid", "commit", "-qm", "first")
    return tmp_path


def git(folder: Path, *words: str) -> None:
    """Run git in a folder."""
    subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)  # noqa: S607 - git of the PATH


def test_committed_files_are_unchanged(project: Path) -> None:
    """The commit is named, and a change of another file is none of the judging files."""
    (project / "README.md").write_text("changed")
    state = read_judging_files(project)
    assert (state.count, state.changed) == (len(NAMES), ())
    assert "as in commit" in judged_line(state.as_json())


@pytest.mark.parametrize("name", ["manifest.toml", "gates.toml", "waivers.toml", "contracts/promises.toml"])
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
