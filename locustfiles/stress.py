"""Increase the rate step by step until a threshold breaks, and report the breaking point.

Run it with: locust -f locustfiles/stress.py --env NAME [--short]. See docs/load.md.
"""

from cutover.locust_plugin.wiring import profile

Stress = profile("stress")
