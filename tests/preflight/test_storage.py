"""The live stores: D1, R2, the legacy database, and the rights of their credentials."""

import pytest

from cutover.config.environments import Environment
from cutover.config.preflight_storage import StorageSettings
from cutover.core.errors import NotVerified
from cutover.core.recorder import Recorder
from cutover.core.rule_table import Rule
from cutover.preflight.findings import conclude
from cutover.preflight.storage_checks import (
    BUCKET,
    MIGRATABLE,
    TABLES,
    applied_findings,
    expect_bucket,
    migration_findings,
    plan_findings,
    schema_findings,
)
from cutover.preflight.storage_role import read_tables, role_findings
from cutover.preflight.storage_token import d1_token_findings, r2_key_findings
from cutover.pytest_plugin import gate_session
from cutover.stores import LegacyRows, ObjectStore, RowStore

pytestmark = [pytest.mark.preflight, pytest.mark.plan("Production Database Setup")]


@pytest.mark.needs("d1")
@pytest.mark.owns(MIGRATABLE)
def test_migrations_are_accepted_by_d1(migrations: StorageSettings, recorder: Recorder) -> None:
    """D1 accepts each statement of the migrations."""
    assert migrations.migrations is not None
    conclude(migration_findings(migrations.migrations), recorder)


@pytest.mark.needs("d1")
@pytest.mark.owns(TABLES)
def test_all_migrations_are_applied(migrations: StorageSettings, row_store: RowStore, recorder: Recorder) -> None:
    """The applied migrations of D1 are the files of the folder."""
    assert migrations.migrations is not None
    conclude(applied_findings(migrations.migrations, migrations.migrations_table, row_store, recorder), recorder)


@pytest.mark.needs("d1")
@pytest.mark.owns(TABLES)
def test_schema_is_as_the_migrations(migrations: StorageSettings, row_store: RowStore, recorder: Recorder) -> None:
    """Tables, columns, types, indexes and foreign keys of D1 are those of the migrations."""
    assert migrations.migrations is not None
    conclude(schema_findings(migrations.migrations, migrations.migrations_table, row_store, recorder), recorder)


@pytest.mark.needs("d1")
@pytest.mark.owns(TABLES)
@pytest.mark.rule(Rule.SCHEMA)
def test_schema_is_as_the_plan(
    environment: Environment, row_store: RowStore, recorder: Recorder, pytestconfig: pytest.Config
) -> None:
    """The migrations, or else D1, have every table, column, index and foreign key of the plan."""
    settings = environment.preflight.storage or StorageSettings()
    project = gate_session(pytestconfig).project
    found = plan_findings(project, settings.migrations, settings.migrations_table, row_store, recorder)
    conclude(found, recorder)


@pytest.mark.needs("r2")
@pytest.mark.owns(BUCKET)
def test_bucket_is_reachable(environment: Environment, object_store: ObjectStore, recorder: Recorder) -> None:
    """The bucket lists its objects with the key of the suite."""
    expect_bucket(environment, object_store, recorder)


@pytest.mark.needs("d1")
def test_d1_token_has_no_other_rights(
    environment: Environment, recorder: Recorder, pytestconfig: pytest.Config
) -> None:
    """The API token of D1 is active, does not expire soon, and has no further permission."""
    conclude(d1_token_findings(environment, gate_session(pytestconfig).client, recorder), recorder)


@pytest.mark.needs("r2")
def test_r2_key_has_no_other_rights(environment: Environment, recorder: Recorder, pytestconfig: pytest.Config) -> None:
    """The key of R2 reads the objects of its bucket, and has no further permission."""
    conclude(r2_key_findings(environment, gate_session(pytestconfig).client, recorder), recorder)


@pytest.mark.needs("postgres")
def test_legacy_role_only_reads(
    environment: Environment, legacy_rows: LegacyRows, recorder: Recorder, pytestconfig: pytest.Config
) -> None:
    """The role of the legacy database can read every table of the mapping, and can write nothing."""
    if environment.postgres is None:  # the fixture has refused it
        raise NotVerified("no postgres")
    needed = read_tables(gate_session(pytestconfig).project, environment)
    conclude(role_findings(legacy_rows, needed, recorder, environment.postgres.shown), recorder)
