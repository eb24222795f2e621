"""Build the steps of journeys: one function per action of a user."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cutover.corpus import ListFile
from cutover.parity.steps import ANONYMOUS, Own, Ref, Step, Upload


def register(actor: str, **fields: Any) -> Step:
    """Register with the actor's own name, e-mail and password, except for the given fields."""
    own = {
        "username": Own("username", actor),
        "email": Own("email", actor),
        "password": Own("password", actor),
        "password_again": Own("password", actor),
    }
    return Step("register", ANONYMOUS, fields={**own, **fields})


def login(actor: str, **fields: Any) -> Step:
    """Log in with the actor's own name and password, except for the given fields."""
    return Step("login", actor, fields={"username": Own("username"), "password": Own("password"), **fields})


def refresh(actor: str, token: Any = None, **more: Any) -> Step:
    """Request a new access token with the actor's refresh token or with another text."""
    return Step("refresh", actor, fields={"refresh_token": Own("refresh_token") if token is None else token}, **more)


def user(actor: str, **more: Any) -> Step:
    """Request the actor's own account."""
    return Step("user", actor, **more)


def logout(actor: str, token: Any = None, **more: Any) -> Step:
    """Log out with the actor's refresh token or with another text."""
    return Step("logout", actor, fields={"refresh_token": Own("refresh_token") if token is None else token}, **more)


def delete_account(actor: str, password: Any = None, **more: Any) -> Step:
    """Delete the actor's account with its own password or another one."""
    return Step("delete_account", actor, fields={"password": Own("password") if password is None else password}, **more)


def upload(actor: str, name: str, content: bytes, *, saves: str = "", **more: Any) -> Step:
    """Upload a file. Later steps refer to it by `saves` or by its name."""
    return Step("upload", actor, saves=saves or name, file=Upload(name, content), **more)


def upload_list(actor: str, kind: ListFile, **more: Any) -> Step:
    """Upload a list of the corpus. Later steps refer to it by its key."""
    return upload(actor, kind.filename, kind.content, saves=kind.name, **more)


def list_files(actor: str, **more: Any) -> Step:
    """List the actor's files."""
    return Step("list_files", actor, **more)


def download(actor: str, file: str, **more: Any) -> Step:
    """Download a file that an earlier step uploaded."""
    return Step("download", actor, path=_file(file), **more)


def columns(actor: str, file: str, **more: Any) -> Step:
    """Request the columns of a file."""
    return Step("columns", actor, path=_file(file), **more)


def delete(actor: str, file: str, **more: Any) -> Step:
    """Delete a file."""
    return Step("delete", actor, path=_file(file), **more)


def tags(actor: str, file: str, labels: Any, **more: Any) -> Step:
    """Replace the tags of a file."""
    return Step("tags", actor, path=_file(file), fields={"tags": labels}, **more)


def export(actor: str, file: str, chosen: Any, *filters: Any, **more: Any) -> Step:
    """Export the chosen columns of the rows that pass every filter (column, operator, value)."""
    wanted = [
        {"column": one[0], "operator": one[1], "value": one[2]} if isinstance(one, tuple) else one for one in filters
    ]
    return Step("export", actor, path=_file(file), fields={"columns": chosen, "filters": wanted}, **more)


def raw(operation: str, actor: str, body: bytes, media: str = "application/json", **more: Any) -> Step:
    """Send a body that a real client does not send."""
    return Step(operation, actor, content=(body, media), **more)


def table(header: Sequence[str], *rows: Sequence[str]) -> bytes:
    """Return a CSV with cells that need no quotes."""
    return "".join(",".join(row) + "\n" for row in (header, *rows)).encode()


def _file(saved: str) -> dict[str, Ref]:
    return {"file_id": Ref(saved, "file_id")}
