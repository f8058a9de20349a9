"""`manage.py migrate`: a migration is recorded in the transaction that applies it."""

from typing import ClassVar

import pytest
from django.db import connection, migrations, models
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.state import ProjectState

from mmsite.management.commands.migrate import WholeExecutor

pytestmark = pytest.mark.django_db(transaction=True)


class Migration(migrations.Migration):
    """An index is made at the end of the transaction: Django then records the migration after it."""

    operations: ClassVar = [
        migrations.CreateModel(
            "Boat",
            [("id", models.AutoField(primary_key=True)), ("name", models.CharField(max_length=9, db_index=True))],
        )
    ]


@pytest.fixture
def recorded_within(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each migration was recorded in a transaction."""
    found: list[bool] = []
    monkeypatch.setattr(MigrationRecorder, "record_applied", lambda *_: found.append(connection.in_atomic_block))
    return found


def test_a_migration_is_recorded_in_its_transaction(recorded_within: list[bool]) -> None:
    migration = Migration("0001", "boats")
    try:
        WholeExecutor(connection).apply_migration(ProjectState(), migration)
        assert "boats_boat" in connection.introspection.table_names()
        with connection.cursor() as cursor:
            made = connection.introspection.get_constraints(cursor, "boats_boat").values()
        assert any(each["columns"] == ["name"] for each in made)
        assert recorded_within == [True]
    finally:
        with connection.schema_editor() as editor:
            editor.execute("DROP TABLE boats_boat")
