"""No response carries Strict-Transport-Security. Control: another header is removed."""

from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Remove a header from every response."""
    presented.front.drop_headers = frozenset({"strict-transport-security" if planted else "server"})
