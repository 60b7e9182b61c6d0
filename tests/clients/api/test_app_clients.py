"""App clients: made, described, changed, listed, deleted; what their settings may say."""

import re

import pytest
from town import Town, refused, unique


def test_a_new_client_has_the_documented_defaults(town: Town):
    pool = town.make_pool()
    made = town.idp.create_user_pool_client(UserPoolId=pool, ClientName="plain")["UserPoolClient"]
    assert re.fullmatch(r"[a-z0-9]{26}", made["ClientId"])
    assert (made["UserPoolId"], made["ClientName"]) == (pool, "plain")
    assert made["RefreshTokenValidity"] == 30
    assert made["AllowedOAuthFlowsUserPoolClient"] is False
    assert made["EnableTokenRevocation"] is True
    assert made["EnablePropagateAdditionalUserContextData"] is False
    assert made["AuthSessionValidity"] == 3
    assert "ClientSecret" not in made
    described = town.idp.describe_user_pool_client(UserPoolId=pool, ClientId=made["ClientId"])["UserPoolClient"]
    assert described == made


def test_a_generated_secret_stays_readable(town: Town):
    pool = town.make_pool()
    made = town.idp.create_user_pool_client(UserPoolId=pool, ClientName="secret", GenerateSecret=True)["UserPoolClient"]
    assert re.fullmatch(r"[a-z0-9]{40,64}", made["ClientSecret"])
    described = town.idp.describe_user_pool_client(UserPoolId=pool, ClientId=made["ClientId"])["UserPoolClient"]
    assert described["ClientSecret"] == made["ClientSecret"]


def test_an_update_replaces_the_settings_and_keeps_name_and_secret(town: Town):
    pool = town.make_pool()
    made = town.idp.create_user_pool_client(
        UserPoolId=pool, ClientName="first", GenerateSecret=True, ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
        AllowedOAuthFlowsUserPoolClient=True, AllowedOAuthFlows=["code"], AllowedOAuthScopes=["openid"],
        CallbackURLs=["https://app.example.com/callback"],
    )["UserPoolClient"]
    changed = town.idp.update_user_pool_client(
        UserPoolId=pool, ClientId=made["ClientId"], AccessTokenValidity=10, TokenValidityUnits={"AccessToken": "minutes"}
    )["UserPoolClient"]
    assert (changed["ClientName"], changed["ClientSecret"]) == ("first", made["ClientSecret"])
    assert (changed["AccessTokenValidity"], changed["TokenValidityUnits"]) == (10, {"AccessToken": "minutes"})
    assert changed["AllowedOAuthFlowsUserPoolClient"] is False
    assert not changed.get("CallbackURLs") and not changed.get("AllowedOAuthFlows")


def test_listing_walks_all_clients_page_by_page(town: Town):
    pool = town.make_pool()
    made = {
        town.idp.create_user_pool_client(UserPoolId=pool, ClientName=unique("c"))["UserPoolClient"]["ClientId"] for _ in range(5)
    }
    pages = list(town.idp.get_paginator("list_user_pool_clients").paginate(UserPoolId=pool, PaginationConfig={"PageSize": 2}))
    listed = [client for page in pages for client in page["UserPoolClients"]]
    assert [len(page["UserPoolClients"]) for page in pages] == [2, 2, 1]
    assert {client["ClientId"] for client in listed} == made
    assert all(set(client) == {"ClientId", "UserPoolId", "ClientName"} for client in listed)


def test_a_deleted_client_signs_nobody_in(town: Town):
    client = town.make_client()
    username = town.make_user(client.pool)
    session = client.sign_in(username)
    town.idp.delete_user_pool_client(UserPoolId=client.pool, ClientId=client.id)
    message = f"User pool client {client.id} does not exist."
    with refused("ResourceNotFoundException", message):
        client.begin(username)
    with refused("ResourceNotFoundException", message):
        client.refresh(session["RefreshToken"])
    with refused("ResourceNotFoundException", message):
        town.idp.describe_user_pool_client(UserPoolId=client.pool, ClientId=client.id)


def test_a_client_is_found_in_its_own_pool_only(town: Town):
    client, other = town.make_client(), town.make_pool()
    with refused("ResourceNotFoundException", f"User pool client {client.id} does not exist."):
        town.idp.describe_user_pool_client(UserPoolId=other, ClientId=client.id)


@pytest.mark.parametrize(
    ("settings", "name", "message"),
    [
        (
            {"AllowedOAuthFlowsUserPoolClient": True},
            "InvalidParameterException",
            "AllowedOAuthFlows and AllowedOAuthScopes are required if user pool client is allowed to use OAuth flows.",
        ),
        (
            {
                "AllowedOAuthFlowsUserPoolClient": True, "AllowedOAuthFlows": ["client_credentials", "code"], "AllowedOAuthScopes": ["openid"],
                "CallbackURLs": ["https://app.example.com/"], "GenerateSecret": True,
            },
            "InvalidOAuthFlowException",
            "client_credentials flow can not be selected along with code flow or implicit flow.",
        ),
        (
            {"AllowedOAuthFlowsUserPoolClient": True, "AllowedOAuthFlows": ["client_credentials"], "AllowedOAuthScopes": ["openid"]},
            "InvalidOAuthFlowException",
            "client_credentials flow can not be selected if client does not have a client secret.",
        ),
        (
            {
                "AllowedOAuthFlowsUserPoolClient": True, "AllowedOAuthFlows": ["code"], "AllowedOAuthScopes": ["shop/read"],
                "CallbackURLs": ["https://app.example.com/"],
            },
            "ScopeDoesNotExistException",
            None,
        ),
        (
            {
                "AllowedOAuthFlowsUserPoolClient": True, "AllowedOAuthFlows": ["code"], "AllowedOAuthScopes": ["openid"],
                "CallbackURLs": ["http://app.example.com/"],
            },
            "InvalidParameterException",
            None,
        ),
        ({"ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH", "ADMIN_NO_SRP_AUTH"]}, "InvalidParameterException", None),
        ({"AccessTokenValidity": 4, "TokenValidityUnits": {"AccessToken": "minutes"}}, "InvalidParameterException", None),
        ({"WriteAttributes": ["custom:nowhere"]}, "InvalidParameterException", "Invalid write attributes specified while creating a client"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(town: Town, settings: dict, name: str, message: str | None):
    with refused(name, message):
        town.idp.create_user_pool_client(UserPoolId=town.make_pool(), ClientName=unique("client"), **settings)
