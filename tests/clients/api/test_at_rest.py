"""What lies on the disk after a busy day: no password, secret, token or private key in clear, in the database or in the log."""

from __future__ import annotations

import base64

import pytest
import requests
from authenticators import totp
from launch import Server
from town import PASSWORD, Town, unique

NEW = "Quite-another-9-word"


@pytest.fixture(scope="module")
def server():
    with Server("at_rest", environment={"POOLHOUSE_LOG": "debug"}) as running:
        yield running


def contents(town: Town) -> bytes:
    """Every file of the data folder but the master key's, and the log."""
    files = [path for path in town.server.data.rglob("*") if path.is_file() and "key" not in path.name]
    assert any(path.suffix == ".db" for path in files)
    return b"".join(path.read_bytes() for path in [*files, town.server.log])


def test_nothing_secret_lies_in_clear(town: Town):
    idp = town.idp
    keeper = town.make_client(GenerateSecret=True)
    idp.set_user_pool_mfa_config(
        UserPoolId=keeper.pool, MfaConfiguration="OPTIONAL", SoftwareTokenMfaConfiguration={"Enabled": True}
    )
    username, _ = town.verified_user(keeper.pool)
    tokens = keeper.sign_in(username)
    refreshed = keeper.town.idp.get_tokens_from_refresh_token(
        ClientId=keeper.id, ClientSecret=keeper.secret, RefreshToken=tokens["RefreshToken"]
    )["AuthenticationResult"]
    associated = idp.associate_software_token(AccessToken=tokens["AccessToken"])["SecretCode"]
    idp.verify_software_token(AccessToken=tokens["AccessToken"], UserCode=totp(associated))
    idp.change_password(AccessToken=tokens["AccessToken"], PreviousPassword=PASSWORD, ProposedPassword=NEW)
    newcomer = town.make_user(keeper.pool, password=None)
    session = keeper.begin(newcomer, "Temporary-1")["Session"]
    with pytest.raises(idp.exceptions.NotAuthorizedException):
        keeper.begin(username, "A-wrong-guess-7")

    kept = contents(town)
    assert username.encode() in kept, "this looks where the users are"
    raw_totp = base64.b32decode(associated + "=" * (-len(associated) % 8))
    for name, secret in {
        "password": PASSWORD, "new password": NEW, "temporary password": "Temporary-1", "guess": "A-wrong-guess-7",
        "client secret": keeper.secret, "access token": tokens["AccessToken"], "ID token": tokens["IdToken"],
        "refresh token": tokens["RefreshToken"], "fresh token": refreshed["AccessToken"], "session": session,
        "authenticator app's secret": associated,
    }.items():
        assert secret.encode() not in kept, name
    assert raw_totp not in kept
    assert b"PRIVATE KEY" not in kept
    # How every unsealed RSA key begins in PKCS#8.
    assert bytes.fromhex("020100300d06092a864886f70d0101010500") not in kept


def test_the_log_tells_of_refusals_without_what_was_refused(town: Town):
    client = town.make_client()
    secret = unique("Never-logged-4-")
    with pytest.raises(town.idp.exceptions.UserNotFoundException):
        client.begin("stranger", secret)
    assert secret not in town.server.log.read_text(errors="replace")


def test_a_token_in_a_query_is_refused_and_not_logged(town: Town):
    client = town.make_client()
    access = client.sign_in(town.make_user(client.pool))["AccessToken"]
    answer = requests.get(f"{town.server.url}/oauth2/userInfo", params={"access_token": access}, timeout=30)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert access not in town.server.log.read_text(errors="replace")
