"""Send an ordinary load for an hour: finds growth, leaks and exhausted resources.

Run it with: locust -f locustfiles/soak.py --env NAME [--short]. See docs/load.md.
"""

from cutover.locust_plugin.wiring import profile

Soak = profile("soak")
