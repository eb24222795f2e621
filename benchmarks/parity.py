"""Measure the speed of parity's comparison, next to deepdiff and jsondiff, and its share of a run.

    .venv/bin/python benchmarks/parity.py [--rounds N] [--no-run]

vs_deepdiff_equal     1,000 rows of list_files with equal values, and another key order, spacing and escaping
vs_deepdiff_shuffled  the same rows in another order, which is ignored; deepdiff with ignore_order
vs_deepdiff_shuffled_by_key
                      the same; ours matches the rows by their ids, with the ID mapping and the instants
vs_deepdiff_changed   1 % of the rows changed in one field each
vs_jsondiff           minimum over the bodies whose order counts; a lower bound if jsondiff was stopped after 60 s
own_share             share of the wall time of the written journeys, on their own pair, that is not an exchange
own_cpu_share         share of the same wall time that is CPU time of this process, including the HTTP client

Times are CPU times from raw bytes to differences, including the parsing. All three work in one thread without
waiting, so other load of the machine does not count. The contenders take turns in N rounds. A figure is the median of
the ratios of a contender's time to ours. The program ends with 1 if we find anything but the changes that were made,
or if the journeys have undeclared differences: the figures would be meaningless.
"""

import argparse
import contextlib
import gc
import importlib
import json
import random
import resource
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID

from cutover.accounts.roles import AccountRoles
from cutover.client.http import Client
from cutover.config.environments import load_environment
from cutover.config.operations import load_operations
from cutover.config.validation import root
from cutover.core.recorder import Recorder
from cutover.core.safety import KillSwitch
from cutover.embedded import pair
from cutover.parity import lossless_json
from cutover.parity.differences import Kind
from cutover.parity.id_mapping import IdMapping
from cutover.parity.journeys import written
from cutover.parity.parity_run import ParityRun
from cutover.parity.rules import ListRule, Rules, load_rules
from cutover.parity.stored_state import legacy_state, worker_state
from cutover.parity.value_comparison import Comparison
from cutover.stores import LegacyRows, MediaFolder, ObjectStore, RowStore
from cutover.systems.readiness import become_ready
from cutover.systems.target import Target

ROWS = 1000
CAP_S = 60.0
Found = Counter[tuple[str, str]]
"""Path and class of differences."""


@dataclass(frozen=True)
class Bodies:
    """Two bodies of one operation, the rules of their list, and the expected differences."""

    name: str
    baseline: bytes
    candidate: bytes
    rules: tuple[tuple[str, Rules], ...]
    ids_known: bool = False
    ignore_order: bool = False
    differs: Found = field(default_factory=Counter)


def rows(draw: random.Random) -> list[dict[str, Any]]:
    """Return the list_files response for 1,000 files."""
    words = ("contacts", "Kontakte Köln", "顧客", "leads, warm", 'the "A" list', "export/2026", "северо-запад")
    made = []
    for number in range(ROWS):
        done = draw.random() < 0.9
        moment = f"2026-{draw.randint(1, 10):02}-{draw.randint(1, 28):02}T{draw.randint(0, 23):02}:{number % 60:02}:07"
        made.append(
            {
                "file_id": str(UUID(int=draw.getrandbits(128), version=4)),
                "filename": f"{draw.choice(words)} {number}.csv",
                "original_filename": f"{draw.choice(words)} {number}.csv",
                "file_size": draw.randint(100, 50_000_000),
                "mime_type": "text/csv",
                "tags": [f"{draw.choice(words)} {index}" for index in range(2 + number % 3)],
                "upload_status": "completed" if done else "processing",
                "processing_error": None,
                "row_count": draw.randint(1, 100_000) if done else None,
                "column_count": draw.randint(1, 40) if done else None,
                "checksum": f"{draw.getrandbits(256):064x}",
                "created_at": f"{moment}.{number:06}Z",
                "updated_at": f"{moment}.{number + 1:06}Z",
                "processed_at": f"{moment}.{number + 2:06}Z" if done else None,
            }
        )
    return made


def other_spelling(listed: Sequence[dict[str, Any]], draw: random.Random) -> bytes:
    """Return the same list with its keys in other orders, indented, and without escapes."""
    shuffled = [dict(draw.sample(list(row.items()), len(row))) for row in listed]
    document = {"total": len(shuffled), "files": shuffled}
    return json.dumps(document, indent=2, ensure_ascii=False).encode()


def changed(listed: Sequence[dict[str, Any]], draw: random.Random) -> tuple[list[dict[str, Any]], Found]:
    """Return the list with 1 % of its rows changed in different ways, and the expected differences."""
    made = [dict(row) for row in listed]
    ways: tuple[tuple[str, Kind, Callable[[dict[str, Any]], Any]], ...] = (
        ("filename", Kind.VALUE, lambda row: row.update(filename=row["filename"] + " ")),
        ("file_size", Kind.VALUE, lambda row: row.update(file_size=row["file_size"] + 1)),
        ("file_size", Kind.TYPE, lambda row: row.update(file_size=float(row["file_size"]))),
        ("tags/*", Kind.ORDER, lambda row: row.update(tags=row["tags"][::-1])),
        ("tags/*", Kind.EXTRA, lambda row: row.update(tags=[*row["tags"], "new"])),
        ("tags/*", Kind.MISSING, lambda row: row.update(tags=row["tags"][1:])),
        ("processing_error", Kind.TYPE, lambda row: row.update(processing_error="")),
        ("checksum", Kind.MISSING, lambda row: row.pop("checksum")),
        ("owner", Kind.EXTRA, lambda row: row.update(owner=1)),
        ("updated_at", Kind.VALUE, lambda row: row.update(updated_at=row["updated_at"].replace("2026", "2025"))),
    )
    differs: Found = Counter()
    for index, place in enumerate(sorted(draw.sample(range(ROWS), ROWS // 100))):
        name, kind, change = ways[index % len(ways)]
        change(made[place])
        differs[f"/files/*/{name}", kind.value] += 1
    return made, differs


def all_bodies(draw: random.Random) -> tuple[Bodies, ...]:
    """Return the three cases, with the contract's rules except for the order of the list."""
    promised = load_rules(root(), load_operations(root() / "contracts" / "operations.toml", {}, {}, "benchmark"))
    free, keyed = (
        replace(promised, lists={**promised.lists, "/files": rule}, _roots={})
        for rule in (ListRule(None, ordered=False), ListRule("file_id", ordered=False))
    )
    listed = rows(draw)
    baseline = json.dumps({"files": listed, "total": len(listed)}, separators=(",", ":")).encode()
    others, differs = changed(listed, draw)
    return (
        Bodies("equal", baseline, other_spelling(listed, draw), (("", promised),)),
        Bodies(
            "shuffled",
            baseline,
            other_spelling(draw.sample(listed, len(listed)), draw),
            (("", free), ("_by_key", keyed)),
            ids_known=True,
            ignore_order=True,
        ),
        Bodies("changed", baseline, other_spelling(others, draw), (("", promised),), differs=differs),
    )


def by_us(bodies: Bodies, rules: Rules) -> float:
    """Return the CPU seconds of one comparison. Ends the program if it finds anything unexpected."""
    known = IdMapping()
    if bodies.ids_known:  # in a journey the upload's answer has told them
        for row in json.loads(bodies.baseline)["files"]:
            known.bind("file", row["file_id"], row["file_id"])
    found: Found = Counter()

    def report(path: str, kind: Kind, *_: Any) -> None:
        found[path, kind.value] += 1

    place = rules.root("list_files")
    gc.collect()
    started = time.process_time()
    ours, theirs = lossless_json.read(bodies.baseline), lossless_json.read(bodies.candidate)
    Comparison(known, report).compare(ours, theirs, place)
    seconds = time.process_time() - started
    if found != bodies.differs:
        sys.exit(f"{bodies.name}: found {dict(found)}, and what differs is {dict(bodies.differs)}")
    return seconds


def by_deepdiff(bodies: Bodies) -> tuple[float, int]:
    """Return the CPU seconds of one comparison, and the number of differences."""
    from deepdiff import DeepDiff

    gc.collect()
    started = time.process_time()
    ours, theirs = json.loads(bodies.baseline), json.loads(bodies.candidate)
    found = DeepDiff(ours, theirs, ignore_order=bodies.ignore_order)
    seconds = time.process_time() - started
    if bool(found) != bool(bodies.differs):
        sys.exit(f"{bodies.name}: deepdiff finds {len(found)} kinds of difference, which is no like comparison")
    return seconds, sum(len(each) for each in found.values())


JSONDIFF = """
import json, sys, time
import jsondiff
baseline, candidate = (open(name, "rb").read() for name in sys.argv[1:])
started = time.process_time()
found = jsondiff.diff(json.loads(baseline), json.loads(candidate))
print(json.dumps([time.process_time() - started, bool(found)]))
"""


def by_jsondiff(bodies: Bodies) -> tuple[float, bool]:
    """Return the CPU seconds of one comparison in its own process, and True if it finished in time."""
    with tempfile.TemporaryDirectory() as folder:
        names = [Path(folder) / "baseline.json", Path(folder) / "candidate.json"]
        for name, body in zip(names, (bodies.baseline, bodies.candidate), strict=True):
            name.write_bytes(body)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        process = subprocess.Popen([sys.executable, "-c", JSONDIFF, *map(str, names)], stdout=subprocess.PIPE)
        try:
            told, _ = process.communicate(timeout=CAP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, False
    if process.returncode != 0:
        sys.exit(f"jsondiff ended with {process.returncode} on what is {bodies.name}")
    seconds, found = json.loads(told)
    if found != bool(bodies.differs):
        sys.exit(f"{bodies.name}: jsondiff does not agree, which is no like comparison")
    return seconds, True


def compared(rounds: int) -> dict[str, float]:
    """Return the figures of the comparison with the other two."""
    figures, least = {}, []
    print(
        f"{'bodies':24} {'ours ms':>9} {'deepdiff ms':>12} {'times':>7} {'jsondiff ms':>12} {'times':>7} {'differ':>7}"
    )
    for bodies in all_bodies(random.Random(4)):  # noqa: S311 - the same bodies in each run
        ours: dict[str, list[float]] = {way: [] for way, _ in bodies.rules}
        theirs, named = [], 0
        for _ in range(rounds):
            for way, rules in bodies.rules:
                ours[way].append(by_us(bodies, rules))
            seconds, named = by_deepdiff(bodies)
            theirs.append(seconds)
        slower = statistics.median(theirs)
        times = {way: statistics.median(their / own for their, own in zip(theirs, each, strict=True))
                 for way, each in ours.items()}  # fmt: skip
        figures |= {f"vs_deepdiff_{bodies.name}{way}": each for way, each in times.items()}
        last, ended = (0.0, True) if bodies.ignore_order else by_jsondiff(bodies)
        for way, each in ours.items():
            own = statistics.median(each)
            line = f"{bodies.name + way:24} {own * 1e3:9.2f} {slower * 1e3:12.1f} {times[way]:7.1f}"
            if last:
                mark = "" if ended else ">"
                line += f" {mark + f'{last * 1e3:.0f}':>12} {mark + f'{last / own:.0f}':>7}"
                least.append(last / own)
            else:
                line += f" {'':12} {'':7}"
            print(f"{line} {f'{bodies.differs.total()}/{named}':>7}")
    return {**figures, "vs_jsondiff": min(least)}


def own_shares() -> dict[str, float]:
    """Return the figures of a run of the written journeys on their own pair, including the stores."""
    handle = pair.start(f"benchmark-{secrets.token_hex(4)}", owned=True, options=pair.PairOptions())
    try:
        environment = load_environment(root(), "embedded", pair=handle.wait())
        with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
            recorder, stop = Recorder(), KillSwitch(root())
            client = Client(
                environment, recorder=recorder, rate_limiter=None, kill_switch=stop, run=secrets.token_hex(4)
            )
            stack.callback(client.close)
            legacy, worker = (Target(system, environment, client, recorder) for system in ("legacy", "worker"))
            for target in (legacy, worker):
                become_ready(target, print)
            assert environment.postgres is not None
            assert environment.media is not None
            assert environment.d1 is not None
            assert environment.bucket is not None
            rows_of_legacy = LegacyRows(environment.postgres, environment, recorder=recorder, kill_switch=stop)
            stack.callback(rows_of_legacy.close)
            media, bucket = MediaFolder(environment.media), ObjectStore(environment.bucket, client)
            row_store = RowStore(environment.d1, client)

            def held(target: Target, accounts: Sequence[Any]) -> Any:
                names = [account.username for account in accounts]
                if target.system == "legacy":
                    return legacy_state(rows_of_legacy, media, names)
                return worker_state(row_store, bucket, names)

            run = ParityRun(
                root(),
                environment,
                legacy,
                worker,
                run=secrets.token_hex(4),
                ledger=Path(folder) / "test-data.jsonl",
                recorder=recorder,
                make_admin=AccountRoles(environment, row_store).make_admin,
                read_state=held,
            )
            return played(run, recorder)
    finally:
        handle.stop()


def played(run: ParityRun, recorder: Recorder) -> dict[str, float]:
    """Play the written journeys and measure their time."""
    journeys = written()
    run.play(journeys[0], "warm")  # clocks, connections, the systems' own first answers
    recorder.take()
    wall, cpu = time.perf_counter(), time.process_time()
    for journey in journeys:
        if undeclared := run.play(journey, "benchmark"):
            sys.exit(f"{journey.name}: {undeclared[0]}, which nobody declared")
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    systems = sum(exchange.ms for exchange in recorder.exchanges) / 1000
    print(
        f"\n{len(journeys)} written journeys, {len(recorder.exchanges)} exchanges: {wall:.2f} s, of which the systems "
        f"{systems:.2f} s, own {wall - systems:.2f} s; CPU of this process {cpu:.2f} s"
    )
    return {"own_share": (wall - systems) / wall, "own_cpu_share": cpu / wall}


def main() -> None:
    """Print the table and, as the last line, one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-run", action="store_true", help="leave the two shares of a run out")
    options = parser.parse_args()
    for name in ("deepdiff", "jsondiff"):
        try:
            importlib.import_module(name)
        except ModuleNotFoundError:
            sys.exit(f"{name} is not installed, and it is what is measured against: make setup (extra `benchmarks`)")
    figures = compared(options.rounds)
    if not options.no_run:
        figures |= own_shares()
    print(json.dumps({name: round(value, 3 if name.startswith("own") else 1) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
