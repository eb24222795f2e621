"""The Wrangler configuration of the deployment."""

import pytest

from cutover.config.preflight_wrangler import WranglerSettings
from cutover.core.recorder import Recorder
from cutover.preflight.findings import conclude
from cutover.preflight.wrangler_file import syntax_findings

pytestmark = [pytest.mark.preflight, pytest.mark.needs("wrangler"), pytest.mark.plan("Environment Configuration")]


def test_wrangler_configuration_is_valid(wrangler: WranglerSettings, recorder: Recorder) -> None:
    """The Wrangler configuration is valid TOML 1.0 or JSON with comments."""
    conclude(syntax_findings(wrangler.file), recorder)
