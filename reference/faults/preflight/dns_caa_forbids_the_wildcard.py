"""The certificate is a wildcard, for which no CA may issue one. Control: the CA in use may."""

from faults.preflight.lib import zone_records
from surroundings.dns_part import CA_DOMAIN, ZONE
from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Change the names of the certificate and the CAA records of the zone."""
    presented.certificates[""].names = [ZONE, f"*.{ZONE}"]
    issuers = (f'0 issue "{CA_DOMAIN}"', f'0 issuewild "{";" if planted else CA_DOMAIN}"')
    zone_records.replace(presented, ZONE, "CAA", 3600, *issuers)
