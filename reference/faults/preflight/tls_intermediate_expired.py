"""The intermediate certificate has expired, and the certificate itself has not. Control: 400 days."""

from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Change the date on which the intermediate expires."""
    presented.certificates[""].intermediate_days = -1 if planted else 400
