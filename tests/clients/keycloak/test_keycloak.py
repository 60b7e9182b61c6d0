"""Keycloak as the provider of a pool, over SAML and over OpenID Connect: somebody signs in on its page and lands at the application."""

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
SECRET = "what-the-pool-and-keycloak-know-0123456789"
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
    callback = f"{town.server.url}/oauth2/idpresponse"
    relying_party = {
        "clientId": "pool-over-oidc", "protocol": "openid-connect", "enabled": True, "publicClient": False, "secret": SECRET,
        "standardFlowEnabled": True, "directAccessGrantsEnabled": False, "redirectUris": [callback],
        # Keycloak refuses whoever comes without a proof of this kind.
        "attributes": {"pkce.code.challenge.method": "S256", "post.logout.redirect.uris": CALLBACK},
    }
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
        "clients": [relying_party, {
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


class Stage:
    """A pool, and Keycloak, which knows it as a service provider and as a relying party."""

    def __init__(self, town: Town, keycloak: Keycloak):
        self.keycloak = keycloak
        self.pool = town.make_pool(AutoVerifiedAttributes=["email"])
        keycloak.start(realm(town, self.pool))


@pytest.fixture(scope="module")
def stage(town: Town, tmp_path_factory: pytest.TempPathFactory):
    keycloak = Keycloak(tmp_path_factory.mktemp("keycloak"))
    try:
        yield Stage(town, keycloak)
    finally:
        keycloak.stop()


def browser() -> requests.Session:
    session = requests.Session()
    session.cookies = Cookies()
    return session


def exchanged(town: Town, client: str, code: str) -> dict:
    body = {"grant_type": "authorization_code", "code": code, "client_id": client, "redirect_uri": CALLBACK}
    return requests.post(f"{town.server.url}/oauth2/token", data=body, timeout=30).json()


def test_somebody_signs_in_on_keycloaks_page_over_saml(town: Town, stage: Stage):
    pool, keycloak = stage.pool, stage.keycloak
    url = f"{keycloak.url}/realms/corp/protocol/saml/descriptor"
    made = town.idp.create_identity_provider(
        UserPoolId=pool, ProviderName="Keycloak", ProviderType="SAML", AttributeMapping={"email": "mail"},
        ProviderDetails={"MetadataURL": url},
    )["IdentityProvider"]["ProviderDetails"]
    assert made["SSORedirectBindingURI"] == f"{keycloak.url}/realms/corp/protocol/saml"
    client = town.make_client(
        pool, SupportedIdentityProviders=["Keycloak"], AllowedOAuthFlowsUserPoolClient=True, AllowedOAuthFlows=["code"],
        AllowedOAuthScopes=["openid", "email"], CallbackURLs=[CALLBACK],
    )
    visitor = browser()
    asked = {"response_type": "code", "client_id": client.id, "redirect_uri": CALLBACK, "state": "s", "scope": "openid email"}
    page = visitor.get(f"{town.server.url}/oauth2/authorize", params=asked, timeout=60)
    assert page.url.startswith(keycloak.url), page.url
    action, fields = form(page, "username")
    page = visitor.post(action, data=fields | {"username": "jane", "password": PASSWORD}, timeout=60)
    action, fields = form(page, "SAMLResponse")
    # A form of another site takes no cookie along.
    held = requests.post(action, data=fields, allow_redirects=False, timeout=30)
    assert held.status_code == 303, held.text
    answer = visitor.get(town.server.url + held.headers["location"], allow_redirects=False, timeout=30)
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    assert query.get("state") == ["s"] and "code" in query, query
    told = claims(exchanged(town, client.id, query["code"][0])["id_token"])
    assert told["email"] == "jane@example.com"
    identity = told["identities"][0]
    assert (identity["providerName"], identity["issuer"]) == ("Keycloak", f"{keycloak.url}/realms/corp")


def test_somebody_signs_in_on_keycloaks_page_over_openid_connect(town: Town, stage: Stage):
    pool, keycloak = stage.pool, stage.keycloak
    issuer = f"{keycloak.url}/realms/corp"
    town.idp.create_identity_provider(
        UserPoolId=pool, ProviderName="Corp", ProviderType="OIDC",
        AttributeMapping={"email": "email", "email_verified": "email_verified", "given_name": "given_name", "family_name": "family_name"},
        ProviderDetails={
            "client_id": "pool-over-oidc", "client_secret": SECRET, "attributes_request_method": "GET", "oidc_issuer": issuer,
            "authorize_scopes": "openid email profile",
        },
    )
    client = town.make_client(
        pool, SupportedIdentityProviders=["Corp"], AllowedOAuthFlowsUserPoolClient=True, AllowedOAuthFlows=["code"],
        AllowedOAuthScopes=["openid", "email", "profile"], CallbackURLs=[CALLBACK], LogoutURLs=[CALLBACK],
    )
    visitor = browser()
    asked = {
        "response_type": "code", "client_id": client.id, "redirect_uri": CALLBACK, "state": "s", "scope": "openid email profile",
        "identity_provider": "Corp", "login_hint": "jane", "nonce": "of-the-application",
    }
    away = visitor.get(f"{town.server.url}/oauth2/authorize", params=asked, allow_redirects=False, timeout=30)
    question = parse_qs(urlsplit(away.headers["location"]).query)
    assert away.headers["location"].startswith(f"{issuer}/protocol/openid-connect/auth?"), away.headers["location"]
    assert question["code_challenge_method"] == ["S256"] and question["login_hint"] == ["jane"], question
    assert len(question["nonce"][0]) >= 32 and question["nonce"] != ["of-the-application"]
    page = visitor.get(away.headers["location"], timeout=60)
    action, fields = form(page, "username")
    back = visitor.post(action, data=fields | {"username": "jane", "password": PASSWORD}, allow_redirects=False, timeout=60)
    landing = back.headers["location"]
    # Keycloak says who answers (RFC 9207).
    assert parse_qs(urlsplit(landing).query)["iss"] == [issuer], landing
    answer = visitor.get(landing, allow_redirects=False, timeout=60)
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    assert query.get("state") == ["s"] and "code" in query, query
    told = claims(exchanged(town, client.id, query["code"][0])["id_token"])
    named = {name: told.get(name) for name in ("email", "email_verified", "given_name", "family_name", "nonce")}
    assert named == {
        "email": "jane@example.com", "email_verified": True, "given_name": "Jane", "family_name": "Doe", "nonce": "of-the-application"
    }
    identity = told["identities"][0]
    assert (identity["providerName"], identity["providerType"], identity["primary"]) == ("Corp", "OIDC", "true")
    assert told["cognito:username"].lower() == f"corp_{identity['userId']}".lower()
    # The same answer again signs nobody in.
    again = visitor.get(landing, allow_redirects=False, timeout=30)
    assert again.headers["location"].startswith("/error?"), again.headers["location"]

    # Signing out ends the session of the pool, and leaves Keycloak's alone, as the service does: the way in asks for no password.
    out = visitor.get(
        f"{town.server.url}/logout", params={"client_id": client.id, "logout_uri": CALLBACK}, allow_redirects=False, timeout=30
    )
    assert out.headers["location"] == CALLBACK
    silent = visitor.get(f"{town.server.url}/oauth2/authorize", params=asked | {"prompt": "none"}, allow_redirects=False, timeout=30)
    assert parse_qs(urlsplit(silent.headers["location"]).query).get("error") == ["login_required"], silent.headers["location"]
    away = visitor.get(f"{town.server.url}/oauth2/authorize", params=asked, allow_redirects=False, timeout=30)
    back = visitor.get(away.headers["location"], allow_redirects=False, timeout=60)
    assert back.headers["location"].startswith(f"{town.server.url}/oauth2/idpresponse?"), back.text
    answer = visitor.get(back.headers["location"], allow_redirects=False, timeout=60)
    assert "code" in parse_qs(urlsplit(answer.headers["location"]).query), answer.headers["location"]
    # With `prompt=login` Keycloak asks again.
    away = visitor.get(f"{town.server.url}/oauth2/authorize", params=asked | {"prompt": "login"}, allow_redirects=False, timeout=30)
    form(visitor.get(away.headers["location"], timeout=60), "password")
