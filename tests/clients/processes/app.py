"""A Lambda function as its users write it: an integration, an authorizer and a trigger in one, and what goes wrong with them."""

import os
import socket
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
        case "reach":
            return {name: reach(name, event) for name in REACHES}
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


def reach(name, event):
    try:
        REACHES[name](event)
    except OSError as error:
        return type(error).__name__
    return True


def connect(event, protocol=0):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol) as one:
        one.connect(("127.0.0.1", event["port"]))


def fast_open(event):
    with socket.socket() as one:
        one.sendto(b"GET / HTTP/1.0\r\n\r\n", socket.MSG_FASTOPEN, ("127.0.0.1", event["port"]))


REACHES = {
    "database": lambda event: Path(event["data"], "poolhouse.db").read_bytes(),
    "key": lambda event: Path(event["data"], "master.key").read_bytes(),
    "configuration": lambda event: Path(event["config"]).read_bytes(),
    "environment": lambda event: Path(f"/proc/{event['server']}/environ").read_bytes(),
    "keeper": lambda event: Path(f"/proc/{os.getppid()}/environ").read_bytes(),
    "files": lambda event: os.listdir(f"/proc/{event['server']}/fd"),
    "signal": lambda event: os.kill(event["server"], 0),
    "tcp": connect,
    # 262 is MPTCP, which falls back to TCP.
    "mptcp": lambda event: connect(event, 262),
    "fast open": fast_open,
    "udp": lambda event: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close(),
    "unix": lambda event: socket.socket(socket.AF_UNIX).close(),
}
