"""Responses to errors outside DRF's views, in DRF's format: unknown paths, bodies that are too large,
internal errors.
"""

from collections.abc import Callable

from django.http import HttpRequest, JsonResponse


def page(status: int, detail: str) -> Callable[..., JsonResponse]:
    def answer(request: HttpRequest, exception: Exception | None = None) -> JsonResponse:  # noqa: ARG001 (Django's)
        return JsonResponse({"detail": detail}, status=status)

    return answer


bad_request = page(400, "Bad request.")
forbidden = page(403, "You do not have permission to perform this action.")
not_found = page(404, "Not found.")
server_error = page(500, "Internal server error.")
