"""`manage.py check` tells what is misconfigured."""

from typing import Any

from django.core.checks import run_checks

from gallery.checks import BYTES_PER_PIXEL


def ids() -> list[str | None]:
    return [message.id for message in run_checks(tags=["gallery"])]


def test_all_is_well(told: Any, settings: Any) -> None:
    assert ids() == []
    assert not settings.MEDIA_ROOT.exists()  # looking is not making


def test_a_media_folder_that_is_none(told: Any, settings: Any, tmp_path: Any) -> None:
    (tmp_path / "file").touch()
    settings.MEDIA_ROOT = tmp_path / "file" / "media"
    messages = run_checks(tags=["gallery"])
    assert [message.id for message in messages] == ["gallery.E001"]
    assert "MMSITE_MEDIA_DIR" in str(messages[0].hint)


def test_limits_that_make_no_sense(told: Any, settings: Any) -> None:
    settings.GALLERY_LIMITS = {"request": 9, "bytes": 0, "pixels": "many", "side": 5, "frames": 1}
    messages = run_checks(tags=["gallery"])
    assert [message.id for message in messages] == ["gallery.E002"]
    assert "bytes, pixels, animation_pixels" in messages[0].msg


def test_pictures_that_dont_fit_the_memory(told: Any, settings: Any) -> None:
    settings.GALLERY_LIMITS = settings.GALLERY_LIMITS | {"pixels": 10**15 // BYTES_PER_PIXEL}
    assert ids() == ["gallery.W001"]


def test_a_pipeline_that_isnt_there(settings: Any) -> None:
    settings.GALLERY_PIPELINE = "mmsite.no_such_module"
    assert ids() == ["gallery.E003"]


def test_a_pipeline_that_lacks_a_function(settings: Any) -> None:
    settings.GALLERY_PIPELINE = "json"
    messages = run_checks(tags=["gallery"])
    assert [message.id for message in messages] == ["gallery.E003"]
    assert all(name in messages[0].msg for name in ("steps", "wake", "captioned", "settled", "forget"))


def test_mail_where_any_name_is_taken(told: Any, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*", "localhost"]
    assert ids() == [], "no mail is sent anyway"
    settings.SENDS_MAIL = True
    messages = run_checks(tags=["gallery"])
    assert [message.id for message in messages] == ["gallery.W002"]
    assert "MMSITE_SITE_URL" in str(messages[0].hint)
    settings.SITE_URL = "https://gallery.example.com"
    assert ids() == []


def test_a_watched_folder_that_holds_the_sites_own_files(told: Any, settings: Any, tmp_path: Any) -> None:
    settings.WATCH = [("ada", tmp_path / "photos")]
    assert ids() == []
    settings.WATCH = [("ada", tmp_path / "uploads" / "ada")]
    assert ids() == ["gallery.E004"]
    (tmp_path / "link").symlink_to(tmp_path)
    settings.WATCH = [("ada", tmp_path / "link")]
    assert set(ids()) == {"gallery.E004"}
