"""Django's `migrate`, which may be killed at any moment and done again."""

from typing import Any

from django.core.management.commands import migrate
from django.db import connection
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.migration import Migration
from django.db.migrations.state import ProjectState


class WholeExecutor(MigrationExecutor):
    """Applies a migration and records it in one transaction.

    Django records it afterwards where it leaves statements for the end, such as those that make indexes. Killed in
    between, it would be applied a second time, and fail for ever since its tables are there.
    """

    def apply_migration(self, state: ProjectState, migration: Migration, *args: Any, **options: Any) -> ProjectState:
        apply = migration.apply

        def apply_whole(
            project_state: ProjectState, schema_editor: BaseDatabaseSchemaEditor, collect_sql: bool = False
        ) -> ProjectState:
            applied = apply(project_state, schema_editor, collect_sql)
            for statement in schema_editor.deferred_sql:
                schema_editor.execute(statement, None)
            schema_editor.deferred_sql.clear()
            return applied

        migration.apply = apply_whole  # type: ignore[method-assign]
        return super().apply_migration(state, migration, *args, **options)


class Command(migrate.Command):
    """`manage.py migrate`"""

    def handle(self, *args: Any, **options: Any) -> None:
        migrate.MigrationExecutor = WholeExecutor  # type: ignore[attr-defined]  # found by this name only
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = 0")  # it waits until whoever is at work has finished
        super().handle(*args, **options)
