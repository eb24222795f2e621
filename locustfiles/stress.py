"""One step after the other until a limit breaks; the verdict says which, and at what rate.

locust -f locustfiles/stress.py --env NAME [--short]; docs/load.md.
"""

from cutover.locust_plugin.wiring import profile

Stress = profile("stress")
