"""Plays journeys on a baseline and a candidate. Each journey has its own accounts and its own ID mapping."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Mapping

from cutover.accounts.registered import Account, Accounts
from cutover.config.environment_promises import upload_limit
from cutover.core.errors import IdentityMismatch, NotApplicable, NotVerified
from cutover.core.secrets import Secret
from cutover.corpus import UPLOAD_LIMIT
from cutover.parity.clocks import Clock, read_clock
from cutover.parity.journey_in_progress import JourneyInProgress, PlayerOptions
from cutover.parity.played import PlayedJourney
from cutover.parity.side import Side
from cutover.parity.steps import Journey, at_limit
from cutover.systems.target import Target


class Player:
    """Plays journeys on a baseline and a candidate."""

    def __init__(
        self,
        baseline: Target,
        candidate: Target,
        accounts: Callable[[Target, str], Accounts],
        options: PlayerOptions,
    ) -> None:
        """Prepare for the two targets.

        accounts: makes the accounts of one journey on a target. Both sides are given the same label, so that
        their accounts have the same names. The caller removes the accounts.
        """
        self._targets, self._accounts, self._options = (baseline, candidate), accounts, options
        self._clocks: tuple[Clock, Clock] | None = None
        self._proven = False

    @property
    def same_system(self) -> bool:
        """Return True if both sides are the same system, to find differences that are noise."""
        return self._targets[0].system == self._targets[1].system

    def begin(self, journey: Journey) -> JourneyInProgress:
        """Register the journey's accounts on both systems. The caller then plays the steps one by one.

        Raises IdentityMismatch if both addresses lead to one system.
        """
        progress = self._start(journey)
        for actor in journey.actors:
            progress.name_account(actor, "")
        for actor, ending in journey.spares.items():
            progress.name_account(actor, ending)
        for actor in journey.actors:
            progress.register(actor)
        self._prove_two_systems(progress)
        for actor in journey.admins:
            if self._options.make_admin is None:
                raise NotVerified(
                    "no administrator can be made: the environment names no postgres or no d1 "
                    "(environments.toml), and both are needed"
                )
            for side in progress.sides:
                self._options.make_admin(side.target, side.actors[actor])
        return progress

    def begin_migrated(self, journey: Journey, actors: Mapping[str, tuple[Secret, Secret]]) -> JourneyInProgress:
        """Begin a journey of accounts that both systems already have. None is registered or removed.

        actors: actor -> name and password. Migrated ids and instants must be the same on both sides.
        Raises IdentityMismatch if both addresses lead to one system.
        """
        progress = self._start(journey, migrated=True)
        for side in progress.sides:
            for actor, (username, password) in actors.items():
                side.actors[actor] = Account(username.reveal(), "", password)
        self._prove_two_systems(progress)
        return progress

    def play(self, journey: Journey) -> PlayedJourney:
        """Play the whole journey, then compare the final state. A step that cannot be played ends the journey."""
        journey = journey.only(tuple(at_limit(step, self._upload_limit()) for step in journey.steps))
        progress = self.begin(journey)
        for step in journey.steps:
            if not progress.step(step):
                return progress.played
        progress.read_back()
        return progress.played

    def _upload_limit(self) -> int:
        """Return the smaller upload limit of the two systems in bytes, ours if none is promised."""
        limits = [UPLOAD_LIMIT]
        for target in self._targets:
            with contextlib.suppress(NotApplicable):
                limits.append(upload_limit(target.environment.promises, target.system))
        return min(limits)

    def _start(self, journey: Journey, *, migrated: bool = False) -> JourneyInProgress:
        if self._clocks is None:
            self._clocks = read_clock(self._targets[0]), read_clock(self._targets[1])
        labels = [secrets.token_hex(3)] * 2 if not self.same_system else [secrets.token_hex(3) for _ in self._targets]
        sides = [
            Side(target, self._accounts(target, label)) for target, label in zip(self._targets, labels, strict=True)
        ]
        return JourneyInProgress(journey, (sides[0], sides[1]), self._clocks, self._options, migrated=migrated)

    def _prove_two_systems(self, progress: JourneyInProgress) -> None:
        """Prove once per run that the two addresses lead to two systems."""
        if self.same_system or self._proven:
            return
        if "registration" in self._targets[0].environment.absent:
            evidence = self._token_is_accepted(progress)
        else:
            evidence = self._account_is_known(progress)
        if evidence is None:
            return  # try again with the next account
        baseline, candidate = (side.target for side in progress.sides)
        if evidence:
            raise IdentityMismatch(
                f"{candidate.url} {evidence} {baseline.url} only: both addresses lead to the same system. "
                f"Correct [worker] or [legacy] in environments.toml [{candidate.environment.name}], "
                "or the route in front of them."
            )
        self._proven = True

    def _account_is_known(self, progress: JourneyInProgress) -> str:
        """Return a text if the candidate knows an account that exists on the baseline only, else ""."""
        baseline, candidate = progress.sides
        account = baseline.accounts.new()
        fields = {"username": account.username, "password": account.password}
        known = candidate.target.call("login", fields=fields).status in candidate.target.operation("login").statuses
        return "knows an account that was registered on" if known else ""

    def _token_is_accepted(self, progress: JourneyInProgress) -> str | None:
        """Return a text if the candidate accepts a token of the baseline, else "". For systems without registration.

        Return None if no account can log in because all are disabled.
        """
        baseline, candidate = progress.sides
        for account in baseline.actors.values():
            fields = {"username": account.username, "password": account.password}
            login = baseline.target.call("login", fields=fields)
            if login.status not in login.operation.statuses:
                continue  # a disabled account
            answer = candidate.target.call("user", token=login.secret("access_token"))
            return "accepts a token issued by" if answer.status in answer.operation.statuses else ""
        return None
