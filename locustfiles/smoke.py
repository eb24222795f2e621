"""Every journey at a rate that nobody notices: does the load run work at all.

locust -f locustfiles/smoke.py --env NAME [--short]; docs/load.md.
"""

from cutover.locust_plugin.wiring import profile

Smoke = profile("smoke")
