"""Ten times the ordinary load at once, and whether it is over when it is over.

locust -f locustfiles/spike.py --env NAME [--short]; docs/load.md.
"""

from cutover.locust_plugin.wiring import profile

Spike = profile("spike")
