"""Files compared with objects on the pair's own R2: each planted difference is found at its place, and nothing else."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import boto3
import pytest

from cutover.config.environments import Bucket
from cutover.config.validation import root
from cutover.core.errors import CheckFailed, Refused
from cutover.core.safety import AllowList
from cutover.core.secrets import Secret
from cutover.migration.bulk_media import BulkMedia
from cutover.migration.file_index import file_columns
from cutover.migration.findings import Finding, Findings, Kind, Part
from cutover.migration.mapping import MigrationMapping
from cutover.migration.mapping_file import load_mapping
from cutover.migration.object_reconciliation import ObjectNumbers, reconcile_objects
from cutover.stores.bulk_objects import BulkObjects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cutover.embedded.state import PairState

pytestmark = pytest.mark.pair

FILES = {
    1: ("list.csv", b"a,b\n1,2\n3,4\n"),
    2: ("žluťoučký 100%.csv", b"name\r\n"),
    3: ('quo"te & a%20b.csv', b'a,"b\n'),  # malformed: an unclosed quote
    4: ("empty.csv", b""),
    5: ("big.csv", b"a;b\n" + b"x;y\n" * 700_000),
}
OWNERS = {1: 7, 2: 7, 3: 8, 4: 9, 5: 9}
DERIVED = {
    1: ("completed", None, 2, 2),
    2: ("completed", None, 0, 1),
    3: ("error", "A quote is never closed.", None, None),
    4: ("completed", None, 0, 0),
    5: ("completed", None, 700_000, 2),
}


def file_id(number: int) -> str:
    """Return an id that is the same in each run."""
    return f"00000000-0000-4000-8000-{number:012d}"


@dataclasses.dataclass
class MigratedFiles:
    """A media folder, its bucket, and the rows of both systems. Each test changes one thing."""

    mapping: MigrationMapping
    pair: PairState
    folder: Path
    s3_client: Any
    legacy: dict[int, dict[str, Any]]
    worker: dict[int, dict[str, Any]]
    opened: list[BulkObjects] = dataclasses.field(default_factory=list)

    def key(self, number: int) -> str:
        """Return the key of the object."""
        return f"uploads/user-{OWNERS[number]}/{file_id(number)}.csv"

    def path(self, number: int) -> str:
        """Return the path of the file."""
        return f"uploads/{OWNERS[number]}/{file_id(number)}.csv"

    def put(self, number: int, content: bytes | None = None, *, key: str = "", **changes: Any) -> None:
        """Write the object, with changes. A value of None removes that header or metadata field."""
        name, own = FILES[number]
        metadata = {
            "originalName": quote(name, safe=""),
            "userId": str(OWNERS[number]),
            "fileId": file_id(number),
            "migratedAt": "2026-11-22T20:00:00.123Z",
            **changes.pop("metadata", {}),
        }
        described = {"ContentType": "text/csv", "CacheControl": "private, no-store", **changes}
        self.s3_client.put_object(
            Bucket=self.pair.s3_bucket,
            Key=key or self.key(number),
            Body=own if content is None else content,
            Metadata={name: value for name, value in metadata.items() if value is not None},
            **{name: value for name, value in described.items() if value is not None},
        )

    def put_in_parts(self, number: int) -> None:
        """Write the same bytes by a multipart upload, whose ETag is no MD5."""
        name = FILES[number][0]
        where = {"Bucket": self.pair.s3_bucket, "Key": self.key(number)}
        metadata = {"originalName": quote(name), "userId": str(OWNERS[number]), "fileId": file_id(number)}
        begun = self.s3_client.create_multipart_upload(
            **where,
            ContentType="text/csv",
            CacheControl="private, no-store",
            Metadata={**metadata, "migratedAt": "2026-11-22T20:00:00Z"},
        )
        part = self.s3_client.upload_part(**where, UploadId=begun["UploadId"], PartNumber=1, Body=FILES[number][1])
        parts = {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
        self.s3_client.complete_multipart_upload(**where, UploadId=begun["UploadId"], MultipartUpload=parts)

    def delete(self, number: int) -> None:
        """Remove the object."""
        self.s3_client.delete_object(Bucket=self.pair.s3_bucket, Key=self.key(number))

    def bucket(self, *, secret: str = "") -> BulkObjects:
        """Return the bucket as the reconciliation reads it. It is closed after the test."""
        keys = Secret(self.pair.s3_access_key), Secret(secret or self.pair.s3_secret_key)
        named = Bucket(self.pair.s3_url, self.pair.s3_bucket, *keys)
        made = BulkObjects(named, AllowList({"r2": self.pair.s3_url}), retry_s=5)
        self.opened.append(made)
        return made

    def found(self, *, thorough: bool = True, reverse: bool = False) -> tuple[list[Finding], ObjectNumbers]:
        """Return everything that a reconciliation finds, and its numbers."""
        columns, found = file_columns(self.mapping), list[Finding]()
        numbers = reconcile_objects(
            self.mapping,
            [[row[name] for name in columns.legacy] for row in self.legacy.values()],
            [[row[name] for name in columns.worker] for row in self.worker.values()],
            BulkMedia(self.folder),
            self.bucket(),
            Findings(sink=found.append),
            thorough=thorough,
            reverse=reverse,
        )
        return found, numbers


@pytest.fixture(scope="module")
def s3_client(own_pair: PairState) -> Iterator[Any]:
    """Yield another S3 client, to write."""
    made = boto3.client(
        "s3",
        endpoint_url=own_pair.s3_url,
        aws_access_key_id=own_pair.s3_access_key,
        aws_secret_access_key=own_pair.s3_secret_key,
        region_name="auto",
    )
    made.meta.events.register("before-sign.s3", lambda request, **_: request.headers.__delitem__("Expect"))
    yield made
    made.close()


@pytest.fixture
def migrated_files(own_pair: PairState, s3_client: Any, tmp_path: Path) -> Iterator[MigratedFiles]:
    """Yield five files with their objects and rows."""
    legacy, worker = {}, {}
    for number, (name, content) in FILES.items():
        owned = {"id": number, "user_id": OWNERS[number], "file_id": file_id(number), "file_size": len(content)}
        status, error, rows, columns = DERIVED[number]
        legacy[number] = {**owned, "file_path": f"uploads/{OWNERS[number]}/{file_id(number)}.csv"}
        worker[number] = {
            **owned,
            "r2_key": f"uploads/user-{OWNERS[number]}/{file_id(number)}.csv",
            "filename": name,
            "upload_status": status,
            "processing_error": error,
            "row_count": rows,
            "column_count": columns,
            "checksum": hashlib.sha256(content).hexdigest(),
        }
    made = MigratedFiles(load_mapping(root()), own_pair, tmp_path, s3_client, legacy, worker)
    for number in FILES:
        file = tmp_path / made.path(number)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(FILES[number][1])
        made.put(number)
    yield made
    for bucket in made.opened:
        bucket.close()
    listed = s3_client.list_objects_v2(Bucket=own_pair.s3_bucket, Prefix="uploads/").get("Contents", ())
    for entry in listed:
        s3_client.delete_object(Bucket=own_pair.s3_bucket, Key=entry["Key"])


def test_correct_migration_has_no_finding(migrated_files: MigratedFiles) -> None:
    """Awkward names, empty and malformed files and a multi-piece size give no finding, and the numbers are exact."""
    total = sum(len(content) for _, content in FILES.values())
    for reverse in (False, True):
        found, numbers = migrated_files.found(thorough=True, reverse=reverse)
        assert found == []
        assert (numbers.pairs, numbers.by_bytes, numbers.described, numbers.by_md5) == (5, 5, 5, 0)
        assert numbers.compared_bytes == numbers.file_bytes == numbers.object_bytes == total
        assert numbers.derived == (0 if reverse else 5)
        assert (numbers.not_verified, numbers.unsettled) == ([], [])
    found, numbers = migrated_files.found(thorough=False)
    assert found == []
    assert (numbers.pairs, numbers.by_md5, numbers.by_bytes, numbers.described) == (5, 5, 0, 0)
    assert len(numbers.not_verified) == 2
    assert "metadata of 5 objects" in numbers.not_verified[0]


CHANGES: dict[str, tuple[Callable[[MigratedFiles], object], list[tuple[str, Kind, str | None]]]] = {
    "object missing": (lambda m: m.delete(1), [("files", Kind.MISSING, None)]),
    "object of other size": (
        lambda m: m.put(1, b"a,b\n1,2\n"), [("files", Kind.CHANGED, "size"), ("files", Kind.CHANGED, "sha256")]
    ),
    "object truncated to nothing": (
        lambda m: m.put(1, b""), [("files", Kind.CHANGED, "size"), ("files", Kind.CHANGED, "sha256")]
    ),
    "one bit at equal size": (lambda m: m.put(1, b"a,b\n1,2\n3,5\n"), [("files", Kind.CHANGED, "sha256")]),
    "content type": (
        lambda m: m.put(1, ContentType="text/csv; charset=utf-8"), [("files", Kind.CHANGED, "content_type")]
    ),
    "content encoding": (lambda m: m.put(1, ContentEncoding="gzip"), [("files", Kind.CHANGED, "content_encoding")]),
    "the plan's own caching": (
        lambda m: m.put(1, CacheControl="public, max-age=3600"), [("files", Kind.CHANGED, "cache_control")]
    ),
    "no caching": (lambda m: m.put(1, CacheControl=None), [("files", Kind.CHANGED, "cache_control")]),
    "owner in the metadata": (
        lambda m: m.put(1, metadata={"userId": "8"}), [("files", Kind.CHANGED, "metadata.userId")]
    ),
    "file in the metadata": (
        lambda m: m.put(1, metadata={"fileId": file_id(2)}), [("files", Kind.CHANGED, "metadata.fileId")]
    ),
    "name in the metadata": (
        lambda m: m.put(1, metadata={"originalName": "List.csv"}), [("files", Kind.CHANGED, "metadata.originalName")]
    ),
    "name that was not encoded": (
        lambda m: m.put(3, metadata={"originalName": 'quo"te & a%20b.csv'}),
        [("files", Kind.CHANGED, "metadata.originalName")],
    ),
    "metadata left out": (
        lambda m: m.put(1, metadata={"fileId": None}), [("files", Kind.MISSING, "metadata.fileId")]
    ),
    "no time of its migration": (
        lambda m: m.put(1, metadata={"migratedAt": None}), [("files", Kind.MISSING, "metadata.migratedAt")]
    ),
    "a time that is none": (
        lambda m: m.put(1, metadata={"migratedAt": "yesterday"}), [("files", Kind.CHANGED, "metadata.migratedAt")]
    ),
    "unknown metadata": (
        lambda m: m.put(1, metadata={"email": "x@example.org"}), [("files", Kind.UNMAPPED, "metadata.email")]
    ),
    "an object of no row": (
        lambda m: m.put(1, key="uploads/user-7/left over.csv"), [("files", Kind.ORPHAN, None)]
    ),
    "a file of no row": (
        lambda m: (m.folder / "uploads/7/left over.csv").write_bytes(b"a\n"),
        [("list_cutter_savedfile", Kind.ORPHAN, None)],
    ),
    "a file that is gone": (
        lambda m: (m.folder / m.path(1)).unlink(), [("list_cutter_savedfile", Kind.MISSING, None)]
    ),
    "a folder in a file's place": (
        lambda m: ((m.folder / m.path(1)).unlink(), (m.folder / m.path(1)).mkdir()),
        [("list_cutter_savedfile", Kind.UNUSABLE, "file_path")],
    ),
    "a path that leads out": (
        lambda m: m.legacy[1].update(file_path="uploads/../../passwd"),
        [("list_cutter_savedfile", Kind.UNUSABLE, "file_path"), ("list_cutter_savedfile", Kind.ORPHAN, None)],
    ),
    "the key of another user": (
        lambda m: m.worker[1].update(r2_key=m.key(3)),
        [
            ("files", Kind.CHANGED, "r2_key"), ("files", Kind.CHANGED, "size"), ("files", Kind.CHANGED, "sha256"),
            ("files", Kind.CHANGED, "metadata.originalName"), ("files", Kind.CHANGED, "metadata.userId"),
            ("files", Kind.CHANGED, "metadata.fileId"), ("files", Kind.DUPLICATED, "r2_key"),
        ],
    ),
    "two rows at one file": (
        lambda m: m.legacy.update({6: {**m.legacy[1], "id": 6}}),
        [("list_cutter_savedfile", Kind.DUPLICATED, "file_path")],
    ),
    "a size that no side has": (
        lambda m: (m.worker[1].update(file_size=11), m.legacy[1].update(file_size=11)),
        [("files", Kind.CHANGED, "file_size"), ("list_cutter_savedfile", Kind.CHANGED, "file_size")],
    ),
    "rows counted wrong": (lambda m: m.worker[1].update(row_count=3), [("files", Kind.CHANGED, "row_count")]),
    "rows counted as text": (lambda m: m.worker[1].update(row_count="2"), [("files", Kind.CHANGED, "row_count")]),
    "columns not counted": (lambda m: m.worker[1].update(column_count=None), [("files", Kind.CHANGED, "column_count")]),
    "checksum of other bytes": (lambda m: m.worker[1].update(checksum="0" * 64), [("files", Kind.CHANGED, "checksum")]),
    "malformed and called completed": (
        lambda m: m.worker[3].update(upload_status="completed", processing_error=None),
        [("files", Kind.CHANGED, "upload_status"), ("files", Kind.CHANGED, "processing_error")],
    ),
}  # fmt: skip
DETECTED_IN_LISTS = {
    "object missing", "object of other size", "object truncated to nothing", "one bit at equal size",
    "an object of no row", "a file of no row", "a file that is gone", "a folder in a file's place",
    "a path that leads out", "the key of another user", "two rows at one file", "a size that no side has",
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_each_change_is_found_at_its_place(migrated_files: MigratedFiles, change: str) -> None:
    """The thorough form finds each change and nothing else. The list form finds the ones that it can detect."""
    apply, wanted = CHANGES[change]
    apply(migrated_files)
    found, _ = migrated_files.found(thorough=True)
    assert sorted((f.table, f.kind, str(f.column)) for f in found) == sorted((t, k, str(c)) for t, k, c in wanted)
    assert {f.part for f in found} <= {Part.OBJECTS, Part.ROWS}
    found, _ = migrated_files.found(thorough=False)
    assert bool(found) == (change in DETECTED_IN_LISTS)
    assert {(f.table, f.kind, f.column) for f in found} <= set(wanted)


def test_object_of_a_lost_row_is_no_orphan(migrated_files: MigratedFiles) -> None:
    """The comparison of rows finds the lost row. Its object is not reported again."""
    del migrated_files.worker[1]
    assert migrated_files.found()[0] == []


def test_multipart_object_is_read_in_the_thorough_form(migrated_files: MigratedFiles) -> None:
    """The ETag of a multipart object is no MD5: the list form reports it, the thorough form reads its bytes."""
    migrated_files.put_in_parts(1)
    found, numbers = migrated_files.found(thorough=False)
    assert (found, numbers.multipart, numbers.by_md5) == ([], 1, 4)
    assert "1 multipart" in numbers.not_verified[0]
    found, numbers = migrated_files.found(thorough=True)
    assert (found, numbers.by_bytes) == ([], 5)
    (migrated_files.folder / migrated_files.path(1)).write_bytes(b"a,b\n1,2\n3,5\n")
    assert [f.column for f in migrated_files.found(thorough=True)[0]] == ["sha256", "checksum"]


def test_reverse_compares_files_as_the_target(migrated_files: MigratedFiles) -> None:
    """A file that was not migrated back is named by its path. Uploads to the Worker have no migratedAt."""
    migrated_files.put(1, metadata={"migratedAt": None})
    assert migrated_files.found(reverse=True)[0] == []
    (migrated_files.folder / migrated_files.path(1)).write_bytes(b"a,b\n1,2\n3,5\n")
    (finding,) = migrated_files.found(reverse=True)[0]
    assert (finding.table, finding.key, finding.column) == ("list_cutter_savedfile", migrated_files.path(1), "sha256")
    assert finding.expected == f'"{hashlib.sha256(FILES[1][1]).hexdigest()}"'
    (migrated_files.folder / migrated_files.path(1)).unlink()
    assert [(f.kind, f.key) for f in migrated_files.found(reverse=True)[0]] == [(Kind.MISSING, migrated_files.path(1))]


def test_missing_media_folder_means_missing_files(migrated_files: MigratedFiles) -> None:
    """Without the media folder every file is missing."""
    shutil.rmtree(migrated_files.folder / "uploads")
    found, numbers = migrated_files.found()
    assert [f.kind for f in found] == [Kind.MISSING] * 5
    assert (numbers.files, numbers.pairs) == (0, 0)


@pytest.mark.skipif(
    os.geteuid() == 0, reason="The test needs a folder that its user cannot read, and root can read every folder."
)
def test_unreadable_folder_ends_the_run(migrated_files: MigratedFiles) -> None:
    """The content of a folder without read permission cannot be compared, so the run ends."""
    (migrated_files.folder / "uploads/7").chmod(0)
    with pytest.raises(CheckFailed, match="media folder that can be read"):
        migrated_files.found()
    (migrated_files.folder / "uploads/7").chmod(0o700)


def test_wrong_s3_keys_end_the_run(migrated_files: MigratedFiles) -> None:
    """R2 refuses the signature, and the message says what to do."""
    bucket = migrated_files.bucket(secret="another secret key")
    with pytest.raises(CheckFailed, match=r"status 403 while listing(?s:.*)are the keys in"):
        list(bucket.listing("uploads/"))
    assert len(next(iter(migrated_files.bucket().listing("uploads/")))) == 5


def test_unnamed_bucket_gets_no_request(migrated_files: MigratedFiles) -> None:
    """The client refuses an address that the environment does not name."""
    with pytest.raises(Refused, match="not a host of this environment"):
        BulkObjects(migrated_files.bucket()._bucket, AllowList({"worker": "https://elsewhere.example"}))  # noqa: SLF001 - the same bucket


def test_listing_in_pages_is_complete(migrated_files: MigratedFiles) -> None:
    """A listing in pages of two keys has the same content."""
    bucket = migrated_files.bucket()
    pages = list(bucket.listing("uploads/", page_keys=2))
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [each for page in pages for each in page] == next(bucket.listing("uploads/"))
