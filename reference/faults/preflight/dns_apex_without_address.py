"""The apex has no address, and www has its own. Control: both have an address of their own."""

from faults.preflight.lib import zone_records
from surroundings.dns_part import ZONE
from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Give www an address of its own, and remove that of the apex if planted."""
    zone_records.remove(presented, f"www.{ZONE}", "CNAME")
    zone_records.add(presented, f"www.{ZONE}", "A", 300, "127.0.0.1")
    if planted:
        zone_records.remove(presented, ZONE, "A")
