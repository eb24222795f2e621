"""Django's settings for the legacy reference system.

Values are read from the environment (environment.py). Settings of the server process are in
gunicorn.conf.py.
"""

from datetime import timedelta
from pathlib import Path

from config.environment import optional_int, required

SECRET_KEY = required("LEGACY_SECRET_KEY")
MEDIA_ROOT = Path(required("LEGACY_MEDIA_ROOT")).absolute()
VERSION = required("LEGACY_VERSION")
MAX_FILE_SIZE = optional_int("LEGACY_MAX_FILE_SIZE", 52_428_800)
PASSWORD_ITERATIONS = optional_int("LEGACY_PASSWORD_ITERATIONS", 100_000)

DEBUG = False
ALLOWED_HOSTS = ["*"]  # it listens on loopback only
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = False  # another spelling of a path is 404, not a redirect

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "rest_framework",
    "rest_framework_simplejwt.token_blacklist",
    "list_cutter",
]
MIDDLEWARE = [
    "config.identity.IdentityMiddleware",
    "config.unread_body.UnreadBodyMiddleware",
    "django.middleware.common.CommonMiddleware",  # Content-Length
]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": required("PGHOST"),
        "PORT": required("PGPORT"),
        "USER": required("PGUSER"),
        "PASSWORD": required("PGPASSWORD"),
        "NAME": required("PGDATABASE"),
        "CONN_MAX_AGE": 300,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"connect_timeout": 5},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False

# The contract's rules for passwords are in accounts/serializers.py; Django's own validators are not
# used.
AUTH_PASSWORD_VALIDATORS: list[dict[str, str]] = []
PASSWORD_HASHERS = ["accounts.hashers.CountedPBKDF2PasswordHasher"]

DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576  # a JSON body; files are not counted
FILE_UPLOAD_HANDLERS = ["list_cutter.upload.IncomingFileHandler"]

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["config.request_body.LexemeJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "config.negotiation.OneRenderer",
    "DEFAULT_METADATA_CLASS": None,
    "URL_FORMAT_OVERRIDE": None,
}
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(seconds=900),
    "REFRESH_TOKEN_LIFETIME": timedelta(seconds=604_800),
    "ROTATE_REFRESH_TOKENS": False,
    "ALGORITHM": "HS256",
    "SIGNING_KEY": SECRET_KEY,
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        # A 4xx is the client's error and is not logged. Tracebacks of 500s go only to stderr.
        "django": {"handlers": ["stderr"], "level": "ERROR", "propagate": False},
        "django.security": {"level": "CRITICAL"},
    },
}
