"""A PreSignUp trigger that signs somebody else up first, which asks the same trigger."""

import boto3
from botocore.config import Config


def handler(event, _context):
    url = event["request"].get("clientMetadata", {}).get("url")
    if url:
        idp = boto3.client(
            "cognito-idp", endpoint_url=url, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x",
            config=Config(retries={"max_attempts": 0}, read_timeout=60),
        )
        idp.sign_up(
            ClientId=event["callerContext"]["clientId"], Username=event["userName"] + "x", Password="Password-1",
            ClientMetadata={"url": url},
        )
    return event
