"""The alias www points to a name that does not exist, which anyone may register. Control: to the API."""

from faults.preflight.lib import zone_records
from surroundings.dns_part import ZONE
from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Change the target of the alias."""
    target = "list-cutter-old.pages.test." if planted else f"api.{ZONE}."
    zone_records.replace(presented, f"www.{ZONE}", "CNAME", 300, target)
