"""A person at the site, as far as HTTP goes."""

import re
from http import HTTPStatus
from urllib.parse import urlencode

import urllib3

from bench.installation import ADMIN, PASSWORD


class Client:
    """Signs in as the administrator, uploads and searches. One connection pool, safe among threads."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool = urllib3.PoolManager(maxsize=8, retries=False)
        self._cookies: dict[str, str] = {}
        page = self._request("GET", "/sign-in/")
        form = {"username": ADMIN, "password": PASSWORD, "csrfmiddlewaretoken": self._form_token(page)}
        self._request("POST", "/sign-in/", fields=form, expect=HTTPStatus.FOUND)
        self._token = self._form_token(self._request("GET", "/upload/"))

    def upload(self, name: str, content: bytes) -> None:
        """Raises RuntimeError when the site refuses."""
        fields = {
            "csrfmiddlewaretoken": self._token,
            "visibility": "private",
            "pictures": (name, content, "image/jpeg"),
        }
        self._request("POST", "/upload/", fields=fields, accept="application/json")

    def search(self, words: str) -> str:
        """The page of results."""
        query = urlencode({"q": words})
        return self._request("GET", f"/search/?{query}")

    def _request(
        self,
        method: str,
        path: str,
        *,
        fields: "dict[str, str | tuple[str, bytes, str]] | None" = None,
        accept: str = "text/html",
        expect: HTTPStatus = HTTPStatus.OK,
    ) -> str:
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        headers = {"Accept": accept, "Cookie": cookies}
        answer = self._pool.request(method, self._url + path, fields=fields, headers=headers, redirect=False)
        text = answer.data.decode()
        if answer.status not in (expect, HTTPStatus.CREATED):
            raise RuntimeError(f"{method} {path} answered {answer.status}: {text[:500]}")
        for cookie in answer.headers.getlist("Set-Cookie"):
            name, _, value = cookie.partition(";")[0].partition("=")
            self._cookies[name] = value
        return text

    @staticmethod
    def _form_token(page: str) -> str:
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        if found is None:
            raise RuntimeError("The page has no form")
        return found[1]
