"""Journeys that an environment declares as data: their steps, and one message for each mistake."""

from pathlib import Path

import pytest

from cutover.config.environments import load_environment
from cutover.config.validation import ConfigurationError, root
from cutover.parity.journeys.declared import load_journeys
from cutover.parity.steps import Journey, Own, Ref, Step, Upload

pytestmark = pytest.mark.unit

OPERATIONS = load_environment(root(), "local", variables={}).operations
SHARED = """
[[journey]]
name = "share a list"
story = "Bob cannot read Ann's list."
actors = ["ann", "bob"]
[[journey.step]]
operation = "upload"
actor = "ann"
file = { name = "a.csv", content = "a,b\\n1,2\\n" }
saves = "list"
[[journey.step]]
operation = "tags"
actor = "ann"
path = { file_id = { saved = "list", field = "file_id" } }
fields = { tags = ["one", "two"] }
[[journey.step]]
operation = "download"
actor = "bob"
owner = "ann"
path = { file_id = { saved = "list", field = "file_id" } }
headers = { accept-encoding = "identity" }
[[journey.step]]
operation = "logout"
actor = "ann"
fields = { refresh_token = { own = "refresh_token" } }
bearer = "old access"
[[journey.step]]
operation = "user"
bearer = "none"
"""


def load(tmp_path: Path, text: str) -> tuple[Journey, ...]:
    (tmp_path / "journeys.toml").write_text(text)
    return load_journeys(tmp_path / "journeys.toml", OPERATIONS)


def test_declared_journey_is_that_of_the_same_steps(tmp_path: Path) -> None:
    """References, own values, files, headers and tokens become those of a written journey."""
    file = {"file_id": Ref("list", "file_id")}
    (journey,) = load(tmp_path, SHARED)
    assert journey == Journey(
        "share a list",
        "Bob cannot read Ann's list.",
        ("ann", "bob"),
        (
            Step("upload", "ann", "list", file=Upload("a.csv", b"a,b\n1,2\n")),
            Step("tags", "ann", path=file, fields={"tags": ["one", "two"]}),
            Step("download", "bob", path=file, owner="ann", headers={"accept-encoding": "identity"}),
            Step("logout", "ann", fields={"refresh_token": Own("refresh_token")}, bearer="old access"),
            Step("user", bearer=None),
        ),
    )


def test_no_file_is_no_journey() -> None:
    """Without `files.journeys` there are no declared journeys."""
    assert load_journeys(None, OPERATIONS) == ()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (SHARED, "", ["journey", "at least one"]),
        (SHARED, SHARED + SHARED, ["journey 2.name", "used twice"]),
        ("[[journey]]", "[[jouney]]", ["jouney", "unknown key"]),
        ('actors = ["ann", "bob"]', 'actors = ["ann"]', ["journey 1.step 3.actor", "ann", "'bob'"]),
        ('actors = ["ann", "bob"]', 'actors = ["Ann Lee"]', ["journey 1.actors", "small letters"]),
        ('actors = ["ann", "bob"]', "", ["journey 1.actors", "missing"]),
        ('operation = "tags"', 'operation = "tag"', ["step 2.operation", "'tag'"]),
        ('operation = "tags"', "", ["step 2.operation", "missing"]),
        ('saved = "list"', 'saved = "lists"', ["step 2.path.file_id.saved", "earlier step", "'lists'"]),
        ('field = "file_id"', 'field = "a/b"', ["step 2.path.file_id.field", "LIST/INDEX/FIELD"]),
        ('own = "refresh_token"', 'own = "token"', ["step 4.fields.refresh_token.own", "refresh_token"]),
        ("fields = { tags", "fields = { tag", ["step 2.fields.tag", "a field of tags"]),
        ('tags = ["one", "two"]', "tags = 2026-01-01", ["step 2.fields.tags", "a JSON value"]),
        ('bearer = "none"', 'bearer = "x"', ["step 5.bearer", "old access"]),
        ('bearer = "none"', 'methd = "GET"', ["step 5.methd", "unknown key"]),
        ('owner = "ann"\npath', 'owner = "ann"\nheaders_ = {}\npath', ["step 3.headers_", "unknown key"]),
        ('operation = "user"', 'operation = "download"', ["step 5.path.file_id", "needs it"]),
        ('operation = "user"', 'operation = "user"\nfile = { name = "a", content = "" }', ["step 5.file", "no file"]),
    ],
)
def test_mistake_in_a_journey_names_key_and_fix(tmp_path: Path, old: str, new: str, words: list[str]) -> None:
    """Each mistake is one message with file, key and fix."""
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, SHARED.replace(old, new, 1))
    for word in ("journeys.toml", *words):
        assert word in str(caught.value)
