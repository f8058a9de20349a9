"""What logs say of secrets: nothing."""

import http.client
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.conf import settings as django_settings

from mmsite.redaction import redact

KEY = "q8Jw2kR_tZ-4vLxN0aBcDeFgHiJkLmNo"
PATIENCE_SECONDS = 60


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (f"Not Found: /s/{KEY}/i/1/", "Not Found: /s/…/i/1/"),
        (f"Gone: /sign-up/{KEY}/", "Gone: /sign-up/…/"),
        (f"/password/reset/MQ/c8x1-{KEY}/", "/password/reset/MQ/…/"),
        ("POST /account/email/WzEsIiJd:1abc:sig_x-y/ 500", "POST /account/email/…/ 500"),
        (f"Authorization: Bearer mms_{KEY}", "Authorization: … …"),
        (f"mms_{KEY} and whsec_{KEY}", "mms_… and whsec_…"),
        ("redis://user:hunter2@redis:6379/0 is away", "redis://user:…@redis:6379/0 is away"),
        ("GET /metrics?token=hunter2&page=2", "GET /metrics?token=…&page=2"),
        ("{'username': 'ada', 'password': 'hunter2'}", "{'username': 'ada', 'password': '…'}"),
        ("Cookie: sessionid=hunter2; csrftoken=hunter2", "Cookie: …; csrftoken=…"),
        ("X-Amz-Signature=hunter2&X-Amz-Date=1", "X-Amz-Signature=…&X-Amz-Date=1"),
    ],
)
def test_secrets_are_left_out_and_what_they_were_is_said(said: str, kept: str) -> None:
    assert redact(said) == kept


@pytest.mark.parametrize(
    "said",
    [
        "Not Found: /albums/8c0f5c7e-2f0b-4b3e-9d55-1f6f0d9b8a11/",
        "Forbidden (CSRF token missing.): /sign-in/",
        "Too many wrong passwords from 2001:db8::/64: no more are looked at for a while",
        "https://gallery.example.com:8443/s/ was not found",
    ],
)
def test_all_else_stays(said: str) -> None:
    assert redact(said) == said


def test_a_long_line_takes_no_long_time() -> None:
    assert redact("a" * 1_000_000) == "a" * 1_000_000


def test_nothing_of_real_requests_that_fail_is_in_the_log(tmp_path: Path) -> None:
    """gunicorn with its access log on, and a database without tables, so that views end with a traceback."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "mmsite.settings.test",
        "MMSITE_DATA_DIR": str(tmp_path),
        "MMSITE_ADDRESS": f"127.0.0.1:{port}",
        "MMSITE_DATABASE_URL": "",
    }
    command = ["-m", "gunicorn", "-c", "python:mmsite.gunicorn_conf", "--access-logfile", "-", "mmsite.wsgi"]
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, *command],
            cwd=django_settings.BASE_DIR,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        answers = [
            _ask(port, "GET", f"/s/{KEY}/?token={KEY}"),
            _ask(port, "GET", f"/sign-up/{KEY}/"),
            _ask(port, "GET", f"/password/reset/MQ/c8x1-{KEY}/"),
            _ask(port, "POST", "/sign-in/", body=f"username=ada&password={KEY}", Cookie=f"sessionid={KEY}"),
            _ask(port, "GET", "/api/v1/me/", Authorization=f"Bearer mms_{KEY}", Referer=f"http://site/s/{KEY}/"),
        ]
    finally:
        server.terminate()
        server.wait(PATIENCE_SECONDS)
    said = (tmp_path / "log").read_text("utf-8")
    assert 500 in answers, said
    assert "no such table" in said
    assert "Internal Server Error: /s/…/" in said
    assert '"GET /s/…/?token=… HTTP/1.1"' in said  # of the access log
    assert KEY not in said


def _ask(port: int, method: str, path: str, *, body: str | None = None, **headers: str) -> int:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
        try:
            connection.request(method, path, body=body, headers=headers)
            return connection.getresponse().status
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, "the server doesn't begin"
            time.sleep(0.1)
        finally:
            connection.close()
