"""The certificate expired yesterday. Control: it is valid for 60 days."""

from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Change the date on which the certificate expires."""
    presented.certificates[""].days = -1 if planted else 60
