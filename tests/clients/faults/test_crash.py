"""What was acknowledged survives: the server is killed without warning while eight writers create users."""

from __future__ import annotations

import threading
import time

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from launch import SUITE_CONFIG, Server, new_database
from town import Town

POOL = "us-east-1_Clients01"
WRITERS = 8
DURABLE = {"POOLHOUSE_DATABASE__DURABILITY": "full"}


class Writer(threading.Thread):
    """Creates users until the server is gone; remembers which were acknowledged."""

    def __init__(self, server: Server, name: str, gone: threading.Event):
        super().__init__(name=name, daemon=True)
        self.idp = Town(server).idp
        self.gone = gone
        self.acknowledged: list[str] = []
        self.refused: list[str] = []

    def run(self) -> None:
        for number in range(10_000):
            username = f"{self.name}-{number}"
            try:
                self.idp.admin_create_user(UserPoolId=POOL, Username=username, MessageAction="SUPPRESS", TemporaryPassword="Temporary-1")
            except BotoCoreError:
                return
            except ClientError as error:
                # Only an answer that is an error counts against the server, and only while it was alive.
                if not self.gone.is_set():
                    self.refused.append(str(error))
                return
            self.acknowledged.append(username)


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
@pytest.mark.parametrize("moment", [0.6, 1.7])
def test_every_acknowledged_user_survives_a_kill(engine: str, moment: float):
    database = new_database("crash") if engine == "postgres" else None
    server = Server(f"crash-{engine}", SUITE_CONFIG, database, environment=DURABLE)
    with server:
        gone = threading.Event()
        writers = [Writer(server, f"writer{number}", gone) for number in range(WRITERS)]
        for writer in writers:
            writer.start()
        time.sleep(moment)
        gone.set()
        server.kill()
        for writer in writers:
            writer.join(timeout=90)
            assert not writer.is_alive()
        assert [line for writer in writers for line in writer.refused] == []
        acknowledged = [username for writer in writers for username in writer.acknowledged]
        assert len(acknowledged) >= WRITERS, "the writers were too slow for the kill to mean anything"

        server.start()
        idp = Town(server).idp
        found = {
            user["Username"]
            for page in idp.get_paginator("list_users").paginate(UserPoolId=POOL)
            for user in page["Users"]
        }
        assert set(acknowledged) - found == set()
        # Found in the list is not enough: the row must be whole.
        for username in acknowledged[:: max(1, len(acknowledged) // 25)]:
            user = idp.admin_get_user(UserPoolId=POOL, Username=username)
            assert user["UserStatus"] == "FORCE_CHANGE_PASSWORD" and any(pair["Name"] == "sub" for pair in user["UserAttributes"])
        # At most the one request that each writer had under way may have been stored without an answer.
        assert len(found - set(acknowledged) - {"ada"}) <= WRITERS
        idp.admin_create_user(UserPoolId=POOL, Username="after-the-crash", MessageAction="SUPPRESS")


def test_sessions_and_keys_survive_a_kill():
    server = Server("crash-session", SUITE_CONFIG, environment=DURABLE)
    with server:
        idp = Town(server).idp
        client = "5clients23456789abcdefghij"
        tokens = idp.initiate_auth(
            ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": "ada", "PASSWORD": "Lovelace-1815"}
        )["AuthenticationResult"]
        server.kill()
        server.start()
        assert idp.get_user(AccessToken=tokens["AccessToken"])["Username"] == "ada"
        refreshed = idp.initiate_auth(
            ClientId=client, AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters={"REFRESH_TOKEN": tokens["RefreshToken"]}
        )
        assert refreshed["AuthenticationResult"]["IdToken"]
