"""HTTP is redirected with 302, which is not remembered. Control: 301."""

from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Redirect in front of the Worker."""
    presented.front.redirect = (302 if planted else 301, lambda host, path: f"https://{host}{path}")
