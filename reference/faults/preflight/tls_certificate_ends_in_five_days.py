"""The certificate is valid for five days, less than the limit of seven. Control: 20 days, which only warns."""

from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Change the date on which the certificate expires."""
    presented.certificates[""].days = 5 if planted else 20
