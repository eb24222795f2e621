"""The certificate is of a CA that no client trusts. Control: by the root, without an intermediate."""

from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Change the issuer of the certificate."""
    presented.certificates[""].issued_by = "unknown" if planted else "root"
