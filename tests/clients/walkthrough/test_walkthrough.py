"""The README's story, told with the AWS command line and plain HTTP: who reaches which route of the example, and who does not.

Runs against `poolhouse.toml` as it is checked in, on SQLite and on PostgreSQL.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import requests
from launch import EXAMPLE_CONFIG, Server, new_database
from town import claims

AWS = str(Path(sys.executable).parent / "aws")
EXAMPLE = tomllib.loads(EXAMPLE_CONFIG.read_text())
POOL = EXAMPLE["pool"][0]
CLIENT = POOL["client"][0]["id"]
PASSWORDS = {user["username"]: user["password"] for user in POOL["user"]}

UNAUTHORIZED = (401, '{"message":"Unauthorized"}')
FORBIDDEN = (403, '{"message":"Forbidden"}')
HELLO_REGULAR = (200, '"Hello from Regular User"')
HELLO_ADMIN = (200, '"Hello from Admin User"')


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def server(request: pytest.FixtureRequest):
    database = new_database("walkthrough") if request.param == "postgres" else None
    with Server(f"walkthrough-{request.param}", EXAMPLE_CONFIG, database) as running:
        yield running


def aws(server: Server, *arguments: str) -> dict:
    done = subprocess.run(
        [AWS, "--endpoint-url", server.url, "--output", "json", "cognito-idp", *arguments],
        capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else {}


def initiate_auth(server: Server, username: str, password: str, client: str = CLIENT) -> dict:
    answer = aws(
        server, "initiate-auth", "--auth-flow", "USER_PASSWORD_AUTH", "--client-id", client,
        "--auth-parameters", f"USERNAME={username},PASSWORD={password}",
    )
    assert answer["ChallengeParameters"] == {}
    return answer["AuthenticationResult"]


@pytest.fixture(scope="module")
def tokens(server: Server) -> dict[str, dict]:
    return {name: initiate_auth(server, name, PASSWORDS[name]) for name in ("adminuser", "regularuser")}


def get(server: Server, path: str, authorization: str | None = None) -> requests.Response:
    headers = {} if authorization is None else {"Authorization": authorization}
    return requests.get(server.gateway + path, headers=headers, timeout=30)


def said(answer: requests.Response) -> tuple[int, str]:
    assert answer.headers["apigw-requestid"]
    return answer.status_code, answer.text


def test_the_command_line_receives_tokens_of_the_example_pool(server: Server, tokens: dict):
    result = tokens["regularuser"]
    assert result["TokenType"] == "Bearer" and result["ExpiresIn"] == 3600 and result["RefreshToken"]
    identity, access = claims(result["IdToken"]), claims(result["AccessToken"])
    assert identity["iss"] == access["iss"] == f"{server.url}/{POOL['id']}"
    assert identity["aud"] == access["client_id"] == CLIENT
    assert identity["cognito:groups"] == ["regular"] and identity["cognito:username"] == "regularuser"
    assert identity["scope"] == f"regular-{CLIENT}"
    assert access["scope"] == "aws.cognito.signin.user.admin"


@pytest.mark.parametrize("path", ["/RegularUser", "/AdminUser"])
def test_without_a_token_nobody_passes(server: Server, path: str):
    answer = get(server, path)
    assert said(answer) == UNAUTHORIZED
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("prefix", ["", "Bearer "])
@pytest.mark.parametrize(
    ("username", "path", "expected"),
    [
        ("regularuser", "/RegularUser", HELLO_REGULAR),
        ("regularuser", "/AdminUser", FORBIDDEN),
        ("adminuser", "/RegularUser", HELLO_REGULAR),
        ("adminuser", "/AdminUser", HELLO_ADMIN),
    ],
)
def test_the_id_token_opens_what_the_groups_allow(server: Server, tokens: dict, prefix: str, username: str, path: str, expected):
    assert said(get(server, path, prefix + tokens[username]["IdToken"])) == expected


@pytest.mark.parametrize("username", ["adminuser", "regularuser"])
@pytest.mark.parametrize("path", ["/RegularUser", "/AdminUser"])
def test_the_access_token_lacks_the_scopes(server: Server, tokens: dict, username: str, path: str):
    assert said(get(server, path, tokens[username]["AccessToken"])) == FORBIDDEN


def test_a_refusal_for_scope_says_which_scope_is_needed(server: Server, tokens: dict):
    answer = get(server, "/AdminUser", tokens["regularuser"]["IdToken"])
    assert answer.headers["www-authenticate"].startswith(f'Bearer scope="admin-{CLIENT}" error="insufficient_scope"')


def test_a_refresh_gives_a_token_that_opens_the_same_routes(server: Server, tokens: dict):
    refreshed = aws(
        server, "initiate-auth", "--auth-flow", "REFRESH_TOKEN_AUTH", "--client-id", CLIENT,
        "--auth-parameters", f"REFRESH_TOKEN={tokens['regularuser']['RefreshToken']}",
    )["AuthenticationResult"]
    assert "RefreshToken" not in refreshed
    assert said(get(server, "/RegularUser", refreshed["IdToken"])) == HELLO_REGULAR
    assert said(get(server, "/AdminUser", refreshed["IdToken"])) == FORBIDDEN


def test_another_client_of_the_pool_is_another_audience(server: Server):
    other = aws(
        server, "create-user-pool-client", "--user-pool-id", POOL["id"], "--client-name", "other",
        "--explicit-auth-flows", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH",
    )["UserPoolClient"]["ClientId"]
    token = initiate_auth(server, "adminuser", PASSWORDS["adminuser"], other)["IdToken"]
    answer = get(server, "/AdminUser", token)
    assert said(answer) == UNAUTHORIZED
    assert answer.headers["www-authenticate"] == (
        'Bearer scope="" error="invalid_token" error_description="the token does not have a valid audience"'
    )


def test_another_pool_is_another_issuer(server: Server):
    pool = aws(server, "create-user-pool", "--pool-name", "foreign")["UserPool"]["Id"]
    client = aws(
        server, "create-user-pool-client", "--user-pool-id", pool, "--client-name", "foreign",
        "--explicit-auth-flows", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH",
    )["UserPoolClient"]["ClientId"]
    aws(server, "admin-create-user", "--user-pool-id", pool, "--username", "stranger", "--message-action", "SUPPRESS")
    aws(
        server, "admin-set-user-password", "--user-pool-id", pool, "--username", "stranger",
        "--password", "Stranger-1234", "--permanent",
    )
    answer = get(server, "/RegularUser", initiate_auth(server, "stranger", "Stranger-1234", client)["IdToken"])
    assert said(answer) == UNAUTHORIZED
    assert answer.headers["www-authenticate"].startswith('Bearer scope="" error="invalid_token"')


def encoded(part: dict) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def test_a_changed_token_is_refused(server: Server, tokens: dict):
    head, payload, signature = tokens["regularuser"]["IdToken"].split(".")
    raised = claims(tokens["regularuser"]["IdToken"]) | {"scope": f"admin-{CLIENT}"}
    header = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    middle = len(signature) // 2
    flipped = signature[:middle] + ("A" if signature[middle] != "A" else "B") + signature[middle + 1 :]
    for token in (
        f"{head}.{encoded(raised)}.{signature}",
        f"{head}.{payload}.{flipped}",
        f"{head}.{payload}.",
        f"{encoded(header | {'alg': 'none'})}.{encoded(raised)}.",
        f"{encoded(header | {'alg': 'HS256'})}.{encoded(raised)}.{signature}",
        f"{encoded(header | {'kid': 'unknown'})}.{payload}.{signature}",
    ):
        answer = get(server, "/AdminUser", token)
        assert said(answer) == UNAUTHORIZED, token
        assert answer.headers["www-authenticate"].startswith('Bearer scope="" error="invalid_token" error_description="')


def test_what_is_no_token_is_refused(server: Server):
    answer = get(server, "/RegularUser", "Bearer no-token")
    assert said(answer) == UNAUTHORIZED
    assert answer.headers["www-authenticate"] == (
        'Bearer scope="" error="invalid_token" error_description="token contains an invalid number of segments"'
    )


def test_an_unknown_route_is_not_found(server: Server, tokens: dict):
    assert said(get(server, "/Nowhere", tokens["adminuser"]["IdToken"])) == (404, '{"message":"Not Found"}')
    answer = requests.post(server.gateway + "/AdminUser", headers={"Authorization": tokens["adminuser"]["IdToken"]}, timeout=30)
    assert said(answer) == (404, '{"message":"Not Found"}')


def test_a_refusal_can_be_explained(server: Server, tokens: dict):
    def explained(token: str, code: int) -> list[str]:
        done = server.command("explain", "--route", "GET /AdminUser", "--token", token)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout.splitlines()

    passes = explained(tokens["adminuser"]["IdToken"], 0)
    assert passes[:3] == ["API JWTAuth, stage $default", "route GET /AdminUser", "authorizer JWTAuth (JWT)"]
    assert passes[-1] == "the request passes"
    refused = explained(tokens["regularuser"]["IdToken"], 1)
    assert [line.split()[1] for line in refused if "FAILED" in line] == ["scopes"]
    assert refused[-1].startswith("refused with 403: insufficient_scope")
    assert explained("garbage", 1)[-1].startswith("refused with 401: invalid_token")


def test_tokens_survive_a_restart(server: Server, tokens: dict):
    assert server.stop() == 0
    server.start()
    assert said(get(server, "/AdminUser", tokens["adminuser"]["IdToken"])) == HELLO_ADMIN
    aws(
        server, "initiate-auth", "--auth-flow", "REFRESH_TOKEN_AUTH", "--client-id", CLIENT,
        "--auth-parameters", f"REFRESH_TOKEN={tokens['adminuser']['RefreshToken']}",
    )


# Last in the file: it moves the server's clock.
def test_an_expired_token_is_refused(server: Server):
    token = initiate_auth(server, "adminuser", PASSWORDS["adminuser"])["IdToken"]
    assert said(get(server, "/AdminUser", token)) == HELLO_ADMIN
    moved = requests.post(f"{server.url}/_poolhouse/clock", json={"advance_seconds": 3601}, timeout=10)
    assert moved.status_code < 300, moved.text
    answer = get(server, "/AdminUser", token)
    assert said(answer) == UNAUTHORIZED
    assert answer.headers["www-authenticate"].startswith('Bearer scope="" error="invalid_token" error_description="')
