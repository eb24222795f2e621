"""Load the environment that a command names by --env, with the running pair if it is embedded.

Gate runs start an embedded pair themselves (pytest_plugin); commands and load runs use a running one.
"""

from __future__ import annotations

import os
from pathlib import Path

from cutover.config.environments import Environment, is_embedded, load_environment, no_environment
from cutover.config.validation import ConfigurationError


def named_environment(project: Path, name: str | None, pair_name: str | None) -> tuple[Environment, str | None]:
    """Return the environment of --env (CUTOVER_ENV) and the fault that is planted in its pair, None without one.

    pair_name: value of --pair (CUTOVER_PAIR, else `default`). Raises ConfigurationError.
    """
    name = name or os.environ.get("CUTOVER_ENV")
    if not name:
        raise no_environment(project)
    if not is_embedded(project, name):
        if pair_name is not None:
            raise ConfigurationError("--pair", "", f"{name} is not an embedded pair", "Remove the option.")
        return load_environment(project, name), None
    from cutover.embedded import state
    from cutover.embedded.default_pair import NAME, unnamed_pair
    from cutover.embedded.pair_error import PairError

    pair_name = pair_name or os.environ.get("CUTOVER_PAIR")
    try:
        pair = state.read(pair_name) if pair_name else unnamed_pair()
    except PairError as error:
        raise ConfigurationError("--pair", "", str(error).replace("\n", " "), "Correct the option.") from None
    if pair is None:
        raise ConfigurationError(
            "--pair", "", f"no pair {pair_name or NAME!r} is up", "Name a pair that is up, or run `cutover pair up`."
        )
    return load_environment(project, name, pair=pair), pair.fault
