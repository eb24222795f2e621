"""The name of the API exists and has a text, but no address. Control: it has both."""

from faults.preflight.lib import zone_records
from surroundings.dns_part import ZONE
from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Add a text to the name, and remove its address if planted."""
    zone_records.add(presented, f"api.{ZONE}", "TXT", 300, '"list-cutter"')
    if planted:
        zone_records.remove(presented, f"api.{ZONE}", "A")
