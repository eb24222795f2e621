"""An ordinary load for long: what grows, leaks or runs out.

locust -f locustfiles/soak.py --env NAME [--short]; docs/load.md.
"""

from cutover.locust_plugin.wiring import profile

Soak = profile("soak")
