"""Wrangler configurations that are broken and look complete, and valid ones that look broken."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from cutover.config.preflight_wrangler import WranglerSettings
from cutover.config.validation import root
from cutover.core.errors import NotVerified
from cutover.preflight.wrangler_file import WranglerFile, read_wrangler_file
from cutover.preflight.wrangler_secrets import secret_list_findings
from cutover.preflight.wrangler_values import placeholder_findings, secret_findings

pytestmark = pytest.mark.unit

HONEST = (root() / "reference" / "worker" / "wrangler.toml").read_text()


def read(folder: Path, text: str) -> tuple[WranglerFile, WranglerSettings]:
    """Write the configuration, and return it with the settings of the gate."""
    (folder / "wrangler.toml").write_text(text)
    return read_wrangler_file(folder / "wrangler.toml"), WranglerSettings(folder / "wrangler.toml")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JWT_SECRET", "correcthorsebatterystaple"),
        ("JWT_SECRET", "hunter"),
        ("JWT_SECRET", "PRODUCTION_JWT_SECRET"),
        ("ADMIN_PASSWORD", "12345678"),
        ("API_TOKEN", "abcdefghijklmnopqrstuvwxyz"),
        ("INVITE_SECRET", "s3cr3t-of-invitations"),
        ("API_KEY", "<the key of production>"),
        ("API_KEY", "TODO"),
    ],
)
def test_secret_of_any_form_is_one_finding(name: str, value: str, tmp_path: Path) -> None:
    """A word, digits or a placeholder as the value of a secret is one finding, of one of the two checks."""
    text = HONEST.replace("[env.production.vars]", f"[env.production.vars]\n{name} = {json.dumps(value)}")
    file, wanted = read(tmp_path, text)
    found = [*secret_findings(file, wanted), *placeholder_findings(file, wanted)]
    assert [each.name.endswith(name) for each in found] == [True]


@pytest.mark.parametrize(
    ("name", "value"),
    [("CREDENTIALS", "include"), ("REQUIRE_PASSWORD", "true"), ("SALT", "10")],
)
def test_setting_with_the_name_of_a_secret_is_none(name: str, value: str, tmp_path: Path) -> None:
    """A word, a flag or a figure of a setting is no secret."""
    text = HONEST.replace("[env.production.vars]", f"[env.production.vars]\n{name} = {json.dumps(value)}")
    file, wanted = read(tmp_path, text)
    assert [*secret_findings(file, wanted), *placeholder_findings(file, wanted)] == []


def test_secrets_of_staging_alone_are_not_verified(tmp_path: Path) -> None:
    """Names of staging's secrets alone do not pass for those of production."""
    file, wanted = read(tmp_path, HONEST)
    (tmp_path / "list.json").write_text('[{"name": "JWT_SECRET"}]')
    wanted = replace(wanted, secrets={"staging": ("JWT_SECRET",)}, secret_lists={"staging": tmp_path / "list.json"})
    with pytest.raises(NotVerified, match=r"add preflight\.wrangler\.secrets\.production"):
        secret_list_findings(file, wanted)
    assert secret_list_findings(file, replace(wanted, secrets={**wanted.secrets, "production": ()})) == []
