"""What authorizers can beyond the README's story: other issuers, demands and claims for backends, and those of REST APIs.

A partner publishes keys of its own, RSA and an elliptic curve; another issuer is not there at all. Behind the gateway stands a
backend that says which headers reached it.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
import time
from pathlib import Path

import boto3
import jwt
import pytest
import requests
from botocore.config import Config
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from launch import Server, free_port

POOL, CLIENT = "us-east-1_Example01", "1example23456789abcdefghij"
PASSWORD = "Right-1234"
UNAUTHORIZED = (401, '{"message":"Unauthorized"}')
CONFIG = """
[gateway]
www_authenticate = "rfc"

[[pool]]
id = "{pool}"
name = "example"

  [[pool.client]]
  id = "{client}"
  name = "web"
  settings = {{ ExplicitAuthFlows = ["ALLOW_USER_PASSWORD_AUTH"] }}

  [[pool.group]]
  name = "admin"

  [[pool.user]]
  username = "ada"
  password = "{password}"
  groups = ["admin"]

  [[pool.user]]
  username = "bob"
  password = "{password}"

[[api]]
name = "http"

  [api.authorizer.staff]
  type = "JWT"
  issuer = "pool:{pool}"
  audience = ["{client}", "partner"]
  additional_issuers = ["{partner}", "{nowhere}"]
  on_jwks_unavailable = 503
  required_claims = {{ "cognito:groups" = "admin" }}

  [api.authorizer.machines]
  type = "JWT"
  issuer = "pool:{pool}"
  audience = ["{client}"]
  require_token_use = "access"

  [[api.route]]
  key = "GET /staff"
  authorizer = "staff"
    [api.route.integration]
    http = "{backend}/"
    forward_claims = {{ sub = "X-Auth-Sub", "cognito:groups" = {{ header = "X-Auth-Groups", format = "csv" }} }}

  [[api.route]]
  key = "GET /machines"
  authorizer = "machines"
  integration = {{ respond = {{ body = "in" }} }}

[[api]]
name = "rest"
protocol_type = "REST"

  [api.stage.prod]

  [api.authorizer.partners]
  type = "JWT"
  identity_source = "method.request.header.Authorization"
  default_algorithms = ["RS256", "ES256"]

    [[api.authorizer.partners.issuers]]
    issuer = "pool:{pool}"
    audiences = ["{client}"]

    [[api.authorizer.partners.issuers]]
    issuer = "{partner}"
    audiences = ["partner"]
    additional_claims = [{{ claim_name = "tenant", required = true, expected_values = ["blue"] }}]

  [[api.route]]
  key = "GET /in"
  authorizer = "partners"
  integration = {{ respond = {{ body = "in" }} }}

  [[api.route]]
  key = "GET /read"
  authorizer = "partners"
  scopes = ["read"]
  integration = {{ respond = {{ body = "in" }} }}
"""


@contextlib.contextmanager
def answering(answer):
    """A server on loopback whose answers are what `answer` makes of its request's handler; its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps(answer(self)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{running.server_port}"
        finally:
            running.shutdown()


class Partner:
    """An issuer elsewhere."""

    def __init__(self):
        self.url = ""
        self.keys = {
            "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
            "ES256": ec.generate_private_key(ec.SECP256R1()),
        }

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> dict:
        if handler.path == "/.well-known/openid-configuration":
            return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        forms = {"RS256": RSAAlgorithm.to_jwk, "ES256": ECAlgorithm.to_jwk}
        return {"keys": [forms[alg](key.public_key(), as_dict=True) | {"kid": alg} for alg, key in self.keys.items()]}

    def token(self, alg: str = "RS256", key: object = None, **claims: object) -> str:
        now = int(time.time())
        said = {"iss": self.url, "aud": "partner", "sub": "p", "iat": now, "exp": now + 600, "tenant": "blue"} | claims
        return jwt.encode(said, key or self.keys[alg], alg, {"kid": alg})


@pytest.fixture(scope="module")
def partner():
    made = Partner()
    with answering(made.answer) as made.url:
        yield made


@pytest.fixture(scope="module")
def server(partner: Partner, tmp_path_factory: pytest.TempPathFactory):
    file: Path = tmp_path_factory.mktemp("authorizers") / "poolhouse.toml"
    with answering(lambda handler: {name.lower(): value for name, value in handler.headers.items()}) as backend:
        nowhere = f"http://127.0.0.1:{free_port()}"
        file.write_text(CONFIG.format(
            pool=POOL, client=CLIENT, password=PASSWORD, partner=partner.url, nowhere=nowhere, backend=backend
        ))
        with Server("authorizers", file) as running:
            running.nowhere = nowhere
            yield running


@pytest.fixture(scope="module")
def tokens(server: Server) -> dict[str, dict[str, str]]:
    people = boto3.client("cognito-idp", endpoint_url=server.url, config=Config(retries={"total_max_attempts": 1}))

    def signed_in(name: str) -> dict[str, str]:
        parameters = {"USERNAME": name, "PASSWORD": PASSWORD}
        answer = people.initiate_auth(ClientId=CLIENT, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=parameters)
        return answer["AuthenticationResult"]

    return {name: signed_in(name) for name in ("ada", "bob")}


def ask(server: Server, path: str, token: str, **headers: str) -> requests.Response:
    return requests.get(server.gateway + path, headers={"Authorization": f"Bearer {token}"} | headers, timeout=30)


def said(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.text


def test_a_partner_is_trusted_beside_the_pool(server: Server, partner: Partner, tokens: dict):
    groups = {"cognito:groups": ["admin", "other"]}
    for token in (tokens["ada"]["IdToken"], tokens["ada"]["AccessToken"], partner.token(**groups)):
        assert ask(server, "/staff", token).status_code == 200
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for token in (
        tokens["bob"]["IdToken"], partner.token(), partner.token(**groups, aud="other"), partner.token(**groups, exp=1),
        partner.token(key=stranger, **groups), partner.token("ES256", **groups),
    ):
        answer = ask(server, "/staff", token)
        assert said(answer) == UNAUTHORIZED
        assert answer.headers["www-authenticate"].startswith('Bearer error="invalid_token", error_description="')


def test_an_issuer_that_is_not_there_is_no_fault_of_the_token(server: Server, partner: Partner):
    answer = ask(server, "/staff", partner.token(iss=server.nowhere))
    assert said(answer) == (503, '{"message":"Service Unavailable"}')
    assert "www-authenticate" not in answer.headers


def test_a_backend_gets_claims_that_no_client_sets(server: Server, partner: Partner):
    token = partner.token(**{"cognito:groups": ["admin", "other"]})
    forged = {"X-Auth-Sub": "root", "x_auth_groups": "root", "X-Forwarded-For": "6.6.6.6"}
    got = ask(server, "/staff", token, **forged).json()
    assert (got["x-auth-sub"], got["x-auth-groups"]) == ("p", "admin,other")
    assert got["x-forwarded-for"] == "127.0.0.1" and "root" not in got.values()


def test_a_kind_of_token_can_be_asked_for(server: Server, tokens: dict):
    assert said(ask(server, "/machines", tokens["bob"]["AccessToken"])) == (200, "in")
    assert said(ask(server, "/machines", tokens["bob"]["IdToken"])) == UNAUTHORIZED


def test_a_rest_api_knows_several_issuers_and_curves(server: Server, partner: Partner, tokens: dict):
    for token in (tokens["bob"]["IdToken"], partner.token(), partner.token("ES256"), partner.token(aud=["x", "partner"])):
        assert said(ask(server, "/_apis/rest/prod/in", token)) == (200, "in")
    another = ec.generate_private_key(ec.SECP256R1())
    # An access token of a pool has no audience.
    for token in (tokens["bob"]["AccessToken"], partner.token(tenant="red"), partner.token(aud=CLIENT), partner.token("ES256", another)):
        answer = ask(server, "/_apis/rest/prod/in", token)
        assert said(answer) == UNAUTHORIZED
        assert answer.headers["x-amzn-errortype"] == "UnauthorizedException"
    expired = ask(server, "/_apis/rest/prod/in", partner.token(exp=1))
    assert said(expired) == (401, '{"message":"The incoming token has expired"}')
    statuses = [ask(server, "/_apis/rest/prod/read", partner.token(scope=scope)).status_code for scope in ("write read", "write")]
    assert statuses == [200, 403]


def test_what_was_asked_is_counted(server: Server):
    counted = requests.get(f"{server.url}/metrics", timeout=30).text
    for line in (
        'poolhouse_gateway_requests_total{api="http",stage="$default",route="GET /machines",status="200"} 1',
        'poolhouse_gateway_integration_seconds_count{api="rest",stage="prod",route="GET /read"} 1',
    ):
        assert line in counted, counted
