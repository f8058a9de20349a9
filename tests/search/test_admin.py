"""The admin of model versions: what `manage.py models` does, with the same sentences."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse, reverse_lazy

from gallery.models import AuditEntry, Image, Stage, User
from mmsite import worker
from search import selectors, versions
from search.models import Embedding, ModelVersion
from tests.search.lifecycle import go_missing, record, states

LIST = reverse("admin:search_modelversion_changelist")
ROLL_BACK = reverse("admin:search_modelversion_roll_back")
FAKE, OTHER = "fake@1-000000000000", "other@2-111111111111"


@pytest.fixture
def admin_client(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root", password="of all trees"))
    return client


@pytest.fixture
def staff_client(db: None) -> Callable[..., Client]:
    """Somebody of the staff with these rights on model versions: `staff_client("view", "change")`."""

    def make(*rights: str) -> Client:
        person = User.objects.create_user("staff", password="of wood", is_staff=True)
        person.user_permissions.set(
            Permission.objects.filter(codename__in=[f"{right}_modelversion" for right in rights])
        )
        client = Client()
        client.force_login(person)
        return client

    return make


def act(client: Client, action: str, *selected: ModelVersion, **more: str) -> str:
    data = {"action": action, "_selected_action": [version.pk for version in selected], **more}
    return text_of(client.post(LIST, data, follow=True))


def text_of(response: Any) -> str:
    """What can be read on the page."""
    assert response.status_code == 200
    page: str = response.content.decode()
    assert "style=" not in page.partition('id="content"')[2], "which the policy forbids"
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)).replace("&#x27;", "'")


def posted_by(page: str) -> dict[str, Any]:
    """What the button of a confirmation page posts."""
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.partition('id="content"')[2]))


class TestList:
    def test_how_far_each_version_is(
        self, admin_client: Client, library: list[Image], other: ModelVersion, version: ModelVersion
    ) -> None:
        versions.model_version_build(version=other)
        record(other, library[:2])
        Stage.objects.filter(image=library[2], model=other.key).update(state=Stage.State.FAILED)
        page = admin_client.get(LIST).content.decode()
        assert '<progress max="3" value="2" aria-hidden="true"></progress><br>2 of 3; 1 failed<' in page
        assert '<progress max="3" value="3" aria-hidden="true"></progress><br>3 of 3<' in page
        assert text_of(admin_client.get(reverse("admin:search_modelversion_change", args=[other.pk])))

    def test_nothing_is_changed_by_hand(self, admin_client: Client, other: ModelVersion) -> None:
        change = reverse("admin:search_modelversion_change", args=[other.pk])
        assert admin_client.post(change, {"state": "active"}).status_code == 403
        delete = reverse("admin:search_modelversion_delete", args=[other.pk])
        assert admin_client.post(delete, {"post": "yes"}).status_code == 403
        assert states() == {"fake": "active", "other": "added"}


class TestAdd:
    ADD = reverse_lazy("admin:search_modelversion_add")

    def test_by_name(self, admin_client: Client, version: ModelVersion, encoders: dict[str, Any]) -> None:
        assert str(self.ADD) in admin_client.get(LIST).content.decode()
        assert 'name="name"' in admin_client.get(self.ADD).content.decode()
        answer = admin_client.post(self.ADD, {"name": "other"}, follow=True)
        assert "was added successfully" in answer.content.decode()
        assert states() == {"fake": "active", "other": "added"}

    def test_what_there_is_stays_as_it_is(
        self, admin_client: Client, version: ModelVersion, encoders: dict[str, Any]
    ) -> None:
        admin_client.post(self.ADD, {"name": "fake", "state": "retired"})
        assert states() == {"fake": "active"}

    def test_a_model_that_is_not_here_is_told(self, admin_client: Client, version: ModelVersion) -> None:
        page = admin_client.post(self.ADD, {"name": "/nowhere/at/all"}).content.decode()
        assert "/nowhere/at/all" in page.partition('class="errorlist')[2]
        assert states() == {"fake": "active"}

    def test_only_with_the_right_to(self, staff_client: Callable[..., Client], version: ModelVersion) -> None:
        client = staff_client("view", "change", "delete")
        assert client.get(self.ADD).status_code == 403
        assert client.post(self.ADD, {"name": "other"}).status_code == 403
        assert str(self.ADD) not in client.get(LIST).content.decode()


class TestBuild:
    def test_some(self, admin_client: Client, library: list[Image], other: ModelVersion, version: ModelVersion) -> None:
        said = act(admin_client, "build", other, version)
        assert f"Version {OTHER} is being built." in said
        assert f"Searches use {FAKE} already" in said
        worker.work_until_idle()
        assert selectors.coverage(version=other).is_complete
        assert states() == {"fake": "active", "other": "building"}

    def test_and_then_activate(self, admin_client: Client, library: list[Image], other: ModelVersion) -> None:
        said = act(admin_client, "build_and_activate", other)
        assert "then searches use it" in said
        assert "building, then active" in said
        worker.work_until_idle()
        assert "built, then active" in text_of(admin_client.get(LIST))
        versions.model_version_activate_when_covered()
        assert states() == {"fake": "retired", "other": "active"}


class TestActivate:
    def test_when_it_is_covered(self, admin_client: Client, library: list[Image], other: ModelVersion) -> None:
        record(other, library)
        assert f"Searches use {OTHER} now." in act(admin_client, "activate", other)
        assert states() == {"fake": "retired", "other": "active"}

    def test_below_that_it_is_refused_with_the_same_sentence(
        self, admin_client: Client, library: list[Image], other: ModelVersion
    ) -> None:
        record(other, library[:2])
        assert "has the vectors of 2 of 3 pictures" in act(admin_client, "activate", other)
        assert states() == {"fake": "active", "other": "added"}

    def test_by_force_after_a_question(self, admin_client: Client, library: list[Image], other: ModelVersion) -> None:
        record(other, library[:2])
        asked = admin_client.post(LIST, {"action": "activate_anyway", "_selected_action": [other.pk]})
        assert "1 of 3 pictures have no vector of it" in text_of(asked)
        assert states() == {"fake": "active", "other": "added"}
        done = admin_client.post(LIST, posted_by(asked.content.decode()), follow=True)
        assert f"Searches use {OTHER} now." in text_of(done)
        assert states() == {"fake": "retired", "other": "active"}

    @pytest.mark.parametrize("action", ["activate", "activate_anyway", "build_and_activate"])
    def test_one_at_a_time(self, admin_client: Client, version: ModelVersion, other: ModelVersion, action: str) -> None:
        assert "select one" in act(admin_client, action, version, other, confirmed="yes")

    @pytest.mark.parametrize("action", ["activate", "activate_anyway", "build"])
    def test_without_its_model_it_is_refused(
        self, admin_client: Client, library: list[Image], other: ModelVersion, encoders: dict[str, Any], action: str
    ) -> None:
        record(other, library)
        go_missing(encoders, "other")
        assert f"Version {OTHER} can't be used on this machine" in act(admin_client, action, other, confirmed="yes")
        assert states() == {"fake": "active", "other": "added"}


class TestRollBack:
    @pytest.fixture
    def left(self, library: list[Image], other: ModelVersion) -> ModelVersion:
        """The version that searches used before."""
        record(other, library)
        versions.model_version_activate(version=other)
        return ModelVersion.objects.get(name="fake")

    def test_after_a_question(self, admin_client: Client, left: ModelVersion) -> None:
        assert ROLL_BACK in admin_client.get(LIST).content.decode()
        asked = admin_client.get(ROLL_BACK)
        assert f"Searches will use {FAKE} again" in text_of(asked)
        assert states()["other"] == "active"
        button = posted_by(asked.content.decode())
        assert f"Searches use {FAKE} again." in text_of(admin_client.post(ROLL_BACK, button, follow=True))
        assert states() == {"fake": "active", "other": "retired"}
        assert "Somebody else was faster" in text_of(admin_client.post(ROLL_BACK, button, follow=True))
        assert states() == {"fake": "active", "other": "retired"}, "pressed twice, it does not lead forth again"

    def test_with_nowhere_to_go(self, admin_client: Client, version: ModelVersion) -> None:
        assert ROLL_BACK not in admin_client.get(LIST).content.decode()
        for ask in (admin_client.get, admin_client.post):
            assert "nothing to roll back to" in text_of(ask(ROLL_BACK, follow=True))

    def test_without_its_model(self, admin_client: Client, left: ModelVersion, encoders: dict[str, Any]) -> None:
        go_missing(encoders, "fake")
        said = text_of(admin_client.post(ROLL_BACK, {"to": left.pk}, follow=True))
        assert "can't be used on this machine" in said
        assert states()["other"] == "active"


class TestRemove:
    def test_after_a_question(self, admin_client: Client, library: list[Image], other: ModelVersion) -> None:
        record(other, library)
        asked = admin_client.post(LIST, {"action": "remove", "_selected_action": [other.pk]})
        assert f"Version {OTHER} goes, with 3 vectors." in text_of(asked)
        assert states() == {"fake": "active", "other": "added"}
        done = admin_client.post(LIST, posted_by(asked.content.decode()), follow=True)
        assert f"Version {OTHER} and its vectors are gone." in text_of(done)
        assert states() == {"fake": "active"}
        assert Embedding.objects.count() == 3

    def test_the_active_one_is_refused(self, admin_client: Client, version: ModelVersion) -> None:
        for confirmed in ({}, {"confirmed": "yes"}):
            said = act(admin_client, "remove", version, **confirmed)
            assert f"Searches use {FAKE}" in said
            assert "Remove?" not in said
        assert states() == {"fake": "active"}


@pytest.mark.parametrize(
    ("rights", "allowed"),
    [
        (["view"], set()),
        (["view", "change"], {"build", "build_and_activate", "activate", "activate_anyway"}),
        (["view", "delete"], {"remove"}),
    ],
)
def test_rights(
    staff_client: Callable[..., Client],
    library: list[Image],
    other: ModelVersion,
    rights: list[str],
    allowed: set[str],
) -> None:
    client = staff_client(*rights)
    record(other, library)
    versions.model_version_activate(version=other)
    page = client.get(LIST).content.decode()
    offered = set(re.findall(r'<option value="(\w+)"', page))
    assert offered == allowed
    assert (ROLL_BACK in page) is ("change" in rights)
    before = states()
    for action in {"build", "build_and_activate", "activate", "activate_anyway", "remove"} - allowed:
        act(client, action, ModelVersion.objects.get(name="fake"), confirmed="yes")
    assert states() == before
    assert client.get(ROLL_BACK).status_code == (200 if "change" in rights else 403)


def test_strangers_see_nothing(client: Client, other_user: User, version: ModelVersion) -> None:
    client.force_login(other_user)
    assert client.get(LIST).status_code == client.get(ROLL_BACK).status_code == 302


def test_who_let_searches_use_another_model_is_in_the_audit_log(
    admin_client: Client, library: list[Image], other: ModelVersion
) -> None:
    act(admin_client, "activate_anyway", other, confirmed="yes")
    act(admin_client, "activate", other)  # refused: it is active
    entries = AuditEntry.objects.filter(actor__username="root")
    assert [(entry.action, entry.target) for entry in entries] == [("model.activate", other.key)]
