"""Help texts of the options that `cutover`, pytest and Locust have in common."""

from typing import Final

ENVIRONMENT: Final = "environment in environments.toml (default: CUTOVER_ENV)"
PAIR: Final = "running pair to use for `embedded` (default: CUTOVER_PAIR, else `default`)"
REPORTS: Final = "parent folder of the run's folder (default: reports/)"
WORKER_VERSION: Final = "test this version of the Worker, also at 0 %% of the traffic, and verify that it answers"
SHOW_VALUES: Final = "do not mask users' values in output and reports; do not publish such a report"
