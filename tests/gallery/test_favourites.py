"""Favourites: on what one may see, for oneself alone, and gone with pictures and people."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client
from django.urls import reverse

from gallery.favourites import favourites_add, favourites_remove, is_favourite
from gallery.models import Favourite, Image, User, Visibility
from gallery.services import images_delete, users_delete
from tests.gallery.test_selectors import add

EVERY = Image.objects.all()


def test_hearts_are_on_what_one_may_see_and_ones_own(user: User, other_user: User) -> None:
    mine, hidden = add(user), add(other_user)
    public, by_link = (add(other_user, visibility=visibility) for visibility in (Visibility.PUBLIC, Visibility.LINK))
    for _ in range(2):
        favourites_add(person=user, images=EVERY)
    assert [is_favourite(viewer=user, image=each) for each in (mine, public, by_link, hidden)] == [True] * 3 + [False]
    for other in (other_user, AnonymousUser()):
        assert not is_favourite(viewer=other, image=public)
    favourites_remove(person=user, images=Image.objects.filter(pk__in=[public.pk, hidden.pk]))
    assert Favourite.objects.count() == 2


@pytest.mark.usefixtures("told")
def test_hearts_go_with_pictures_and_people(user: User, other_user: User) -> None:
    first, second = (add(user, visibility=Visibility.PUBLIC) for _ in range(2))
    for person in (user, other_user):
        favourites_add(person=person, images=EVERY)
    images_delete(images=[first])
    assert set(Favourite.objects.values_list("image", flat=True)) == {second.pk}
    users_delete(users=[other_user])
    assert Favourite.objects.get().person == user


def test_the_button_says_how_it_is_and_turns_it_over(client: Client, user: User, other_user: User) -> None:
    image = add(other_user, visibility=Visibility.PUBLIC)
    assert "Favourite" not in client.get(image.get_absolute_url()).content.decode()
    client.force_login(user)
    url = reverse("image-favourite", args=[image.uuid])
    assert 'name="heart" value="on" aria-pressed="false"' in client.get(image.get_absolute_url()).content.decode()
    page = client.post(url, {"heart": "on"}, follow=True).content.decode()
    assert 'aria-pressed="true"' in page
    assert 'name="heart"' not in page
    client.post(url)
    assert not Favourite.objects.exists()
