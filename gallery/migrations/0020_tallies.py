import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from gallery import tally_schema


def install(apps, schema_editor):
    tally_schema.install(schema_editor.connection)


def remove(apps, schema_editor):
    tally_schema.remove(schema_editor.connection)


class Migration(migrations.Migration):
    """What each person's originals take, kept by the database itself."""

    dependencies = [
        ('gallery', '0019_numbers_of_pictures'),
    ]

    operations = [
        migrations.CreateModel(
            name='Tally',
            fields=[
                ('version', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('bytes', models.BigIntegerField()),
                ('owner', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='tallies', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name_plural': 'tallies',
            },
        ),
        migrations.RunPython(install, remove),
    ]
