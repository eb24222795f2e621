"""Wires the fixtures of the gates. Logic lives in src/cutover; the verdict in its installed plugin."""

import pytest

pytest_plugins = ["cutover.pytest_plugin.fixtures"]


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to run without the plugin that gives the verdict (-p no:cutover, or not installed)."""
    if not config.pluginmanager.has_plugin("cutover"):
        raise pytest.UsageError(
            "the cutover plugin is not loaded, so there would be no verdict. Leave out -p no:cutover and "
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD, and install the project with `make setup`."
        )
