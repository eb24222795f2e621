"""Roster, the old system of the foreign pair: a WSGI application with routes below /app/, on SQLite and a folder.

It shares nothing with new.py. Accounts are "accounts", files are "files", ids are texts of 32 hexadecimal digits. A
registration returns no token, a logout revokes the renewal key only, an invalid value is 400, and only /app/ping/
names the system.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import json
import os
import secrets
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import jwt
from reference.foreign.old_lists import MalformedError, export, read_list
from reference.foreign.old_upload import UploadError, read_upload

SYSTEM: Final = "roster-old"
LIMIT: Final = 4_000_000
"""The largest file, in bytes."""
ACCESS_S, RENEW_S = 600, 86_400
_SCHEMA: Final = """
create table if not exists account (id text primary key, name text not null unique, email text not null,
    email_key text not null unique, password text not null, since text not null);
create table if not exists file (id text primary key, account text not null, file_name text not null,
    length integer not null, at real not null);
create table if not exists revoked (id text primary key);
"""


class Refused(Exception):  # noqa: N818 - it is an answer, not a defect
    """A refusal with its status and text."""

    def __init__(self, status: int, text: str, **headers: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class Old:
    """The application. Subclasses of reference/foreign/faults.py plant faults."""

    def __init__(self, folder: Path, secret: str) -> None:
        self.folder, self.secret = folder / "files", secret
        self.folder.mkdir(parents=True, exist_ok=True)
        self.database = folder / "old.sqlite"
        with closing(self.connect()) as db:
            db.executescript("pragma journal_mode=wal;" + _SCHEMA)

    def connect(self) -> sqlite3.Connection:
        """Return a new connection. Every request uses one of its own."""
        db = sqlite3.connect(self.database, timeout=20)
        db.execute("pragma synchronous=off")
        db.row_factory = sqlite3.Row
        return db

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        """Answer one request (PEP 3333)."""
        with closing(self.connect()) as db:
            try:
                status, headers, body = self.route(db, environ)
                db.commit()
            except Refused as refused:
                db.rollback()
                status, body = refused.status, json.dumps({"error": self.shown(refused)}).encode()
                headers = {"Content-Type": "application/json", **refused.headers}
        headers["X-Content-Type-Options"], headers["Cache-Control"] = "nosniff", "no-store"
        if status != 204:
            headers["Content-Length"] = str(len(body))
        start(f"{status} Reply", list(headers.items()))
        return [body] if environ["REQUEST_METHOD"] != "HEAD" else []

    def shown(self, refused: Refused) -> str:
        """Return the text of a refusal."""
        return refused.text

    def chosen(self, row: list[str], places: list[int]) -> list[str]:
        """Return the chosen cells of a row."""
        return [row[place] for place in places]

    def route(self, db: sqlite3.Connection, environ: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body. Raises Refused."""
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"].replace("HEAD", "GET")
        words = path.split("/")
        handlers: dict[str, Callable[..., Any]] = {}
        argument: list[str] = []
        if words[:2] == ["", "app"] and words[-1] == "":
            words = words[2:-1]
            if len(words) == 1:
                handlers = {
                    "ping": {"GET": self.ping},
                    "schema": {"GET": self.schema},
                    "signup": {"POST": self.signup},
                    "login": {"POST": self.login},
                    "renew": {"POST": self.renew},
                    "logout": {"POST": self.logout},
                    "whoami": {"GET": self.whoami},
                    "files": {"GET": self.files, "POST": self.upload},
                }.get(words[0], {})
            elif words[:1] == ["files"] and len(words) == 2:
                handlers, argument = {"GET": self.download, "DELETE": self.delete}, [words[1]]
            elif words[:1] == ["files"] and len(words) == 3:
                named = {"shape": {"GET": self.shape}, "export": {"POST": self.export}}
                handlers, argument = named.get(words[2], {}), [words[1]]
        if not handlers:
            raise Refused(404, "not found")
        if method not in handlers:
            allowed = [*handlers, "HEAD"] if "GET" in handlers else list(handlers)
            raise Refused(405, "wrong method", Allow=", ".join(allowed))
        return handlers[method](db, environ, *argument)

    # --- sessions ----------------------------------------------------------------------------------------------

    def issue(self, account: str, kind: str, seconds: int) -> str:
        """Return a signed token."""
        now = int(time.time())
        claims = {"account": account, "kind": kind, "jti": secrets.token_hex(8), "iat": now, "exp": now + seconds}
        return jwt.encode(claims, self.secret, algorithm="HS256")

    def check(self, db: sqlite3.Connection, token: Any, kind: str) -> dict[str, Any]:
        """Return the claims of a valid token of this kind. Raises Refused."""
        try:
            claims: dict[str, Any] = jwt.decode(
                token, self.secret, algorithms=["HS256"], options={"require": ["exp", "iat", "jti"]}
            )
        except (jwt.PyJWTError, TypeError, ValueError, RecursionError):
            claims = {}
        known = isinstance(claims.get("account"), str) and isinstance(claims.get("jti"), str)
        if claims.get("kind") != kind or not known:
            raise Refused(401, "not signed in", WWW_Authenticate="Bearer")
        if db.execute("select 1 from revoked where id = ?", [claims["jti"]]).fetchone():
            raise Refused(401, "not signed in", WWW_Authenticate="Bearer")
        return claims

    def account(self, db: sqlite3.Connection, environ: dict[str, Any]) -> sqlite3.Row:
        """Return the row of the requesting account. Raises Refused (401)."""
        words = environ.get("HTTP_AUTHORIZATION", "").split(" ")
        token = words[1] if len(words) == 2 and words[0].lower() == "bearer" else ""
        claims = self.check(db, token, "access")
        row: sqlite3.Row | None = db.execute("select * from account where id = ?", [claims["account"]]).fetchone()
        if row is None:
            raise Refused(401, "not signed in", WWW_Authenticate="Bearer")
        return row

    def ping(self, db: sqlite3.Connection, _environ: Any) -> Any:
        """Answer for monitoring."""
        db.execute("select count(*) from account").fetchone()
        return reply(200, {"up": "healthy", "who": SYSTEM, "clock": stamp()})

    def schema(self, _db: Any, _environ: Any) -> Any:
        """Serve the OpenAPI document."""
        document = Path(__file__).with_name("old.openapi.json").read_bytes()
        return 200, {"Content-Type": "application/json"}, document

    def signup(self, db: sqlite3.Connection, environ: Any) -> Any:
        """Create an account. Returns no token."""
        name, email, word, repeated = texts(environ, "name", "email", "pass", "pass_repeat")
        if len(name) < 3 or len(name) > 150 or any(not (each.isalnum() or each in ".@+-_") for each in name):
            raise Refused(400, "name is not valid")
        user, at, host = email.partition("@")
        spaces = any(each.isspace() for each in email)
        if not user or not at or "@" in host or "." not in host.strip(".") or host[-1] == "." or spaces:
            raise Refused(400, "email is not valid")
        if len(email) > 254:
            raise Refused(400, "email is not valid")
        if word != repeated or len(word) < 8 or len(word) > 1000:
            raise Refused(400, "pass is not valid")
        number = secrets.token_hex(16)
        try:
            db.execute("insert into account values (?, ?, ?, ?, ?, ?)",
                       [number, name, email, email.lower(), scramble(word), stamp()])  # fmt: skip
        except sqlite3.IntegrityError:
            raise Refused(400, "name or email is taken") from None
        return reply(201, {"account": {"id": number, "name": name}})

    def login(self, db: sqlite3.Connection, environ: Any) -> Any:
        """Open a session."""
        name, word = texts(environ, "name", "pass")
        row = db.execute("select * from account where name = ?", [name]).fetchone()
        stored = row["password"] if row else scramble("no such account")
        salt = stored.partition("$")[0]
        if not hmac.compare_digest(scramble(word, salt), stored) or row is None:
            raise Refused(401, "wrong name or pass", WWW_Authenticate="Bearer")
        keys = {
            "key": self.issue(row["id"], "access", ACCESS_S),
            "renew_key": self.issue(row["id"], "refresh", RENEW_S),
        }
        return reply(200, {**keys, "account": {"id": row["id"], "name": row["name"]}})

    def renew(self, db: sqlite3.Connection, environ: Any) -> Any:
        """Return a new access token."""
        (key,) = texts(environ, "renew_key")
        return reply(200, {"key": self.issue(self.check(db, key, "refresh")["account"], "access", ACCESS_S)})

    def logout(self, db: sqlite3.Connection, environ: Any) -> Any:
        """Revoke the renewal key. The access token stays valid until it expires."""
        account = self.account(db, environ)
        (key,) = texts(environ, "renew_key")
        claims = self.check(db, key, "refresh")
        if claims["account"] != account["id"]:
            raise Refused(401, "not signed in", WWW_Authenticate="Bearer")
        db.execute("insert or ignore into revoked values (?)", [claims["jti"]])
        return 204, {}, b""

    def whoami(self, db: sqlite3.Connection, environ: Any) -> Any:
        """Return the account."""
        row = self.account(db, environ)
        return reply(200, {key: row[key] for key in ("id", "name", "email", "since")})

    # --- files -------------------------------------------------------------------------------------------------

    def file(self, db: sqlite3.Connection, environ: Any, number: str) -> sqlite3.Row:
        """Return the row of a file of the requesting account. Raises Refused (401, 404)."""
        account = self.account(db, environ)
        row: sqlite3.Row | None = db.execute("select * from file where id = ?", [number]).fetchone()
        if row is None or row["account"] != account["id"]:
            raise Refused(404, "not found")
        return row

    def files(self, db: sqlite3.Connection, environ: Any) -> Any:
        """Return the files of the account, newest first."""
        account = self.account(db, environ)
        rows = db.execute("select * from file where account = ? order by at desc, rowid desc", [account["id"]])
        items = [{key: row[key] for key in ("id", "file_name", "length")} for row in rows]
        return reply(200, {"items": items, "n": len(items)})

    def upload(self, db: sqlite3.Connection, environ: Any) -> Any:
        """Store a file."""
        account = self.account(db, environ)
        try:
            name, content = read_upload(environ.get("CONTENT_TYPE", ""), body(environ, LIMIT + 10_000), "upload")
        except UploadError as error:
            raise Refused(error.status, str(error)) from None
        if len(content) > LIMIT:
            raise Refused(413, "too large")
        number = secrets.token_hex(16)
        (self.folder / number).write_bytes(content)
        db.execute("insert into file values (?, ?, ?, ?, ?)", [number, account["id"], name, len(content), time.time()])
        return reply(200, {"ok": True, "id": number, "file_name": name, "length": len(content)})

    def download(self, db: sqlite3.Connection, environ: Any, number: str) -> Any:
        """Return the bytes of a file."""
        row = self.file(db, environ, number)
        plain = "".join(each if " " <= each <= "~" and each not in '"\\' else "_" for each in row["file_name"])
        safe = "".join(chr(byte) if chr(byte).isascii() and chr(byte).isalnum() else f"%{byte:02X}"
                       for byte in row["file_name"].encode())  # fmt: skip
        headers = {
            "Content-Type": "text/csv",
            "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{safe}",
        }
        return 200, headers, (self.folder / row["id"]).read_bytes()

    def delete(self, db: sqlite3.Connection, environ: Any, number: str) -> Any:
        """Remove a file."""
        row = self.file(db, environ, number)
        db.execute("delete from file where id = ?", [row["id"]])
        (self.folder / row["id"]).unlink()
        return 204, {}, b""

    def shape(self, db: sqlite3.Connection, environ: Any, number: str) -> Any:
        """Return column names and counts of a file."""
        content = (self.folder / self.file(db, environ, number)["id"]).read_bytes()
        try:
            header, rows = read_list(content)
        except MalformedError as error:
            raise Refused(400, str(error)) from None
        return reply(200, {"columns": header, "rows": len(rows), "cols": len(header)})

    def export(self, db: sqlite3.Connection, environ: Any, number: str) -> Any:
        """Return the chosen columns of the matching rows as CSV."""
        content = (self.folder / self.file(db, environ, number)["id"]).read_bytes()
        sent = document(environ)
        try:
            text = export(content, sent.get("columns"), sent.get("rules", []), self.chosen)
        except MalformedError as error:
            raise Refused(400, str(error)) from None
        headers = {"Content-Type": "text/csv; charset=utf-8"}
        return 200, {**headers, "Content-Disposition": 'attachment; filename="export.csv"'}, text.encode()


def body(environ: dict[str, Any], limit: int) -> bytes:
    """Return the body. Raises Refused if it is larger than the limit or was cut off."""
    chunks, size, declared = [], 0, environ.get("CONTENT_LENGTH")
    while size <= limit and (chunk := environ["wsgi.input"].read(65_536)):
        chunks.append(chunk)
        size += len(chunk)
    if size > limit:
        raise Refused(413, "too large")
    if declared and size < int(declared):
        raise Refused(400, "the body was cut off")
    return b"".join(chunks)


class Number(str):
    """A number of a request, as it was written."""

    __slots__ = ()


def document(environ: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON object of the request. Raises Refused."""
    if environ.get("CONTENT_TYPE", "").split(";")[0].strip().lower() != "application/json":
        raise Refused(415, "send application/json")

    def constant(text: str) -> None:
        raise ValueError(text)

    try:
        raw = body(environ, 1_000_000).decode("utf-8")
        sent = json.loads(raw, parse_int=Number, parse_float=Number, parse_constant=constant)
        json.dumps(sent, ensure_ascii=False).encode()  # fails for a lone surrogate
    except (ValueError, RecursionError):
        raise Refused(400, "not JSON") from None
    if "\\u0000" in json.dumps(sent).replace("\\\\", ""):
        raise Refused(400, "a text has a NUL")
    if not isinstance(sent, dict):
        raise Refused(400, "send an object")
    return sent


def texts(environ: dict[str, Any], *names: str) -> list[str]:
    """Return the texts of these names in the JSON object of the request. Raises Refused."""
    sent = document(environ)
    for name in names:
        if type(sent.get(name)) is not str:
            raise Refused(400, f"{name} is not a text")
    return [sent[name] for name in names]


def scramble(word: str, salt: str | None = None) -> str:
    """Return salt and hash of a password."""
    salt = salt or os.urandom(12).hex()
    return f"{salt}${hashlib.pbkdf2_hmac('sha256', word.encode(), salt.encode(), 20_000).hex()}"


def stamp() -> str:
    """Return the time in RFC 3339."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def reply(status: int, value: Any) -> tuple[int, dict[str, str], bytes]:
    """Return a JSON answer."""
    return status, {"Content-Type": "application/json"}, json.dumps(value, ensure_ascii=False).encode()
