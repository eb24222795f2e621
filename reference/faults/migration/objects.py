"""Faults of objects in R2, and of the files that they were copied from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from botocore.exceptions import ClientError
from reference.faults.migration.planting import Pair, PlantingError, fault, sequence_kept

BEYOND_DOUBLE = 2**53 + 1
_NOBODYS_FILE = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True)
class _Stored:
    """An object: its bytes, headers and user metadata (names in lower case)."""

    content: bytes
    headers: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)


def _read(pair: Pair, key: str) -> _Stored:
    found = pair.s3.get_object(Bucket=pair.bucket, Key=key)
    headers = {name: found[name] for name in ("ContentType", "CacheControl", "ContentEncoding") if found.get(name)}
    return _Stored(found["Body"].read(), headers, found["Metadata"])


def _write(pair: Pair, key: str, stored: _Stored) -> None:
    pair.s3.put_object(Bucket=pair.bucket, Key=key, Body=stored.content, Metadata=stored.metadata, **stored.headers)


def _write_in_parts(pair: Pair, key: str, stored: _Stored) -> None:
    """Write the object as one part of a multipart upload: its ETag is not an MD5."""
    where: dict[str, Any] = {"Bucket": pair.bucket, "Key": key}
    upload = pair.s3.create_multipart_upload(**where, Metadata=stored.metadata, **stored.headers)["UploadId"]
    part = pair.s3.upload_part(**where, UploadId=upload, PartNumber=1, Body=stored.content)["ETag"]
    parts = {"Parts": [{"ETag": part, "PartNumber": 1}]}
    pair.s3.complete_multipart_upload(**where, UploadId=upload, MultipartUpload=parts)


def _exists(pair: Pair, key: str) -> bool:
    try:
        pair.s3.head_object(Bucket=pair.bucket, Key=key)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return False
        raise
    return True


def _key(pair: Pair, where: str = "file_size > 20") -> str:
    """Return the key of a file in the middle of those that match."""
    many = f"SELECT count(*) FROM files WHERE {where}"
    return str(pair.one(f"SELECT r2_key FROM files WHERE {where} ORDER BY id LIMIT 1 OFFSET ({many}) / 2"))


@contextmanager
def _kept(pair: Pair, key: str) -> Iterator[_Stored]:
    """Restore the object afterwards."""
    stored = _read(pair, key)
    try:
        yield stored
    finally:
        _write(pair, key, stored)


def _changed(
    name: str,
    change: Callable[[_Stored], _Stored],
    write: Callable[[Pair, str, _Stored], None] = _write,
    where: str = "file_size > 20",
) -> None:
    """Write a changed object. The control writes it unchanged."""

    @fault(name)
    def plant(pair: Pair, planted: bool) -> Iterator[str]:
        key = _key(pair, where)
        with _kept(pair, key) as stored:
            made = change(stored)
            if made == stored:
                raise PlantingError(f"{key}: nothing to change")
            write(pair, key, made if planted else stored)
            yield key


def _flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0x01]) + content[middle + 1 :]


_changed("object-bit-flipped", lambda o: replace(o, content=_flipped(o.content)))
_changed("object-truncated", lambda o: replace(o, content=o.content[:-1]))
_changed("object-emptied", lambda o: replace(o, content=b""))
_changed("object-with-line-end-added", lambda o: replace(o, content=o.content + b"\n"))
_changed(
    "object-in-other-line-ends",
    lambda o: replace(o, content=o.content.replace(b"\n", b"\r\n").replace(b"\r\r\n", b"\n")),
    where="row_count > 1",
)
_changed("object-in-parts-bit-flipped", lambda o: replace(o, content=_flipped(o.content)), _write_in_parts)
_changed("object-of-other-type", lambda o: replace(o, headers=o.headers | {"ContentType": "application/octet-stream"}))
_changed("object-cached-publicly", lambda o: replace(o, headers=o.headers | {"CacheControl": "public, max-age=3600"}))
_changed("object-called-gzip", lambda o: replace(o, headers=o.headers | {"ContentEncoding": "gzip"}))
_changed("object-of-other-owner", lambda o: replace(o, metadata=o.metadata | {"userid": o.metadata["userid"] + "0"}))
_changed("object-of-other-file", lambda o: replace(o, metadata=o.metadata | {"fileid": _NOBODYS_FILE}))
_changed("object-of-other-name", lambda o: replace(o, metadata=o.metadata | {"originalname": "list.csv"}))
_changed(
    "object-name-encoded-twice",
    lambda o: replace(o, metadata=o.metadata | {"originalname": quote(o.metadata["originalname"])}),
    where="filename LIKE '% %'",
)
_changed(
    "object-without-owner",
    lambda o: replace(o, metadata={name: value for name, value in o.metadata.items() if name != "userid"}),
)
_changed("object-migrated-some-day", lambda o: replace(o, metadata=o.metadata | {"migratedat": "yesterday"}))
_changed("object-with-more-metadata", lambda o: replace(o, metadata=o.metadata | {"email": "someone@example.org"}))


@fault("object-bom-lost")
def object_bom_lost(pair: Pair, planted: bool) -> Iterator[str]:
    bom = b"\xef\xbb\xbf"
    rows = pair.postgres.execute("SELECT file_path, file_id::text FROM list_cutter_savedfile ORDER BY id").fetchall()
    file_id = next(file_id for path, file_id in rows if (pair.media_root / path).read_bytes().startswith(bom))
    key = str(pair.one(f"SELECT r2_key FROM files WHERE file_id = '{file_id}'"))
    with _kept(pair, key) as stored:
        _write(pair, key, replace(stored, content=stored.content.removeprefix(bom)) if planted else stored)
        yield key


@fault("object-missing")
def object_missing(pair: Pair, planted: bool) -> Iterator[str]:
    key = _key(pair)
    with _kept(pair, key) as stored:
        pair.s3.delete_object(Bucket=pair.bucket, Key=key)
        if not planted:
            _write(pair, key, stored)
        yield key


@fault("object-extra")
def object_extra(pair: Pair, planted: bool) -> Iterator[str]:
    """Add an object of a deleted file, whose owner believes that it is gone."""
    key = f"{_key(pair).rpartition('/')[0]}/{_NOBODYS_FILE}.csv"
    with _new(pair, key, _Stored(b"a,b\n1,2\n", {"ContentType": "text/csv"}), planted=planted):
        yield key


@fault("object-extra-of-nobody")
def object_extra_of_nobody(pair: Pair, planted: bool) -> Iterator[str]:
    key = f"uploads/user-999999999/{_NOBODYS_FILE}.csv"
    with _new(pair, key, _Stored(b"a,b\n1,2\n", {"ContentType": "text/csv"}), planted=planted):
        yield key


@contextmanager
def _new(pair: Pair, key: str, stored: _Stored, *, planted: bool) -> Iterator[None]:
    if _exists(pair, key):
        raise PlantingError(f"{key} is there already")
    _write(pair, key, stored)
    try:
        if not planted:
            pair.s3.delete_object(Bucket=pair.bucket, Key=key)
        yield
    finally:
        pair.s3.delete_object(Bucket=pair.bucket, Key=key)


@fault("object-in-other-letters")
def object_in_other_letters(pair: Pair, planted: bool) -> Iterator[str]:
    """Move the object to a key that differs in the case of one folder: it is missing at its own key."""
    key = _key(pair)
    with _kept(pair, key) as stored:
        other = key.replace("user-", "User-")
        pair.s3.delete_object(Bucket=pair.bucket, Key=key)
        with _new(pair, other, stored, planted=planted):
            if not planted:
                _write(pair, key, stored)
            yield key


@fault("two-objects-swapped")
def two_objects_swapped(pair: Pair, planted: bool) -> Iterator[str]:
    """Swap only the bytes: keys, sizes in rows and metadata do not change."""
    first, second = (
        row[0] for row in pair.d1("SELECT min(r2_key) FROM files WHERE file_size > 20 GROUP BY checksum LIMIT 2")
    )
    with _kept(pair, first) as one, _kept(pair, second) as other:
        _write(pair, first, replace(one, content=other.content if planted else one.content))
        _write(pair, second, replace(other, content=one.content if planted else other.content))
        yield first


@fault("media-file-changed-since")
def media_file_changed_since(pair: Pair, planted: bool) -> Iterator[str]:
    """Change the file in Django's folder, with equal size, after it was migrated."""
    key = _key(pair)
    path = pair.postgres.execute(
        "SELECT file_path FROM list_cutter_savedfile WHERE file_id::text = %s",
        (key.rpartition("/")[2].removesuffix(".csv"),),
    ).fetchone()
    assert path is not None
    place = pair.media_root / path[0]
    content = place.read_bytes()
    place.write_bytes(_flipped(content) if planted else content)
    try:
        yield key
    finally:
        place.write_bytes(content)


@fault("id-rounded-to-a-double")
def id_rounded(pair: Pair, planted: bool) -> Iterator[str]:
    """Write 2^53 for file 2^53 + 1, like a client that reads numbers as doubles. Yield the missing key."""
    there = BEYOND_DOUBLE - 1 if planted else BEYOND_DOUBLE
    row = pair.literals("files", int(pair.one("SELECT CAST(max(id) AS TEXT) FROM files")))
    old_key = row["r2_key"].strip("'")
    key = f"{old_key.rpartition('/')[0]}/{_NOBODYS_FILE}.csv"
    stored = _read(pair, old_key)
    path = f"uploads/{row['user_id']}/{_NOBODYS_FILE}.csv"
    copied = "file_name, file_size, uploaded_at, system_tags, user_tags, metadata, user_id"
    media = pair.media_root / path
    with (
        sequence_kept(pair, "files"),
        _new(pair, key, replace(stored, metadata=stored.metadata | {"fileid": _NOBODYS_FILE}), planted=True),
    ):
        try:
            media.write_bytes(stored.content)
            pair.postgres.execute(
                f"INSERT INTO list_cutter_savedfile (id, file_id, file_path, {copied})"
                f" SELECT %s, %s, %s, {copied} FROM list_cutter_savedfile WHERE id = %s",
                (BEYOND_DOUBLE, _NOBODYS_FILE, path, int(row["id"])),
            )
            pair.put_row("files", row | {"id": str(there), "file_id": f"'{_NOBODYS_FILE}'", "r2_key": f"'{key}'"})
            yield str(BEYOND_DOUBLE)
        finally:
            pair.d1(f"DELETE FROM files WHERE id = {there}")
            pair.postgres.execute("DELETE FROM list_cutter_savedfile WHERE id = %s", (BEYOND_DOUBLE,))
            media.unlink(missing_ok=True)
