from django.db import migrations

from search.query import fulltext_schema


def install(apps, schema_editor):
    fulltext_schema.install(schema_editor.connection, fulltext_schema.OWN)


def remove(apps, schema_editor):
    fulltext_schema.remove(schema_editor.connection, fulltext_schema.OWN)


class Migration(migrations.Migration):
    """The words of titles, notes and tags, kept level by the database itself."""

    dependencies = [
        ('search', '0009_captions_said'),
        ('gallery', '0012_tag_words'),
    ]

    operations = [
        migrations.RunPython(install, remove),
    ]
