"""Keycloak as the SAML provider of a pool: somebody signs in on its page and lands at the application."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from html import unescape
from http.cookiejar import Cookie
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from launch import WORK, free_port
from town import Town, claims

CALLBACK = "http://localhost:8400/callback"
PASSWORD = "Correct-horse-1"
# A cold start takes half a minute on a quiet machine.
PATIENCE = 170


class Keycloak:
    """The distribution that `tests/run` has unpacked, in development mode, with its data in a folder of its own."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.port, self.management = free_port(), free_port()
        self.url = f"http://localhost:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, realm: dict) -> None:
        home = self.folder / "home"
        shutil.copytree(next((WORK / "keycloak").glob("keycloak-*/")), home, symlinks=True)
        imported = home / "data" / "import"
        imported.mkdir(parents=True)
        (imported / "realm.json").write_text(json.dumps(realm))
        command = [
            "bash", str(home / "bin" / "kc.sh"), "start-dev", "--import-realm", "--http-host=127.0.0.1", f"--http-port={self.port}",
            "--hostname-strict=false", f"--http-management-port={self.management}",
        ]
        environment = os.environ | {"JAVA_OPTS_APPEND": "-Xmx512m -XX:TieredStopAtLevel=1"}
        with (self.folder / "keycloak.log").open("wb") as log:
            self.process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + PATIENCE
        while True:
            assert self.process.poll() is None, (self.folder / "keycloak.log").read_text()[-4000:]
            try:
                if requests.get(f"{self.url}/realms/corp/protocol/saml/descriptor", timeout=5).status_code == 200:
                    return
            except requests.RequestException:
                pass
            assert time.monotonic() < deadline, (self.folder / "keycloak.log").read_text()[-4000:]
            time.sleep(0.5)

    def stop(self) -> None:
        if self.process is not None:
            # The script and the Java it starts are a group of their own.
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


def realm(town: Town, pool: str) -> dict:
    mail = {
        "name": "mail", "protocol": "saml", "protocolMapper": "saml-user-property-mapper",
        "config": {"user.attribute": "email", "attribute.name": "mail", "attribute.nameformat": "Basic"},
    }
    return {
        "realm": "corp", "enabled": True, "sslRequired": "none",
        "users": [{
            "username": "jane", "email": "jane@example.com", "emailVerified": True, "firstName": "Jane", "lastName": "Doe", "enabled": True,
            "credentials": [{"type": "password", "value": PASSWORD, "temporary": False}],
        }],
        "clients": [{
            "clientId": f"urn:amazon:cognito:sp:{pool}", "protocol": "saml", "enabled": True, "frontchannelLogout": True,
            "redirectUris": [f"{town.server.url}/saml2/idpresponse"], "protocolMappers": [mail],
            "attributes": {
                "saml_assertion_consumer_url_post": f"{town.server.url}/saml2/idpresponse", "saml.assertion.signature": "true",
                "saml.server.signature": "true", "saml.client.signature": "false", "saml.force.post.binding": "true",
                "saml_name_id_format": "persistent", "saml.signature.algorithm": "RSA_SHA256", "saml.authnstatement": "true",
            },
        }],
    }


class Cookies(requests.cookies.RequestsCookieJar):
    """To a browser this machine is as safe as HTTPS, and Keycloak's cookies count on it."""

    def set_cookie(self, cookie: Cookie, *arguments: object, **more: object) -> None:
        cookie.secure = False
        super().set_cookie(cookie, *arguments, **more)


def form(page: requests.Response, holds: str) -> tuple[str, dict[str, str]]:
    for text in re.findall(r"<form\b.*?</form>", page.text, re.S | re.I):
        fields = {}
        for field in re.findall(r"<input\b[^>]*>", text, re.I):
            given = {name.lower(): unescape(value) for name, value in re.findall(r'([\w-]+)="([^"]*)"', field)}
            if "name" in given:
                fields[given["name"]] = given.get("value", "")
        if holds in fields:
            return unescape(re.search(r'action="([^"]*)"', text, re.I)[1]), fields
    raise AssertionError(f"no form with {holds}: {page.status_code} {re.sub(r'<[^>]*>|[ ]+', ' ', page.text)[-3000:]}")


@pytest.fixture(scope="module")
def keycloak(tmp_path_factory: pytest.TempPathFactory):
    running = Keycloak(tmp_path_factory.mktemp("keycloak"))
    yield running
    running.stop()


def test_somebody_signs_in_on_keycloaks_page_over_saml(town: Town, keycloak: Keycloak):
    pool = town.make_pool(AutoVerifiedAttributes=["email"])
    keycloak.start(realm(town, pool))
    metadata = requests.get(f"{keycloak.url}/realms/corp/protocol/saml/descriptor", timeout=30).text
    town.idp.create_identity_provider(
        UserPoolId=pool, ProviderName="Keycloak", ProviderType="SAML", AttributeMapping={"email": "mail"},
        ProviderDetails={"MetadataFile": metadata},
    )
    client = town.make_client(
        pool, SupportedIdentityProviders=["Keycloak"], AllowedOAuthFlowsUserPoolClient=True, AllowedOAuthFlows=["code"],
        AllowedOAuthScopes=["openid", "email"], CallbackURLs=[CALLBACK],
    )
    browser = requests.Session()
    browser.cookies = Cookies()
    asked = {"response_type": "code", "client_id": client.id, "redirect_uri": CALLBACK, "state": "s", "scope": "openid email"}
    page = browser.get(f"{town.server.url}/oauth2/authorize", params=asked, timeout=60)
    assert page.url.startswith(keycloak.url), page.url
    action, fields = form(page, "username")
    page = browser.post(action, data=fields | {"username": "jane", "password": PASSWORD}, timeout=60)
    action, fields = form(page, "SAMLResponse")
    # A form of another site takes no cookie along.
    held = requests.post(action, data=fields, allow_redirects=False, timeout=30)
    assert held.status_code == 303, held.text
    answer = browser.get(town.server.url + held.headers["location"], allow_redirects=False, timeout=30)
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    assert query.get("state") == ["s"] and "code" in query, query
    body = {"grant_type": "authorization_code", "code": query["code"][0], "client_id": client.id, "redirect_uri": CALLBACK}
    told = claims(requests.post(f"{town.server.url}/oauth2/token", data=body, timeout=30).json()["id_token"])
    assert told["email"] == "jane@example.com"
    identity = told["identities"][0]
    assert (identity["providerName"], identity["issuer"]) == ("Keycloak", f"{keycloak.url}/realms/corp")
