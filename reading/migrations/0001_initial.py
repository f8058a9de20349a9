import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('gallery', '0003_who_described_and_text_in_picture'),
    ]

    operations = [
        migrations.CreateModel(
            name='Reading',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('lines', models.JSONField(default=list, help_text='ml.TextLine as objects: text, confidence, corners in shares of the picture.')),
                ('model', models.CharField(help_text='ml.ModelInfo.key of the reader.', max_length=300)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('image', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='reading', to='gallery.image')),
            ],
        ),
    ]
