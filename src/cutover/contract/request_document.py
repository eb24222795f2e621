"""The document from which requests to an environment are generated: only operations, parameters and links it has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from cutover.config.operation import names_in
from cutover.config.operations import Operation
from cutover.contract.document import PLACEHOLDERS, Contract
from cutover.contract.document_shape import METHODS
from cutover.contract.references import resolved

_IDS: Final = ("file_id", "filter_id")
"""Parameters whose value a link of the document can provide under another name."""


def request_document(contract: Contract, operations: Mapping[str, Operation]) -> Contract:
    """Return the document with the paths of an environment, without operations that operations.toml does not name.

    A path parameter gets the name that the operation's path has, because the run fills it by that name. Links that
    lead to an operation or parameter that is left out are left out.
    """
    adapted = contract.with_operations(operations)
    raw = dict(adapted.raw)
    placeholders = dict(adapted.placeholders)
    renamed: dict[str, dict[str, str]] = {}
    paths: dict[str, dict[str, Any]] = {}
    for described in adapted.operations():
        known = operations.get(described.name)
        if known is None:
            continue
        names = _path_parameters(raw, described.path, described.row)
        wanted = [name for name in _in_order(described.path) if name not in names]
        unused = [name for name in names if name not in names_in(described.path)]
        renamed[described.name] = dict(zip(unused, wanted, strict=False))
        for old, new in renamed[described.name].items():
            if old in placeholders:
                placeholders.setdefault(new, placeholders[old])
        item = paths.setdefault(described.path, {})
        shared = raw["paths"][described.path].get("parameters", [])
        row = dict(described.row)
        parameters = [*shared, *row.get("parameters", [])]
        row["parameters"] = list(_renamed(raw, parameters, renamed[described.name], set(unused)))
        item[described.method.lower()] = row
    for item in paths.values():
        for method in item.keys() & set(METHODS):
            item[method]["responses"] = _with_links(raw, item[method].get("responses", {}), renamed)
    raw["paths"] = paths
    if placeholders:
        raw[PLACEHOLDERS] = placeholders
    return Contract(contract.source, raw)


def has_links(contract: Contract) -> bool:
    """Return True if a response of the document leads to another operation."""
    return any(
        resolved(contract.raw, response).get("links")
        for described in contract.operations()
        for response in described.row.get("responses", {}).values()
    )


def _in_order(path: str) -> list[str]:
    return [part.strip("{}") for part in path.replace("}", "}/").split("/") if part.startswith("{")]


def _path_parameters(raw: Mapping[str, Any], path: str, row: Mapping[str, Any]) -> list[str]:
    found = [resolved(raw, each) for each in [*raw["paths"][path].get("parameters", []), *row.get("parameters", [])]]
    return list(dict.fromkeys(str(each["name"]) for each in found if each.get("in") == "path"))


def _renamed(
    raw: Mapping[str, Any], parameters: list[Any], names: Mapping[str, str], unused: set[str]
) -> Iterator[Any]:
    """Yield the parameters of an operation with their new names, without those that its path does not contain."""
    for each in parameters:
        known = resolved(raw, each)
        if known.get("in") != "path" or known.get("name") not in unused:
            yield each
        elif known["name"] in names:
            yield {**known, "name": names[known["name"]]}


def _with_links(
    raw: Mapping[str, Any], responses: Mapping[str, Any], renamed: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    """Return responses whose links lead to operations of the document, by the names of their parameters."""
    result: dict[str, Any] = {}
    for status, response in responses.items():
        known = resolved(raw, response)
        if not known.get("links"):
            result[status] = response
            continue
        links = {}
        for name, each in known["links"].items():
            link = resolved(raw, each)
            if "operationId" in link and link["operationId"] not in renamed:
                continue
            names = renamed.get(str(link.get("operationId")), {})
            if any(old in link.get("parameters", {}) and new not in _IDS for old, new in names.items()):
                continue  # the link provides an id, and the path needs another value
            given = link.get("parameters", {})
            links[name] = {**link, "parameters": {names.get(key, key): value for key, value in given.items()}}
        result[status] = {**known, "links": links}
    return result
