"""Ten times the ordinary load at once, and whether it is over when it is over.

locust -f locustfiles/spike.py --env NAME [--short]; docs/load.md.
"""

from cutover.load.locust_wiring import profile

Spike = profile("spike")
