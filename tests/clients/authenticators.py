"""What people hold in their hands: authenticator apps, passkeys and remembered devices, each in its standard's arithmetic."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import struct
import time
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from pycognito.aws_srp import N_HEX

N = int(N_HEX, 16)


def totp(secret: str, steps: int = 0, at: float | None = None) -> str:
    """RFC 6238 with SHA-1, six digits and thirty seconds; `steps` later or earlier by so many half minutes."""
    counter = int((time.time() if at is None else at) // 30) + steps
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    mac = hmac.new(key, struct.pack(">Q", counter), hashlib.sha1).digest()
    offset = mac[-1] & 15
    return f"{(struct.unpack('>I', mac[offset:offset + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


def url64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_url64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Passkey:
    """An ES256 credential of a platform authenticator that verifies its user (WebAuthn, level 2)."""

    origin: str
    identifier: bytes = field(default_factory=lambda: os.urandom(16))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    count: int = 0
    user: str = ""

    def create(self, options: dict) -> dict:
        """The `RegistrationResponseJSON` for creation options."""
        self.user = options["user"]["id"]
        numbers = self.key.public_key().public_numbers()
        cose = b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20" + numbers.x.to_bytes(32) + b"\x22\x58\x20" + numbers.y.to_bytes(32)
        credential = bytes(16) + struct.pack(">H", len(self.identifier)) + self.identifier + cose
        data = self._data(options["rp"]["id"], 0x45) + credential
        attestation = b"\xa3cfmtdnonegattStmt\xa0hauthData\x58" + bytes([len(data)]) + data
        client = self._client("webauthn.create", options["challenge"])
        return self._answer({
            "clientDataJSON": url64(client), "attestationObject": url64(attestation), "transports": ["internal"],
        })

    def get(self, options: dict) -> dict:
        """The `AuthenticationResponseJSON` for request options."""
        self.count += 1
        data = self._data(options["rpId"], 0x05)
        client = self._client("webauthn.get", options["challenge"])
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return self._answer({
            "clientDataJSON": url64(client), "authenticatorData": url64(data), "signature": url64(signature),
            "userHandle": self.user,
        })

    def _data(self, party: str, flags: int) -> bytes:
        return hashlib.sha256(party.encode()).digest() + bytes([flags]) + struct.pack(">I", self.count)

    def _client(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}).encode()

    def _answer(self, response: dict) -> dict:
        return {
            "id": url64(self.identifier), "rawId": url64(self.identifier), "type": "public-key", "response": response,
            "clientExtensionResults": {}, "authenticatorAttachment": "platform",
        }


def padded(number: int) -> bytes:
    """A positive number as Java writes it: a zero byte in front where the first bit is set."""
    return number.to_bytes(number.bit_length() // 8 + 1)


@dataclass
class Device:
    """A remembered device: its key, and the password that only it knows."""

    key: str
    group: str
    password: str = field(default_factory=lambda: base64.b64encode(os.urandom(40)).decode())

    def verifier(self) -> dict[str, str]:
        """The `DeviceSecretVerifierConfig` of ConfirmDevice."""
        salt = padded(int.from_bytes(os.urandom(16)))
        inner = hashlib.sha256(f"{self.group}{self.key}:{self.password}".encode()).digest()
        x = int.from_bytes(hashlib.sha256(salt + inner).digest())
        return {
            "Salt": base64.b64encode(salt).decode(),
            "PasswordVerifier": base64.b64encode(padded(pow(2, x, N))).decode(),
        }
