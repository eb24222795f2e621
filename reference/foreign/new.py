"""Roster, the new system of the foreign pair: a WSGI application with routes below /v2/, on SQLite.

Accounts are "members", files are "lists", ids are UUIDs. A registration returns no token. Errors are problem documents
(RFC 9457), an invalid value is 422, and only /v2/status, /v2/me and the two session answers name the system.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from reference.foreign.new_lists import conditions, named, order, record, table
from reference.foreign.new_requests import Problem, body_of, part_of

SYSTEM: Final = "roster-new"
LIFETIMES: Final = {"access": 600, "refresh": 86_400}
_ROUTES: Final = (
    ("GET", r"/v2/status", "status"),
    ("GET", r"/v2/openapi\.json", "document"),
    ("POST", r"/v2/members", "register"),
    ("POST", r"/v2/sessions", "login"),
    ("POST", r"/v2/sessions/renew", "renew"),
    ("POST", r"/v2/sessions/end", "end"),
    ("GET", r"/v2/me", "me"),
    ("GET", r"/v2/lists", "lists"),
    ("POST", r"/v2/lists", "upload"),
    ("GET", r"/v2/lists/(?P<uid>[^/]+)", "about"),
    ("DELETE", r"/v2/lists/(?P<uid>[^/]+)", "remove"),
    ("GET", r"/v2/lists/(?P<uid>[^/]+)/content", "content"),
    ("GET", r"/v2/lists/(?P<uid>[^/]+)/head", "head"),
    ("POST", r"/v2/lists/(?P<uid>[^/]+)/cut", "cut"),
)
_OPEN: Final = frozenset({"status", "document", "register", "login", "renew"})
_SCHEMA: Final = """
create table if not exists members (uid text primary key, login text unique, mail text unique collate nocase,
    salt blob, hash blob, joined text);
create table if not exists lists (number integer primary key, uid text unique, owner text, title text, content blob,
    added text);
create table if not exists ended (jti text primary key);
"""


Answer = tuple[int, bytes, list[tuple[str, str]]]


class New:
    """The application. Subclasses of reference/foreign/faults.py plant faults."""

    def __init__(self, folder: Path, secret: str) -> None:
        self.folder, self.secret = folder, secret.encode()
        self._file = folder / "roster.sqlite"
        self._local = threading.local()
        self.rows("select 1")

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        """Answer one request (PEP 3333)."""
        try:
            status, body, headers = self.answer(environ)
        except Problem as problem:
            detail = {"title": problem.reason, "status": problem.status}
            status, body = problem.status, json.dumps(detail).encode()
            headers = [("Content-Type", "application/problem+json"), *problem.headers]
        headers += [("X-Content-Type-Options", "nosniff"), ("Cache-Control", "no-store")]
        if status != 204:
            headers.append(("Content-Length", str(len(body))))
        start(f"{status} Answer", headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def answer(self, environ: dict[str, Any]) -> Answer:
        """Find the route, then the member, then answer. Raises Problem."""
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        found = [(m, name, match) for m, route, name in _ROUTES if (match := re.fullmatch(route, path))]
        if not found:
            raise Problem(404, "No such resource")
        wanted = "GET" if method == "HEAD" else method
        named = next(((name, match) for m, name, match in found if m == wanted), None)
        if named is None:
            allowed = sorted({m for m, _, _ in found} | ({"HEAD"} if any(m == "GET" for m, _, _ in found) else set()))
            raise Problem(405, "Method not allowed", [("Allow", ", ".join(allowed))])
        name, match = named
        member = None if name in _OPEN else self.member(environ)
        return getattr(self, f"do_{name}")(environ, member, **match.groupdict())

    # --- the store ---------------------------------------------------------------------------------------------

    def rows(self, query: str, *values: Any) -> list[Any]:
        """Return the rows of a statement, committed."""
        if not hasattr(self._local, "db"):
            self._local.db = sqlite3.connect(self._file, timeout=20, isolation_level=None)
            self._local.db.executescript("pragma journal_mode=wal; pragma synchronous=off;" + _SCHEMA)
        return self._local.db.execute(query, values).fetchall()

    # --- tokens ------------------------------------------------------------------------------------------------

    def token(self, uid: str, use: str) -> str:
        """Return a signed token (RFC 7519, HS256)."""
        now = int(time.time())
        payload = {"iss": SYSTEM, "sub": uid, "use": use, "jti": secrets.token_hex(8), "iat": now}
        payload["exp"] = now + LIFETIMES[use]
        head = {"alg": "HS256", "typ": "JWT"}
        text = f"{_b64(json.dumps(head).encode())}.{_b64(json.dumps(payload).encode())}"
        return f"{text}.{_b64(hmac.digest(self.secret, text.encode(), 'sha256'))}"

    def claims(self, token: Any, use: str) -> dict[str, Any]:
        """Return the claims of a valid token of this use. Raises Problem."""
        refusal = Problem(401, "Sign in first", [("WWW-Authenticate", 'Bearer realm="roster"')])
        parts = token.split(".") if isinstance(token, str) and token.isascii() else []
        if len(parts) != 3:
            raise refusal
        signature = _b64(hmac.digest(self.secret, f"{parts[0]}.{parts[1]}".encode(), "sha256"))
        if not self.same(signature, parts[2]):
            raise refusal
        head, claims = json.loads(_unb64(parts[0])), json.loads(_unb64(parts[1]))
        now = time.time()
        times = [claims.get("exp"), claims.get("iat"), claims.get("nbf", 0)]
        if any(isinstance(moment, bool) or not isinstance(moment, (int, float)) for moment in times):
            raise refusal
        if head.get("alg") != "HS256" or claims.get("iss") != SYSTEM or claims.get("use") != use:
            raise refusal
        if self.expired(claims["exp"]) or claims["iat"] > now + 60 or claims.get("nbf", 0) > now + 60:
            raise refusal
        if not isinstance(claims.get("jti"), str) or self.rows("select 1 from ended where jti = ?", claims["jti"]):
            raise refusal
        if not self.rows("select 1 from members where uid = ?", str(claims.get("sub"))):
            raise refusal
        return claims

    def same(self, wanted: str, given: str) -> bool:
        """Return True if a signature is the wanted one."""
        return hmac.compare_digest(wanted, given)

    def expired(self, moment: float) -> bool:
        """Return True if this moment is over."""
        return moment <= time.time()

    def hashed(self, secret: str, salt: bytes) -> bytes:
        """Return the hash of a password."""
        return hashlib.scrypt(secret.encode(), salt=salt, n=4096, r=8, p=1)

    def order(self, one: str, other: str) -> int:
        """Compare a cell with the value of a condition: -1, 0 or 1."""
        return order(one, other)

    def member(self, environ: dict[str, Any]) -> dict[str, Any]:
        """Return uid, login, mail, joined and the claims of the requesting member. Raises Problem (401)."""
        scheme, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        claims = self.claims(token if scheme.lower() == "bearer" else None, "access")
        query = "select uid, login, mail, joined from members where uid = ?"
        uid, login, mail, joined = self.rows(query, str(claims["sub"]))[0]
        return {"uid": uid, "login": login, "mail": mail, "joined": joined, "claims": claims}

    # --- members and sessions ----------------------------------------------------------------------------------

    def do_status(self, _environ: Any, _member: Any) -> Answer:
        """Answer for monitoring."""
        self.rows("select count(*) from members")
        return answer_json(200, {"state": "healthy", "system": SYSTEM, "at": _now()})

    def do_document(self, _environ: Any, _member: Any) -> Answer:
        """Serve the OpenAPI document."""
        return 200, Path(__file__).with_name("new.openapi.json").read_bytes(), [("Content-Type", "application/json")]

    def do_register(self, environ: Any, _member: Any) -> Answer:
        """Create a member. Returns no token."""
        sent = body_of(environ, login=str, mail=str, secret=str, secret_again=str)
        if not 3 <= len(sent["login"]) <= 150 or not re.fullmatch(r"[\w.@+-]+", sent["login"]):
            raise Problem(422, "login: 3 to 150 letters, digits and .@+-_")
        if len(sent["mail"]) > 254 or not re.fullmatch(r"[^@\s\x00]+@[^@\s\x00]+\.[^@\s\x00.]+", sent["mail"]):
            raise Problem(422, "mail: an address")
        if not 8 <= len(sent["secret"]) <= 1000 or sent["secret"] != sent["secret_again"]:
            raise Problem(422, "secret: at least 8 characters, twice")
        salt = secrets.token_bytes(16)
        row = (str(uuid.uuid4()), sent["login"], sent["mail"], salt, self.hashed(sent["secret"], salt), _now())
        try:
            self.rows("insert into members values (?, ?, ?, ?, ?, ?)", *row)
        except sqlite3.IntegrityError:
            raise Problem(422, "login or mail: already used") from None
        return answer_json(201, {"member": {"uid": row[0], "login": row[1]}})

    def do_login(self, environ: Any, _member: Any) -> Answer:
        """Open a session."""
        sent = body_of(environ, login=str, secret=str)
        found = self.rows("select uid, login, salt, hash from members where login = ?", sent["login"])
        uid, login, salt, stored = found[0] if found else ("", "", b"0" * 16, b"")
        if not hmac.compare_digest(self.hashed(sent["secret"], salt), stored):
            raise Problem(401, "Wrong login or secret", [("WWW-Authenticate", 'Bearer realm="roster"')])
        session = {"bearer": self.token(uid, "access"), "renewal": self.token(uid, "refresh")}
        return answer_json(200, {"system": SYSTEM, "session": session, "member": {"uid": uid, "login": login}})

    def do_renew(self, environ: Any, _member: Any) -> Answer:
        """Return a new access token."""
        claims = self.claims(body_of(environ, renewal=str)["renewal"], "refresh")
        return answer_json(200, {"system": SYSTEM, "session": {"bearer": self.token(claims["sub"], "access")}})

    def do_end(self, environ: Any, member: Any) -> Answer:
        """End a session: both tokens are refused from now on."""
        claims = self.claims(body_of(environ, renewal=str)["renewal"], "refresh")
        if claims["sub"] != member["uid"]:
            raise Problem(401, "Sign in first", [("WWW-Authenticate", 'Bearer realm="roster"')])
        for jti in (claims["jti"], member["claims"]["jti"]):
            self.rows("insert or ignore into ended values (?)", jti)
        return answer_json(200, {"ended": True})

    def do_me(self, _environ: Any, member: Any) -> Answer:
        """Return the member."""
        return answer_json(200, {"system": SYSTEM, **{key: member[key] for key in ("uid", "login", "mail", "joined")}})

    # --- lists -------------------------------------------------------------------------------------------------

    def own(self, member: Any, uid: str) -> tuple[str, bytes]:
        """Return title and content of a list of the member. Raises Problem (404)."""
        found = self.rows("select title, content from lists where uid = ? and owner = ?", uid, member["uid"])
        if not found:
            raise Problem(404, "No such resource")
        return found[0]

    def do_lists(self, _environ: Any, member: Any) -> Answer:
        """Return the member's lists, newest first."""
        query = "select uid, title, length(content), added from lists where owner = ? order by number desc"
        found = [dict(zip(("uid", "title", "bytes", "added"), row, strict=True)) for row in
                 self.rows(query, member["uid"])]  # fmt: skip
        return answer_json(200, {"lists": found, "count": len(found)})

    def do_upload(self, environ: Any, member: Any) -> Answer:
        """Store a list."""
        title, content = part_of(environ, b"list")
        uid, added = str(uuid.uuid4()), _now()
        self.rows("insert into lists (uid, owner, title, content, added) values (?, ?, ?, ?, ?)",
                  uid, member["uid"], title, content, added)  # fmt: skip
        return answer_json(201, {"stored": True, "list": {"uid": uid, "title": title, "bytes": len(content)}})

    def do_about(self, _environ: Any, member: Any, uid: str) -> Answer:
        """Return the data of one list."""
        title, content = self.own(member, uid)
        return answer_json(200, {"list": {"uid": uid, "title": title, "bytes": len(content)}})

    def do_content(self, _environ: Any, member: Any, uid: str) -> Answer:
        """Return the bytes of one list."""
        title, content = self.own(member, uid)
        plain = re.sub(r'[^ !#-~]|["\\]', "_", title)
        disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(title, safe='')}"
        return 200, content, [("Content-Type", "text/csv"), ("Content-Disposition", disposition)]

    def do_remove(self, _environ: Any, member: Any, uid: str) -> Answer:
        """Remove one list."""
        self.own(member, uid)
        self.rows("delete from lists where uid = ?", uid)
        return answer_json(200, {"removed": uid})

    def do_head(self, _environ: Any, member: Any, uid: str) -> Answer:
        """Return column names and counts of one list."""
        header, *records = table(self.own(member, uid)[1])
        return answer_json(200, {"names": header, "records": len(records), "width": len(header)})

    def do_cut(self, environ: Any, member: Any, uid: str) -> Answer:
        """Return the kept columns of the matching records as CSV."""
        content = self.own(member, uid)[1]
        sent = body_of(environ, keep=list)
        header, *records = table(content)
        keep = sent["keep"]
        if not keep or not all(named(name, header) for name in keep):
            raise Problem(422, "keep: names of columns")
        tests = conditions(sent.get("where", []), header, self.order)
        places = [header.index(name) for name in keep]
        cut = [keep] + [[row[at] for at in places] for row in records if all(test(row) for test in tests)]
        body = "".join(record(row) for row in cut).encode()
        return 200, body, [("Content-Type", "text/csv; charset=utf-8"),
                           ("Content-Disposition", 'attachment; filename="cut.csv"')]  # fmt: skip


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def answer_json(status: int, value: Any) -> Answer:
    """Return a JSON answer."""
    return status, json.dumps(value).encode(), [("Content-Type", "application/json")]


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
