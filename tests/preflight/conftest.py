"""Fixtures of the preflight gate. A section that the environment does not have makes its checks not verified."""

import pytest

from cutover.config.environments import Environment
from cutover.config.preflight_wrangler import WranglerSettings
from cutover.core.errors import NotVerified
from cutover.preflight.findings import add_section


@pytest.fixture
def wrangler(environment: Environment) -> WranglerSettings:
    """Return the settings of the checks of the Wrangler configuration. Raises NotVerified without any."""
    if environment.preflight.wrangler is None:
        raise NotVerified(add_section(environment.name, "wrangler", 'file = "path/to/wrangler.toml" (or --wrangler)'))
    return environment.preflight.wrangler
