"""A plain Locust user against load_target.mjs, as Locust's documentation shows it. For load.py.

BENCH_CLIENT: HttpUser or FastHttpUser. BENCH_RATE: requests per second of each user (constant_throughput), 0 for no
limit.
"""

import os

import locust

rate = float(os.environ.get("BENCH_RATE", "0"))


class Stock(getattr(locust, os.environ["BENCH_CLIENT"])):  # type: ignore[misc]  # the class is the caller's choice
    """A user that requests the same page repeatedly."""

    wait_time = locust.constant_throughput(rate) if rate else locust.constant(0)

    @locust.task
    def look(self) -> None:
        """GET /plain."""
        self.client.get("/plain")
