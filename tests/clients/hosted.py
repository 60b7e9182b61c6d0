"""A browser without a screen: follows the hosted pages, fills in their forms, stops at the application's redirect URI."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import requests


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[dict] = []

    def handle_starttag(self, tag: str, pairs: list[tuple[str, str | None]]) -> None:
        given = dict(pairs)
        if tag == "form":
            self.forms.append({"method": (given.get("method") or "get").lower(), "action": given.get("action") or "", "fields": {}})
        elif tag == "input" and self.forms and given.get("name"):
            self.forms[-1]["fields"][given["name"]] = given.get("value") or ""


def sign_in_form(page: requests.Response) -> dict:
    reader = _Forms()
    reader.feed(page.text)
    found = [form for form in reader.forms if {"_csrf", "username", "password"} <= set(form["fields"])]
    assert len(found) == 1 and found[0]["method"] == "post", page.text
    return found[0]


def sign_in(
    authorize: str, username: str, password: str, stay_at: str | None = None
) -> tuple[requests.Session, requests.Response]:
    """Opens `authorize`, submits the sign-in form; answers the browser and the reply to the form, unfollowed.

    `stay_at` replaces the origin of every page on the way: one instance of several answers, whatever its public address.
    """
    browser = requests.Session()

    def reach(base: str, target: str) -> str:
        address = urlsplit(urljoin(base, target))
        if stay_at:
            address = address._replace(scheme=urlsplit(stay_at).scheme, netloc=urlsplit(stay_at).netloc)
        return address.geturl()

    first = browser.get(authorize, allow_redirects=False, timeout=30)
    assert first.status_code == 302 and re.search(r"/login\?", first.headers["location"]), (first.status_code, first.text)
    page = browser.get(reach(authorize, first.headers["location"]), timeout=30)
    assert page.status_code == 200 and page.headers["content-type"].startswith("text/html")
    form = sign_in_form(page)
    answer = browser.post(
        reach(page.url, form["action"]),
        data=form["fields"] | {"username": username, "password": password}, allow_redirects=False, timeout=30,
    )
    return browser, answer
