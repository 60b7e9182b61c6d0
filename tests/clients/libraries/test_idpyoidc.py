"""idpyoidc, the relying party of the OpenID Foundation's own test tools: sign-in, user info, refresh and signing out."""

from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from hosted import sign_in
from idpyoidc.client.exception import OidcServiceError
from idpyoidc.client.rp_handler import RPHandler
from launch import Server
from town import Town

POOLS = {"faithful": "us-east-1_Clients01", "strict": "us-east-1_Strict001"}
CALLBACK, LEFT = "http://localhost:8400/callback", "http://localhost:8400/signed-out"
SERVICES = {
    "discovery": "idpyoidc.client.oidc.provider_info_discovery.ProviderInfoDiscovery",
    "authorization": "idpyoidc.client.oidc.authorization.Authorization",
    "access_token": "idpyoidc.client.oidc.access_token.AccessToken",
    "refresh_token": "idpyoidc.client.oidc.refresh_access_token.RefreshAccessToken",
    "userinfo": "idpyoidc.client.oidc.userinfo.UserInfo",
    "end_session": "idpyoidc.client.oidc.end_session.EndSession",
}
PKCE = {
    "function": "idpyoidc.client.oauth2.add_on.pkce.add_support",
    "kwargs": {"code_challenge_length": 64, "code_challenge_method": "S256"},
}


@pytest.fixture(params=["client_secret_basic", "client_secret_post"])
def proof(request: pytest.FixtureRequest) -> str:
    return request.param


def party(town: Town, pool: str, proof: str) -> tuple[RPHandler, str]:
    """A relying party that is registered with the pool, and the issuer that it trusts."""
    made = town.make_client(
        pool,
        GenerateSecret=True,
        ExplicitAuthFlows=["ALLOW_REFRESH_TOKEN_AUTH"],
        SupportedIdentityProviders=["COGNITO"],
        AllowedOAuthFlowsUserPoolClient=True,
        AllowedOAuthFlows=["code"],
        AllowedOAuthScopes=["openid", "email", "profile"],
        CallbackURLs=[CALLBACK],
        LogoutURLs=[LEFT],
    )
    issuer = f"{town.server.url}/{pool}"
    settings = {
        "issuer": issuer,
        "client_type": "oidc",
        "client_id": made.id,
        "client_secret": made.secret,
        "redirect_uris": [CALLBACK],
        "post_logout_redirect_uris": [LEFT],
        "response_types_supported": ["code"],
        "scopes_supported": ["openid", "email", "profile"],
        "token_endpoint_auth_methods_supported": [proof],
        "client_authn_methods": ["client_secret_basic", "client_secret_post", "bearer_header"],
        "add_ons": {"pkce": PKCE},
        "allow": {"http_links": True},
    }
    handler = RPHandler(
        base_url="http://localhost:8400",
        client_configs={issuer: settings},
        services={name: {"class": path} for name, path in SERVICES.items()},
        key_conf={"key_defs": [{"type": "RSA", "use": ["sig"]}]},
    )
    return handler, issuer


def arrive(handler: RPHandler, issuer: str, scope: list[str]) -> tuple[requests.Session, dict[str, str]]:
    """Ada follows the relying party's link, signs in and comes back."""
    browser, answer = sign_in(handler.begin(issuer_id=issuer, req_args={"scope": scope}), "ada", "Lovelace-1815")
    assert answer.headers["location"].startswith(CALLBACK + "?"), answer.text
    return browser, dict(parse_qsl(urlsplit(answer.headers["location"]).query))


# The service tells of `email_verified` as text, which this relying party refuses: in a faithful pool it does without the address.
@pytest.mark.parametrize(("kind", "scope"), [("faithful", ["openid", "profile"]), ("strict", ["openid", "email", "profile"])])
def test_sign_in_user_info_and_refresh(town: Town, kind: str, scope: list[str], proof: str):
    handler, issuer = party(town, POOLS[kind], proof)
    _, query = arrive(handler, issuer, scope)
    done = handler.finalize(issuer, query)
    assert "error" not in done, done
    assert done["userinfo"]["name"] == "Ada Lovelace"
    assert done["userinfo"].get("email_verified") == (True if "email" in scope else None)
    first = handler.get_valid_access_token(query["state"])[0]
    claims = done["id_token"]
    assert claims["iss"] == issuer and claims["nonce"] and claims["at_hash"]
    renewed = handler.refresh_access_token(query["state"])
    assert renewed["access_token"] != first
    again = handler.get_user_info(query["state"], access_token=renewed["access_token"])
    assert again["sub"] == claims["sub"]


def test_a_faithful_pool_tells_of_truth_in_text_as_the_service_does(town: Town):
    handler, issuer = party(town, POOLS["faithful"], "client_secret_basic")
    _, query = arrive(handler, issuer, ["openid", "email"])
    with pytest.raises(ValueError, match="Incorrect message type: dict"):
        handler.finalize(issuer, query)


def test_a_strict_pool_signs_the_user_out_as_the_standard_has_it(town: Town):
    handler, issuer = party(town, POOLS["strict"], "client_secret_basic")
    browser, query = arrive(handler, issuer, ["openid"])
    assert "error" not in handler.finalize(issuer, query)
    leave = handler.logout(query["state"])
    answer = browser.get(leave["url"], allow_redirects=False, timeout=30)
    back = urlsplit(answer.headers["location"])
    assert back._replace(query="").geturl() == LEFT
    assert dict(parse_qsl(back.query))["state"] == dict(parse_qsl(urlsplit(leave["url"]).query))["state"]
    again = browser.get(handler.begin(issuer_id=issuer), allow_redirects=False, timeout=30)
    assert urlsplit(again.headers["location"]).path == "/login"


def test_answers_that_are_no_answers_are_refused_by_the_relying_party(town: Town):
    handler, issuer = party(town, POOLS["strict"], "client_secret_basic")
    _, query = arrive(handler, issuer, ["openid"])
    with pytest.raises(KeyError):
        handler.finalize(issuer, query | {"state": "another"})
    with pytest.raises(OidcServiceError, match="^invalid_grant$"):
        handler.finalize(issuer, query | {"code": "00000000-0000-4000-8000-000000000000"})
