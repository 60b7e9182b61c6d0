"""Apache's mod_auth_openidc: a protected page, its claims, refresh and signing out, with a server of its own on loopback."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import pytest
import requests
from hosted import sign_in_form
from launch import free_port
from town import Town

POOLS = {"faithful": "us-east-1_Clients01", "strict": "us-east-1_Strict001"}
MODULES = Path("/usr/lib/apache2/modules")
TEMPLATE = Path(__file__).resolve().parent / "httpd.conf"
PAGE = '<p id="user"><!--#echo var="REMOTE_USER" --></p><p id="name"><!--#echo var="OIDC_CLAIM_name" --></p>'


class Application:
    """A running Apache that is registered with a pool."""

    def __init__(self, town: Town, kind: str, proof: str):
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        self.left = f"{self.url}/left.html"
        client = town.make_client(
            POOLS[kind],
            GenerateSecret=True,
            ExplicitAuthFlows=["ALLOW_REFRESH_TOKEN_AUTH"],
            SupportedIdentityProviders=["COGNITO"],
            AllowedOAuthFlowsUserPoolClient=True,
            AllowedOAuthFlows=["code"],
            AllowedOAuthScopes=["openid", "email", "profile"],
            CallbackURLs=[f"{self.url}/protected/callback"],
            LogoutURLs=[self.left],
        )
        # In a folder that the unprivileged user of the server can reach, wherever this checkout is.
        self.folder = Path(tempfile.mkdtemp(prefix="poolhouse-apache-"))
        pages = self.folder / "pages"
        (pages / "protected").mkdir(parents=True)
        (pages / "protected" / "index.html").write_text(PAGE)
        (pages / "left.html").write_text("<p>Goodbye</p>")
        # The service knows its own way to sign out only; the module is told its address.
        own = urlencode({"client_id": client.id, "logout_uri": self.left})
        further = f'OIDCProviderEndSessionEndpoint "{town.server.url}/logout?{own}"' if kind == "faithful" else ""
        config = TEMPLATE.read_text().format(
            folder=self.folder, port=self.port, modules=MODULES, issuer=f"{town.server.url}/{client.pool}", client_id=client.id,
            client_secret=client.secret, proof=proof, application=self.url, further=further,
        )
        (self.folder / "httpd.conf").write_text(config)
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Application:
        as_whom = {}
        if os.geteuid() == 0:
            # It refuses to serve as root.
            as_whom = {"user": "www-data", "group": "www-data", "extra_groups": []}
            for path in [self.folder, *self.folder.rglob("*")]:
                shutil.chown(path, "www-data", "www-data")
        command = ["/usr/sbin/apache2", "-f", str(self.folder / "httpd.conf"), "-DFOREGROUND"]
        with (self.folder / "output.log").open("wb") as output:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, **as_whom)
        deadline = time.monotonic() + 30
        while True:
            try:
                assert requests.get(self.left, timeout=5).text == "<p>Goodbye</p>"
                return self
            except requests.ConnectionError:
                assert self.process.poll() is None and time.monotonic() < deadline, self.last_words()
                time.sleep(0.05)

    def __exit__(self, kind: object, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if kind is None:
            shutil.rmtree(self.folder)

    def last_words(self) -> str:
        logs = [self.folder / name for name in ("output.log", "error.log")]
        return "\n".join(log.read_text(errors="replace")[-4_000:] for log in logs if log.exists())

    def info(self, browser: requests.Session) -> dict:
        """What the module knows of the session of this browser."""
        answer = browser.get(f"{self.url}/protected/callback", params={"info": "json"}, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()


def arrive(application: Application) -> tuple[requests.Session, requests.Response]:
    """Ada asks for the protected page, signs in on the way, and sees it."""
    browser = requests.Session()
    page = browser.get(f"{application.url}/protected/", timeout=30)
    assert urlsplit(page.url).path == "/login", (page.url, application.last_words())
    form = sign_in_form(page)
    fields = form["fields"] | {"username": "ada", "password": "Lovelace-1815"}
    return browser, browser.post(urljoin(page.url, form["action"]), data=fields, timeout=30)


@pytest.fixture(scope="module", params=[("faithful", "client_secret_basic"), ("strict", "client_secret_post")], ids=lambda p: p[0])
def application(town: Town, request: pytest.FixtureRequest):
    with Application(town, *request.param) as running:
        yield running


def test_the_protected_page_shows_who_signed_in(application: Application):
    browser, page = arrive(application)
    assert (page.status_code, urlsplit(page.url).path) == (200, "/protected/"), (page.url, page.text, application.last_words())
    assert '<p id="user">ada@example.com</p><p id="name">Ada Lovelace</p>' in page.text
    known = application.info(browser)
    assert known["userinfo"]["email"] == "ada@example.com" and known["id_token"]["nonce"]


def test_tokens_are_refreshed(application: Application):
    browser, _ = arrive(application)
    first = application.info(browser)
    asked = {"refresh": f"{application.url}/protected/", "access_token": first["access_token"]}
    page = browser.get(f"{application.url}/protected/callback", params=asked, timeout=30)
    assert urlsplit(page.url).path == "/protected/" and "error_code" not in page.url, (page.url, application.last_words())
    second = application.info(browser)
    assert second["access_token"] != first["access_token"]
    assert second["id_token"]["sub"] == first["id_token"]["sub"]


def test_the_user_signs_out_and_is_asked_again(application: Application):
    browser, _ = arrive(application)
    page = browser.get(f"{application.url}/protected/callback", params={"logout": application.left}, timeout=30)
    assert page.url.split("?")[0] == application.left, (page.url, page.text)
    again = browser.get(f"{application.url}/protected/", timeout=30)
    assert urlsplit(again.url).path == "/login"


def test_a_code_of_another_browser_is_refused_by_the_module(application: Application):
    browser = requests.Session()
    page = browser.get(f"{application.url}/protected/", timeout=30)
    form = sign_in_form(page)
    fields = form["fields"] | {"username": "ada", "password": "Lovelace-1815"}
    answer = browser.post(urljoin(page.url, form["action"]), data=fields, allow_redirects=False, timeout=30)
    stolen = answer.headers["location"]
    assert parse_qs(urlsplit(stolen).query)["code"]
    thief = requests.get(stolen, allow_redirects=False, timeout=30)
    assert "ada@example.com" not in thief.text
    assert requests.get(f"{application.url}/protected/", allow_redirects=False, timeout=30).status_code == 302
