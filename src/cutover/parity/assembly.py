"""Build a parity run for an environment: targets, stores if the environment names them, administrators."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cutover.accounts.registered import Account
from cutover.accounts.roles import AccountRoles
from cutover.client.http import Client
from cutover.config.environments import Environment
from cutover.core.errors import NotVerified
from cutover.core.recorder import Recorder
from cutover.core.safety import KillSwitch
from cutover.parity.parity_run import SHORTENING_S, ParityRun
from cutover.parity.stored_state import legacy_state, worker_state
from cutover.stores import LegacyRows, MediaFolder, ObjectStore, RowStore, row_store_of
from cutover.systems.target import Target


@contextlib.contextmanager
def parity_run(
    project: Path,
    environment: Environment,
    client: Client,
    recorder: Recorder,
    *,
    run: str,
    ledger: Path | None,
    candidate: str = "worker",
    show_values: bool = False,
    seed: int = 0,
    shortening_s: float = SHORTENING_S,
) -> Iterator[ParityRun]:
    """Yield a parity run of Django against the Worker, or against itself (candidate="legacy").

    The stored state is compared if the environment names all four stores. Raises NotVerified if a system is absent,
    and what ParityRun raises.
    """
    for system in {"legacy", candidate}:
        if system not in environment.systems:
            raise NotVerified(f"{environment.name} has no {system}: {environment.absent[system]}")
    baseline = Target("legacy", environment, client, recorder)
    other = Target(candidate, environment, client, recorder)
    row_store = row_store_of(environment, client)
    rows = None
    if environment.postgres is not None:
        rows = LegacyRows(environment.postgres, environment, recorder=recorder, kill_switch=KillSwitch(project))
    read_state = None
    if rows is not None and row_store is not None and environment.media is not None and environment.bucket is not None:
        read_state = _StoredState(
            environment, rows, MediaFolder(environment.media), row_store, ObjectStore(environment.bucket, client)
        )
    try:
        yield ParityRun(
            project,
            environment,
            baseline,
            other,
            run=run,
            ledger=ledger,
            recorder=recorder,
            show_values=show_values,
            seed=seed,
            make_admin=AccountRoles(environment, row_store).make_admin if row_store is not None else None,
            read_state=read_state,
            shortening_s=shortening_s,
        )
    finally:
        if rows is not None:
            rows.close()


class _StoredState:
    """Reads the state that the stores of a target hold for some accounts."""

    def __init__(
        self, environment: Environment, rows: LegacyRows, media: MediaFolder, row_store: RowStore, objects: ObjectStore
    ) -> None:
        self._rows, self._media, self._row_store, self._objects = rows, media, row_store, objects
        key = environment.operations["worker"]["upload"].object_key
        self._form = {"object_key": key} if key else {}

    def __call__(self, target: Target, accounts: Sequence[Account]) -> Any:
        names = [account.username for account in accounts]
        gone = {account.username: account.user_id for account in accounts if account.user_id is not None}
        if target.system == "legacy":
            return legacy_state(self._rows, self._media, names, gone=gone)
        return worker_state(self._row_store, self._objects, names, gone=gone, **self._form)
