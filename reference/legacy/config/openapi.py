"""Names, statuses and response schemas that drf-spectacular cannot read from the views.

The views are plain APIViews and do not know this module. contracts/legacy.openapi.yaml is generated
from both.
"""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiResponse
from rest_framework import serializers

from accounts.serializers import DeleteAccountSerializer, LoginSerializer, RefreshSerializer, RegisterSerializer

REFRESH = "eyJhbGciOiJIUzI1NiJ9.eyJ0eXBlIjoicmVmcmVzaCJ9.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
PASSWORD = "Cutover-example-password"  # noqa: S105 - an example


class UserAnswer(serializers.Serializer):
    id = serializers.IntegerField(min_value=1)
    username = serializers.CharField()
    email = serializers.CharField(allow_blank=True)
    created_at = serializers.CharField()


class SessionAnswer(serializers.Serializer):
    user = UserAnswer()
    access = serializers.CharField()
    refresh = serializers.CharField()


class AccessAnswer(serializers.Serializer):
    access = serializers.CharField()


class FileAnswer(serializers.Serializer):
    file_id = serializers.UUIDField()
    filename = serializers.CharField()
    file_size = serializers.IntegerField(min_value=0)
    mime_type = serializers.CharField()
    tags = serializers.ListField(child=serializers.CharField())
    created_at = serializers.CharField()


class OneFileAnswer(serializers.Serializer):
    file = FileAnswer()


class UploadedAnswer(serializers.Serializer):
    success = serializers.BooleanField()
    file = FileAnswer()


class FileListAnswer(serializers.Serializer):
    files = FileAnswer(many=True)
    total = serializers.IntegerField(min_value=0)


class ColumnsAnswer(serializers.Serializer):
    columns = serializers.ListField(child=serializers.CharField(allow_blank=True))
    row_count = serializers.IntegerField(min_value=0)
    column_count = serializers.IntegerField(min_value=0)


class PartAnswer(serializers.Serializer):
    healthy = serializers.BooleanField()
    latency = serializers.FloatField()


class PartsAnswer(serializers.Serializer):
    database = PartAnswer()
    storage = PartAnswer()


class VersionAnswer(serializers.Serializer):
    id = serializers.CharField()


class HealthAnswer(serializers.Serializer):
    status = serializers.ChoiceField(choices=["healthy", "degraded", "unhealthy"])
    checks = PartsAnswer()
    version = VersionAnswer()
    timestamp = serializers.CharField()


class DetailAnswer(serializers.Serializer):
    """DRF's own errors; SimpleJWT adds a code and details."""

    detail = serializers.CharField()
    code = serializers.CharField(required=False)
    messages = serializers.JSONField(required=False)


class UploadBody(serializers.Serializer):
    file = serializers.FileField()


class TagsBody(serializers.Serializer):
    tags = serializers.ListField(child=serializers.CharField(max_length=64))


class FilterBody(serializers.Serializer):
    column = serializers.CharField(allow_blank=True)
    operator = serializers.ChoiceField(choices=["=", "!=", "<", "<=", ">", ">=", "BETWEEN", "IN"])
    value = serializers.JSONField()


class CutBody(serializers.Serializer):
    columns = serializers.ListField(child=serializers.CharField(allow_blank=True), min_length=1)
    filters = FilterBody(many=True, required=False)


FIELDS: dict[str, Any] = {
    "type": "object",
    "description": "a message, or messages by field",
    "additionalProperties": {},
    "x-open": "DRF names the fields of the request",
}
CSV = {"type": "string"}
ERRORS: dict[int, Any] = {400: FIELDS, 401: DetailAnswer, 403: DetailAnswer, 404: DetailAnswer, 415: DetailAnswer}

# (method, view) -> operationId, request, successful responses, other statuses, example of the
# request
OPERATIONS: Mapping[tuple[str, str], tuple[str, Any, dict[int, Any], tuple[int, ...], Any]] = {
    ("GET", "HealthView"): ("health", None, {200: HealthAnswer, 503: HealthAnswer}, (), None),
    ("POST", "RegisterView"): (
        "register", RegisterSerializer, {201: SessionAnswer}, (400, 415),
        {"username": "cutover-example", "email": "cutover-example@cutover.invalid", "password": PASSWORD,
         "password2": PASSWORD},
    ),
    ("POST", "LoginView"): (
        "login", LoginSerializer, {200: SessionAnswer}, (400, 401, 415),
        {"username": "cutover-example", "password": PASSWORD},
    ),
    ("POST", "RefreshView"): (
        "refresh", RefreshSerializer, {200: AccessAnswer}, (400, 401, 415), {"refresh": REFRESH}
    ),
    ("GET", "UserView"): ("user", None, {200: UserAnswer}, (401,), None),
    ("DELETE", "UserView"): (
        "delete_account", DeleteAccountSerializer, {204: None}, (400, 401, 403, 415), {"password": PASSWORD}
    ),
    ("POST", "LogoutView"): ("logout", RefreshSerializer, {204: None}, (400, 401, 415), {"refresh": REFRESH}),
    ("POST", "UploadView"): (
        "upload", {"multipart/form-data": UploadBody}, {201: UploadedAnswer}, (400, 401, 415),
        {"file": "id,name\r\n1,Ada\r\n"},
    ),
    ("GET", "ListView"): ("list_files", None, {200: FileListAnswer}, (401,), None),
    ("GET", "DownloadView"): ("download", None, {200: (CSV, "text/csv")}, (401, 404), None),
    ("DELETE", "DeleteView"): ("delete", None, {204: None}, (401, 404), None),
    ("PATCH", "TagsView"): (
        "tags", TagsBody, {200: OneFileAnswer}, (400, 401, 404, 415), {"tags": ["customers", "2026"]}
    ),
    ("GET", "ColumnsView"): ("columns", None, {200: ColumnsAnswer}, (400, 401, 404), None),
    ("POST", "ExportView"): (
        "export", CutBody, {200: (CSV, "text/csv; charset=utf-8")}, (400, 401, 404, 415), {"columns": ["id"]}
    ),
}  # fmt: skip


class Bearer(OpenApiAuthenticationExtension):
    target_class = "accounts.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, _auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


class Schema(AutoSchema):
    def _row(self) -> tuple[str, Any, dict[int, Any], tuple[int, ...], Any]:
        return OPERATIONS[self.method.upper(), type(self.view).__name__]

    def get_operation_id(self) -> str:
        return self._row()[0]

    def get_tags(self) -> list[str]:
        return []

    def get_description(self) -> str:
        return ""

    def get_request_serializer(self) -> Any:
        return self._row()[1]

    def get_response_serializers(self) -> dict[Any, Any]:
        _, _, answers, errors, _ = self._row()
        found: dict[Any, Any] = {}
        for status, answer in answers.items():
            if isinstance(answer, tuple):
                found[status, answer[1]] = OpenApiResponse(answer[0])
            else:
                found[status] = OpenApiResponse(answer)
        return found | {status: OpenApiResponse(ERRORS[status]) for status in errors}

    def get_examples(self) -> list[OpenApiExample]:
        example = self._row()[4]
        return [] if example is None else [OpenApiExample("example", value=example, request_only=True)]

    def get_auth(self) -> list[dict[str, list[str]]]:
        return [{"bearer": []}] if self.view.authentication_classes else []


def said_open_or_closed(result: dict[str, Any], **_generator: Any) -> dict[str, Any]:
    """Close every object of a response, and declare those of requests as open, because DRF ignores
    unknown properties.
    """
    for name, schema in result.get("components", {}).get("schemas", {}).items():
        if schema.get("type") == "object" and "additionalProperties" not in schema:
            if name.endswith("Answer"):
                schema["additionalProperties"] = False
            else:
                schema["additionalProperties"] = True
                schema["x-open"] = "what is not known is ignored"
    for path, item in result["paths"].items():
        for operation in item.values():
            # No response documents a permission or a throttle that drf-spectacular chose.
            operation["security"] = operation.get("security") or []
            for parameter in operation.get("parameters", ()):
                if parameter["name"] == "file_id":
                    parameter["schema"] = {"type": "string", "pattern": r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"}
            if path.endswith(("columns/{file_id}/", "export_csv/{file_id}/")):
                operation["x-refuses-valid"] = "a file that is malformed, or a column that it does not have"
            if path.endswith("upload/"):
                operation["x-accepts-invalid"] = "the types of a schema mean nothing in a part, which is bytes"
    return result
