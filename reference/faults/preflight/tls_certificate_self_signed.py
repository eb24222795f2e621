"""The certificate is signed with its own key. Control: by the root, without an intermediate."""

from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Change the issuer of the certificate."""
    presented.certificates[""].issued_by = "self" if planted else "root"
