"""Accounts, invitations, mail: what people do about themselves, and who may join."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core import mail as django_mail
from django.core.cache import cache
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from gallery import accounts, invitations, mail
from gallery.albums import album_create
from gallery.models import Album, AuditEntry, Image, Invitation, User, Visibility

MakeImage = Callable[..., Image]
PASSWORD = "frequency hopping"
NEW = {"username": "hedy", "password1": PASSWORD, "password2": PASSWORD}


@pytest.fixture(autouse=True)
def _counts_begin_anew() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def outbox(settings: Any) -> Callable[[], list[Any]]:
    """A site that sends mail; a function that waits for what is under way and lists what was sent."""
    settings.SENDS_MAIL = True

    def sent() -> list[Any]:
        mail.postman.submit(lambda: None).result(timeout=60)  # one after the other: what came before is done
        return django_mail.outbox

    return sent


@pytest.fixture
def staff(client: Client, db: None) -> User:
    """Somebody of the staff, who is signed in."""
    person = User.objects.create_user("root", password="of all trees", is_staff=True)
    client.force_login(person)
    return person


def link_in(message: Any) -> str:
    found = re.search(r"http://testserver(\S+)", message.body)
    assert found
    return found[1]


def without_token(response: Any) -> str:
    """A page without what differs in each: the tokens of its forms."""
    return re.sub(r'csrfmiddlewaretoken" value="[^"]*"', "", response.content.decode())


def words(response: Any) -> str:
    return " ".join(response.content.decode().split())


class TestSigningUp:
    def test_without_mail_the_address_may_be_left_out(self, client: Client, db: None) -> None:
        client.post(reverse("sign-up"), NEW)
        assert User.objects.get().email == ""
        assert AuditEntry.objects.get(action="account.create").target == "hedy"

    def test_without_mail_the_address_is_taken_as_given(self, client: Client, db: None) -> None:
        client.post(reverse("sign-up"), NEW | {"email": "hedy@example.org"})
        assert User.objects.get().email == "hedy@example.org"

    def test_with_mail_the_address_is_asked_for_and_counts_once_confirmed(
        self, client: Client, db: None, outbox: Callable[[], list[Any]]
    ) -> None:
        assert "This field is required" in words(client.post(reverse("sign-up"), NEW))
        client.post(reverse("sign-up"), NEW | {"email": "hedy@example.org"})
        assert User.objects.get().email == ""
        [message] = outbox()
        assert message.to == ["hedy@example.org"]
        stranger = Client()
        assert "hedy@example.org" in words(stranger.get(link_in(message)))
        assert User.objects.get().email == "", "a program that looks through mail confirms nothing"
        stranger.post(link_in(message))
        assert User.objects.get().email == "hedy@example.org"
        assert stranger.post(link_in(message)).status_code == 404, "a link holds once"


class TestInvitations:
    def test_an_invitation_lets_one_person_in(self, client: Client, staff: User, settings: Any) -> None:
        settings.SIGN_UP = "invited"
        client.post(reverse("invitations"), {"days": 7})
        invitation = Invitation.objects.get()
        assert invitation.get_absolute_url() in words(client.get(reverse("invitations")))
        first, second = Client(), Client()
        assert first.get(reverse("sign-up")).status_code == 404
        assert "root invites you" in words(first.get(invitation.get_absolute_url()))
        assert first.post(invitation.get_absolute_url(), NEW)["Location"] == reverse("library")
        invitation.refresh_from_db()
        assert invitation.used_by == User.objects.get(username="hedy")
        late = second.post(invitation.get_absolute_url(), NEW | {"username": "alan"})
        assert late.status_code == 404
        assert "This invitation has been used" in words(late)
        assert not User.objects.filter(username="alan").exists()
        assert invitation.get_absolute_url() not in words(client.get(reverse("invitations")))

    def test_of_two_at_once_one_is_let_in(self, user: User) -> None:
        invitation = invitations.invitation_create(by=user, expires_at=timezone.now() + timedelta(days=1))
        accounts.account_create(user=User(username="hedy"), invitation=invitation)
        with pytest.raises(invitations.InvitationSpent):
            accounts.account_create(user=User(username="alan"), invitation=invitation)
        assert not User.objects.filter(username="alan").exists()

    @pytest.mark.parametrize("policy", ["open", "invited", "closed"])
    def test_who_joins(self, client: Client, user: User, settings: Any, policy: str) -> None:
        settings.SIGN_UP = policy
        invitation = invitations.invitation_create(by=user, expires_at=timezone.now() + timedelta(days=1))
        assert client.get(reverse("sign-up")).status_code == (200 if policy == "open" else 404)
        assert client.get(invitation.get_absolute_url()).status_code == (404 if policy == "closed" else 200)

    def test_invitations_run_out(self, client: Client, user: User) -> None:
        invitation = invitations.invitation_create(by=user, expires_at=timezone.now())
        assert client.get(invitation.get_absolute_url()).status_code == 404

    def test_invitations_are_withdrawn(self, client: Client, staff: User) -> None:
        client.post(reverse("invitations"), {"days": 1})
        invitation = Invitation.objects.get()
        client.post(reverse("invitation-withdraw"), {"invitation": invitation.pk})
        assert Client().get(invitation.get_absolute_url()).status_code == 404
        actions = list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))
        assert actions == ["account.invite", "account.invite_withdraw"]

    def test_they_are_sent_where_the_site_sends_mail(
        self, client: Client, staff: User, outbox: Callable[[], list[Any]]
    ) -> None:
        client.post(reverse("invitations"), {"days": 7, "email": "alan@example.org"})
        [message] = outbox()
        assert message.to == ["alan@example.org"]
        assert message.subject == "root invites you to a gallery"
        page = words(Client().get(link_in(message)))
        assert 'value="alan@example.org"' in page

    def test_everybody_may_invite_where_the_setting_says_so(self, client: Client, user: User, settings: Any) -> None:
        client.force_login(user)
        assert client.get(reverse("invitations")).status_code == 404
        settings.INVITATIONS_BY = "everybody"
        assert client.get(reverse("invitations")).status_code == 200

    def test_one_sees_and_withdraws_ones_own_only_unless_of_the_staff(
        self, client: Client, user: User, other_user: User, settings: Any
    ) -> None:
        settings.INVITATIONS_BY = "everybody"
        theirs = invitations.invitation_create(by=other_user, expires_at=timezone.now() + timedelta(days=1))
        client.force_login(user)
        assert theirs.key not in words(client.get(reverse("invitations")))
        client.post(reverse("invitation-withdraw"), {"invitation": theirs.pk})
        assert Invitation.objects.filter(pk=theirs.pk).exists()


class TestForgottenPasswords:
    @pytest.fixture
    def ada(self, user: User) -> User:
        user.email = "ada@example.org"
        user.save()
        return user

    def ask(self, email: str) -> Any:
        return Client().post(reverse("password-reset"), {"email": email}, follow=True)

    def test_a_link_sets_a_new_password_once_and_ends_all_sessions(
        self, client: Client, ada: User, outbox: Callable[[], list[Any]]
    ) -> None:
        client.force_login(ada)
        self.ask("ADA@example.org")
        [message] = outbox()
        assert message.subject == "A new password for testserver"
        other = Client()
        form = other.get(link_in(message), follow=True)
        address = form.redirect_chain[-1][0]
        done = other.post(address, {"new_password1": PASSWORD, "new_password2": PASSWORD}, follow=True)
        assert "Your password is set" in words(done)
        ada.refresh_from_db()
        assert ada.check_password(PASSWORD)
        assert client.get(reverse("account")).status_code == 302
        assert "holds no longer" in words(Client().get(link_in(message)))
        assert AuditEntry.objects.filter(action="account.password", actor=ada).exists()

    def test_who_is_signed_in_meanwhile_is_signed_out(self, client: Client, ada: User) -> None:
        client.force_login(ada)
        page = client.get(accounts.password_link(user=ada, by=None), follow=True)
        address = page.redirect_chain[-1][0]
        done = client.post(address, {"new_password1": PASSWORD, "new_password2": PASSWORD}, follow=True)
        assert done.status_code == 200
        assert "Your password is set. Sign in with it." in words(done)

    def test_the_answer_is_the_same_for_addresses_that_nobody_has(
        self, ada: User, outbox: Callable[[], list[Any]]
    ) -> None:
        known, unknown = self.ask(ada.email), self.ask("nobody@example.org")
        assert without_token(known) == without_token(unknown)
        assert [message.to for message in outbox()] == [[ada.email]]

    def test_an_address_gets_three_mails_an_hour(self, ada: User, outbox: Callable[[], list[Any]]) -> None:
        answers = {without_token(self.ask(ada.email)) for _ in range(5)}
        assert len(answers) == 1
        assert len(outbox()) == 3

    def test_links_run_out(self, ada: User, settings: Any) -> None:
        link = accounts.password_link(user=ada, by=None)
        assert "A new password for ada" in words(Client().get(link, follow=True))
        settings.PASSWORD_RESET_TIMEOUT = -1
        assert "holds no longer" in words(Client().get(link, follow=True))

    def test_a_server_that_takes_no_mail_changes_nothing_of_the_answer(
        self, ada: User, outbox: Callable[[], list[Any]], settings: Any
    ) -> None:
        settings.EMAIL_BACKEND = "tests.gallery.test_accounts.no_such_backend"
        assert "Look into your mail" in words(self.ask(ada.email))
        assert outbox() == []

    def test_a_site_without_mail_says_whom_to_ask(self, ada: User) -> None:
        for answer in (Client().get(reverse("password-reset")), self.ask(ada.email)):
            assert "This site sends no mail. Ask whoever runs it" in words(answer)
        assert django_mail.outbox == []

    def test_the_command_makes_a_link(self, ada: User, capsys: Any) -> None:
        call_command("password_link", "ada", site="https://gallery.example.org/")
        link = capsys.readouterr().out.strip()
        assert link.startswith("https://gallery.example.org/password/reset/")
        path = link.removeprefix("https://gallery.example.org")
        assert "A new password for ada" in words(Client().get(path, follow=True))
        with pytest.raises(CommandError, match="nobody called eve"):
            call_command("password_link", "eve")


class TestOnesOwnPage:
    def test_a_name_to_show_is_shown(self, client: Client, user: User, make_image: MakeImage) -> None:
        image = make_image("red", visibility=Visibility.PUBLIC)
        client.force_login(user)
        client.post(reverse("account"), {"display_name": "  Ada   Lovelace ", "about": "Engines."})
        user.refresh_from_db()
        assert user.display_name == "Ada Lovelace"
        assert "Ada Lovelace" in words(Client().get(image.get_absolute_url()))
        page = words(Client().get(reverse("person", args=["ada"])))
        assert "Ada Lovelace" in page
        assert "Engines." in page

    def test_too_long_a_name_is_explained(self, client: Client, user: User) -> None:
        client.force_login(user)
        response = client.post(reverse("account"), {"display_name": "x" * 101})
        assert response.status_code == 400
        assert "at most 100 characters" in words(response)

    def test_somebody_without_public_pictures_looks_like_nobody(
        self, client: Client, user: User, other_user: User, make_image: MakeImage
    ) -> None:
        make_image("red")
        make_image("blue", visibility=Visibility.LINK)
        trashed = make_image("green", visibility=Visibility.PUBLIC)
        Image.objects.filter(pk=trashed.pk).update(trashed_at=timezone.now())
        client.force_login(other_user)
        hidden, absent = (client.get(reverse("person", args=[name])) for name in ("ada", "eve"))
        assert hidden.status_code == absent.status_code == 404
        client.force_login(user)
        assert client.get(reverse("person", args=["ada"])).status_code == 200

    def test_a_page_shows_public_pictures_alone(self, client: Client, user: User, make_image: MakeImage) -> None:
        hidden = make_image("red")
        shown = make_image("blue", visibility=Visibility.PUBLIC)
        client.force_login(user)
        page = words(client.get(reverse("person", args=["ada"])))
        assert str(shown.uuid) in page
        assert str(hidden.uuid) not in page

    def test_pages_take_few_statements(
        self, client: Client, user: User, make_image: MakeImage, django_assert_max_num_queries: Any
    ) -> None:
        for color in ("red", "green", "blue"):
            make_image(color, visibility=Visibility.PUBLIC)
        client.force_login(user)
        for address in (reverse("account"), reverse("person", args=["ada"]), reverse("account-delete")):
            with django_assert_max_num_queries(9):
                client.get(address)

    def test_an_address_is_changed_by_a_link_sent_there(
        self, client: Client, user: User, outbox: Callable[[], list[Any]]
    ) -> None:
        client.force_login(user)
        client.post(reverse("account-email"), {"email": "ada@example.org"})
        [message] = outbox()
        assert User.objects.get().email == ""
        assert client.post(link_in(message))["Location"] == reverse("account")
        assert User.objects.get().email == "ada@example.org"
        client.post(reverse("account-email"), {"email": ""})
        assert User.objects.get().email == ""

    def test_an_older_link_is_void_once_the_address_is_another(self, user: User) -> None:
        first, second = (accounts.email_token(user=user, email=f"{name}@example.org") for name in ("old", "new"))
        accounts.email_set(user=user, email="new@example.org")
        assert accounts.email_of_token(first) is None
        assert accounts.email_of_token(second) is None
        assert accounts.email_of_token(f"{first}x") is None

    def test_mails_to_confirm_are_few(self, client: Client, user: User, outbox: Callable[[], list[Any]]) -> None:
        client.force_login(user)
        for _ in range(5):
            client.post(reverse("account-email"), {"email": "victim@example.org"})
        assert len(outbox()) == 3

    def test_without_mail_the_address_is_set_at_once(self, client: Client, user: User) -> None:
        client.force_login(user)
        client.post(reverse("account-email"), {"email": "ada@example.org"})
        assert User.objects.get().email == "ada@example.org"
        page = client.post(reverse("account-email"), {"email": "no address"}, follow=True)
        assert "Enter a valid email address" in words(page)

    def test_ending_the_session_that_asks_for_it_signs_out(self, client: Client, user: User) -> None:
        client.force_login(user)
        client.get(reverse("account"))
        done = client.post(reverse("account-sessions-end"), {"session": user.sessions.get().pk}, follow=True)
        assert done.redirect_chain[-1][0].startswith(reverse("sign-in"))


class TestDeletingOnesAccount:
    FORM = {"username": "ada", "password": "analytical engine"}  # noqa: RUF012

    def test_all_of_it_goes(self, client: Client, user: User, make_image: MakeImage) -> None:
        make_image("red")
        trashed = make_image("blue")
        Image.objects.filter(pk=trashed.pk).update(trashed_at=timezone.now())
        album_create(owner=user, title="Iceland")
        client.force_login(user)
        asked = words(client.get(reverse("account-delete")))
        assert "Your 2 pictures are deleted with it" in asked
        assert "Your 1 album and its links go too" in asked
        assert client.post(reverse("account-delete"), self.FORM)["Location"] == reverse("library")
        assert not User.objects.exists()
        assert not Image.with_trash.exists()
        assert not Album.objects.exists()
        assert "_auth_user_id" not in client.session
        entry = AuditEntry.objects.get(action="account.delete")
        assert (entry.actor, entry.actor_name, entry.target) == (None, "ada", "ada")

    @pytest.mark.parametrize("wrong", [{"username": "grace"}, {"password": "no engine"}, {"password": ""}])
    def test_name_and_password_must_be_right(self, client: Client, user: User, wrong: dict[str, str]) -> None:
        client.force_login(user)
        assert client.post(reverse("account-delete"), self.FORM | wrong).status_code == 400
        assert User.objects.exists()

    def test_the_only_administrator_stays(self, client: Client, user: User) -> None:
        user.is_superuser = True
        user.save()
        client.force_login(user)
        assert "You are the only administrator" in words(client.post(reverse("account-delete"), self.FORM))
        assert User.objects.exists()


class TestTheAdmin:
    @pytest.fixture
    def root(self, client: Client, db: None) -> User:
        person = User.objects.create_superuser("root", password="of all trees")
        client.force_login(person)
        return person

    def test_what_staff_change_is_recorded(self, client: Client, root: User, user: User) -> None:
        address = reverse("admin:gallery_user_change", args=[user.pk])
        form = client.get(address).context["adminform"].form
        given = {name: "" if value is None else value for name, value in form.initial.items()}
        given = {name: value for name, value in given.items() if not isinstance(value, bool) and "date" not in name}
        given |= {"date_joined_0": "2026-01-01", "date_joined_1": "12:00", "is_active": "on", "is_staff": "on"}
        given.pop("last_login", None)
        response = client.post(address, given | {"quota_bytes": "5000"})
        assert response.status_code == 302, response.context["errors"]
        user.refresh_from_db()
        assert (user.is_staff, user.quota_bytes) == (True, 5000)
        entry = AuditEntry.objects.get(action="account.change")
        assert (entry.actor, entry.target) == (root, "ada")
        assert entry.details == {"fields": ["is_staff", "quota_bytes"], "is_staff": True, "quota_bytes": 5000}

    def test_setting_somebodys_password_ends_their_sessions(self, client: Client, root: User, user: User) -> None:
        theirs = Client()
        theirs.force_login(user)
        address = reverse("admin:auth_user_password_change", args=[user.pk])
        form = {"password1": PASSWORD, "password2": PASSWORD, "usable_password": "true", "set-password": "1"}
        client.post(address, form)
        user.refresh_from_db()
        assert user.check_password(PASSWORD)
        assert theirs.get(reverse("account")).status_code == 302
        assert client.get(reverse("account")).status_code == 200
        assert AuditEntry.objects.get(action="account.password").actor == root

    def test_a_link_for_a_new_password_is_made(self, client: Client, root: User, user: User) -> None:
        data = {"action": "make_password_link", "_selected_action": [user.pk]}
        page = words(client.post(reverse("admin:gallery_user_changelist"), data, follow=True))
        found = re.search(r"http://testserver(/password/reset/[^\s<]+)", page)
        assert found
        assert "A new password for ada" in words(Client().get(found[1], follow=True))
        assert AuditEntry.objects.get(action="account.password_link").target == "ada"

    def test_invitations_are_made_there_too(self, client: Client, root: User) -> None:
        later = timezone.localtime() + timedelta(days=2)
        form = {"email": "", "expires_at_0": f"{later:%Y-%m-%d}", "expires_at_1": f"{later:%H:%M}"}
        page = client.post(reverse("admin:gallery_invitation_add"), form, follow=True)
        invitation = Invitation.objects.get()
        assert invitation.invited_by == root
        assert invitation.get_absolute_url() in words(page)
        assert Client().get(invitation.get_absolute_url()).status_code == 200


@pytest.mark.parametrize("address", ["/people/%00/", "/people/a%00b/", "/sign-up/%00/"])
def test_names_and_keys_that_no_database_can_hold(client: Client, user: User, address: str) -> None:
    client.force_login(user)
    assert client.get(address).status_code == 404


class TestLinksInMail:
    """They lead to this site, whatever name a stranger calls it by."""

    STRANGE = {"Host": "evil.example"}  # noqa: RUF012

    def ask_for_all(self, person: User) -> None:
        """For each kind of mail there is."""
        client = Client(headers=self.STRANGE)
        client.post(reverse("password-reset"), {"email": person.email})
        client.force_login(person)
        client.post(reverse("account-email"), {"email": "countess@example.org"})
        client.post(reverse("invitations"), {"days": "7", "email": "friend@example.org"})

    @pytest.fixture
    def ada(self, db: None) -> User:
        return User.objects.create_user("ada", "ada@example.org", "analytical engine", is_staff=True)

    def test_by_the_name_that_is_set(self, ada: User, outbox: Callable[[], list[Any]], settings: Any) -> None:
        settings.ALLOWED_HOSTS, settings.SITE_URL = ["*"], "https://gallery.example.com"
        self.ask_for_all(ada)
        assert len(outbox()) == 3
        for message in outbox():
            assert "https://gallery.example.com/" in message.body
            assert "evil" not in message.subject + message.body

    def test_without_one_there_is_no_mail_where_any_name_is_taken(
        self, ada: User, outbox: Callable[[], list[Any]], settings: Any
    ) -> None:
        settings.ALLOWED_HOSTS = ["*"]
        self.ask_for_all(ada)
        assert outbox() == []
        assert "sends no mail" in words(Client(headers=self.STRANGE).get(reverse("password-reset")))

    def test_names_that_are_not_the_sites_are_refused(self, ada: User, outbox: Callable[[], list[Any]]) -> None:
        answer = Client(headers=self.STRANGE).post(reverse("password-reset"), {"email": ada.email})
        assert answer.status_code == 400
        assert outbox() == []

    def test_the_command_for_forgotten_passwords_uses_it_too(self, ada: User, settings: Any) -> None:
        settings.SITE_URL = "https://gallery.example.com"
        said = StringIO()
        call_command("password_link", "ada", stdout=said)
        assert said.getvalue().startswith("https://gallery.example.com/")
