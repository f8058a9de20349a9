"""Webhooks: made, told, signed, sent again; by the API, on their page, and by the worker."""

import re
import socket
from collections.abc import Callable, Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from api import deliveries, webhooks
from api.models_webhooks import Webhook, WebhookDelivery
from captioning.models import Caption
from captioning.services import caption_choose, caption_write_by_person
from gallery import stages
from gallery.models import AuditEntry, Image, Stage, User
from gallery.services import images_delete
from gallery.trash import images_restore, images_trash
from mmsite import worker
from search.versions import model_version_ensure
from tests.api.conftest import Api
from tests.api.receiver import Receiver, receiving

MakeImage = Callable[..., Image]
EVERYTHING = [event.value for event in Webhook.Event]


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.WEBHOOKS_PRIVATE = True
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def webhook(user: User, receiver: Receiver) -> Webhook:
    return webhooks.webhook_create(owner=user, url=receiver.url, events=EVERYTHING).webhook


def let_time_pass() -> None:
    WebhookDelivery.objects.filter(state="pending").update(due_at=timezone.now())
    Webhook.objects.update(rests_until=timezone.now())


def states() -> list[str]:
    return list(WebhookDelivery.objects.order_by("pk").values_list("state", flat=True))


class TestTheApi:
    def test_making_one_shows_its_secret_once(self, api: Api) -> None:
        made = api.post("webhooks/", {"url": "https://example.com/hook", "events": ["image.ready"]})
        assert made.status_code == 201, made.content
        assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", made.json()["secret"])
        shown = api.get(f"webhooks/{made.json()['uuid']}/").json()
        assert shown["url"] == "https://example.com/hook"
        assert "secret" not in shown
        assert "secret" not in api.get("webhooks/").json()["results"][0]
        assert AuditEntry.objects.filter(action="webhook.create").count() == 1

    @pytest.mark.parametrize("url", ["http://example.com/", "ftp://example.com", "hook", "https://", "https://[", ""])
    def test_addresses_that_can_not_be(self, api: Api, url: str) -> None:
        answer = api.post("webhooks/", {"url": url, "events": ["image.ready"]})
        assert answer.status_code in (400, 422)
        assert "url" in answer.json()["errors"]

    def test_events_that_there_are_not(self, api: Api) -> None:
        for events in ([], ["image.eaten"], "image.ready", None):
            answer = api.post("webhooks/", {"url": "https://example.com/", "events": events})
            assert answer.status_code == 400

    def test_there_is_an_end_to_them(self, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(webhooks, "MOST", 1)
        wish = {"url": "https://example.com/", "events": ["image.ready"]}
        assert [api.post("webhooks/", wish).status_code for _ in range(2)] == [201, 422]

    def test_pausing_changing_and_deleting(self, api: Api, webhook: Webhook) -> None:
        where = f"webhooks/{webhook.uuid}/"
        assert api.patch(where, {"is_active": False}).json()["is_active"] is False
        assert api.patch(where, {"events": ["image.failed"]}).json()["events"] == ["image.failed"]
        assert api.patch(where, {"url": "nowhere"}).status_code == 422
        assert api.delete(where).status_code == 204
        assert api.get(where).status_code == 404
        assert AuditEntry.objects.filter(action="webhook.delete").count() == 1

    def test_nobody_overwrites_one_that_they_have_not_seen(self, api: Api, webhook: Webhook) -> None:
        where = f"webhooks/{webhook.uuid}/"
        seen = {"If-Match": api.get(where)["ETag"]}
        changed = api.patch(where, {"is_active": False}, headers=seen)
        assert (changed.status_code, changed["ETag"]) == (200, api.get(where)["ETag"])
        assert api.patch(where, {"is_active": True}, headers=seen).status_code == 412
        assert api.delete(where, headers=seen).status_code == 412
        assert api.get(where).json()["is_active"] is False
        assert api.delete(where, headers={"If-Match": changed["ETag"]}).status_code == 204

    def test_nobody_sees_those_of_others(self, nobody: Api, others_api: Api, webhook: Webhook) -> None:
        delivery = webhooks.webhook_ping(webhook=webhook)
        for path in ("", "deliveries/"):
            assert others_api.get(f"webhooks/{webhook.uuid}/{path}").status_code == 404
            assert nobody.get(f"webhooks/{webhook.uuid}/{path}").status_code == 401
        assert others_api.get("webhooks/").json()["results"] == []
        for path in ("ping/", f"deliveries/{delivery.uuid}/redeliver/"):
            assert others_api.post(f"webhooks/{webhook.uuid}/{path}").status_code == 404
        assert others_api.delete(f"webhooks/{webhook.uuid}/").status_code == 404

    def test_a_token_that_only_reads_makes_none(self, user: User, secret_of: Any) -> None:
        api = Api(secret_of(user, "read"))
        assert api.post("webhooks/", {"url": "https://example.com/", "events": ["image.ready"]}).status_code == 403

    def test_a_ping_arrives_and_can_be_sent_again(self, api: Api, webhook: Webhook, receiver: Receiver) -> None:
        assert api.post(f"webhooks/{webhook.uuid}/ping/").status_code == 202
        assert deliveries.deliver_some() == 1
        assert receiver.events == ["ping"]
        (delivery,) = api.get(f"webhooks/{webhook.uuid}/deliveries/").json()["results"]
        assert (delivery["state"], delivery["status"], delivery["attempts"]) == ("delivered", 204, 1)
        again = f"webhooks/{webhook.uuid}/deliveries/{delivery['uuid']}/redeliver/"
        assert api.post(again).json()["state"] == "pending"
        deliveries.deliver_some()
        assert len({each.headers["webhook-id"] for each in receiver.received}) == 1
        assert len(receiver.received) == 2
        assert api.post(f"webhooks/{webhook.uuid}/deliveries/{uuid4()}/redeliver/").status_code == 404

    def test_lists_take_a_bounded_number_of_statements(
        self, api: Api, webhook: Webhook, django_assert_max_num_queries: Any
    ) -> None:
        for _ in range(5):
            webhooks.webhook_ping(webhook=webhook)
        api.get("me/")
        with django_assert_max_num_queries(5):
            assert len(api.get(f"webhooks/{webhook.uuid}/deliveries/").json()["results"]) == 5


class TestWhatIsTold:
    def test_a_picture_that_is_ready_once(self, webhook: Webhook, receiver: Receiver, make_image: MakeImage) -> None:
        model_version_ensure()
        image = make_image("red", name="sunset.jpg")
        assert states() == []
        worker.work_until_idle()
        assert receiver.events == ["image.ready"]
        told = receiver.received[0].told["data"]
        assert told["uuid"] == str(image.uuid)
        assert told["url"] == f"/api/v1/images/{image.uuid}/"
        assert told["caption"] == Caption.objects.get().text
        stages.requeue(image_ids=[image.pk], step="caption", priority=Stage.Priority.BACKFILL)
        worker.work_until_idle()
        assert receiver.events == ["image.ready"], "it was ready before"

    def test_pictures_of_before_are_not_told(self, user: User, receiver: Receiver, make_image: MakeImage) -> None:
        model_version_ensure()
        make_image("red")
        webhooks.webhook_create(owner=user, url=receiver.url, events=EVERYTHING)
        worker.work_until_idle()
        assert receiver.events == []

    def test_what_others_do_is_not_told(
        self, webhook: Webhook, receiver: Receiver, make_image: MakeImage, other_user: User
    ) -> None:
        make_image("red", owner=other_user, visibility="public")
        worker.work_until_idle()
        assert states() == []

    def test_a_failure_each_time_that_it_happens(self, webhook: Webhook, make_image: MakeImage) -> None:
        image = make_image("red")
        for _ in range(2):
            claimed = stages.claim(worker="ada", limit=16)
            stages.fail(claimed[0], "It is broken.", retryable=False)
            stages.finish(claimed[1:])
            webhooks.images_settled(image_ids=[image.pk])
            stages.retry(image=image)
        told = WebhookDelivery.objects.order_by("pk")
        assert [each.event for each in told] == ["image.failed"] * 2
        assert told[0].payload["data"]["errors"] == ["It is broken."]

    def test_another_caption(self, user: User, webhook: Webhook, ready: MakeImage) -> None:
        image = ready("red")
        assert not WebhookDelivery.objects.filter(event="caption.changed").exists()
        caption_write_by_person(image_id=image.pk, author=user, text="a boat")
        caption_choose(caption=Caption.objects.get(source="model"), person=user)
        told = WebhookDelivery.objects.filter(event="caption.changed").order_by("pk")
        assert [each.payload["data"]["caption_by_person"] for each in told] == [True, True]
        assert told[0].payload["data"]["caption"] == "a boat"

    def test_a_picture_in_the_trash_each_time_that_it_goes_there(self, webhook: Webhook, ready: MakeImage) -> None:
        image = ready("red")
        for _ in range(2):
            images_trash(images=[image])
            images_restore(images=[image])
        assert list(WebhookDelivery.objects.values_list("event", flat=True)) == ["image.trashed"] * 2

    def test_what_did_not_happen_is_not_told(self, user: User, webhook: Webhook, ready: MakeImage) -> None:
        image = ready("red")
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            caption_write_by_person(image_id=image.pk, author=user, text="a boat")
            assert states() == ["pending"]
            raise ZeroDivisionError
        assert states() == []

    @pytest.mark.parametrize("change", [{"is_active": False}, {"events": ["image.failed"]}])
    def test_only_what_is_wanted_is_told(
        self, user: User, webhook: Webhook, ready: MakeImage, change: dict[str, Any]
    ) -> None:
        webhooks.webhook_change(webhook=webhook, **change)
        caption_write_by_person(image_id=ready("red").pk, author=user, text="a boat")
        assert states() == []

    def test_pictures_that_go_leave_what_was_told(self, user: User, webhook: Webhook, ready: MakeImage) -> None:
        image = ready("red")
        caption_write_by_person(image_id=image.pk, author=user, text="a boat")
        images_delete(images=[image])
        assert states() == ["pending"]


class TestSending:
    def test_deliveries_are_signed_as_the_documentation_says(self, user: User, receiver: Receiver) -> None:
        made = webhooks.webhook_create(owner=user, url=receiver.url, events=["image.ready"])
        webhooks.webhook_ping(webhook=made.webhook)
        deliveries.deliver_some()
        (request,) = receiver.received
        assert request.headers["content-type"] == "application/json"
        documented = Path(__file__).parents[2] / "docs" / "webhooks.md"
        code = re.search(r"```python\n(import base64.*?)```", documented.read_text(), re.DOTALL)
        assert code, "docs/webhooks.md shows how to check a signature"
        namespace: dict[str, Any] = {}
        exec(code[1], namespace)
        verify = namespace["verify"]
        assert verify(made.secret, request.headers, request.body) == request.told
        for headers, body in (
            (request.headers, request.body + b" "),
            ({**request.headers, "webhook-id": str(uuid4())}, request.body),
            ({**request.headers, "webhook-timestamp": "1"}, request.body),
            ({**request.headers, "webhook-signature": "v1,AAAA"}, request.body),
        ):
            with pytest.raises(ValueError, match=r"signature|old"):
                verify(made.secret, headers, body)

    def test_what_fails_is_tried_again_and_then_given_up(self, webhook: Webhook, receiver: Receiver) -> None:
        receiver.status = 500
        webhooks.webhook_ping(webhook=webhook)
        for attempt in range(1, deliveries.ATTEMPTS + 1):
            assert deliveries.deliver_some() == 1
            delivery = WebhookDelivery.objects.get()
            assert delivery.attempts == attempt
            assert delivery.due_at > timezone.now() + timedelta(seconds=30)
            assert deliveries.deliver_some() == 0, "not before it is due"
            let_time_pass()
        assert delivery.state == "failed"
        assert delivery.error == "The host answered with status 500."
        assert deliveries.deliver_some() == 0
        webhook.refresh_from_db()
        assert webhook.failures == 1 and webhook.is_active

    def test_a_webhook_that_always_fails_is_paused_with_a_note(
        self, webhook: Webhook, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(deliveries, "ATTEMPTS", 1)
        monkeypatch.setattr(deliveries, "MOST_FAILURES", 2)
        receiver.status = 500
        for _ in range(3):
            webhooks.webhook_ping(webhook=webhook)
            deliveries.deliver_some()
        webhook.refresh_from_db()
        assert not webhook.is_active
        assert "2 deliveries in a row" in webhook.note
        assert states() == ["failed", "failed", "pending"]
        receiver.status = 200
        webhooks.webhook_change(webhook=webhook, is_active=True)
        assert deliveries.deliver_some() == 1, "what waited is sent when it goes on"

    def test_a_success_forgives_what_was_before(self, webhook: Webhook, receiver: Receiver) -> None:
        Webhook.objects.update(failures=9)
        webhooks.webhook_ping(webhook=webhook)
        deliveries.deliver_some()
        webhook.refresh_from_db()
        assert webhook.failures == 0

    def test_whoever_is_gone_is_asked_no_more(self, webhook: Webhook, receiver: Receiver) -> None:
        receiver.status = 410
        webhooks.webhook_ping(webhook=webhook)
        deliveries.deliver_some()
        webhook.refresh_from_db()
        assert not webhook.is_active and "410" in webhook.note

    def test_no_redirect_is_followed(self, webhook: Webhook, receiver: Receiver) -> None:
        receiver.status, receiver.location = 307, receiver.url
        webhooks.webhook_ping(webhook=webhook)
        deliveries.deliver_some()
        assert len(receiver.received) == 1
        assert WebhookDelivery.objects.get().error == "The host answered with status 307."

    def test_private_addresses_are_not_asked(self, webhook: Webhook, receiver: Receiver, settings: Any) -> None:
        settings.WEBHOOKS_PRIVATE = False
        webhooks.webhook_ping(webhook=webhook)
        deliveries.deliver_some()
        assert receiver.received == []
        assert "private network" in WebhookDelivery.objects.get().error

    def test_nobody_there(self, user: User, settings: Any) -> None:
        settings.WEBHOOKS_PRIVATE = True
        with receiving() as gone:
            url = gone.url
        webhook = webhooks.webhook_create(owner=user, url=url, events=["image.ready"]).webhook
        webhooks.webhook_ping(webhook=webhook)
        deliveries.deliver_some()
        assert WebhookDelivery.objects.get().error == "The host doesn't take the connection."

    def test_one_that_is_slow_costs_a_moment_and_then_rests(
        self, user: User, webhook: Webhook, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(deliveries, "SECONDS", 0.2)
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
            slow = webhooks.webhook_create(owner=user, url=url, events=EVERYTHING).webhook
            webhooks.webhook_ping(webhook=slow)
            assert deliveries.deliver_some() == 1
            assert WebhookDelivery.objects.get().error == "The host didn't answer in time."
            told = {"webhook": slow, "event": "image.ready", "payload": {"type": "image.ready"}}
            WebhookDelivery.objects.bulk_create(WebhookDelivery(**told, key=str(n)) for n in range(20))
            assert not deliveries.any_due(), "what happens meanwhile waits"
            webhooks.webhook_ping(webhook=webhook)
            assert deliveries.deliver_some() == 1
            assert receiver.events == ["ping"], "and holds up nobody else"
            let_time_pass()
            assert deliveries.deliver_some() == deliveries.AT_ONCE, "once more, and no more often"
            webhooks.webhook_ping(webhook=slow)
            assert deliveries.any_due(), "somebody waits to see whether it answers"

    @pytest.mark.parametrize(("status", "rests"), [(204, False), (400, False), (500, False), (429, True), (503, True)])
    def test_not_now_is_taken_at_its_word(self, webhook: Webhook, receiver: Receiver, status: int, rests: bool) -> None:
        receiver.status = status
        webhooks.webhook_ping(webhook=webhook)
        deliveries.deliver_some()
        webhook.refresh_from_db()
        assert (webhook.rests_until is not None) == rests
        assert webhooks.webhook_change(webhook=webhook, url=webhook.url).rests_until is None

    def test_webhooks_have_equal_shares(
        self, user: User, webhook: Webhook, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(deliveries, "AT_ONCE", 2)
        for _ in range(5):
            webhooks.webhook_ping(webhook=webhook)
        other = webhooks.webhook_create(owner=user, url=f"{receiver.url}-2", events=EVERYTHING).webhook
        webhooks.webhook_ping(webhook=other)
        assert deliveries.deliver_some() == 6
        assert {each.path for each in receiver.received[:2]} == {"/hook", "/hook-2"}

    def test_old_deliveries_are_forgotten(self, webhook: Webhook) -> None:
        old, _ = webhooks.webhook_ping(webhook=webhook), webhooks.webhook_ping(webhook=webhook)
        WebhookDelivery.objects.filter(pk=old.pk).update(created_at=timezone.now() - webhooks.KEPT - timedelta(hours=1))
        deliveries.prune()
        assert states() == ["pending"]


class TestThePage:
    @pytest.fixture
    def client(self, user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    def do(self, client: Client, webhook: Webhook, deed: str, **more: Any) -> str:
        data = {"webhook": webhook.uuid, "do": deed, **more}
        return client.post("/account/webhooks/change/", data, follow=True).content.decode()

    def test_making_one(self, client: Client, receiver: Receiver) -> None:
        data = {"url": receiver.url, "events": ["image.ready"]}
        page = client.post("/account/webhooks/new/", data).content.decode()
        secret = Webhook.objects.get().secret
        assert secret.replace("+", "&#x2B;") in page or secret in page
        page = client.get("/account/webhooks/").content.decode()
        assert receiver.url in page
        assert not any(secret.removeprefix("whsec_") in shown for shown in (page, unescape(page)))

    def test_mistakes_are_told(self, client: Client) -> None:
        answer = client.post("/account/webhooks/new/", {"url": "http://example.com", "events": ["image.ready"]})
        assert answer.status_code == 400
        assert "must begin with https://" in answer.content.decode()
        assert client.post("/account/webhooks/new/", {"url": "https://example.com"}).status_code == 400

    def test_what_can_be_done(self, client: Client, webhook: Webhook, receiver: Receiver) -> None:
        self.do(client, webhook, "ping")
        deliveries.deliver_some()
        assert "delivered." in client.get("/account/webhooks/").content.decode()
        self.do(client, webhook, "again", delivery=WebhookDelivery.objects.get().uuid)
        deliveries.deliver_some()
        assert receiver.events == ["ping", "ping"]
        assert "Paused." in self.do(client, webhook, "pause")
        assert "Paused." not in self.do(client, webhook, "resume")
        assert "Delete the webhook?" in self.do(client, webhook, "delete")
        assert Webhook.objects.get() == webhook
        assert "You have no webhooks yet" in self.do(client, webhook, "delete", sure="on")

    def test_how_to_check_who_it_was_stands_there_as_in_the_documentation(self, client: Client, settings: Any) -> None:
        code = (settings.BASE_DIR / "templates" / "api" / "_verify.txt").read_text()
        assert f"```python\n{code}```" in (settings.BASE_DIR / "docs" / "webhooks.md").read_text()
        assert code in client.get("/account/webhooks/").content.decode()

    def test_each_shows_what_it_was_told_last_in_no_more_statements(
        self, client: Client, user: User, webhook: Webhook, django_assert_max_num_queries: Any
    ) -> None:
        others = [
            webhooks.webhook_create(owner=user, url=webhook.url, events=EVERYTHING).webhook
            for _ in range(webhooks.MOST - 1)
        ]
        for each in [webhook, *others]:
            webhooks.webhook_ping(webhook=each)
        with django_assert_max_num_queries(6):
            page = client.get("/account/webhooks/").content.decode()
        assert page.count("<code>ping</code>") == webhooks.MOST

    def test_those_of_others_are_absent(self, client: Client, other_user: User) -> None:
        theirs = webhooks.webhook_create(owner=other_user, url="https://example.com/", events=["image.ready"]).webhook
        assert "example.com/</h2>" not in client.get("/account/webhooks/").content.decode()
        for uuid in (theirs.uuid, uuid4(), "x"):
            answer = client.post("/account/webhooks/change/", {"webhook": uuid, "do": "delete", "sure": "on"})
            assert answer.status_code == 404
        assert Webhook.objects.get() == theirs
