"""Test accounts of a load run on each system: created before it, searched for lost writes and removed after it.

During a traffic switch the other system may respond at the same address. Each step asks the system that responds now.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import gevent

from cutover.accounts.registered import Accounts, RemovalError, remove_account
from cutover.client.http import Client
from cutover.config.environments import Environment
from cutover.core.errors import CheckFailed, IdentityMismatch, MeasurementError, NotVerified, Unreachable
from cutover.core.recorder import Recorder
from cutover.load.journey_preconditions import JourneyCause, absent_journeys, needed_by
from cutover.load.journeys import endpoints_of
from cutover.load.preparation import Preparation
from cutover.load.process_reports import ProcessReports
from cutover.load.profiles import Profile
from cutover.systems.readiness import become_ready, first_response, wrong_clock
from cutover.systems.target import Target
from cutover.traffic.arrivals import Schedule

REMOVAL_AFTER_SIGNAL_S: Final = 2.5
"""Seconds for the removal of accounts after SIGINT or SIGTERM, on a system that may have stopped responding."""


class RunAccounts:
    """The accounts of one run.

    created, reserved: plain data for the generator processes, by system. versions: the version that responded on each
    system before the first arrival. causes: broken preconditions, and the journeys that each of them blocks. absent:
    journeys with an operation that a system is declared not to have, with the reason.
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
        self.causes: list[JourneyCause] = []
        self.absent = absent_journeys(profile.journeys, environment.operations, profile.systems)
        self._journeys = [name for name in profile.journeys if name not in self.absent]

    @property
    def not_sent(self) -> set[str]:
        """Return the journeys "JOURNEY SYSTEM" that are not sent: absent, or blocked by a cause on any system.

        A comparison sends each journey to both systems or to none.
        """
        blocked = {journey.partition(" ")[0] for cause in self.causes for journey in cause.journeys}
        return {f"{journey} {system}" for journey in {*self.absent, *blocked} for system in self._profile.systems}

    @property
    def sent_endpoints(self) -> tuple[str, ...]:
        """Return the endpoints of the journeys that are sent; none if no journey can be."""
        return endpoints_of(
            name for name in self._journeys if f"{name} {self._profile.systems[0]}" not in self.not_sent
        )

    @property
    def blocked_endpoints(self) -> tuple[str, ...]:
        """Return the endpoints of the journeys that a cause blocks, except those that other journeys request."""
        return tuple(name for name in endpoints_of(self._journeys) if name not in self.sent_endpoints)

    def prepare(self, plan: Schedule, run_id: str, ledger: Path) -> None:
        """Wait for each system and create what the journeys need. ledger: lists names before they are created.

        A broken precondition is kept in `causes`. Raises MeasurementError.
        """
        needed = needed_by(self._journeys)
        targets = {system: self._responding_before(system) for system in self._profile.systems}
        if wrong := wrong_clock([become_ready(target, self._progress) for target in targets.values()]):
            raise MeasurementError(wrong)
        for system, target in targets.items():
            if target.has("health"):
                self.versions[system] = target.call("health").answer.version
            if needed:
                accounts = Accounts(target, run_id, ledger, label=secrets.token_hex(3))
                self._accounts[system] = accounts
                preparation = self._preparations[system] = Preparation(accounts, target, self._progress)
                self.created[system] = preparation.create(self._profile.accounts, needed)
                self.causes += preparation.preconditions.causes(self._journeys)
        for system, preparation in self._preparations.items():
            count = 0 if f"register {system}" in self.not_sent else plan.count(f"register {system}")
            self.reserved[system] = preparation.reserve(count)

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

    def remove(self, reports: ProcessReports, *, interrupted: bool = False) -> list[str]:
        """Remove every account, as far as kill switch and system allow it. Return the leftovers.

        interrupted: the run was ended by a signal. The removal then has a deadline, and the ledger lists what is left.
        """
        leftovers: list[str] = []
        with gevent.Timeout(REMOVAL_AFTER_SIGNAL_S if interrupted else None, exception=False):
            self._remove(reports, leftovers)
        return leftovers

    def _remove(self, reports: ProcessReports, leftovers: list[str]) -> None:
        for system, accounts in self._accounts.items():
            self._progress(f"removing the accounts of {system}")
            target, preparation = self._responding_after(system, reports), self._preparations[system]
            with contextlib.suppress(RemovalError, MeasurementError, NotVerified, CheckFailed):  # see remove_all
                preparation.remove_late(target, reports.unanswered(), self._profile.timeout_s)
            if target.system != accounts.system:
                self._remove_after_switch(target, accounts, preparation)
            leftovers += accounts.remove_all()

    def _target(self, system: str) -> Target:
        return Target(system, self._environment, self._client, self._recorder)

    def _responding_before(self, system: str) -> Target:
        """Return the system that creates the accounts: before a traffic switch the other one, at its own address."""
        target = self._target(system)
        others = [name for name in self._environment.systems if name != system]
        if self._profile.any_version and others:
            try:
                first_response(target)
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


def lost_write_findings(writes: dict[str, Any]) -> list[JourneyCause]:
    """Return a finding for lost and for doubled writes. writes: from RunAccounts.find_lost_and_doubled."""
    found = []
    for kind, text in (("lost", "are lost"), ("doubled", "exist twice")):
        if names := writes[kind]:
            count = f"{len(names)} of {writes['acknowledged']} acknowledged writes"
            found.append(JourneyCause("acknowledged writes", f"{count} {text}: {', '.join(names[:5])}", failed=True))
    return found
