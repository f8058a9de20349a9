"""The admin in a browser: how it looks to axe, what it does to many pictures at once, and what the log says then."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as PILImage
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from bench import installation
from bench.browser import DESKTOP
from bench.installation import ADMIN
from bench.lived_in import FEWEST, furnish
from captioning.models import Caption
from gallery.admin import pieces
from gallery.models import Album, AuditEntry, Image, Stage, User
from search.models import ModelVersion
from tests.e2e import test_accessibility as accessibility
from tests.e2e.test_jobs import summary
from tests.e2e.test_main_job import sign_in
from tests.e2e.waiting import WORK_SECONDS, patiently, says
from tests.gallery.admin.asking import address

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("chrome", [DESKTOP], indirect=True, ids=["desktop"]),
]
owner, look = accessibility.owner, accessibility.look

# Rule, and part of the element: what Django's own pages do, and no small override mends.
EXCUSED = {
    # its script for choosing groups and rights names icons that have no role
    ("aria-prohibited-attr", 'class="help-tooltip search-label-icon"'),
}


def act_on_all(browser: Chrome, action: str) -> None:
    """Choose an action for all rows of the list that is open."""
    browser.find_element(By.ID, "action-toggle").click()
    Select(browser.find_element(By.NAME, "action")).select_by_visible_text(action)
    browser.find_element(By.CSS_SELECTOR, "[name=index]").click()


class TestWithinThisProcess:
    pytestmark = pytest.mark.django_db(transaction=True)

    def test_axe_finds_nothing_on_its_pages(
        self, browser: Chrome, live_server: Any, owner: User, look: Callable[..., None]
    ) -> None:
        furnish(owner=owner)
        accessibility.sign_in(browser, live_server.url, owner.username)
        image, caption = Image.objects.earliest("pk"), Caption.objects.earliest("pk")
        found: list[str] = []
        for path in (
            "/admin/",
            *(address(model, "changelist") for model in (Image, Caption, Album, User, Stage, AuditEntry, ModelVersion)),
            *(address(type(one), "change", one.pk) for one in (image, caption, Album.objects.earliest("pk"), owner)),
            address(ModelVersion, "change", ModelVersion.objects.get().pk),
            address(Image, "delete", image.pk),
        ):
            look(DESKTOP)
            browser.get(f"{live_server.url}{path}")
            found += accessibility.faults(browser, look, path)
        found = [one for one in found if not any(rule in one and part in one for rule, part in EXCUSED)]
        assert not found, "\n".join(found)

    def test_many_go_to_the_trash_piece_by_piece_and_the_log_says_who_did_it(
        self,
        browser: Chrome,
        live_server: Any,
        owner: User,
        look: Callable[..., None],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(pieces, "PIECE", 3)
        look(DESKTOP)
        accessibility.sign_in(browser, live_server.url, owner.username)
        browser.get(f"{live_server.url}{address(Image, 'changelist')}")
        act_on_all(browser, "Move to the trash…")
        says(browser, f"{FEWEST} images?")
        assert Image.objects.count() == FEWEST
        browser.find_element(By.CSS_SELECTOR, "[type=submit][value^=Yes]").click()
        says(browser, f"{FEWEST} pictures moved to the trash.")
        assert not Image.objects.exists()
        browser.get(f"{live_server.url}{address(AuditEntry, 'changelist')}")
        rows = [row.text for row in browser.find_elements(By.CSS_SELECTOR, "#result_list tbody tr")]
        assert len(rows) == 3, "an entry for each piece"
        assert all("ada Pictures were moved to the trash (image.trash)" in row for row in rows)
        assert "number: 2" in rows[0]


@pytest.fixture
def site_of_fakes(tmp_path: Path) -> Iterator[str]:
    """The address of a running site whose worker is done in a moment."""
    (folder := tmp_path / "site").mkdir()
    fakes = {"MMSITE_CAPTIONER": "fake", "MMSITE_ENCODER": "fake", "MMSITE_TEXT_READER": "none"}
    with installation.running(installation.environment(folder) | fakes) as running:
        yield running.url


@pytest.mark.models
def test_the_front_page_leads_on_and_captions_are_made_again(
    browser: Chrome, site_of_fakes: str, tmp_path: Path
) -> None:
    site = site_of_fakes
    sign_in(browser, site, ADMIN)
    PILImage.new("RGB", (96, 64), (20, 140, 90)).save(tmp_path / "meadow.png")
    browser.get(f"{site}/upload/")
    browser.find_element(By.NAME, "pictures").send_keys(str(tmp_path / "meadow.png"))
    patiently(browser).until(lambda page: page.find_elements(By.CSS_SELECTOR, ".uploads .upload a"))
    browser.get(f"{site}/jobs/")
    patiently(browser, WORK_SECONDS).until(lambda page: summary(page) == "All is done.")

    browser.get(f"{site}/admin/")
    says(browser, "What there is")
    row = browser.find_element(By.XPATH, "//th[.='Captions by a model']/following-sibling::td")
    assert row.text == "1"
    browser.find_element(By.PARTIAL_LINK_TEXT, "See the work").click()
    patiently(browser).until(lambda page: "/jobs/?whose=everyone" in page.current_url)

    browser.get(f"{site}/admin/captioning/caption/?q=meadow.png")
    assert "sure: " in browser.find_element(By.CSS_SELECTOR, "#result_list .field-how_sure").text
    act_on_all(browser, "Caption their pictures again, by today's captioner")
    says(browser, "Caption again: 1 to do.")
    patiently(browser, WORK_SECONDS).until(lambda page: summary(page) == "All is done.")
    browser.get(f"{site}/admin/gallery/auditentry/?action=work.again")
    assert f"{ADMIN} Work was begun anew (work.again) Caption" in browser.find_element(By.ID, "result_list").text
