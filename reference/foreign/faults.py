"""Planted faults of the foreign pair: subclasses of the honest applications, which do not know them.

`python -m reference.foreign --fault NAME` plants one; `--control` loads the same subclass without its effect. Each
docstring says what a user would notice. tests/suite/sensitivity/foreign_caught_by.toml names the check that catches it.
"""

from __future__ import annotations

import io
import json
import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from reference.foreign import new, old
from reference.foreign.new import New
from reference.foreign.old import Old

FAULTS: Final[dict[str, type[Any]]] = {}


def fault(name: str) -> Callable[[type[Any]], type[Any]]:
    """Register a class by the name of its fault."""

    def register(made: type[Any]) -> type[Any]:
        FAULTS[name] = made
        return made

    return register


def application(system: str, folder: Path, secret: str) -> Any:
    """Return the application of a system, with the fault of FOREIGN_FAULT if that is a fault of this system."""
    honest: type[Any] = New if system == "new" else Old
    named = FAULTS.get(os.environ.get("FOREIGN_FAULT", ""), honest)
    made = (named if issubclass(named, honest) else honest)(folder, secret)
    made.planted = not os.environ.get("FOREIGN_CONTROL")
    return made


@fault("others-read")
class OthersRead(New):
    """Any member can read, cut and remove a list of another member by its id."""

    def own(self, member: Any, uid: str) -> tuple[str, bytes]:
        """Look for the list of any member."""
        if self.planted:
            found = self.rows("select owner from lists where uid = ?", uid)
            member = {**member, "uid": found[0][0]} if found else member
        return super().own(member, uid)


@fault("expired-token")
class ExpiredToken(New):
    """A token is accepted for 40 days after its expiry."""

    def expired(self, moment: float) -> bool:
        """Compare with a clock that is 40 days slow."""
        return super().expired(moment + 40 * 86_400 if self.planted else moment)


@fault("logout-revokes-nothing")
class LogoutRevokesNothing(New):
    """A logout answers as usual and revokes nothing."""

    def do_end(self, environ: Any, member: Any) -> Any:
        """Undo the revocation."""
        answer = super().do_end(environ, member)
        if self.planted:
            self.rows("delete from ended")
        return answer


@fault("password-in-answer")
class PasswordInAnswer(New):
    """The answer to a registration repeats the password."""

    def do_register(self, environ: Any, member: Any) -> Any:
        """Add the password to the answer."""
        raw = environ["wsgi.input"].read()
        status, body, headers = super().do_register({**environ, "wsgi.input": io.BytesIO(raw)}, member)
        if not self.planted:
            return status, body, headers
        answer = json.loads(body)
        answer["member"]["secret"] = json.loads(raw)["secret"]
        return new.answer_json(status, answer)


@fault("export-loses-last-row")
class ExportLosesLastRow(Old):
    """The last row of every export is missing."""

    def export(self, db: Any, environ: Any, number: str) -> Any:
        """Remove the last row."""
        status, headers, body = super().export(db, environ, number)
        lines = body.split(b"\r\n")
        kept = b"\r\n".join([*lines[:-2], b""]) if len(lines) > 2 else body
        return status, headers, kept if self.planted else body


@fault("download-of-another-file")
class DownloadOfAnotherFile(Old):
    """A download returns the bytes of the account's newest file, whatever its id."""

    def download(self, db: Any, environ: Any, number: str) -> Any:
        """Replace the bytes."""
        status, headers, body = super().download(db, environ, number)
        query = "select id from file where account = (select account from file where id = ?) order by at desc limit 1"
        newest = db.execute(query, [number]).fetchone()
        return status, headers, (self.folder / newest["id"]).read_bytes() if self.planted else body


@fault("upload-truncated")
class UploadTruncated(New):
    """Only the first 65,536 bytes of an upload are stored."""

    def do_upload(self, environ: Any, member: Any) -> Any:
        """Cut the stored bytes off."""
        answer = super().do_upload(environ, member)
        if self.planted:
            self.rows("update lists set content = substr(content, 1, 65536) where owner = ?", member["uid"])
        return answer


@fault("stack-trace")
class StackTrace(Old):
    """The answer to an invalid request contains the stack trace."""

    def shown(self, refused: old.Refused) -> str:
        """Add the trace."""
        trace = "".join(traceback.format_exception(refused))
        return f"{refused.text}\n{trace}" if self.planted and refused.status == 400 else refused.text


@fault("another-secret")
class AnotherSecret(New):
    """A token signed with any secret is accepted."""

    def same(self, wanted: str, given: str) -> bool:
        """Accept any signature of the right length."""
        return len(wanted) == len(given) if self.planted else super().same(wanted, given)


@fault("list-of-everyone")
class ListOfEveryone(Old):
    """A list of files shows the files of all accounts."""

    def files(self, db: Any, environ: Any) -> Any:
        """Read the files of all accounts."""
        answer = super().files(db, environ)
        if not self.planted:
            return answer
        rows = db.execute("select id, file_name, length from file order by at desc, rowid desc").fetchall()
        return old.reply(200, {"items": [dict(row) for row in rows], "n": len(rows)})


@fault("filter-ignores-case")
class FilterIgnoresCase(New):
    """A condition of an export matches texts in another case."""

    def order(self, one: str, other: str) -> int:
        """Compare in small letters."""
        return super().order(one.lower(), other.lower()) if self.planted else super().order(one, other)


@fault("line-ends-changed")
class LineEndsChanged(New):
    """CRLF of an upload becomes LF."""

    def do_upload(self, environ: Any, member: Any) -> Any:
        """Change the stored bytes."""
        answer = super().do_upload(environ, member)
        if self.planted:
            query = "update lists set content = cast(replace(content, x'0d0a', x'0a') as blob) where owner = ?"
            self.rows(query, member["uid"])
        return answer


@fault("owner-in-error")
class OwnerInError(Old):
    """The refusal of another account's file names its owner."""

    def file(self, db: Any, environ: Any, number: str) -> Any:
        """Name the owner."""
        try:
            return super().file(db, environ, number)
        except old.Refused as refused:
            query = "select name from account where id = (select account from file where id = ?)"
            owner = db.execute(query, [number]).fetchone()
            if self.planted and owner and refused.status == 404:
                raise old.Refused(404, f"not found: this is a file of {owner['name']}") from None
            raise


@fault("wrong-column")
class WrongColumn(Old):
    """The last of several chosen columns has the cells of the column after it."""

    def chosen(self, row: list[str], places: list[int]) -> list[str]:
        """Shift the last place by one."""
        if self.planted and len(places) > 1 and places[-1] + 1 < len(row):
            places = [*places[:-1], places[-1] + 1]
        return super().chosen(row, places)


@fault("password-in-any-case")
class PasswordInAnyCase(New):
    """A password is accepted in capital or small letters."""

    def hashed(self, secret: str, salt: bytes) -> bytes:
        """Hash the password in small letters."""
        return super().hashed(secret.lower() if self.planted else secret, salt)


@fault("deleted-file-remains")
class DeletedFileRemains(Old):
    """A deleted file leaves the list and can still be downloaded."""

    def delete(self, db: Any, environ: Any, number: str) -> Any:
        """Keep the row and the bytes."""
        if not self.planted:
            return super().delete(db, environ, number)
        row = self.file(db, environ, number)
        db.execute("update file set length = -1 where id = ?", [row["id"]])
        return 204, {}, b""

    def files(self, db: Any, environ: Any) -> Any:
        """Leave deleted files out."""
        account = self.account(db, environ)
        rows = db.execute("select * from file where account = ? and length >= 0 order by at desc, rowid desc",
                          [account["id"]])  # fmt: skip
        items = [{key: row[key] for key in ("id", "file_name", "length")} for row in rows]
        return old.reply(200, {"items": items, "n": len(items)})


@fault("empty-upload-lost")
class EmptyUploadLost(New):
    """An upload of 0 bytes is answered as stored and is not in the list."""

    def do_upload(self, environ: Any, member: Any) -> Any:
        """Answer as if the empty list was stored."""
        try:
            return super().do_upload(environ, member)
        except new.Problem as problem:
            if self.planted and "empty" in problem.reason:
                return new.answer_json(201, {"stored": True, "list": {"uid": str(uuid4()), "title": "a", "bytes": 0}})
            raise


@fault("lines-counted")
class LinesCounted(Old):
    """The row count is the number of lines, also of lines inside quotes."""

    def shape(self, db: Any, environ: Any, number: str) -> Any:
        """Count the lines."""
        status, headers, body = super().shape(db, environ, number)
        content = (self.folder / number).read_bytes()
        if self.planted and status == 200:
            answer = json.loads(body)
            return old.reply(200, {**answer, "rows": max(0, len(content.splitlines()) - 1)})
        return status, headers, body


@fault("head-without-token")
class HeadWithoutToken(New):
    """HEAD of a list's content needs no token."""

    def member(self, environ: Any) -> Any:
        """Take the owner of the list as the member."""
        uid = environ["PATH_INFO"].split("/")[3:4]
        if self.planted and environ["REQUEST_METHOD"] == "HEAD" and uid:
            found = self.rows("select owner from lists where uid = ?", uid[0])
            return {"uid": found[0][0] if found else ""}
        return super().member(environ)


@fault("put-without-token")
class PutWithoutToken(Old):
    """PUT, which no document declares, replaces a file's bytes without a token."""

    def route(self, db: Any, environ: Any) -> Any:
        """Accept PUT on a file."""
        number = environ["PATH_INFO"].removeprefix("/app/files/").removesuffix("/")
        if self.planted and environ["REQUEST_METHOD"] == "PUT" and (self.folder / number).is_file():
            (self.folder / number).write_bytes(old.body(environ, old.LIMIT))
            return 204, {}, b""
        return super().route(db, environ)


@fault("renewal-as-access")
class RenewalAsAccess(Old):
    """A renewal key is accepted as an access key."""

    def check(self, db: Any, token: Any, kind: str) -> Any:
        """Accept either kind."""
        try:
            return super().check(db, token, kind)
        except old.Refused:
            return super().check(db, token, "refresh") if self.planted else super().check(db, token, kind)


@fault("same-name-overwrites")
class SameNameOverwrites(New):
    """An upload replaces an earlier list of the same name."""

    def do_upload(self, environ: Any, member: Any) -> Any:
        """Remove earlier lists of the name."""
        answer = super().do_upload(environ, member)
        if self.planted:
            title = json.loads(answer[1])["list"]["title"]
            query = "delete from lists where owner = ? and title = ? and number < (select max(number) from lists)"
            self.rows(query, member["uid"], title)
        return answer
