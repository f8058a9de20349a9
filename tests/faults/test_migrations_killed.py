"""`manage.py setup` killed midway, again and again, and then let through: on an empty database and an older one."""

import os
import random
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from bench import installation
from tests.faults.site import FAKES, say, until

pytestmark = [pytest.mark.crashes, pytest.mark.process]

KILLS = min(10, int(os.environ.get("MMSITE_TEST_KILLS", "4")))
SEED = int(os.environ.get("MMSITE_TEST_SEED", random.randrange(10**6)))
PATIENCE_SECONDS = 120.0
POSTGRES_URL = os.environ.get("TEST_POSTGRES_URL", "postgres://postgres@127.0.0.1:5432/test")


@pytest.fixture(params=["sqlite", "postgresql"])
def environment(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, str]]:
    """An installation that nobody has set up yet."""
    ours = installation.environment(tmp_path) | FAKES
    if request.param == "sqlite":
        yield ours
        return
    try:
        server = psycopg.connect(POSTGRES_URL, dbname="postgres", autocommit=True, connect_timeout=2)
    except psycopg.OperationalError:
        pytest.skip(f"No PostgreSQL server answers at {POSTGRES_URL}")
    name = f"killed_{os.getpid()}"
    with server:
        server.execute(f"CREATE DATABASE {name}")
        try:
            yield ours | {"MMSITE_DATABASE_URL": f"{POSTGRES_URL.rpartition('/')[0]}/{name}"}
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    server.close()


@pytest.mark.parametrize("older", [None, "0004"], ids=["empty", "older"])
def test_a_setup_that_is_killed_again_and_again_ends_well(
    environment: dict[str, str], older: str | None, tmp_path: Path
) -> None:
    chance = random.Random(SEED)
    say(f"seed {SEED}")
    if older:
        manage(environment, "migrate", "gallery", older)
    died_migrating = 0
    for _ in range(KILLS):
        died_migrating += not killed(environment, chance, tmp_path / "setup.log")
    say(f"{died_migrating} of {KILLS} while it migrated")
    assert died_migrating
    manage(environment, "setup")
    manage(environment, "migrate", "--check")
    manage(environment, "makemigrations", "--check", "--dry-run")
    manage(environment, "fsck", "--deep")


def killed(environment: dict[str, str], chance: random.Random, log: Path) -> bool:
    """Kills a setup a random time after some more migrations were applied; whether all of them were over."""
    log.write_bytes(b"")
    wanted = len(applied(environment)) + chance.randint(1, 6)
    with log.open("ab") as output:
        setup = subprocess.Popen([*installation.MANAGE, "setup"], env=environment, stdout=output, stderr=output)
    assert until(lambda: len(applied(environment)) >= wanted or setup.poll() is not None, PATIENCE_SECONDS)
    time.sleep(chance.uniform(0, 0.2))
    setup.send_signal(signal.SIGKILL)
    setup.wait()
    return b"Database: ready" in log.read_bytes()


def applied(environment: dict[str, str]) -> list[object]:
    """The migrations that are recorded."""
    statement = "SELECT app, name FROM django_migrations"
    try:
        if url := environment.get("MMSITE_DATABASE_URL"):
            with psycopg.connect(url) as database:
                return list(database.execute(statement))
        with closing(sqlite3.connect(Path(environment["MMSITE_DATA_DIR"]) / "db.sqlite3", timeout=30)) as file:
            return file.execute(statement).fetchall()
    except (psycopg.errors.UndefinedTable, sqlite3.OperationalError):
        return []


def manage(environment: dict[str, str], *arguments: str) -> None:
    run = subprocess.run(
        [*installation.MANAGE, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, (arguments, run.stdout, run.stderr)
