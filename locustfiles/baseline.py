"""Send the load of an ordinary day: reference figures for later runs.

Run it with: locust -f locustfiles/baseline.py --env NAME [--short]. See docs/load.md.
"""

from cutover.locust_plugin.wiring import profile

Baseline = profile("baseline")
