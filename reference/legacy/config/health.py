"""GET /health: check that the database and the media folder respond in time.

The legacy system has no metrics.
"""

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

from django.conf import settings
from django.db import connection
from rest_framework.request import Request
from rest_framework.response import Response

from config.rest import ApiView, timestamp

DATABASE_LIMIT_MS = 100
STORAGE_LIMIT_MS = 200


def ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()


def ask_storage() -> None:
    # Check by writing: for root, the permission bits allow writing even on a read-only disk.
    with tempfile.TemporaryFile(dir=settings.MEDIA_ROOT) as probe:
        probe.write(b"x")


def measured(question: Callable[[], None], limit_ms: float) -> dict[str, Any]:
    """Return `{healthy, latency}`, latency in milliseconds; unhealthy on any error and above the limit."""
    start = perf_counter()
    try:
        question()
        answered = True
    except Exception:  # noqa: BLE001 (any failure of a part is what is asked for)
        answered = False
    latency = round((perf_counter() - start) * 1000, 3)
    return {"healthy": answered and latency < limit_ms, "latency": latency}


class HealthView(ApiView):
    authentication_classes = ()
    permission_classes = ()

    def get(self, _request: Request) -> Response:
        checks = {
            "database": measured(ask_database, DATABASE_LIMIT_MS),
            "storage": measured(ask_storage, STORAGE_LIMIT_MS),
        }
        unhealthy = sum(not part["healthy"] for part in checks.values())
        status = ("healthy", "degraded", "unhealthy")[unhealthy]
        body = {
            "status": status,
            "checks": checks,
            "version": {"id": settings.VERSION},
            "timestamp": timestamp(datetime.now(UTC)),
        }
        return Response(body, status=503 if status == "unhealthy" else 200)
