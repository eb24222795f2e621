"""Required secrets of each environment, by name: from the output of `wrangler secret list`, or Cloudflare's API."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from cutover.config.preflight_wrangler import WranglerSettings
from cutover.config.validation import ConfigurationError
from cutover.core.errors import NotVerified
from cutover.preflight.findings import Finding
from cutover.preflight.wrangler_file import WranglerEnvironment, WranglerFile, read_wrangler_file
from cutover.stores.cloudflare_api import require_official_client


def required_secrets(
    file: WranglerFile, settings: WranglerSettings
) -> list[tuple[WranglerEnvironment, tuple[str, ...]]]:
    """Return the names that each judged environment requires: from the settings, and key `secrets` of the file.

    Raises NotVerified if neither names any, or none of production. `secrets.production = []` says that it needs none.
    """
    found = []
    environments = file.environments(settings.judged)
    for environment in environments:
        declared = environment.get("secrets")
        listed = declared.get("required") if declared is not None else None
        names = [each.text for each in (listed.items if listed is not None else []) if each.text]
        names += settings.secrets.get(environment.name, ())
        if names:
            found.append((environment, tuple(dict.fromkeys(names))))
    has_production = any(environment.name == settings.production for environment in environments)
    named = {environment.name for environment, _ in found} | settings.secrets.keys()
    if not found or (has_production and settings.production not in named):
        key = f"secrets.{settings.production}" if settings.production else 'secrets.""'
        raise NotVerified(
            f"{file.shown}: no required secret of {settings.production or 'the top level'} is named: add "
            f'preflight.wrangler.{key} = ["JWT_SECRET", …] (environments.toml)'
        )
    return found


def secrets_from_file(path: Path) -> set[str]:
    """Return the names in the output of `wrangler secret list`. Raises ConfigurationError if it is something else."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigurationError(
            path, "", f"expected the output of `wrangler secret list` (JSON), got {error}", "Write the file again."
        ) from None
    if not isinstance(rows, list) or not all(
        isinstance(row, dict) and isinstance(row.get("name"), str) for row in rows
    ):
        raise ConfigurationError(
            path, "", "expected an array of objects with a name, got something else",
            "Write the file with `wrangler secret list --env NAME --format json`.",
        )  # fmt: skip
    return {row["name"] for row in rows}


def validate_files(settings: WranglerSettings) -> None:
    """Raise ConfigurationError if a file cannot be read, or an account is named without the client for its API."""
    read_wrangler_file(settings.file)
    for path in settings.secret_lists.values():
        secrets_from_file(path)
    if settings.account is not None:
        require_official_client()


def secret_list_findings(
    file: WranglerFile, settings: WranglerSettings, ask: Callable[[str], set[str]] | None = None
) -> list[Finding]:
    """Return the required secrets that are not set. ask: returns the names of a Worker by its name, from the API.

    Raises NotVerified for an environment whose names are not known.
    """
    found, unknown = [], []
    for environment, names in required_secrets(file, settings):
        if environment.name in settings.secret_lists:
            path = settings.secret_lists[environment.name]
            present, source = secrets_from_file(path), path.name
        elif ask is not None and environment.worker is not None:
            present, source = ask(environment.worker), f"Cloudflare's API, Worker {environment.worker}"
        else:
            unknown.append(environment.name or "top level")
            continue
        found += [
            file.finding(
                f"secret-missing:{environment.title}.{name}",
                environment.own.line,
                expected=f"the secret {name} of {environment.title}",
                got=f"secrets: {', '.join(sorted(present)) or 'none'} ({source})",
                do_next=f"wrangler secret put {name}{' --env ' + environment.name if environment.name else ''}",
                promised="plan, Environment Variables and Secrets",
            )
            for name in names
            if name not in present
        ]
    if unknown and not found:
        raise NotVerified(
            f"{file.shown}: the secrets of {', '.join(unknown)} are not known: add "
            f'preflight.wrangler.secret_lists.{unknown[0]} = "FILE" with the output of `wrangler secret list`, or '
            "account and api"
        )
    return found
