"""The redirect to HTTPS leads to another host. Control: it keeps the host."""

from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Redirect in front of the Worker."""
    presented.front.redirect = (301, lambda host, path: f"https://{'parked.example' if planted else host}{path}")
