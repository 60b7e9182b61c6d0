"""Production: who may administer is decided by a signature that boto3 itself made, and the tools of development are gone."""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest
import requests
from botocore import UNSIGNED
from botocore.config import Config
from launch import Server
from town import refused

KEY, SECRET = "POOLHOUSEADMIN99", "kq93jf0asdkjf203jfalskdjf2039jfasld8Zx"
CONFIG = f"""
mode = "production"

[server]
behind_proxy = true
trusted_proxies = ["127.0.0.1"]

[admin]
access_keys = [{{ id = "{KEY}", secret = "{SECRET}" }}]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    config: Path = tmp_path_factory.mktemp("production") / "poolhouse.toml"
    config.write_text(CONFIG)
    with Server("production", config, public_url="https://id.example") as running:
        yield running


def client(server: Server, key: str, secret: str):
    return boto3.client(
        "cognito-idp", endpoint_url=server.url, region_name="eu-west-1", aws_access_key_id=key, aws_secret_access_key=secret,
        config=Config(retries={"max_attempts": 0}),
    )


def unsigned(server: Server):
    return boto3.client("cognito-idp", endpoint_url=server.url, region_name="eu-west-1", config=Config(signature_version=UNSIGNED))


def test_the_configured_key_administers_in_the_region_that_it_signs_for(server: Server):
    idp = client(server, KEY, SECRET)
    pool = idp.create_user_pool(PoolName="signed", UserPoolTags={"title": "größer"})["UserPool"]
    assert pool["Id"].startswith("eu-west-1_") and ":eu-west-1:" in pool["Arn"]
    flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    made = idp.create_user_pool_client(UserPoolId=pool["Id"], ClientName="signed", ExplicitAuthFlows=flows)["UserPoolClient"]
    idp.admin_create_user(UserPoolId=pool["Id"], Username="ada", MessageAction="SUPPRESS", TemporaryPassword="Temporary-1")
    idp.admin_set_user_password(UserPoolId=pool["Id"], Username="ada", Password="Correct-horse-1", Permanent=True)
    # Signing in is public: it needs no signature.
    answer = unsigned(server).initiate_auth(
        ClientId=made["ClientId"], AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": "ada", "PASSWORD": "Correct-horse-1"}
    )
    assert answer["AuthenticationResult"]["AccessToken"]


def test_other_keys_and_other_secrets_do_not(server: Server):
    with refused("InvalidSignatureException"):
        client(server, KEY, SECRET[::-1]).list_user_pools(MaxResults=1)
    with refused("UnrecognizedClientException"):
        client(server, KEY[::-1], SECRET).list_user_pools(MaxResults=1)
    with refused("MissingAuthenticationTokenException"):
        unsigned(server).list_user_pools(MaxResults=1)


@pytest.mark.parametrize("path", ["messages?to=ada@example.com", "clock", "reset", "hooks"])
def test_the_test_controls_are_absent(server: Server, path: str):
    for method in ("GET", "POST"):
        assert requests.request(method, f"{server.url}/_poolhouse/{path}", timeout=10).status_code == 404
