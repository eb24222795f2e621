"""Tests of reading contracts/migration.toml."""

import copy
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cutover.config.validation import ConfigurationError, root
from cutover.migration import mapping_file
from cutover.migration.mapping_file import FILE, load_mapping

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('as = "uuid"', 'as = "guid"', "expected one of integer"),
        ('target = "users"', 'target = "us;ers"', "expected a name"),
        ("constant = 0", "constnat = 0", "unknown key"),
        ('unique = ["username", "email"]', 'unique = ["nickname"]', "expected a mapped column"),
        ('key = { source = "id", target = "id" }', 'key = { source = "username", target = "username" }', "integer"),
        ('{user_id}/{file_id}.csv", why', '{nobody}/{file_id}.csv", why', "nobody"),
        ('user_id = "users.id"', 'user_id = "people.id"', "expected a mapped column"),
        ('as = "json", null = true', 'as = "json"', "null = true"),
        ("always_null = true, null", "back_null = {}, always_null = true, null", "only allowed with `from`"),
        ("max_iterations = 100000", "max_iterations = 0", "expected 1 to"),
    ],
)
def test_invalid_mapping_names_its_key(old: str, new: str, said: str, tmp_path: Path) -> None:
    """Names that queries contain are validated."""
    text = (root() / FILE).read_text()
    assert old in text
    (tmp_path / "contracts").mkdir()
    (tmp_path / FILE).write_text(text.replace(old, new, 1))
    with pytest.raises(ConfigurationError, match=said):
        load_mapping(tmp_path)


_OTHERS: list[Any] = [5, True, "x", "", [], {}, [[1]], [{}], ["x"], {"a": 1}, 1.5]


def _places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value in a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    for key, each in inner:
        yield (*way, key)
        yield from _places(each, (*way, key))


def test_any_other_value_is_a_configuration_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each value of the file, replaced or removed, gives a mapping or a ConfigurationError, nothing else."""
    document = tomllib.loads((root() / FILE).read_text())
    refused = 0
    for way in list(_places(document)):
        for other in (*_OTHERS, None):
            changed = copy.deepcopy(document)
            place = changed
            for key in way[:-1]:
                place = place[key]
            if other is None:
                del place[way[-1]]
            else:
                place[way[-1]] = other
            monkeypatch.setattr(mapping_file, "read_toml", lambda _, changed=changed: changed)
            try:
                load_mapping(root())
            except ConfigurationError:
                refused += 1
    assert refused > 1000
