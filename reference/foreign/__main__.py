"""Run the foreign pair on loopback until Ctrl-C or the end of the starting process: `python -m reference.foreign`.

The first line of the output is one JSON object with the URLs. The environment variables ROSTER_NEW_SECRET and
ROSTER_OLD_SECRET are the secrets of the tokens, random ones if they are not set.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from reference.foreign.faults import FAULTS
from reference.foreign.serve import die_with_parent


def main() -> int:
    """Start both systems, print their URLs, and wait."""
    parser = argparse.ArgumentParser(prog="python -m reference.foreign", description=__doc__)
    parser.add_argument("--new-port", type=int, default=0, help="port of the new system (default: any free one)")
    parser.add_argument("--old-port", type=int, default=0, help="port of the old system (default: any free one)")
    parser.add_argument("--fault", choices=sorted(FAULTS), help="plant a fault (reference/foreign/faults.py)")
    parser.add_argument("--control", action="store_true", help="load the fault's wrapper without its effect")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    die_with_parent(signal.SIGTERM)
    started: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryDirectory(prefix="cutover-foreign-") as folder:
        try:
            urls = {}
            for system, port in (("new", options.new_port), ("old", options.old_port)):
                listener = socket.create_server(("127.0.0.1", port), backlog=512)
                started.append(_start(system, listener, Path(folder), options))
                urls[system] = "http://{}:{}".format(*listener.getsockname())
                listener.close()
            print(json.dumps(urls), flush=True)
            while all(process.poll() is None for process in started):
                time.sleep(0.2)
            print("a system ended", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            return 0
        finally:
            for process in started:
                process.terminate()
            for process in started:
                process.wait(10)


def _start(system: str, listener: socket.socket, folder: Path, options: argparse.Namespace) -> subprocess.Popen[bytes]:
    own = folder / system
    own.mkdir()
    given = os.environ.get(f"ROSTER_{system.upper()}_SECRET") or secrets.token_hex(32)
    variables = {**os.environ, "FOREIGN_SECRET": given, "FOREIGN_CONTROL": "yes" if options.control else ""}
    variables["FOREIGN_FAULT"] = options.fault or ""
    command = [sys.executable, "-m", "reference.foreign.serve", system, str(listener.fileno()), str(own)]
    return subprocess.Popen(
        command, env=variables, pass_fds=[listener.fileno()], start_new_session=True, stdin=subprocess.DEVNULL
    )


if __name__ == "__main__":
    sys.exit(main())
