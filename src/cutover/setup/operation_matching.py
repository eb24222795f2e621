"""Matching of a served OpenAPI document with the operations of contracts/operations.toml.

Each rule looks at the method, the body and the answer first and at words only between equals. The result is a proposal
that a person reads: every match names the operation of the document that it comes from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from cutover.setup.served_openapi import Field, Served

NAMES: Final[dict[str, tuple[str, ...]]] = {
    "status": ("status", "state", "health", "up"),
    "timestamp": ("timestamp", "time", "at", "now", "clock", "date"),
    "username": ("username", "user_name", "login", "name", "user", "nickname", "handle"),
    "email": ("email", "mail", "email_address", "e_mail"),
    "password": ("password", "pass", "secret", "passwd", "pwd", "passphrase", "password1"),
    "password_again": (
        "password2", "password_again", "password_confirmation", "confirm_password", "password_confirm",
        "re_password", "secret_again", "pass_repeat", "password_repeat", "repeat_password",
    ),
    "access_token": ("access_token", "access", "bearer", "token", "jwt", "key", "id_token", "auth_token"),
    "refresh_token": ("refresh_token", "refresh", "renewal", "renew_key", "renewal_token", "renew_token"),
    "user_id": ("user_id", "userid", "account_id", "member_id", "id", "uid", "uuid", "sub"),
    "created_at": ("created_at", "created", "joined", "since", "registered_at", "date_joined"),
    "file_id": ("file_id", "fileid", "list_id", "document_id", "id", "uid", "uuid"),
    "filename": ("filename", "file_name", "title", "name", "original_filename"),
    "file_size": ("file_size", "size", "bytes", "length", "size_bytes", "filesize"),
    "tags": ("tags", "user_tags", "labels"),
    "success": ("success", "ok", "stored", "created"),
    "total": ("total", "count", "n", "total_count"),
    "row_count": ("row_count", "rows", "records", "num_rows"),
    "column_count": ("column_count", "cols", "width", "columns_count", "num_columns"),
    "filters": ("filters", "where", "rules", "conditions"),
    "filter_id": ("filter_id", "id", "uid", "uuid"),
    "upload_status": ("upload_status", "processing_status"),
    "error_rate": ("error_rate",),
    "requests": ("requests",),
}  # fmt: skip
"""Our field name -> names that deployments use, the most specific first."""


@dataclass(frozen=True)
class Match:
    """An operation of ours, found in a document. request, response, entry: as in environments.toml."""

    served: Served
    request: Mapping[str, str] = field(default_factory=dict)
    response: Mapping[str, str] = field(default_factory=dict)
    entry: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """Return the path of the document. `renamed` replaces its parameters."""
        return self.served.path


Rule = Callable[[Served], int]
"""Return how well an operation of the document fits, 0 if it does not."""


def match(document: Iterable[Served]) -> dict[str, Match]:
    """Return our name -> the operation of the document that fits best. Each operation of the document is used once."""
    left = list(document)
    found: dict[str, Match] = {}
    for name, rule in _RULES.items():
        best = max(left, key=rule, default=None)
        if best is not None and rule(best) > 0:
            left.remove(best)
            found[name] = _FIELDS.get(name, _nothing)(best)
    return found


def named(fields: Iterable[Field], ours: str, *, kinds: tuple[str, ...] = ()) -> Field | None:
    """Return the field that has one of our names, the most specific name first and the outermost field first."""
    known = [_plain(name) for name in NAMES[ours]]
    fitting = [each for each in fields if _plain(each.name) in known and (not kinds or each.kind in ("", *kinds))]
    return min(fitting, key=lambda each: (known.index(_plain(each.name)), each.depth), default=None)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _outside(fields: Iterable[Field]) -> list[Field]:
    """Return the fields that are not inside an array."""
    return [each for each in fields if "/*" not in each.pointer]


def _arrays(each: Served) -> list[Field]:
    return [one for one in _outside(each.fields) if one.kind == "array"]


def _texts(each: Served) -> list[Field]:
    """Return the arrays of strings."""
    items = [(one, one.schema.get("items")) for one in _arrays(each)]
    return [one for one, inner in items if isinstance(inner, Mapping) and inner.get("type") == "string"]


def _has(each: Served, *words: str) -> int:
    return len(each.words & set(words))


def _fits(condition: object, each: Served, *words: str) -> int:
    """Return 0 if the condition is false, otherwise 1 and one more for each word."""
    return 1 + _has(each, *words) if condition else 0


_FILTER: Final = ("filter", "filters", "query", "queries")


def _is_filter(each: Served) -> bool:
    return bool(_has(each, *_FILTER)) and "csv" not in " ".join(each.media)


def _plain_get(each: Served) -> bool:
    return each.method == "GET" and not each.parameters


def _of_one(each: Served, *methods: str) -> bool:
    return each.method in methods and len(each.parameters) == 1


def _json(each: Served) -> bool:
    return any("json" in media for media in each.media)


def _writes(each: Served) -> bool:
    return each.method == "POST" and not each.parameters and any("json" in media for media in each.sent_as)


def _tokens(each: Served) -> bool:
    return named(each.fields, "access_token") is not None


def _credentials(each: Served) -> bool:
    return _writes(each) and named(each.sent, "password") is not None


_HEALTH: Final = ("health", "healthz", "healthcheck", "status", "ping", "ready", "readiness", "alive", "livez")
_METRICS: Final = ("metrics", "stats", "statistics")

_RULES: Final[dict[str, Rule]] = {
    "health": lambda each: _has(each, *_HEALTH) if _plain_get(each) and not each.secured else 0,
    "metrics": lambda each: _has(each, *_METRICS) if _plain_get(each) else 0,
    "register": lambda each: _fits(
        _credentials(each) and named(each.sent, "email"), each, "register", "signup", "registration", "create"
    ),
    "login": lambda each: _fits(
        _credentials(each) and (_tokens(each) or _has(each, "login", "signin")), each, "login", "signin", "sessions"
    ),
    "refresh": lambda each: _fits(
        _writes(each) and named(each.sent, "refresh_token") and _tokens(each), each, "refresh", "renew"
    ),
    "logout": lambda each: (
        _has(each, "logout", "signout", "end", "revoke")
        if each.secured and not each.parameters and each.method in ("POST", "DELETE")
        else 0
    ),
    "user": lambda each: _fits(
        _plain_get(each) and each.secured and not _arrays(each) and named(each.fields, "username"),
        each, "me", "whoami", "user", "profile", "account",
    ),
    "upload": lambda each: _fits(
        each.method in ("POST", "PUT") and "multipart/form-data" in each.sent_as, each, "upload", "files"
    ),
    "list_filters": lambda each: _fits(_plain_get(each) and each.secured and _is_filter(each), each, "list"),
    "create_filter": lambda each: _fits(_writes(each) and each.secured and _is_filter(each), each, "create"),
    "filter": lambda each: _fits(_of_one(each, "GET") and _is_filter(each), each),
    "delete_filter": lambda each: _fits(_of_one(each, "DELETE") and _is_filter(each), each),
    "list_files": lambda each: _fits(
        _plain_get(each) and each.secured and _json(each) and (_arrays(each) or not each.fields), each, "files", "list"
    ),
    "download": lambda each: _fits(
        _of_one(each, "GET") and each.media and not _json(each), each, "download", "content", "read"
    ),
    "columns": lambda each: _fits(_of_one(each, "GET") and _json(each) and _texts(each), each, "columns", "head"),
    "file": lambda each: _fits(
        _of_one(each, "GET") and _json(each) and named(each.fields, "filename"), each, "file", "describe"
    ),
    "export": lambda each: _fits(
        _of_one(each, "POST") and (not _json(each) or _has(each, "export", "cut")), each, "export", "cut"
    ),
    "tags": lambda each: _fits(_of_one(each, "PATCH", "PUT", "POST") and named(each.sent, "tags"), each, "tags"),
    "delete": lambda each: _fits(_of_one(each, "DELETE"), each, "delete", "remove", "file"),
    "delete_account": lambda each: _fits(
        each.method == "DELETE" and not each.parameters and each.secured, each, "account", "user", "me"
    ),
}  # fmt: skip
"""Our operation -> rule, in the order in which they choose."""


def _nothing(served: Served) -> Match:
    return Match(served)


def _of(*ours: str, sends: tuple[str, ...] = ()) -> Callable[[Served], Match]:
    """Return a function that finds these fields of the response and of the body by their names."""

    def fields(served: Served) -> Match:
        outside = _outside(served.fields)
        pointers = {name: each.pointer for name in ours if (each := named(outside, name)) is not None}
        sent = {name: each.name for name in sends if (each := named(served.sent, name)) is not None}
        return Match(served, sent, pointers)

    return fields


def _list_of_files(served: Served) -> Match:
    found = _of("total")(served)
    array = next(iter(_arrays(served)), None)
    if array is None:
        return found
    inside = [each for each in served.fields if each.pointer.startswith(f"{array.pointer}/*/")]
    cut = len(array.pointer) + 2
    names = ("file_id", "filename", "file_size", "tags")
    entry = {name: each.pointer[cut:] for name in names if (each := named(inside, name)) is not None}
    return Match(served, {}, {"files": array.pointer, **found.response}, entry)


def _columns(served: Served) -> Match:
    names = next(iter(_texts(served)), None)
    pointers = {"columns": names.pointer} if names is not None else {}
    for name in ("row_count", "column_count"):
        each = named(_outside(served.fields), name, kinds=("integer", "number"))
        pointers |= {name: each.pointer} if each is not None else {}
    return Match(served, {}, pointers)


def _export(served: Served) -> Match:
    outside = _outside(served.sent)
    arrays = [each for each in outside if each.kind == "array"]
    filters = named(arrays, "filters")
    columns = next((each for each in arrays if each is not filters), None)
    sent = {"columns": columns, "filters": filters}
    return Match(served, {name: each.name for name, each in sent.items() if each is not None})


def _upload(served: Served) -> Match:
    found = _of("success", "file_id", "filename", "file_size", "tags")(served)
    binary = [each for each in served.sent if each.schema.get("format") == "binary"] or list(served.sent)
    return Match(served, {"file": binary[0].name} if binary else {}, found.response)


_SESSION: Final = ("access_token", "refresh_token", "user_id", "username")
_FIELDS: Final[dict[str, Callable[[Served], Match]]] = {
    "health": _of("status", "timestamp"),
    "metrics": _of("error_rate", "requests"),
    "register": _of(*_SESSION, sends=("username", "email", "password", "password_again")),
    "login": _of(*_SESSION, sends=("username", "password")),
    "refresh": _of("access_token", sends=("refresh_token",)),
    "logout": _of(sends=("refresh_token",)),
    "user": _of("user_id", "username", "email", "created_at"),
    "delete_account": _of(sends=("password",)),
    "upload": _upload,
    "list_files": _list_of_files,
    "columns": _columns,
    "file": _of("file_id", "filename", "file_size", "tags", "upload_status", "row_count", "column_count"),
    "export": _export,
    "tags": _of(sends=("tags",)),
    "create_filter": _of("filter_id"),
    "filter": _of("filter_id"),
}
