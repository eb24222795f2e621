"""The Wrangler configuration of the deployment."""

import datetime
from collections.abc import Callable

import pytest

from cutover.config.environments import Environment
from cutover.config.preflight_wrangler import WranglerSettings
from cutover.core.recorder import Recorder
from cutover.preflight.findings import conclude
from cutover.preflight.promised_hosts import hosts_of
from cutover.preflight.wrangler_comparison import comparison_findings, inheritance_findings
from cutover.preflight.wrangler_file import READABLE, WranglerFile, missing_environments
from cutover.preflight.wrangler_routes import route_findings
from cutover.preflight.wrangler_secrets import secret_list_findings
from cutover.preflight.wrangler_shape import validity_findings
from cutover.preflight.wrangler_stores import other_store_findings, sharing_findings
from cutover.preflight.wrangler_usage import unbound_findings, usage_findings
from cutover.preflight.wrangler_values import placeholder_findings, secret_findings

pytestmark = [pytest.mark.preflight, pytest.mark.needs("wrangler"), pytest.mark.plan("Environment Configuration")]


@pytest.mark.owns(READABLE)
def test_wrangler_configuration_is_valid(
    wrangler_file: WranglerFile, wrangler: WranglerSettings, recorder: Recorder
) -> None:
    """The Wrangler configuration is valid TOML 1.0 or JSON with comments, and Wrangler accepts its values."""
    today = datetime.datetime.now(datetime.UTC).date()
    conclude(validity_findings(wrangler_file, wrangler, today), recorder)


def test_environments_of_the_cutover_are_defined(
    wrangler_file: WranglerFile, wrangler: WranglerSettings, recorder: Recorder
) -> None:
    """The Wrangler configuration defines production, staging and both colours."""
    recorder.notes += [
        f"no {name}, as preflight.wrangler.without says: {why}" for name, why in wrangler.without.items()
    ]
    conclude(missing_environments(wrangler_file, wrangler), recorder)


def test_environments_repeat_what_is_not_inherited(
    wrangler_file: WranglerFile, wrangler: WranglerSettings, recorder: Recorder
) -> None:
    """Every var and binding of the top level is repeated in each named environment, which inherits none."""
    conclude(inheritance_findings(wrangler_file, wrangler), recorder)


def test_staging_is_configured_like_production(
    wrangler_file: WranglerFile, wrangler: WranglerSettings, recorder: Recorder
) -> None:
    """Staging has the bindings, vars, compatibility settings and limits of production."""
    recorder.notes += [f"accepted difference {path}: {why}" for path, why in wrangler.differences.items()]
    conclude(comparison_findings(wrangler_file, wrangler), recorder)


def test_no_placeholder_is_left(wrangler_file: WranglerFile, wrangler: WranglerSettings, recorder: Recorder) -> None:
    """Every identifier, bucket name, route and var has a real value."""
    conclude(placeholder_findings(wrangler_file, wrangler), recorder)


def test_environments_have_stores_of_their_own(
    wrangler_file: WranglerFile, wrangler: WranglerSettings, environment: Environment, recorder: Recorder
) -> None:
    """No two environments use one Worker or store, unless that is declared, and the suite reads those of the Worker."""
    recorder.notes += [f"accepted: {', '.join(sorted(each.environments))} share stores: {each.reason}"
                       for each in wrangler.shared]  # fmt: skip
    others = other_store_findings(wrangler_file, wrangler, environment)
    conclude([*sharing_findings(wrangler_file, wrangler), *others], recorder)


def test_routes_are_complete_and_do_not_overlap(
    wrangler_file: WranglerFile, wrangler: WranglerSettings, environment: Environment, recorder: Recorder
) -> None:
    """The routes of production serve every host name in use, and no route overlaps or is unreachable."""
    hosts = hosts_of(environment)
    conclude(route_findings(wrangler_file, wrangler, hosts), recorder)
    if not hosts:
        recorder.note_undetectable("a host without a route: every URL of the environment has an address, and preflight."
                                   "wrangler.hosts names no host")  # fmt: skip


def test_vars_contain_no_secret(wrangler_file: WranglerFile, wrangler: WranglerSettings, recorder: Recorder) -> None:
    """No var is a secret by its name or its value."""
    conclude(secret_findings(wrangler_file, wrangler), recorder)


def test_required_secrets_are_set(
    wrangler_file: WranglerFile,
    wrangler: WranglerSettings,
    secret_names: Callable[[str], set[str]] | None,
    recorder: Recorder,
) -> None:
    """Every secret that an environment requires is set, by its name."""
    conclude(secret_list_findings(wrangler_file, wrangler, secret_names), recorder)


def test_queues_and_datasets_are_used(
    wrangler_file: WranglerFile, wrangler: WranglerSettings, recorder: Recorder
) -> None:
    """The source code names every queue and every Analytics Engine dataset that is bound."""
    conclude(usage_findings(wrangler_file, wrangler), recorder)


def test_names_in_use_are_bound(wrangler_file: WranglerFile, wrangler: WranglerSettings, recorder: Recorder) -> None:
    """Every name on which the source code calls a method is a binding, var or secret of each environment."""
    conclude(unbound_findings(wrangler_file, wrangler), recorder)
