"""Render docs/rules.md: all rules with their profile, their promise and the checks that judge them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cutover.core.requirements import RequiredCheck
from cutover.core.rule_table import Rule

FILE: Final = "docs/rules.md"
_HEADER: Final = """\
# Rules

Each check of smoke and contract judges one rule, which `manifest.toml` lists. A finding of another
rule names that rule: `rule house:405-before-401`. There are two profiles:

- `universal` rules are what any deployment must keep: authentication, isolation, no loss of data,
  no information disclosure, revocation as declared, and the OpenAPI document of the deployment.
- `house` rules are the conventions of [contracts/api.md](../contracts/api.md) and
  [contracts/promises.toml](../contracts/promises.toml).

The key `rules` of an [environment](environments.md) selects the profile. `house`, the default,
includes `universal`. An ad-hoc URL (`--env https://…`) has the profile `universal`. In that profile:

- A check of a `house` rule is not run and not required. Every verdict counts such checks: "house
  conventions not judged: 41 checks, rules = universal".
- A check of a `universal` rule does not report findings of `house` rules. Any 4xx is a refusal, for
  example, where `house` requires the exact status. `not_judged_rules` in `verdict.json` lists the
  rules that checks left out.
- The OpenAPI checks of a system run only if the environment names a document of its own
  (`contract.SYSTEM.file`), because the project's documents are conventions.

Parity and migration compare the two systems with each other, so all of their checks are required
in both profiles. `cutover manifest --write` writes this page from `core/rule_table.py` and the
markers of the checks.

"""


def rules_page(manifest: Iterable[RequiredCheck]) -> str:
    """Return the text of docs/rules.md for these checks."""
    judged: dict[Rule, dict[str, dict[str, None]]] = {}
    for entry in manifest:
        if entry.rule is not None:
            names = judged.setdefault(entry.rule, {}).setdefault(entry.gate, {})
            names[entry.check.rpartition("::")[2].partition("[")[0]] = None
    rows = ["| rule | promise | checks |", "|---|---|---|"]
    for rule in Rule:
        gates = judged.get(rule, {}).items()
        checks = "; ".join(f"{gate}: {', '.join(f'`{name}`' for name in sorted(names))}" for gate, names in gates)
        rows.append(f"| `{rule.value}` | {rule.text} | {checks or 'findings of other checks'} |")
    return _HEADER + "\n".join(rows) + "\n"
