"""The environment that a command names by --env, with the running pair that `embedded` means.

Not for gate runs, which start a pair of their own: pytest_plugin/session.py.
"""

from __future__ import annotations

import os
from pathlib import Path

from cutover.config.environments import Environment, is_embedded, load_environment, no_environment
from cutover.config.validation import ConfigurationError


def named_environment(project: Path, name: str | None, pair_name: str | None) -> tuple[Environment, str | None]:
    """The environment of --env (CUTOVER_ENV), and what is planted in its pair, None when nothing is.

    pair_name: of --pair (CUTOVER_PAIR; default). Raises ConfigurationError.
    """
    name = name or os.environ.get("CUTOVER_ENV")
    if not name:
        raise no_environment(project)
    if not is_embedded(project, name):
        if pair_name is not None:
            raise ConfigurationError("--pair", "", f"{name} is no pair of this machine", "Leave the option out.")
        return load_environment(project, name), None
    from cutover.embedded import state
    from cutover.embedded.pair_error import PairError

    asked = pair_name or os.environ.get("CUTOVER_PAIR") or "default"
    try:
        pair = state.read(asked)
    except PairError as error:
        raise ConfigurationError("--pair", "", str(error).replace("\n", " "), "Mend the name.") from None
    if pair is None:
        raise ConfigurationError(
            "--pair", "", f"no pair {asked!r} is up", "Name one that is; the data of a pair ends with it."
        )
    return load_environment(project, name, pair=pair), pair.fault
