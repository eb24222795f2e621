"""Send the same load to Django and the Worker, and compare response times and errors.

Run it with: locust -f locustfiles/compare.py --env NAME [--short]. See docs/load.md.
"""

from cutover.locust_plugin.wiring import profile

Compare = profile("compare")
