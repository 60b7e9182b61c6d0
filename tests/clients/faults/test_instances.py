"""Two instances on one PostgreSQL are one service: what begins at one goes on at the other, and happens once."""

from __future__ import annotations

import base64
import collections
import concurrent.futures
import json
import os
import threading
import time
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import requests
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric import ec
from hosted import sign_in
from launch import SUITE_CONFIG, Server, free_port, new_database
from town import Client, Town, claims, unique

POOL, CLIENT, CALLBACK = "us-east-1_Clients01", "5clients23456789abcdefghij", "http://localhost:8400/callback"


@pytest.fixture(scope="module")
def pair():
    """Both have the same public address and master key, as behind one load balancer."""
    shared = {
        "database": new_database("instances"),
        "public_url": f"http://localhost:{free_port()}",
        "environment": {"POOLHOUSE_KEYS__MASTER_KEY": base64.b64encode(os.urandom(32)).decode()},
    }
    with Server("instance-one", SUITE_CONFIG, **shared) as one, Server("instance-two", SUITE_CONFIG, **shared) as two:
        yield Town(one), Town(two)


def signed_in(town: Town) -> dict:
    return town.idp.initiate_auth(
        ClientId=CLIENT, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": "ada", "PASSWORD": "Lovelace-1815"}
    )["AuthenticationResult"]


def refreshed(town: Town, token: str) -> dict:
    return town.idp.initiate_auth(ClientId=CLIENT, AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters={"REFRESH_TOKEN": token})[
        "AuthenticationResult"
    ]


def authorization_code(town: Town) -> str:
    # Straight to the instance: its public address has nobody listening, as a balancer's would.
    query = f"response_type=code&client_id={CLIENT}&redirect_uri={CALLBACK}&scope=openid&state=s"
    _, answer = sign_in(f"{town.server.url}/oauth2/authorize?{query}", "ada", "Lovelace-1815", stay_at=town.server.url)
    assert answer.status_code == 302, answer.text
    return parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]


def redeem(town: Town, code: str) -> requests.Response:
    body = {"grant_type": "authorization_code", "code": code, "client_id": CLIENT, "redirect_uri": CALLBACK}
    return requests.post(f"{town.server.url}/oauth2/token", data=body, timeout=60)


def test_both_sign_with_the_same_keys(pair):
    documents = [requests.get(f"{town.server.url}/{POOL}/.well-known/jwks.json", timeout=10).json() for town in pair]
    assert documents[0] == documents[1] and documents[0]["keys"]


def test_a_session_begun_at_one_goes_on_at_the_other(pair):
    one, two = pair
    tokens = signed_in(one)
    assert two.idp.get_user(AccessToken=tokens["AccessToken"])["Username"] == "ada"
    again = refreshed(two, tokens["RefreshToken"])
    assert claims(again["AccessToken"])["origin_jti"] == claims(tokens["AccessToken"])["origin_jti"]
    two.idp.global_sign_out(AccessToken=again["AccessToken"])
    with pytest.raises(one.idp.exceptions.NotAuthorizedException):
        refreshed(one, tokens["RefreshToken"])
    with pytest.raises(one.idp.exceptions.NotAuthorizedException):
        one.idp.get_user(AccessToken=tokens["AccessToken"])


def test_a_challenge_begun_at_one_is_answered_at_the_other(pair):
    one, two = pair
    username = one.make_user(POOL, password=None)
    challenge = one.idp.initiate_auth(
        ClientId=CLIENT, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": username, "PASSWORD": "Temporary-1"}
    )
    answer = two.idp.respond_to_auth_challenge(
        ClientId=CLIENT, ChallengeName="NEW_PASSWORD_REQUIRED", Session=challenge["Session"],
        ChallengeResponses={"USERNAME": username, "NEW_PASSWORD": "Correct-horse-1"},
    )
    assert answer["AuthenticationResult"]["AccessToken"]


def test_a_code_given_by_one_is_redeemed_at_the_other(pair):
    one, two = pair
    answer = redeem(two, authorization_code(one))
    assert answer.status_code == 200, answer.text
    assert claims(answer.json()["id_token"])["cognito:username"] == "ada"
    assert redeem(one, authorization_code(two)).status_code == 200


@pytest.mark.parametrize("attempt", range(3))
def test_of_sixteen_redemptions_at_once_one_wins(pair, attempt: int):
    code = authorization_code(pair[attempt % 2])
    together = threading.Barrier(16)

    def race(number: int) -> requests.Response:
        together.wait(timeout=30)
        return redeem(pair[number % 2], code)

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(race, range(16)))
    won = [answer for answer in answers if answer.status_code == 200]
    lost = [answer for answer in answers if answer.status_code != 200]
    assert len(won) == 1, [answer.status_code for answer in answers]
    assert {(answer.status_code, answer.json()["error"]) for answer in lost} == {(400, "invalid_grant")}


def test_of_sixteen_uses_of_a_proof_at_once_one_counts(pair):
    """A proof of possession (RFC 9449) is spent at one instance for both."""
    endpoint = f"{pair[0].server.public_url}/oauth2/token"
    key = ec.generate_private_key(ec.SECP256R1())
    jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key()))
    told = {"jti": unique("proof"), "htm": "POST", "htu": endpoint, "iat": int(time.time())}
    proof = jwt.encode(told, key, "ES256", headers={"typ": "dpop+jwt", "jwk": jwk})
    together = threading.Barrier(16)

    def use(number: int) -> tuple[int, str]:
        together.wait(timeout=30)
        answer = requests.post(
            f"{pair[number % 2].server.url}/oauth2/token", data={"grant_type": "client_credentials"},
            auth=("8strict23456789abcdefghij", "strict_registrar_secret_0123456789"), headers={"DPoP": proof}, timeout=60,
        )
        return answer.status_code, answer.json().get("error", answer.json().get("token_type"))

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        ends = collections.Counter(pool.map(use, range(16)))
    assert ends == {(200, "DPoP"): 1, (400, "invalid_dpop_proof"): 15}


def test_a_group_joined_through_one_is_in_the_next_token_of_the_other(pair):
    one, two = pair
    client = two.make_client(POOL)
    username = two.make_user(POOL)
    assert "cognito:groups" not in claims(client.sign_in(username)["IdToken"])
    one.idp.create_group(UserPoolId=POOL, GroupName="late")
    one.idp.admin_add_user_to_group(UserPoolId=POOL, Username=username, GroupName="late")
    # A cache may lag, but by no more than a second.
    time.sleep(1)
    assert claims(client.sign_in(username)["IdToken"])["cognito:groups"] == ["late"]


def test_a_client_changed_through_one_is_changed_at_the_other_within_a_second(pair):
    one, two = pair
    client = two.make_client(POOL)
    username = two.make_user(POOL)
    assert client.sign_in(username)["AccessToken"]
    one.idp.update_user_pool_client(UserPoolId=POOL, ClientId=client.id, ExplicitAuthFlows=["ALLOW_REFRESH_TOKEN_AUTH"])
    time.sleep(1)
    with pytest.raises(two.idp.exceptions.InvalidParameterException):
        client.begin(username)


def ends(idp: object, client: Client, username: str, token: str) -> dict[str, Callable[[], object]]:
    """Every way to end a sign-in from outside, by name."""
    user = {"UserPoolId": client.pool, "Username": username}
    return {
        "revoked": lambda: idp.revoke_token(Token=token, ClientId=client.id),
        "signed out": lambda: idp.admin_user_global_sign_out(**user),
        "reset": lambda: idp.admin_reset_user_password(**user),
        "disabled": lambda: idp.admin_disable_user(**user),
        "deleted": lambda: idp.admin_delete_user(**user),
        "client deleted": lambda: idp.delete_user_pool_client(UserPoolId=client.pool, ClientId=client.id),
        "pool deleted": lambda: idp.delete_user_pool(UserPoolId=client.pool),
    }


@pytest.mark.parametrize(
    "end", ["revoked", "signed out", "reset", "disabled", "deleted", "client deleted", "pool deleted"]
)
def test_what_is_ended_through_one_is_over_at_the_other_within_a_second(pair, end: str):
    one, two = pair
    client = one.make_client()
    username, _ = one.verified_user(client.pool)
    given = client.sign_in(username)
    form = {"grant_type": "refresh_token", "client_id": client.id, "refresh_token": given["RefreshToken"]}

    def refresh() -> requests.Response:
        return requests.post(f"{two.server.url}/oauth2/token", data=form, timeout=30)

    assert refresh().status_code == 200
    ends(one.idp, client, username, given["RefreshToken"])[end]()
    # Pools and clients are kept in memory for so long; users and grants are not.
    if end in ("client deleted", "pool deleted"):
        time.sleep(1)
    answer = refresh()
    expected = "invalid_client" if end in ("client deleted", "pool deleted") else "invalid_grant"
    assert (answer.status_code, answer.json()["error"]) == (400, expected), answer.text
    refusals = "NotAuthorizedException|PasswordResetRequiredException|UserNotFoundException|ResourceNotFoundException"
    with pytest.raises(ClientError, match=refusals):
        two.idp.get_user(AccessToken=given["AccessToken"])
