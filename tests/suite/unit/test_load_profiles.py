"""Profiles and caps: what is wrong in them ends a run with one message, before anything is sent."""

import dataclasses
import shutil
import tomllib
from pathlib import Path

import pytest

from cutover.config.environments import LoadCaps, load_environment
from cutover.config.validation import ConfigurationError, root
from cutover.load.preparation import materials
from cutover.load.profiles import (
    PROFILES,
    load_profile,
    processes_needed,
    refuse_what_does_not_fit,
)
from cutover.load.thresholds import gates_of, load_gates

pytestmark = pytest.mark.unit

GOOD = """
[smoke]
phases = [{ name = "steady", shape = "poisson", rate = 10, seconds = 5 }]
mix = { list = 1, new_list = 1 }
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one profile."""
    shutil.copytree(root() / "contracts", tmp_path / "contracts")
    shutil.copy(root() / "environments.toml", tmp_path)
    (tmp_path / "load.toml").write_text(GOOD)
    return tmp_path


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("short", [False, True])
def test_checked_in_profiles_fit_embedded_and_have_their_locustfile(name: str, short: bool) -> None:
    """Each is within the caps, is judged by a gate that matches it, and begins with what is not judged."""
    profile = load_profile(root(), name, short=short)
    plan = profile.draw(1)
    assert (root() / "locustfiles" / f"{name}.py").is_file()
    assert plan.phases[0] == "warm-up"
    caps = tomllib.loads((root() / "environments.toml").read_text())["embedded"]["load"]
    local = dataclasses.replace(load_environment(root(), "local"), load=LoadCaps(**caps), poses_as_clients=True)
    refuse_what_does_not_fit(root(), local, profile, plan, meant=None)
    assert any(name in gate.profiles for gate in load_gates(root()))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("[smoke]", "[other]", "no profile 'smoke'"),
        ('"poisson"', '"wave"', "no shape"),
        ("rate = 10", "rate = 0", "phases 1.rate"),
        ("rate = 10", "rate = 10, to_rate = 20", "to_rate"),
        ('"poisson"', '"ramp"', "to_rate"),
        ("seconds = 5", "seconds = -1", "seconds"),
        ("list = 1, ", "browse = 1, ", "browse"),
        ("list = 1, new_list = 1", "list = 0", "weight"),
        ("mix =", 'systems = ["worker", "worker"]\nmix =', "systems"),
        ("mix =", 'systems = [["worker"]]\nmix =', "systems"),
        ("mix =", "accounts = 0\nmix =", "accounts"),
        ("mix =", "tempo = 3\nmix =", "tempo"),
        ("phases = [", 'phases = [{ name = "steady", shape = "constant", rate = 1, seconds = 1 }, ', "once"),
    ],
)
def test_wrong_profile_is_named(project: Path, old: str, new: str, says: str) -> None:
    """File, key and what to do."""
    (project / "load.toml").write_text(GOOD.replace(old, new))
    with pytest.raises(ConfigurationError, match=says):
        load_profile(project, "smoke", short=False)


@pytest.mark.parametrize(
    ("changes", "meant", "says"),
    [
        ({"load": None}, None, "without caps"),
        ({"rate": 5}, None, "rate"),
        ({"seconds": 4}, None, "seconds"),
        ({"accounts": 3}, None, "accounts"),
        ({"unattended": False}, None, "--load-on local"),
        ({"unattended": False}, "staging", "--load-on local"),
        ({"absent": {"registration": "why"}}, None, "registration"),
        ({"poses": False}, None, "limiter"),
    ],
)
def test_run_that_does_not_fit_is_refused(
    project: Path, changes: dict[str, object], meant: str | None, says: str
) -> None:
    """Each cap by itself; and 50 arrivals of up to two requests are more than 90 in 60 s."""
    caps = LoadCaps(100, 60, 10, 100, 10**9, unattended=True)
    own = {key: value for key, value in changes.items() if key in ("rate", "seconds", "accounts", "unattended")}
    environment = dataclasses.replace(
        load_environment(project, "local"),
        load=None if "load" in changes else dataclasses.replace(caps, **own),  # type: ignore[arg-type]  # by key
        poses_as_clients=changes.get("poses", True) is True,
        absent=changes.get("absent", {}),  # type: ignore[arg-type]  # the same
    )
    profile = load_profile(project, "smoke", short=False)
    with pytest.raises(ConfigurationError, match=says):
        refuse_what_does_not_fit(project, environment, profile, profile.draw(3), meant=meant)
    fitting = dataclasses.replace(environment, load=caps, poses_as_clients=True, absent={})
    refuse_what_does_not_fit(project, fitting, profile, profile.draw(3), meant=None)


def test_processes_are_as_many_as_the_rate_needs(project: Path) -> None:
    """10/s at 4/s a process are three."""
    profile = load_profile(project, "smoke", short=False)
    assert [processes_needed(profile, rate) for rate in (4, 5, 10, 1000)] == [3, 2, 1, 1]


def test_what_a_cut_must_give_is_stated_by_the_rules_of_the_contract() -> None:
    """A record for each row, CRLF, quotes only where the contract wants them."""
    lists = materials()
    for content, cut in lists.own:
        lines = cut.decode().split("\r\n")
        assert lines[0] == ",".join(lists.columns)
        assert len(lines) == 202
        assert content.count(b"\n") == 201
    assert all(content for _, content in lists.uploads)
    assert len(lists.uploads) > 5


def test_people_have_different_lists_of_one_length() -> None:
    """So a list that was mixed up with another one's is found, and costs the same."""
    own = materials().own
    assert len({content for content, _ in own}) == len({cut for _, cut in own}) == len(own)
    assert len({len(content) for content, _ in own}) == 1


def test_gates_of_every_profile_match_its_plan() -> None:
    """As the run itself asks before it starts."""
    for name in PROFILES:
        profile = load_profile(root(), name, short=True)
        phases = ("warm-up", "old", "new") if len(profile.systems) > 1 else profile.draw(1).phases
        assert gates_of(load_gates(root()), root(), name, phases, ("list_files", "health", "upload"))
