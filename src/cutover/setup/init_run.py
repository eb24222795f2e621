"""One run of `cutover init`: discovers the API of one or two systems and writes a draft of their configuration."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cutover.config.environment import Budget, Environment, Readiness, System
from cutover.config.environments import environment_names
from cutover.config.operations import load_operations
from cutover.config.validation import ConfigurationError, root
from cutover.core.evidence import Status
from cutover.core.safety import AllowList, SafetyLevel
from cutover.run.lifecycle import Outcome
from cutover.run.systems_command import SystemsCommand
from cutover.setup.discovery import Discovered, Probe, discover
from cutover.setup.draft import adapted_document, environment_table

_BUDGET: Final = Budget(90, 60.0)
"""Below the plan's limiter, as for every deployment whose limits are not known."""


def run(options: argparse.Namespace) -> int:
    """Draft the configuration. Return the exit code. Raises ConfigurationError before anything is sent."""
    project = root()
    name = options.name
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,40}", name):
        raise ConfigurationError("--name", "", f"expected letters, digits, - and _, got {name!r}", "Give another name.")
    if name in environment_names(project):
        raise ConfigurationError("--name", "", f"environments.toml already has [{name}]", "Give another name.")
    environment = _environment(project, name, options.url, options.legacy)
    output: Path = options.output or project / f"{name}.environment.toml"
    documents = {system: project / "contracts" / f"{name}-{system}.openapi.json" for system in environment.systems}
    for file in (output, *documents.values()):
        if file.exists() and not options.force:
            raise ConfigurationError(file, "", "the file exists", "Move it away, or use --force to overwrite it.")
    if not output.parent.is_dir():
        raise ConfigurationError("--output", "", f"there is no folder {output.parent}", "Create it first.")
    paths = {"worker": options.worker_document, "legacy": options.legacy_document}
    for system, path in paths.items():
        if path is not None and not path.startswith("/"):
            raise ConfigurationError(
                f"--{system}-document", "", f"expected a path that begins with /, got {path!r}", "Give the path only."
            )
    return InitRun(project, environment, output, documents, paths, reports=options.reports).execute()


def _environment(project: Path, name: str, url: str, legacy: str | None) -> Environment:
    """Return an environment of these addresses that is only read. Raises ConfigurationError for a wrong URL."""
    urls = {"worker": url} | ({"legacy": legacy} if legacy is not None else {})
    try:
        allowed = AllowList(urls)
    except ValueError as error:
        raise ConfigurationError("URL", "", str(error), "Give an https URL, or http on loopback.") from None
    systems = {system: System(system, text.rstrip("/"), None) for system, text in urls.items()}
    if len({each.url.lower() for each in systems.values()}) < len(systems):
        raise ConfigurationError("--legacy", "", "both systems have the same URL", "Correct one of them.")
    return Environment(
        name=name,
        description="cutover init",
        safety=SafetyLevel.READ_ONLY,
        systems=systems,
        absent={} if legacy is not None else {"legacy": "cutover init was given no --legacy"},
        budget=_BUDGET,
        readiness=Readiness(1, 0.0),
        kv_propagation_s=60.0,
        timeout_s=10.0,
        operations=load_operations(project / "contracts" / "operations.toml", {}, {}, name),
        allowed=allowed,
    )


class InitRun(SystemsCommand):
    """Discovers the systems and writes the draft. GO if it was written."""

    level = SafetyLevel.READ_ONLY

    def __init__(
        self,
        project: Path,
        environment: Environment,
        output: Path,
        documents: Mapping[str, Path],
        document_paths: Mapping[str, str | None],
        *,
        reports: Path | None,
    ) -> None:
        """documents: system -> file for its adapted document. document_paths: system -> path of the served document."""
        super().__init__(project, "init", environment, reports=reports)
        self._output, self._documents, self._document_paths = output, documents, document_paths

    def work(self) -> Outcome:
        """Discover each system and write the files. Raises Unreachable."""
        environment = self.target_environment
        found: dict[str, Discovered] = {}
        for system, named in environment.systems.items():
            probe = Probe(self.client, system, named.url)
            plan = environment.operations[system]
            found[system] = discover(probe, plan, self._document_paths[system], self.progress)
        missing = [system for system, each in found.items() if self._document_paths[system] and each.document is None]
        if missing:
            paths = ", ".join(f"{system} at {self._document_paths[system]}" for system in missing)
            return Outcome(Status.FAILED, f"no OpenAPI 3 document in JSON: {paths}. Correct the path, or leave it out")
        files = {}
        for system, each in found.items():
            if each.document is not None:
                file = self._documents[system]
                file.write_text(adapted_document(each), encoding="utf-8")
                files[system] = file.relative_to(self.project).as_posix()
        text = environment_table(environment.name, found, environment.operations, files)
        self._output.write_text(text, encoding="utf-8")
        return Outcome(Status.PASSED, details=self._details(found))

    def _details(self, found: Mapping[str, Discovered]) -> list[str]:
        lines = []
        for system, each in found.items():
            if each.document is not None:
                lines.append(
                    f"{system}: {len(each.matches)} of our operations found in the document at {each.document_path}"
                )
            else:
                present = [name for name, state in each.routes.items() if state == "present"]
                lines.append(f"{system}: no OpenAPI document; routes that answer: {', '.join(present) or 'none'}")
        output = self._output.relative_to(self.project) if self._output.is_relative_to(self.project) else self._output
        return [
            *lines,
            f"written: {output}",
            *(f"written: {self._documents[system].relative_to(self.project)}" for system, each in found.items()
              if each.document is not None),
            f"next: read {output}, then: cat {output} >> environments.toml",
            f"then: cutover doctor --env {self.target_environment.name}",
        ]  # fmt: skip
