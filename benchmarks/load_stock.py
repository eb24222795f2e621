"""What a user of Locust would write, against load_target.mjs. For load.py.

BENCH_CLIENT: HttpUser or FastHttpUser. BENCH_RATE: requests a second of each user (constant_throughput), 0 for as fast
as it goes.
"""

import os

import locust

rate = float(os.environ.get("BENCH_RATE", "0"))


class Stock(getattr(locust, os.environ["BENCH_CLIENT"])):  # type: ignore[misc]  # the class is the caller's choice
    """One user that asks for the same page again and again."""

    wait_time = locust.constant_throughput(rate) if rate else locust.constant(0)

    @locust.task
    def look(self) -> None:
        """GET /plain."""
        self.client.get("/plain")
