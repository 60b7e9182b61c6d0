"""TLS, HTTP/2 and mutual TLS of the gateway with curl, at a domain that the AWS command line sets up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from launch import Server, new_database

AWS = str(Path(sys.executable).parent / "aws")
URI = "s3://example-bucket/clients.pem"
DOMAIN = "closed.example.com"
FORBIDDEN = '{"message":"Forbidden"}'
CONFIG = """
[gateway]
tls = { cert = "server.pem", key = "server.key" }
truststores = { "%s" = "clients.pem" }

[function.who]
script = "who.js"

[[api]]
name = "written"
id = "written123"

[[api.route]]
key = "GET /who"
integration = { function = "who" }
""" % URI
WHO = """
exports.handler = async ({ requestContext: { http, authentication } }) =>
  ({ protocol: http.protocol, subject: authentication?.clientCert.subjectDN ?? null });
"""


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=60)


def certify(folder: Path, name: str, by: str, extensions: str) -> None:
    """A key and a certificate of the authority `by`."""
    (folder / "extensions").write_text(extensions)
    openssl(folder, "req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", "request", "-subj", f"/O=Example/CN={name}")
    openssl(
        folder, "x509", "-req", "-in", "request", "-CA", f"{by}.pem", "-CAkey", f"{by}.key", "-CAcreateserial",
        "-days", "2", "-sha256", "-extfile", "extensions", "-out", f"{name}.pem",
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    for authority in ("clients", "strangers"):
        openssl(
            folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-sha256",
            "-keyout", f"{authority}.key", "-out", f"{authority}.pem", "-subj", f"/O=Example/CN={authority}",
        )
    certify(folder, "server", "clients", f"subjectAltName=DNS:localhost,DNS:{DOMAIN}\n")
    for client, authority in (("friend", "clients"), ("stranger", "strangers")):
        certify(folder, client, authority, "extendedKeyUsage=clientAuth\nkeyUsage=digitalSignature\n")
    (folder / "who.js").write_text(WHO)
    (folder / "gateway.toml").write_text(CONFIG)
    return folder


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def server(folder: Path, request: pytest.FixtureRequest):
    database = new_database("tls") if request.param == "postgres" else None
    with Server(f"tls-{request.param}", folder / "gateway.toml", database) as running:
        yield running


def curl(folder: Path, server: Server, host: str, *arguments: str) -> tuple[int, str, str]:
    """Status, version of HTTP and body."""
    done = subprocess.run(
        [
            "curl", "--silent", "--show-error", "--max-time", "20", "--cacert", "clients.pem", "--noproxy", "*",
            "--resolve", f"{host}:{server.gateway_port}:127.0.0.1", "--write-out", "\n%{http_code} %{http_version}",
            *arguments, f"https://{host}:{server.gateway_port}/who",
        ],
        cwd=folder, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60,
    )
    assert done.returncode == 0, done.stderr
    body, status = done.stdout.rsplit("\n", 1)
    code, version = status.split()
    return int(code), version, body


def test_both_versions_pass_over_tls(folder: Path, server: Server):
    for argument, version, protocol in (("--http1.1", "1.1", "HTTP/1.1"), ("--http2", "2", "HTTP/2.0")):
        status, spoken, body = curl(folder, server, "localhost", argument)
        assert (status, spoken) == (200, version)
        assert json.loads(body) == {"protocol": protocol, "subject": None}


def test_a_domain_with_mutual_tls_is_for_certified_clients(folder: Path, server: Server):
    def aws(*arguments: str) -> dict:
        done = subprocess.run(
            [AWS, "--endpoint-url", server.url, "--output", "json", "apigatewayv2", *arguments],
            capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    endpoint = aws("get-api", "--api-id", "written123")["ApiEndpoint"]
    assert endpoint.startswith(f"https://localhost:{server.gateway_port}"), endpoint
    made = aws(
        "create-domain-name", "--domain-name", DOMAIN, "--mutual-tls-authentication", f"TruststoreUri={URI},TruststoreVersion=1",
        "--domain-name-configurations", "CertificateArn=arn:aws:acm:us-east-1:123456789012:certificate/x",
    )
    assert made["MutualTlsAuthentication"] == {"TruststoreUri": URI, "TruststoreVersion": "1"}
    aws("create-api-mapping", "--domain-name", DOMAIN, "--api-id", "written123", "--stage", "$default")
    for version in ("--http1.1", "--http2"):
        status, _, body = curl(folder, server, DOMAIN, version, "--cert", "friend.pem", "--key", "friend.key")
        assert (status, json.loads(body)["subject"]) == (200, "O=Example,CN=friend")
        for arguments in ((), ("--cert", "stranger.pem", "--key", "stranger.key")):
            status, _, body = curl(folder, server, DOMAIN, version, *arguments)
            assert (status, body) == (403, FORBIDDEN)
        status, _, _ = curl(
            folder, server, "localhost", version, "--cert", "friend.pem", "--key", "friend.key", "--header", f"Host: {DOMAIN}"
        )
        assert status == 421
    for name, code, last in (("friend", 0, "the request passes"), ("stranger", 1, "refused with 403: the client's certificate is not trusted")):
        told = server.command("explain", "--route", "GET /who", "--host", DOMAIN, "--client-certificate", str(folder / f"{name}.pem"))
        assert (told.returncode, told.stdout.splitlines()[-1].startswith(last)) == (code, True), told.stdout + told.stderr
