"""Only another CA may issue certificates for the zone. Control: the CA in use and two others may."""

from faults.preflight.lib import zone_records
from surroundings.dns_part import CA_DOMAIN, ZONE
from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Replace the CAA records of the zone."""
    allowed = ('0 issue "ca.example"', '0 issue "pki.example"')
    own = () if planted else (f'0 issue "{CA_DOMAIN}"',)
    zone_records.replace(presented, ZONE, "CAA", 3600, *allowed, *own)
