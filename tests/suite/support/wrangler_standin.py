"""A stand-in for Wrangler: `wrangler deploy --env NAME` serves a Worker on the embedded pair.

Wrangler deploys to Cloudflare only, so there is no real part on this machine. Like Wrangler it appends a JSON line with
the version to the file of WRANGLER_OUTPUT_FILE_PATH (https://developers.cloudflare.com/workers/wrangler/system-environment-variables/).
STANDIN_WRANGLER contains the pair's name, and for each environment what its deployment does.
"""

import json
import os
import sys
import time
from pathlib import Path

from cutover.embedded import pair


def main() -> int:
    """Deploy as STANDIN_WRANGLER says, and return the exit code."""
    orders = json.loads(os.environ["STANDIN_WRANGLER"])
    command, option, environment = sys.argv[1:]
    if (command, option) != ("deploy", "--env"):
        raise SystemExit(f"no stand-in for wrangler {command} {option}")
    order = orders["deployments"].get(environment, {})
    pair.serve(orders["pair"], "worker", order.get("fault"), "planted")
    entries = [{"type": "wrangler-session", "version": 1, "wrangler_version": "4.0.0"}]
    entries += [
        {"type": "deploy", "version": 1, "worker_name": "list-cutter", "version_id": version, "targets": []}
        for version in order.get("versions", [orders["version"]])
    ]
    with Path(os.environ["WRANGLER_OUTPUT_FILE_PATH"]).open("a", encoding="utf-8") as output:
        output.writelines(json.dumps(entry, separators=(",", ":")) + "\n" for entry in entries)
    if "wait_for" in order:
        Path(order["wait_for"]).touch()
        time.sleep(60)  # until the test ends the script
    return 0


if __name__ == "__main__":
    sys.exit(main())
