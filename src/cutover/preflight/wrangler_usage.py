"""Bindings of a Wrangler configuration against the source code of the Worker: unused ones, and names without one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from cutover.config.preflight_wrangler import WranglerSettings
from cutover.core.errors import NotVerified
from cutover.preflight.findings import Finding
from cutover.preflight.wrangler_file import WranglerFile

JUDGED: Final = {"queues.producers": "queue", "analytics_engine_datasets": "Analytics Engine dataset"}
"""Kinds of bindings that a Worker writes to: one that nothing writes to looks like one without events."""
_SOURCES: Final = frozenset({".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs", ".py", ".rs", ".vue",
                             ".svelte"})  # fmt: skip
_SKIPPED: Final = frozenset({"node_modules", ".git", "dist", "build", ".wrangler", "test", "tests", "__tests__"})
_SIZE_LIMIT: Final = 5_000_000
_COMMENT: Final = re.compile(
    r"//[^\n]*+|/\*(?:(?!\*/).)*+\*/" r"|'(?:\\.|[^'\\\n])*+'" r'|"(?:\\.|[^"\\\n])*+"' r"|`(?:\\.|[^`\\])*+`",
    re.DOTALL,
)
_CALL: Final = re.compile(r"(?<!process\.)(?<!meta\.)\benv\s*\.\s*([A-Z][A-Z0-9_]*)\s*\.\s*[a-z]\w*\s*\(")
_TEST: Final = (
    r"\benv\s*\.\s*{name}\s*(?:\?|&&|\|\||===|!==|==|!=|\))|!\s*(?:\w+\.)*env\s*\.\s*{name}\b"
    r"|[\"'`]{name}[\"'`]\s+in\s+(?:\w+\.)*env\b"
)
"""A place at which the code tests a name before it uses it."""
_USE: Final = r"\b{name}\b(?!\s*\??\s*:\s*(?:Queue|Producer|Analytics|any\b|unknown\b))"
"""A place that names a binding, other than its declaration as a type, `interface Env { JOBS: Queue }`."""


def usage_findings(file: WranglerFile, settings: WranglerSettings) -> list[Finding]:
    """Return the queues and datasets whose binding no source file names. Raises NotVerified without source files."""
    bindings = [
        (environment, binding)
        for environment in file.environments(settings.judged)
        for binding in environment.bindings
        if binding.kind in JUDGED
    ]
    if not bindings:
        return []
    folder = settings.sources or _folder_of_main(file)
    source = _text_of(folder) if folder is not None else ""
    text = _COMMENT.sub(_without_comment, source)
    if not source:
        raise NotVerified(
            f"{file.shown}: no source code of the Worker was found, so it is not known if "
            f"{', '.join(sorted({binding.name for _, binding in bindings}))} is used: add "
            'preflight.wrangler.sources = "FOLDER" (environments.toml)'
        )
    return [
        file.finding(
            f"unused:{environment.title}.{binding.path}",
            binding.row.line,
            expected=f"source code that uses the {JUDGED[binding.kind]} {binding.name}",
            got=f"no source file in {folder.name if folder is not None else ''} contains {binding.name}",
            do_next="remove the binding, or write to it",
            promised="plan, Cloudflare Workers Configuration and Monitoring and Alerting",
        )
        for environment, binding in bindings
        if not re.search(_USE.format(name=re.escape(binding.name)), text)
    ]


def unbound_findings(file: WranglerFile, settings: WranglerSettings) -> list[Finding]:
    """Return the names on which the source code calls a method without a test, and that no environment binds.

    `env.DB.prepare(…)` fails at run time without DB. Names that the code tests first (`if (env.NAME)`, `env.NAME?.`)
    may be missing. A name that some environments bind is a finding of the comparison. Raises NotVerified without source
    files.
    """
    environments = file.environments(settings.judged)
    folder = settings.sources or _folder_of_main(file)
    source = _text_of(folder) if folder is not None else ""
    text = _COMMENT.sub(_without_comment, source)
    if not source:
        raise NotVerified(
            f"{file.shown}: no source code of the Worker was found, so it is not known which names it uses: add "
            'preflight.wrangler.sources = "FOLDER" (environments.toml)'
        )
    used = {name for name in _CALL.findall(text) if not re.search(_TEST.format(name=name), text)}
    bound = {name for names in settings.secrets.values() for name in names}
    for environment in environments:
        bound |= {binding.name for binding in environment.bindings} | set(environment.vars)
        assets = environment.get("assets")
        name = assets.get("binding") if assets is not None else None
        bound |= {name.text} if name is not None and name.text else set()
    return [
        file.finding(
            f"unbound:{missing}",
            environments[0].own.line,
            expected=f"a binding, var or secret {missing}: the source code calls it",
            got=f"no {missing} in {', '.join(each.title for each in environments)}",
            do_next="add the binding to each environment, or name it in preflight.wrangler.secrets if it is a secret",
            promised="Cloudflare docs, Workers, Bindings",
        )
        for missing in sorted(used - bound)
        if environments
    ]


def _without_comment(token: re.Match[str]) -> str:
    return "" if token[0].startswith("/") else token[0]


def _folder_of_main(file: WranglerFile) -> Path | None:
    """Return the folder of the entry module, None if there is none."""
    main = file.root.get("main") if file.root is not None else None
    if main is None or not main.text:
        return None
    try:
        entry = file.path.parent / main.text
        return entry.parent if entry.is_file() else None
    except (OSError, ValueError):
        return None


def _text_of(folder: Path) -> str:
    """Return the text of all source files below a folder, without dependencies and tests."""
    parts = []
    for path in sorted(folder.rglob("*")):
        if (
            path.suffix not in _SOURCES
            or path.name.endswith(".d.ts")
            or _SKIPPED & set(path.relative_to(folder).parts[:-1])
        ):
            continue
        try:
            if path.is_file() and path.stat().st_size < _SIZE_LIMIT:
                parts.append(path.read_text(encoding="utf-8", errors="replace"))
        except OSError:
            continue
    return "\n".join(parts)
