from django.db import migrations

from search.query import fulltext_schema


def install(apps, schema_editor):
    fulltext_schema.install(schema_editor.connection, fulltext_schema.WORDS)


def remove(apps, schema_editor):
    fulltext_schema.remove(schema_editor.connection, fulltext_schema.WORDS)


class Migration(migrations.Migration):
    """The words of captions and file names, kept level by the database itself."""

    dependencies = [
        ('search', '0002_model_versions_and_index_cursor'),
        ('gallery', '0002_stage_of_step_index'),
    ]

    operations = [
        migrations.RunPython(install, remove),
    ]
