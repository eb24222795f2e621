"""Settings with which `manage.py spectacular` writes the OpenAPI document. The server does not use them."""

from config.settings import *  # noqa: F403 - the same settings, and those below
from config.settings import INSTALLED_APPS, REST_FRAMEWORK

EXAMPLE_TOKEN = f"eyJhbGciOiJIUzI1NiJ9.eyJ0eXBlIjoicmVmcmVzaCJ9.{'A' * 43}"
INSTALLED_APPS = [*INSTALLED_APPS, "drf_spectacular"]
REST_FRAMEWORK = {**REST_FRAMEWORK, "DEFAULT_SCHEMA_CLASS": "config.openapi.Schema"}
SPECTACULAR_SETTINGS = {
    "TITLE": "List Cutter, the legacy system",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api",
    "ENABLE_DJANGO_DEPLOY_CHECK": False,
    "POSTPROCESSING_HOOKS": ["config.openapi.said_open_or_closed"],
    "AUTHENTICATION_WHITELIST": ["accounts.authentication.BearerAuthentication"],
    "EXTENSIONS_ROOT": {
        # Meaning of the values in examples: see contracts/worker.openapi.yaml.
        "x-stands-for": {
            "username": "cutover-example",
            "email": "cutover-example@cutover.invalid",
            "password": "Cutover-example-password",
            "refresh_token": EXAMPLE_TOKEN,
            "file_id": "00000000-0000-4000-8000-000000000001",
        }
    },
}
