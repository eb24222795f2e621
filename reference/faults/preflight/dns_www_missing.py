"""The name www does not exist. Control: it has an address of its own instead of an alias."""

from faults.preflight.lib import zone_records
from surroundings.dns_part import ZONE
from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Remove the alias of www, and add an address unless planted."""
    zone_records.remove(presented, f"www.{ZONE}", "CNAME")
    if not planted:
        zone_records.add(presented, f"www.{ZONE}", "A", 300, "127.0.0.1")
