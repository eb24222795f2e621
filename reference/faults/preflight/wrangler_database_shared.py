"""Staging uses the database of production. Control: another database of its own."""

from faults.preflight.lib.wrangler_text import replaced
from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Replace the id of staging's database."""
    other = "5d3f2a10-6c1e-4b9a-9f0d-2f7c1f0a8e01" if planted else "c2f9a1d4-8b63-4e57-a0de-91b7343c5f02"
    presented.wrangler = replaced(presented.wrangler, "staging", "7b8c9d12-0e4f-4a6b-8c3d-5e6f7a8b9c02", other)
