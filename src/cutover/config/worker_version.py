"""The version of the Worker that a run asks for, and the proof that this deployment answered.

Colours and gradual deployments share an address, so only the version proves which deployment was tested.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cutover.config.environments import Environment
from cutover.config.validation import ConfigurationError


def check_worker_version(project: Path, environment: Environment, version: str | None) -> None:
    """Raise ConfigurationError if the environment cannot ask for a version of the Worker and prove it."""
    worker = environment.systems.get("worker")
    if not version or worker is None:
        return
    if worker.name is None or worker.identity is None or worker.identity.version_header is None:
        raise ConfigurationError(
            project / "environments.toml",
            f"{environment.name}.worker",
            "--worker-version needs the Worker's name and identity.version_header: to ask for a version and prove it",
            "Add them.",
        )


def unproven_version(environment: Environment | None, version: str | None) -> list[str]:
    """Return a reason if only its version identifies a deployment, and no version was asked for. Else nothing."""
    worker = environment.systems.get("worker") if environment is not None else None
    if version or worker is None or worker.identity is None or not worker.identity.version_required:
        return []
    return [
        f"the deployment that answered is not proven: others also answer {worker.identity.value!r}. "
        f"Name a version of {worker.name}: --worker-version ID"
    ]


def several_versions(versions: Iterable[str]) -> list[str]:
    """Return a measurement error if several versions of the Worker answered in one run. Else nothing."""
    found = sorted(set(versions))
    if len(found) < 2:
        return []
    return [
        f"{len(found)} versions of the Worker answered in one run ({', '.join(found)}): a deployment "
        "was in progress, or traffic is split. Wait until it ends, or name one version with --worker-version."
    ]
