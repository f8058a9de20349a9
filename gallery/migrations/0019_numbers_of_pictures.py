from django.db import migrations, models
from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce


def count(apps, schema_editor):
    for holder, links, name in (("Album", "AlbumImage", "album"), ("Tag", "ImageTag", "tag")):
        kept = apps.get_model("gallery", links).objects.filter(**{name: OuterRef("pk")}, image__trashed_at=None)
        number = kept.order_by().values(name).annotate(number=Count("pk")).values("number")
        apps.get_model("gallery", holder).objects.update(pictures=Coalesce(Subquery(number), 0))


class Migration(migrations.Migration):

    dependencies = [
        ('gallery', '0018_cameras'),
    ]

    operations = [
        migrations.AddField(
            model_name='album',
            name='pictures',
            field=models.PositiveIntegerField(default=0, editable=False),
        ),
        migrations.AddField(
            model_name='tag',
            name='pictures',
            field=models.PositiveIntegerField(default=0, editable=False),
        ),
        migrations.RunPython(count, migrations.RunPython.noop),
    ]
