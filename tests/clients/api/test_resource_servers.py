"""Resource servers and their scopes."""

from town import Town, refused


def test_a_resource_server_lives_from_creation_to_deletion(town: Town):
    pool = town.make_pool()
    scopes = [{"ScopeName": "read", "ScopeDescription": "Look"}, {"ScopeName": "write", "ScopeDescription": "Touch"}]
    made = town.idp.create_resource_server(UserPoolId=pool, Identifier="shop", Name="Shop", Scopes=scopes)["ResourceServer"]
    assert (made["UserPoolId"], made["Identifier"], made["Name"]) == (pool, "shop", "Shop")
    assert sorted(made["Scopes"], key=lambda scope: scope["ScopeName"]) == scopes
    assert town.idp.describe_resource_server(UserPoolId=pool, Identifier="shop")["ResourceServer"] == made
    town.idp.update_resource_server(UserPoolId=pool, Identifier="shop", Name="Store", Scopes=scopes[:1])
    changed = town.idp.describe_resource_server(UserPoolId=pool, Identifier="shop")["ResourceServer"]
    assert (changed["Name"], changed["Scopes"]) == ("Store", scopes[:1])
    town.idp.delete_resource_server(UserPoolId=pool, Identifier="shop")
    with refused("ResourceNotFoundException", "Resource server shop does not exist."):
        town.idp.describe_resource_server(UserPoolId=pool, Identifier="shop")


def test_a_taken_identifier_is_refused(town: Town):
    pool = town.make_pool()
    town.idp.create_resource_server(UserPoolId=pool, Identifier="shop", Name="Shop")
    with refused("InvalidParameterException", f"shop already exists in user pool {pool}."):
        town.idp.create_resource_server(UserPoolId=pool, Identifier="shop", Name="Shop")


def test_resource_servers_are_listed_page_by_page(town: Town):
    pool = town.make_pool()
    made = {f"server{number}" for number in range(5)}
    for identifier in made:
        town.idp.create_resource_server(UserPoolId=pool, Identifier=identifier, Name=identifier)
    pages = list(town.idp.get_paginator("list_resource_servers").paginate(UserPoolId=pool, PaginationConfig={"PageSize": 2}))
    assert [len(page["ResourceServers"]) for page in pages] == [2, 2, 1]
    assert {entry["Identifier"] for page in pages for entry in page["ResourceServers"]} == made


def test_a_client_may_use_the_scopes_that_exist(town: Town):
    pool = town.make_pool()
    town.idp.create_resource_server(
        UserPoolId=pool, Identifier="shop", Name="Shop", Scopes=[{"ScopeName": "read", "ScopeDescription": "Look"}]
    )
    made = town.idp.create_user_pool_client(
        UserPoolId=pool, ClientName="machine", GenerateSecret=True, AllowedOAuthFlowsUserPoolClient=True,
        AllowedOAuthFlows=["client_credentials"], AllowedOAuthScopes=["shop/read"],
    )["UserPoolClient"]
    assert made["AllowedOAuthScopes"] == ["shop/read"]
