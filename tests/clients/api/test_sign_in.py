"""Signing in: every password flow, the new-password challenge, secret hashes, and what a refusal says."""

import base64
import json
import time

import pytest
from town import PASSWORD, Client, Town, claims, refused, secret_hash, unique

WRONG = "Incorrect username or password."


@pytest.fixture(scope="module")
def client(town: Town) -> Client:
    return town.make_client()


def test_a_password_gives_three_tokens(town: Town, client: Client):
    username = town.make_user(client.pool, email="a@example.com", email_verified="true")
    answer = client.begin(username)
    assert answer["ChallengeParameters"] == {} and "Session" not in answer and "ChallengeName" not in answer
    result = answer["AuthenticationResult"]
    assert (result["TokenType"], result["ExpiresIn"]) == ("Bearer", 3600)
    identity, access = claims(result["IdToken"]), claims(result["AccessToken"])
    assert (identity["token_use"], access["token_use"]) == ("id", "access")
    assert identity["aud"] == access["client_id"] == client.id and "aud" not in access
    assert identity["sub"] == access["sub"] and identity["iss"] == access["iss"]
    assert identity["cognito:username"] == access["username"] == username
    assert (identity["email"], identity["email_verified"]) == ("a@example.com", True)
    assert identity["exp"] - identity["iat"] == access["exp"] - access["iat"] == 3600
    assert identity["origin_jti"] == access["origin_jti"] and identity["jti"] != access["jti"]
    header = json.loads(base64.urlsafe_b64decode(result["IdToken"].split(".")[0] + "=="))
    assert header["alg"] == "RS256" and header["kid"]


def test_an_administrator_signs_a_user_in(town: Town, client: Client):
    username = town.make_user(client.pool)
    for flow in ("ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH"):
        answer = town.idp.admin_initiate_auth(
            UserPoolId=client.pool, ClientId=client.id, AuthFlow=flow, AuthParameters={"USERNAME": username, "PASSWORD": PASSWORD}
        )
        assert answer["AuthenticationResult"]["RefreshToken"]
    with refused("NotAuthorizedException", WRONG):
        town.idp.admin_initiate_auth(
            UserPoolId=client.pool, ClientId=client.id, AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": username, "PASSWORD": "Wrong-horse-1"},
        )
    with refused("InvalidParameterException", "Initiate Auth method not supported"):
        town.idp.initiate_auth(
            ClientId=client.id, AuthFlow="ADMIN_USER_PASSWORD_AUTH", AuthParameters={"USERNAME": username, "PASSWORD": PASSWORD}
        )


def test_a_flow_that_the_client_does_not_allow_is_refused(town: Town, client: Client):
    closed = town.make_client(client.pool, ExplicitAuthFlows=["ALLOW_CUSTOM_AUTH"])
    username = town.make_user(client.pool)
    with refused("InvalidParameterException", "USER_PASSWORD_AUTH flow not enabled for this client"):
        closed.begin(username)
    with refused("InvalidParameterException", "Auth flow not enabled for this client"):
        town.idp.admin_initiate_auth(
            UserPoolId=client.pool, ClientId=closed.id, AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": username, "PASSWORD": PASSWORD},
        )
    with refused("InvalidParameterException", "USER_SRP_AUTH is not enabled for the client."):
        town.idp.initiate_auth(ClientId=closed.id, AuthFlow="USER_SRP_AUTH", AuthParameters={"USERNAME": username, "SRP_A": "2"})


@pytest.mark.parametrize("missing", ["USERNAME", "PASSWORD"])
def test_a_missing_parameter_is_named(town: Town, client: Client, missing: str):
    given = {"USERNAME": town.make_user(client.pool), "PASSWORD": PASSWORD}
    del given[missing]
    with refused("InvalidParameterException", f"Missing required parameter {missing}"):
        town.idp.initiate_auth(ClientId=client.id, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=given)


def test_a_temporary_password_must_be_replaced(town: Town, client: Client):
    username = town.make_user(client.pool, password=None, email="t@example.com")
    with refused("NotAuthorizedException", WRONG):
        client.begin(username, "Wrong-horse-1")
    challenge = client.begin(username, "Temporary-1")
    assert challenge["ChallengeName"] == "NEW_PASSWORD_REQUIRED" and "AuthenticationResult" not in challenge
    parameters = challenge["ChallengeParameters"]
    assert parameters["USER_ID_FOR_SRP"] == username
    assert json.loads(parameters["requiredAttributes"]) == []
    assert json.loads(parameters["userAttributes"])["email"] == "t@example.com"

    def answer(password: str, session: str = challenge["Session"]) -> dict:
        return town.idp.respond_to_auth_challenge(
            ClientId=client.id, ChallengeName="NEW_PASSWORD_REQUIRED", Session=session,
            ChallengeResponses={"USERNAME": username, "NEW_PASSWORD": password},
        )

    with refused("InvalidPasswordException", "Password does not conform to policy: Password not long enough"):
        answer("Aa-1")
    fresh = client.begin(username, "Temporary-1")["Session"]
    assert answer(PASSWORD, fresh)["AuthenticationResult"]["RefreshToken"]
    assert town.status(client.pool, username) == "CONFIRMED"
    with refused("NotAuthorizedException"):
        answer("Third-horse-3", fresh)
    assert client.sign_in(username)["AccessToken"]


def test_required_attributes_are_asked_for_with_the_new_password(town: Town):
    client = town.make_client(town.make_pool(Schema=[{"Name": "given_name", "Required": True, "Mutable": True}]))
    username = town.make_user(client.pool, password=None)
    challenge = client.begin(username, "Temporary-1")
    assert json.loads(challenge["ChallengeParameters"]["requiredAttributes"]) == ["userAttributes.given_name"]
    answer = town.idp.respond_to_auth_challenge(
        ClientId=client.id, ChallengeName="NEW_PASSWORD_REQUIRED", Session=challenge["Session"],
        ChallengeResponses={"USERNAME": username, "NEW_PASSWORD": PASSWORD, "userAttributes.given_name": "Grace"},
    )
    assert claims(answer["AuthenticationResult"]["IdToken"])["given_name"] == "Grace"


def test_a_session_of_somebody_else_or_of_nobody_is_refused(town: Town, client: Client):
    first, second = (town.make_user(client.pool, password=None) for _ in range(2))
    session = client.begin(first, "Temporary-1")["Session"]
    for session in (session, "A" * 200):
        with refused("NotAuthorizedException"):
            town.idp.respond_to_auth_challenge(
                ClientId=client.id, ChallengeName="NEW_PASSWORD_REQUIRED", Session=session,
                ChallengeResponses={"USERNAME": second, "NEW_PASSWORD": PASSWORD},
            )
    assert town.status(client.pool, second) == "FORCE_CHANGE_PASSWORD"


def test_a_secret_hash_must_be_there_and_right(town: Town, client: Client):
    keeper = town.make_client(client.pool, GenerateSecret=True)
    username = town.make_user(client.pool)
    assert keeper.sign_in(username)["AccessToken"]
    wrong = secret_hash(keeper.secret, "somebody-else", keeper.id)
    unable = f"Unable to verify secret hash for client {keeper.id}"
    absent = f"Client {keeper.id} is configured with secret but SECRET_HASH was not received"
    given = {"USERNAME": username, "PASSWORD": PASSWORD}
    for parameters, message in ((given, absent), (given | {"SECRET_HASH": wrong}, unable)):
        with refused("NotAuthorizedException", message):
            town.idp.initiate_auth(ClientId=keeper.id, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=parameters)
    newcomer = {"ClientId": keeper.id, "Username": unique("newcomer"), "Password": PASSWORD}
    with refused("NotAuthorizedException", absent):
        town.idp.sign_up(**newcomer)
    with refused("NotAuthorizedException", unable):
        town.idp.sign_up(**newcomer, SecretHash=wrong)
    town.idp.sign_up(**newcomer, SecretHash=secret_hash(keeper.secret, newcomer["Username"], keeper.id))


def test_unknown_users_look_like_wrong_passwords_when_the_client_says_so(town: Town, client: Client):
    with refused("UserNotFoundException", "User does not exist."):
        client.begin("stranger")
    discreet = town.make_client(client.pool, PreventUserExistenceErrors="ENABLED")
    with refused("NotAuthorizedException", WRONG):
        discreet.begin("stranger")
    with refused("NotAuthorizedException", WRONG):
        discreet.begin(town.make_user(client.pool), "Wrong-horse-1")
    begun = [
        town.idp.initiate_auth(ClientId=discreet.id, AuthFlow="USER_SRP_AUTH", AuthParameters={"USERNAME": "stranger", "SRP_A": "a" * 64})
        for _ in range(2)
    ]
    assert {answer["ChallengeName"] for answer in begun} == {"PASSWORD_VERIFIER"}
    shown = [answer["ChallengeParameters"] for answer in begun]
    assert shown[0]["SALT"] == shown[1]["SALT"] and shown[0]["USER_ID_FOR_SRP"] == shown[1]["USER_ID_FOR_SRP"]
    assert shown[0]["SRP_B"] != shown[1]["SRP_B"]


def test_five_wrong_passwords_lock_for_a_moment(town: Town, client: Client):
    username = town.make_user(client.pool)
    for _ in range(5):
        with refused("NotAuthorizedException", WRONG):
            client.begin(username, "Wrong-horse-1")
    with refused("NotAuthorizedException", "Password attempts exceeded"):
        client.begin(username)
    time.sleep(1.2)
    assert client.sign_in(username)["AccessToken"]
    with refused("NotAuthorizedException", WRONG):
        client.begin(username, "Wrong-horse-1")


def test_state_comes_before_the_password(town: Town, client: Client):
    username = unique("newcomer")
    town.idp.sign_up(ClientId=client.id, Username=username, Password=PASSWORD)
    with refused("UserNotConfirmedException", "User is not confirmed."):
        client.begin(username, "Wrong-horse-1")
    disabled = town.make_user(client.pool)
    town.idp.admin_disable_user(UserPoolId=client.pool, Username=disabled)
    with refused("NotAuthorizedException", "User is disabled."):
        client.begin(disabled, "Wrong-horse-1")
