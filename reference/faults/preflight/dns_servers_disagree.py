"""One name server has another address for the API. Control: it has its CAA records in another order."""

from faults.preflight.lib import zone_records
from surroundings.dns_part import ZONE
from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Change the records of the second name server only."""
    second = presented.name_servers[1]
    if planted:
        zone_records.add_to(second, f"api.{ZONE}", "A", 300, "127.0.0.2")
    else:
        ttl, data = second.records[ZONE, "CAA"]
        zone_records.add_to(second, ZONE, "CAA", ttl, *reversed(data))
