"""The gateway configured by calls alone: with boto3 and the AWS command line, on SQLite and PostgreSQL.

Every answer is held against the shape that the service publishes for it. What stands at the end is the README's story: two routes
with scopes, the authorizer of a pool, and groups that become scopes; and it stands after a restart.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
import requests
import yaml
from answers import Answers
from botocore.config import Config
from botocore.exceptions import ClientError
from launch import Server, new_database

AWS = str(Path(sys.executable).parent / "aws")
CONFIG = Path(__file__).resolve().parent / "control.toml"
ARN = "arn:aws:lambda:us-east-1:123456789012:function"
UNAUTHORIZED = (401, '{"message":"Unauthorized"}')
FORBIDDEN = (403, '{"message":"Forbidden"}')
REGULAR = (200, '"Hello from Regular User"')
ADMIN = (200, '"Hello from Admin User"')


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def server(request: pytest.FixtureRequest):
    database = new_database("control") if request.param == "postgres" else None
    with Server(f"control-{request.param}", CONFIG, database) as running:
        yield running


def client(server: Server, service: str):
    return boto3.client(service, endpoint_url=server.url, config=Config(retries={"total_max_attempts": 1}))


@pytest.fixture(scope="module")
def gateway(server: Server):
    made = client(server, "apigatewayv2")
    made.answers = Answers(made)
    return made


def aws(server: Server, *arguments: str) -> dict:
    done = subprocess.run(
        [AWS, "--endpoint-url", server.url, "--output", "json", *arguments],
        capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else {}


def refused(call, **arguments) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    answer = caught.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"]


@pytest.fixture(scope="module")
def story(server: Server) -> dict:
    """Everything of the README's example that calls can make; the gateway by the command line."""
    people = client(server, "cognito-idp")
    rule = {"PreTokenGeneration": f"{ARN}:groups-to-scopes"}
    pool = people.create_user_pool(PoolName="example", LambdaConfig=rule)["UserPool"]["Id"]
    flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    made = people.create_user_pool_client(UserPoolId=pool, ClientName="web", ExplicitAuthFlows=flows)
    audience = made["UserPoolClient"]["ClientId"]
    for group in ("admin", "regular"):
        people.create_group(UserPoolId=pool, GroupName=group)
    for user, groups in (("adminuser", ("admin", "regular")), ("regularuser", ("regular",))):
        people.admin_create_user(UserPoolId=pool, Username=user, MessageAction="SUPPRESS")
        people.admin_set_user_password(UserPoolId=pool, Username=user, Password="Right-1234", Permanent=True)
        for group in groups:
            people.admin_add_user_to_group(UserPoolId=pool, Username=user, GroupName=group)
    v2 = "apigatewayv2"
    api = aws(server, v2, "create-api", "--name", "JWTAuth", "--protocol-type", "HTTP")
    of = ("--api-id", api["ApiId"])
    authorizer = aws(
        server, v2, "create-authorizer", *of, "--name", "JWTAuth", "--authorizer-type", "JWT",
        "--identity-source", "$request.header.Authorization", "--jwt-configuration",
        json.dumps({"Audience": [audience], "Issuer": f"https://cognito-idp.us-east-1.amazonaws.com/{pool}"}),
    )["AuthorizerId"]
    for key, function, scope in (
        ("GET /AdminUser", "admin-user", "admin"),
        ("GET /RegularUser", "regular-user", "regular"),
    ):
        integration = aws(
            server, v2, "create-integration", *of, "--integration-type", "AWS_PROXY", "--payload-format-version", "2.0",
            "--integration-uri", f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{ARN}:{function}/invocations",
        )["IntegrationId"]
        aws(
            server, v2, "create-route", *of, "--route-key", key, "--target", f"integrations/{integration}",
            "--authorization-type", "JWT", "--authorizer-id", authorizer, "--authorization-scopes", f"{scope}-{audience}",
        )
    aws(server, v2, "create-stage", *of, "--stage-name", "$default", "--auto-deploy")
    return {"api": api["ApiId"], "endpoint": api["ApiEndpoint"], "audience": audience, "authorizer": authorizer}


def told(server: Server, story: dict) -> list[tuple[int, str]]:
    """What the routes answer to nobody, and to the ID and access tokens of both users."""
    answers = []
    for path in ("/RegularUser", "/AdminUser"):
        answers.append(requests.get(story["endpoint"] + path, timeout=30))
    for user in ("regularuser", "adminuser"):
        tokens = client(server, "cognito-idp").initiate_auth(
            AuthFlow="USER_PASSWORD_AUTH", ClientId=story["audience"],
            AuthParameters={"USERNAME": user, "PASSWORD": "Right-1234"},
        )["AuthenticationResult"]
        for path in ("/RegularUser", "/AdminUser"):
            for token in ("IdToken", "AccessToken"):
                headers = {"Authorization": tokens[token]}
                answers.append(requests.get(story["endpoint"] + path, headers=headers, timeout=30))
    return [(answer.status_code, answer.text) for answer in answers]


EXPECTED = [
    UNAUTHORIZED, UNAUTHORIZED,
    REGULAR, FORBIDDEN, FORBIDDEN, FORBIDDEN,
    REGULAR, FORBIDDEN, ADMIN, FORBIDDEN,
]


def test_the_story_is_told_by_calls_alone_and_after_a_restart(server: Server, story: dict):
    assert told(server, story) == EXPECTED
    assert server.stop() == 0
    server.start()
    assert told(server, story) == EXPECTED


def test_the_command_line_reads_back_what_was_made(server: Server, story: dict):
    api = aws(server, "apigatewayv2", "get-api", "--api-id", story["api"])
    assert api["ApiKeySelectionExpression"] == "$request.header.x-api-key"
    assert api["RouteSelectionExpression"] == "${request.method} ${request.path}"
    assert (api["DisableExecuteApiEndpoint"], api["IpAddressType"], api["Tags"]) == (False, "ipv4", {})
    stage = aws(server, "apigatewayv2", "get-stage", "--api-id", story["api"], "--stage-name", "$default")
    assert stage["AutoDeploy"] and stage["LastDeploymentStatusMessage"].endswith(f"'{stage['DeploymentId']}'")
    # The command line pages by itself.
    apis = aws(server, "apigatewayv2", "get-apis", "--page-size", "1")
    assert [one["Name"] for one in apis["Items"]] == ["written", "JWTAuth"]


def test_every_operation_answers_in_its_published_shape(server: Server, gateway):
    api = gateway.create_api(
        Name="shapes", ProtocolType="HTTP", Description="d", Version="1", Tags={"a": "b"},
        CorsConfiguration={"AllowOrigins": ["https://app.example"], "AllowMethods": ["GET"], "MaxAge": 60},
    )
    of = {"ApiId": api["ApiId"]}
    assert api["ApiEndpoint"].startswith(server.gateway) and api["CreatedDate"].tzinfo
    gateway.update_api(**of, Description="e")
    gateway.get_api(**of)
    integration = gateway.create_integration(
        **of, IntegrationType="HTTP_PROXY", IntegrationMethod="ANY", IntegrationUri="http://localhost:1/", PayloadFormatVersion="1.0",
        RequestParameters={"append:header.a": "1"}, ResponseParameters={"200": {"overwrite:statuscode": "201"}},
        PassthroughBehavior="WHEN_NO_MATCH", TimeoutInMillis=1000,
    )
    gateway.update_integration(**of, IntegrationId=integration["IntegrationId"], Description="i")
    gateway.get_integration(**of, IntegrationId=integration["IntegrationId"])
    jwt = gateway.create_authorizer(
        **of, Name="j", AuthorizerType="JWT", IdentitySource=["$request.header.Authorization"],
        JwtConfiguration={"Audience": ["a"], "Issuer": "https://issuer.example"},
    )
    gateway.update_authorizer(**of, AuthorizerId=jwt["AuthorizerId"], Name="k")
    gateway.get_authorizer(**of, AuthorizerId=jwt["AuthorizerId"])
    route = gateway.create_route(
        **of, RouteKey="GET /x", Target=f"integrations/{integration['IntegrationId']}", AuthorizationType="JWT",
        AuthorizerId=jwt["AuthorizerId"], AuthorizationScopes=["s"], ApiKeyRequired=False, OperationName="x",
    )
    gateway.update_route(**of, RouteId=route["RouteId"], OperationName="y")
    gateway.get_route(**of, RouteId=route["RouteId"])
    deployment = gateway.create_deployment(**of, Description="first")
    stage = {"StageName": "test"}
    gateway.create_stage(
        **of, **stage, DeploymentId=deployment["DeploymentId"], StageVariables={"v": "1"}, Tags={"s": "t"},
        DefaultRouteSettings={"ThrottlingBurstLimit": 5, "ThrottlingRateLimit": 1.5, "DetailedMetricsEnabled": True},
        RouteSettings={"GET /x": {"ThrottlingBurstLimit": 5, "ThrottlingRateLimit": 1.0}},
        AccessLogSettings={"DestinationArn": "arn:aws:logs:us-east-1:1:log-group:x", "Format": "$context.requestId"},
    )
    gateway.update_stage(**of, **stage, Description="d")
    gateway.get_stage(**of, **stage)
    gateway.update_deployment(**of, DeploymentId=deployment["DeploymentId"], Description="second")
    gateway.get_deployment(**of, DeploymentId=deployment["DeploymentId"])
    domain = {"DomainName": "shapes.example.com"}
    gateway.create_domain_name(**domain, DomainNameConfigurations=[{"CertificateArn": "arn:aws:acm:us-east-1:1:certificate/x"}])
    gateway.update_domain_name(**domain, DomainNameConfigurations=[{"CertificateArn": "arn:aws:acm:us-east-1:1:certificate/y"}])
    gateway.get_domain_name(**domain)
    mapping = gateway.create_api_mapping(**domain, **of, Stage="test", ApiMappingKey="v1")
    one = {"ApiMappingId": mapping["ApiMappingId"]}
    gateway.update_api_mapping(**domain, **one, **of, ApiMappingKey="v2")
    gateway.get_api_mapping(**domain, **one)
    arn = f"arn:aws:apigateway:us-east-1::/apis/{api['ApiId']}"
    gateway.tag_resource(ResourceArn=arn, Tags={"c": "d"})
    gateway.untag_resource(ResourceArn=arn, TagKeys=["a"])
    assert gateway.get_tags(ResourceArn=arn)["Tags"] == {"c": "d"}
    for operation, arguments in (
        ("get_apis", {}), ("get_routes", of), ("get_integrations", of), ("get_authorizers", of), ("get_stages", of),
        ("get_deployments", of), ("get_domain_names", {}), ("get_api_mappings", domain),
    ):
        if gateway.can_paginate(operation):
            pages = gateway.get_paginator(operation).paginate(**arguments, PaginationConfig={"PageSize": 1})
            assert list(pages.search("Items[]")), operation
        assert getattr(gateway, operation)(**arguments)["Items"], operation
    gateway.delete_route_settings(**of, **stage, RouteKey="GET /x")
    gateway.delete_access_log_settings(**of, **stage)
    gateway.reset_authorizers_cache(**of, **stage)
    gateway.delete_cors_configuration(**of)
    gateway.delete_api_mapping(**domain, **one)
    gateway.delete_domain_name(**domain)
    gateway.delete_stage(**of, **stage)
    gateway.delete_deployment(**of, DeploymentId=deployment["DeploymentId"])
    gateway.delete_route(**of, RouteId=route["RouteId"])
    gateway.delete_authorizer(**of, AuthorizerId=jwt["AuthorizerId"])
    gateway.delete_integration(**of, IntegrationId=integration["IntegrationId"])
    gateway.delete_api(**of)
    documents(gateway)
    left = ("Model", "Portal", "ProductPage", "ProductRest", "VpcLink", "RoutingRule", "RouteResponse", "IntegrationResponse")
    left += ("RouteRequestParameter",)
    expected = {name for name in gateway.answers.operations if not any(word in name for word in left)}
    assert gateway.answers.succeeded >= expected, expected - gateway.answers.succeeded


def documents(gateway):
    """An API that comes as a document and goes as one, which the service could read."""
    written = {
        "openapi": "3.0.1", "info": {"title": "document", "version": "1"},
        "servers": [{"url": "https://x.example/{basePath}", "variables": {"basePath": {"default": "v1"}}}],
        "paths": {"/x": {
            "get": {"x-amazon-apigateway-integration": {
                "type": "aws_proxy", "httpMethod": "POST", "uri": f"{ARN}:admin-user", "payloadFormatVersion": "2.0",
            }},
            "put": {"responses": {}},
        }},
    }
    made = gateway.import_api(Body=json.dumps(written), Basepath="prepend")
    assert len(made["Warnings"]) == 1 and "PUT /v1/x" in made["Warnings"][0]
    of = {"ApiId": made["ApiId"]}
    ids = {one["RouteKey"]: one["RouteId"] for one in gateway.get_routes(**of)["Items"]}
    assert set(ids) == {"GET /v1/x", "PUT /v1/x"}
    for kind in ("JSON", "YAML"):
        exported = gateway.export_api(**of, Specification="OAS30", OutputType=kind, ExportVersion="1.0", IncludeExtensions=True)
        text = exported["body"].read() if hasattr(exported["body"], "read") else exported["body"]
        read = yaml.safe_load(text)
        assert read["openapi"] == "3.0.1" and read["info"] == written["info"]
        assert read["paths"]["/v1/x"]["get"]["x-amazon-apigateway-integration"]["uri"] == f"{ARN}:admin-user"
        gateway.reimport_api(**of, Body=text.decode())
        assert {one["RouteKey"]: one["RouteId"] for one in gateway.get_routes(**of)["Items"]} == ids
    warned = refused(gateway.reimport_api, **of, Body=json.dumps(written), FailOnWarnings=True)
    assert warned[:2] == (400, "BadRequestException") and warned[2].startswith("Warnings found during import:")
    assert refused(gateway.reimport_api, ApiId="nothing", Body=json.dumps(written))[:2] == (404, "NotFoundException")
    gateway.delete_api(**of)


def test_errors_have_the_names_and_statuses_of_the_service(server: Server, story: dict, gateway):
    of = {"ApiId": story["api"]}
    assert refused(gateway.get_api, ApiId="nothing")[:2] == (404, "NotFoundException")
    assert refused(gateway.create_route, **of, RouteKey="GET /AdminUser") == (
        409, "ConflictException", "Route with key GET /AdminUser already exists for this API",
    )
    jwt = "Invalid authorizer ID specified. Setting the authorization type to JWT requires a valid JWT authorizer."
    assert refused(gateway.create_route, **of, RouteKey="GET /x", AuthorizationType="JWT", AuthorizerId="x") == (
        400, "BadRequestException", jwt,
    )
    for number in range(9):
        gateway.create_authorizer(
            **of, Name=f"a{number}", AuthorizerType="JWT", IdentitySource=["$request.header.Authorization"],
            JwtConfiguration={"Audience": ["a"], "Issuer": "https://issuer.example"},
        )
    eleventh = refused(
        gateway.create_authorizer, **of, Name="a9", AuthorizerType="JWT", IdentitySource=["$request.header.Authorization"],
        JwtConfiguration={"Audience": ["a"], "Issuer": "https://issuer.example"},
    )
    assert eleventh[:2] == (429, "TooManyRequestsException")
    assert refused(gateway.update_api, ApiId="written123", Name="x")[:2] == (409, "ConflictException")
    for call, arguments, word in (
        (gateway.create_api, {"Name": "w", "ProtocolType": "WEBSOCKET"}, "WebSocket"),
        (gateway.create_vpc_link, {"Name": "v", "SubnetIds": ["s"]}, "VPC links"),
        (gateway.create_route, of | {"RouteKey": "GET /x", "AuthorizationType": "AWS_IAM"}, "AWS_IAM"),
        (gateway.create_integration, of | {"IntegrationType": "AWS_PROXY", "IntegrationSubtype": "SQS-SendMessage"}, "Subtype"),
        (gateway.import_api, {"Body": "{}"}, "openapi"),
    ):
        status, name, message = refused(call, **arguments)
        assert (status, name) == (400, "BadRequestException") and word in message, message
