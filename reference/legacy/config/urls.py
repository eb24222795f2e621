"""Paths of the legacy reference system, as in contracts/operations.toml, and its error pages."""

from django.urls import include, path

from config.health import HealthView

urlpatterns = [
    path("health", HealthView.as_view()),
    path("api/accounts/", include("accounts.urls")),
    path("api/list_cutter/", include("list_cutter.urls")),
]

handler400 = "config.error_pages.bad_request"
handler403 = "config.error_pages.forbidden"
handler404 = "config.error_pages.not_found"
handler500 = "config.error_pages.server_error"
