"""What `make audit` says of advisories, and `make licences` of packages."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def tool(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_package_with_an_advisory_fails_the_build() -> None:
    advisory = {"id": "PYSEC-1", "fix_versions": ["2.0"]}
    found = [{"name": "django", "version": "1.0", "vulns": [advisory]}, {"name": "gone", "skip_reason": "not on PyPI"}]
    is_well, lines = tool("audit").verdict(json.dumps({"dependencies": found}))
    assert not is_well
    assert lines == ["django 1.0: PYSEC-1, mended in 2.0", "1 of 2 packages were audited, 1 advisories found."]


@pytest.mark.parametrize("output", ["", json.dumps({"dependencies": [{"name": "django", "skip_reason": "not found"}]})])
def test_a_service_that_cannot_be_reached_is_said_and_no_error(output: str) -> None:
    is_well, lines = tool("audit").verdict(output, "ERROR: could not connect")
    assert is_well
    assert lines[0].startswith("Nothing was audited")


def test_packages_without_advisories_are_well() -> None:
    found = [{"name": "django", "version": "5.2", "vulns": []}]
    assert tool("audit").verdict(json.dumps({"dependencies": found}))[0]


def test_every_package_that_pyproject_names_has_its_licence_on_the_page() -> None:
    licences = tool("licences")
    page = licences.PAGE.read_text("utf-8")
    named = {licences.canonicalize_name(each.name) for each in licences.direct()}
    named |= {licences.canonicalize_name(each.name) for each in licences.direct("workshop", "samples", "text", "dev")}
    assert not [name for name in sorted(named) if f"\n| {name} | " not in page], "`make licences` writes the page anew"
