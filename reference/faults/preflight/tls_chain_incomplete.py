"""The server does not send the intermediate certificate. Control: it sends one with another date."""

from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Leave the intermediate out of the chain, or change its date."""
    presented.certificates[""].chain = not planted
    presented.certificates[""].intermediate_days = 700
