from django.db import migrations

from search.query import fulltext_schema


def install(apps, schema_editor):
    fulltext_schema.install(schema_editor.connection, fulltext_schema.TEXT)


def remove(apps, schema_editor):
    fulltext_schema.remove(schema_editor.connection, fulltext_schema.TEXT)


class Migration(migrations.Migration):
    """The words that can be read in pictures, kept level by the database itself."""

    dependencies = [
        ('search', '0007_near_duplicates'),
        ('gallery', '0003_who_described_and_text_in_picture'),
    ]

    operations = [
        migrations.RunPython(install, remove),
    ]
