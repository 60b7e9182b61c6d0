"""Functions in processes: Python's runtime client supervised, Rust's attached, and Lambda's Invoke API in front of all of them."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError
from launch import WORK, Server, free_port
from town import claims

HERE = Path(__file__).resolve().parent
AWS = str(Path(sys.executable).parent / "aws")
RUST = WORK / "rust-handler" / "debug" / "poolhouse-rust-handler"
PYTHON = f'["{sys.executable}", "-m", "awslambdaric"'

CONFIG = """
[function.python]
command = {python}, "app.handler"]
directory = "{here}"
handler = "app.handler"
timeout_seconds = 2
environment = {{ STAGE = "test" }}

[function.sandboxed]
command = {python}, "app.handler"]
directory = "{here}"
handler = "app.handler"
sandbox = true
sandbox_read = ["{venv}", "{base}"]
max_processes = 50

[function.nothing]
command = {python}, "app.nothing"]
directory = "{here}"

[function.again]
command = {python}, "again.handler"]
directory = "{here}"
handler = "again.handler"
timeout_seconds = 2

[function.stuck]
command = ["sleep", "600"]
timeout_seconds = 1

[function.rust]
attach = true
listen = "127.0.0.1:{attach}"

[function.wild]
script = "{here}/wild.js"
timeout_seconds = 2
memory_mib = 32

[[api]]
name = "functions"
{authorizers}
[[api.route]]
key = "GET /well"
integration = {{ respond = {{ body = "well" }} }}
{routes}
{pools}
"""
AUTHORIZER = """
[api.authorizer.{name}]
type = "REQUEST"
function = "{name}"
payload_format = "2.0"
enable_simple_responses = true
identity_source = "$request.header.Authorization"
"""
ROUTE = """
[[api.route]]
key = "GET /{name}"
authorizer = "{name}"
integration = {{ function = "{name}" }}
"""
POOL = """
[[pool]]
id = "us-east-1_{name}"
name = "{name}"
[pool.triggers]
PreTokenGeneration = "{name}"
[[pool.client]]
id = "{name}23456789abcdefghijkl"
name = "web"
settings = {{ ExplicitAuthFlows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"] }}
[[pool.user]]
username = "ada"
password = "Lovelace-1815"
"""
AGAIN = """
[[pool]]
id = "us-east-1_again"
name = "again"
[pool.triggers]
PreSignUp = "again"
[[pool.client]]
id = "again23456789abcdefghijkl"
name = "web"
"""
KINDS = ("python", "rust")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    config: Path = tmp_path_factory.mktemp("functions") / "poolhouse.toml"
    attach = free_port()
    each = {part: "".join(text.format(name=name) for name in KINDS) for part, text in
            {"authorizers": AUTHORIZER, "routes": ROUTE, "pools": POOL}.items()}
    config.write_text(CONFIG.format(python=PYTHON, here=HERE, attach=attach, venv=sys.prefix,
                                    base=sys.base_prefix, **each) + AGAIN)
    with Server("functions", config) as running:
        rust = subprocess.Popen([RUST], env={"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{attach}",
                                "AWS_LAMBDA_FUNCTION_NAME": "rust", "AWS_LAMBDA_FUNCTION_VERSION": "1",
                                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128", "AWS_LAMBDA_LOG_GROUP_NAME": "g",
                                "AWS_LAMBDA_LOG_STREAM_NAME": "s"}, stdin=subprocess.DEVNULL)
        try:
            yield running
        finally:
            rust.kill()
            rust.wait()


@pytest.fixture(scope="module")
def lambda_(server: Server):
    config = Config(retries={"max_attempts": 0}, read_timeout=60)
    return boto3.client("lambda", endpoint_url=server.url, region_name="us-east-1", config=config)


def invoke(lambda_, name: str, event: object, **more: str) -> tuple[dict, object]:
    answer = lambda_.invoke(FunctionName=name, Payload=json.dumps(event), **more)
    text = answer["Payload"].read()
    return answer, json.loads(text) if text else None


def is_alive(pid: int) -> bool:
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def await_that(look, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def test_a_trigger_that_needs_itself_is_given_up_and_its_process_is_free_again(server: Server):
    idp = boto3.client("cognito-idp", endpoint_url=server.url, region_name="us-east-1",
                       config=Config(retries={"max_attempts": 0}, read_timeout=60))
    person = {"ClientId": "again23456789abcdefghijkl", "Password": "Password-1"}
    begun = time.monotonic()
    with pytest.raises(ClientError) as refused:
        idp.sign_up(Username="ann", ClientMetadata={"url": server.url}, **person)
    # Its only process waits for a call that waits for the process.
    assert refused.value.response["Error"]["Code"] == "UnexpectedLambdaException"
    assert time.monotonic() - begun < 30
    idp.sign_up(Username="bob", **person)
    users = idp.list_users(UserPoolId="us-east-1_again")["Users"]
    assert [user["Username"] for user in users] == ["bob"]


def test_the_aws_cli_invokes_a_function_and_reads_its_log(server: Server, tmp_path: Path):
    out = tmp_path / "out.json"
    done = subprocess.run(
        [AWS, "--endpoint-url", server.url, "--output", "json", "lambda", "invoke", "--function-name",
         "arn:aws:lambda:us-east-1:123456789012:function:python:$LATEST", "--log-type", "Tail", "--payload",
         '{"do": "print"}', str(out)],
        capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120,
    )
    assert done.returncode == 0, done.stderr
    said, answer = json.loads(done.stdout), json.loads(out.read_text())
    assert (said["StatusCode"], said["ExecutedVersion"]) == (200, "$LATEST")
    log = base64.b64decode(said["LogResult"]).decode()
    assert log.startswith(f"START RequestId: {answer['id']} Version: $LATEST\n") and "\ndoing print\n" in log
    assert re.search(rf"\nEND RequestId: {answer['id']}\nREPORT RequestId: {answer['id']}\tDuration: [0-9.]+ ms\t", log)
    assert answer["arn"] == "arn:aws:lambda:us-east-1:123456789012:function:python"
    assert 0 < answer["left"] <= 2000 and answer["stage"] == "test" and answer["secrets"] == []
    assert "\tdoing print\n" in (server.data / "functions" / "python.log").read_text()


def test_what_a_handler_throws_comes_back_as_lambda_has_it(lambda_):
    answer, error = invoke(lambda_, "python", {"do": "throw"})
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert (error["errorType"], error["errorMessage"]) == ("ValueError", "what a handler throws")
    assert "app.py" in "".join(error["stackTrace"])
    answer, error = invoke(lambda_, "rust", {"throw": "no"})
    assert (answer["FunctionError"], error["errorMessage"]) == ("Unhandled", "no")


def test_a_function_in_a_sandbox_reaches_nothing_of_the_server(server: Server, lambda_):
    asked = {"do": "reach", "data": str(server.data), "config": str(server.config), "server": server.process.pid,
             "port": server.port}
    _, reached = invoke(lambda_, "python", asked)
    # A kernel may lack MPTCP, and forbid fast opens.
    possible = {name for name, outcome in reached.items() if outcome is True}
    assert possible | {"mptcp", "fast open"} == set(reached), reached
    _, denied = invoke(lambda_, "sandboxed", asked)
    assert set(denied) == set(reached)
    assert all(isinstance(outcome, str) for outcome in denied.values()), denied
    # What it is for goes on.
    _, answer = invoke(lambda_, "sandboxed", {})
    assert answer["secrets"] == [] and answer["arn"].endswith(":function:sandboxed")


def test_events_dry_runs_and_what_is_not_there(lambda_, tmp_path: Path):
    file = tmp_path / "written"
    answer, _ = invoke(lambda_, "python", {"do": "write", "file": str(file)}, InvocationType="DryRun")
    assert answer["StatusCode"] == 204
    answer, _ = invoke(lambda_, "python", {"do": "write", "file": str(file)}, InvocationType="Event")
    assert answer["StatusCode"] == 202
    await_that(lambda: file.exists() and file.read_text())
    assert file.read_text() == answer["ResponseMetadata"]["RequestId"]
    with pytest.raises(lambda_.exceptions.ResourceNotFoundException) as raised:
        invoke(lambda_, "gone", {}, Qualifier="prod")
    missing = "Function not found: arn:aws:lambda:us-east-1:123456789012:function:gone:prod"
    assert raised.value.response["Error"]["Message"] == missing
    with pytest.raises(lambda_.exceptions.InvalidRequestContentException):
        lambda_.invoke(FunctionName="python", Payload="{")
    with pytest.raises(ClientError) as raised:
        lambda_.get_function(FunctionName="python")
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


@pytest.mark.parametrize("kind", KINDS)
def test_one_function_is_integration_authorizer_and_trigger(server: Server, kind: str):
    def get(token: str | None) -> tuple[int, str]:
        headers = {"Authorization": token} if token else {}
        answer = requests.get(f"{server.gateway}/{kind}", headers=headers, timeout=30)
        return answer.status_code, answer.text

    assert get("yes") == (200, f"{kind}, let in by {kind}")
    assert get("no") == (403, '{"message":"Forbidden"}')
    assert get("throw") == get(None) == (401, '{"message":"Unauthorized"}')
    idp = boto3.client("cognito-idp", endpoint_url=server.url, region_name="us-east-1")
    signed_in = idp.initiate_auth(
        ClientId=f"{kind}23456789abcdefghijkl", AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "ada", "PASSWORD": "Lovelace-1815"},
    )
    assert claims(signed_in["AuthenticationResult"]["IdToken"])["made_by"] == kind


def test_a_call_over_its_time_ends_its_process_and_the_next_has_another(lambda_, tmp_path: Path):
    # Which of the function's two processes it is, it says itself.
    told = tmp_path / "pid"
    answer, error = invoke(lambda_, "python", {"do": "sleep", "seconds": 30, "tells": str(told)})
    said = f"RequestId: {answer['ResponseMetadata']['RequestId']} Error: Task timed out after 2.00 seconds"
    assert (answer["FunctionError"], error) == ("Unhandled", {"errorType": "Sandbox.Timedout", "errorMessage": said})
    ended = int(told.read_text())
    await_that(lambda: not is_alive(ended))
    _, next_one = invoke(lambda_, "python", {})
    assert next_one["pid"] != ended


def test_what_cannot_start_says_so(lambda_):
    answer, error = invoke(lambda_, "nothing", {})
    assert (answer["FunctionError"], error["errorType"]) == ("Unhandled", "Runtime.HandlerNotFound")
    assert error["errorMessage"] == "Handler 'nothing' missing on module 'app'"
    began = time.monotonic()
    answer, error = invoke(lambda_, "stuck", {})
    assert error["errorMessage"].endswith("Task timed out after 10.00 seconds")
    assert time.monotonic() - began >= 9.5


@pytest.mark.parametrize("harm,error", [
    ("loop", {"errorType": "Sandbox.Timedout"}), ("eat", {"errorType": "Runtime.OutOfMemory"}), ("flood", "well"),
])
def test_a_script_without_manners_harms_nobody_else(server: Server, lambda_, harm: str, error: object):
    outcomes: list[object] = []
    callers = [
        threading.Thread(target=lambda: outcomes.append(invoke(lambda_, "wild", {"do": harm})[1])) for _ in range(2)
    ]
    for caller in callers:
        caller.start()
    served = 0
    while any(caller.is_alive() for caller in callers):
        answer = requests.get(f"{server.gateway}/well", timeout=5)
        assert (answer.status_code, answer.text) == (200, "well")
        served += 1
    assert served > 0 and len(outcomes) == 2
    for outcome in outcomes:
        if isinstance(error, dict):
            assert isinstance(outcome, dict) and error.items() <= outcome.items(), outcome
        else:
            assert outcome == error
    assert invoke(lambda_, "wild", {})[1] == "well"
    assert (server.data / "functions" / "wild.log").stat().st_size < 1_000_000 if harm == "flood" else True


@pytest.mark.parametrize("to", ["stdout", "stderr"])
def test_output_without_end_costs_the_server_no_memory(server: Server, lambda_, to: str):
    def resident() -> int:
        status = Path(f"/proc/{server.process.pid}/status").read_text()
        return int(re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)[1]) * 1024

    invoke(lambda_, "python", {})
    before, most, outcomes = resident(), 0, []
    caller = threading.Thread(target=lambda: outcomes.append(invoke(lambda_, "python", {"do": "flood", "to": to})[1]))
    caller.start()
    while caller.is_alive():
        assert requests.get(f"{server.gateway}/well", timeout=5).text == "well"
        most = max(most, resident())
    assert outcomes[0]["errorType"] == "Sandbox.Timedout"
    assert most - before < 32 * 1024 * 1024, (before, most)
    assert invoke(lambda_, "python", {})[1]["stage"] == "test"
    assert (server.data / "functions" / "python.log").stat().st_size < 1_000_000


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_processes_end_with_their_server(tmp_path: Path, end: str):
    config = tmp_path / "poolhouse.toml"
    config.write_text(f'[function.python]\ncommand = {PYTHON}, "app.handler"]\ndirectory = "{HERE}"\n')
    server = Server("orphans", config).start()
    try:
        lambda_ = boto3.client("lambda", endpoint_url=server.url, region_name="us-east-1")
        _, answer = invoke(lambda_, "python", {})
        assert is_alive(answer["pid"]) and os.getpgid(answer["pid"]) != os.getpgid(0)
    finally:
        getattr(server, end)()
    await_that(lambda: not is_alive(answer["pid"]))
    server.remove()
