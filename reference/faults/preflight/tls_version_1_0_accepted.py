"""The server accepts TLS 1.0. Control: only TLS 1.3."""

from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Change the versions of TLS that the server accepts."""
    presented.front.versions = ("TLSv1" if planted else "TLSv1_3", "TLSv1_3")
