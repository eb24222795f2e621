"""The draft that `cutover init` writes: a commented table for environments.toml, and adapted OpenAPI documents."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from cutover.config.operation import Operation
from cutover.core.safety import is_loopback
from cutover.setup.discovery import NOT_FOUND, NOWHERE, PRESENT, Discovered
from cutover.setup.operation_matching import Match
from cutover.setup.system_names import identity_of

_WIDTH: Final = 96
_METHODS: Final = ("get", "post", "put", "patch", "delete", "head", "options", "trace")
_PARAMETER: Final = re.compile(r"\{([^{}]*)\}")
PLACEHOLDERS: Final = "x-stands-for"
"""The key of a document that names the values of its examples that a run replaces (docs/contract.md)."""


def environment_table(
    name: str, systems: Mapping[str, Discovered], plan: Mapping[str, Mapping[str, Operation]], files: Mapping[str, str]
) -> str:
    """Return the text of the environment's tables. plan: system -> operations of contracts/operations.toml.

    files: system -> path of the adapted document in the project.
    """
    lines = list(_head(name, systems, files))
    for system, found in systems.items():
        lines += ["", f"# --- routes of the {system} system, {found.url}"]
        if found.document is not None:
            lines += _from_document(name, found, plan[system])
        else:
            lines += _from_trial(name, found, plan[system])
    return "\n".join(lines) + "\n"


def _head(name: str, systems: Mapping[str, Discovered], files: Mapping[str, str]) -> Iterator[str]:
    loopback = all(is_loopback(urlsplit(found.url).hostname or "") for found in systems.values())
    plain = any(urlsplit(found.url).scheme == "http" for found in systems.values())
    yield from _comment(
        "Drafted by `cutover init` with GET requests. Read every line: a field that was matched by its name may be "
        "the wrong one. docs/environments.md explains the keys, docs/your-own-deployment.md the next steps."
    )
    yield f"[{name}]"
    yield 'description = "drafted by cutover init"'
    yield 'rules = "universal" # what any deployment must keep; "house" adds the conventions of contracts/api.md'
    yield from _comment(
        "read-only sends only GET, HEAD and OPTIONS. test-data creates accounts and files of its own and removes them, "
        "as far as there is a route for that. disposable may change anything."
    )
    yield 'safety = "read-only"'
    for system in ("worker", "legacy"):
        if system not in systems:
            yield f'{system} = {{ absent = "there is no {system} system" }}'
            continue
        found = systems[system]
        identity, why = identity_of(found, next((each for each in systems.values() if each is not found), None))
        yield from _comment(f"identity of {system}: {why}. Confirm it: this is the proof of which system answered.")
        yield f"{system} = {{ url = {_text(found.url)}, identity = {identity} }}"
    yield from _comment(
        "At most this many requests in window_s seconds, over all processes. Raise it if nothing limits the rate."
    )
    yield "budget = { requests = 90, window_s = 60 }"
    yield "readiness = { tries = 10, interval_s = 1 }"
    yield f"kv_propagation_s = {5 if loopback else 60} # the longest time until a logout is effective everywhere"
    yield from _comment("Names of variables with the secrets that sign the tokens. Without them, forged tokens are")
    yield from _comment("not verified. Then set the variables in the shell.")
    wanted = ", ".join(f'{system}_jwt_secret = "{_variable(name, system)}"' for system in systems)
    yield f"# secrets = {{ {wanted} }}"
    yield from _comment("Capabilities that the deployment does not have, each with the reason. Confirm each line.")
    absent = {"migrated": "no account was migrated yet"}
    if loopback:
        absent |= {"names": "loopback has no other names"}
    if plain:
        absent |= {"http2": "plain http", "https": "plain http"}
    for capability, reason in absent.items():
        yield f"absent.{capability} = {_text(reason)}"
    for capability, what in _STORES.items():
        yield from _comment(f'absent.{capability} = "why" # {what}')
    for system, file in files.items():
        served = _text(systems[system].document_path)
        yield from _comment(f"{file} is the document served at {systems[system].document_path}, with our names.")
        yield f"contract.{system} = {{ file = {_text(file)} }} # served = {served}"
    yield from _comment("Files of this deployment in place of those in contracts/, which are about List Cutter.")
    for file in ("parity", "accepted_differences", "known_violations"):
        yield f'# files.{file} = "{name}/{file}.toml"'
    yield from _comment("load = { rate = 20, seconds = 60, accounts = 5, connections = 20, bytes = 100_000_000 }")


_STORES: Final = {
    "d1": "the Worker's database cannot be read (or set d1)",
    "r2": "the Worker's objects cannot be read (or set r2)",
    "postgres": "the legacy database cannot be read (or set postgres)",
    "media": "the legacy files cannot be read (or set media)",
    "limiter": "there is no rate limiter, or flooding it is not allowed",
}


def _from_document(name: str, found: Discovered, plan: Mapping[str, Operation]) -> Iterator[str]:
    yield from _comment(f"From the document at {found.document_path}.")
    refusals = {status for each in found.matches.values() for status in each.served.refusals}
    if 422 in refusals:
        yield f"[{name}.routes.{found.system}]"
        yield "refusal = { 400 = [400, 422] } # the document answers invalid values with 422"
    for ours in plan:
        if ours == "no_such_operation":
            yield from _nowhere(name, found)
        elif ours in found.matches:
            yield from _matched(name, found.system, ours, found.matches[ours], plan[ours])
        elif plan[ours].absent is None and not (ours in _PAGES and found.front_end):
            yield f"[{name}.operations.{ours}.{found.system}]"
            reason = "GET / answers no page" if ours in _PAGES else f"not in the document at {found.document_path}"
            yield f"absent = {_text(reason)} # confirm"
    unused = [each for each in found.served if each not in [one.served for one in found.matches.values()]]
    for each in unused:
        yield from _comment(f"not used: {each.label}")


_PAGES: Final = ("index", "front_end")


def _matched(name: str, system: str, ours: str, match: Match, plan: Operation) -> Iterator[str]:
    served = match.served
    yield f"[{name}.operations.{ours}.{system}] # {_clean(served.label)}"
    yield f"method = {_text(served.method)}"
    yield f"path = {_text(our_path(ours, served.path))}"
    statuses = served.statuses[:1] if ours == "download" else served.statuses
    if statuses:
        yield f"status = {statuses[0] if len(statuses) == 1 else list(statuses)}"
    yield "replace = true"
    for part in ("request", "response", "entry"):
        fields: Mapping[str, str] = getattr(match, part)
        lost = sorted(set(getattr(plan, part)) - set(fields))
        if fields or getattr(plan, part):
            rows = ", ".join(f"{key} = {_text(value)}" for key, value in fields.items())
            yield f"{part} = {{ {rows} }}" if rows else f"{part} = {{}}"
        if lost:
            yield from _comment(f"no {part} field found for: {', '.join(lost)}")
    if ours == "logout":
        yield from _comment("the tokens that must be refused after a logout; remove the ones that stay valid")
        yield f"revokes = {json.dumps(list(plan.revokes) or ['access_token', 'refresh_token'])}"


def _nowhere(name: str, found: Discovered) -> Iterator[str]:
    paths = [each.path for each in found.served] or ["/"]
    first = {path.split("/")[1] for path in paths}
    folder = f"/{first.pop()}/" if len(first) == 1 else "/"
    slash = "/" if sum(path.endswith("/") for path in paths) * 2 > len(paths) else ""
    yield f"[{name}.operations.no_such_operation.{found.system}]"
    yield f"path = {_text(f'{folder}{NOWHERE}{slash}')}"


def _from_trial(name: str, found: Discovered, plan: Mapping[str, Operation]) -> Iterator[str]:
    yield from _comment(
        "No OpenAPI document was found, so the routes of contracts/operations.toml were tried. A route that is "
        "commented out below keeps the path of contracts/operations.toml, and its checks fail until it is corrected."
    )
    for ours, state in found.routes.items():
        operation = plan[ours]
        if ours == "health" and found.health is not None and found.health != operation.path:
            yield f"[{name}.operations.health.{found.system}]"
            yield f"path = {_text(found.health)}"
            yield "response = {} # name the fields of its answer"
            yield "replace = true"
            continue
        yield from _comment(f"{ours}: {operation.method} {operation.path}: {state}")
        if state != PRESENT:
            yield from _comment(f"[{name}.operations.{ours}.{found.system}]")
            yield from _comment('absent = "why"' if state == NOT_FOUND else 'path = "/…" # or: absent = "why"')


def our_path(ours: str, path: str) -> str:
    """Return the path of a document with the parameters of our operations."""
    parameter = "filter_id" if ours in ("filter", "delete_filter") else "file_id"
    return _PARAMETER.sub(f"{{{parameter}}}", path)


def adapted_document(found: Discovered) -> str:
    """Return the served document with our operationIds and parameters, and with the values that a run replaces."""
    raw: dict[str, Any] = copy.deepcopy(dict(found.document or {}))
    by_place = {(each.served.name, each.served.method): ours for ours, each in found.matches.items()}
    paths: dict[str, dict[str, Any]] = {}
    for path, found_item in raw["paths"].items():
        item = found_item if isinstance(found_item, dict) else {}
        for method in _METHODS:
            row = item.get(method)
            if not isinstance(row, dict):
                continue
            served_name = str(row.get("operationId") or f"{method} {path}")
            ours = by_place.get((served_name, method.upper()))
            row["operationId"] = ours or served_name
            new = our_path(ours, path) if ours else path
            parameters = [*_list(item.get("parameters")), *_list(row.pop("parameters", None))]
            if parameters:
                row["parameters"] = [_renamed(raw, each, ours) for each in parameters]
            paths.setdefault(new, {})[method] = row
    raw["paths"] = paths
    raw[PLACEHOLDERS] = _placeholders(raw, found.matches)
    return json.dumps(raw, indent=2, ensure_ascii=False) + "\n"


def _renamed(raw: Mapping[str, Any], parameter: Any, ours: str | None) -> Any:
    if isinstance(parameter, dict) and isinstance(parameter.get("$ref"), str):
        found: Any = raw
        for segment in parameter["$ref"].removeprefix("#/").split("/"):
            found = found.get(segment) if isinstance(found, dict) else None
        parameter = found or parameter
    if ours is None or not isinstance(parameter, dict) or parameter.get("in") != "path":
        return parameter
    name = "filter_id" if ours in ("filter", "delete_filter") else "file_id"
    return {"example": _EXAMPLES.get(name), **parameter, "name": name}


_EXAMPLES: Final = {"file_id": "00000000-0000-4000-8000-000000000001", "filter_id": "4242424242"}


def _placeholders(raw: Mapping[str, Any], matches: Mapping[str, Match]) -> dict[str, Any]:
    """Return our name -> the value of the document's examples that a run replaces by its own."""
    values: dict[str, Any] = {}
    for ours, names in (("register", ("username", "email", "password")), ("refresh", ("refresh_token",))):
        if ours in matches:
            examples, request = matches[ours].served.examples, matches[ours].request
            values |= {name: examples[request[name]] for name in names if request.get(name) in examples}
    for item in raw["paths"].values():
        for row in item.values():
            for each in row.get("parameters", []):
                if isinstance(each, dict) and each.get("name") in ("file_id", "filter_id") and "example" in each:
                    values.setdefault(each["name"], each["example"])
    return values


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _variable(name: str, system: str) -> str:
    return f"CUTOVER_{re.sub(r'[^A-Z0-9]', '_', name.upper())}_{system.upper()}_SECRET"


def _text(value: str) -> str:
    """Return a TOML basic string: a JSON string without DEL and lone surrogates, which TOML does not allow."""
    text = value.encode("utf-8", "replace").decode()
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _clean(text: str) -> str:
    """Return one line without control characters, for a comment or inside a string."""
    return re.sub(r'[\x00-\x1f\x7f"\\\ud800-\udfff]', "?", text)[:200]


def _comment(text: str) -> Iterator[str]:
    """Yield a comment, wrapped."""
    line = "#"
    for word in _clean_comment(text).split(" "):
        if len(line) + 1 + len(word) > _WIDTH and line != "#":
            yield line
            line = "#"
        line += f" {word}"
    yield line


def _clean_comment(text: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f\ud800-\udfff]", "?", text)[:1000]
