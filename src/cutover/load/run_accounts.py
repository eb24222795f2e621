"""Test accounts of a load run on each system: created before it, searched for lost writes and removed after it.

During a traffic switch the other system may respond at the same address. Each step asks the system that responds now.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cutover.accounts.registered import Accounts, RemovalError, remove_account
from cutover.client.http import Client
from cutover.config.environments import Environment
from cutover.core.errors import CheckFailed, IdentityMismatch, MeasurementError, NotVerified, Unreachable
from cutover.core.recorder import Recorder
from cutover.load.preparation import Preparation
from cutover.load.process_reports import ProcessReports
from cutover.load.profiles import Profile
from cutover.systems.target import Target, become_ready
from cutover.traffic.arrivals import Schedule


class RunAccounts:
    """The accounts of one run.

    created, reserved: plain data for the generator processes, by system. versions: the version that responded on each
    system before the first arrival.
    """

    def __init__(
        self,
        environment: Environment,
        profile: Profile,
        client: Client,
        recorder: Recorder,
        progress: Callable[[str], None],
    ) -> None:
        self._environment, self._profile, self._progress = environment, profile, progress
        self._client, self._recorder = client, recorder
        self._accounts: dict[str, Accounts] = {}
        self._preparations: dict[str, Preparation] = {}
        self.created: dict[str, list[dict[str, str]]] = {}
        self.reserved: dict[str, list[dict[str, str]]] = {}
        self.versions: dict[str, str | None] = {}

    def prepare(self, plan: Schedule, run_id: str, ledger: Path) -> None:
        """Wait for each system and create its accounts. ledger: file that lists names before they are created.

        Raises the errors of core/errors.py.
        """
        for system in self._profile.systems:
            target = self._responding_before(system)
            become_ready(target, self._progress)
            self.versions[system] = target.call("health").answer.version
            if self._profile.needs_accounts:
                accounts = Accounts(target, run_id, ledger, label=secrets.token_hex(3))
                self._accounts[system] = accounts
                preparation = self._preparations[system] = Preparation(accounts, target, self._progress)
                self.created[system] = preparation.create(self._profile.accounts)
                self.reserved[system] = preparation.reserve(plan.count(f"register {system}"))

    def find_lost_and_doubled(self, reports: ProcessReports) -> dict[str, Any]:
        """Look for each acknowledged write. Return `acknowledged` (a count), and names in `lost` and `doubled`.

        Raises the errors of core/errors.py.
        """
        acknowledged = reports.acknowledged()
        lost: list[str] = []
        doubled: list[str] = []
        for system, preparation in self._preparations.items():
            rows = [row[1:] for row in acknowledged if row[0] == system]
            target = self._responding_after(system, reports)
            found = preparation.find_lost_and_doubled(target, self.created[system], rows)
            lost += found[0]
            doubled += found[1]
        return {"acknowledged": len(acknowledged), "lost": lost, "doubled": doubled}

    def remove(self, reports: ProcessReports) -> list[str]:
        """Remove every account, as far as kill switch and system allow it. Return the leftovers."""
        leftovers: list[str] = []
        for system, accounts in self._accounts.items():
            self._progress(f"removing the accounts of {system}")
            target, preparation = self._responding_after(system, reports), self._preparations[system]
            with contextlib.suppress(RemovalError, MeasurementError, NotVerified, CheckFailed):  # see remove_all
                preparation.remove_late(target, reports.unanswered(), self._profile.timeout_s)
            if target.system != accounts.system:
                self._remove_after_switch(target, accounts, preparation)
            leftovers += accounts.remove_all()
        return leftovers

    def _target(self, system: str) -> Target:
        return Target(system, self._environment, self._client, self._recorder)

    def _responding_before(self, system: str) -> Target:
        """Return the system that creates the accounts: before a traffic switch the other one, at its own address."""
        target = self._target(system)
        others = [name for name in self._environment.systems if name != system]
        if self._profile.any_version and others:
            try:
                target.call("health")
            except IdentityMismatch:
                return self._target(others[0])
            except (Unreachable, CheckFailed):
                pass  # become_ready waits for it and reports the error
        return target

    def _responding_after(self, system: str, reports: ProcessReports) -> Target:
        """Return the system that responded last to these arrivals: after a switch the other one."""
        last = [(last_ns, origin.partition(" ")[0]) for origin, (_, _, last_ns) in reports.versions().items()]
        return self._target(max(last)[1] if last and self._profile.any_version else system)

    def _remove_after_switch(self, target: Target, accounts: Accounts, preparation: Preparation) -> None:
        """Remove the accounts that moved with the traffic. The others are removed, or listed, on their own system."""
        for account in (*preparation.created, *preparation.reserved):
            try:
                if remove_account(target, account.username, account.password):
                    accounts.forget(account)
            except (RemovalError, MeasurementError, NotVerified, CheckFailed):
                continue


def lost_write_findings(writes: dict[str, Any]) -> Sequence[str]:
    """Return a finding for lost and for doubled writes. writes: from RunAccounts.find_lost_and_doubled."""
    found = []
    for kind, text in (("lost", "are lost"), ("doubled", "exist twice")):
        if names := writes[kind]:
            found.append(f"{len(names)} of {writes['acknowledged']} acknowledged writes {text}: {', '.join(names[:5])}")
    return found
