"""Users from the administrator's side: created, found, listed by every filter, changed, disabled, deleted."""

import pytest
from town import PASSWORD, Town, as_dict, attributes, refused, unique


def test_a_created_user_is_returned_as_it_is_kept(town: Town):
    pool, username = town.make_pool(), unique("user")
    made = town.idp.admin_create_user(
        UserPoolId=pool, Username=username, TemporaryPassword="Temporary-1", MessageAction="SUPPRESS",
        UserAttributes=attributes(email="new@example.com", name="New"),
    )["User"]
    assert (made["Username"], made["Enabled"], made["UserStatus"]) == (username, True, "FORCE_CHANGE_PASSWORD")
    found = town.idp.admin_get_user(UserPoolId=pool, Username=username)
    assert as_dict(found["UserAttributes"]) == as_dict(made["Attributes"])
    assert (found["Enabled"], found["UserStatus"], found["UserCreateDate"]) == (True, "FORCE_CHANGE_PASSWORD", made["UserCreateDate"])
    kept = as_dict(found["UserAttributes"])
    assert (kept["email"], kept["name"], len(kept["sub"])) == ("new@example.com", "New", 36)
    assert "UserMFASettingList" not in found


def test_a_taken_username_is_refused(town: Town):
    pool = town.make_pool()
    username = town.make_user(pool)
    with refused("UsernameExistsException", "User account already exists"):
        town.idp.admin_create_user(UserPoolId=pool, Username=username, MessageAction="SUPPRESS")


def test_an_invitation_reaches_the_inbox_and_can_be_sent_again(town: Town):
    pool, username = town.make_pool(), unique("user")
    email = f"{username}@example.com"
    town.idp.admin_create_user(
        UserPoolId=pool, Username=username, UserAttributes=attributes(email=email), DesiredDeliveryMediums=["EMAIL"]
    )
    assert town.inbox.next(email)["medium"].upper() == "EMAIL"
    town.idp.admin_create_user(UserPoolId=pool, Username=username, MessageAction="RESEND", DesiredDeliveryMediums=["EMAIL"])
    assert town.inbox.next(email)["medium"].upper() == "EMAIL"
    town.idp.admin_set_user_password(UserPoolId=pool, Username=username, Password=PASSWORD, Permanent=True)
    with refused("UnsupportedUserStateException", f"Resend not possible. {username} status is not FORCE_CHANGE_PASSWORD"):
        town.idp.admin_create_user(UserPoolId=pool, Username=username, MessageAction="RESEND")


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("Sh0rt-", "Password not long enough"),
        ("lower-case-1", "Password must have uppercase characters"),
        ("UPPER-CASE-1", "Password must have lowercase characters"),
        ("No-numbers-here", "Password must have numeric characters"),
        ("NoSymbols11", "Password must have symbol characters"),
    ],
)
def test_the_password_policy_says_what_is_missing(town: Town, password: str, reason: str):
    pool = town.make_pool()
    username = town.make_user(pool)
    with refused("InvalidPasswordException", f"Password does not conform to policy: {reason}"):
        town.idp.admin_set_user_password(UserPoolId=pool, Username=username, Password=password, Permanent=True)


@pytest.fixture(scope="module")
def crowd(town: Town) -> tuple[str, list[str]]:
    """A pool of six users: three named ann…, one disabled, one unconfirmed in password, all with different values."""
    pool = town.make_pool()
    names = ["ann", "anna", "annabel", "bert", "carla", "dora"]
    for number, name in enumerate(names):
        town.idp.admin_create_user(
            UserPoolId=pool, Username=name, MessageAction="SUPPRESS", TemporaryPassword="Temporary-1",
            UserAttributes=attributes(
                email=f"{name}@example.com", phone_number=f"+4917012345{number:02}", name=f"{name.title()} Smith",
                given_name=name.title(), family_name="Smith" if number < 4 else "Jones", preferred_username=f"the-{name}",
            ),
        )
        if name != "dora":
            town.idp.admin_set_user_password(UserPoolId=pool, Username=name, Password=PASSWORD, Permanent=True)
    town.idp.admin_disable_user(UserPoolId=pool, Username="carla")
    return pool, names


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('username = "ann"', ["ann"]),
        ('username ^= "ann"', ["ann", "anna", "annabel"]),
        ('email = "bert@example.com"', ["bert"]),
        ('email ^= "ann"', ["ann", "anna", "annabel"]),
        ('phone_number = "+491701234503"', ["bert"]),
        ('phone_number ^= "+4917012345"', ["ann", "anna", "annabel", "bert", "carla", "dora"]),
        ('name ^= "Anna"', ["anna", "annabel"]),
        ('given_name = "Bert"', ["bert"]),
        ('family_name = "Jones"', ["carla", "dora"]),
        ('preferred_username ^= "the-d"', ["dora"]),
        ('cognito:user_status = "CONFIRMED"', ["ann", "anna", "annabel", "bert", "carla"]),
        ('cognito:user_status = "FORCE_CHANGE_PASSWORD"', ["dora"]),
        ('status = "Disabled"', ["carla"]),
        ('status = "Enabled"', ["ann", "anna", "annabel", "bert", "dora"]),
        ('username = "nobody"', []),
    ],
)
def test_every_filter_finds_exactly_its_users(town: Town, crowd, query: str, expected: list[str]):
    found = town.idp.list_users(UserPoolId=crowd[0], Filter=query)["Users"]
    assert sorted(user["Username"] for user in found) == expected


def test_a_user_is_found_by_its_sub(town: Town, crowd):
    sub = as_dict(town.idp.admin_get_user(UserPoolId=crowd[0], Username="anna")["UserAttributes"])["sub"]
    found = town.idp.list_users(UserPoolId=crowd[0], Filter=f'sub = "{sub}"')["Users"]
    assert [user["Username"] for user in found] == ["anna"]


@pytest.mark.parametrize("query", ["username", 'username == "a"', 'username = "a" and email = "b"', "username = a"])
def test_a_filter_that_cannot_be_read_is_refused(town: Town, crowd, query: str):
    with refused("InvalidParameterException"):
        town.idp.list_users(UserPoolId=crowd[0], Filter=query)


def test_users_are_listed_page_by_page(town: Town, crowd):
    pages = list(town.idp.get_paginator("list_users").paginate(UserPoolId=crowd[0], PaginationConfig={"PageSize": 4}))
    assert [len(page["Users"]) for page in pages] == [4, 2]
    assert sorted(user["Username"] for page in pages for user in page["Users"]) == crowd[1]
    pages = list(
        town.idp.get_paginator("list_users").paginate(UserPoolId=crowd[0], Filter='username ^= "ann"', PaginationConfig={"PageSize": 2})
    )
    assert sorted(user["Username"] for page in pages for user in page["Users"]) == ["ann", "anna", "annabel"]


def test_only_the_attributes_asked_for_are_listed(town: Town, crowd):
    found = town.idp.list_users(UserPoolId=crowd[0], AttributesToGet=["email"], Filter='username = "bert"')["Users"]
    assert as_dict(found[0]["Attributes"]) == {"email": "bert@example.com"}


def test_attributes_are_changed_and_deleted(town: Town):
    pool = town.make_pool()
    username = town.make_user(pool, email="old@example.com", name="Old", nickname="o")
    town.idp.admin_update_user_attributes(
        UserPoolId=pool, Username=username, UserAttributes=attributes(email="new@example.com", email_verified="true", name="New")
    )
    town.idp.admin_delete_user_attributes(UserPoolId=pool, Username=username, UserAttributeNames=["nickname"])
    kept = as_dict(town.idp.admin_get_user(UserPoolId=pool, Username=username)["UserAttributes"])
    assert (kept["email"], kept["email_verified"], kept["name"]) == ("new@example.com", "true", "New")
    assert "nickname" not in kept
    with refused("InvalidParameterException"):
        town.idp.admin_update_user_attributes(UserPoolId=pool, Username=username, UserAttributes=attributes(sub="x"))
    with refused("InvalidParameterException"):
        town.idp.admin_update_user_attributes(UserPoolId=pool, Username=username, UserAttributes=attributes(email="no-address"))


def test_a_disabled_user_is_kept_out_until_enabled(town: Town):
    client = town.make_client()
    username = town.make_user(client.pool)
    session = client.sign_in(username)
    town.idp.admin_disable_user(UserPoolId=client.pool, Username=username)
    assert town.idp.admin_get_user(UserPoolId=client.pool, Username=username)["Enabled"] is False
    with refused("NotAuthorizedException", "User is disabled."):
        client.begin(username)
    with refused("NotAuthorizedException"):
        client.refresh(session["RefreshToken"])
    town.idp.admin_enable_user(UserPoolId=client.pool, Username=username)
    assert client.sign_in(username)["AccessToken"]


def test_a_deleted_user_is_gone(town: Town):
    client = town.make_client()
    username = town.make_user(client.pool)
    session = client.sign_in(username)
    town.idp.admin_delete_user(UserPoolId=client.pool, Username=username)
    with refused("UserNotFoundException", "User does not exist."):
        town.idp.admin_get_user(UserPoolId=client.pool, Username=username)
    with refused("NotAuthorizedException"):
        client.refresh(session["RefreshToken"])
    with refused("UserNotFoundException", "User does not exist."):
        town.idp.admin_delete_user(UserPoolId=client.pool, Username=username)


def test_a_reset_password_is_replaced_with_the_code_that_was_sent(town: Town):
    client = town.make_client()
    username, email = town.verified_user(client.pool)
    town.idp.admin_reset_user_password(UserPoolId=client.pool, Username=username)
    assert town.status(client.pool, username) == "RESET_REQUIRED"
    with refused("PasswordResetRequiredException", "Password reset required for the user"):
        client.begin(username)
    town.idp.confirm_forgot_password(
        ClientId=client.id, Username=username, ConfirmationCode=town.inbox.code(email), Password="Another-horse-2"
    )
    assert town.status(client.pool, username) == "CONFIRMED"
    assert client.sign_in(username, "Another-horse-2")["AccessToken"]


def test_a_reset_needs_a_place_to_send_the_code_to(town: Town):
    pool = town.make_pool()
    username = town.make_user(pool)
    with refused(
        "InvalidParameterException",
        "Cannot reset password for the user as there is no registered/verified email or phone_number",
    ):
        town.idp.admin_reset_user_password(UserPoolId=pool, Username=username)


def test_a_temporary_password_expires(town: Town):
    client = town.make_client()
    username = town.make_user(client.pool, password=None)
    assert client.begin(username, "Temporary-1")["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
    town.advance(7 * 86400 + 60)
    with refused("NotAuthorizedException", "Temporary password has expired and must be reset by an administrator."):
        client.begin(username, "Temporary-1")
