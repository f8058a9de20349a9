"""What is done with many pictures at once: to one's own alone, and each of it can be undone."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from gallery.albums import album_add, album_create
from gallery.favourites import favourites_add
from gallery.forms import SelectionForm
from gallery.models import Album, Favourite, Image, Stage, User, Visibility
from gallery.sharing import member_add, member_set_role
from gallery.tags import images_tag
from tests.gallery.test_selectors import add
from tests.gallery.test_views_library import page_of

JSON = {"Accept": "application/json"}


@pytest.fixture
def images(client: Client, user: User) -> list[Image]:
    client.force_login(user)
    return [add(user), add(user)]


@pytest.fixture
def theirs(other_user: User) -> Image:
    return add(other_user, visibility=Visibility.PUBLIC)


def send(client: Client, images: list[Image], do: str, **said: Any) -> Any:
    """The answer as a script gets it, always of the pictures and one that isn't there."""
    uuids = [*(image.uuid for image in images), "00000000-0000-4000-8000-000000000000"]
    return client.post("/selection/", {"image": uuids, "do": do, **said}, headers=JSON)


def said_by(response: Any, *, with_undo: bool = True) -> str:
    answer: dict[str, str] = response.json()
    assert ("undo" in answer) == with_undo
    return answer["message"]


def test_tagging(client: Client, images: list[Image], theirs: Image) -> None:
    response = send(client, [*images, theirs], "tag", tags="beach, Dog, BEACH")
    assert said_by(response) == "2 pictures tagged: beach, Dog. 1 was left out: it is not yours."
    assert response.json()["left_out"] == [str(theirs.uuid)]
    assert {tag.name: tag.images.count() for tag in images[0].owner.tags.all()} == {"beach": 2, "Dog": 2}


def test_adding_to_albums(client: Client, images: list[Image], theirs: Image) -> None:
    response = send(client, [*images, theirs], "album", title="Iceland")
    assert said_by(response) == "2 pictures added to “Iceland”. 1 was left out: it is not yours."
    album = Album.objects.get()
    assert album.images.count() == 2
    response = send(client, images, "album", album=album.uuid, title="ignored")
    assert said_by(response, with_undo=False) == "All of them were in “Iceland” already."


def test_sharing_goes_on_where_the_album_is_shared(client: Client, images: list[Image], other_user: User) -> None:
    answer = send(client, images, "share", title="Iceland").json()
    album = Album.objects.get()
    assert (answer["next"], album.images.count()) == (reverse("album-share", args=[album.uuid]), 2)
    again = client.post("/selection/", {"image": images[0].uuid, "do": "share", "album": album.uuid})
    assert again["Location"] == answer["next"]
    theirs = album_create(owner=other_user, title="Theirs")
    member_add(album=theirs, by=other_user, username="ada", role="add")
    assert send(client, images, "share", album=theirs.uuid).json()["next"] == theirs.get_absolute_url()
    assert send(client, images, "share").status_code == 400


def test_managers_take_out_what_others_added_and_others_their_own(
    client: Client, images: list[Image], other_user: User
) -> None:
    album = album_create(owner=images[0].owner, title="Iceland")
    album_add(album=album, images=Image.objects.all())
    member = member_add(album=album, by=album.owner, username="grace", role="add")
    theirs = add(other_user)
    album_add(album=album, images=Image.objects.all(), by=other_user)
    client.force_login(other_user)
    send(client, [*images, theirs], "out", within=album.uuid)
    assert set(album.images.all()) == set(images)
    member_set_role(member=member, by=album.owner, role="manage")
    send(client, images, "out", within=album.uuid)
    assert not album.images.exists()


def test_taking_out_tells_nobody_which_pictures_there_are(
    client: Client, images: list[Image], other_user: User
) -> None:
    album = album_create(owner=images[0].owner, title="Iceland")
    album_add(album=album, images=Image.objects.all())
    hidden = add(other_user)
    answers = [send(client, beside, "out", within=album.uuid) for beside in ([], [hidden])]
    assert [answer.status_code for answer in answers] == [400, 400]
    assert answers[0].content == answers[1].content


def test_taking_out_of_an_album(client: Client, images: list[Image]) -> None:
    album = album_create(owner=images[0].owner, title="Iceland")
    album_add(album=album, images=Image.objects.all())
    response = send(client, images[:1], "out", within=album.uuid)
    assert said_by(response) == "1 picture taken out of “Iceland”."
    assert list(album.images.all()) == images[1:]


def test_untagging(client: Client, images: list[Image], theirs: Image) -> None:
    send(client, images, "tag", tags="beach, Dog")
    response = send(client, [images[0], theirs], "untag", tags="BEACH, cat")
    assert said_by(response) == "Taken off 1 picture: BEACH. 1 was left out: it is not yours."
    assert {tag.name: tag.images.count() for tag in images[0].owner.tags.all()} == {"beach": 1, "Dog": 2}
    again = send(client, images[:1], "untag", tags="beach, cat")
    assert said_by(again, with_undo=False) == "None of them has such a tag."


def test_favourites_are_whatever_one_sees(client: Client, images: list[Image], theirs: Image, other_user: User) -> None:
    every = [*images, theirs, add(other_user)]
    assert said_by(send(client, every, "favourite")) == "3 pictures among your favourites."
    assert set(Favourite.objects.values_list("image", flat=True)) == {image.pk for image in every[:3]}
    sentence = "2 pictures no longer among your favourites."
    assert said_by(send(client, [images[0], theirs], "unfavourite")) == sentence
    assert Favourite.objects.get().image == images[1]
    again = send(client, [images[0], theirs], "unfavourite")
    assert said_by(again, with_undo=False) == "None of them was among your favourites."
    assert send(client, every[3:], "favourite").json() == {"message": "Select some pictures first."}


def test_who_sees_them(client: Client, images: list[Image], theirs: Image) -> None:
    response = send(client, [*images, theirs], "visibility", visibility="public")
    sentence = "Who may see 2 pictures has changed. Public: everyone here. 1 was left out: it is not yours."
    assert said_by(response) == sentence
    again = send(client, images, "visibility", visibility="public")
    assert said_by(again, with_undo=False) == "That is so for all of them already. Public: everyone here."
    send(client, [images[0], theirs], "visibility", visibility="private")
    assert set(Image.objects.filter(visibility="public")) == {images[1], theirs}


def test_deleting_moves_to_the_trash(client: Client, images: list[Image], theirs: Image) -> None:
    response = send(client, [images[0], theirs], "delete")
    assert said_by(response) == "1 picture moved to the trash. 1 was left out: it is not yours."
    assert set(Image.objects.all()) == {images[1], theirs}
    assert Image.with_trash.count() == 3


def test_nobody_is_told_of_what_they_may_not_see(client: Client, images: list[Image], other_user: User) -> None:
    hidden = add(other_user)
    for do, said in (("delete", {}), ("tag", {"tags": "beach"}), ("visibility", {"visibility": "public"})):
        answer = send(client, [images.pop(0) if do == "delete" else images[0], hidden], do, **said).json()
        assert (answer["left_out"], "left out" in answer["message"]) == ([], False)
    hidden.refresh_from_db()
    assert hidden.visibility == "private"


@pytest.mark.parametrize(
    ("do", "said", "sentence"),
    [
        ("tag", {"tags": " ,\u200b \u2060"}, "Say at least one tag."),  # the last show nothing
        ("tag", {"tags": "x" * 51}, "A tag has at most 50 characters."),
        ("tag", {"tags": ",".join(map(str, range(21)))}, "At most 20 tags at once."),
        ("album", {}, "Choose an album, or name a new one."),
        ("album", {"album": "00000000-0000-4000-8000-000000000000"}, "There is no such album."),
        ("album", {"album": "nonsense"}, "“nonsense” is not a valid UUID."),
        ("out", {}, "There is no such album."),
        ("untag", {}, "Say at least one tag."),
        ("visibility", {}, "Choose who may see them from the list."),
        ("visibility", {"visibility": "all"}, "Select a valid choice. all is not one of the available choices."),
    ],
)
def test_what_cannot_be_done_gets_a_sentence(
    client: Client, images: list[Image], do: str, said: dict[str, str], sentence: str
) -> None:
    response = send(client, images, do, **said)
    assert (response.status_code, response.json()) == (400, {"message": sentence})


def test_albums_of_others_are_absent(client: Client, images: list[Image], other_user: User) -> None:
    album = album_create(owner=other_user, title="Theirs")
    for response in (send(client, images, "album", album=album.uuid), send(client, images, "out", within=album.uuid)):
        assert (response.status_code, response.json()) == (400, {"message": "There is no such album."})
    assert not album.images.exists()


def test_pictures_of_others_alone_are_none(client: Client, images: list[Image], theirs: Image) -> None:
    for sent in ([], [theirs]):
        response = send(client, sent, "delete")
        assert response.json() == {"message": "Select some pictures of yours first."}
    assert Image.objects.filter(pk=theirs.pk).exists()


def test_there_are_so_many_at_most(client: Client, images: list[Image], monkeypatch: pytest.MonkeyPatch) -> None:
    response = client.post("/selection/", {"image": [images[0].uuid] * (SelectionForm.MOST + 1), "do": "favourite"})
    assert "At most 500 pictures at once." in client.get(response["Location"]).content.decode()
    assert not Favourite.objects.exists()


@pytest.mark.parametrize(
    ("do", "said"),
    [
        ("tag", {"tags": "beach"}),
        ("untag", {"tags": "sea"}),
        ("album", {"title": "Norway"}),
        ("favourite", {}),
        ("unfavourite", {}),
        ("visibility", {"visibility": "public"}),
        ("out", {}),
        ("delete", {}),
    ],
)
def test_more_pictures_take_no_more_statements(
    client: Client, images: list[Image], user: User, do: str, said: dict[str, str]
) -> None:
    images_tag(owner=user, images=Image.objects.all(), names=["beach"])
    counts = []
    for number in (1, 40):
        album = album_create(owner=user, title="Iceland")
        more = [add(user) for _ in range(number)]
        every = Image.objects.filter(pk__in=[image.pk for image in more])
        images_tag(owner=user, images=every, names=["sea"])
        album_add(album=album, images=every)
        if do != "favourite":
            favourites_add(person=user, images=every)
        with CaptureQueriesContext(connection) as there:
            undo = send(client, more, do, within=album.uuid, **said).json()["undo"]
        with CaptureQueriesContext(connection) as back:
            assert client.post(undo, headers=JSON).status_code == 200
        counts.append((len(there), len(back)))
    assert counts[0] == counts[1]


def test_without_a_script_the_page_comes_back_with_the_sentence(client: Client, images: list[Image]) -> None:
    album = album_create(owner=images[0].owner, title="Iceland")
    album_add(album=album, images=Image.objects.all())
    for url in ("/", "/public/?after=1", album.get_absolute_url()):
        page = page_of(client, url)
        assert f'name="next" value="{url}"' in page or "public" in url
        assert ('value="out"' in page) == ("albums" in url)
        response = client.post("/selection/", {"image": images[0].uuid, "do": "favourite", "next": url})
        assert response["Location"] == url
        assert "1 picture among your favourites." in page_of(client, url)


@pytest.mark.parametrize("address", ["https://elsewhere.example/", "//elsewhere.example", "javascript:alert(1)"])
def test_it_leads_nowhere_else(client: Client, images: list[Image], address: str) -> None:
    for url in ("/selection/", "/selection/archive/"):
        for sent in ({"image": images[0].uuid, "do": "favourite"}, {}):
            response = client.post(url, {**sent, "next": address})
            assert response.status_code == 200 or response["Location"] == "/"
            list(response)  # an archive read to its end gives its slot back


def test_without_a_script_a_mistake_leaves_them_selected(client: Client, images: list[Image], theirs: Image) -> None:
    """And offers the albums and tags that scripts ask for."""
    album = album_create(owner=images[0].owner, title="Iceland")
    send(client, images, "tag", tags="beach")
    sent = {"image": [images[0].uuid, theirs.uuid], "next": "/public/"}
    response = client.post("/selection/", {**sent, "do": "album"})
    page = response.content.decode()
    assert response.status_code == 400
    assert "Choose an album, or name a new one." in page
    for image in (images[0], theirs):
        assert f'value="{image.uuid}" form="selection" autocomplete="off" checked' in page
    assert str(images[1].uuid) not in page
    assert f'<option value="{album.uuid}">Iceland</option>' in page
    assert '<option value="beach">' in page
    assert 'name="next" value="/public/"' in page
    response = client.post("/selection/", {**sent, "do": "album", "album": album.uuid})
    assert (response["Location"], album.images.get()) == ("/public/", images[0])


def test_tags_and_albums_are_asked_for_when_they_are_wanted(client: Client, images: list[Image]) -> None:
    album_create(owner=images[0].owner, title="Iceland")
    send(client, images, "tag", tags="beach")
    for url in ("/", "/search/?q=tag:beach"):
        page = page_of(client, url)
        assert 'form="selection"' in page
        assert "Iceland" not in page
    page = page_of(client, "/selection/")
    assert ">Iceland</option>" in page
    assert '<option value="beach">' in page
    assert Client().get("/selection/")["Location"].startswith(reverse("sign-in"))


def test_strangers_are_asked_to_sign_in(client: Client, user: User) -> None:
    add(user, visibility=Visibility.PUBLIC)
    assert client.post("/selection/")["Location"] == f"{reverse('sign-in')}?next=/"
    assert client.post("/selection/", {"next": "/public/"})["Location"] == f"{reverse('sign-in')}?next=/public/"
    assert send(client, [], "favourite").status_code == 401
    for url in ("/", "/public/", f"/people/{user.username}/"):
        assert 'form="selection"' not in page_of(client, url)
    client.force_login(user)
    for url in ("/public/", f"/people/{user.username}/"):
        assert 'form="selection"' in page_of(client, url)


def test_describing_again(client: Client, images: list[Image], theirs: Image, settings: Any) -> None:
    settings.OTHER_CAPTIONERS = ["other"]
    response = send(client, [*images, theirs], "describe", by="other")
    sentence = "2 pictures will be described by other. 1 was left out: it is not yours."
    assert said_by(response, with_undo=False) == sentence
    asked = Stage.objects.filter(step="caption", model="other")
    assert {(stage.image, stage.priority) for stage in asked} == {(image, Stage.Priority.BACKFILL) for image in images}
    again = send(client, images, "describe", by="other")
    assert said_by(again, with_undo=False) == "other has described all of them already, or is about to."
    refused = send(client, images, "describe", by="nobody")
    assert (refused.status_code, refused.json()["message"]) == (400, "Choose who is to describe them.")


def test_describing_again_is_offered_where_there_are_others(client: Client, images: list[Image], settings: Any) -> None:
    assert 'value="describe"' not in client.get("/").content.decode()
    settings.OTHER_CAPTIONERS = ["other"]
    shown = client.get("/").content.decode()
    assert 'value="describe"' in shown and "<option>other</option>" in shown
