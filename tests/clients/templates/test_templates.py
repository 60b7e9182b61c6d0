"""Templates served as they are: a cloud assembly with a Python function, and the README's story in three forms."""

from __future__ import annotations

import base64
import hmac
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import boto3
import pytest
import requests
from hosted import sign_in
from launch import EXAMPLE_CONFIG, REPOSITORY, WORK, Server, binary, new_database
from town import claims

TEMPLATES = REPOSITORY / "tests" / "templates"
UNAUTHORIZED = (401, '{"message":"Unauthorized"}')
FORBIDDEN = (403, '{"message":"Forbidden"}')
NOT_FOUND = (404, '{"message":"Not Found"}')
PASSWORD = "Chosen-1234"

# The runtime client of Python functions lies beside this interpreter.
PYTHON = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def written(name: str, text: str) -> Path:
    folder = WORK / "templates"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(text)
    return file


def api(server: Server):
    return boto3.client("cognito-idp", region_name="us-east-1", endpoint_url=server.url)


def get(server: Server, path: str, token: str | None = None, method: str = "GET") -> tuple[int, str]:
    headers = {} if token is None else {"Authorization": token}
    answer = requests.request(method, server.gateway + path, headers=headers, timeout=30)
    return answer.status_code, answer.text


# --- a cloud assembly -------------------------------------------------------------------------------------------------


ASSEMBLIES = ("hello", "groups", "pets")


@pytest.fixture(scope="module")
def synthesized() -> Path:
    """The folder of assemblies that the development kit has just made."""
    folder = WORK / "synth"
    for name in ASSEMBLIES:
        shutil.rmtree(folder / f"{name}.cdk.out", ignore_errors=True)
    done = subprocess.run(
        ["node", "synth.mjs"], cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=240
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_what_the_development_kit_makes_now_lies_in_the_repository(synthesized: Path):
    for name in ASSEMBLIES:
        kept, fresh = TEMPLATES / f"{name}.cdk.out", synthesized / f"{name}.cdk.out"
        for file in [*kept.glob("*.template.json"), *kept.glob("*.assets.json"), *kept.glob("asset.*/*.*")]:
            assert file.read_text() == (fresh / file.relative_to(kept)).read_text(), file
        assert {one.name for one in fresh.glob("asset.*")} == {one.name for one in kept.glob("asset.*")}


@pytest.mark.parametrize("fresh", [False, True], ids=["kept", "fresh"])
def test_an_assembly_with_a_python_function_runs_unchanged(fresh: bool, request: pytest.FixtureRequest):
    # What was just made holds more than is kept: the tree of constructs, their metadata and a report.
    folder = request.getfixturevalue("synthesized") if fresh else TEMPLATES
    pool, client = "us-east-1_Hello0001", "1hello23456789abcdefghijkl"
    config = written("hello.toml", f"""
template = ["{folder / 'hello.cdk.out'}"]
[template_ids]
UserPool6BA7E5F2 = "{pool}"
UserPoolWebClient4C9370B0 = "{client}"
""")
    with Server("hello", config, environment=PYTHON) as server:
        cognito = api(server)
        cognito.admin_create_user(UserPoolId=pool, Username="ann", MessageAction="SUPPRESS")
        cognito.admin_set_user_password(UserPoolId=pool, Username="ann", Password=PASSWORD, Permanent=True)
        token = cognito.admin_initiate_auth(
            UserPoolId=pool, ClientId=client, AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": "ann", "PASSWORD": PASSWORD},
        )["AuthenticationResult"]["IdToken"]
        told = claims(token)
        assert told["exp"] - told["iat"] == 24 * 3600
        assert get(server, "/api/hello", f"Bearer {token}") == (200, '"Hello from Lambda!"')
        assert get(server, "/api/hello", token) == (200, '"Hello from Lambda!"')
        assert get(server, "/api/hello") == UNAUTHORIZED
        assert get(server, "/hello", token) == NOT_FOUND
        assert get(server, "/api/nope", token) == NOT_FOUND
        assert get(server, "/api/hello", token, "POST") == NOT_FOUND


# --- an API that was created quickly ----------------------------------------------------------------------------------


def test_quick_creation_and_its_overrides_ask_for_a_token_in_the_query():
    pool, client, callback = "us-east-1_Quick0001", "1quick0123456789abcdefghij", "https://example.com/callback"
    config = written("quick.toml", f"""
template = ["{TEMPLATES / 'quick.yaml'}"]
[template_ids]
Pool = "{pool}"
Client = "{client}"
""")
    with Server("quick", config) as server:
        cognito = api(server)
        address = [{"Name": "email", "Value": "ann@example.com"}, {"Name": "email_verified", "Value": "true"}]
        cognito.admin_create_user(UserPoolId=pool, Username="ann", UserAttributes=address, MessageAction="SUPPRESS")
        cognito.admin_set_user_password(UserPoolId=pool, Username="ann", Password=PASSWORD, Permanent=True)
        plain = cognito.initiate_auth(
            ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": "ann", "PASSWORD": PASSWORD}
        )["AuthenticationResult"]["AccessToken"]
        asked = f"client_id={client}&response_type=code&redirect_uri={quote(callback, safe='')}&scope=openid+email"
        _, back = sign_in(f"{server.url}/oauth2/authorize?{asked}", "ann", PASSWORD)
        code = parse_qs(urlsplit(back.headers["location"]).query)["code"][0]
        form = {"grant_type": "authorization_code", "client_id": client, "code": code, "redirect_uri": callback}
        scoped = requests.post(f"{server.url}/oauth2/token", data=form, timeout=30).json()["access_token"]
        told = (200, '["1.0","/any/path","openid email"]')
        # The bucket of the stage holds seven, and refused tokens count.
        for path, header, expected in [
            (f"/any/path?access_token={scoped}", None, told),
            (f"/any/path?access_token={scoped}", "no-token", told),
            ("/any/path", scoped, UNAUTHORIZED),
            ("/any/path?access_token=", None, UNAUTHORIZED),
            (f"/any/path?access_token={scoped}x", None, UNAUTHORIZED),
            (f"/any/path?access_token={plain}", None, FORBIDDEN),
            ("/", None, UNAUTHORIZED),
            (f"/any/path?access_token={scoped}", None, (429, '{"message":"Too Many Requests"}')),
        ]:
            assert get(server, path, header) == expected, path


# --- the README's story ---------------------------------------------------------------------------------------------

POOL, WEB, OTHER = "us-east-1_Example01", "1example23456789abcdefghij", "2example23456789abcdefghij"
FORMS = {
    "sam": ("groups.yaml", {"Pool": POOL, "Web": WEB, "Other": OTHER}, ""),
    "assembly": ("groups.cdk.out", {"PoolD3F588B8": POOL, "PoolWeb224A1DFF": WEB, "PoolOtherB9A58BB6": OTHER}, ""),
    "openapi": ("groups.openapi.yaml", {}, "/_apis/groups"),
}


@pytest.fixture(scope="module", params=FORMS)
def story(request: pytest.FixtureRequest):
    template, ids, base = FORMS[request.param]
    head = f'template = ["{TEMPLATES / template}"]\n'
    if ids:
        pins = "".join(f'{logical} = "{pinned}"\n' for logical, pinned in ids.items())
        config = written(f"{request.param}.toml", f"{head}[template_ids]\n{pins}")
    else:
        # The pool and the functions of the example, and the document's API beside its own.
        text = EXAMPLE_CONFIG.read_text().replace('script = "', f'script = "{REPOSITORY}/')
        config = written(f"{request.param}.toml", head + text)
    with Server(f"story-{request.param}", config) as server:
        cognito = api(server)
        for username in ("adminuser", "regularuser"):
            cognito.admin_set_user_password(UserPoolId=POOL, Username=username, Password=PASSWORD, Permanent=True)
        yield server, base


def tokens(server: Server, username: str, client: str = WEB) -> dict:
    return api(server).initiate_auth(
        ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": username, "PASSWORD": PASSWORD}
    )["AuthenticationResult"]


def test_the_story_has_the_same_answers_in_every_form(story: tuple[Server, str]):
    server, base = story
    admin, regular = tokens(server, "adminuser"), tokens(server, "regularuser")
    other = tokens(server, "adminuser", OTHER)
    hello_admin, hello_regular = (200, '"Hello from Admin User"'), (200, '"Hello from Regular User"')
    for path, token, expected in [
        ("/AdminUser", None, UNAUTHORIZED),
        ("/RegularUser", None, UNAUTHORIZED),
        ("/RegularUser", regular["IdToken"], hello_regular),
        ("/AdminUser", regular["IdToken"], FORBIDDEN),
        ("/RegularUser", admin["IdToken"], hello_regular),
        ("/AdminUser", f"Bearer {admin['IdToken']}", hello_admin),
        ("/RegularUser", regular["AccessToken"], FORBIDDEN),
        ("/AdminUser", regular["AccessToken"], FORBIDDEN),
        ("/RegularUser", admin["AccessToken"], FORBIDDEN),
        ("/AdminUser", admin["AccessToken"], FORBIDDEN),
        ("/AdminUser", other["IdToken"], UNAUTHORIZED),
        ("/AdminUser", "no-token", UNAUTHORIZED),
    ]:
        assert get(server, base + path, token) == expected, (path, token)


# --- REST APIs --------------------------------------------------------------------------------------------------------

PETS_POOL, PETS_CLIENT = "us-east-1_Pets00001", "1pets0123456789abcdefghijk"
DENIED = "User is not authorized to access this resource with an explicit deny in an identity-based policy"
# The template, its logical ids, and where its methods are: behind the pool, a token's function, and a request's.
PETS = {
    "assembly": ("pets.cdk.out", "PoolD3F588B8", "PoolWeb224A1DFF",
                 ("/_apis/Guarded/prod", "/_apis/Whole/live/token", "/_apis/Asked/v1/pets")),
    "serverless": ("pets.yaml", "Pool", "Web",
                   ("/_apis/pets/prod", "/_apis/pets/prod/token", "/_apis/pets/prod/request")),
}


@pytest.fixture(scope="module", params=[(form, engine) for form in PETS for engine in ("sqlite", "postgres")], ids="-".join)
def pets(request: pytest.FixtureRequest):
    form, engine = request.param
    template, pool, client, paths = PETS[form]
    config = written(f"pets-{form}.toml", f"""
template = ["{TEMPLATES / template}"]
[template_ids]
{pool} = "{PETS_POOL}"
{client} = "{PETS_CLIENT}"
""")
    database = new_database("pets") if engine == "postgres" else None
    with Server(f"pets-{form}-{engine}", config, database) as server:
        yield server, form, paths


def pets_tokens(server: Server) -> tuple[str, str]:
    """An ID token of a user, and an access token of the client with the scope `pets/read`."""
    cognito = api(server)
    secret = cognito.describe_user_pool_client(UserPoolId=PETS_POOL, ClientId=PETS_CLIENT)["UserPoolClient"]["ClientSecret"]
    try:
        cognito.admin_create_user(UserPoolId=PETS_POOL, Username="ann", MessageAction="SUPPRESS")
    except cognito.exceptions.UsernameExistsException:
        pass
    cognito.admin_set_user_password(UserPoolId=PETS_POOL, Username="ann", Password=PASSWORD, Permanent=True)
    digest = hmac.new(secret.encode(), f"ann{PETS_CLIENT}".encode(), "sha256").digest()
    user = cognito.admin_initiate_auth(
        UserPoolId=PETS_POOL, ClientId=PETS_CLIENT, AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "ann", "PASSWORD": PASSWORD, "SECRET_HASH": base64.b64encode(digest).decode()},
    )["AuthenticationResult"]
    found = requests.get(f"{server.url}/{PETS_POOL}/.well-known/openid-configuration", timeout=30).json()
    machine = requests.post(found["token_endpoint"], auth=(PETS_CLIENT, secret), timeout=30,
                            data={"grant_type": "client_credentials", "scope": "pets/read"}).json()
    return user["IdToken"], machine["access_token"]


def test_a_rest_api_behind_a_pool_answers_as_rest_apis_do(pets):
    server, form, (base, _, _) = pets
    identity, access = pets_tokens(server)
    status, body = get(server, f"{base}/pets", identity)
    told = json.loads(body)
    assert (status, told["path"], told["resource"], told["stage"]) == (200, "/pets", "/pets", "prod")
    assert told["authorizer"]["claims"]["cognito:username"] == "ann"
    assert get(server, f"{base}/pets/1", access, "DELETE")[0] == 200
    unauthorized = UNAUTHORIZED
    if form == "assembly":
        unauthorized = (401, '{"error":"Unauthorized","type":"UNAUTHORIZED"}')
    for path, token in [("/pets", None), ("/pets", access), ("/pets/1", identity), ("/pets", "no-token")]:
        assert get(server, base + path, token) == unauthorized, (path, token)
    refused = requests.get(f"{server.gateway}{base}/pets", timeout=30)
    assert refused.headers["access-control-allow-origin"] == "https://app.example"
    assert refused.headers["x-amzn-errortype"] == "UnauthorizedException"
    missing = (403, '{"message":"Missing Authentication Token"}')
    assert get(server, f"{base}/nowhere", identity) == get(server, f"{base}/pets", identity, "POST") == missing
    assert get(server, base.removesuffix("/prod") + "/pets", identity) == missing
    # The assembly is for one more origin.
    for origin in ("https://app.example", "http://localhost:3000", "https://other.example"):
        preflight = requests.options(f"{server.gateway}{base}/pets/1", headers={"Origin": origin}, timeout=30)
        told = origin if form == "assembly" and "localhost" in origin else "https://app.example"
        assert preflight.headers["access-control-allow-origin"] == told
        assert preflight.status_code == (204 if form == "assembly" else 200)


def test_functions_decide_about_rest_apis(pets):
    server, _, (_, token_path, request_path) = pets
    status, body = get(server, token_path, "allow")
    assert (status, json.loads(body)["authorizer"]["tenant"]) == (200, "blue")
    # Refused by the expression and by the function: neither says which.
    assert get(server, token_path, "Allow1")[0] == get(server, token_path, "nobody")[0] == get(server, token_path)[0] == 401
    assert get(server, token_path, "deny") == (403, json.dumps({"Message": DENIED}, separators=(",", ":")))

    def asked(token: str, query: str) -> int:
        url = f"{server.gateway}{request_path}{query}"
        return requests.get(url, headers={"x-token": token}, timeout=30).status_code

    assert [asked("allow", "?q=1"), asked("deny", "?q=1"), asked("allow", ""), asked("nobody", "?q=1")] == [200, 403, 401, 401]


def test_a_policy_and_a_mock_of_an_assembly(pets):
    server, form, (base, _, _) = pets
    if form != "assembly":
        pytest.skip("the other form has neither")
    status, body = get(server, f"{base}/closed")
    assert status == 403 and "with an explicit deny in a resource-based policy" in body
    assert get(server, f"{base}/health") == (200, '{"ok":true}')


def test_a_packaged_service_answers_with_the_code_beside_it():
    name = "cloudformation-template-update-stack"
    template = TEMPLATES / "shop" / ".serverless" / f"{name}.json"
    with Server("shop", written("shop.toml", f'template = ["{template}"]\n')) as server:
        rest, http = "/_apis/dev-shop/dev", f"/_apis/{name}-HttpApi"
        assert get(server, f"{rest}/plain") == (200, "rest nobody")
        for token, status in (("yes", 200), ("no", 403), (None, 401)):
            assert get(server, f"{rest}/asked/1", token, "POST")[0] == status
        assert get(server, f"{rest}/asked/1", "yes", "POST") == (200, "rest judged")
        for path, asked, told in [
            ("/plain", "https://any.example", "*"),
            ("/asked/1", "https://x.b.example", "https://x.b.example"),
            ("/asked/1", "https://any.example", "https://a.example"),
        ]:
            answer = requests.options(server.gateway + rest + path, headers={"Origin": asked}, timeout=30)
            assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, told)
        assert get(server, f"{http}/anything") == (200, "2.0 nobody")
        assert get(server, f"{http}/v2") == UNAUTHORIZED


# --- edits while serving --------------------------------------------------------------------------------------------

WATCHED = """\
Resources:
  Hello:
    Type: AWS::Lambda::Function
    Properties: {Runtime: nodejs22.x, Handler: index.handler, Code: {ZipFile: "exports.handler = async () => 'ONE'"}}
  Api: {Type: AWS::ApiGatewayV2::Api, Properties: {Name: watched, ProtocolType: HTTP, Target: !GetAtt Hello.Arn}}
  Pool: {Type: AWS::Cognito::UserPool, Properties: {UserPoolName: first}}
"""


def until(what, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_an_edit_is_served_and_a_broken_one_is_not():
    template = written("watched.yaml", WATCHED)
    config = written("watched.toml", f'template = ["{template}"]\n[template_ids]\nPool = "us-east-1_Watched01"\n')
    with Server("watched", config) as server:
        assert get(server, "/") == (200, "ONE")
        template.write_text(WATCHED.replace("ONE", "TWO").replace("first", "second"))
        until(lambda: get(server, "/") == (200, "TWO"))
        until(lambda: api(server).describe_user_pool(UserPoolId="us-east-1_Watched01")["UserPool"]["Name"] == "second")
        template.write_text(WATCHED.replace("ONE", "THREE").replace("UserPoolName", "UserPolName"))
        until(lambda: "watched.yaml:6: `UserPolName` of Pool is not supported" in server.log.read_text())
        assert get(server, "/") == (200, "TWO")
        template.write_text(WATCHED.replace("ONE", "FOUR"))
        until(lambda: get(server, "/") == (200, "FOUR"))


CODE = """\
Transform: AWS::Serverless-2016-10-31
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: app.handler
      CodeUri: code/
      Events: {Any: {Type: HttpApi}}
"""


def test_python_code_that_changes_is_run_by_new_processes_and_calls_under_way_end():
    template = written("code.yaml", CODE)
    code = template.parent / "code"
    code.mkdir(exist_ok=True)
    text = "import os, time\ndef handler(event, _):\n    time.sleep(float(event['rawPath'][1:] or 0))\n    return f'ONE {os.getpid()}'\n"
    (code / "app.py").write_text(text)
    config = written("code.toml", f'template = ["{template}"]\n')
    with Server("code", config, environment=PYTHON) as server, ThreadPoolExecutor() as pool:
        first = get(server, "/")
        assert first[0] == 200 and first[1].startswith("ONE ")
        slow = pool.submit(get, server, "/2.5")
        time.sleep(0.5)
        # Python takes a file of the same second and length for the one that it has compiled.
        (code / "app.py").write_text(text.replace("ONE", "TWO") + "\n")
        until(lambda: get(server, "/")[1].startswith("TWO "))
        assert slow.result()[1].startswith("ONE ")
        # What did not change goes on with the processes that it has.
        warm = get(server, "/")
        (code / "more.txt").write_text(str(time.time()))
        until(lambda: get(server, "/") != warm)
        warm = get(server, "/")
        template.write_text(CODE + "  Pool: {Type: AWS::Cognito::UserPool}\n")
        until(lambda: len(api(server).list_user_pools(MaxResults=5)["UserPools"]) == 1)
        assert get(server, "/") == warm


RELOADED = """\
[[pool]]
id = "us-east-1_Reload01"
name = "NAME"
[function.hello]
script = "reloaded.js"
[[api]]
name = "x"
  [[api.route]]
  key = "GET /{what}"
  integration = { function = "hello" }
"""
SAYS = "exports.handler = async () => 'SAYS';"


def test_development_reads_its_file_again_and_requests_do_not_notice():
    script = written("reloaded.js", SAYS)
    config = written("reloaded.toml", RELOADED)
    with Server("reloaded", config) as server, ThreadPoolExecutor() as pool:
        def ask() -> set:
            with requests.Session() as session:
                answers = [session.get(f"{server.gateway}/{number}", timeout=30) for number in range(1500)]
                return {(answer.status_code, answer.text) for answer in answers}

        asking = [pool.submit(ask) for _ in range(3)]
        edits = 0
        while not all(asked.done() for asked in asking):
            edits += 1
            if edits % 3 == 0:
                unservable = "  [[api.route]]\n  key = 'POST /a'\n  integration = { http = 'https://a.example/{which}' }\n"
                config.write_text(RELOADED + unservable)
            else:
                script.write_text(SAYS.replace("SAYS", f"SAYS {edits % 2}"))
                config.write_text(RELOADED.replace("NAME", f"name-{edits}"))
            time.sleep(0.4)
        answers = set.union(*(asked.result() for asked in asking))
        assert {status for status, _ in answers} == {200} and {text[:4] for _, text in answers} == {"SAYS"}, answers
        config.write_text(RELOADED.replace("NAME", "last"))
        script.write_text(SAYS.replace("SAYS", "LAST"))
        until(lambda: get(server, "/a") == (200, "LAST"))
        until(lambda: api(server).describe_user_pool(UserPoolId="us-east-1_Reload01")["UserPool"]["Name"] == "last")


def test_what_cannot_be_applied_leaves_everything_as_it_was():
    script = written("reloaded.js", SAYS)
    config = written("refused.toml", RELOADED)
    with Server("refused", config) as server, socket.create_server(("127.0.0.1", 0)) as taken:
        log = lambda: server.log.read_text()
        assert get(server, "/a") == (200, "SAYS")
        script.write_text(SAYS.replace("SAYS", "OTHER"))
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        config.write_text(f"{RELOADED}[function.held]\nattach = true\nlisten = '{place}'\n")
        until(lambda: "function `held`: the Runtime API cannot listen" in log())
        assert get(server, "/a") == (200, "SAYS")
        taken.close()
        # The next edit is tried as a whole.
        config.write_text(f"{RELOADED}[function.held]\nattach = true\nlisten = '{place}'\n# again\n")
        until(lambda: get(server, "/a") == (200, "OTHER"))
        assert f"AWS_LAMBDA_RUNTIME_API={place}" in log()


# --- what the commands say --------------------------------------------------------------------------------------------


def run(*arguments: str) -> subprocess.CompletedProcess:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("POOLHOUSE_")}
    return subprocess.run(
        [str(binary()), *arguments], env=environment, cwd=WORK / "templates", capture_output=True, text=True, timeout=60
    )


def test_check_tells_mistakes_outputs_and_what_means_nothing():
    config = written("empty.toml", "")
    done = run("check", "--config", str(config), "--template", str(TEMPLATES / "groups.yaml"))
    assert done.returncode == 0, done.stderr
    assert re.search(r"^output: groups\.PoolId = us-east-1_[A-Za-z0-9]{9}$", done.stdout, re.MULTILINE)
    assert "no mistakes: 1 pool, 3 functions, 1 API" in done.stdout
    wrong = written("wrong.yaml", WATCHED + "  Table: {Type: AWS::DynamoDB::Table}\n")
    done = run("check", "--config", str(config), "--template", str(wrong))
    assert done.returncode == 2
    assert f"{wrong}:7: Table: AWS::DynamoDB::Table is not supported" in done.stderr
    done = run("check", "--config", str(config), "--template", str(wrong), "--ignore-warnings")
    assert done.returncode == 0, done.stderr
    assert f"warning: {wrong}:7: Table" in done.stdout


def test_what_is_exported_is_imported_as_the_same():
    with Server("export", EXAMPLE_CONFIG) as server:
        def exported(*more: str) -> tuple[dict, str]:
            done = run("export", "--format", "cloudformation", "--data", str(server.data), *more)
            assert done.returncode == 0, done.stderr
            return json.loads(done.stdout), done.stderr

        first, left_out = exported("--config", str(EXAMPLE_CONFIG))
        assert "the secret of the client 3example23456789abcdefghij" in left_out
        pool = api(server).describe_user_pool(UserPoolId=POOL)["UserPool"]
    template = written("exported.json", json.dumps(first, indent=1))
    config = written("exported.toml", f'template = ["{template}"]\n')
    with Server("imported", config) as server:
        again = api(server).describe_user_pool(UserPoolId=POOL)["UserPool"]
        same = lambda described: {name: value for name, value in described.items() if "Date" not in name and "Estimated" not in name}
        assert same(again) == same(pool)
        cognito = api(server)
        cognito.admin_create_user(UserPoolId=POOL, Username="ann", MessageAction="SUPPRESS")
        cognito.admin_set_user_password(UserPoolId=POOL, Username="ann", Password=PASSWORD, Permanent=True)
        cognito.admin_add_user_to_group(UserPoolId=POOL, Username="ann", GroupName="admin")
        assert get(server, "/AdminUser", tokens(server, "ann")["IdToken"]) == (200, '"Hello from Admin User"')
