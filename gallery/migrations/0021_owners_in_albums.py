import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import OuterRef, Subquery


def fill(apps, schema_editor):
    image = apps.get_model("gallery", "Image").objects.filter(pk=OuterRef("image"))
    apps.get_model("gallery", "AlbumImage").objects.update(owner=Subquery(image.values("owner")))


class Migration(migrations.Migration):

    dependencies = [
        ('gallery', '0020_tallies'),
    ]

    operations = [
        migrations.AddField(
            model_name='albumimage',
            name='owner',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AlterField(
            model_name='albumimage',
            name='owner',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddIndex(
            model_name='albumimage',
            index=models.Index(fields=['album', 'owner', 'image'], name='album_owner_image'),
        ),
    ]
