"""Tests of the version of the Worker that a run asks for and proves."""

import dataclasses

import pytest

from cutover.config.environments import Environment, load_environment
from cutover.config.validation import ConfigurationError, root
from cutover.config.worker_version import check_worker_version, several_versions

pytestmark = pytest.mark.unit


@pytest.fixture
def environment() -> Environment:
    """A Worker without a name or a header for its version."""
    return load_environment(root(), "https://list-cutter.invalid")


def test_version_that_cannot_be_proven_is_refused(environment: Environment) -> None:
    """Without a name no version can be asked for, and without a header none is proven."""
    check_worker_version(root(), environment, None)
    bare = dataclasses.replace(environment.systems["worker"], name=None)
    with pytest.raises(ConfigurationError, match="--worker-version needs the Worker's name"):
        check_worker_version(root(), dataclasses.replace(environment, systems={"worker": bare}), "v1")
    check_worker_version(root(), load_environment(root(), "local"), "v1")


def test_two_versions_in_one_run_are_a_measurement_error() -> None:
    """A deployment in progress or split traffic: the responses are not those of one version."""
    assert several_versions(["v1", "v1"]) == several_versions([]) == []
    (reason,) = several_versions(["v2", "v1", "v2"])
    assert "2 versions of the Worker answered in one run (v1, v2)" in reason
