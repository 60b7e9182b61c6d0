"""Terraform's `aws_apigatewayv2_*` on the built server: what it makes it reads back unchanged, changes in place, and destroys.

Its provider is no package that `tests/run` can install everywhere, so this runs where one is at hand: with `terraform` in the path and
`POOLHOUSE_TEST_TERRAFORM_PLUGINS` naming the folder of its plugins.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import requests
from launch import Server

HERE = Path(__file__).resolve().parent
PLUGINS = os.environ.get("POOLHOUSE_TEST_TERRAFORM_PLUGINS")

pytestmark = pytest.mark.skipif(not (PLUGINS and shutil.which("terraform")), reason="Terraform and its plugins are not here")


@pytest.fixture(scope="module")
def server():
    with Server("terraform", HERE / "control.toml") as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("terraform")
    shutil.copy(HERE / "terraform" / "main.tf", folder)
    return folder


def terraform(server: Server, folder: Path, *arguments: str, code: int = 0) -> str:
    environment = os.environ | {"TF_VAR_endpoint": server.url, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}
    done = subprocess.run(
        ["terraform", *arguments], cwd=folder, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_terraform_makes_reads_changes_and_destroys(server: Server, folder: Path):
    terraform(server, folder, "init", "-no-color", f"-plugin-dir={PLUGINS}")
    terraform(server, folder, "apply", "-no-color", "-auto-approve")
    endpoint = json.loads(terraform(server, folder, "output", "-json", "endpoint"))
    for path, status in (("/open", 200), ("/orders/7", 401), ("/asked", 401), ("/frozen/open", 200), ("/other", 404)):
        assert requests.get(endpoint + path, timeout=30).status_code == status, path
    mapped = requests.get(server.gateway + "/v1/open", headers={"Host": "shop.example.com"}, timeout=30)
    assert (mapped.status_code, mapped.text) == (200, '"Hello from Admin User"')
    # 0 says that there is nothing to change.
    terraform(server, folder, "plan", "-no-color", "-detailed-exitcode")

    file = folder / "main.tf"
    text = file.read_text()
    for before, after in (
        ('"Orders"', '"Goods"'),
        ('route_key = "GET /open"', 'route_key = "GET /opened"'),
        ("{ color = \"blue\" }", "{ shape = \"round\" }"),
        ('{ "append:header.x-stage" = "$context.stage" }', '{ "append:header.x-api" = "$context.apiId" }'),
        ('{ team = "orders" }', '{ team = "goods", cost = "low" }'),
    ):
        assert before in text
        text = text.replace(before, after)
    file.write_text(text)
    assert "0 destroyed" in terraform(server, folder, "apply", "-no-color", "-auto-approve")
    terraform(server, folder, "plan", "-no-color", "-detailed-exitcode")
    assert requests.get(endpoint + "/opened", timeout=30).status_code == 200

    terraform(server, folder, "destroy", "-no-color", "-auto-approve")
    assert requests.get(endpoint + "/opened", timeout=30).status_code == 404
