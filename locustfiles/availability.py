"""Counts every request that is dropped while traffic is switched, and looks for every write that was acknowledged.

locust -f locustfiles/availability.py --env NAME [--short]; docs/load.md.
"""

from cutover.locust_plugin.wiring import profile

Availability = profile("availability")
