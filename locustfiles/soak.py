"""An ordinary load for long: what grows, leaks or runs out.

locust -f locustfiles/soak.py --env NAME [--short]; docs/load.md.
"""

from cutover.load.locust_wiring import profile

Soak = profile("soak")
