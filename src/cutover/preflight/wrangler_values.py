"""Values of a Wrangler configuration that must not be deployed: placeholders, and secrets in vars."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final

from cutover.config.preflight_wrangler import WranglerSettings
from cutover.preflight.findings import Finding
from cutover.preflight.located import Located
from cutover.preflight.wrangler_file import Binding, WranglerEnvironment, WranglerFile

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_HEX: Final = re.compile(r"[0-9a-fA-F]{32}")
FORMATS: Final = {
    ("d1_databases", "database_id"): (_UUID, "a database id (a UUID, from `wrangler d1 list`)"),
    ("kv_namespaces", "id"): (_HEX, "a namespace id (32 hexadecimal digits, from `wrangler kv namespace list`)"),
    ("hyperdrive", "id"): (_HEX, "a configuration id (32 hexadecimal digits, from `wrangler hyperdrive list`)"),
}
"""Kind of a binding and key of its identifier -> its form. Wrangler creates the store if the key is missing."""
_ACCOUNT: Final = ("account_id", "zone_id")
_LOWER_CASE: Final = frozenset({"bucket_name", "queue", "service", "index_name", "pattern", "zone_name"})
"""Keys of names that cannot have capitals, so PRODUCTION_BUCKET is none. A dataset or a database may have them."""

_MARKED: Final = re.compile(
    r"<[A-Za-z][^<>]*>|\{\{.*\}\}|\$\{[^{}]*\}|\bREPLACE([-_ ]?(ME|THIS|WITH)\b|_)|\bCHANGE[-_ ]?ME\b|\bPLACEHOLDER\b"
    r"|(?:^|[^a-z])YOUR[-_][a-z]|_HERE\b|\bTODO\b|\bFIXME\b|\bTBD\b|x{6,}|^\$[A-Z_]+$",
    re.IGNORECASE,
)
_CAPITALS: Final = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")
_REPEATED: Final = re.compile(r"([0-9a-fA-F])(?:\1|-){7,}")
_EXAMPLE_HOST: Final = re.compile(r"(^|\.)(example|your-?domain|mydomain)\.(com|org|net)(/|$)", re.IGNORECASE)


def placeholder_findings(file: WranglerFile, settings: WranglerSettings) -> list[Finding]:
    """Return the values that were never filled in: identifiers, bucket names, routes and vars."""
    found: dict[int, Finding] = {}
    for environment in file.environments(settings.judged):
        for path, value, expected in _unfilled(environment, required_names(settings)):
            inherited = path.partition(".")[0].partition(" ")[0] not in environment.own.table
            title = "the top level" if inherited else environment.title
            found.setdefault(
                id(value),
                file.finding(
                    f"placeholder:{title}.{path}",
                    value.line,
                    expected=expected,
                    got=f"{path} = {value.plain!r} in {title}",
                    do_next="create the resource, and write its real value here",
                ),
            )
    return list(found.values())


def _unfilled(environment: WranglerEnvironment, secrets: set[str]) -> Iterator[tuple[str, Located, str]]:
    """Yield path, value and the expected form of each placeholder. secrets: vars that the other check reports."""
    for binding in environment.bindings:
        first = next(_unfilled_binding(binding), None)  # one resource that is missing is one finding
        if first is not None:
            yield first
    for name, value in environment.vars.items():
        for path, leaf in value.leaves(f"vars.{name}"):
            marked = name not in secrets and leaf.text and _MARKED.search(leaf.text)
            if marked and (_is_name_of_secret(name) or not _is_template(leaf.text or "")):
                yield path, leaf, "a value"
    for key, value in environment.used():
        if key in _ACCOUNT and value.text and not _is_filled_in(value, _HEX):
            yield key, value, f"the {key} (32 hexadecimal digits)"
        if key in ("route", "routes"):
            for number, route in enumerate(value.items or [value], 1):
                for path, leaf in route.leaves(key if key == "route" else f"{key} {number}"):
                    if leaf.text is not None and (_is_placeholder(leaf.text) or _EXAMPLE_HOST.search(leaf.text)):
                        yield path, leaf, "a host name of the deployment"
                        break


def _unfilled_binding(binding: Binding) -> Iterator[tuple[str, Located, str]]:
    """Yield the placeholders of one binding, its identifier first. Keys of local development are left out."""
    leaves = dict(binding.row.leaves())
    for path in sorted(leaves, key=lambda each: (binding.kind, each) not in FORMATS):
        if path in ("binding", "name", "type", "class_name") or path.startswith(("preview_", "local")):
            continue
        value, form = leaves[path], FORMATS.get((binding.kind, path))
        if form is not None and not _is_filled_in(value, form[0]):
            yield f"{binding.path}.{path}", value, form[1]
        elif form is None and value.text is not None and _is_placeholder(value.text, capitals=path in _LOWER_CASE):
            yield f"{binding.path}.{path}", value, f"the {path} of a resource that exists"


def _is_filled_in(value: Located, form: re.Pattern[str]) -> bool:
    return value.text is not None and form.fullmatch(value.text) is not None and not _REPEATED.fullmatch(value.text)


def _is_placeholder(text: str, *, capitals: bool = True) -> bool:
    """Return True for a placeholder. capitals: PRODUCTION_NAME is one."""
    return (
        not text.strip()
        or _MARKED.search(text) is not None
        or (capitals and _CAPITALS.fullmatch(text) is not None)
        or _REPEATED.fullmatch(text) is not None
    )


def _is_template(text: str) -> bool:
    """Return True for text with markup or with words around a marked part, which may be meant: "<b>Hello</b> you"."""
    return " " in text.strip() and not text.strip().upper().startswith(("TODO", "REPLACE", "CHANGE"))


_SECRET_NAME: Final = re.compile(
    r"(^|_)(SECRETS?|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|API_?KEY|PRIVATE_?KEY|SIGNING_?KEY|ENCRYPTION_?KEY"
    r"|ACCESS_?KEY|AUTH_?KEY|SALT|(ACCESS|AUTH|API|BOT|REFRESH|BEARER|WEBHOOK)_?TOKEN|TOKEN)$",
    re.IGNORECASE,
)
_PUBLIC_NAME: Final = re.compile(
    r"(^|_)(PUBLIC|PUBLISHABLE|ANON|SITE_?KEY|CLIENT_?ID|VITE)(_|$)|SITEKEY|CLIENTID", re.IGNORECASE
)
_SECRET_VALUE: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----|^eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.|^[sr]k_(live|test)_\w{8,}"
    r"|^(AKIA|ASIA)[A-Z0-9]{12,}|^gh[pousr]_\w{20,}|^github_pat_\w{20,}|^SG\.[\w-]{10,}\.|^xox[abp]-|^[a-z][a-z0-9+.-]*://[^/\s:@]+:[^/\s@]+@"
)
_HARMLESS: Final = re.compile(
    r"\s*|true|false|none|null|required|optional|enabled|disabled|bearer|header|cookie|jwt|include|omit|same-origin"
    r"|\d{1,5}(\.\d+)?|https?://[^@]*",
    re.IGNORECASE,
)


def secret_findings(file: WranglerFile, settings: WranglerSettings) -> list[Finding]:
    """Return the vars that are secrets: anyone who can read the file, the dashboard or the build log can read vars.

    By name (JWT_SECRET, …_API_KEY), by value (a private key, a URL with a password), or because the environment
    requires a secret of that name. The value is never shown.
    """
    found = []
    required = required_names(settings)
    for environment in file.environments(settings.judged):
        for name, value in environment.vars.items():
            why = why_secret(name, value, required)
            if why:
                found.append(
                    file.finding(
                        f"secret-in-vars:{environment.title}.{name}",
                        value.line,
                        expected=f"{name} as a secret",
                        got=f"a var of {environment.title} {why}",
                        do_next=f"remove the var, set it with `wrangler secret put {name}"
                        f"{' --env ' + environment.name if environment.name else ''}`, and change the value: it was "
                        "readable in the repository",
                        promised="Cloudflare docs, Workers, Secrets; plan, Environment Variables and Secrets",
                    )
                )
    return found


def required_names(settings: WranglerSettings) -> set[str]:
    """Return the names of all secrets that the settings require."""
    return {name for names in settings.secrets.values() for name in names}


def why_secret(name: str, value: Located, required: Collection[str] = ()) -> str:
    """Return why a var is a secret, for messages, "" if it is none. required: names of secrets."""
    if name in required:
        return "that the environment requires as a secret"
    if any(leaf.text is not None and _SECRET_VALUE.search(leaf.text) for _, leaf in value.leaves()):
        return "whose value has the form of a secret"
    text = value.text
    if text is None or _HARMLESS.fullmatch(text) or _MARKED.search(text) or not _is_name_of_secret(name):
        return ""
    return "whose name is that of a secret"


def _is_name_of_secret(name: str) -> bool:
    return _SECRET_NAME.search(name) is not None and _PUBLIC_NAME.search(name) is None


def named_resource(binding: Binding, key: str) -> str | None:
    """Return the identifier of a binding's resource if it is filled in, None otherwise."""
    value = binding.row.get(key)
    if value is None or value.text is None or _is_placeholder(value.text, capitals=key in _LOWER_CASE):
        return None
    form = FORMATS.get((binding.kind, key))
    return value.text if form is None or _is_filled_in(value, form[0]) else None
