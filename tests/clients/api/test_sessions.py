"""What follows sign-in: refresh and rotation, the operations of an access token, sign-out and revocation."""

import pytest
from town import PASSWORD, Client, Town, as_dict, attributes, claims, refused, secret_hash


@pytest.fixture(scope="module")
def client(town: Town) -> Client:
    return town.make_client()


@pytest.fixture
def user(town: Town, client: Client) -> str:
    return town.verified_user(client.pool)[0]


@pytest.fixture
def session(client: Client, user: str) -> dict:
    return client.sign_in(user)


def test_a_refresh_keeps_the_session_and_changes_the_tokens(client: Client, session: dict):
    refreshed = client.refresh(session["RefreshToken"])
    assert "RefreshToken" not in refreshed
    before, after = claims(session["AccessToken"]), claims(refreshed["AccessToken"])
    assert (before["origin_jti"], before["auth_time"], before["sub"]) == (after["origin_jti"], after["auth_time"], after["sub"])
    assert before["jti"] != after["jti"]


def test_a_foreign_or_broken_refresh_token_is_refused(town: Town, client: Client, session: dict):
    other = town.make_client(client.pool)
    token = session["RefreshToken"]
    for wrong in (lambda: other.refresh(token), lambda: client.refresh(token[:-8] + "AAAAAAAA"), lambda: client.refresh("garbage")):
        with refused("NotAuthorizedException", "Invalid Refresh Token"):
            wrong()


def test_a_secret_client_refreshes_with_its_hash_only(town: Town, client: Client):
    keeper = town.make_client(client.pool, GenerateSecret=True)
    username = town.make_user(client.pool)
    token = keeper.sign_in(username)["RefreshToken"]

    def refresh(hashed: str) -> dict:
        return town.idp.initiate_auth(
            ClientId=keeper.id, AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters={"REFRESH_TOKEN": token, "SECRET_HASH": hashed}
        )

    assert refresh(secret_hash(keeper.secret, username, keeper.id))["AuthenticationResult"]["IdToken"]
    with refused("NotAuthorizedException", f"SecretHash does not match for the client: {keeper.id}"):
        refresh(secret_hash(keeper.secret, "somebody-else", keeper.id))


def test_the_newer_operation_refreshes_too(town: Town, client: Client, session: dict):
    answer = town.idp.get_tokens_from_refresh_token(RefreshToken=session["RefreshToken"], ClientId=client.id)
    assert claims(answer["AuthenticationResult"]["IdToken"])["sub"] == claims(session["IdToken"])["sub"]
    with refused("NotAuthorizedException", "Invalid Refresh Token."):
        town.idp.get_tokens_from_refresh_token(RefreshToken="garbage", ClientId=client.id)


def test_a_rotated_refresh_token_dies_with_its_use(town: Town, client: Client):
    rotating = town.make_client(
        client.pool, ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"],
        RefreshTokenRotation={"Feature": "ENABLED", "RetryGracePeriodSeconds": 0},
    )
    first = rotating.sign_in(town.make_user(client.pool))["RefreshToken"]

    def turn(token: str) -> str:
        answer = town.idp.get_tokens_from_refresh_token(RefreshToken=token, ClientId=rotating.id)
        return answer["AuthenticationResult"]["RefreshToken"]

    second = turn(first)
    assert second != first
    with pytest.raises((town.idp.exceptions.RefreshTokenReuseException, town.idp.exceptions.NotAuthorizedException)):
        turn(first)


def test_the_user_reads_and_changes_their_own_attributes(town: Town, user: str, session: dict):
    token = session["AccessToken"]
    shown = town.idp.get_user(AccessToken=token)
    assert shown["Username"] == user and as_dict(shown["UserAttributes"])["email_verified"] == "true"
    town.idp.update_user_attributes(AccessToken=token, UserAttributes=attributes(nickname="nick", name="Name"))
    town.idp.delete_user_attributes(AccessToken=token, UserAttributeNames=["name"])
    kept = as_dict(town.idp.get_user(AccessToken=token)["UserAttributes"])
    assert kept["nickname"] == "nick" and "name" not in kept
    with refused("NotAuthorizedException", "A client attempted to write unauthorized attribute"):
        town.idp.update_user_attributes(AccessToken=token, UserAttributes=attributes(email_verified="true"))


def test_a_new_address_is_verified_with_its_code(town: Town, user: str, session: dict):
    token, email = session["AccessToken"], f"{user}-new@example.com"
    details = town.idp.update_user_attributes(AccessToken=token, UserAttributes=attributes(email=email))["CodeDeliveryDetailsList"]
    assert [(entry["AttributeName"], entry["DeliveryMedium"]) for entry in details] == [("email", "EMAIL")]
    assert as_dict(town.idp.get_user(AccessToken=token)["UserAttributes"])["email_verified"] == "false"
    town.idp.verify_user_attribute(AccessToken=token, AttributeName="email", Code=town.inbox.code(email))
    kept = as_dict(town.idp.get_user(AccessToken=token)["UserAttributes"])
    assert (kept["email"], kept["email_verified"]) == (email, "true")


def test_a_password_is_changed_with_the_old_one(town: Town, client: Client, user: str, session: dict):
    token = session["AccessToken"]
    with refused("NotAuthorizedException", "Incorrect username or password."):
        town.idp.change_password(AccessToken=token, PreviousPassword="Wrong-horse-1", ProposedPassword="Another-horse-2")
    with refused("InvalidPasswordException", "Password does not conform to policy: Password not long enough"):
        town.idp.change_password(AccessToken=token, PreviousPassword=PASSWORD, ProposedPassword="Aa-1")
    town.idp.change_password(AccessToken=token, PreviousPassword=PASSWORD, ProposedPassword="Another-horse-2")
    with refused("NotAuthorizedException", "Incorrect username or password."):
        client.begin(user)
    assert client.sign_in(user, "Another-horse-2")["AccessToken"]
    assert town.idp.get_user(AccessToken=token)["Username"] == user


def test_a_global_sign_out_ends_every_session(town: Town, client: Client, user: str, session: dict):
    other = client.sign_in(user)
    town.idp.global_sign_out(AccessToken=session["AccessToken"])
    for ended in (session, other):
        with refused("NotAuthorizedException", "Access Token has been revoked"):
            town.idp.get_user(AccessToken=ended["AccessToken"])
        with refused("NotAuthorizedException", "Refresh Token has been revoked"):
            client.refresh(ended["RefreshToken"])
    assert town.idp.get_user(AccessToken=client.sign_in(user)["AccessToken"])["Username"] == user


def test_an_administrator_signs_a_user_out_everywhere(town: Town, client: Client, user: str, session: dict):
    town.idp.admin_user_global_sign_out(UserPoolId=client.pool, Username=user)
    with refused("NotAuthorizedException", "Access Token has been revoked"):
        town.idp.get_user(AccessToken=session["AccessToken"])
    with refused("NotAuthorizedException", "Refresh Token has been revoked"):
        client.refresh(session["RefreshToken"])


def test_a_revoked_refresh_token_takes_its_session_along_and_no_other(town: Town, client: Client, user: str, session: dict):
    other = client.sign_in(user)
    for _ in range(2):
        town.idp.revoke_token(Token=session["RefreshToken"], ClientId=client.id)
    with refused("NotAuthorizedException", "Refresh Token has been revoked"):
        client.refresh(session["RefreshToken"])
    with refused("NotAuthorizedException", "Access Token has been revoked"):
        town.idp.get_user(AccessToken=session["AccessToken"])
    assert town.idp.get_user(AccessToken=other["AccessToken"])["Username"] == user
    with refused("UnsupportedTokenTypeException"):
        town.idp.revoke_token(Token=other["AccessToken"], ClientId=client.id)


def test_only_an_access_token_opens_the_users_own_operations(town: Town, session: dict):
    head, payload, signature = session["AccessToken"].split(".")
    for wrong in (session["IdToken"], "no-token", f"{head}.{payload}.{signature[:-8]}AAAAAAAA"):
        with pytest.raises(town.idp.exceptions.NotAuthorizedException):
            town.idp.get_user(AccessToken=wrong)
    with refused("NotAuthorizedException", "Invalid Access Token"):
        town.idp.get_user(AccessToken=session["IdToken"])


def test_the_user_deletes_themselves(town: Town, client: Client, user: str, session: dict):
    town.idp.delete_user(AccessToken=session["AccessToken"])
    with refused("UserNotFoundException", "User does not exist."):
        town.idp.admin_get_user(UserPoolId=client.pool, Username=user)


# Last: they move the clock of the module's server.
def test_access_ends_after_an_hour_and_refresh_after_its_days(town: Town, client: Client, session: dict):
    town.advance(3601)
    with refused("NotAuthorizedException", "Access Token has expired"):
        town.idp.get_user(AccessToken=session["AccessToken"])
    assert client.refresh(session["RefreshToken"])["AccessToken"]
    town.advance(30 * 86400)
    with refused("NotAuthorizedException", "Refresh Token has expired"):
        client.refresh(session["RefreshToken"])
