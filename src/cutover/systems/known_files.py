"""The values of uploaded files by their id, for operations that name a file otherwise than by its id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from cutover.client.http import Answer
from cutover.config.operation import Operation, follow_pointer

_ID: Final = "file_id"
_ALWAYS: Final = {_ID, "filter_id", "path"}
"""Parameters whose values the checks have."""


class KnownFiles:
    """The files whose uploads or listings were answered on one target.

    A deployment may download a file by {filename}, or export it by a path in the body. Checks know its id only.
    """

    def __init__(self, operations: Iterable[Operation]) -> None:
        """operations: of the target. names: values that they need besides ids; without any, nothing is kept."""
        self._files: dict[str, dict[str, str]] = {}
        self.names = frozenset[str]().union(*(operation.values - _ALWAYS for operation in operations))

    def remember(self, answer: Answer, operation: Operation) -> None:
        """Keep the fields of a successful upload, and of the elements of a successful listing."""
        if not self.names or operation.name not in ("upload", "list_files"):
            return
        if answer.status not in operation.statuses:
            return
        try:
            document = answer.json
        except Exception:  # noqa: BLE001 - the check that reads the body reports it
            return
        if operation.name == "upload":
            sent = answer.request.parts or {}
            name = next((file[0] for file in sent.values()), None)
            self._keep(document, operation.response, {"filename": name} if name else {})
            return
        try:
            rows = follow_pointer(document, operation.response["files"])
        except KeyError:
            return
        for row in rows if isinstance(rows, list) else ():
            self._keep(row, operation.entry, {})

    def parameters(self, path: Mapping[str, str]) -> dict[str, str]:
        """Return the path parameters with the known values of their file.

        An unknown id stands for each of its values: a request with it names no file, as the check intends.
        """
        if _ID not in path:
            return dict(path)
        return _Completed(path[_ID], {**self._files.get(path[_ID], {}), **path})

    def _keep(self, document: object, pointers: Mapping[str, str], values: dict[str, str]) -> None:
        for name, pointer in pointers.items():
            try:
                found = follow_pointer(document, pointer)
            except KeyError:
                continue
            if isinstance(found, (str, int)) and not isinstance(found, bool):
                values[name] = str(found)
        if _ID in values:
            self._files[values[_ID]] = {**self._files.get(values[_ID], {}), **values}


class _Completed(dict[str, str]):
    """Parameters in which a missing one has the value of the file's id."""

    def __init__(self, default: str, values: Mapping[str, str]) -> None:
        super().__init__(values)
        self._default = default

    def __missing__(self, key: str) -> str:
        return self._default
