"""gunicorn's settings for the legacy reference system.

These are the server's settings only. The application's settings are in config/settings.py.
"""

from config.environment import optional_int, require, required
from config.worker import JsonErrorWorker

# All at once and before anything is bound or forked, so that the message is the only line.
require(
    "LEGACY_BIND",
    "PGHOST",
    "PGPORT",
    "PGUSER",
    "PGPASSWORD",
    "PGDATABASE",
    "LEGACY_SECRET_KEY",
    "LEGACY_MEDIA_ROOT",
    "LEGACY_VERSION",
)

bind = required("LEGACY_BIND")
workers = optional_int("LEGACY_WORKERS", 2)
worker_class = JsonErrorWorker
threads = 8
preload_app = True
control_socket_disable = True  # it would be a file in the home or runtime folder

keepalive = 75  # longer than the idle time after which test clients close their connections
timeout = 120
graceful_timeout = 2

accesslog = None
errorlog = "-"
loglevel = "warning"

# A long token is passed to the application, which returns 401 with its own headers.
limit_request_line = 8190
limit_request_field_size = 65536

# There is no proxy in front of this server: no client header may set the scheme, the path or the
# peer.
forwarded_allow_ips = ""
forwarder_headers = ""
secure_scheme_headers = {}
