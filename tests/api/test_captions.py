"""Captions by the API, and what models say of what nobody keeps."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from captioning import engine as captioning_engine
from captioning.models import Caption
from gallery.models import Image, Stage, User
from gallery.pipeline import VARIANT
from ml.errors import ModelNotFound
from search.models import ModelVersion
from search.versions import model_version_ensure
from tests.api.conftest import Api
from tests.conftest import MakeJpeg

MakeImage = Callable[..., Image]


def send(api: Api, path: str, picture: bytes, **data: Any) -> Any:
    file = SimpleUploadedFile("sent.jpg", picture, "image/jpeg")
    return api.client.post(f"/api/v1/{path}", {"picture": file, **data}, headers=api.headers)


@pytest.fixture
def image(ready: MakeImage) -> Image:
    return ready("red")


class TestTheHistory:
    def test_writing_one(self, api: Api, image: Image) -> None:
        made = api.post(f"images/{image.uuid}/captions/", {"text": "a  red boat ", "before": image.description})
        assert made.status_code == 201, made.content
        assert {name: made.json()[name] for name in ("text", "source", "author", "is_current", "image")} == {
            "text": "a red boat",
            "source": "person",
            "author": "ada",
            "is_current": True,
            "image": str(image.uuid),
        }
        told = api.get(f"images/{image.uuid}/captions/").json()["results"]
        assert [each["source"] for each in told] == ["person", "model"]
        assert told[1]["model"] and told[1]["author"] is None and told[1]["review"] == "open"
        image.refresh_from_db()
        assert image.description == "a red boat"

    def test_who_saw_another_caption_is_told(self, api: Api, image: Image) -> None:
        answer = api.post(f"images/{image.uuid}/captions/", {"text": "a boat", "before": "something else"})
        assert answer.status_code == 409
        assert answer.json()["type"] == "urn:mmsite:problem:caption-changed"
        caption = Caption.objects.get()
        deed = {"do": "reject", "before": "something else"}
        assert api.post(f"images/{image.uuid}/captions/{caption.pk}/", deed).status_code == 409

    @pytest.mark.parametrize("text", ["", " ", "x" * 2_001, 1, None, "\u200b"])
    def test_captions_that_say_nothing(self, api: Api, image: Image, text: Any) -> None:
        answer = api.post(f"images/{image.uuid}/captions/", {"text": text})
        assert answer.status_code == 400
        assert "text" in answer.json()["errors"]

    def test_judging(self, api: Api, image: Image) -> None:
        caption = Caption.objects.get()

        def do(deed: str) -> Any:
            return api.post(f"images/{image.uuid}/captions/{caption.pk}/", {"do": deed})

        assert do("approve").json()["review"] == "approved"
        rejected = do("reject").json()
        assert (rejected["review"], rejected["is_current"]) == ("rejected", False)
        image.refresh_from_db()
        assert image.description == ""
        assert do("reopen").json()["is_current"] is True
        assert do("choose").json()["reviewed_by"] == "ada"
        assert do("eat").status_code == 400

    def test_peoples_captions_are_not_judged(self, api: Api, image: Image) -> None:
        made = api.post(f"images/{image.uuid}/captions/", {"text": "a boat"}).json()
        where = f"images/{image.uuid}/captions/{made['id']}/"
        assert api.post(where, {"do": "reject"}).status_code == 409
        assert api.post(where, {"do": "choose"}).status_code == 200

    def test_nobody_else_sees_or_says_anything(
        self, nobody: Api, others_api: Api, image: Image, make_image: MakeImage, api: Api
    ) -> None:
        image.visibility = "public"
        image.save()
        caption = Caption.objects.get()
        for path in (f"images/{image.uuid}/captions/", f"images/{uuid4()}/captions/"):
            assert others_api.get(path).status_code == 404
            assert others_api.post(path, {"text": "mine"}).status_code == 404
            assert nobody.get(path).status_code == 401
        assert others_api.post(f"images/{image.uuid}/captions/{caption.pk}/", {"do": "reject"}).status_code == 404
        assert others_api.post(f"images/{image.uuid}/captions/regenerate/").status_code == 404
        other = make_image("blue")
        assert api.post(f"images/{other.uuid}/captions/{caption.pk}/", {"do": "reject"}).status_code == 404
        assert Caption.objects.get().review == "open"

    def test_a_token_that_only_reads_says_nothing(self, user: User, secret_of: Any, image: Image) -> None:
        reader = Api(secret_of(user, "read"))
        assert reader.get(f"images/{image.uuid}/captions/").status_code == 200
        assert reader.post(f"images/{image.uuid}/captions/", {"text": "a boat"}).status_code == 403

    def test_describing_again(self, api: Api, image: Image) -> None:
        Stage.objects.filter(image=image).update(state="done")
        assert api.post(f"images/{image.uuid}/captions/regenerate/").json()["steps"] == 1
        assert Stage.objects.get(image=image, step="caption").state == "pending"

    def test_describing_again_by_another_captioner(
        self, api: Api, others_api: Api, image: Image, settings: Any, tmp_path: Path
    ) -> None:
        settings.OTHER_CAPTIONERS = ["someone/model", str(tmp_path / "ours")]
        told = api.get("models/").json()
        assert (told["captioner"], told["other_captioners"]) == ("fake", ["someone/model", "ours"])
        path = f"images/{image.uuid}/captions/regenerate/"
        assert others_api.post(path, {"model": "ours"}).status_code == 404
        answer = api.post(path, {"model": "ours"})
        assert answer.status_code == 202
        said = answer.json()
        assert (said["steps"], said["model"]) == (1, "ours")
        assert said["captions"].endswith(answer["Location"])
        assert api.client.get(answer["Location"], headers=api.headers).status_code == 200
        asked = Stage.objects.get(image=image, model=settings.OTHER_CAPTIONERS[1])
        assert (asked.state, asked.priority) == ("pending", Stage.Priority.INTERACTIVE)
        assert api.post(path, {"model": "ours"}).json()["steps"] == 0, "it is about to"
        assert api.post(path, {"begin": " There is "}).json()["steps"] == 1
        assert Stage.objects.filter(image=image, model=f"fake{VARIANT}there is").exists()
        refused = api.post(path, {"begin": "…"})
        assert refused.status_code == 400
        assert "A caption begins with words." in refused.content.decode()

    def test_captioners_that_are_not_there(self, api: Api, image: Image, settings: Any, tmp_path: Path) -> None:
        settings.OTHER_CAPTIONERS = [str(tmp_path / "ours")]
        for model in ("nobody", str(tmp_path / "ours")):
            answer = api.post(f"images/{image.uuid}/captions/regenerate/", {"model": model})
            assert answer.status_code == 422
            assert answer.json()["detail"] == "There is no such captioner. There are: fake, ours."
        assert api.post(f"images/{image.uuid}/captions/regenerate/", {"model": 1}).status_code == 400


class TestAllOfThem:
    def test_what_is_to_be_checked_has_the_unsure_first(
        self, api: Api, ready: MakeImage, other_user: User, django_assert_max_num_queries: Any
    ) -> None:
        sure, unsure = ready("red"), ready("blue")
        ready("red", owner=other_user)
        Caption.objects.filter(image=sure).update(unsure=False)
        Caption.objects.filter(image=unsure).update(unsure=True)
        api.get("me/")
        with django_assert_max_num_queries(4):
            told = api.get("captions/review/").json()["results"]
        assert [each["image"] for each in told] == [str(unsure.uuid), str(sure.uuid)]
        first = api.get("captions/review/", data={"limit": 1}).json()
        assert api.client.get(first["next"], headers=api.headers).json()["results"] == told[1:]
        api.post(f"images/{unsure.uuid}/captions/", {"text": "a blue wall"})
        assert [each["image"] for each in api.get("captions/review/").json()["results"]] == [str(sure.uuid)]

    def test_tables(self, api: Api, others_api: Api, nobody: Api, image: Image) -> None:
        csv = api.get("captions/export/")
        assert csv["Content-Type"] == "text/csv; charset=utf-8"
        lines = csv.getvalue().decode().splitlines()
        assert lines[0].startswith("uuid,") and str(image.uuid) in lines[1]
        jsonl = api.get("captions/export/", data={"table": "jsonl"})
        assert str(image.uuid) in jsonl.getvalue().decode()
        assert str(image.uuid) not in others_api.get("captions/export/").getvalue().decode()
        assert api.get("captions/export/", data={"table": "xls"}).status_code == 400
        assert nobody.get("captions/export/").status_code == 401


class TestWhatIsNotKept:
    def test_a_caption(self, api: Api, nobody: Api, make_jpeg: MakeJpeg) -> None:
        answer = send(api, "caption/", make_jpeg("red"))
        assert answer.status_code == 200, answer.content
        said = answer.json()
        assert "red" in said["caption"] and 0 <= said["confidence"] <= 1
        assert said["model"] == captioning_engine.get_captioner().info.key
        assert not Image.objects.exists()
        assert send(nobody, "caption/", make_jpeg("red")).status_code == 401
        assert send(api, "caption/", b"no picture").status_code == 422
        assert send(api, "caption/", make_jpeg("red")[:200]).status_code == 422
        assert api.post("caption/", {"picture": "red"}).status_code == 415

    def test_a_token_that_reads_is_enough(self, user: User, secret_of: Any, make_jpeg: MakeJpeg) -> None:
        assert send(Api(secret_of(user, "read")), "caption/", make_jpeg("red")).status_code == 200
        assert send(Api(secret_of(user, "share")), "caption/", make_jpeg("red")).status_code == 403

    def test_vectors_of_texts_and_pictures_can_be_compared(self, api: Api, make_jpeg: MakeJpeg, db: None) -> None:
        version = model_version_ensure()
        texts = api.post("embed/texts/", {"texts": ["red", "blue"]}).json()
        assert (texts["model"], texts["version"]) == (version.key, version.pk)
        vectors = np.array(texts["vectors"])
        assert vectors.shape == (2, version.dimension) == (2, texts["dimension"])
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)
        picture = np.array(send(api, "embed/picture/", make_jpeg("red")).json()["vectors"])
        assert (vectors @ picture[0]).argmax() == 0
        packed = api.post("embed/texts/", {"texts": ["red", "blue"], "encoding": "base64"}).json()
        assert packed["vectors"] == []
        unpacked = np.frombuffer(base64.b64decode(packed["base64"]), "<f4").reshape(2, -1)
        assert np.allclose(unpacked, vectors, atol=1e-6)

    @pytest.mark.parametrize("texts", [[], [""], ["x" * 1_001], ["x"] * 65, "red", [1], None])
    def test_texts_that_can_not_be_embedded(self, api: Api, texts: Any) -> None:
        assert api.post("embed/texts/", {"texts": texts}).status_code == 400

    def test_without_a_model_the_reason_is_told(
        self, api: Api, make_jpeg: MakeJpeg, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answer = api.post("embed/texts/", {"texts": ["red"]})
        assert answer.status_code == 503 and answer["Retry-After"] == "60"
        assert answer.json()["type"] == "urn:mmsite:problem:no-model"

        def missing() -> Any:
            raise ModelNotFound("The model is not on this machine.")

        monkeypatch.setattr(captioning_engine, "get_captioner", missing)
        answer = send(api, "caption/", make_jpeg("red"))
        assert answer.status_code == 503
        assert "not on this machine" in answer.json()["detail"]
        assert not ModelVersion.objects.exists()
