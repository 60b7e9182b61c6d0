"""Messages on their way to people: e-mail over SMTP to a real server, and SMS over a webhook that fails at first."""

from __future__ import annotations

import email
import email.policy
import hashlib
import hmac
import html
import json
import re
import ssl
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from botocore.config import Config
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from launch import SUITE_CONFIG, Server, free_port
from town import PASSWORD, Town, attributes, refused, unique

SECRET = "the webhook's own secret 8a1f"
LOGIN, LOGIN_PASSWORD = "poolhouse", "mail-password-4711"


@dataclass
class PostOffice:
    """An SMTP server that keeps what it takes, and refuses as often as it is told."""

    taken: list[EmailMessage] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        if self.refusals:
            return self.refusals.pop(0)
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.taken.append(message)
        return "250 taken"

    def to(self, address: str, seconds: float = 20) -> EmailMessage:
        return wait_for(lambda: next((message for message in self.taken if message["To"] == address), None), seconds)


@dataclass
class Network:
    """A telephone network: takes webhooks, and answers as it is told; 204 after that."""

    answers: list[int] = field(default_factory=list)
    asked: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def calls(self, to: str) -> list[tuple[dict[str, str], bytes]]:
        return [(headers, body) for headers, body in self.asked if json.loads(body)["to"] == to]


def wait_for(look: Any, seconds: float) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.02)
    raise AssertionError(f"nothing arrived within {seconds:.0f} s")


@pytest.fixture(scope="module")
def office():
    office, port = PostOffice(), free_port()

    def authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        right = isinstance(data, LoginPassword) and (data.login, data.password) == (LOGIN.encode(), LOGIN_PASSWORD.encode())
        return AuthResult(success=right)

    controller = Controller(
        office, hostname="127.0.0.1", port=port, authenticator=authenticate, auth_required=True, auth_require_tls=False
    )
    controller.start()
    office.port = port
    yield office
    controller.stop()


@pytest.fixture(scope="module")
def network():
    network = Network()

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            network.asked.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(network.answers.pop(0) if network.answers else 204)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Webhook)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    network.port = server.server_port
    yield network
    server.shutdown()
    server.server_close()


def carriers(office: PostOffice, network: Network) -> dict[str, str]:
    return {
        "POOLHOUSE_MAIL__HOST": "127.0.0.1",
        "POOLHOUSE_MAIL__PORT": str(office.port),
        "POOLHOUSE_MAIL__ENCRYPTION": "none",
        "POOLHOUSE_MAIL__USERNAME": LOGIN,
        "POOLHOUSE_MAIL__PASSWORD": LOGIN_PASSWORD,
        "POOLHOUSE_MAIL__FROM": "Town <no-reply@id.example>",
        "POOLHOUSE_SMS__WEBHOOK": f"http://127.0.0.1:{network.port}/sms",
        "POOLHOUSE_SMS__SECRET": SECRET,
        "POOLHOUSE_SMS__SENDER_ID": "Town",
    }


@pytest.fixture(scope="module")
def server(office: PostOffice, network: Network):
    with Server("mail", SUITE_CONFIG, environment=carriers(office, network)) as running:
        yield running


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None, message
    return part.get_content().strip()


def code_in(text: str) -> str:
    return re.search(r"\b\d{6}\b", text).group()


def test_the_code_of_a_received_mail_confirms_its_user(town: Town, office: PostOffice):
    client, address = town.make_client(), f"{unique('mail')}@example.com"
    username = unique("user")
    town.idp.sign_up(ClientId=client.id, Username=username, Password=PASSWORD, UserAttributes=attributes(email=address))
    message = office.to(address)
    assert message["From"] == "Town <no-reply@id.example>"
    assert message["Subject"] == "Your verification code"
    assert message["Message-ID"].endswith("@id.example>") and message["Auto-Submitted"] == "auto-generated"
    code = code_in(body(message, "html"))
    assert body(message, "plain") == f"Your verification code is {code}"
    assert town.inbox.code(address) == code
    town.idp.confirm_sign_up(ClientId=client.id, Username=username, ConfirmationCode=code)
    assert town.status(client.pool, username) == "CONFIRMED"
    assert client.sign_in(username)["AccessToken"]


def test_a_pools_own_words_and_sender_are_used(town: Town, office: PostOffice):
    pool = town.make_pool(
        EmailConfiguration={
            "EmailSendingAccount": "DEVELOPER", "SourceArn": "arn:aws:ses:us-east-1:123456789012:identity/shop.example",
            "From": "Shop <shop@shop.example>", "ReplyToEmailAddress": "help@shop.example",
        },
        AdminCreateUserConfig={"InviteMessageTemplate": {
            "EmailMessage": "<p>Hello {username},</p><p>begin with <code>{####}</code></p>", "EmailSubject": "Grüße",
        }},
    )
    address = f"{unique('invited')}@example.com"
    town.idp.admin_create_user(
        UserPoolId=pool, Username="ann<b>", TemporaryPassword="Temp&<1234", DesiredDeliveryMediums=["EMAIL"],
        UserAttributes=attributes(email=address),
    )
    message = office.to(address)
    assert (message["From"], message["Reply-To"]) == ("Shop <shop@shop.example>", "help@shop.example")
    assert message["Subject"] == "Grüße"
    assert "<p>Hello ann&lt;b&gt;,</p>" in body(message, "html") and "<code>Temp&amp;&lt;1234</code>" in body(message, "html")
    assert body(message, "plain").split() == ["Hello", "ann<b>,", "begin", "with", "Temp&<1234"]


def test_mail_waits_for_a_server_that_is_busy_and_gives_up_on_a_refusal(town: Town, office: PostOffice):
    client = town.make_client()
    office.refusals.append("451 come back later")
    address = f"{unique('greylisted')}@example.com"
    town.idp.sign_up(ClientId=client.id, Username=unique("user"), Password=PASSWORD, UserAttributes=attributes(email=address))
    office.to(address)
    office.refusals.append("550 nobody here")
    address = f"{unique('unknown')}@example.com"
    town.idp.sign_up(ClientId=client.id, Username=unique("user"), Password=PASSWORD, UserAttributes=attributes(email=address))
    counted = 'poolhouse_messages_total{medium="EMAIL",outcome="failed"} 1'
    wait_for(lambda: counted in requests.get(f"{town.server.url}/metrics", timeout=10).text, 10)
    assert not any(message["To"] == address for message in office.taken)


def test_an_sms_arrives_at_the_third_try_and_is_signed(town: Town, network: Network):
    pool = town.make_pool(AutoVerifiedAttributes=["phone_number"])
    client, username, phone = town.make_client(pool), unique("user"), "+15555550123"
    network.answers += [500, 500]
    town.idp.sign_up(
        ClientId=client.id, Username=username, Password=PASSWORD, UserAttributes=attributes(phone_number=phone)
    )
    wait_for(lambda: len(network.calls(phone)) == 3, 20)
    bodies = {body for _, body in network.calls(phone)}
    assert len(bodies) == 1, "the same at every try"
    told = json.loads(bodies.pop())
    assert (told["to"], told["pool"], told["occasion"], told["sender_id"]) == (phone, pool, "SignUp", "Town")
    for headers, sent in network.calls(phone):
        timestamp = headers["x-poolhouse-timestamp"]
        assert abs(time.time() - int(timestamp)) < 60
        expected = hmac.new(SECRET.encode(), timestamp.encode() + b"." + sent, hashlib.sha256).hexdigest()
        assert headers["x-poolhouse-signature"] == f"v1={expected}"
    town.idp.confirm_sign_up(ClientId=client.id, Username=username, ConfirmationCode=code_in(told["message"]))
    assert town.status(pool, username) == "CONFIRMED"
    time.sleep(1.5)
    assert len(network.calls(phone)) == 3, "what has arrived is not sent again"


def test_a_link_in_a_mail_confirms_with_a_button(town: Town, office: PostOffice):
    pool = town.make_pool(
        AutoVerifiedAttributes=["email"],
        VerificationMessageTemplate={
            "DefaultEmailOption": "CONFIRM_WITH_LINK", "EmailSubjectByLink": "Welcome",
            "EmailMessageByLink": "<p>Please {##confirm your account##}.</p>",
        },
    )
    client = town.make_client(pool, GenerateSecret=True)
    username, address = unique("user"), f"{unique('link')}@example.com"
    town.idp.sign_up(
        ClientId=client.id, Username=username, Password=PASSWORD, UserAttributes=attributes(email=address),
        SecretHash=client.auth(username)["SECRET_HASH"],
    )
    message = office.to(address)
    assert message["Subject"] == "Welcome"
    link = html.unescape(re.search(r'<a href="([^"]+)">confirm your account</a>', body(message, "html")).group(1))
    assert link.startswith(f"{town.server.public_url}/confirmUser?") and link in body(message, "plain")
    # A scanner of mail opens the link; nothing is confirmed by that.
    for _ in range(3):
        assert requests.get(link, timeout=10).status_code == 200
    assert town.status(pool, username) == "UNCONFIRMED"
    assert requests.post(link, timeout=10).status_code in (400, 403)
    browser = requests.Session()
    page = browser.get(link, timeout=10).text
    token = re.search(r'name="_csrf" value="([^"]+)"', page).group(1)
    action = html.unescape(re.search(r'<form method="post" action="([^"]+)"', page).group(1))
    done = browser.post(f"{town.server.url}{action}", data={"_csrf": token}, timeout=10)
    assert done.status_code == 200 and "Your account is confirmed" in done.text
    assert town.status(pool, username) == "CONFIRMED"
    again = browser.post(f"{town.server.url}{action}", data={"_csrf": token}, timeout=10)
    assert again.status_code == 400 and "does not work any more" in again.text


def test_production_delivers_and_keeps_no_code_in_the_clear(tmp_path: Path, office: PostOffice, network: Network):
    key, secret = "POOLHOUSEADMIN99", "kq93jf0asdkjf203jfalskdjf2039jfasld8Zx"
    config = tmp_path / "poolhouse.toml"
    config.write_text(
        'mode = "production"\n[server]\nbehind_proxy = true\ntrusted_proxies = ["127.0.0.1"]\n'
        f'[admin]\naccess_keys = [{{ id = "{key}", secret = "{secret}" }}]\n'
    )
    only_mail = {name: value for name, value in carriers(office, network).items() if "_SMS__" not in name}
    with Server("production-mail", config, public_url="https://id.example", environment=only_mail) as running:
        idp = boto3.client(
            "cognito-idp", endpoint_url=running.url, region_name="us-east-1", aws_access_key_id=key,
            aws_secret_access_key=secret, config=Config(retries={"max_attempts": 0}),
        )
        pool = idp.create_user_pool(PoolName="mailed", AutoVerifiedAttributes=["email", "phone_number"])["UserPool"]["Id"]
        client = idp.create_user_pool_client(UserPoolId=pool, ClientName="web")["UserPoolClient"]["ClientId"]
        address = f"{unique('production')}@example.com"
        idp.sign_up(ClientId=client, Username="ann", Password=PASSWORD, UserAttributes=attributes(email=address))
        code = code_in(body(office.to(address), "plain"))
        with refused("CodeDeliveryFailureException"):
            idp.sign_up(
                ClientId=client, Username="bob", Password=PASSWORD, UserAttributes=attributes(phone_number="+15555550124")
            )
        with refused("UserNotFoundException"):
            idp.admin_get_user(UserPoolId=pool, Username="bob")
        # A mail that cannot leave yet lies in the outbox, sealed.
        office.refusals += ["451 later"] * 20
        later = f"{unique('later')}@example.com"
        idp.sign_up(ClientId=client, Username="cy", Password=PASSWORD, UserAttributes=attributes(email=later))
        time.sleep(0.5)
        files = b"".join(path.read_bytes() for path in running.data.glob("poolhouse.db*"))
        assert b"verification code" not in files
        office.refusals.clear()
        office.to(later)
        idp.confirm_sign_up(ClientId=client, Username="ann", ConfirmationCode=code)


def certificate(name: str, issuer: tuple[Any, Any] | None = None) -> tuple[Any, Any]:
    """A certificate and its key; without an issuer, of an authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    )
    return made.sign(issuer[1] if issuer else key, hashes.SHA256()), key


@pytest.mark.parametrize("encryption", ["starttls", "tls"])
def test_mail_goes_to_a_server_whose_certificate_is_trusted_and_to_no_other(tmp_path: Path, encryption: str):
    authority = certificate("authority of the tests")
    leaf, key = certificate("localhost", authority)
    pem = serialization.Encoding.PEM
    (tmp_path / "ca.pem").write_bytes(authority[0].public_bytes(pem))
    (tmp_path / "leaf.pem").write_bytes(leaf.public_bytes(pem))
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "leaf.key").write_bytes(key.private_bytes(pem, *plain))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "leaf.pem", tmp_path / "leaf.key")
    office, port = PostOffice(), free_port()
    tls = {"tls_context": context, "require_starttls": True} if encryption == "starttls" else {"ssl_context": context}
    controller = Controller(office, hostname="127.0.0.1", port=port, **tls)
    controller.start()
    settings = {
        "POOLHOUSE_MAIL__HOST": "localhost", "POOLHOUSE_MAIL__PORT": str(port), "POOLHOUSE_MAIL__ENCRYPTION": encryption,
        "POOLHOUSE_MAIL__FROM": "no-reply@id.example",
    }
    try:
        for trusted in (False, True):
            own = {"POOLHOUSE_MAIL__CA": str(tmp_path / "ca.pem")} if trusted else {}
            with Server(f"mail-{encryption}", SUITE_CONFIG, environment=settings | own) as running:
                town = Town(running)
                client, address = town.make_client(), f"{unique('secret')}@example.com"
                town.idp.sign_up(
                    ClientId=client.id, Username="ann", Password=PASSWORD, UserAttributes=attributes(email=address)
                )
                if trusted:
                    assert town.inbox.code(address) in body(office.to(address), "plain")
                else:
                    delayed = 'poolhouse_messages_total{medium="EMAIL",outcome="delayed"}'
                    wait_for(lambda: delayed in requests.get(f"{running.url}/metrics", timeout=10).text, 10)
                    assert not office.taken
    finally:
        controller.stop()
