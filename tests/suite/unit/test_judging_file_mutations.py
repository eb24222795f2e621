"""Every mutation of a judging file is read or refused with one message (environments: test_configuration_values.py)."""

import copy
import datetime
import math
import os
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cutover.config import local_runtime
from cutover.config.operations import load_operations
from cutover.config.validation import ConfigurationError, read_toml, root
from cutover.contract import known_violations
from cutover.load import profiles, thresholds
from cutover.migration import mapping_file
from cutover.parity import accepted_differences_file, rules

pytestmark = pytest.mark.unit

Place = tuple[Any, ...]
TODAY = datetime.date(2026, 1, 1)
OPERATIONS = load_operations(root() / "contracts" / "operations.toml", {}, {}, "test")
LOADERS: dict[str, tuple[Any, Callable[[], object]]] = {
    "gates.toml": (thresholds, lambda: thresholds.load_thresholds(root())),
    "load.toml": (profiles, lambda: [profiles.load_profile(root(), name, short=False) for name in ("smoke", "soak")]),
    "contracts/parity.toml": (rules, lambda: rules.load_rules(root(), OPERATIONS)),
    "contracts/accepted_differences.toml": (
        accepted_differences_file,
        lambda: accepted_differences_file.load_accepted_differences(root(), OPERATIONS["worker"], TODAY),
    ),
    "contracts/known_violations.toml": (known_violations, lambda: known_violations.load_known_violations(root())),
    "contracts/migration.toml": (mapping_file, lambda: mapping_file.load_mapping(root())),
    "contracts/local_runtime.toml": (local_runtime, lambda: local_runtime.runtime_answers(root())),
}
TABLES = {name: tomllib.loads((root() / name).read_text()) for name in LOADERS}
VALUES: tuple[Any, ...] = (
    0, -1, True, "", "x", 1.5, math.nan, math.inf, [], [1], {}, {"a": 1}, [[]], 10**30, "\x00é", "?#(", TODAY,
)  # fmt: skip
PLACES_PER_FILE = 60
"""Places of each file that are tried. They are taken at equal distances, so every table has some."""


def places(table: Any, here: Place = ()) -> Iterator[Place]:
    """Yield the place of each value."""
    for key in table if isinstance(table, dict) else range(len(table)):
        yield (*here, key)
        if isinstance(table[key], (dict, list)):
            yield from places(table[key], (*here, key))


def chosen(name: str) -> list[Place]:
    """Return the places of a file that are tried."""
    found = list(places(TABLES[name]))
    return found[:: max(1, len(found) // PLACES_PER_FILE)]


def read_with(name: str, tables: Any, monkeypatch: pytest.MonkeyPatch) -> ConfigurationError | None:
    """Read a file with other content and return its refusal. Any other exception fails the test."""
    module, load = LOADERS[name]
    with monkeypatch.context() as patched:
        patched.setattr(module, "read_toml", lambda path: tables if str(path).endswith(name) else read_toml(path))
        refusal: ConfigurationError | None = None
        try:
            load()
        except ConfigurationError as error:
            refusal = error
    assert refusal is None or (refusal.problem and refusal.fix)
    return refusal


@pytest.mark.parametrize("name", LOADERS)
def test_unchanged_file_is_read(name: str) -> None:
    """The control of the tests below."""
    LOADERS[name][1]()


@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.parametrize("change", ["remove", "rename", *range(len(VALUES))], ids=str)
def test_mutated_file_is_read_or_refused(name: str, change: str | int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A removed, renamed or replaced value at any place ends with one message at most."""
    for place in chosen(name):
        tables = copy.deepcopy(TABLES[name])
        inner = tables
        for key in place[:-1]:
            inner = inner[key]
        if isinstance(change, int):
            inner[place[-1]] = copy.deepcopy(VALUES[change])
        else:
            value = inner.pop(place[-1])
            if change == "rename" and isinstance(inner, dict):
                inner[f"{place[-1]}_"] = value
        try:
            read_with(name, tables, monkeypatch)
        except Exception as error:  # the place is what the reader of the failure needs
            raise AssertionError(f"{name} at {place}, {change}: {type(error).__name__}: {error}") from error


@pytest.mark.parametrize("empty", ["", " ", "\\t\\n"])
@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('[[waiver]]\nreason = "{}"', "waiver 1.reason"),
        ('[[waiver]]\nowner = "{}"', "waiver 1.owner"),
        ('[ownership]\nwhy = "{}"', "ownership.why"),
        ('[x]\nabsent = {{ names = "{}" }}', "x.absent.names"),
        ('[x]\nlegacy = {{ absent = "{}" }}', "x.legacy.absent"),
        ('[x]\nread_only_form = {{ smoke = "{}" }}', "x.read_only_form.smoke"),
    ],
)
def test_empty_reason_is_refused(tmp_path: Path, text: str, key: str, empty: str) -> None:
    """Each reason and owner in any TOML file is a text."""
    file = tmp_path / "file.toml"
    file.write_text(text.format(empty))
    with pytest.raises(ConfigurationError, match="expected a reason") as refused:
        read_toml(file)
    assert refused.value.key == key
    file.write_text(text.format("because"))
    read_toml(file)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"a = " + b"9" * 6000, id="long-integer"),
        pytest.param(b"a = " + b"[" * 5000 + b"]" * 5000, id="nested"),
        pytest.param(b"\xff\xfe\x00", id="no-utf-8"),
        pytest.param(b"a = 1\na = 2\n", id="duplicate-key"),
        pytest.param(None, id="fifo"),
    ],
)
def test_unreadable_file_is_one_message(tmp_path: Path, content: bytes | None) -> None:
    """What the TOML reader cannot take is named, and a FIFO does not block."""
    file = tmp_path / "gates.toml"
    if content is None:
        os.mkfifo(file)
    else:
        file.write_bytes(content)
    with pytest.raises(ConfigurationError) as refused:
        read_toml(file)
    assert refused.value.problem
    assert refused.value.fix
