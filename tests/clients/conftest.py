"""What every Python suite shares: a server for the module, AWS clients that talk to it, and its inbox."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from launch import Server  # noqa: E402
from town import Town  # noqa: E402

# Any credentials will do in development, but no real ones may leave the machine, and no proxy may see the traffic.
for name in list(os.environ):
    if name.startswith("AWS_") or name.lower() in ("http_proxy", "https_proxy", "all_proxy"):
        del os.environ[name]
os.environ |= {
    "AWS_ACCESS_KEY_ID": "development",
    "AWS_SECRET_ACCESS_KEY": "development",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_MAX_ATTEMPTS": "1",
}


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest):
    with Server(request.module.__name__.removeprefix("test_")) as running:
        yield running


@pytest.fixture(scope="module")
def town(server: Server) -> Town:
    return Town(server)
