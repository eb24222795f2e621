"""The certificate does not contain www. Control: it contains one more name."""

from surroundings.dns_part import ZONE
from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Change the names of the certificate."""
    others = (ZONE, f"api.{ZONE}", f"static.{ZONE}")
    presented.certificates[""].names = [*others, *(() if planted else (f"www.{ZONE}",))]
