"""Groups and membership, and what they do to tokens."""

from town import Town, claims, refused


def test_a_group_lives_from_creation_to_deletion(town: Town):
    pool = town.make_pool()
    made = town.idp.create_group(
        UserPoolId=pool, GroupName="editors", Description="May edit", Precedence=3, RoleArn="arn:aws:iam::123456789012:role/editors"
    )["Group"]
    assert (made["GroupName"], made["UserPoolId"], made["Description"], made["Precedence"]) == ("editors", pool, "May edit", 3)
    assert town.idp.get_group(UserPoolId=pool, GroupName="editors")["Group"] == made
    town.idp.update_group(UserPoolId=pool, GroupName="editors", Description="May edit all", Precedence=1)
    changed = town.idp.get_group(UserPoolId=pool, GroupName="editors")["Group"]
    assert (changed["Description"], changed["Precedence"]) == ("May edit all", 1)
    town.idp.delete_group(UserPoolId=pool, GroupName="editors")
    with refused("ResourceNotFoundException", "Group not found."):
        town.idp.get_group(UserPoolId=pool, GroupName="editors")


def test_a_taken_name_is_refused(town: Town):
    pool = town.make_pool()
    town.idp.create_group(UserPoolId=pool, GroupName="editors")
    with refused("GroupExistsException", "A group with the name already exists."):
        town.idp.create_group(UserPoolId=pool, GroupName="editors")


def test_groups_are_listed_page_by_page(town: Town):
    pool = town.make_pool()
    made = {f"group{number}" for number in range(5)}
    for name in made:
        town.idp.create_group(UserPoolId=pool, GroupName=name)
    pages = list(town.idp.get_paginator("list_groups").paginate(UserPoolId=pool, PaginationConfig={"PageSize": 2}))
    assert [len(page["Groups"]) for page in pages] == [2, 2, 1]
    assert {group["GroupName"] for page in pages for group in page["Groups"]} == made


def test_membership_is_idempotent_and_seen_from_both_sides(town: Town):
    pool = town.make_pool()
    town.idp.create_group(UserPoolId=pool, GroupName="editors")
    names = {town.make_user(pool) for _ in range(3)}
    for name in names:
        for _ in range(2):
            town.idp.admin_add_user_to_group(UserPoolId=pool, Username=name, GroupName="editors")
    members = town.idp.list_users_in_group(UserPoolId=pool, GroupName="editors")["Users"]
    assert {user["Username"] for user in members} == names
    first = min(names)
    groups = town.idp.admin_list_groups_for_user(UserPoolId=pool, Username=first)["Groups"]
    assert [group["GroupName"] for group in groups] == ["editors"]
    for _ in range(2):
        town.idp.admin_remove_user_from_group(UserPoolId=pool, Username=first, GroupName="editors")
    assert town.idp.admin_list_groups_for_user(UserPoolId=pool, Username=first)["Groups"] == []


def test_membership_needs_both_the_user_and_the_group(town: Town):
    pool = town.make_pool()
    username = town.make_user(pool)
    with refused("ResourceNotFoundException", "Group not found."):
        town.idp.admin_add_user_to_group(UserPoolId=pool, Username=username, GroupName="nobody")
    town.idp.create_group(UserPoolId=pool, GroupName="editors")
    with refused("UserNotFoundException", "User does not exist."):
        town.idp.admin_add_user_to_group(UserPoolId=pool, Username="nobody", GroupName="editors")


def test_tokens_carry_the_groups_of_the_moment(town: Town):
    client = town.make_client()
    username = town.make_user(client.pool)
    town.idp.create_group(UserPoolId=client.pool, GroupName="late", Precedence=9, RoleArn="arn:aws:iam::123456789012:role/late")
    town.idp.create_group(UserPoolId=client.pool, GroupName="early", Precedence=1, RoleArn="arn:aws:iam::123456789012:role/early")
    session = client.sign_in(username)
    assert "cognito:groups" not in claims(session["IdToken"])
    for group in ("late", "early"):
        town.idp.admin_add_user_to_group(UserPoolId=client.pool, Username=username, GroupName=group)
    refreshed = client.refresh(session["RefreshToken"])
    identity = claims(refreshed["IdToken"])
    assert sorted(identity["cognito:groups"]) == ["early", "late"]
    assert identity["cognito:preferred_role"] == "arn:aws:iam::123456789012:role/early"
    assert sorted(claims(refreshed["AccessToken"])["cognito:groups"]) == ["early", "late"]
    town.idp.delete_group(UserPoolId=client.pool, GroupName="early")
    assert claims(client.sign_in(username)["IdToken"])["cognito:groups"] == ["late"]
