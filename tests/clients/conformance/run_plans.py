"""Runs the plans of the OpenID Foundation's conformance suite against a strict pool and prints what each module says.

The suite itself is built and started by hand (its own README says how), and so is the server; docs/conformance.md has the
configuration that this expects. Exits with 1 where a module failed or did not end.
"""

from __future__ import annotations

import argparse
import json
import ssl
import sys
import time
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlencode, urlsplit

ALIAS = "poolhouse"
# name of the plan, and the variant that is chosen for it
PLANS = {
    "oidcc-basic-certification-test-plan": {"server_metadata": "discovery", "client_registration": "static_client"},
    "oidcc-formpost-basic-certification-test-plan": {"server_metadata": "discovery", "client_registration": "static_client"},
    "oidcc-config-certification-test-plan": {},
    "oidcc-rp-initiated-logout-certification-test-plan": {"client_registration": "static_client", "response_type": "code"},
    "oidcc-backchannel-rp-initiated-logout-certification-test-plan": {
        "client_registration": "static_client",
        "response_type": "code",
    },
}
# Longest that one module may take; the longest of them waits 30 s between two requests.
SECONDS = 240

Json = dict[str, Any]


class Suite:
    """The suite's REST API."""

    def __init__(self, url: str, trusted: str | None):
        self.url = url.rstrip("/")
        self.tls = ssl.create_default_context(cafile=trusted)

    def ask(self, path: str, query: Json | None = None, *, body: Json | None = None, method: str = "GET") -> Any:
        address = f"{self.url}/api/{path}" + (f"?{urlencode(query)}" if query else "")
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(address, data=data, method=method, headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60, context=self.tls) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise SystemExit(f"{method} {address}: {error.code} {error.read().decode(errors='replace')[:500]}") from error

    def run(self, plan: str, module: Json) -> Json:
        """Runs one module to its end. The answer is the suite's description of it."""
        query = {"test": module["testModule"], "plan": plan, "variant": json.dumps(module.get("variant") or {})}
        id = self.ask("runner", query, method="POST")["id"]
        end = time.monotonic() + SECONDS
        while (info := self.ask(f"info/{id}"))["status"] not in ("FINISHED", "INTERRUPTED"):
            if time.monotonic() > end:
                self.ask(f"runner/{id}", method="DELETE")
                return self.ask(f"info/{id}") | {"status": "TIMEOUT", "_id": id}
            time.sleep(1)
        return info | {"_id": id}


def browser(server: str) -> tuple[list[Json], Json]:
    """What the suite's own browser does on our pages, and what it does otherwise in single modules."""

    def page(name: str, *commands: list[Any], place: str = "*", optional: bool = True) -> Json:
        return {"task": name, "match": place, "optional": optional, "commands": list(commands)}

    def sees(text: str, action: str = "update-image-placeholder") -> list[Any]:
        return ["wait", "xpath", "//*", 10, text, action]

    entering = [["text", "id", "username", "conformance"], ["text", "id", "password", "Conformance-1"]]
    entering.append(["click", "id", "sign_in"])
    signing_in = page("Sign in", *entering, place=f"{server}/login*")
    returned = page("Back at the client", ["wait", "id", "submission_complete", 10], place="*/test/*/callback*", optional=False)
    signed_in = {"match": f"{server}/oauth2/authorize*", "tasks": [signing_in, returned]}
    signing_out = page("Confirm", ["click", "id", "sign_out"], place=f"{server}/signOut*")
    signed_out = page("Back at the client", place="*/test/*/post_logout_redirect*", optional=False)
    usual = [signed_in, {"match": f"{server}/logout*", "tasks": [signing_out, signed_out]}]

    pictured = page("Sign in", sees("Sign in", "update-image-placeholder-optional"), *entering, place=f"{server}/login*")
    again = [{"match": f"{server}/oauth2/authorize*", "tasks": [pictured, returned]}]
    wrong = page("An error of ours", sees("An error was encountered"), place=f"{server}/error*", optional=False)
    refused = [{"match": f"{server}/oauth2/authorize*", "tasks": [wrong]}]
    stays = [signed_in, {"match": f"{server}/logout*", "tasks": [wrong]}]
    confirming = page("Confirm", ["click", "id", "sign_out", "optional"], place=f"{server}/signOut*")
    done = page("Done", sees("You have signed out"), place=f"{server}/signOut*", optional=False)
    ends_here = [signed_in, {"match": f"{server}/logout*", "tasks": [confirming, done]}]
    single = {
        "oidcc-prompt-login": again,
        "oidcc-max-age-1": again,
        "oidcc-ensure-registered-redirect-uri": refused,
        "oidcc-ensure-request-object-with-redirect-uri": refused,
        "oidcc-rp-initiated-logout-bad-post-logout-redirect-uri": stays,
        "oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri": stays,
        "oidcc-rp-initiated-logout-modified-id-token-hint": stays,
        "oidcc-rp-initiated-logout-bad-id-token-hint": stays,
        "oidcc-rp-initiated-logout-no-id-token-hint": stays,
        "oidcc-rp-initiated-logout-no-params": ends_here,
        "oidcc-rp-initiated-logout-only-state": ends_here,
        "oidcc-rp-initiated-logout-no-post-logout-redirect-uri": ends_here,
    }
    return usual, {module: {"browser": commands} for module, commands in single.items()}


def configuration(issuer: str, plan: str) -> Json:
    usual, single = browser("{0.scheme}://{0.netloc}".format(urlsplit(issuer)))
    first = {"client_id": "conformance1", "client_secret": "conformance_first_0123456789abcdef"}
    second = {"client_id": "conformance2", "client_secret": "conformance_second_0123456789abcdef"}
    # Whoever hears of sign-outs without expecting it has failed.
    told = {"client_id": "conformance3", "client_secret": "conformance_third_0123456789abcdef"}
    return {
        "alias": ALIAS,
        "description": "a strict pool of Poolhouse",
        "server": {"discoveryUrl": f"{issuer}/.well-known/openid-configuration", "login_hint": "conformance"},
        "client": told if "backchannel" in plan else first,
        "client_secret_post": first,
        "client2": second,
        "browser": usual,
        "override": single,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", default="https://suite.example:8443", help="where the suite answers")
    parser.add_argument("--issuer", default="https://id.example:9229/us-east-1_Conform01", help="the strict pool")
    parser.add_argument("--trust", metavar="PEM", help="a certificate that has signed the suite's own")
    parser.add_argument("--plan", action="append", choices=PLANS, help="only this plan; may be repeated")
    parser.add_argument("--module", action="append", help="only this module; may be repeated")
    parser.add_argument("--logs", metavar="DIR", help="keep the log of every module there")
    chosen = parser.parse_args()
    suite = Suite(chosen.suite, chosen.trust)
    bad = 0
    for name in chosen.plan or PLANS:
        made = suite.ask(
            "plan", {"planName": name, "variant": json.dumps(PLANS[name])}, body=configuration(chosen.issuer, name), method="POST"
        )
        print(f"\n## {name}\n\n| module | result | not passed |\n|---|---|---|")
        for module in made["modules"]:
            if chosen.module and module["testModule"] not in chosen.module:
                continue
            info = suite.run(made["id"], module)
            log = suite.ask(f"log/{info['_id']}")
            if chosen.logs:
                with open(f"{chosen.logs}/{name}.{module['testModule']}.json", "w") as file:
                    json.dump(log, file, indent=1)
            result = info.get("result") or info["status"]
            remarked = [entry for entry in log if entry.get("result") in ("FAILURE", "WARNING")]
            remarks = [f"{entry['result']} {entry['src']}: {entry['msg']}" for entry in remarked]
            bad += info["status"] != "FINISHED" or result not in ("PASSED", "REVIEW", "SKIPPED", "WARNING")
            print(f"| {module['testModule']} | {result} | {'; '.join(remarks)} |", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
