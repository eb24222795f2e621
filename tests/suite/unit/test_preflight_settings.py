"""Table `preflight` of an environment: its sections, unknown keys, wrong files, and sections that are missing."""

from pathlib import Path

import pytest

from cutover.config.environments import load_environment
from cutover.config.validation import ConfigurationError, root

pytestmark = pytest.mark.unit

TABLE = """
[mine]
safety = "read-only"
worker = { url = "https://mine.invalid" }
legacy = { absent = "none" }
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with the contracts of this one and no environments."""
    (tmp_path / "contracts").symlink_to(root() / "contracts")
    return tmp_path


def write(project: Path, text: str) -> None:
    """Write environments.toml with one environment and this text after it."""
    (project / "environments.toml").write_text(TABLE + text)


def message(project: Path, text: str) -> str:
    """Return the message with which the environment is refused."""
    write(project, text)
    with pytest.raises(ConfigurationError) as raised:
        load_environment(project, "mine", variables={})
    return str(raised.value)


def test_environment_without_the_table_has_no_section(project: Path) -> None:
    """Every section of an environment without the table is None."""
    write(project, "")
    assert set(vars(load_environment(project, "mine", variables={}).preflight).values()) == {None}


def test_wrangler_file_is_relative_to_the_project(project: Path) -> None:
    """A path is relative to the folder of environments.toml."""
    (project / "wrangler.toml").write_text("")
    write(project, '[mine.preflight.wrangler]\nfile = "wrangler.toml"')
    settings = load_environment(project, "mine", variables={}).preflight.wrangler
    assert settings is not None
    assert settings.file == project / "wrangler.toml"


@pytest.mark.parametrize("section", ["wrangler", "dns", "tls", "storage", "prerequisites", "suite"])
def test_unknown_key_of_a_section_is_refused(project: Path, section: str) -> None:
    """A misspelled key of any section is refused with its full name."""
    assert f"[mine.preflight.{section}.misspelt]: unknown key" in message(
        project, f"[mine.preflight.{section}]\nmisspelt = 1"
    )


def test_unknown_section_is_refused(project: Path) -> None:
    """A section that does not exist is refused, and the message lists the sections."""
    assert "unknown key. Remove it or use one of: dns" in message(project, "[mine.preflight.dsn]")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("missing.toml", "expected a Wrangler configuration, got no file"),
        ("wrangler.yaml", "expected wrangler.toml, wrangler.json or wrangler.jsonc, got 'wrangler.yaml'"),
        ("\\u0000.toml", "expected a Wrangler configuration, got no file"),
        ("a" * 300 + ".toml", "expected a Wrangler configuration, got no file"),
    ],
)
def test_wrong_wrangler_file_is_refused(project: Path, name: str, expected: str) -> None:
    """A file that does not exist or is of another kind is refused with one message."""
    found = message(project, f'[mine.preflight.wrangler]\nfile = "{name}"')
    assert "[mine.preflight.wrangler.file]" in found
    assert expected in found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('without = { production = "later" }', "without.production]: expected an environment other than production"),
        ('production = "live"\nwithout = { live = "later" }', "without.live]: expected an environment other than"),
        ('staging = "production"', "staging]: expected another environment than production and the colours"),
        ('staging = "blue"', "staging]: expected another environment than production and the colours"),
        ("hosts = []", "hosts]: expected at least one host name, got none"),
        ("colours = []", "colours]: expected at least one colour, got none"),
        ('shared = [{ environments = ["production", "blue"], reason = " " }]', "shared 1.reason]: expected a reason"),
        (
            'shared = [{ environments = ["production", "staging"], reason = "cheaper" }]',
            "shared 1.environments]: expected production and colours, got 'staging'",
        ),
    ],
)
def test_setting_that_leaves_out_production_is_refused(project: Path, text: str, words: str) -> None:
    """No setting leaves production, its hosts or its colours without a judgement, or staging on its data."""
    (project / "wrangler.toml").write_text("")
    assert words in message(project, f'[mine.preflight.wrangler]\nfile = "wrangler.toml"\n{text}')
