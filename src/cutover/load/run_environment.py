"""The environment of a load run, with an embedded pair that is running or that is started for this run."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cutover.config.environment_option import named_environment
from cutover.config.environments import Environment, is_embedded
from cutover.config.validation import ConfigurationError
from cutover.load.machine_load import MachineLoad

if TYPE_CHECKING:
    from cutover.embedded.pair import PairHandle

_PAIR_TIMEOUT_S: Final = 120.0


@dataclass
class RunEnvironment:
    """An environment. planted: the fault in its pair. pair_name: None if it is not embedded. pair: started here."""

    environment: Environment
    planted: str | None
    pair_name: str | None = None
    pair: PairHandle | None = None

    def machine_load(self) -> MachineLoad:
        """Return the samples of the machine that the pair shares with this process."""
        from cutover.embedded import state

        found = state.read(self.pair_name) if self.pair_name is not None else None
        return MachineLoad(found.pid if found is not None else None, own=[os.getpid()])

    def close(self) -> None:
        """Stop the pair that was started for this run."""
        if self.pair is not None:
            self.pair.stop()
            self.pair = None


def open_environment(project: Path, name: str, pair_option: str | None, run_id: str) -> RunEnvironment:
    """Return the environment of a run. Starts a pair if the environment is embedded and no pair is running.

    Raises ConfigurationError.
    """
    from cutover.embedded import pair
    from cutover.embedded.default_pair import unnamed_pair
    from cutover.embedded.pair_error import PairError

    if "://" in name or not is_embedded(project, name):
        return RunEnvironment(*named_environment(project, name, pair_option))
    asked = pair_option or os.environ.get("CUTOVER_PAIR")
    if asked is not None:
        return RunEnvironment(*named_environment(project, name, asked), asked)
    try:
        running = unnamed_pair()
    except PairError as error:
        raise ConfigurationError("--pair", "", str(error).replace("\n", " "), "Then run it again.") from None
    if running is not None and running.healthy:
        return RunEnvironment(*named_environment(project, name, "default"), "default")
    own_name = f"load-{run_id}"
    try:
        own = pair.start(own_name, owned=True, options=pair.PairOptions())
        own.wait(_PAIR_TIMEOUT_S)
    except PairError as error:
        raise ConfigurationError("--env", "", f"the pair did not start: {error}", "Try `cutover pair up`.") from None
    return RunEnvironment(*named_environment(project, name, own_name), own_name, own)
