"""authlib: authorization code with PKCE through the hosted pages, then user info and refresh."""

from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from hosted import sign_in
from launch import Server
from town import claims

POOL, CLIENT = "us-east-1_Clients01", "5clients23456789abcdefghij"
CALLBACK = "http://localhost:8400/callback"


@pytest.fixture
def session(server: Server) -> OAuth2Session:
    return OAuth2Session(CLIENT, scope="openid email profile", redirect_uri=CALLBACK, code_challenge_method="S256", token_endpoint_auth_method="none")


def discovery(server: Server) -> dict:
    return requests.get(f"{server.url}/{POOL}/.well-known/openid-configuration", timeout=10).json()


def code_from(session: OAuth2Session, server: Server, **more: str) -> tuple[str, str, str]:
    verifier = generate_token(48)
    url, state = session.create_authorization_url(discovery(server)["authorization_endpoint"], code_verifier=verifier, **more)
    _, answer = sign_in(url, "ada", "Lovelace-1815")
    assert answer.status_code == 302, answer.text
    assert answer.headers["location"].startswith(CALLBACK + "?")
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    assert query["state"] == [state] and len(query["code"]) == 1
    return answer.headers["location"], state, verifier


def test_code_with_pkce_gives_tokens_user_info_and_refresh(server: Server, session: OAuth2Session):
    places = discovery(server)
    back, state, verifier = code_from(session, server, nonce="n-0S6_WzA2Mj")
    token = session.fetch_token(places["token_endpoint"], authorization_response=back, state=state, code_verifier=verifier)
    assert token["token_type"] == "Bearer" and token["expires_in"] == 3600
    identity = claims(token["id_token"])
    assert (identity["aud"], identity["nonce"], identity["email"]) == (CLIENT, "n-0S6_WzA2Mj", "ada@example.com")
    assert set(claims(token["access_token"])["scope"].split()) == {"openid", "email", "profile"}
    info = session.get(places["userinfo_endpoint"]).json()
    assert (info["sub"], info["username"], info["email"], info["name"]) == (identity["sub"], "ada", "ada@example.com", "Ada Lovelace")
    refreshed = session.refresh_token(places["token_endpoint"], refresh_token=token["refresh_token"])
    assert claims(refreshed["id_token"])["sub"] == identity["sub"]
    assert claims(refreshed["access_token"])["jti"] != claims(token["access_token"])["jti"]


def test_a_code_works_once_and_with_its_verifier_only(server: Server, session: OAuth2Session):
    endpoint = discovery(server)["token_endpoint"]

    def redeem(back: str, verifier: str) -> requests.Response:
        code = parse_qs(urlsplit(back).query)["code"][0]
        body = {
            "grant_type": "authorization_code", "code": code, "client_id": CLIENT, "redirect_uri": CALLBACK, "code_verifier": verifier,
        }
        return requests.post(endpoint, data=body, timeout=30)

    back, _, verifier = code_from(session, server)
    assert redeem(back, verifier).status_code == 200
    again = redeem(back, verifier)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    back, _, _ = code_from(session, server)
    wrong = redeem(back, generate_token(48))
    assert (wrong.status_code, wrong.json()["error"]) == (400, "invalid_grant")


def test_a_wrong_password_stays_on_the_page(server: Server, session: OAuth2Session):
    url, _ = session.create_authorization_url(discovery(server)["authorization_endpoint"], code_verifier=generate_token(48))
    browser, answer = sign_in(url, "ada", "Wrong-horse-1")
    if answer.is_redirect:
        assert urlsplit(answer.headers["location"]).path == "/login"
        answer = browser.get(requests.compat.urljoin(server.url, answer.headers["location"]), timeout=30)
    assert answer.status_code in (200, 400, 401)
    assert "Incorrect username or password." in answer.text
    assert "Wrong-horse-1" not in answer.text


def test_a_form_without_its_csrf_value_is_refused(server: Server, session: OAuth2Session):
    url, _ = session.create_authorization_url(discovery(server)["authorization_endpoint"], code_verifier=generate_token(48))
    browser = requests.Session()
    page = browser.get(url, timeout=30)
    for forged in ({}, {"_csrf": "forged"}):
        answer = browser.post(
            page.url, data={"username": "ada", "password": "Lovelace-1815"} | forged, allow_redirects=False, timeout=30
        )
        assert not answer.headers.get("location", "").startswith(CALLBACK)
        assert answer.status_code in (302, 400, 403)


def test_a_second_visit_needs_no_password(server: Server, session: OAuth2Session):
    authorize = discovery(server)["authorization_endpoint"]
    url, _ = session.create_authorization_url(authorize, code_verifier=generate_token(48))
    browser, _ = sign_in(url, "ada", "Lovelace-1815")
    url, _ = session.create_authorization_url(authorize, code_verifier=generate_token(48))
    again = browser.get(url, allow_redirects=False, timeout=30)
    assert again.status_code == 302 and again.headers["location"].startswith(CALLBACK + "?code=")


@pytest.mark.parametrize(
    "changed", [{"redirect_uri": "http://localhost:8400/elsewhere"}, {"redirect_uri": "https://evil.example/callback"}, {"client_id": "nobody"}]
)
def test_an_unregistered_place_never_receives_anything(server: Server, changed: dict):
    given = {"response_type": "code", "client_id": CLIENT, "redirect_uri": CALLBACK, "state": "s"} | changed
    answer = requests.get(f"{server.url}/oauth2/authorize", params=given, allow_redirects=False, timeout=30)
    target = answer.headers.get("location", "")
    assert not target.startswith(given["redirect_uri"]) or changed.get("client_id")
    assert not target.startswith(CALLBACK) and not target.startswith("https://evil.example")
    assert answer.status_code in (302, 400) and (answer.status_code == 400 or urlsplit(target).path == "/error")


def test_plain_pkce_is_refused_at_the_redirect(server: Server):
    given = {
        "response_type": "code", "client_id": CLIENT, "redirect_uri": CALLBACK, "state": "s",
        "code_challenge": create_s256_code_challenge("x" * 43), "code_challenge_method": "plain",
    }
    answer = requests.get(f"{server.url}/oauth2/authorize", params=given, allow_redirects=False, timeout=30)
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    assert answer.headers["location"].startswith(CALLBACK + "?") and (query["error"], query["state"]) == (["invalid_request"], ["s"])
