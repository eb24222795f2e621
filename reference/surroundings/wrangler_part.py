"""The Wrangler configuration of the pair's Worker."""

from __future__ import annotations

from surroundings.presented import REFERENCE, Presented


def describe(presented: Presented) -> None:
    """Add the honest content."""
    presented.wrangler = (REFERENCE / "worker" / "wrangler.toml").read_text(encoding="utf-8")
    presented.settings["wrangler"] = {}


def present(presented: Presented) -> None:
    """Write the file and name it in the settings."""
    file = presented.folder / presented.wrangler_name
    file.write_text(presented.wrangler, encoding="utf-8")
    presented.settings["wrangler"].setdefault("file", str(file))
