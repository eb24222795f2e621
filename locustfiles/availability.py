"""Count every request dropped during a traffic switch, and look for every acknowledged write.

Run it with: locust -f locustfiles/availability.py --env NAME [--short]. See docs/load.md.
"""

from cutover.locust_plugin.wiring import profile

Availability = profile("availability")
