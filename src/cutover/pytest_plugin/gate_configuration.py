"""Validates the options and files of a gate run before anything is started or sent."""

from __future__ import annotations

import dataclasses
import datetime
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from cutover.config.environments import Environment, Readiness, environment_files, load_environment
from cutover.config.manifest import load_manifest
from cutover.config.preflight_wrangler import WranglerSettings, wrangler_file
from cutover.config.validation import ConfigurationError
from cutover.config.waivers import load_waivers
from cutover.core.requirements import RequiredCheck, Waiver

if TYPE_CHECKING:
    from cutover.embedded.state import PairState

_PRINTS_AND_ENDS: Final = {
    "showfixtures": "--fixtures",
    "show_fixtures_per_test": "--fixtures-per-test",
    "cacheshow": "--cache-show",
}


def validate_options(config: pytest.Config) -> None:
    """Refuse pytest options with which a gate run is wrong or proves nothing. Raises ConfigurationError."""
    for option, name in _PRINTS_AND_ENDS.items():
        if getattr(config.option, option, None):
            raise ConfigurationError(name, "", "runs no check and ends with 0", "Leave it out of a gate run.")
    if config.option.fulltrace:
        raise ConfigurationError(
            "--full-trace", "", "prints the contents of requests, including passwords", "Use --tb=long."
        )
    if config.option.noconftest:
        raise ConfigurationError("--noconftest", "", "a gate run needs conftest.py", "Leave the option out.")
    if not (config.rootpath / "conftest.py").is_file() and config.inipath is not None:
        raise ConfigurationError(
            config.rootpath / "conftest.py", "", "missing: it contains the fixtures of every gate", "Restore the file."
        )
    for name, folder in (
        ("--alluredir", getattr(config.option, "allure_report_dir", None)),
        ("--junitxml", config.option.xmlpath and Path(config.option.xmlpath).absolute().parent),
    ):
        if folder:  # the plugins would end with an internal error after the last check
            try:
                Path(folder).mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise ConfigurationError(
                    name, "", f"{folder} cannot be created: {error.strerror}", "Name a folder that you may write to."
                ) from None
    if config.inipath is None or "--reports" in config.invocation_params.args:
        # pytest takes a folder after an option that it does not know yet for a folder of tests.
        raise ConfigurationError(
            "command line",
            "",
            f"pytest looked for its configuration from {config.rootpath}",
            "Run it in the project's folder, and write options that name folders with =: --reports=DIR, "
            "--alluredir=DIR.",
        )


def validate_contracts(config: pytest.Config, gates: tuple[str, ...], environment: str | None) -> None:
    """Read the contract files of these gates. Raises ConfigurationError."""
    project = config.rootpath
    files = environment_files(project, environment) if environment is not None else {}
    if "parity" in gates and environment is not None:
        from cutover.pytest_plugin.parity_conclusion import check_parity_contracts

        check_parity_contracts(project, environment)
    if "contract" in gates:
        from cutover.contract import options

        options.validate(project, config.option.cutover_contract_minutes, files.get("known_violations"))
    if "migration" in gates:
        from cutover.migration.mapping_file import load_mapping

        load_mapping(project, files.get("migration"))
        before = config.option.cutover_d1_before
        if before is not None and not (before.is_file() and os.access(before, os.R_OK)):
            raise ConfigurationError(
                "--d1-before", "", f"expected a readable file, got {str(before)!r}",
                "Give an export or an SQLite file of D1.",
            )  # fmt: skip


def required_checks(project: Path) -> tuple[RequiredCheck, ...]:
    """Return the checks of manifest.toml. Raises ConfigurationError."""
    return load_manifest(project)


def valid_waivers(project: Path, environment: str, manifest: tuple[RequiredCheck, ...]) -> tuple[Waiver, ...]:
    """Return the waivers that are valid today in this environment. Raises ConfigurationError."""
    today = datetime.datetime.now(datetime.UTC).date()
    return load_waivers(project, environment, manifest, today)


def load_for_run(
    config: pytest.Config, gates: tuple[str, ...], name: str, pair: PairState | None = None
) -> Environment:
    """Load the environment with the readiness options of this run. Raises ConfigurationError."""
    environment = _with_readiness(config, load_environment(config.rootpath, name, pair=pair))
    environment = _with_wrangler(config, environment)
    if "preflight" in gates and environment.preflight.wrangler is not None:
        from cutover.preflight.wrangler_secrets import validate_files

        validate_files(environment.preflight.wrangler)
    if "contract" in gates:
        from cutover.contract import options

        options.validate_own_documents(environment)
    return environment


def _with_wrangler(config: pytest.Config, environment: Environment) -> Environment:
    if config.option.cutover_wrangler is None:
        return environment
    path = wrangler_file("--wrangler", "", Path(config.option.cutover_wrangler))
    named = environment.preflight.wrangler
    settings = WranglerSettings(path) if named is None else dataclasses.replace(named, file=path)
    return dataclasses.replace(
        environment,
        absent={name: why for name, why in environment.absent.items() if name != "wrangler"},
        preflight=dataclasses.replace(environment.preflight, wrangler=settings),
    )


def _with_readiness(config: pytest.Config, environment: Environment) -> Environment:
    option, ready = config.option, environment.readiness
    tries = ready.tries if option.cutover_ready_tries is None else option.cutover_ready_tries
    interval = ready.interval_s if option.cutover_ready_interval is None else option.cutover_ready_interval
    if tries < 1:
        raise ConfigurationError("--ready-tries", "", f"expected at least 1, got {tries}", "Give at least one try.")
    if not 0 <= interval <= 3600:
        raise ConfigurationError(
            "--ready-interval", "", f"expected 0 to 3600 seconds, got {interval:g}", "Give another interval."
        )
    return dataclasses.replace(environment, readiness=Readiness(tries, interval))
