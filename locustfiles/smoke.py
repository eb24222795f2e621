"""Send every journey at a low rate: checks that load runs work in an environment.

Run it with: locust -f locustfiles/smoke.py --env NAME [--short]. See docs/load.md.
"""

from cutover.locust_plugin.wiring import profile

Smoke = profile("smoke")
