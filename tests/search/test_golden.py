"""What people mark as right or wrong on the results page, and the page that tells what it says of the models."""

import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from gallery import services as gallery_services
from gallery.models import Image, User, Visibility
from search.exceptions import JudgementRefused
from search.golden import judgement_clear, judgement_set, judgements_that_count
from search.models import Embedding, Judgement, ModelVersion

Embedded = Callable[..., Image]
QUERY = "red | blue"


def said() -> list[tuple[str, bool]]:
    return list(Judgement.objects.order_by("pk").values_list("text", "is_right"))


def buttons(page: str, image: Image) -> list[tuple[str, str, str]]:
    """What the two buttons of a hit do, are called and whether they are pressed."""
    found = re.findall(
        rf'<button form="[^"]+" name="(\w+)" value="{image.uuid}"\s+data-judge="(\w+)" aria-pressed="(\w+)"', page
    )
    return [(name, what, pressed) for name, what, pressed in found]


class TestServices:
    def test_the_text_is_kept_as_the_query_writes_itself(self, make_image: Callable[..., Image], user: User) -> None:
        image = make_image("red")
        judgement_set(owner=user, query="  red   sky ", image=image, is_right=True)
        judgement_set(owner=user, query="red sky", image=image, is_right=False)
        assert said() == [("red sky", False)]
        judgement_clear(owner=user, query="red  sky", image=image)
        judgement_clear(owner=user, query="red sky", image=image)
        assert said() == []

    def test_the_database_keeps_one_a_picture_and_query(self, make_image: Callable[..., Image], user: User) -> None:
        image = make_image("red")
        Judgement.objects.create(owner=user, text="red", image=image, is_right=True)
        with pytest.raises(IntegrityError), transaction.atomic():
            Judgement.objects.create(owner=user, text="red", image=image, is_right=False)

    @pytest.mark.parametrize("visibility", Visibility.values)
    def test_only_what_is_listed_for_them(
        self, make_image: Callable[..., Image], other_user: User, visibility: str
    ) -> None:
        image = make_image("red", visibility=visibility)
        if visibility == Visibility.PUBLIC:
            assert judgement_set(owner=other_user, query="red", image=image, is_right=True).pk
        else:
            with pytest.raises(JudgementRefused):
                judgement_set(owner=other_user, query="red", image=image, is_right=True)
            assert said() == []

    def test_what_is_no_longer_listed_does_not_count(
        self, make_image: Callable[..., Image], user: User, other_user: User
    ) -> None:
        image = make_image("red", visibility=Visibility.PUBLIC)
        for person in (user, other_user):
            judgement_set(owner=person, query="red", image=image, is_right=True)
        assert judgements_that_count(None).count() == 2
        gallery_services.image_set_visibility(image=image, visibility=Visibility.PRIVATE)
        assert [each.owner for each in judgements_that_count(None)] == [user]
        assert not judgements_that_count(other_user).exists()

    @pytest.mark.parametrize("query", ["", "  ", "camera:fuji", "-boat", "a" * 501])
    def test_what_ranks_nothing_or_is_too_long_is_refused(
        self, make_image: Callable[..., Image], user: User, query: str
    ) -> None:
        with pytest.raises(JudgementRefused):
            judgement_set(owner=user, query=query, image=make_image("red"), is_right=True)

    def test_the_longest_text_fits_into_the_index(self, make_image: Callable[..., Image], user: User) -> None:
        words = "".join(chr(0x1F300 + number) for number in range(500))  # four bytes each, hard to compress
        judgement_set(owner=user, query=words, image=make_image("red"), is_right=True)
        assert said() == [(words, True)]

    def test_they_go_with_the_picture_and_with_the_person(
        self, make_image: Callable[..., Image], user: User, other_user: User
    ) -> None:
        image = make_image("red", visibility=Visibility.PUBLIC)
        for person in (user, other_user):
            judgement_set(owner=person, query="red", image=image, is_right=True)
        gallery_services.users_delete(users=[other_user])
        assert Judgement.objects.get().owner == user
        gallery_services.images_delete(images=[image])
        assert said() == []


class TestResultsPage:
    def test_each_hit_has_two_buttons_that_say_what_was_said(
        self, client: Client, embedded: Embedded, user: User
    ) -> None:
        right, wrong, other = embedded("red"), embedded("blue"), embedded("green")
        judgement_set(owner=user, query=QUERY, image=right, is_right=True)
        judgement_set(owner=user, query=QUERY, image=wrong, is_right=False)
        judgement_set(owner=user, query="something else", image=other, is_right=True)
        client.force_login(user)
        page = client.get("/search/", {"q": QUERY}).content.decode()
        assert buttons(page, right) == [("clear", "right", "true"), ("wrong", "wrong", "false")]
        assert buttons(page, wrong) == [("right", "right", "false"), ("clear", "wrong", "true")]
        assert buttons(page, other) == [("right", "right", "false"), ("wrong", "wrong", "false")]
        assert f'aria-label="Right: {right.file_name}"' in page
        assert 'href="/search/golden/"' in page
        forms = re.findall(r'<form id="(judge[\w-]*)"', page)
        assert len(forms) == len(set(forms))
        assert set(re.findall(r'<button form="(judge[\w-]*)"', page)) == set(forms)

    def test_strangers_and_filters_have_none(self, client: Client, embedded: Embedded, user: User) -> None:
        embedded("red", visibility=Visibility.PUBLIC)
        assert "data-judge" not in client.get("/search/", {"q": "red"}).content.decode()
        client.force_login(user)
        assert "data-judge" in client.get("/search/", {"q": "red"}).content.decode()
        assert "data-judge" not in client.get("/search/", {"q": "by:me"}).content.decode()

    def test_others_do_not_see_what_was_said(
        self, client: Client, embedded: Embedded, user: User, other_user: User
    ) -> None:
        image = embedded("red", visibility=Visibility.PUBLIC)
        judgement_set(owner=user, query="red", image=image, is_right=True)
        client.force_login(other_user)
        page = client.get("/search/", {"q": "red"}).content.decode()
        assert [pressed for _, _, pressed in buttons(page, image)] == ["false", "false"]

    def test_the_judgements_are_one_statement(self, client: Client, embedded: Embedded, user: User) -> None:
        for color in ("red", "green", "blue"):  # one matches, two don't
            embedded(color)
        client.force_login(user)
        client.get("/search/", {"q": "red"})
        with CaptureQueriesContext(connection) as queries:
            client.get("/search/", {"q": "red"})
        assert sum("search_judgement" in each["sql"] for each in queries) == 1


class TestJudging:
    def judge(self, client: Client, image: Any, name: str = "right", **more: str) -> Any:
        sent = {"q": "red", "next": "/search/?q=red", name: str(getattr(image, "uuid", image)), **more}
        return client.post("/search/judge/", sent)

    def test_a_form_leads_back_to_the_picture(self, client: Client, embedded: Embedded, user: User) -> None:
        image = embedded("red")
        client.force_login(user)
        response = self.judge(client, image)
        assert (response.status_code, response["Location"]) == (302, f"/search/?q=red#judge-{image.uuid}")
        assert said() == [("red", True)]
        self.judge(client, image, "wrong")
        assert said() == [("red", False)]
        self.judge(client, image, "clear")
        assert said() == []

    def test_a_script_is_told_what_stands(self, client: Client, embedded: Embedded, user: User) -> None:
        image = embedded("red")
        client.force_login(user)
        for name, is_right in (("right", True), ("wrong", False), ("clear", None)):
            sent = {"q": "red", "next": "/", name: str(image.uuid)}
            response = client.post("/search/judge/", sent, headers={"Accept": "application/json"})
            assert response.json() == {"is_right": is_right}

    def test_strangers_sign_in_and_come_back_to_the_search(self, client: Client, embedded: Embedded) -> None:
        image = embedded("red", visibility=Visibility.PUBLIC)
        response = self.judge(client, image)
        assert response["Location"] == "/sign-in/?next=/search/%3Fq%3Dred"
        assert said() == []

    @pytest.mark.parametrize("address", ["https://evil.example/", "//evil.example", "javascript:alert(1)", ""])
    def test_it_leads_nowhere_else(self, client: Client, embedded: Embedded, user: User, address: str) -> None:
        client.force_login(user)
        image = embedded("red")
        assert self.judge(client, image, next=address)["Location"] == f"/search/#judge-{image.uuid}"

    def test_what_is_absent_looks_like_what_is_not_theirs(
        self, client: Client, embedded: Embedded, user: User, other_user: User
    ) -> None:
        client.force_login(other_user)
        for image in (embedded("red"), uuid4()):
            for name in ("right", "wrong", "clear"):
                assert self.judge(client, image, name).status_code == 404
        assert said() == []

    @pytest.mark.parametrize(
        "sent", [{}, {"q": "red"}, {"q": "red", "right": "x"}, {"q": "by:me"}, {"right": "", "wrong": "", "q": "red"}]
    )
    def test_what_makes_no_sense_is_not_found(self, client: Client, user: User, sent: dict[str, str]) -> None:
        client.force_login(user)
        assert client.post("/search/judge/", sent).status_code == 404

    def test_filters_alone_are_refused(self, client: Client, embedded: Embedded, user: User) -> None:
        client.force_login(user)
        assert self.judge(client, embedded("red"), q="by:me").status_code == 404

    def test_two_buttons_at_once(self, client: Client, embedded: Embedded, user: User) -> None:
        image = embedded("red")
        client.force_login(user)
        assert self.judge(client, image, "right", wrong=str(image.uuid)).status_code == 404


class TestGoldenPage:
    def page(self, client: Client, **query: str) -> str:
        response = client.get("/search/golden/", query)
        assert response.status_code == 200
        return str(response.content.decode())

    def test_empty_it_is_an_invitation(self, client: Client, user: User) -> None:
        client.force_login(user)
        assert "Nothing is marked as right yet" in self.page(client)

    def test_figures_with_intervals_bars_and_queries(
        self, client: Client, embedded: Embedded, user: User, other: ModelVersion, embed: Callable[..., None]
    ) -> None:
        images = {color: embedded(color) for color in ("red", "green", "blue")}
        for color, image in images.items():
            embed(image, color, other)
        judgement_set(owner=user, query="red", image=images["red"], is_right=True)
        judgement_set(owner=user, query="<green>", image=images["blue"], is_right=True)
        judgement_set(owner=user, query="<green>", image=images["green"], is_right=False)
        client.force_login(user)
        assert self.page(client).count('role="rowheader"') == 2  # other versions' models are not loaded for anybody
        User.objects.filter(pk=user.pk).update(is_superuser=True)
        page = self.page(client)
        assert "2 queries with pictures that were marked as right" in page
        assert page.count('role="rowheader"') == 3  # whole answers, and looks by each version
        assert "Recall@5" in page
        assert "against the active one" in page
        assert re.search(r'<rect class="part" width="[0-9.]+" height="12"', page)
        assert "style=" not in page
        assert 'href="/search/?q=red"' in page
        assert "&lt;green&gt;" in page
        assert page.index("&lt;green&gt;") < page.index(">red</a>")
        best = self.page(client, sort="best")
        assert best.index(">red</a>") < best.index("&lt;green&gt;")

    def test_people_see_their_own_and_superusers_all(
        self, client: Client, embedded: Embedded, user: User, other_user: User
    ) -> None:
        image = embedded("red", visibility=Visibility.PUBLIC)
        judgement_set(owner=user, query="red of ada", image=image, is_right=True)
        judgement_set(owner=other_user, query="red of grace", image=image, is_right=True)
        client.force_login(user)
        assert "red of ada" in self.page(client)
        assert "red of grace" not in self.page(client)
        User.objects.filter(pk=user.pk).update(is_superuser=True)
        assert "red of grace" in self.page(client)
        assert "by grace" in self.page(client)

    def test_a_model_that_is_gone_is_told(self, client: Client, embedded: Embedded, user: User) -> None:
        judgement_set(owner=user, query="red", image=embedded("red"), is_right=True)
        ModelVersion.objects.update(name="nobody/has-this")
        client.force_login(user)
        assert "can&#x27;t be used here" in self.page(client)

    def test_before_anything_is_embedded(self, client: Client, embedded: Embedded, user: User) -> None:
        judgement_set(owner=user, query="red", image=embedded("red"), is_right=True)
        Embedding.objects.all().delete()
        client.force_login(user)
        assert "No model version has the vectors" in self.page(client)

    def test_wrong_pictures_alone_are_no_golden_query(self, client: Client, embedded: Embedded, user: User) -> None:
        judgement_set(owner=user, query="red", image=embedded("red"), is_right=False)
        client.force_login(user)
        assert "Nothing is marked as right yet" in self.page(client)
