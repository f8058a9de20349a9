"""The page to try the API, in a browser that holds to the site's policy."""

from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from api.models import Token
from api.models_webhooks import Webhook
from api.tokens import token_create, tokens_of
from api.webhooks import webhook_create
from bench.browser import DESKTOP
from gallery.models import User
from tests.e2e.test_accessibility import sign_in
from tests.e2e.waiting import is_at, patiently, says

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("chrome", [DESKTOP], indirect=True, ids=["desktop"]),
]


@pytest.mark.models
def test_the_page_to_try_it_needs_nothing_that_the_policy_forbids(site: str, browser: Chrome) -> None:
    browser.get(f"{site}/api/v1/docs/#/images/images_list")
    patiently(browser).until(lambda shown: shown.find_elements(By.CSS_SELECTOR, ".opblock.is-open"))
    refused = [
        entry["message"] for entry in browser.get_log("browser") if "Content Security Policy" in entry["message"]
    ]
    assert not refused


@pytest.mark.django_db(transaction=True)
def test_tokens_and_webhooks_go_when_one_is_sure(browser: Chrome, live_server: Any) -> None:
    owner = User.objects.create_user("ada")
    token_create(owner=owner, name="The frame in the hall", scopes=[Token.Scope.READ])
    webhook_create(owner=owner, url="https://example.org/pictures", events=[Webhook.Event.READY])
    sign_in(browser, live_server.url, owner.username)
    for page, asked, done in (
        ("tokens", "Revoke the token “The frame in the hall”?", "lets nobody in any more"),
        ("webhooks", "Delete the webhook?", "The webhook is deleted."),
    ):
        browser.get(address := f"{live_server.url}/account/{page}/")
        for answer in (".actions a.button", ".actions .danger"):
            browser.find_element(By.CSS_SELECTOR, "main .danger").click()
            says(browser, asked)
            browser.find_element(By.CSS_SELECTOR, answer).click()
            is_at(browser, address)
        says(browser, done)
    assert not tokens_of(owner).exists()
    assert not Webhook.objects.exists()
