"""A Lambda function as its users write it: an integration, an authorizer and a trigger in one, and what goes wrong with them."""

import os
import sys
import time
from pathlib import Path


def handler(event, context):
    if "triggerSource" in event:
        event["response"] = {"claimsOverrideDetails": {"claimsToAddOrOverride": {"made_by": "python"}}}
        return event
    if event.get("type") == "REQUEST":
        return decide(event["headers"]["authorization"])
    if "requestContext" in event:
        by = event["requestContext"].get("authorizer", {}).get("lambda", {}).get("by", "nobody")
        return {"statusCode": 200, "body": f"python, let in by {by}"}
    print(f"doing {event.get('do')}")
    match event.get("do"):
        case "throw":
            raise ValueError("what a handler throws")
        case "sleep":
            Path(event["tells"]).write_text(str(os.getpid()))
            time.sleep(event["seconds"])
        case "flood":
            out = sys.stderr if event["to"] == "stderr" else sys.stdout
            while True:
                out.write(("x" * 1000 + "\n") * 1000)
        case "write":
            Path(event["file"]).write_text(context.aws_request_id)
    return {
        "pid": os.getpid(),
        "id": context.aws_request_id,
        "arn": context.invoked_function_arn,
        "left": context.get_remaining_time_in_millis(),
        "secrets": [name for name in os.environ if name.startswith("POOLHOUSE_")],
        "stage": os.environ.get("STAGE"),
    }


def decide(token):
    if token == "yes":
        return {"isAuthorized": True, "context": {"by": "python"}}
    if token == "no":
        return {"isAuthorized": False}
    raise Exception("Unauthorized")
