"""Present the surroundings of a pair until stdin is closed: `python -m surroundings [FAULT]` in reference/.

The first line on stdin is JSON, {"folder": PATH, "pair": {…}}; the first line on stdout is {"ready": true}.
`FAULT` is a module of faults/preflight/. The environment variable FAULT is `planted`, or `control` for its control.

Each part is a module with `describe(presented)`, which adds the honest content, and `present(presented)`, which
presents the content after the fault changed it. `present` may return a function that undoes it at the end.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from surroundings import dns_part, prerequisites_part, storage_part, tls_part, wrangler_part
from surroundings.presented import Presented

PARTS = (wrangler_part, dns_part, tls_part, storage_part, prerequisites_part)
"""The parts, in the order in which they are described and presented."""


def main() -> int:
    """Run until stdin is closed. Return 0, or raise if a part cannot be presented."""
    wanted = json.loads(sys.stdin.readline())
    presented = Presented(Path(wanted["folder"]), wanted["pair"])
    for part in PARTS:
        part.describe(presented)
    if len(sys.argv) > 1:
        mode = os.environ.get("FAULT")
        if mode not in ("planted", "control"):
            raise SystemExit(f"surroundings: the environment variable FAULT must be planted or control, not {mode}")
        importlib.import_module(f"faults.preflight.{sys.argv[1]}").change(presented, planted=mode == "planted")
    undo: list[Callable[[], None]] = []
    try:
        for part in PARTS:
            last = part.present(presented)
            undo += [last] if last is not None else []
        for name, text in presented.files.items():
            (presented.folder / name).write_text(text, encoding="utf-8")
        settings = {"preflight": presented.settings, **presented.environment}
        (presented.folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
        print(json.dumps({"ready": True}), flush=True)
        sys.stdin.read()
    finally:
        for last in reversed(undo):
            last()
    return 0


if __name__ == "__main__":
    sys.exit(main())
