"""The Wrangler configuration of the pair's Worker, and the names of its secrets."""

from __future__ import annotations

import json

from surroundings.presented import REFERENCE, Presented

SECRETS = ("JWT_SECRET", "JWT_REFRESH_SECRET", "LIMITER_BYPASS")
"""The secrets that the Worker reads, by name."""
ENVIRONMENTS = ("production", "staging", "blue", "green")


def describe(presented: Presented) -> None:
    """Add the honest content."""
    presented.wrangler = (REFERENCE / "worker" / "wrangler.toml").read_text(encoding="utf-8")
    for name in ENVIRONMENTS:
        rows = [{"name": secret, "type": "secret_text"} for secret in SECRETS]
        presented.files[f"secrets-{name}.json"] = json.dumps(rows)
    presented.settings["wrangler"] = {
        "hosts": ["list-cutter.com", "www.list-cutter.com"],
        "sources": str(REFERENCE / "worker" / "src"),
        "secrets": {name: list(SECRETS) for name in ENVIRONMENTS},
        "secret_lists": {name: str(presented.folder / f"secrets-{name}.json") for name in ENVIRONMENTS},
        "shared": [{"environments": ["production", "blue", "green"], "reason": "two versions on production's data"}],
    }


def present(presented: Presented) -> None:
    """Write the file and name it in the settings."""
    file = presented.folder / presented.wrangler_name
    file.write_text(presented.wrangler, encoding="utf-8")
    presented.settings["wrangler"].setdefault("file", str(file))
