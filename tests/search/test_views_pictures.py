"""Searching by pictures on the search page, with the fake encoder, which knows colours."""

import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.translation import get_language, override
from PIL import Image as PILImage

from gallery import services
from gallery.models import Image, User, Visibility
from mmsite import worker
from search.versions import model_version_ensure
from tests.conftest import MakeJpeg
from tests.gallery.test_views_library import listed

MakeImage = Callable[..., Image]
Library = dict[str, Image]


@pytest.fixture
def library(db: None, make_image: MakeImage) -> Library:
    """Three colours, private, ready to be found."""
    model_version_ensure()
    images = {colour: make_image(colour, name=f"{colour}.jpg") for colour in ("red", "green", "blue")}
    worker.work_until_idle()
    return images


@pytest.fixture
def signed_in(client: Client, user: User) -> Client:
    client.force_login(user)
    return client


def search(client: Client, **query: Any) -> str:
    return client.get("/search/", query).content.decode()


def send(client: Client, content: bytes, name: str = "seen.jpg", **query: Any) -> Any:
    return client.post("/search/", {"picture": SimpleUploadedFile(name, content), **query})


def chips(page: str) -> list[str]:
    """The addresses of the chips."""
    return [found.replace("&amp;", "&") for found in re.findall(r'<a class="chip[^"]*" href="([^"]*)"', page)]


def added(page: str) -> list[str]:
    """The addresses that add one of the hits to the query."""
    return [found.replace("&amp;", "&") for found in re.findall(r'class="more-like" href="([^"]*)"', page)]


def without_token(page: str) -> str:
    """Each page has another."""
    return re.sub(r'csrfmiddlewaretoken" value="[^"]*"', "", page)


class TestLikeOfTheLibrary:
    def test_a_pictures_page_leads_to_others_like_it(self, signed_in: Client, library: Library) -> None:
        page = signed_in.get(library["red"].get_absolute_url()).content.decode()
        assert f'href="/search/?q=~{library["red"].uuid}"' in page
        assert listed(search(signed_in, q=f"~{library['red'].uuid}"))[0] == str(library["red"].uuid)

    def test_it_is_called_by_its_name(self, signed_in: Client, library: Library) -> None:
        red, blue = library["red"], library["blue"]
        page = search(signed_in, q=f"~{red.uuid} -~{blue.uuid}")
        assert "<title>Pictures like red.jpg unlike blue.jpg · Search" in page
        assert "Pictures like red.jpg unlike blue.jpg, nearest first" in page
        assert "Unlike this picture" in page
        assert f'src="/media/{red.uuid}/thumbnail.webp" alt=""' in page
        assert chips(page) == [f"/search/?q=-~{blue.uuid}", f"/search/?q=~{red.uuid}"]

    def test_the_box_holds_the_words_alone(self, signed_in: Client, library: Library) -> None:
        page = search(signed_in, q=f"night ~{library['red'].uuid}^2 -is:animated")
        assert 'value="night -is:animated"' in page
        assert f'name="like" value="~{library["red"].uuid}^2"' in page
        assert "“night -is:animated” like red.jpg" in page

    def test_box_and_pictures_are_one_query(self, signed_in: Client, library: Library) -> None:
        apart = search(signed_in, q="night", like=f"~{library['red'].uuid}")
        together = search(signed_in, q=f"night ~{library['red'].uuid}")
        assert listed(apart) == listed(together)
        assert chips(apart) == chips(together)
        assert 'value="night"' in apart

    def test_signed_words_are_chips_too(self, signed_in: Client, library: Library) -> None:
        assert chips(search(signed_in, q="red -people +car")) == ["/search/?q=red+%2Bcar", "/search/?q=red+-people"]

    def test_hits_can_be_added(self, signed_in: Client, library: Library) -> None:
        red, blue = library["red"], library["blue"]
        page = search(signed_in, q=f"~{red.uuid}", show=12)
        assert f"/search/?show=12&q=~{red.uuid}+~{blue.uuid}" in added(page)
        assert len(added(page)) == 2, "the picture itself is there already"
        both = signed_in.get(f"/search/?show=12&q=~{red.uuid}+~{blue.uuid}").content.decode()
        assert "Pictures like red.jpg and blue.jpg, nearest first" in both
        assert set(listed(both)[:2]) == {str(red.uuid), str(blue.uuid)}

    def test_there_is_nothing_to_add_to_filters(self, signed_in: Client, library: Library) -> None:
        assert len(added(search(signed_in, q="red"))) == 3
        assert added(search(signed_in, q="by:me")) == []

    def test_what_is_shared_by_link_counts(self, client: Client, other_user: User, library: Library) -> None:
        services.image_set_visibility(image=library["red"], visibility=Visibility.LINK)
        services.image_set_visibility(image=library["blue"], visibility=Visibility.PUBLIC)
        client.force_login(other_user)
        page = search(client, q=f"~{library['red'].uuid}")
        assert "like red.jpg" in page
        assert listed(page) == [str(library["blue"].uuid)]

    def test_absent_and_not_yours_are_the_same(self, client: Client, other_user: User, library: Library) -> None:
        services.image_set_visibility(image=library["blue"], visibility=Visibility.PUBLIC)
        client.force_login(other_user)
        absent, foreign = uuid4(), library["red"].uuid
        pages = [without_token(search(client, q=f"~{uuid}")).replace(str(uuid), "") for uuid in (absent, foreign)]
        assert pages[0] == pages[1]
        assert "isn&#x27;t here, or not for you to see" in pages[0]
        assert "red.jpg" not in pages[0]
        assert "No picture here is like that" in pages[0]
        with override(get_language()):  # which the request changes
            german = client.get("/search/", {"q": f"~{absent}"}, headers={"Accept-Language": "de"}).content.decode()
        assert "Bilder, ähnlich wie ein Bild, das nicht hier ist" in german

    def test_one_that_is_still_worked_on_is_told(self, signed_in: Client, library: Library, make_image: Any) -> None:
        image = make_image("white", name="new.jpg")
        page = search(signed_in, q=f"~{image.uuid} ~{library['red'].uuid}")
        assert "new.jpg is still being worked on" in page
        assert listed(page)[0] == str(library["red"].uuid)

    def test_more_pictures_take_no_more_statements(self, signed_in: Client, library: Library) -> None:
        counts = []
        for names in (["red"], ["red", "green", "blue"]):
            query = " ".join(f"~{library[name].uuid}" for name in names)
            search(signed_in, q=query)
            with CaptureQueriesContext(connection) as queries:
                search(signed_in, q=query)
            counts.append(len(queries))
        assert counts[0] == counts[1]


class TestSentAlong:
    def test_others_like_it_are_found(self, signed_in: Client, library: Library, make_jpeg: MakeJpeg) -> None:
        for colour, image in library.items():
            page = send(signed_in, make_jpeg(colour), name=f"my {colour}.jpg").content.decode()
            assert listed(page)[0] == str(image.uuid)
            assert f"Pictures like my {colour}.jpg, nearest first" in page
            assert f'data-sent="my {colour}.jpg"><img src="data:image/webp;base64,' in page

    def test_nothing_of_it_is_kept(
        self, signed_in: Client, library: Library, make_jpeg: MakeJpeg, settings: Any
    ) -> None:
        before = sorted(path for path in settings.MEDIA_ROOT.rglob("*") if path.is_file())
        send(signed_in, make_jpeg((200, 30, 30)))
        assert sorted(path for path in settings.MEDIA_ROOT.rglob("*") if path.is_file()) == before
        assert Image.objects.count() == 3

    def test_words_and_pictures_go_with_it(self, signed_in: Client, library: Library, make_jpeg: MakeJpeg) -> None:
        page = send(signed_in, make_jpeg("red"), q="blue^10").content.decode()
        assert listed(page)[0] == str(library["blue"].uuid)
        assert "“blue^10” like seen.jpg" in page
        page = send(signed_in, make_jpeg("red"), like=f"~{library['blue'].uuid}^10").content.decode()
        assert listed(page)[0] == str(library["blue"].uuid)
        assert "like seen.jpg and blue.jpg" in page

    def test_filters_hold(self, signed_in: Client, library: Library, make_jpeg: MakeJpeg) -> None:
        page = send(signed_in, make_jpeg("red"), q="is:public").content.decode()
        assert listed(page) == []
        assert chips(page) == ["/search/?q=is%3Apublic", "/search/?q="]

    def test_only_what_may_be_listed_is_found(
        self, client: Client, other_user: User, library: Library, make_jpeg: MakeJpeg
    ) -> None:
        services.image_set_visibility(image=library["blue"], visibility=Visibility.PUBLIC)
        services.image_set_visibility(image=library["green"], visibility=Visibility.LINK)
        client.force_login(other_user)
        assert listed(send(client, make_jpeg("red")).content.decode()) == [str(library["blue"].uuid)]

    def test_more_of_them_are_a_page_further(
        self, signed_in: Client, make_image: MakeImage, make_jpeg: MakeJpeg
    ) -> None:
        model_version_ensure()
        for shade in range(14):
            make_image((shade * 15, 10, 10))
        worker.work_until_idle()
        first, second = (send(signed_in, make_jpeg("red"), show=12, page=page) for page in (1, 2))
        assert 'form="by-picture" name="page" value="2"' in first.content.decode()
        assert len(listed(first.content.decode())) == 12
        assert len(listed(second.content.decode())) == 2
        assert 'name="page"' not in second.content.decode()

    def test_strangers_are_asked_to_sign_in(self, client: Client, db: None, make_jpeg: MakeJpeg) -> None:
        response = send(client, make_jpeg("red"))
        assert (response.status_code, response["Location"]) == (302, "/sign-in/?next=/search/")
        assert 'name="picture"' not in search(client)

    def test_the_form_needs_its_token(self, user: User, make_jpeg: MakeJpeg) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(user)
        response = send(client, make_jpeg("red"))
        assert response.status_code == 403
        assert "That form has expired" in response.content.decode()

    @pytest.mark.parametrize(
        ("content", "sentence"),
        [(b"", "This file is empty."), (b"Buy milk.", "not a picture"), (None, "Choose a picture.")],
    )
    def test_refusals_are_told(self, signed_in: Client, library: Library, content: bytes, sentence: str) -> None:
        response = signed_in.post("/search/", {"q": "red"}) if content is None else send(signed_in, content)
        assert response.status_code == 400
        assert sentence.lower() in response.content.decode().lower()

    def test_the_limits_are_those_of_uploads(
        self, signed_in: Client, library: Library, make_jpeg: MakeJpeg, settings: Any
    ) -> None:
        settings.GALLERY_LIMITS = settings.GALLERY_LIMITS | {"side": 40}
        response = send(signed_in, make_jpeg("red"))
        assert response.status_code == 400
        assert "the limit is 40" in response.content.decode()

    def test_a_search_that_is_not_ready_says_so(self, signed_in: Client, make_jpeg: MakeJpeg) -> None:
        assert "The search is not ready" in send(signed_in, make_jpeg("red")).content.decode()


class TestPartOfAPicture:
    @pytest.fixture
    def flag(self, library: Library, make_image: MakeImage) -> Image:
        """Red on the left, blue on the right."""
        image = make_image("white", name="flag.jpg")
        worker.work_until_idle()
        shown = PILImage.new("RGB", (64, 48), "red")
        shown.paste((0, 0, 255), (32, 0, 64, 48))
        image.renditions.all().delete()
        services.renditions_create(image=image, picture=shown)
        return image

    def test_it_finds_what_that_part_shows(self, signed_in: Client, library: Library, flag: Image) -> None:
        for box, colour in (("0,0,0.4,1", "red"), ("0.6,0.25,0.4,0.5", "blue")):
            page = search(signed_in, of=str(flag.uuid), box=box)
            assert listed(page)[0] == str(library[colour].uuid)
            assert "Pictures like a part of flag.jpg, nearest first" in page
            assert 'src="data:image/webp;base64,' in page
            assert chips(page) == ["/search/?q="]

    def test_words_and_pages_keep_it(self, signed_in: Client, library: Library, flag: Image) -> None:
        page = search(signed_in, q="red -is:animated", of=str(flag.uuid), box="0,0,0.4,1")
        assert f'name="of" value="{flag.uuid}"' in page
        assert 'name="box" value="0,0,0.4,1"' in page
        assert chips(page) == ["/search/?q=red+-is%3Aanimated", f"/search/?q=red&of={flag.uuid}&box=0%2C0%2C0.4%2C1"]
        assert all(address.startswith(f"/search/?of={flag.uuid}&box=") for address in added(page))

    def test_smaller_than_a_pixel_is_still_a_picture(self, signed_in: Client, flag: Image) -> None:
        for box in ("0.98,0.98,0.02,0.02", "1.0,0,0.5,0.5"):
            response = signed_in.get("/search/", {"of": str(flag.uuid), "box": box})
            assert response.status_code == (200 if box.startswith("0.98") else 400)

    @pytest.mark.parametrize("box", ["1,2,3", "a,b,c,d", "0,0,0.01,1", "nan,0,1,1", "-1,0,1,1", "0,0,2,1"])
    def test_what_is_no_part_is_said(self, signed_in: Client, flag: Image, box: str) -> None:
        response = signed_in.get("/search/", {"of": str(flag.uuid), "box": box})
        assert response.status_code == 400
        assert "Choose a larger part" in response.content.decode()

    def test_before_there_is_a_preview(self, signed_in: Client, library: Library, make_image: MakeImage) -> None:
        response = signed_in.get("/search/", {"of": str(make_image("white", name="new.jpg").uuid), "box": "0,0,1,1"})
        assert response.status_code == 400
        assert "new.jpg is still being worked on" in response.content.decode()

    @pytest.mark.parametrize("visibility", Visibility.values)
    def test_absent_and_not_yours_are_the_same(
        self, client: Client, other_user: User, flag: Image, visibility: str
    ) -> None:
        services.image_set_visibility(image=flag, visibility=visibility)
        client.force_login(other_user)
        there = client.get("/search/", {"of": str(flag.uuid), "box": "0,0,1,1"})
        absent = client.get("/search/", {"of": str(uuid4()), "box": "0,0,1,1"})
        assert absent.status_code == 404
        assert there.status_code == (404 if visibility == Visibility.PRIVATE else 200)
        if visibility == Visibility.PRIVATE:
            assert without_token(there.content.decode()) == without_token(absent.content.decode())

    def test_strangers_are_asked_to_sign_in(self, client: Client, flag: Image) -> None:
        services.image_set_visibility(image=flag, visibility=Visibility.PUBLIC)
        response = client.get("/search/", {"of": str(flag.uuid), "box": "0,0,1,1"})
        assert response.status_code == 302
        assert response["Location"].startswith("/sign-in/?next=/search/%3Fof%3D")
        assert "data-region" not in client.get(flag.get_absolute_url()).content.decode()
