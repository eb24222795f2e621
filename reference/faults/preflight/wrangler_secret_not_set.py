"""A secret that the Worker needs is not set in production. Control: the list has another order."""

import json

from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Remove a secret from the output of `wrangler secret list`, or reverse it."""
    rows = json.loads(presented.files["secrets-production.json"])
    kept = [row for row in rows if row["name"] != "JWT_REFRESH_SECRET"] if planted else rows[::-1]
    presented.files["secrets-production.json"] = json.dumps(kept)
