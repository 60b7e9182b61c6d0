"""pycognito: real SRP sign-in, the new-password challenge, refresh and token verification."""

import pytest
from botocore.exceptions import ClientError
from launch import Server
from pycognito import Cognito
from pycognito.exceptions import ForceChangePasswordException, TokenVerificationException
from town import PASSWORD, Client, Town, as_dict


@pytest.fixture(scope="module")
def client(town: Town) -> Client:
    return town.make_client()


def cognito(server: Server, client: Client, username: str, **more: str) -> Cognito:
    return Cognito(
        client.pool, client.id, username=username, client_secret=client.secret, boto3_client_kwargs={"endpoint_url": server.url}, **more
    )


def test_the_right_password_is_proven_without_being_sent(server: Server, town: Town, client: Client):
    user = cognito(server, client, town.make_user(client.pool, email="a@example.com"))
    user.authenticate(PASSWORD)
    user.verify_tokens()
    assert user.token_type == "Bearer" and user.id_claims["email"] == "a@example.com"
    before = user.access_token
    user.renew_access_token()
    assert user.access_token != before
    user.verify_token(user.access_token, "access_token", "access")


def test_a_wrong_password_proves_nothing(server: Server, town: Town, client: Client):
    username = town.make_user(client.pool)
    for wrong in ("Wrong-horse-1", PASSWORD + " ", PASSWORD.lower()):
        user = cognito(server, client, username)
        with pytest.raises(ClientError) as caught:
            user.authenticate(wrong)
        said = caught.value.response["Error"]
        assert (said["Code"], said["Message"]) == ("NotAuthorizedException", "Incorrect username or password.")
        assert user.access_token is None


def test_srp_works_for_a_client_with_a_secret(server: Server, town: Town, client: Client):
    keeper = town.make_client(client.pool, GenerateSecret=True)
    user = cognito(server, keeper, town.make_user(client.pool))
    user.authenticate(PASSWORD)
    user.verify_tokens()


def test_a_temporary_password_is_replaced_through_srp(server: Server, town: Town, client: Client):
    username = town.make_user(client.pool, password=None)
    user = cognito(server, client, username)
    with pytest.raises(ForceChangePasswordException):
        user.authenticate("Temporary-1")
    user.new_password_challenge("Temporary-1", PASSWORD)
    user.verify_tokens()
    again = cognito(server, client, username)
    again.authenticate(PASSWORD)
    assert again.access_token


def test_the_users_own_operations_follow(server: Server, town: Town, client: Client):
    username = town.make_user(client.pool, email="b@example.com")
    user = cognito(server, client, username)
    user.authenticate(PASSWORD)
    assert user.get_user().email == "b@example.com"
    user.update_profile({"nickname": "bee"})
    assert as_dict(town.idp.admin_get_user(UserPoolId=client.pool, Username=username)["UserAttributes"])["nickname"] == "bee"
    user.change_password(PASSWORD, "Another-horse-2")
    fresh = cognito(server, client, username)
    fresh.authenticate("Another-horse-2")
    fresh.logout()
    assert fresh.access_token is None


def test_a_changed_token_does_not_verify(server: Server, town: Town, client: Client):
    user = cognito(server, client, town.make_user(client.pool))
    user.authenticate(PASSWORD)
    head, payload, signature = user.access_token.split(".")
    with pytest.raises(TokenVerificationException):
        user.verify_token(f"{head}.{payload}.{signature[:-8]}AAAAAAAA", "access_token", "access")
