"""A journey as plain data: the steps of users, in terms that both systems understand.

A step names an operation, an actor, and values that may refer to earlier responses. A journey can be played,
shortened and written out as commands.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cutover.corpus import UPLOAD_LIMIT, large

ANONYMOUS: Final = ""


@dataclass(frozen=True)
class Ref:
    """A value of an earlier response. `Ref("list", "file_id")` is the field file_id of the response saved as
    "list".
    """

    saved: str
    field: str


@dataclass(frozen=True)
class Own:
    """A value of an account: username, email, password, refresh_token or access_token. Each system has its own.

    actor: the account, default the step's actor. before, after: texts around the value. change: "upper" or "capital"
    changes its case.
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

    operation: a name of contracts/operations.toml. actor: the name of the journey's account, ANONYMOUS for none.
    saves: the name by which later steps refer to the response. path, fields: by our field names; values may be Refs.
    file: sent as multipart; content: (bytes, media type) of the whole body. method: if not the operation's. bearer:
    the token to send: "access", "refresh", "old access" (the one before the last refresh or login), a Ref, or a
    literal text. owner: the actor who owns the resource, default the step's actor; it decides the role in the
    coverage. case: name of a special condition, part of the key of a difference. eventually: both systems may need up
    to kv_propagation_s to agree (KV propagation, processing, recovery of a busy component).
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
        """Return the names of the earlier steps that this one refers to."""
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


def at_limit(step: Step, limit: int) -> Step:
    """Return the step with a file at or above an upload limit of `limit` bytes, if its file is so for our limit."""
    if step.file is None or limit == UPLOAD_LIMIT or not 0 <= len(step.file.content) - UPLOAD_LIMIT <= 1:
        return step
    content = large(limit + len(step.file.content) - UPLOAD_LIMIT).content
    return dataclasses.replace(step, file=dataclasses.replace(step.file, content=content))


@dataclass(frozen=True)
class Journey:
    """Steps in order. story: one sentence for the reviewer.

    actors: the accounts to register for it. admins: the actors that are made administrators. spares: accounts that
    only get a name, which ends with that text; steps register them.
    """

    name: str
    story: str
    actors: tuple[str, ...]
    steps: tuple[Step, ...]
    admins: tuple[str, ...] = ()
    spares: Mapping[str, str] = field(default_factory=dict)

    def only(self, steps: tuple[Step, ...]) -> Journey:
        """Return the same journey with these steps only."""
        return dataclasses.replace(self, steps=steps)
