from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('gallery', '0004_index_of_described_by_person'),
    ]

    operations = [
        migrations.AlterField(
            model_name='stage',
            name='priority',
            field=models.PositiveSmallIntegerField(choices=[(0, 'Interactive'), (1, 'Backfill'), (2, 'Later')], default=0),
        ),
    ]
