"""Write a journey as curl commands: one script for each system, with secrets and ids as shell variables."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from cutover.client.curl import Parts, Variable, printed, quoted
from cutover.config.operations import Operation
from cutover.parity.steps import ANONYMOUS, Journey, Own, Ref, Step
from cutover.systems.target import Target

_INLINE: Final = 400
_NO_BEARER: Final = ("register", "login", "refresh")


def script(target: Target, journey: Journey, steps: Sequence[Step]) -> str:
    """Return the steps as curl commands for that system, after the registration of the journey's accounts.

    The reader sets $ANN_USERNAME, $ANN_EMAIL, $ANN_PASSWORD, $ANN_ACCESS_TOKEN and so on, and also ids that an
    earlier response returns: a comment behind the command names them. Bodies above 400 bytes are described, not
    included.
    """
    accounts = " ".join(", ".join(journey.actors).split()) or "none"  # one line, so that it stays a comment
    lines = [f"# {target.system} at {target.url}; accounts: {accounts} (register them first, then set their variables)"]
    lines += [_command(target, step) for step in steps]
    return "\n".join(lines)


def command(target: Target, step: Step) -> str:
    """Return one step as one curl command for that system."""
    return _command(target, step)


def _command(target: Target, step: Step) -> str:
    operation = target.environment.operations[target.system][step.operation]
    parts = ["curl", "-i"]
    method = step.method or operation.method
    if method == "HEAD":
        parts.append("--head")
    elif method != "GET":
        parts += ["-X", shlex.quote(method)]
    path = _path(operation, step)
    if any(segment in (".", "..") for segment in "".join(path).split("/")):
        parts.append("--path-as-is")
    parts.append(quoted([target.url, *path]))
    bearer = _bearer(step)
    if bearer:
        parts += ["-H", quoted(["Authorization: Bearer ", *bearer])]
    for name, value in step.headers.items():
        parts += ["-H", shlex.quote(f"{name}: {value}" if value else f"{name};")]  # curl's syntax for an empty header
    parts += _body(operation, step)
    comment = f"  # returns ${_name(step.saves)}_…" if step.saves else ""
    return " ".join(parts) + comment


def _path(operation: Operation, step: Step) -> Parts:
    """Return the path. Literal parts are percent-encoded like in the client (Operation.url_path)."""
    found: Parts = []
    at = 0
    for match in re.finditer(r"\{(\+?)(\w+)\}", operation.path):
        found.append(operation.path[at : match.start()])
        at = match.end()
        safe = "/" if match[1] else ""
        filled = _text(step.path[match[2]], step.actor) if match[2] in step.path else [match[0]]
        found += [part if isinstance(part, Variable) else quote(part, safe=safe) for part in filled]
    return [*found, operation.path[at:]]


def _body(operation: Operation, step: Step) -> list[str]:
    if step.file is not None:
        # curl needs "\\" for a backslash; a quote is %22 in multipart (HTML standard).
        name = step.file.name.replace("\\", "\\\\").replace('"', "%22")
        part = operation.request.get("file", "file")
        if len(step.file.content) > _INLINE:
            return ["-F", shlex.quote(f'{part}=@FILE-OF-{len(step.file.content)}-BYTES;filename="{name}"')]
        form = f'{part}=@/dev/fd/3;filename="{name}";type={step.file.media_type}'
        return ["-F", shlex.quote(form), "3<", printed(step.file.content)]
    if step.content is not None:
        body, media = step.content
        header = ["-H", shlex.quote(f"Content-Type: {media}")]
        if len(body) > _INLINE:
            return [*header, "--data-raw", shlex.quote(f"<{len(body)} bytes>")]
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError:
            text = "\0"
        if "\0" in text:  # a command-line argument cannot contain NUL
            return [*header, "--data-binary", "@-", "<", printed(body)]
        return [*header, "--data-raw", shlex.quote(text)]  # with --data-binary an @ would mean a file
    if step.fields is not None:
        sent = {operation.request.get(name, name): value for name, value in step.fields.items()}
        body_parts = _json(sent, step.actor)
        length = sum(map(len, body_parts))
        shown = body_parts if length <= _INLINE * 4 else [f"<{length} characters of JSON>"]
        return ["-H", "'Content-Type: application/json'", "--data-raw", quoted(shown)]
    return []


def _bearer(step: Step) -> Parts:
    if step.actor == ANONYMOUS or step.bearer is None or step.operation in _NO_BEARER:
        return []
    named = {"access": "ACCESS_TOKEN", "refresh": "REFRESH_TOKEN", "old access": "OLD_ACCESS_TOKEN"}
    if isinstance(step.bearer, str) and step.bearer in named:
        return [Variable(f"{_name(step.actor)}_{named[step.bearer]}")]
    return _text(step.bearer, step.actor)


def _json(value: Any, actor: str) -> Parts:
    """Return JSON with variables inside of strings. The variables' values need no escapes in JSON."""
    if isinstance(value, (Ref, Own)):
        inner = [part if isinstance(part, Variable) else _dumped(part)[1:-1] for part in _text(value, actor)]
        return ['"', *inner, '"']
    if isinstance(value, Mapping):
        pairs = [[f"{_dumped(str(key))}: ", *_json(inner, actor)] for key, inner in value.items()]
        return ["{", *_joined(pairs), "}"]
    if isinstance(value, (list, tuple)):
        return ["[", *_joined([_json(inner, actor) for inner in value]), "]"]
    return [_dumped(value)]


def _joined(rows: Sequence[Parts]) -> Parts:
    return [part for index, row in enumerate(rows) for part in ([", ", *row] if index else row)]


def _dumped(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair cannot be printed
        return json.dumps(value)
    return text


def _text(value: Any, actor: str) -> Parts:
    if isinstance(value, Ref):
        return [Variable(f"{_name(value.saved)}_{_name(value.field)}")]
    if isinstance(value, Own):
        change = f"_{value.change.upper()}" if value.change else ""
        return [value.before, Variable(f"{_name(value.actor or actor)}_{value.field.upper()}{change}"), value.after]
    return [str(value)]


def _name(text: str) -> str:
    """Return a text as the name of a shell variable."""
    word = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_").upper()
    return word if word and not word[0].isdigit() else f"V{word}"
