"""pysaml2, with xmlsec1 beneath it, as the identity provider of a pool: its messages are read here, and ours are read there."""

from __future__ import annotations

import base64
import datetime
import functools
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import saml2.entity
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from launch import Server
from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT
from saml2.config import IdPConfig
from saml2.metadata import entity_descriptor
from saml2.saml import NAMEID_FORMAT_PERSISTENT, NameID
from saml2.server import Server as IdentityProvider
from saml2.sigver import CryptoBackendXmlSec1, pre_encryption_part
from saml2.xmldsig import DIGEST_SHA256, SIG_RSA_SHA256
from town import Client, Town, claims

CALLBACK, BYE = "http://localhost:8400/callback", "http://localhost:8400/signed-out"
ENTITY, SIGN_ON, SIGN_OUT = "https://idp.example/saml", "https://idp.example/in", "https://idp.example/out"
MAIL = "urn:oid:0.9.2342.19200300.100.1.3"


def key_pair(folder: Path) -> tuple[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "idp.example")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30)).sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "idp.key").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    )
    (folder / "idp.crt").write_bytes(certificate.public_bytes(pem))
    return str(folder / "idp.key"), str(folder / "idp.crt")


class Corp:
    """The provider, and the pool that trusts it."""

    def __init__(self, town: Town, folder: Path, details: dict[str, str]):
        self.town, self.url = town, town.server.url
        key, certificate = key_pair(folder)
        pool = town.make_pool(AutoVerifiedAttributes=["email"])
        published = requests.get(f"{self.url}/{pool}/saml2/metadata", timeout=30)
        assert published.status_code == 200, published.text
        (folder / "sp.xml").write_text(published.text)
        self.configuration = {
            "entityid": ENTITY,
            "key_file": key, "cert_file": certificate,
            "xmlsec_binary": "/usr/bin/xmlsec1",
            "metadata": {"local": [str(folder / "sp.xml")]},
            "service": {
                "idp": {
                    "endpoints": {
                        "single_sign_on_service": [(SIGN_ON, BINDING_HTTP_REDIRECT)],
                        "single_logout_service": [(SIGN_OUT, BINDING_HTTP_REDIRECT)],
                    },
                    "want_authn_requests_signed": "RequestSigningAlgorithm" in details,
                    "policy": {"default": {"lifetime": {"minutes": 5}, "name_form": "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"}},
                }
            },
        }
        metadata = str(entity_descriptor(IdPConfig().load(self.configuration)))
        self.provider = IdentityProvider(config=IdPConfig().load(self.configuration))
        town.idp.create_identity_provider(
            UserPoolId=pool, ProviderName="Corp", ProviderType="SAML", AttributeMapping={"email": MAIL},
            ProviderDetails={"MetadataFile": metadata} | details,
        )
        self.client: Client = town.make_client(
            pool, SupportedIdentityProviders=["Corp"], AllowedOAuthFlowsUserPoolClient=True, AllowedOAuthFlows=["code"],
            AllowedOAuthScopes=["openid", "email"], CallbackURLs=[CALLBACK], LogoutURLs=[BYE],
        )
        self.entity_id = f"urn:amazon:cognito:sp:{pool}"

    def set_out(self, browser: requests.Session) -> tuple[object, str]:
        """Goes to the provider; answers the request as it reads it, and the state."""
        asked = {"response_type": "code", "client_id": self.client.id, "redirect_uri": CALLBACK, "state": "s", "scope": "openid email"}
        answer = browser.get(f"{self.url}/oauth2/authorize", params=asked, allow_redirects=False, timeout=30)
        assert answer.status_code == 302 and answer.headers["location"].startswith(SIGN_ON), answer.headers
        query = {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}
        request = self.provider.parse_authn_request(
            query["SAMLRequest"], BINDING_HTTP_REDIRECT, query.get("RelayState"), query.get("SigAlg"), query.get("Signature")
        )
        return request.message, query["RelayState"]

    def answer(self, request: object, name: str, mail: str, **how: object) -> str:
        arguments = self.provider.response_args(request, [BINDING_HTTP_POST])
        assert arguments["destination"] == f"{self.url}/saml2/idpresponse"
        arguments["name_id"] = NameID(format=NAMEID_FORMAT_PERSISTENT, text=name)
        response = self.provider.create_authn_response(
            {"mail": [mail]}, userid=name, authn={"class_ref": "urn:oasis:names:tc:SAML:2.0:ac:classes:Password", "authn_auth": ENTITY},
            sign_alg=SIG_RSA_SHA256, digest_alg=DIGEST_SHA256, **{key: value for key, value in arguments.items() if key != "name_id_policy"}, **how,
        )
        return str(response)

    def bring(self, browser: requests.Session, response: str, state: str) -> requests.Response:
        form = {"SAMLResponse": base64.b64encode(response.encode()).decode(), "RelayState": state}
        # As a browser does with a form of another site, which takes no cookie along.
        held = requests.post(f"{self.url}/saml2/idpresponse", data=form, allow_redirects=False, timeout=30)
        assert held.status_code == 303, held.text
        return browser.get(self.url + held.headers["location"], allow_redirects=False, timeout=30)

    def tokens(self, answer: requests.Response) -> dict:
        query = parse_qs(urlsplit(answer.headers["location"]).query)
        assert query.get("state") == ["s"] and "code" in query, query
        body = {"grant_type": "authorization_code", "code": query["code"][0], "client_id": self.client.id, "redirect_uri": CALLBACK}
        return requests.post(f"{self.url}/oauth2/token", data=body, timeout=30).json()


@pytest.mark.parametrize("signed", [{"sign_assertion": True}, {"sign_response": True}, {"sign_assertion": True, "sign_response": True}])
def test_somebody_signs_in(town: Town, tmp_path: Path, signed: dict):
    corp = Corp(town, tmp_path, {"RequestSigningAlgorithm": "rsa-sha256"})
    browser = requests.Session()
    request, state = corp.set_out(browser)
    answer = corp.bring(browser, corp.answer(request, "jane-1", "jane@example.com", **signed), state)
    told = claims(corp.tokens(answer)["id_token"])
    assert told["cognito:username"] == "Corp_jane-1" and told["email"] == "jane@example.com"
    identity = told["identities"][0]
    assert (identity["userId"], identity["providerType"], identity["issuer"]) == ("jane-1", "SAML", ENTITY)


@pytest.mark.parametrize("cipher", ["aes-256", "des-192"])
def test_an_assertion_encrypted_with_aes_is_read(town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cipher: str):
    """pysaml2 itself knows Triple DES only, which is refused; xmlsec1 knows more."""
    encrypt = CryptoBackendXmlSec1.encrypt_assertion

    def with_cipher(self, statement, enc_key, template, key_type=None, node_xpath=None, node_id=None):
        return encrypt(self, statement, enc_key, template, cipher, node_xpath, node_id)

    if cipher == "aes-256":
        monkeypatch.setattr(CryptoBackendXmlSec1, "encrypt_assertion", with_cipher)
        aes = functools.partial(pre_encryption_part, msg_enc="http://www.w3.org/2001/04/xmlenc#aes256-cbc")
        monkeypatch.setattr(saml2.entity, "pre_encryption_part", aes)
    corp = Corp(town, tmp_path, {"EncryptedResponses": "true"})
    browser = requests.Session()
    request, state = corp.set_out(browser)
    response = corp.answer(request, "jane-1", "jane@example.com", sign_assertion=True, encrypt_assertion=True)
    assert "EncryptedAssertion" in response and "jane@example.com" not in response
    answer = corp.bring(browser, response, state)
    if cipher == "aes-256":
        assert claims(corp.tokens(answer)["id_token"])["email"] == "jane@example.com"
    else:
        told = parse_qs(urlsplit(answer.headers["location"]).query)
        assert told["error_description"] == ["Invalid SAML response received: the assertion cannot be decrypted."]


def test_an_unsigned_response_is_refused(town: Town, tmp_path: Path):
    corp = Corp(town, tmp_path, {})
    browser = requests.Session()
    request, state = corp.set_out(browser)
    response = corp.answer(request, "jane-1", "jane@example.com", sign_assertion=False, sign_response=False)
    told = parse_qs(urlsplit(corp.bring(browser, response, state).headers["location"]).query)
    assert told["error_description"] == ["Invalid SAML response received: it is not signed."]


def test_whoever_signs_out_signs_out_there(town: Town, tmp_path: Path):
    corp = Corp(town, tmp_path, {"IDPSignout": "true"})
    browser = requests.Session()
    request, state = corp.set_out(browser)
    answer = corp.bring(browser, corp.answer(request, "jane-1", "jane@example.com", sign_assertion=True), state)
    corp.tokens(answer)
    left = browser.get(
        f"{corp.url}/logout", params={"client_id": corp.client.id, "logout_uri": BYE}, allow_redirects=False, timeout=30
    )
    assert left.headers["location"].startswith(SIGN_OUT), left.headers
    query = {name: values[0] for name, values in parse_qs(urlsplit(left.headers["location"]).query).items()}
    out = corp.provider.parse_logout_request(
        query["SAMLRequest"], BINDING_HTTP_REDIRECT, query["RelayState"], query["SigAlg"], query["Signature"]
    )
    assert out.message.name_id.text == "jane-1" and out.message.session_index
    response = corp.provider.create_logout_response(out.message, [BINDING_HTTP_REDIRECT])
    sent = corp.provider.apply_binding(
        BINDING_HTTP_REDIRECT, str(response), f"{corp.url}/saml2/logout", query["RelayState"], response=True, sign=True, sigalg=SIG_RSA_SHA256
    )
    back = browser.get(dict(sent["headers"])["Location"], allow_redirects=False, timeout=30)
    assert (back.status_code, back.headers["location"]) == (302, BYE), back.headers
    # Nobody is signed in here any more.
    asked = {"response_type": "code", "client_id": corp.client.id, "redirect_uri": CALLBACK, "prompt": "none"}
    again = browser.get(f"{corp.url}/oauth2/authorize", params=asked, allow_redirects=False, timeout=30)
    assert "error=login_required" in again.headers["location"]
