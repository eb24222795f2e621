"""Fixtures of the preflight gate. A section that the environment does not have makes its checks not verified."""

from collections.abc import Callable

import pytest

from cutover.config.environments import Environment
from cutover.config.preflight_prerequisites import PrerequisiteSettings
from cutover.config.preflight_storage import StorageSettings
from cutover.config.preflight_wrangler import WranglerSettings
from cutover.core.errors import NotVerified
from cutover.core.safety import KillSwitch
from cutover.preflight.dns_access import NameSurveys
from cutover.preflight.findings import add_section
from cutover.preflight.wrangler_file import WranglerFile, read_wrangler_file
from cutover.pytest_plugin import gate_session
from cutover.stores.cloudflare_api import CloudflareApi


@pytest.fixture
def wrangler(environment: Environment) -> WranglerSettings:
    """Return the settings of the checks of the Wrangler configuration. Raises NotVerified without any."""
    if environment.preflight.wrangler is None:
        raise NotVerified(add_section(environment.name, "wrangler", 'file = "path/to/wrangler.toml" (or --wrangler)'))
    return environment.preflight.wrangler


@pytest.fixture(scope="session")
def name_surveys(environment: Environment, pytestconfig: pytest.Config) -> NameSurveys:
    """Return the responses about the names in use. The first check that needs them sends the questions."""
    return NameSurveys(environment, KillSwitch(pytestconfig.rootpath))


@pytest.fixture
def wrangler_file(wrangler: WranglerSettings) -> WranglerFile:
    """Return the Wrangler configuration."""
    return read_wrangler_file(wrangler.file)


@pytest.fixture
def secret_names(
    wrangler: WranglerSettings, environment: Environment, pytestconfig: pytest.Config
) -> Callable[[str], set[str]] | None:
    """Return the function that asks Cloudflare's API for the secrets of a Worker, None without an account."""
    if wrangler.account is None or wrangler.api is None:
        return None
    token = environment.secrets["cloudflare_api_token"]
    return CloudflareApi(wrangler.api, wrangler.account, token, gate_session(pytestconfig).client).secret_names


@pytest.fixture
def prerequisites(environment: Environment) -> PrerequisiteSettings:
    """Return the settings of the checks of the plan's prerequisites. Raises NotVerified without any."""
    if environment.preflight.prerequisites is None:
        raise NotVerified(
            add_section(environment.name, "prerequisites", 'dry_run = { command = ["TOOL", "--dry-run"] }')
        )
    return environment.preflight.prerequisites


@pytest.fixture
def migrations(environment: Environment) -> StorageSettings:
    """Return the settings of the checks of D1's migrations. Raises NotVerified without their folder."""
    settings = environment.preflight.storage
    if settings is None or settings.migrations is None:
        raise NotVerified(
            f"environments.toml [{environment.name}.preflight.storage] names no migrations: add migrations = "
            '"path/to/migrations", the folder that wrangler applies to D1'
        )
    return settings
