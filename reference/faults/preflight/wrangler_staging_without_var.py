"""Staging lacks a var that production has. Control: its vars in another order."""

from faults.preflight.lib.wrangler_text import replaced
from surroundings.presented import Presented

VARS = 'JWT_ISSUER = "list-cutter"\nJWT_AUDIENCE = "list-cutter-api"\n'


def change(presented: Presented, *, planted: bool) -> None:
    """Remove the audience from staging's vars, or write it first."""
    issuer, audience = VARS.splitlines(keepends=True)
    presented.wrangler = replaced(presented.wrangler, "staging", VARS, issuer if planted else audience + issuer)
