"""Models, judgements and saved searches by the API."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from gallery.models import AuditEntry, Image, User
from search.models import ModelVersion
from search.versions import model_version_ensure
from tests.api.conftest import Api

MakeImage = Callable[..., Image]


@pytest.fixture
def retired(db: None) -> ModelVersion:
    """A version that searches don't use; the fake encoder can't be it."""
    return ModelVersion.objects.create(
        key="other@1", name="other", revision="1", weights_hash="0", preprocessing="", dimension=4, state="retired"
    )


class TestModels:
    def test_numbers_are_for_those_who_run_the_site(self, api: Api, staff_api: Api, ready: MakeImage) -> None:
        ready("red")
        (told,) = api.get("models/").json()["encoders"]
        assert (told["is_active"], told["share"], told["pictures"], told["name"]) == (True, 1.0, None, None)
        said = staff_api.get("models/").json()
        assert (said["captioner"], said["reader"]) == ("fake", None)
        assert (said["encoders"][0]["embedded"], said["encoders"][0]["pictures"]) == (1, 1)
        assert said["encoders"][0]["name"] == "fake"

    def test_strangers_are_told_nothing(self, nobody: Api, db: None) -> None:
        assert nobody.get("models/").status_code == 401

    def test_a_bounded_number_of_statements(
        self, api: Api, ready: MakeImage, retired: ModelVersion, django_assert_max_num_queries: Any
    ) -> None:
        ready("red")
        api.get("me/")
        with django_assert_max_num_queries(8):
            assert len(api.get("models/").json()["encoders"]) == 2

    def test_switching_is_for_staff_with_the_scope(
        self, api: Api, staff: User, staff_api: Api, secret_of: Any, retired: ModelVersion
    ) -> None:
        version = model_version_ensure()
        ModelVersion.objects.update(state="retired")
        wish = {"version": version.pk, "force": True}
        assert api.post("models/activate/", wish).status_code == 403
        assert Api(secret_of(staff, "read", "write")).post("models/activate/", wish).status_code == 403
        answer = staff_api.post("models/activate/", wish)
        assert answer.status_code == 200 and answer.json()["is_active"], answer.content
        assert AuditEntry.objects.filter(action="model.activate", actor=staff).count() == 1
        assert staff_api.post("models/activate/", wish).status_code == 409, "it is active"
        refused = staff_api.post("models/activate/", {"version": retired.pk, "force": True})
        assert refused.status_code == 409 and "can't be used" in refused.json()["detail"]
        assert staff_api.post("models/activate/", {"version": 10**9}).status_code == 404
        assert staff_api.post("models/activate/", {"version": 0}).status_code == 400
        assert staff_api.post("models/roll-back/").status_code == 409
        assert api.post("models/roll-back/").status_code == 403


class TestJudgements:
    def judge(self, api: Api, picture: Image, **more: Any) -> Any:
        return api.post("judgements/", {"query": "red", "image": str(picture.uuid), "is_right": True} | more)

    def test_saying_and_taking_back(self, api: Api, others_api: Api, ready: MakeImage) -> None:
        image = ready("red")
        said = self.judge(api, image)
        assert said.status_code == 201, said.content
        assert self.judge(api, image, is_right=False).json()["id"] == said.json()["id"]
        (told,) = api.get("judgements/").json()["results"]
        assert (told["query"], told["image"], told["is_right"]) == ("red", str(image.uuid), False)
        assert api.get("judgements/", data={"query": "blue"}).json()["results"] == []
        assert others_api.get("judgements/").json()["results"] == []
        assert others_api.delete(f"judgements/{told['id']}/").status_code == 404
        assert api.delete(f"judgements/{told['id']}/").status_code == 204
        assert api.delete(f"judgements/{told['id']}/").status_code == 404

    def test_what_can_not_be_judged(self, api: Api, others_api: Api, ready: MakeImage) -> None:
        image = ready("red")
        assert self.judge(api, image, query="by:me").status_code == 422
        assert self.judge(api, image, is_right="yes").status_code == 400
        assert self.judge(api, image, image=str(uuid4())).status_code == 404
        assert self.judge(others_api, image).status_code == 404

    def test_scores(self, api: Api, ready: MakeImage) -> None:
        image, _ = ready("red"), ready("blue")
        assert api.get("judgements/scores/").json() == {"queries": 0, "scored": 0, "systems": []}
        self.judge(api, image)
        said = api.get("judgements/scores/").json()
        assert said["queries"] == 1
        assert [each["what"] for each in said["systems"]] == ["answer", "looks"]
        assert said["systems"][0]["outcomes"] == [{"query": "red", "ranks": [1]}]
        figures = {each["name"]: each["value"] for each in said["systems"][0]["figures"]}
        assert figures["recall_1"] == figures["mrr"] == 1


class TestSavedSearches:
    def test_keeping_and_deleting(self, api: Api, others_api: Api, db: None) -> None:
        made = api.post("searches/", {"query": "red  by:me", "name": "My reds"})
        assert made.status_code == 201
        assert (made.json()["query"], made.json()["name"]) == ("red by:me", "My reds")
        again = api.post("searches/", {"query": "red by:me"}).json()
        assert again["id"] == made.json()["id"]
        assert len(api.get("searches/").json()["results"]) == 1
        assert others_api.get("searches/").json()["results"] == []
        assert others_api.delete(f"searches/{again['id']}/").status_code == 404
        assert api.delete(f"searches/{again['id']}/").status_code == 204
        assert api.delete(f"searches/{again['id']}/").status_code == 404

    def test_nothing_to_search_for(self, api: Api, db: None) -> None:
        assert api.post("searches/", {"query": "orientation:sideways"}).status_code == 422
        assert api.post("searches/", {"query": "x" * 600}).status_code == 422
        assert api.post("searches/", {}).status_code == 400
