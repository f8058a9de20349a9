"""The whole way from the text of the box to the pictures, by looks, words and filters together."""

from collections.abc import Callable
from typing import Any

import pytest

from gallery.models import Image, User
from search.query import legs
from search.query.answer import SearchResult, search_images

Embedded = Callable[..., Image]


@pytest.fixture
def told(embedded: Embedded) -> Callable[..., Image]:
    """A picture of a colour with a caption by a person: `told("red", "a dog on a beach")`."""

    def make(color: Any, description: str, **facts: Any) -> Image:
        image = embedded(color, **{key: facts.pop(key) for key in ("owner", "visibility") if key in facts})
        facts = {"description": description, "description_by_person": True, "file_name": "x.jpg", **facts}
        Image.objects.filter(pk=image.pk).update(**facts)
        return image

    return make


def shown(result: SearchResult) -> list[Image]:
    return [hit.image for hit in result.hits]


class TestWords:
    def test_a_caption_finds_what_the_encoder_does_not(self, told: Callable[..., Image], user: User) -> None:
        told("red", "a car")
        dog = told("green", "a dog")
        assert search_images(viewer=user, query="dog parade").state == "no_match"  # half of the words are no match
        result = search_images(viewer=user, query="dog")
        assert [hit.image for hit in result.matches] == [dog]
        (hit,) = result.matches
        assert hit.caption == [("a ", False), ("dog", True)]
        assert hit.ranks["caption"] == 1

    def test_people_are_believed_more_than_the_captioner(self, told: Callable[..., Image], user: User) -> None:
        looks = [told((255, shade, shade), "a thing") for shade in (0, 30, 60)]
        person, captioner = told("blue", "a red thing"), told("navy", "a red thing", description_by_person=False)
        result = search_images(viewer=user, query="red")
        assert shown(result) == [person, *looks[:2], captioner, looks[2]]
        assert [leg.label for leg, _ in result.hits[0].why] == ["words", "looks"]
        assert [leg.label for leg, _ in result.hits[3].why] == ["describer’s words", "looks"]

    def test_what_can_be_read_is_found_and_shown(self, told: Callable[..., Image], user: User) -> None:
        street = told("green", "a street")
        sign = told("blue", "a house", text_in_picture="since 1898\nGRAND HOTEL")
        (hit,) = search_images(viewer=user, query="grand hotels").matches
        assert (hit.image, hit.text) == (sign, [("GRAND", True), (" ", False), ("HOTEL", True)])
        assert [leg.label for leg, _ in hit.why] == ["text in the picture", "looks"]
        assert shown(search_images(viewer=user, query="+house +1898")) == [sign]
        assert shown(search_images(viewer=user, query="green -hotel")) == [street]
        (hit,) = search_images(viewer=user, query='text:"grand hotel"').hits
        assert (hit.image, hit.text) == (sign, [("GRAND", True), (" ", False), ("HOTEL", True)])
        (hit,) = search_images(viewer=user, query="house text:1898").hits
        assert hit.text == [("since ", False), ("1898", True)]

    def test_what_the_owner_says_of_a_picture_is_found(self, told: Callable[..., Image], user: User) -> None:
        told("green", "a street")
        titled = told("blue", "a house", title="The grand tour", tag_words="Iceland")
        for query in ("grand tour", "iceland"):
            (hit,) = search_images(viewer=user, query=query).matches
            assert (hit.image, [leg.label for leg, _ in hit.why]) == (titled, ["title and tags", "looks"])

    def test_words_move_a_picture_up(self, told: Callable[..., Image], user: User) -> None:
        named = told("blue", "a red thing")
        looks = [told((255, shade, shade), "a thing") for shade in (0, 30, 60)]
        result = search_images(viewer=user, query="red")
        assert shown(result) == [named, *looks]
        assert [hit.is_match for hit in result.hits] == [True] * 4
        assert [dict(hit.ranks) for hit in result.hits[:2]] == [{"looks": 4, "caption": 1}, {"looks": 1}]

    def test_what_must_and_must_not_be_there(self, told: Callable[..., Image], user: User) -> None:
        beach = told("red", "a dog on a beach")
        people = told((230, 0, 0), "people on a beach")
        city = told((200, 0, 0), "a dog in a city")
        assert set(shown(search_images(viewer=user, query="red"))) == {beach, people, city}
        assert set(shown(search_images(viewer=user, query="red -people"))) == {beach, city}
        assert set(shown(search_images(viewer=user, query="red -people -city"))) == {beach}
        assert set(shown(search_images(viewer=user, query="red -the"))) == {beach, people, city}  # says nothing
        assert set(shown(search_images(viewer=user, query="red +dog"))) == {beach, city}
        assert set(shown(search_images(viewer=user, query="red +dog -city"))) == {beach}
        assert shown(search_images(viewer=user, query='"dog on a beach"')) == [beach]
        assert shown(search_images(viewer=user, query='red "beach on a dog"')) == []

    def test_before_there_is_a_model_captions_answer(self, make_image: Callable[..., Image], user: User) -> None:
        image = make_image("red", name="x.jpg")
        Image.objects.filter(pk=image.pk).update(description="a dog")
        result = search_images(viewer=user, query="dogs")
        assert (result.state, shown(result)) == ("ok", [image])
        assert "Search has no model yet" in result.notice
        assert search_images(viewer=user, query="cats").state == "not_ready"


class TestPictures:
    def test_like_one(self, embedded: Embedded, user: User) -> None:
        red, rose, blue = embedded("red"), embedded((240, 30, 30)), embedded("blue")
        assert shown(search_images(viewer=user, query=f"~{red.uuid}")) == [red, rose, blue]
        assert shown(search_images(viewer=user, query=f"~{blue.uuid}"))[0] == blue

    def test_unlike_one(self, embedded: Embedded, user: User) -> None:
        red, _blue = embedded("red"), embedded("blue")
        assert shown(search_images(viewer=user, query=f"red -~{red.uuid}^3"))[-1] == red

    def test_a_picture_that_one_may_not_open_says_nothing(
        self, embedded: Embedded, user: User, other_user: User
    ) -> None:
        mine, secret = embedded("red"), embedded("blue", owner=other_user)
        assert shown(search_images(viewer=user, query=f"~{secret.uuid}")) in ([], [mine])
        first = search_images(viewer=user, query=f"red ~{secret.uuid}^9").hits[0]
        assert first.score == search_images(viewer=user, query="red").hits[0].score


class TestFilters:
    def test_inside_each_leg(self, told: Callable[..., Image], user: User, monkeypatch: pytest.MonkeyPatch) -> None:
        """However many better pictures the filter forbids."""
        monkeypatch.setattr(legs, "DEPTH", 2)
        for shade in range(6):
            told((255 - 20 * shade, 0, 0), "a red thing")
        unsure = told((150, 90, 90), "red too", description_unsure=True)
        assert shown(search_images(viewer=user, query="red is:unsure")) == [unsure]

    def test_pictures_with_words_that_must_not_be_there_take_no_place(
        self, told: Callable[..., Image], user: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("search.query.answer.DEPTH", 2)
        for shade in range(6):
            told((255 - 10 * shade, 0, 0), "red people")
        dog = told((150, 90, 90), "a dog")
        assert shown(search_images(viewer=user, query="red -people")) == [dog]

    def test_too_many_to_tell_the_index(
        self, told: Callable[..., Image], user: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(legs, "MOST_KEYS", 1)
        some = {told("red", "a", frames=2), told((220, 0, 0), "b", frames=2)}
        told((190, 0, 0), "c")
        assert set(shown(search_images(viewer=user, query="red is:animated"))) == some

    def test_alone_they_list_the_newest_first(self, told: Callable[..., Image], user: User, other_user: User) -> None:
        images = [told((shade, 0, 0), "x", frames=2) for shade in range(0, 250, 50)]
        told("blue", "still")
        told("blue", "theirs", frames=2, owner=other_user)
        result = search_images(viewer=user, query="is:animated", limit=2)
        assert (shown(result), result.total, result.is_last) == (images[:2:-1], 5, False)
        rest = search_images(viewer=user, query="is:animated", limit=3, offset=2)
        assert (shown(rest), rest.is_last) == (images[2::-1], True)
        assert [hit.score for hit in rest.hits] == [None] * 3
        assert search_images(viewer=user, query="is:public").state == "no_match"

    def test_a_mistake_gets_a_hint_and_the_rest_still_runs(self, told: Callable[..., Image], user: User) -> None:
        image = told("red", "x")
        result = search_images(viewer=user, query="red on:yesterdai")
        assert shown(result) == [image]
        assert result.query.hints[0].is_mistake


class TestPages:
    def test_they_join_up_to_the_whole(self, embedded: Embedded, user: User) -> None:
        images = [embedded((255, shade, shade)) for shade in range(0, 70, 10)]
        blue = embedded("blue")
        whole = search_images(viewer=user, query="red", limit=20)
        assert (whole.total, whole.is_total_exact, whole.is_last) == (len(images), True, True)
        assert shown(whole)[-1] == blue
        pages = [search_images(viewer=user, query="red", limit=3, offset=offset) for offset in (0, 3, 6, 9)]
        assert [image for page in pages for image in shown(page)] == shown(whole)
        assert [page.is_last for page in pages] == [False, False, True, True]
        assert [page.total for page in pages] == [7] * 4

    def test_more_than_can_be_counted_is_said(
        self, embedded: Embedded, user: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for shade in range(4):
            embedded((255 - 20 * shade, 0, 0))
        monkeypatch.setattr("search.query.answer.DEPTH", 3)
        result = search_images(viewer=user, query="red")
        assert (result.total, result.is_total_exact) == (3, False)
