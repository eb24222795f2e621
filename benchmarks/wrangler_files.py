"""Judge Wrangler configurations by their paths: counts of findings by kind, and time.

    .venv/bin/python benchmarks/wrangler_files.py FILE…

Each file is judged as for a cutover: env.production, or the top level without it, and staging, blue and green if it
defines them. Nothing is known about its hosts, its secrets and its source code, so these are not judged. A file that
stops a check, or that cannot be read, ends with exit code 1.
"""

import datetime
import json
import sys
import time
from collections import Counter
from pathlib import Path

from cutover.config.preflight_wrangler import TOP_LEVEL, WranglerSettings
from cutover.core.errors import Blocked
from cutover.preflight.findings import Finding
from cutover.preflight.wrangler_comparison import comparison_findings, inheritance_findings
from cutover.preflight.wrangler_file import read_wrangler_file
from cutover.preflight.wrangler_routes import route_findings
from cutover.preflight.wrangler_shape import validity_findings
from cutover.preflight.wrangler_stores import sharing_findings
from cutover.preflight.wrangler_values import placeholder_findings, secret_findings


def judge(path: Path) -> list[Finding]:
    """Return the findings about a file, each name once."""
    file = read_wrangler_file(path)
    env = file.root.get("env") if file.root is not None else None
    names = set(env.table) if env is not None else set()
    production = "production" if "production" in names else TOP_LEVEL
    settings = WranglerSettings(
        path,
        production=production,
        staging="staging" if "staging" in names else production,
        colours=tuple(sorted(names & {"blue", "green"})),
    )
    found = validity_findings(file, settings, datetime.datetime.now(datetime.UTC).date())
    try:
        for check in (
            inheritance_findings,
            comparison_findings,
            placeholder_findings,
            sharing_findings,
            secret_findings,
        ):
            found += check(file, settings)
        found += route_findings(file, settings, ())
    except Blocked:
        pass  # the file cannot be parsed, which is a finding already
    return list({finding.name: finding for finding in found}.values())


def main() -> int:
    """Judge all files, print each finding and the totals. Return the exit code."""
    kinds: Counter[str] = Counter()
    broken, clean = 0, 0
    start = time.perf_counter()
    for path in map(Path, sys.argv[1:]):
        try:
            found = judge(path)
        except Exception as error:  # noqa: BLE001 - every file is tried, and each that stops is counted
            print(f"{path}: {type(error).__name__}: {error}")
            broken += 1
            continue
        clean += not found
        kinds.update(finding.name.split(":")[1] for finding in found)
        for finding in found:
            print(f"{path.parent}/{finding.place}: expected {finding.expected}, got {finding.got}")
    seconds = round(time.perf_counter() - start, 3)
    for kind, count in kinds.most_common():
        print(f"{count:6}  {kind}")
    files = len(sys.argv) - 1
    print(
        json.dumps({"files": files, "clean": clean, "stopped": broken, "findings": kinds.total(), "seconds": seconds})
    )
    return int(broken > 0 or not files)


if __name__ == "__main__":
    sys.exit(main())
