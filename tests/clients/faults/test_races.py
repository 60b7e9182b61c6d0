"""What must happen once happens once on either database, however many ask at the same moment."""

from __future__ import annotations

import collections
import concurrent.futures
import threading
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from botocore.exceptions import ClientError
from hosted import sign_in
from launch import SUITE_CONFIG, Server, new_database
from town import PASSWORD, Town, attributes, unique

POOL, CLIENT, CALLBACK = "us-east-1_Clients01", "5clients23456789abcdefghij", "http://localhost:8400/callback"
RACERS = 16


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def town(request: pytest.FixtureRequest):
    database = new_database("races") if request.param == "postgres" else None
    with Server(f"races-{request.param}", SUITE_CONFIG, database) as server:
        yield Town(server)


def race(town: Town, run: Callable[[object], object]) -> collections.Counter[str]:
    """Lets all racers call `run` at once; counts how they ended: `won`, or the name of the error."""
    together = threading.Barrier(RACERS)
    clients = [town.client(max_pool_connections=1) for _ in range(RACERS)]

    def one(client: object) -> str:
        together.wait(timeout=30)
        try:
            run(client)
        except ClientError as error:
            return error.response["Error"]["Code"]
        return "won"

    with concurrent.futures.ThreadPoolExecutor(RACERS) as pool:
        return collections.Counter(pool.map(one, clients))


def test_a_code_is_redeemed_once(town: Town):
    query = f"response_type=code&client_id={CLIENT}&redirect_uri={CALLBACK}&scope=openid&state=s"
    _, answer = sign_in(f"{town.server.url}/oauth2/authorize?{query}", "ada", "Lovelace-1815")
    code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
    body = {"grant_type": "authorization_code", "code": code, "client_id": CLIENT, "redirect_uri": CALLBACK}
    together = threading.Barrier(RACERS)

    def redeem(_: int) -> tuple[int, str]:
        together.wait(timeout=30)
        answer = requests.post(f"{town.server.url}/oauth2/token", data=body, timeout=60)
        return answer.status_code, answer.json().get("error", "")

    with concurrent.futures.ThreadPoolExecutor(RACERS) as pool:
        ends = collections.Counter(pool.map(redeem, range(RACERS)))
    assert ends == {(200, ""): 1, (400, "invalid_grant"): RACERS - 1}


def test_a_name_is_taken_once(town: Town):
    username = unique("newcomer")
    ends = race(town, lambda idp: idp.sign_up(
        ClientId=CLIENT, Username=username, Password=PASSWORD, UserAttributes=attributes(email=f"{username}@example.com"),
    ))
    assert ends == {"won": 1, "UsernameExistsException": RACERS - 1}


def test_a_new_group_and_a_new_user_are_made_once(town: Town):
    group, username = unique("group"), unique("made")
    ends = race(town, lambda idp: idp.create_group(UserPoolId=POOL, GroupName=group))
    assert ends == {"won": 1, "GroupExistsException": RACERS - 1}
    ends = race(town, lambda idp: idp.admin_create_user(UserPoolId=POOL, Username=username, MessageAction="SUPPRESS"))
    assert ends == {"won": 1, "UsernameExistsException": RACERS - 1}


def test_a_verified_address_belongs_to_one_user_of_a_pool_that_signs_in_by_it(town: Town):
    pool = town.make_pool(UsernameAttributes=["email"])
    email = f"{unique('shared')}@example.com"
    given = attributes(email=email, email_verified="true")
    ends = race(town, lambda idp: idp.admin_create_user(
        UserPoolId=pool, Username=email, MessageAction="SUPPRESS", UserAttributes=given,
    ))
    assert ends == {"won": 1, "UsernameExistsException": RACERS - 1}


def test_a_forgotten_password_is_replaced_once_per_code(town: Town):
    username, email = town.verified_user(POOL)
    town.idp.forgot_password(ClientId=CLIENT, Username=username)
    code = town.inbox.code(email)
    ends = race(town, lambda idp: idp.confirm_forgot_password(
        ClientId=CLIENT, Username=username, ConfirmationCode=code, Password="Other-horse-22",
    ))
    assert ends["won"] == 1 and set(ends) <= {"won", "ExpiredCodeException", "CodeMismatchException", "LimitExceededException"}, ends


def test_a_challenge_is_answered_once(town: Town):
    username = town.make_user(POOL, password=None)
    challenge = town.idp.initiate_auth(
        ClientId=CLIENT, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": username, "PASSWORD": "Temporary-1"}
    )
    ends = race(town, lambda idp: idp.respond_to_auth_challenge(
        ClientId=CLIENT, ChallengeName="NEW_PASSWORD_REQUIRED", Session=challenge["Session"],
        ChallengeResponses={"USERNAME": username, "NEW_PASSWORD": PASSWORD},
    ))
    assert ends == {"won": 1, "NotAuthorizedException": RACERS - 1}


def test_a_rotated_refresh_token_is_used_once(town: Town):
    client = town.make_client(POOL, ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"], RefreshTokenRotation={
        "Feature": "ENABLED", "RetryGracePeriodSeconds": 0,
    })
    token = client.sign_in(town.make_user(POOL))["RefreshToken"]
    ends = race(town, lambda idp: idp.get_tokens_from_refresh_token(ClientId=client.id, RefreshToken=token))
    assert ends["won"] == 1 and set(ends) == {"won", "RefreshTokenReuseException"}, ends
