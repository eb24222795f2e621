"""Build the settings of the Worker's host: variables, rate limit, stores, certificate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cutover.embedded import worker
from cutover.embedded.specification import Specification


def honest_entry(wanted: Specification) -> str:
    """Return the module that the Worker serves if no fault is planted."""
    return worker.DELAYED_KV if wanted.kv_delay_s else worker.HONEST


def host_settings(wanted: Specification, secrets: Mapping[str, str], version: str, build: str) -> dict[str, Any]:
    """Return the settings that worker.start sends to the host. secrets: see running_pair.RunningPair."""
    limit, period = wanted.rate_limit
    optional = {
        "MAX_FILE_SIZE": wanted.max_file_size,
        "PASSWORD_ITERATIONS": wanted.password_iterations,
    }
    variables = {
        "ENVIRONMENT": "embedded",
        "JWT_SECRET": secrets["jwt"],
        "JWT_REFRESH_SECRET": secrets["jwt_refresh"],
        "JWT_ISSUER": "list-cutter",
        "JWT_AUDIENCE": "list-cutter-api",
        "MAX_FILE_SIZE": "52428800",
        "CORS_ORIGIN": "https://list-cutter.com",
        "RATE_LIMIT": str(limit),
        "RATE_PERIOD": str(period),
        "VERSION_ID": version,
        "BUILD_ID": build,
        "LIMITER_BYPASS": secrets["bypass"],
        **{name: str(value) for name, value in optional.items() if value is not None},
        **({"KV_DELAY_S": f"{wanted.kv_delay_s:g}"} if wanted.kv_delay_s else {}),
        **wanted.worker_vars,
    }
    https = dict(zip(("keyPath", "certPath"), wanted.https, strict=True)) if wanted.https else None
    return {
        "host": "127.0.0.1",
        "port": wanted.worker_port,
        "entry": honest_entry(wanted),
        "vars": variables,
        "rateLimit": {"limit": limit, "period": period},
        "s3": {"accessKeyId": secrets["s3_access"], "secretAccessKey": secrets["s3"]},
        "d1Id": worker.D1_ID,
        "bucket": worker.BUCKET,
        "https": https,
    }
