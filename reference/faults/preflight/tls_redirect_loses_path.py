"""The redirect to HTTPS leads to the index. Control: it keeps path and query."""

from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Redirect in front of the Worker."""
    presented.front.redirect = (301, lambda host, path: f"https://{host}{'/' if planted else path}")
