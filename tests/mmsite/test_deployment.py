"""What is written about running the site says what the code does: the settings' table, sizes, compose.yaml, Dockerfile.

No image is built here.
"""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings

from bench import sizing

ROOT = Path(settings.BASE_DIR)
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
COMPOSE = (ROOT / "compose.yaml").read_text()
OF_TESTS = "MMSITE_TEST_"
VARIABLE = re.compile(r"MMSITE_[A-Z0-9_]+")


def read_by_settings() -> set[str]:
    """The variables that mmsite/settings read: the first argument of each call of a reader of mmsite.env."""
    return {
        f"MMSITE_{call.args[0].value}"
        for path in (ROOT / "mmsite" / "settings").glob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id == "env"
        and isinstance(call.args[0], ast.Constant)
    }


def documented() -> list[str]:
    """The variables in the first column of the tables below "Settings"."""
    section = OPERATIONS.partition("\n## Settings\n")[2].partition("\n## ")[0]
    return [name for line in section.splitlines() if line[:3] == "| `" for name in VARIABLE.findall(line.split("|")[1])]


def test_every_setting_is_documented_once_and_none_that_is_not() -> None:
    assert sorted(documented()) == sorted(read_by_settings())


def test_variables_named_anywhere_in_the_docs_exist() -> None:
    """But for what only the tests read."""
    for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), ROOT / "Dockerfile", ROOT / "compose.yaml"]:
        named = {name.rstrip("_") for name in VARIABLE.findall(path.read_text()) if not name.startswith(OF_TESTS)}
        unknown = {name for name in named if not any(known.startswith(name) for known in read_by_settings())}
        assert unknown == set(), path.name


def test_the_sizes_are_those_that_the_formulas_give() -> None:
    shown = OPERATIONS.partition(sizing.BEGIN)[2].partition(sizing.END)[0].strip().splitlines()
    assert shown == sizing.table()


def test_sizes_add_up() -> None:
    none, scalar, binary = (sizing.qdrant(512, quantization=each, on_disk=False) for each in sizing.QUANTIZATIONS)
    assert none.memory == pytest.approx(4 * 512 + 32 * 4 * 1.1 + 64)
    assert scalar.memory - none.memory == 516
    assert binary.memory - none.memory == 64
    assert none.memory - sizing.qdrant(512, quantization="none", on_disk=True).memory == 2048
    assert sizing.faiss(512, ivf=False).memory == 1040
    assert [sizing.in_words(size) for size in (999, 1_234, 56_700_000, 1.25e13)] == [
        "999 B",
        "1.2 kB",
        "57 MB",
        "12 TB",
    ]


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    return dict(yaml.safe_load(COMPOSE)["services"])


def test_compose_sets_only_what_settings_read(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        given = {variable for variable in service.get("environment", {}) if variable.startswith("MMSITE_")}
        assert given <= read_by_settings(), name


def test_every_setting_in_the_env_file_reaches_the_site(services: dict[str, dict[str, Any]]) -> None:
    site = [service for service in services.values() if "build" in service]
    assert len(site) == 5
    assert all(service["env_file"] == [{"path": ".env", "required": False}] for service in site)


def test_every_service_is_watched_and_waits_for_services_that_are_there(services: dict[str, dict[str, Any]]) -> None:
    awaited = {"service_healthy": set(), "service_completed_successfully": set()}
    for service in services.values():
        for other, how in service.get("depends_on", {}).items():
            assert other in services
            awaited[how["condition"]].add(other)
    for name, service in services.items():
        if service.get("restart") == "no":
            assert name in awaited["service_completed_successfully"]
            assert name not in awaited["service_healthy"]
        else:
            assert service["healthcheck"]["test"][0] == "CMD", name
            assert name not in awaited["service_completed_successfully"]


def test_every_volume_is_named(services: dict[str, dict[str, Any]]) -> None:
    named = set(yaml.safe_load(COMPOSE)["volumes"])
    used = {volume.partition(":")[0] for service in services.values() for volume in service.get("volumes", [])}
    assert used == named


def test_no_secret_is_committed(services: dict[str, dict[str, Any]]) -> None:
    """Whatever is secret comes from outside, and has no default."""
    secret = re.compile("PASSWORD|SECRET|TOKEN|API_KEY|ACCESS_KEY")
    for service in services.values():
        for variable, value in service.get("environment", {}).items():
            if secret.search(variable):
                assert re.fullmatch(r"\$\{[A-Z_]+(:-|:\?[^}]+)\}", value), variable
    for needed in ("MMSITE_SECRET_KEY", "POSTGRES_PASSWORD", "MMSITE_ADMIN_PASSWORD", "MMSITE_QDRANT_API_KEY"):
        assert f"${{{needed}:?" in COMPOSE


def test_the_models_worker_gets_a_gpu_and_only_where_asked_for(services: dict[str, dict[str, Any]]) -> None:
    models = services["models"]
    assert models["profiles"] == ["gpu"]
    [device] = models["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])


def python_in(service: dict[str, Any]) -> list[str]:
    commands = [service.get("command", []), service.get("healthcheck", {}).get("test", [])]
    return [command[-1] for command in commands if "-c" in command and "python" in command]


def test_python_in_compose_compiles(services: dict[str, dict[str, Any]]) -> None:
    programs = {name: python_in(service) for name, service in services.items()}
    assert {name for name, found in programs.items() if found} == {"web", "worker", "models", "bucket"}
    for found in programs.values():
        for program in found:
            compile(program, "compose.yaml", "exec")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("service", "status"), [("worker", 1), ("models", 0)])
def test_health_checks_of_workers_run(
    services: dict[str, dict[str, Any]], environment: dict[str, str], service: str, status: int
) -> None:
    """Nobody has ever swept here; but nothing waits either."""
    [program] = python_in(services[service])
    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=environment | {"MMSITE_GPU_QUEUE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (status, "")


def test_commands_of_compose_are_understood(services: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    commands = {
        tuple(each["command"][2:]) for each in services.values() if each.get("command", [""])[1:2] == ["manage.py"]
    }
    assert commands == {("setup",), ("run", "--only", "web"), ("run", "--only", "worker")}
    for command in commands:
        subprocess.run(
            [sys.executable, "manage.py", *command, "--help"],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "MMSITE_DATA_DIR": str(tmp_path)},
            stdout=subprocess.DEVNULL,
            check=True,
        )


def test_the_image_copies_what_is_there_and_does_not_run_as_root() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    for line in re.findall(r"^COPY (.+)$", dockerfile, re.M):
        *sources, _target = line.split()
        assert all((ROOT / source).exists() for source in sources)
    assert re.findall(r"^USER (.+)$", dockerfile, re.M) == ["site"]
    assert "\nHEALTHCHECK " in dockerfile
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert {".env", "var", ".git"} <= set(ignored)
