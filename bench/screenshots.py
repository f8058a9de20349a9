"""`python -m bench.screenshots`: pictures of every page, taken of a fresh installation with the sample album.

Four are the README's; the others, for a phone and a desk, some of them dark, are shown together in docs/screenshots.md.
"""

import argparse
import io
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image as PILImage
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from bench import installation
from bench.browser import DESKTOP, OPEN, PHONE, chromium

FOLDER = installation.ROOT / "docs" / "screenshots"
LIST = installation.ROOT / "docs" / "screenshots.md"
WAIT_SECONDS = 120
QUALITY = 70
SIZES = {"phone": PHONE, "desktop": DESKTOP}
LOADING = ".loading-container"  # of Swagger's page
DARK = ["library", "image", "search", "jobs", "account"]
FURNISH = (
    "import json; from dataclasses import asdict; from bench.lived_in import furnish, further; "
    f"from gallery.models import User; owner = User.objects.get(username={installation.ADMIN!r}); "
    "print(json.dumps([asdict(page) for page in [*furnish(owner=owner), *further(owner=owner)]]))"
)
HEAD = """# Every page, on a phone and on a desk

Taken of the sample album by `make screenshots`, which writes this list too.

| page | phone | desktop |
|---|---|---|
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.screenshots", description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--list", type=Path, default=LIST)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these pages alone, and no list of them")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="mmsite-screenshots-") as folder:
        data = Path(folder)
        with installation.running(installation.environment(data) | {"MMSITE_SAMPLES": "1"}) as site:
            with chromium(data / "profile", DESKTOP) as browser:
                take_for_readme(browser, site.url, data if options.only else options.folder)
            pages = [page for page in furnish(site) if not options.only or page["name"] in options.only]
            for scheme in ("light", "dark"):
                for width, size in SIZES.items():
                    wanted = [page for page in pages if scheme == "light" or page["name"] in DARK]
                    with chromium(data / f"{width}-{scheme}", size, scheme=scheme) as browser:
                        ending = f"{width}{'-dark' if scheme == 'dark' else ''}.webp"
                        take(browser, site.url, wanted, options.folder, ending)
    names = [str(page["name"]) for page in pages]
    if not options.only:
        options.list.write_text(HEAD + "".join(rows(names, options.folder.name)), encoding="utf-8")


def take_for_readme(browser: Chrome, url: str, folder: Path) -> None:
    """The four pictures of the README, as PNG."""
    sign_in(browser, url, installation.ADMIN, installation.PASSWORD)
    wait(browser, f"{url}/")
    save(browser, folder / "library.png", f"{url}/")
    save(browser, folder / "search.png", f"{url}/search/?q=a+cat&show=12")
    browser.find_element(By.CSS_SELECTOR, ".card a").click()
    save(browser, folder / "image.png", browser.current_url)
    save(browser, folder / "upload.png", f"{url}/upload/")


def furnish(site: installation.Installation) -> list[dict[str, str | bool]]:
    """Let somebody have lived there; the pages, as bench.lived_in says them, those of one person together."""
    command = [*installation.MANAGE, "shell", "--no-imports", "--command", FURNISH]
    said = subprocess.run(command, env=site.environment, cwd=installation.ROOT, check=True, capture_output=True)
    return sorted(json.loads(said.stdout.splitlines()[-1]), key=lambda page: str(page["viewer"]))


def sign_in(browser: Chrome, url: str, name: str, password: str) -> None:
    browser.get(f"{url}/sign-in/")
    browser.find_element(By.NAME, "username").send_keys(name)
    browser.find_element(By.NAME, "password").send_keys(password)
    browser.find_element(By.CSS_SELECTOR, "main form button").click()
    WebDriverWait(browser, WAIT_SECONDS).until(lambda page: "/sign-in/" not in page.current_url)


def take(browser: Chrome, url: str, pages: Sequence[dict[str, str | bool]], folder: Path, ending: str) -> None:
    """Pages by the eyes of their viewers, as small WebP files."""
    viewer = ""
    for page in pages:
        if page["viewer"] != viewer:
            viewer = str(page["viewer"])
            browser.delete_all_cookies()
            sign_in(browser, url, viewer, installation.PASSWORD)
        script = f"{OPEN if page['is_open'] else ''}; {page['script']}"
        save(browser, folder / f"{page['name']}-{ending}", f"{url}{page['path']}", script=script)


def wait(browser: Chrome, address: str) -> None:
    """Until nothing on that page is being worked on any more."""
    browser.get(address)
    deadline = time.monotonic() + WAIT_SECONDS
    while browser.find_elements(By.CSS_SELECTOR, "[data-working]") and time.monotonic() < deadline:
        time.sleep(1)
        browser.get(address)


def save(browser: Chrome, path: Path, address: str, *, script: str = "") -> None:
    """Take a page as it is now, or where a script leads from it."""
    browser.get(address)
    WebDriverWait(browser, WAIT_SECONDS).until(lambda page: not page.find_elements(By.CSS_SELECTOR, LOADING))
    browser.execute_script(script)
    time.sleep(0.5)  # pictures decode after the page is loaded
    picture = PILImage.open(io.BytesIO(browser.get_screenshot_as_png()))
    if path.suffix == ".webp":
        picture.convert("RGB").save(path, quality=QUALITY, method=6)
    else:
        picture.convert("RGB").quantize(256).save(path, optimize=True)


def rows(names: Sequence[str], folder: str) -> Iterator[str]:
    """The lines of the table, those of dark pages after the others."""
    for name, ending in [*((name, "") for name in names), *((name, "-dark") for name in names if name in DARK)]:
        title = f"{name.replace('-', ' ').capitalize()}{', dark' if ending else ''}"
        shown = [
            f'<img src="{folder}/{name}-{width}{ending}.webp" alt="{title}, {width}" width="{pixels}">'
            for width, pixels in (("phone", 160), ("desktop", 480))
        ]
        yield f"| {title} | {' | '.join(shown)} |\n"


if __name__ == "__main__":
    main()
