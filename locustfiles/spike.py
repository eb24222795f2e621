"""Send ten times the ordinary load at once, and check the recovery afterwards.

Run it with: locust -f locustfiles/spike.py --env NAME [--short]. See docs/load.md.
"""

from cutover.locust_plugin.wiring import profile

Spike = profile("spike")
