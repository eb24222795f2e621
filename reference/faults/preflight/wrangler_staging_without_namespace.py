"""Staging does not bind the KV namespace that production binds. Control: its bindings in another order."""

from faults.preflight.lib.wrangler_text import changed, replaced, table
from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Remove the binding from staging, or move it to its end."""
    binding = table(presented.wrangler, "[[env.staging.kv_namespaces]]")
    text = replaced(presented.wrangler, "staging", binding, "")
    presented.wrangler = text if planted else changed(text, "staging", lambda part: f"{part}\n{binding}")
