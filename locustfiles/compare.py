"""Django and the Worker on one schedule, arrival by arrival: is the new one slower, and by how much.

locust -f locustfiles/compare.py --env NAME [--short]; docs/load.md.
"""

from cutover.locust_plugin.wiring import profile

Compare = profile("compare")
