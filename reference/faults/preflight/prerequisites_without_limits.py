"""There are no limits for cost and usage. Control: higher ones."""

from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Remove the limits, or double them."""
    limits = presented.settings["prerequisites"]["limits"]
    presented.settings["prerequisites"]["limits"] = {} if planted else {key: 2 * most for key, most in limits.items()}
