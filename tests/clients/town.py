"""What a suite does all the time: make pools, clients and users, read messages, move the clock, expect an exact error."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import itertools
import json
import re
import time
from dataclasses import dataclass, field
from typing import Any

import boto3
import requests
from botocore.config import Config
from botocore.exceptions import ClientError
from launch import Server

PASSWORD = "Correct-horse-1"
_numbers = itertools.count(1)


def unique(word: str) -> str:
    return f"{word}{next(_numbers)}"


def attributes(**values: str) -> list[dict[str, str]]:
    return [{"Name": name.replace("custom_", "custom:"), "Value": value} for name, value in values.items()]


def as_dict(pairs: list[dict[str, str]]) -> dict[str, str]:
    return {pair["Name"]: pair["Value"] for pair in pairs}


def secret_hash(secret: str, username: str, client_id: str) -> str:
    digest = hmac.new(secret.encode(), (username + client_id).encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def claims(token: str) -> dict[str, Any]:
    """The payload of a token, unverified: what it says, not whether it is true."""
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


@contextlib.contextmanager
def refused(name: str, message: str | re.Pattern[str] | None = None):
    """The block must fail with exactly this exception and, when given, exactly this message."""
    try:
        yield
    except ClientError as error:
        said = error.response["Error"]
        expected = message if isinstance(message, str) else said["Message"]
        assert (said["Code"], said["Message"]) == (name, expected)
        if isinstance(message, re.Pattern):
            assert message.fullmatch(said["Message"]), said["Message"]
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400
        return
    raise AssertionError(f"expected {name}, but the call succeeded")


@dataclass
class Inbox:
    """The development inbox of the server, told apart by what was already read."""

    server: Server
    read: dict[str, list[str]] = field(default_factory=dict)

    def next(self, to: str, seconds: int = 5) -> dict[str, Any]:
        """The next message to `to` that was not handed out yet."""
        seen = self.read.setdefault(to, [])
        for _ in range(seconds * 4):
            answer = requests.get(
                f"{self.server.url}/_poolhouse/messages", params={"to": to, "wait": 1 if not seen else 0}, timeout=30
            )
            assert answer.status_code == 200, answer.text
            messages = answer.json()
            assert all(message["to"] == to for message in messages)
            unread = list(messages)
            for known in seen:
                with contextlib.suppress(ValueError):
                    unread.remove(json.loads(known))
            if unread:
                seen.append(json.dumps(unread[0]))
                return unread[0]
            if seen:
                time.sleep(0.25)
        raise AssertionError(f"no message reached {to}")

    def code(self, to: str) -> str:
        message = self.next(to)
        assert message["medium"].upper() == "EMAIL"
        return message["code"]


@dataclass
class Client:
    """An app client and its pool, with sign-in at hand."""

    town: Town
    pool: str
    id: str
    secret: str | None

    def auth(self, username: str, **parameters: str) -> dict[str, str]:
        hashed = {"SECRET_HASH": secret_hash(self.secret, username, self.id)} if self.secret else {}
        return {"USERNAME": username} | hashed | parameters

    def begin(self, username: str, password: str = PASSWORD) -> dict[str, Any]:
        return self.town.idp.initiate_auth(
            ClientId=self.id, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=self.auth(username, PASSWORD=password)
        )

    def sign_in(self, username: str, password: str = PASSWORD) -> dict[str, Any]:
        return self.begin(username, password)["AuthenticationResult"]

    def refresh(self, token: str) -> dict[str, Any]:
        answer = self.town.idp.initiate_auth(
            ClientId=self.id, AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters={"REFRESH_TOKEN": token}
        )
        return answer["AuthenticationResult"]


class Town:
    """A running server with an administrator's hands."""

    def __init__(self, server: Server):
        self.server = server
        self.idp = self.client()
        # Sends what boto3 itself would refuse, so that the server's own validation answers.
        self.unchecked = self.client(parameter_validation=False)
        self.inbox = Inbox(server)

    def client(self, **settings: Any) -> Any:
        config = Config(retries={"max_attempts": 0}, read_timeout=60, **settings)
        return boto3.client("cognito-idp", endpoint_url=self.server.url, region_name="us-east-1", config=config)

    def make_pool(self, **settings: Any) -> str:
        return self.idp.create_user_pool(PoolName=unique("pool"), **settings)["UserPool"]["Id"]

    def make_client(self, pool: str | None = None, **settings: Any) -> Client:
        pool = pool or self.make_pool(AutoVerifiedAttributes=["email"])
        settings = {
            "ExplicitAuthFlows": [
                "ALLOW_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH",
            ],
        } | settings
        made = self.idp.create_user_pool_client(UserPoolId=pool, ClientName=unique("client"), **settings)["UserPoolClient"]
        return Client(self, pool, made["ClientId"], made.get("ClientSecret"))

    def make_user(self, pool: str, password: str | None = PASSWORD, **values: str) -> str:
        """A confirmed user with `password`; with None, one that still has its temporary password."""
        username = unique("user")
        self.idp.admin_create_user(
            UserPoolId=pool, Username=username, MessageAction="SUPPRESS", TemporaryPassword="Temporary-1",
            UserAttributes=attributes(**values),
        )
        if password:
            self.idp.admin_set_user_password(UserPoolId=pool, Username=username, Password=password, Permanent=True)
        return username

    def verified_user(self, pool: str) -> tuple[str, str]:
        email = f"{unique('person')}@example.com"
        return self.make_user(pool, email=email, email_verified="true"), email

    def status(self, pool: str, username: str) -> str:
        return self.idp.admin_get_user(UserPoolId=pool, Username=username)["UserStatus"]

    def advance(self, seconds: int) -> None:
        answer = requests.post(f"{self.server.url}/_poolhouse/clock", json={"advance_seconds": seconds}, timeout=10)
        assert answer.status_code < 300, answer.text
