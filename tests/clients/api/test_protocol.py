"""The wire: headers, envelopes and generated validation messages."""

import base64
import concurrent.futures
import json
import re
import socket
import zlib
from collections.abc import Iterable
from pathlib import Path

import pytest
import requests
from town import Client, Town, refused

TARGET = "AWSCognitoIdentityProviderService."


def post(town: Town, operation: str, body: object, **headers: str) -> requests.Response:
    sent = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": TARGET + operation} | headers
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return requests.post(town.server.url + "/", data=data, headers=sent, timeout=30)


@pytest.fixture(scope="module")
def client(town: Town) -> Client:
    return town.make_client()


def test_an_answer_has_the_headers_that_clients_read(town: Town, client: Client):
    username = town.make_user(client.pool)
    answer = post(
        town, "InitiateAuth",
        {"ClientId": client.id, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": {"USERNAME": username, "PASSWORD": "Correct-horse-1"}},
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-amz-json-1.1"
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", answer.headers["x-amzn-requestid"])
    assert answer.headers["access-control-allow-origin"] == "*"


def test_an_error_says_its_name_in_body_and_headers(town: Town, client: Client):
    answer = post(
        town, "InitiateAuth",
        {"ClientId": client.id, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": {"USERNAME": "stranger", "PASSWORD": "Wrong-horse-1"}},
    )
    assert answer.status_code == 400
    assert answer.json() == {"__type": "UserNotFoundException", "message": "User does not exist."}
    assert answer.headers["x-amzn-errortype"] == "UserNotFoundException:"
    assert answer.headers["x-amzn-errormessage"] == "User does not exist."
    assert answer.headers["content-type"] == "application/x-amz-json-1.1"
    assert "x-amzn-ErrorType" in answer.headers["access-control-expose-headers"]


def test_a_preflight_allows_what_browser_clients_send(town: Town):
    wanted = "content-type,x-amz-target,x-amz-user-agent,cache-control"
    answer = requests.options(
        town.server.url + "/", timeout=10,
        headers={
            "Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": wanted,
        },
    )
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "POST" in answer.headers["access-control-allow-methods"]
    allowed = {name.strip().lower() for name in answer.headers["access-control-allow-headers"].split(",")}
    assert set(wanted.split(",")) <= allowed


def test_an_unknown_operation_and_an_unreadable_body_are_named(town: Town):
    answer = post(town, "NoSuchOperation", {})
    assert (answer.status_code, answer.json()["__type"]) == (400, "UnknownOperationException")
    for body in (b"{", b"[]", b'{"ClientId": 7, "AuthFlow": "USER_PASSWORD_AUTH"}'):
        answer = post(town, "InitiateAuth", body)
        assert (answer.status_code, answer.json()["__type"]) == (400, "SerializationException"), body


VIOLATION = "1 validation error detected: "


@pytest.mark.parametrize(
    ("operation", "given", "message"),
    [
        ("describe_user_pool", {}, "Value null at 'userPoolId' failed to satisfy constraint: Member must not be null"),
        (
            "describe_user_pool", {"UserPoolId": "bad"},
            "Value 'bad' at 'userPoolId' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w-]+_[0-9a-zA-Z]+",
        ),
        (
            "delete_user_pool_client_secret",
            {"UserPoolId": "us-east-1_Nothing00", "ClientId": "5clients23456789abcdefghij", "ClientSecretId": ""},
            "Value '' at 'clientSecretId' failed to satisfy constraint: Member must have length greater than or equal to 1",
        ),
        (
            "create_user_pool", {"PoolName": "x" * 129},
            f"Value '{'x' * 129}' at 'poolName' failed to satisfy constraint: Member must have length less than or equal to 128",
        ),
        (
            "list_users", {"UserPoolId": "us-east-1_Nothing00", "Limit": 61},
            "Value '61' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 60",
        ),
        (
            "list_user_pools", {"MaxResults": 0},
            "Value '0' at 'maxResults' failed to satisfy constraint: Member must have value greater than or equal to 1",
        ),
        (
            "create_user_pool", {"PoolName": "p", "Policies": {"PasswordPolicy": {"MinimumLength": 5}}},
            "Value '5' at 'policies.passwordPolicy.minimumLength' failed to satisfy constraint: "
            "Member must have value greater than or equal to 6",
        ),
        (
            "admin_update_user_attributes",
            {"UserPoolId": "us-east-1_Nothing00", "Username": "u", "UserAttributes": [{"Name": "x" * 33, "Value": "v"}]},
            f"Value '{'x' * 33}' at 'userAttributes.1.member.name' failed to satisfy constraint: "
            "Member must have length less than or equal to 32",
        ),
        (
            "admin_set_user_password", {"UserPoolId": "us-east-1_Nothing00", "Username": "u", "Password": "p" * 257},
            "Value at 'password' failed to satisfy constraint: Member must have length less than or equal to 256",
        ),
        (
            "initiate_auth", {"ClientId": "not a client", "AuthFlow": "USER_PASSWORD_AUTH"},
            "Value at 'clientId' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+]+",
        ),
    ],
)
def test_a_shape_violation_reads_as_the_service_writes_it(town: Town, operation: str, given: dict, message: str):
    with refused("InvalidParameterException", VIOLATION + message):
        getattr(town.unchecked, operation)(**given)


def test_an_enum_violation_lists_the_values(town: Town, client: Client):
    answer = post(town, "InitiateAuth", {"ClientId": client.id, "AuthFlow": "NO_SUCH_FLOW"})
    said = answer.json()
    assert said["__type"] == "InvalidParameterException"
    found = re.fullmatch(
        re.escape(VIOLATION + "Value 'NO_SUCH_FLOW' at 'authFlow' failed to satisfy constraint: Member must satisfy enum value set: ")
        + r"\[(.*)\]",
        said["message"],
    )
    assert found, said["message"]
    assert {"USER_SRP_AUTH", "USER_PASSWORD_AUTH", "REFRESH_TOKEN_AUTH", "ADMIN_USER_PASSWORD_AUTH"} <= set(found[1].split(", "))


def test_several_violations_are_counted_and_joined(town: Town):
    answer = post(town, "InitiateAuth", {})
    said = answer.json()
    assert said["__type"] == "InvalidParameterException"
    assert said["message"].startswith("2 validation errors detected: Value")
    parts = said["message"].removeprefix("2 validation errors detected: ").split("; ")
    assert len(parts) == 2 and all(part.endswith("failed to satisfy constraint: Member must not be null") for part in parts)
    assert any("'authFlow'" in part for part in parts) and any("'clientId'" in part for part in parts)


def test_every_rule_that_one_value_breaks_is_a_violation(town: Town):
    with refused(
        "InvalidParameterException",
        "2 validation errors detected: Value '' at 'poolName' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1; Value '' at 'poolName' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [\\w\\s+=,.@-]+",
    ):
        town.unchecked.create_user_pool(PoolName="")


def test_a_sign_up_without_password_reads_as_amplify_expects(town: Town, client: Client):
    said = post(town, "SignUp", {"ClientId": client.id, "Username": "nobody"}).json()
    assert said["__type"] == "InvalidParameterException"
    assert "'password'" in said["message"] and "Member must not be null" in said["message"]


def test_unknown_members_are_ignored_and_null_counts_as_absent(town: Town):
    answer = town.unchecked.list_user_pools(MaxResults=1)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    said = post(town, "GetUser", {"AccessToken": None, "Whatever": 1}).json()
    assert said["__type"] == "InvalidParameterException" and "'accessToken'" in said["message"]


def test_discovery_and_keys_are_plain_documents(town: Town, client: Client):
    base = f"{town.server.url}/{client.pool}/.well-known"
    discovery = requests.get(f"{base}/openid-configuration", timeout=10)
    assert discovery.headers["content-type"].startswith("application/json")
    document = discovery.json()
    assert document["issuer"] == f"{town.server.url}/{client.pool}"
    assert document["jwks_uri"] == f"{base}/jwks.json"
    assert document["id_token_signing_alg_values_supported"] == ["RS256"]
    keys = requests.get(document["jwks_uri"], timeout=10).json()["keys"]
    assert keys and all((key["kty"], key["alg"], key["use"], key["e"]) == ("RSA", "RS256", "sig", "AQAB") for key in keys)
    assert all(not {"d", "p", "q"} & set(key) for key in keys)
    assert requests.get(f"{town.server.url}/us-east-1_Nothing00/.well-known/jwks.json", timeout=10).status_code in (400, 404)


def spoken(town: Town, request: bytes) -> str:
    """What the server answers to these bytes until it closes."""
    with socket.create_connection(("127.0.0.1", town.server.port), timeout=10) as connection:
        connection.sendall(request)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    return answer.decode(errors="replace")


def test_a_request_names_one_host(town: Town):
    for path in ("/oauth2/authorize?client_id=x", "/us-east-1_Clients01/.well-known/jwks.json"):
        for head in ("host: localhost\r\nhost: evil.example", "host: a b", "host: user@localhost", "host: ", "x-other: 1"):
            answer = spoken(town, f"GET {path} HTTP/1.1\r\n{head}\r\nconnection: close\r\n\r\n".encode())
            assert answer.startswith("HTTP/1.1 400 "), (head, answer)
        answer = spoken(town, f"GET {path} HTTP/1.1\r\nhost: localhost:9229\r\nconnection: close\r\n\r\n".encode())
        assert re.match("HTTP/1.1 (200|302) ", answer), answer


def test_trailers_and_expectations_are_taken_as_http_has_them(town: Town):
    head = b"POST /oauth2/token HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/x-www-form-urlencoded\r\n"
    form = b"grant_type=password"
    refusal = '{"error":"invalid_request","error_description":"client_id is missing"}'
    chunks = b"%x\r\n%s\r\n0\r\ncontent-length: 1\r\nx-trailer: 1\r\n\r\n" % (len(form), form)
    assert spoken(town, head + b"transfer-encoding: chunked\r\n\r\n" + chunks).endswith(refusal)
    expecting = head + b"expect: 100-continue\r\n"
    answer = spoken(town, expecting + b"content-length: %d\r\n\r\n" % len(form) + form)
    # Whoever has sent it already needs no word, and may get one.
    assert answer.startswith(("HTTP/1.1 100 ", "HTTP/1.1 400 ")) and answer.endswith(refusal)
    # What is too large by its own word is refused before it is asked for.
    assert spoken(town, expecting + b"content-length: 19000000\r\n\r\n").startswith("HTTP/1.1 413 ")


def pushed(town: Town, pieces: Iterable[bytes]) -> str:
    """What the server answers while, or before, all of the pieces are sent."""
    with socket.create_connection(("127.0.0.1", town.server.port), timeout=30) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass
        answer = b""
        try:
            while piece := connection.recv(65536):
                answer += piece
        except ConnectionResetError:
            pass
    return answer.decode(errors="replace")


def test_a_head_without_end_is_refused_unread(town: Town):
    for query in ("scope=" + "a" * 1_000_000, "scope=" + "a+" * 50_000, "state=" + "s" * 65_536):
        head = f"GET /oauth2/authorize?{query} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode()
        assert re.match("HTTP/1.1 (414|431) ", pushed(town, [head])), query[:20]


def memory(town: Town, name: str) -> int:
    """In bytes: `VmRSS` is what the server holds now, `VmHWM` the most since `clear_refs` was written."""
    status = Path(f"/proc/{town.server.process.pid}/status").read_text()
    return int(re.search(rf"{name}:\s+(\d+) kB", status)[1]) * 1024


def test_what_is_huge_costs_no_memory(town: Town):
    """Sixteen at once with ten megabytes each: sent by their length, in chunks, or packed a thousand to one."""
    size, piece = 10_000_000, b"SAMLResponse=" + b"A" * 65_523
    head = "POST {} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/x-www-form-urlencoded\r\n{}\r\n\r\n"
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = base64.b64encode(packed.compress(b" " * size) + packed.flush()).decode().replace("+", "%2B")
    assert len(bomb) < 16_000

    def with_length(path: str) -> bool:
        answer = pushed(town, [head.format(path, f"content-length: {size}").encode(), *[piece] * (size // len(piece))])
        return answer.startswith("HTTP/1.1 413 ")

    def in_chunks(path: str) -> bool:
        chunk = b"%x\r\n%s\r\n" % (len(piece), piece)
        answer = pushed(town, [head.format(path, "transfer-encoding: chunked").encode(), *[chunk] * (size // len(piece)), b"0\r\n\r\n"])
        return answer.startswith("HTTP/1.1 413 ")

    def inflated(_: str) -> bool:
        answer = requests.get(f"{town.server.url}/saml2/logout?SAMLRequest={bomb}", allow_redirects=False, timeout=30)
        return answer.status_code == 302 and answer.headers["location"].startswith("/error?")

    tries = [(attack, path) for attack in (with_length, in_chunks, inflated) for path in ("/saml2/idpresponse", "/oauth2/token")]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        def round_of(attack, path) -> None:
            assert all(pool.map(lambda _: attack(path), range(16))), (attack.__name__, path)

        for attack, path in tries:
            round_of(attack, path)
        for attack, path in tries:
            Path(f"/proc/{town.server.process.pid}/clear_refs").write_text("5")
            before = memory(town, "VmRSS")
            round_of(attack, path)
            # A form of a SAML response may have 300 kB, and sixteen of them are under way.
            grown = memory(town, "VmHWM") - before
            assert grown < 16 * 1024 * 1024, f"{attack.__name__} {path}: {grown} bytes more"
