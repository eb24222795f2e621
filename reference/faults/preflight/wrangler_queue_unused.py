"""A queue is bound in every environment, and no source uses it. Control: only a comment mentions it."""

from faults.preflight.lib.wrangler_text import ENVIRONMENTS, changed
from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Add the binding to every environment, or the same lines as comments."""
    for name in ENVIRONMENTS:
        lines = [f"[[env.{name}.queues.producers]]", 'binding = "CSV_QUEUE"', f'queue = "csv-processing-{name}"']
        added = "".join(f"{'' if planted else '# '}{line}\n" for line in lines)
        presented.wrangler = changed(presented.wrangler, name, lambda part, added=added: f"{part}\n{added}\n")
