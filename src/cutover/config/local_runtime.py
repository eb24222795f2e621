"""Read contracts/local_runtime.toml: limits that local workerd does not enforce, and answers that it makes itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cutover.config.validation import ConfigurationError, Flag, Integer, Items, Table, Text, read_toml

FILE: Final = "contracts/local_runtime.toml"

_FILE: Final = Table(
    {
        "limit": Items(Table({"what": Text("a limit")}, required=("what",)), "[[limit]]"),
        "answer": Items(
            Table(
                {
                    "what": Text("a reason"),
                    "status": Integer(400, 599),
                    "text": Text("a part of the body"),
                    "methods": Items(Text("a method"), "an array of methods"),
                    "with_body": Flag(),
                },
                required=("what", "status", "text"),
                defaults={"methods": (), "with_body": False},
            ),
            "[[answer]]",
        ),
    },
    defaults={"limit": (), "answer": ()},
)
_SHORTEST: Final = 20
_READ: Final = 4096
"""Bytes of a body that are searched for the text of an answer."""


@dataclass(frozen=True)
class RuntimeAnswer:
    """An answer that the local runtime makes instead of the Worker.

    what: reason, for messages. text: a part of the body. methods: methods of the request, any if empty. with_body: only
    if the request has a body.
    """

    what: str
    status: int
    text: str
    methods: tuple[str, ...] = ()
    with_body: bool = False

    def matches(self, status: int, body: bytes, method: str, *, has_body: bool) -> bool:
        """Return True if a response to such a request is this answer."""
        return (
            status == self.status
            and (not self.methods or method in self.methods)
            and (has_body or not self.with_body)
            and self.text.encode() in body[:_READ]
        )


def unenforced_limits(project: Path) -> list[str]:
    """Return the limits that the local runtime does not enforce. Raises ConfigurationError."""
    return [str(row["what"]) for row in _read(project)["limit"]]


def runtime_answers(project: Path) -> tuple[RuntimeAnswer, ...]:
    """Return the answers that the local runtime makes itself. Raises ConfigurationError."""
    answers = tuple(RuntimeAnswer(**row) for row in _read(project)["answer"])
    for number, answer in enumerate(answers, 1):
        if len(answer.text.strip()) < _SHORTEST:  # a short text would also be in answers of the Worker
            problem = f"expected at least {_SHORTEST} characters, got {answer.text!r}"
            raise ConfigurationError(project / FILE, f"answer {number}.text", problem, "Give the runtime's sentence.")
    return answers


def _read(project: Path) -> dict[str, tuple[dict[str, Any], ...]]:
    file = project / FILE
    found: dict[str, tuple[dict[str, Any], ...]] = _FILE.read(file, "", read_toml(file))
    return found
