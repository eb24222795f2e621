"""An analytics dataset is bound in every environment, and no source uses it. Control: a comment."""

from faults.preflight.lib.wrangler_text import ENVIRONMENTS, changed
from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Add the binding to every environment, or the same lines as comments."""
    for name in ENVIRONMENTS:
        lines = [
            f"[[env.{name}.analytics_engine_datasets]]",
            'binding = "ANALYTICS"',
            f'dataset = "list_cutter_{name}"',
        ]
        added = "".join(f"{'' if planted else '# '}{line}\n" for line in lines)
        presented.wrangler = changed(presented.wrangler, name, lambda part, added=added: f"{part}\n{added}\n")
