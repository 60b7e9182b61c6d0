"""Self sign-up, confirmation and password recovery, with the codes that the server sent."""

import pytest
from town import PASSWORD, Client, Town, as_dict, attributes, refused, unique


@pytest.fixture(scope="module")
def client(town: Town) -> Client:
    return town.make_client()


def sign_up(town: Town, client: Client) -> tuple[str, str, dict]:
    username = unique("newcomer")
    email = f"{username}@example.com"
    answer = town.idp.sign_up(ClientId=client.id, Username=username, Password=PASSWORD, UserAttributes=attributes(email=email))
    return username, email, answer


def another(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


def test_a_newcomer_confirms_with_the_code_and_signs_in(town: Town, client: Client):
    username, email, answer = sign_up(town, client)
    assert answer["UserConfirmed"] is False and len(answer["UserSub"]) == 36
    assert answer["CodeDeliveryDetails"] == {"Destination": "n***@e***", "DeliveryMedium": "EMAIL", "AttributeName": "email"}
    with refused("UserNotConfirmedException", "User is not confirmed."):
        client.begin(username)
    code = town.inbox.code(email)
    assert len(code) == 6 and code.isdigit()
    with refused("CodeMismatchException", "Invalid verification code provided, please try again."):
        town.idp.confirm_sign_up(ClientId=client.id, Username=username, ConfirmationCode=another(code))
    town.idp.confirm_sign_up(ClientId=client.id, Username=username, ConfirmationCode=code)
    with refused("NotAuthorizedException", "User cannot be confirmed. Current status is CONFIRMED"):
        town.idp.confirm_sign_up(ClientId=client.id, Username=username, ConfirmationCode=code)
    found = town.idp.get_user(AccessToken=client.sign_in(username)["AccessToken"])
    assert as_dict(found["UserAttributes"]) == {"sub": answer["UserSub"], "email": email, "email_verified": "true"}


def test_a_code_sent_again_works(town: Town, client: Client):
    username, email, _ = sign_up(town, client)
    town.inbox.code(email)
    details = town.idp.resend_confirmation_code(ClientId=client.id, Username=username)["CodeDeliveryDetails"]
    assert details["DeliveryMedium"] == "EMAIL"
    town.idp.confirm_sign_up(ClientId=client.id, Username=username, ConfirmationCode=town.inbox.code(email))
    with refused("InvalidParameterException", "User is already confirmed."):
        town.idp.resend_confirmation_code(ClientId=client.id, Username=username)


def test_a_code_expires_after_a_day(town: Town, client: Client):
    username, email, _ = sign_up(town, client)
    code = town.inbox.code(email)
    town.advance(86400 + 1)
    with refused("ExpiredCodeException", "Invalid code provided, please request a code again."):
        town.idp.confirm_sign_up(ClientId=client.id, Username=username, ConfirmationCode=code)


def test_an_administrator_confirms_without_verifying(town: Town, client: Client):
    username, _, _ = sign_up(town, client)
    town.idp.admin_confirm_sign_up(UserPoolId=client.pool, Username=username)
    found = town.idp.admin_get_user(UserPoolId=client.pool, Username=username)
    assert found["UserStatus"] == "CONFIRMED"
    assert as_dict(found["UserAttributes"]).get("email_verified", "false") == "false"
    with refused("NotAuthorizedException", "User cannot be confirmed. Current status is CONFIRMED"):
        town.idp.admin_confirm_sign_up(UserPoolId=client.pool, Username=username)


def test_a_taken_name_and_a_weak_password_are_refused(town: Town, client: Client):
    username, _, _ = sign_up(town, client)
    with refused("UsernameExistsException", "User already exists"):
        town.idp.sign_up(ClientId=client.id, Username=username, Password=PASSWORD)
    with refused("InvalidPasswordException", "Password did not conform with policy: Password not long enough"):
        town.idp.sign_up(ClientId=client.id, Username=unique("weak"), Password="Aa-1")


def test_nobody_verifies_their_own_address_by_saying_so(town: Town, client: Client):
    with refused("NotAuthorizedException", "A client attempted to write unauthorized attribute"):
        town.idp.sign_up(
            ClientId=client.id, Username=unique("sly"), Password=PASSWORD,
            UserAttributes=attributes(email="boss@example.com", email_verified="true"),
        )


def test_a_missing_required_attribute_is_named(town: Town):
    pool = town.make_pool(Schema=[{"Name": "email", "Required": True, "Mutable": True}])
    with refused("InvalidParameterException", "Attributes did not conform to the schema: email: The attribute is required\n"):
        town.idp.sign_up(ClientId=town.make_client(pool).id, Username=unique("bare"), Password=PASSWORD)


def test_a_closed_pool_takes_no_newcomers(town: Town):
    client = town.make_client(town.make_pool(AdminCreateUserConfig={"AllowAdminCreateUserOnly": True}))
    with refused("NotAuthorizedException", "SignUp is not permitted for this user pool"):
        town.idp.sign_up(ClientId=client.id, Username=unique("late"), Password=PASSWORD)


def test_a_forgotten_password_is_replaced_with_a_code(town: Town, client: Client):
    username, email = town.verified_user(client.pool)
    details = town.idp.forgot_password(ClientId=client.id, Username=username)["CodeDeliveryDetails"]
    assert details == {"Destination": "p***@e***", "DeliveryMedium": "EMAIL", "AttributeName": "email"}
    code = town.inbox.code(email)
    answer = {"ClientId": client.id, "Username": username}
    with refused("CodeMismatchException", "Invalid verification code provided, please try again."):
        town.idp.confirm_forgot_password(**answer, ConfirmationCode=another(code), Password="Another-horse-2")
    town.idp.confirm_forgot_password(**answer, ConfirmationCode=code, Password="Another-horse-2")
    with refused("NotAuthorizedException", "Incorrect username or password."):
        client.begin(username)
    assert client.sign_in(username, "Another-horse-2")["AccessToken"]
    with refused("ExpiredCodeException", "Invalid code provided, please request a code again."):
        town.idp.confirm_forgot_password(**answer, ConfirmationCode=code, Password="Third-horse-3")


def test_recovery_needs_a_verified_contact_and_an_own_password(town: Town, client: Client):
    with refused(
        "InvalidParameterException",
        "Cannot reset password for the user as there is no registered/verified email or phone_number",
    ):
        town.idp.forgot_password(ClientId=client.id, Username=town.make_user(client.pool))
    temporary = town.make_user(client.pool, password=None, email="temporary@example.com", email_verified="true")
    with refused("NotAuthorizedException", "User password cannot be reset in the current state."):
        town.idp.forgot_password(ClientId=client.id, Username=temporary)


def test_unknown_users_are_told_apart_only_when_the_client_allows_it(town: Town, client: Client):
    stranger = {"ClientId": client.id, "Username": "stranger"}
    message = "Username/client id combination not found."
    with refused("UserNotFoundException", message):
        town.idp.forgot_password(**stranger)
    with refused("UserNotFoundException", message):
        town.idp.confirm_sign_up(**stranger, ConfirmationCode="123456")
    with refused("UserNotFoundException", message):
        town.idp.resend_confirmation_code(**stranger)
    discreet = town.make_client(client.pool, PreventUserExistenceErrors="ENABLED")
    stranger = {"ClientId": discreet.id, "Username": "stranger"}
    for operation in (town.idp.forgot_password, town.idp.resend_confirmation_code):
        assert operation(**stranger)["CodeDeliveryDetails"]["DeliveryMedium"] == "EMAIL"
    for call in (
        lambda: town.idp.confirm_sign_up(**stranger, ConfirmationCode="123456"),
        lambda: town.idp.confirm_forgot_password(**stranger, ConfirmationCode="123456", Password=PASSWORD),
    ):
        with pytest.raises((town.idp.exceptions.ExpiredCodeException, town.idp.exceptions.CodeMismatchException)):
            call()
