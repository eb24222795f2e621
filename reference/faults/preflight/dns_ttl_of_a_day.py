"""The address of the API is cached for a day, so a switch of DNS takes a day. Control: four minutes."""

from faults.preflight.lib import zone_records
from surroundings.dns_part import ZONE
from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Change the TTL of the address."""
    zone_records.replace(presented, f"api.{ZONE}", "A", 86_400 if planted else 240, "127.0.0.1")
