"""The owner everything; others look at what is shared; the same 404 for what is absent and what is not yours."""

from uuid import uuid4

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import Http404

from gallery.models import User, Visibility
from gallery.permissions import may_change, owned_image, reachable_image
from tests.gallery.test_selectors import add


@pytest.mark.parametrize("visibility", Visibility.values)
def test_owners_have_their_pictures(user: User, visibility: str) -> None:
    image = add(user, visibility=visibility)
    assert reachable_image(viewer=user, uuid=image.uuid) == image
    assert owned_image(viewer=user, uuid=image.uuid) == image
    assert may_change(viewer=user, image=image)


@pytest.mark.parametrize("visibility", [Visibility.PUBLIC, Visibility.LINK])
def test_others_may_look_at_what_is_shared_but_not_have_it(user: User, other_user: User, visibility: str) -> None:
    image = add(user, visibility=visibility)
    for viewer in (other_user, AnonymousUser()):
        assert reachable_image(viewer=viewer, uuid=image.uuid) == image
        assert not may_change(viewer=viewer, image=image)
        with pytest.raises(Http404):
            owned_image(viewer=viewer, uuid=image.uuid)


def test_private_and_absent_are_told_apart_by_nothing(user: User, other_user: User) -> None:
    private = add(user)
    for viewer in (other_user, AnonymousUser()):
        messages = set()
        for uuid in (private.uuid, uuid4()):
            with pytest.raises(Http404) as caught:
                reachable_image(viewer=viewer, uuid=uuid)
            messages.add(str(caught.value))
        assert len(messages) == 1
