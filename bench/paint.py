"""`python -m bench.paint`: how soon pages are painted in a browser, whether they keep still, and what they load.

Part "paint" of docs/performance.md. Headless Chromium before a whole installation, slowed down as Lighthouse slows it
down for a phone and for a desk.
"""

import argparse
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import django
import numpy as np
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from bench import installation, report, upload
from bench.browser import DESKTOP, PHONE, Seen, chromium, is_rendition, observe
from bench.client import Client
from bench.photos import photos
from bench.screenshots import sign_in

PHOTOS = 60  # more than a page shows
ROUNDS = 3
LARGEST_MS, SHIFT = 2_500, 0.1  # at most; what https://web.dev/articles/vitals calls good
BASELINE = "a line of text"
CACHES = ("cold", "warm")


@dataclass(frozen=True)
class Device:
    """A window in CSS pixels, ms until an answer begins, bytes a second, and how many times slower the processor is."""

    size: tuple[int, int]
    latency: float
    throughput: float
    slower: int


def _lighthouse(size: tuple[int, int], round_trip: float, kilobits: float, slower: int) -> Device:
    """Chromium delays requests, not packets: hence Lighthouse's own factors of 3.75 and 0.9 (core/config/constants.js,
    mobileSlow4G and desktopDense4G)."""
    return Device(size, 3.75 * round_trip, 0.9 * kilobits * 1024 / 8, slower)


DEVICES = {
    "phone": _lighthouse(PHONE, 150, 1.6 * 1024, 4),
    "desk": _lighthouse(DESKTOP, 40, 10 * 1024, 1),
}


@dataclass
class Visits:
    """What was seen of a page on a device each time, with a cold cache and with a warm one."""

    cold: list[Seen] = field(default_factory=list)
    warm: list[Seen] = field(default_factory=list)


Found = dict[str, dict[str, Visits]]
"""By device and page."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.paint", description=__doc__)
    parser.add_argument("--photos", type=int, default=PHOTOS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--report", type=Path, default=report.REPORT)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mmsite-bench-") as folder:
        variables = installation.environment(Path(folder)) | {"MMSITE_TEXT_READER": "none"}  # which comes later
        os.environ.update(variables)
        django.setup()
        with installation.running(variables) as site:
            upload.through_the_site(Client(site.url), list(photos(options.photos)))
            found = {
                name: visited(Path(folder) / name, site.url, device, options.rounds) for name, device in DEVICES.items()
            }
    lines = report_lines(found, options.photos, options.rounds)
    report.write(options.report, "paint", lines)
    print("\n".join(lines))


def visited(profile: Path, url: str, device: Device, rounds: int) -> dict[str, Visits]:
    """Each page, with an empty cache and then with a full one, in `rounds` rounds."""
    with chromium(profile, device.size) as browser:
        sign_in(browser, url, installation.ADMIN, installation.PASSWORD)
        browser.get(f"{url}/")
        picture = str(browser.find_element(By.CSS_SELECTOR, ".grid .card > a").get_attribute("href"))
        pages = {
            BASELINE: f"{url}/readyz",
            "first page": f"{url}/",
            "search": f"{url}/search/?q=a+cup+of+coffee",
            "picture": picture,
        }
        _slow_down(browser, device)
        found = {name: Visits() for name in pages}
        for _ in range(rounds):
            for name, address in pages.items():
                browser.execute_cdp_cmd("Network.clearBrowserCache", {})
                for visits in (found[name].cold, found[name].warm):
                    browser.get("about:blank")
                    browser.get(address)
                    visits.append(observe(browser))
        return found


def _slow_down(browser: Chrome, device: Device) -> None:
    conditions = {
        "offline": False,
        "latency": device.latency,
        "downloadThroughput": device.throughput,
        "uploadThroughput": device.throughput,
    }
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd("Network.emulateNetworkConditions", conditions)
    browser.execute_cdp_cmd("Emulation.setCPUThrottlingRate", {"rate": device.slower})


def report_lines(found: Found, count: int, rounds: int) -> list[str]:
    return [
        "## In a browser",
        "",
        f"{report.machine()}, by `python -m bench.paint`: headless Chromium",
        f"before a site of {count} photos, signed in; medians of {rounds} visits with an empty cache (cold) and of as",
        f"many right after (warm). Slowed down as by Lighthouse: {'; '.join(map(_conditions, DEVICES))}.",
        f"The machine's load over the last 5 minutes was {os.getloadavg()[1]:.1f}; above 1 other work slows what is",
        f"painted. Baseline: {BASELINE} from the same server (`/readyz`), under the same conditions. The largest",
        f"contentful paint is to come within {LARGEST_MS:,} ms, and layout shifts, those of the worst visit, to sum up",
        f"to less than {SHIFT}. Bytes and requests are those over the network, bytes without pictures.",
        "",
        "| | cache | first paint, ms | largest, ms | to baseline | | shift | KB | requests |",
        "|---|---|---|---|---|---|---|---|---|",
        *(
            _row(f"{device}: {name}", cache, getattr(visits, cache), getattr(pages[BASELINE], cache))
            for device, pages in found.items()
            for name, visits in pages.items()
            for cache in CACHES
        ),
    ]


def _conditions(name: str) -> str:
    device = DEVICES[name]
    return (
        f"the {name}, {device.size[0]} pixels wide, waits {device.latency:.0f} ms for each answer, of "
        f"{device.throughput / 1_000:,.0f} KB a second"
        + (f", and takes {device.slower} times as long for its own work" if device.slower > 1 else "")
    )


def _row(name: str, cache: str, visits: Sequence[Seen], baseline: Sequence[Seen]) -> str:
    first, largest, least = _median(visits, "first"), _median(visits, "largest"), _median(baseline, "largest")
    shift = max(seen["shift"] for seen in visits)
    sent = [[each for each in seen["loaded"] if each["sent"]] for seen in visits]
    size = np.median([sum(each["sent"] for each in some if not is_rendition(each["name"])) for some in sent])
    verdict = "✓" if largest <= LARGEST_MS and shift < SHIFT else "**over**"
    return (
        f"| {name} | {cache} | {first:,.0f} | {largest:,.0f} | {largest / least:.2f} | {verdict} | {shift:.3f} | "
        f"{size / 1_000:.0f} | {np.median([len(some) for some in sent]):.0f} |"
    )


def _median(visits: Sequence[Seen], paint: Literal["first", "largest"]) -> float:
    """Raises RuntimeError where nothing was painted."""
    times = [time for seen in visits if (time := seen[paint]) is not None]
    if len(times) < len(visits):
        raise RuntimeError("A page was not painted")
    return float(np.median(times))


if __name__ == "__main__":
    main()
