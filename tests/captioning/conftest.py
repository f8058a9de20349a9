"""A second captioner, for the tests of asking another one."""

from collections.abc import Sequence
from typing import Any

import pytest
from PIL.Image import Image as Picture

from ml import registry
from ml.captioners.fake import FakeCaptioner
from ml.errors import BadBeginning
from ml.interfaces import CaptionResult, ModelInfo


class OtherCaptioner(FakeCaptioner):
    """Says "nothing but red"."""

    info = ModelInfo(name="other", revision="1", weights_hash="1" * 64, preprocessing="none")

    def caption(self, images: Sequence[Picture], *, begin: str = "") -> list[CaptionResult]:
        if "zebra" in begin:
            raise BadBeginning("It doesn't know the word “zebra”.")
        said = super().caption(images)
        return [CaptionResult(f"{begin} nothing but {each.text.split()[2]}".strip(), each.confidence) for each in said]


@pytest.fixture
def other(settings: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a captioner that people may ask beside the fake one."""
    named = {"fake": FakeCaptioner, "other": OtherCaptioner}
    monkeypatch.setattr(registry, "captioners", registry.Registry("captioner", named=named, families={}))
    settings.OTHER_CAPTIONERS = ["other"]
    return "other"
