from django.db import migrations
from django.db.models import Exists, OuterRef


def say_who_described(apps, schema_editor):
    """Pictures whose current caption a person wrote, from before they said so themselves."""
    Caption = apps.get_model("captioning", "Caption")
    Image = apps.get_model("gallery", "Image")
    by_person = Caption.objects.filter(image=OuterRef("pk"), is_current=True, source="person")
    Image.objects.filter(Exists(by_person)).update(description_by_person=True)


class Migration(migrations.Migration):
    dependencies = [
        ("captioning", "0001_initial"),
        ("gallery", "0003_who_described_and_text_in_picture"),
    ]

    operations = [migrations.RunPython(say_who_described, migrations.RunPython.noop)]
