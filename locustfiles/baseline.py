"""An ordinary day: the figures that later runs are held against.

locust -f locustfiles/baseline.py --env NAME [--short]; docs/load.md.
"""

from cutover.locust_plugin.wiring import profile

Baseline = profile("baseline")
