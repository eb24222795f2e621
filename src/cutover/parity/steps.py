"""A journey: what a user does, step by step, in words that both systems understand.

A step names an operation, who does it, and values that may refer to what earlier steps were answered.
It is plain data, so that a journey can be played, shortened, written down and played again. Not for
sending: player.py.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

ANONYMOUS: Final = ""


@dataclass(frozen=True)
class Ref:
    """A value that an earlier step was answered: `Ref("list", "file_id")` is what the step that was saved as
    "list" got in its field file_id. Every system has its own."""

    saved: str
    field: str


@dataclass(frozen=True)
class Own:
    """Something of an account: username, email, password, refresh_token, access_token. Each system has its own.

    actor: whose, that of the step's own actor when left out. before, after: texts around it. change: "upper" or
    "capital" writes it with other capitals.
    """

    field: str
    actor: str = ""
    before: str = ""
    after: str = ""
    change: str = ""


@dataclass(frozen=True)
class Upload:
    """A file to send: name, bytes, media type."""

    name: str
    content: bytes = field(repr=False)
    media_type: str = "text/csv"


@dataclass(frozen=True)
class Step:
    """One request of a journey, the same for both systems.

    operation: a name of contracts/operations.toml. actor: name of the journey's account that does it,
    ANONYMOUS for nobody. saves: name by which later steps refer to the answer. path, fields: by our
    field names, values may be Refs. file: as the multipart part; content: (bytes, media type) as the
    whole body. method: another one than the operation's. bearer: which of the actor's tokens is sent
    ("access", "refresh", "old access": the one before the last refresh or login), or a Ref, or a text that is
    sent as it is. owner: the actor to whom the resource belongs, the actor itself when left out; it decides
    the role of the coverage. case: word for a special condition, part of the key of what differs.
    eventually: may take until kv_propagation_s, until processing is over or a busy part is healthy again, before
    both agree.
    """

    operation: str
    actor: str = ANONYMOUS
    saves: str = ""
    path: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, Any] | None = None
    file: Upload | None = None
    content: tuple[bytes, str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = ""
    bearer: Any = "access"
    owner: str = ""
    case: str = ""
    eventually: bool = False

    def needs(self) -> set[str]:
        """Names of the earlier steps that this one refers to."""
        found: set[str] = set()

        def look(value: Any) -> None:
            if isinstance(value, Ref):
                found.add(value.saved)
            elif isinstance(value, Mapping):
                for inner in value.values():
                    look(inner)
            elif isinstance(value, (list, tuple)):
                for inner in value:
                    look(inner)

        for value in (self.path, self.fields, self.bearer):
            look(value)
        return found

    def __str__(self) -> str:
        who = self.actor or "anonymous"
        extra = f" {self.file.name!r}" if self.file else ""
        case = f" ({self.case})" if self.case else ""
        return f"{who}: {self.method + ' ' if self.method else ''}{self.operation}{extra}{case}"


@dataclass(frozen=True)
class Journey:
    """Steps in order. story: one sentence that a reviewer reads. actors: the accounts that it needs, all of
    them registered anew for it; those in admins are made administrators. spares: accounts that only
    get a name, which ends with that text; steps register them."""

    name: str
    story: str
    actors: tuple[str, ...]
    steps: tuple[Step, ...]
    admins: tuple[str, ...] = ()
    spares: Mapping[str, str] = field(default_factory=dict)

    def only(self, steps: tuple[Step, ...]) -> Journey:
        """The same journey with these steps."""
        return dataclasses.replace(self, steps=steps)
