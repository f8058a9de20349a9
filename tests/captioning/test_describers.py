"""Who can describe a picture, and the names that people see."""

from pathlib import Path
from typing import Any

from captioning.describers import describer_called, describers, labels, others


def test_the_sites_own_comes_first_and_once(settings: Any) -> None:
    settings.CAPTIONER, settings.OTHER_CAPTIONERS = "builtin", ["fake", "builtin", "someone/model", "fake"]
    assert labels() == ["builtin", "fake", "someone/model"]
    assert others() == ["fake", "someone/model"]


def test_people_are_not_told_where_folders_lie_and_tell_them_apart(settings: Any, tmp_path: Path) -> None:
    settings.OTHER_CAPTIONERS = [str(tmp_path / "old" / "gru"), str(tmp_path / "new" / "gru")]
    assert labels() == ["fake", "gru", "gru (2)"]
    found = describer_called("gru (2)")
    assert found is not None and found.name == settings.OTHER_CAPTIONERS[1]
    assert describer_called(settings.OTHER_CAPTIONERS[1]) is None
    assert len(describers()) == 3
