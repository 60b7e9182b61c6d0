"""One call at least of each of the service's operations, with each answer held against its published shape."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from answers import Answers
from authenticators import Device, Passkey, totp
from town import PASSWORD, Client, Town, attributes, claims, refused, unique

ROLE = "arn:aws:iam::123456789012:role/example"
FLOWS = [
    "ALLOW_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH",
]


@pytest.fixture(scope="module")
def answers(town: Town) -> Answers:
    return Answers(town.idp)


@dataclass
class Place:
    """A pool, a client of it, and a user who is signed in there."""

    client: Client
    username: str
    email: str
    access: str

    @property
    def pool(self) -> dict[str, str]:
        return {"UserPoolId": self.client.pool}

    @property
    def app(self) -> dict[str, str]:
        return self.pool | {"ClientId": self.client.id}

    @property
    def user(self) -> dict[str, str]:
        return self.pool | {"Username": self.username}

    @property
    def token(self) -> dict[str, str]:
        return {"AccessToken": self.access}


@pytest.fixture
def place(town: Town, answers: Answers) -> Place:
    return make_place(town)


def make_place(town: Town, pool: dict[str, Any] | None = None, client: dict[str, Any] | None = None) -> Place:
    made = town.make_client(
        town.make_pool(**{"AutoVerifiedAttributes": ["email"]} | (pool or {})), **{"ExplicitAuthFlows": FLOWS} | (client or {})
    )
    username, email = town.verified_user(made.pool)
    return Place(made, username, email, made.sign_in(username)["AccessToken"])


def test_pools(town: Town, place: Place):
    idp = town.idp
    described = idp.describe_user_pool(**place.pool)["UserPool"]
    assert described["Id"] == place.client.pool
    assert any(pool["Id"] == place.client.pool for page in pages("list_user_pools", town, MaxResults=60) for pool in page["UserPools"])
    idp.add_custom_attributes(**place.pool, CustomAttributes=[{"Name": "team", "AttributeDataType": "String"}])
    idp.update_user_pool(**place.pool, AutoVerifiedAttributes=["email"], DeletionProtection="ACTIVE")
    idp.tag_resource(ResourceArn=described["Arn"], Tags={"a": "1", "b": "2"})
    idp.untag_resource(ResourceArn=described["Arn"], TagKeys=["b"])
    assert idp.list_tags_for_resource(ResourceArn=described["Arn"])["Tags"] == {"a": "1"}
    idp.set_user_pool_mfa_config(
        **place.pool, MfaConfiguration="OPTIONAL", SoftwareTokenMfaConfiguration={"Enabled": True}
    )
    assert idp.get_user_pool_mfa_config(**place.pool)["MfaConfiguration"] == "OPTIONAL"
    certificate = idp.get_signing_certificate(**place.pool)["Certificate"]
    assert certificate == idp.get_signing_certificate(**place.pool)["Certificate"]
    idp.update_user_pool(**place.pool)
    idp.delete_user_pool(**place.pool)


def pages(operation: str, town: Town, **arguments: Any):
    return town.idp.get_paginator(operation).paginate(**arguments)


def test_clients_and_their_secrets(town: Town, place: Place):
    idp = town.idp
    made = idp.create_user_pool_client(**place.pool, ClientName="keeper", GenerateSecret=True)["UserPoolClient"]
    keeper = place.pool | {"ClientId": made["ClientId"]}
    assert idp.describe_user_pool_client(**keeper)["UserPoolClient"]["ClientSecret"] == made["ClientSecret"]
    assert idp.update_user_pool_client(**keeper, ClientName="renamed")["UserPoolClient"]["ClientName"] == "renamed"
    assert len(idp.list_user_pool_clients(**place.pool)["UserPoolClients"]) == 2
    added = idp.add_user_pool_client_secret(**keeper)["ClientSecretDescriptor"]
    assert len(idp.list_user_pool_client_secrets(**keeper)["ClientSecrets"]) == 2
    idp.delete_user_pool_client_secret(**keeper, ClientSecretId=added["ClientSecretId"])
    idp.delete_user_pool_client(**keeper)


def test_groups_and_resource_servers(town: Town, place: Place):
    idp = town.idp
    group = place.pool | {"GroupName": "readers"}
    idp.create_group(**group, Description="who reads", Precedence=3, RoleArn=ROLE)
    idp.update_group(**group, Precedence=2)
    assert idp.get_group(**group)["Group"]["Precedence"] == 2
    idp.admin_add_user_to_group(**group, Username=place.username)
    assert len(idp.list_groups(**place.pool)["Groups"]) == 1
    assert len(idp.admin_list_groups_for_user(**place.user)["Groups"]) == 1
    assert len(idp.list_users_in_group(**group)["Users"]) == 1
    idp.admin_remove_user_from_group(**group, Username=place.username)
    idp.delete_group(**group)
    server = place.pool | {"Identifier": "https://books.example"}
    idp.create_resource_server(**server, Name="books", Scopes=[{"ScopeName": "read", "ScopeDescription": "read them"}])
    idp.update_resource_server(**server, Name="library", Scopes=[{"ScopeName": "lend", "ScopeDescription": "lend them"}])
    assert idp.describe_resource_server(**server)["ResourceServer"]["Name"] == "library"
    assert len(idp.list_resource_servers(**place.pool, MaxResults=50)["ResourceServers"]) == 1
    idp.delete_resource_server(**server)


def test_users_from_the_administrators_side(town: Town, place: Place):
    idp = town.idp
    assert idp.admin_get_user(**place.user)["Username"] == place.username
    assert idp.list_users(**place.pool, Filter=f'email = "{place.email}"')["Users"][0]["Username"] == place.username
    idp.admin_update_user_attributes(**place.user, UserAttributes=attributes(nickname="A"))
    idp.admin_delete_user_attributes(**place.user, UserAttributeNames=["nickname"])
    idp.admin_disable_user(**place.user)
    idp.admin_enable_user(**place.user)
    idp.admin_user_global_sign_out(**place.user)
    idp.admin_reset_user_password(**place.user)
    idp.admin_set_user_password(**place.user, Password=PASSWORD, Permanent=True)
    newcomer = place.pool | {"Username": unique("newcomer")}
    idp.sign_up(ClientId=place.client.id, Username=newcomer["Username"], Password=PASSWORD)
    idp.admin_confirm_sign_up(**newcomer)
    idp.admin_delete_user(**newcomer)


def test_signing_up_and_recovering(town: Town, place: Place):
    idp = town.idp
    client = {"ClientId": place.client.id}
    username = unique("newcomer")
    email = f"{username}@example.com"
    idp.sign_up(**client, Username=username, Password=PASSWORD, UserAttributes=attributes(email=email))
    town.inbox.code(email)
    idp.resend_confirmation_code(**client, Username=username)
    idp.confirm_sign_up(**client, Username=username, ConfirmationCode=town.inbox.code(email))
    idp.forgot_password(**client, Username=username)
    idp.confirm_forgot_password(**client, Username=username, ConfirmationCode=town.inbox.code(email), Password="Another-horse-2")
    assert place.client.sign_in(username, "Another-horse-2")["AccessToken"]


def test_signed_in_users(town: Town, place: Place):
    idp = town.idp
    assert idp.get_user(**place.token)["Username"] == place.username
    idp.update_user_attributes(**place.token, UserAttributes=attributes(nickname="A"))
    idp.delete_user_attributes(**place.token, UserAttributeNames=["nickname"])
    idp.get_user_attribute_verification_code(**place.token, AttributeName="email")
    idp.verify_user_attribute(**place.token, AttributeName="email", Code=town.inbox.code(place.email))
    assert "PASSWORD" in idp.get_user_auth_factors(**place.token)["ConfiguredUserAuthFactors"]
    assert "PASSWORD" in idp.admin_get_user_auth_factors(**place.user)["ConfiguredUserAuthFactors"]
    idp.change_password(**place.token, PreviousPassword=PASSWORD, ProposedPassword="Another-horse-2")
    idp.global_sign_out(**place.token)
    idp.delete_user(AccessToken=place.client.sign_in(place.username, "Another-horse-2")["AccessToken"])


def test_challenges_and_tokens(town: Town, place: Place):
    idp = town.idp
    first = town.make_user(place.client.pool, password=None)
    begun = place.client.begin(first, "Temporary-1")
    answer = {"USERNAME": first, "NEW_PASSWORD": PASSWORD}
    done = idp.respond_to_auth_challenge(
        ClientId=place.client.id, ChallengeName=begun["ChallengeName"], Session=begun["Session"], ChallengeResponses=answer
    )
    second = town.make_user(place.client.pool, password=None)
    begun = idp.admin_initiate_auth(
        **place.app, AuthFlow="ADMIN_USER_PASSWORD_AUTH", AuthParameters={"USERNAME": second, "PASSWORD": "Temporary-1"}
    )
    idp.admin_respond_to_auth_challenge(
        **place.app, ChallengeName=begun["ChallengeName"], Session=begun["Session"],
        ChallengeResponses={"USERNAME": second, "NEW_PASSWORD": PASSWORD},
    )
    refresh = done["AuthenticationResult"]["RefreshToken"]
    assert idp.get_tokens_from_refresh_token(ClientId=place.client.id, RefreshToken=refresh)["AuthenticationResult"]["AccessToken"]
    idp.revoke_token(ClientId=place.client.id, Token=refresh)


def test_authenticator_apps(town: Town, place: Place):
    idp = town.idp
    idp.set_user_pool_mfa_config(**place.pool, MfaConfiguration="OPTIONAL", SoftwareTokenMfaConfiguration={"Enabled": True})
    secret = idp.associate_software_token(**place.token)["SecretCode"]
    verified = idp.verify_software_token(**place.token, UserCode=totp(secret, -1), FriendlyDeviceName="phone")
    assert verified["Status"] == "SUCCESS"
    idp.set_user_mfa_preference(**place.token, SoftwareTokenMfaSettings={"Enabled": True, "PreferredMfa": True})
    assert idp.admin_get_user(**place.user)["PreferredMfaSetting"] == "SOFTWARE_TOKEN_MFA"
    begun = place.client.begin(place.username)
    assert begun["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
    done = idp.respond_to_auth_challenge(
        ClientId=place.client.id, ChallengeName="SOFTWARE_TOKEN_MFA", Session=begun["Session"],
        ChallengeResponses={"USERNAME": place.username, "SOFTWARE_TOKEN_MFA_CODE": totp(secret)},
    )
    assert done["AuthenticationResult"]["AccessToken"]
    idp.admin_set_user_mfa_preference(**place.user, SoftwareTokenMfaSettings={"Enabled": False})
    idp.admin_delete_software_token(**place.user)
    assert place.client.sign_in(place.username)["AccessToken"]


def test_text_messages_as_second_factor(town: Town, answers: Answers):
    idp = town.idp
    place = make_place(town)
    idp.admin_update_user_attributes(
        **place.user, UserAttributes=attributes(phone_number="+15550101234", phone_number_verified="true")
    )
    idp.set_user_pool_mfa_config(
        **place.pool, MfaConfiguration="OPTIONAL",
        SmsMfaConfiguration={"SmsConfiguration": {"SnsCallerArn": ROLE, "ExternalId": "example"}},
    )
    options = [{"DeliveryMedium": "SMS", "AttributeName": "phone_number"}]
    idp.set_user_settings(**place.token, MFAOptions=options)
    assert idp.get_user(**place.token)["UserMFASettingList"] == ["SMS_MFA"]
    assert place.client.begin(place.username)["ChallengeName"] == "SMS_MFA"
    idp.admin_set_user_settings(**place.user, MFAOptions=[])
    assert place.client.sign_in(place.username)["AccessToken"]


def test_passkeys(town: Town, answers: Answers):
    idp = town.idp
    place = make_place(
        town, {"Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "WEB_AUTHN"]}}}
    )
    idp.set_user_pool_mfa_config(
        **place.pool, WebAuthnConfiguration={"RelyingPartyId": "localhost", "UserVerification": "required"}
    )
    passkey = Passkey(town.server.url)
    options = idp.start_web_authn_registration(**place.token)["CredentialCreationOptions"]
    idp.complete_web_authn_registration(**place.token, Credential=passkey.create(options))
    listed = idp.list_web_authn_credentials(**place.token)["Credentials"]
    assert [credential["RelyingPartyId"] for credential in listed] == ["localhost"]

    asked = idp.initiate_auth(
        ClientId=place.client.id, AuthFlow="USER_AUTH",
        AuthParameters={"USERNAME": place.username, "PREFERRED_CHALLENGE": "WEB_AUTHN"},
    )
    assert asked["ChallengeName"] == "WEB_AUTHN"
    credential = passkey.get(json.loads(asked["ChallengeParameters"]["CREDENTIAL_REQUEST_OPTIONS"]))
    done = idp.respond_to_auth_challenge(
        ClientId=place.client.id, ChallengeName="WEB_AUTHN", Session=asked["Session"],
        ChallengeResponses={"USERNAME": place.username, "CREDENTIAL": json.dumps(credential)},
    )
    assert done["AuthenticationResult"]["AccessToken"]
    idp.delete_web_authn_credential(**place.token, CredentialId=listed[0]["CredentialId"])
    assert idp.list_web_authn_credentials(**place.token)["Credentials"] == []


def test_devices(town: Town, answers: Answers):
    idp = town.idp
    tracking = {"ChallengeRequiredOnNewDevice": False, "DeviceOnlyRememberedOnUserPrompt": True}
    place = make_place(town, {"DeviceConfiguration": tracking})

    def confirmed() -> str:
        result = place.client.sign_in(place.username)
        device = Device(result["NewDeviceMetadata"]["DeviceKey"], result["NewDeviceMetadata"]["DeviceGroupKey"])
        place.access = result["AccessToken"]
        answer = idp.confirm_device(
            **place.token, DeviceKey=device.key, DeviceName="laptop", DeviceSecretVerifierConfig=device.verifier()
        )
        assert answer["UserConfirmationNecessary"] is True
        return device.key

    key = confirmed()
    idp.update_device_status(**place.token, DeviceKey=key, DeviceRememberedStatus="remembered")
    assert idp.get_device(**place.token, DeviceKey=key)["Device"]["DeviceKey"] == key
    assert len(idp.list_devices(**place.token)["Devices"]) == 1
    assert idp.admin_get_device(**place.user, DeviceKey=key)["Device"]["DeviceKey"] == key
    assert len(idp.admin_list_devices(**place.user)["Devices"]) == 1
    idp.admin_update_device_status(**place.user, DeviceKey=key, DeviceRememberedStatus="not_remembered")
    idp.forget_device(**place.token, DeviceKey=key)
    idp.admin_forget_device(**place.user, DeviceKey=confirmed())
    assert idp.admin_list_devices(**place.user)["Devices"] == []


def test_sessions(town: Town, place: Place):
    idp = town.idp
    idp.set_user_pool_session_configuration(**place.pool, UserSessionTracking="ENABLED", TokenSession={"MaxPerUser": 5})
    assert idp.get_user_pool_session_configuration(**place.pool)
    idp.set_user_pool_client_session_configuration(**place.app, SSOSession={"MaxValidityMinutes": 30})
    assert idp.get_user_pool_client_session_configuration(**place.app)
    place.access = place.client.sign_in(place.username)["AccessToken"]
    listed = {session["SessionId"] for session in idp.list_user_sessions(**place.token)["Sessions"]}
    others = [place.client.sign_in(place.username)["AccessToken"] for _ in range(2)]
    for revoke in (
        lambda session: idp.revoke_user_session(**place.token, SessionId=session),
        lambda session: idp.admin_revoke_user_session(**place.user, SessionId=session),
    ):
        present = {session["SessionId"] for session in idp.admin_list_user_sessions(**place.user)["Sessions"]}
        revoke(sorted(present - listed)[0])
    for token in others:
        with pytest.raises(idp.exceptions.NotAuthorizedException):
            idp.get_user(AccessToken=token)


def test_tokens_for_machines(town: Town, answers: Answers):
    idp = town.idp
    place = make_place(town)
    idp.create_resource_server(
        **place.pool, Identifier="books", Name="books", Scopes=[{"ScopeName": "read", "ScopeDescription": "read them"}]
    )
    machine = town.make_client(
        place.client.pool, GenerateSecret=True, ExplicitAuthFlows=["ALLOW_REFRESH_TOKEN_AUTH"], AllowedOAuthFlowsUserPoolClient=True,
        AllowedOAuthFlows=["client_credentials"], AllowedOAuthScopes=["books/read"],
    )
    given = idp.get_client_token(ClientId=machine.id, Secret=machine.secret, Scopes=["books/read"])
    assert given["ClientAuthenticationResult"]["AccessToken"]

    agent = town.make_client(
        place.client.pool, ExplicitAuthFlows=["ALLOW_TOKEN_EXCHANGE_IMPERSONATION"],
        AllowedOAuthScopes=["aws.cognito.signin.user.admin"],
    )
    derived = idp.get_derived_token(ClientId=agent.id, SubjectToken=place.access, SubjectTokenType="ACCESS_TOKEN")
    mine, theirs = claims(derived["IssuedToken"]), claims(place.access)
    assert (mine["sub"], mine["client_id"]) == (theirs["sub"], agent.id)
    assert idp.get_user(AccessToken=derived["IssuedToken"])["Username"] == place.username


def test_identity_providers_and_links(town: Town, place: Place):
    idp = town.idp
    details = {
        "client_id": "poolhouse", "client_secret": "s3cret", "attributes_request_method": "GET", "oidc_issuer": "https://idp.example",
        "authorize_scopes": "openid email",
    }
    provider = place.pool | {"ProviderName": "Example"}
    idp.create_identity_provider(
        **provider, ProviderType="OIDC", ProviderDetails=details, AttributeMapping={"email": "email"}, IdpIdentifiers=["example.com"]
    )
    idp.update_identity_provider(**provider, AttributeMapping={"email": "mail"})
    assert idp.describe_identity_provider(**provider)["IdentityProvider"]["ProviderName"] == "Example"
    assert idp.get_identity_provider_by_identifier(**place.pool, IdpIdentifier="example.com")["IdentityProvider"]
    assert len(idp.list_identity_providers(**place.pool)["Providers"]) == 1
    source = {"ProviderName": "Example", "ProviderAttributeName": "Cognito_Subject", "ProviderAttributeValue": "42"}
    idp.admin_link_provider_for_user(
        **place.pool, DestinationUser={"ProviderName": "Cognito", "ProviderAttributeValue": place.username}, SourceUser=source
    )
    idp.admin_disable_provider_for_user(**place.pool, User=source)
    idp.delete_identity_provider(**provider)


def test_domains_branding_and_terms(town: Town, place: Place):
    idp = town.idp
    domain = place.pool | {"Domain": unique("operations-")}
    idp.create_user_pool_domain(**domain)
    idp.update_user_pool_domain(**domain, ManagedLoginVersion=2)
    assert idp.describe_user_pool_domain(Domain=domain["Domain"])["DomainDescription"]["Status"] == "ACTIVE"

    idp.set_ui_customization(**place.pool, CSS=".submitButton-customizable {background-color: #112233;}")
    assert idp.get_ui_customization(**place.app)["UICustomization"]["CSS"]
    made = idp.create_managed_login_branding(**place.app, UseCognitoProvidedValues=True)["ManagedLoginBranding"]
    branding = place.pool | {"ManagedLoginBrandingId": made["ManagedLoginBrandingId"]}
    idp.update_managed_login_branding(**branding, Settings={"categories": {}})
    assert idp.describe_managed_login_branding(**branding)["ManagedLoginBranding"]["Settings"]
    assert idp.describe_managed_login_branding_by_client(**place.app, ReturnMergedResources=True)["ManagedLoginBranding"]
    idp.delete_managed_login_branding(**branding)

    made = idp.create_terms(
        **place.app, TermsName="terms-of-use", TermsSource="LINK", Enforcement="NONE",
        Links={"cognito:default": "https://example.com/terms"},
    )["Terms"]
    terms = place.pool | {"TermsId": made["TermsId"]}
    idp.update_terms(**terms, Links={"cognito:default": "https://example.com/new-terms"})
    assert idp.describe_terms(**terms)["Terms"]["Links"]["cognito:default"].endswith("new-terms")
    assert idp.describe_terms_by_client(**place.app, TermsName="terms-of-use")["Terms"]["TermsId"] == made["TermsId"]
    assert len(idp.list_terms(**place.pool)["Terms"]) == 1
    idp.delete_terms(**terms)
    idp.delete_user_pool_domain(**domain)
    assert idp.describe_user_pool_domain(Domain=domain["Domain"])["DomainDescription"] == {}


def test_risk_and_events(town: Town, answers: Answers):
    idp = town.idp
    place = make_place(town, {"UserPoolAddOns": {"AdvancedSecurityMode": "AUDIT"}, "UserPoolTier": "PLUS"})
    idp.set_risk_configuration(**place.pool, RiskExceptionConfiguration={"BlockedIPRangeList": ["192.0.2.0/24"]})
    assert idp.describe_risk_configuration(**place.pool)["RiskConfiguration"]["RiskExceptionConfiguration"]
    events = idp.admin_list_user_auth_events(**place.user)["AuthEvents"]
    assert events[0]["EventType"] == "SignIn" and events[0]["EventResponse"] == "Pass"
    event = place.user | {"EventId": events[0]["EventId"]}
    idp.admin_update_auth_event_feedback(**event, FeedbackValue="Valid")
    feedback = idp.admin_list_user_auth_events(**place.user)["AuthEvents"][0]["EventFeedback"]
    assert feedback["FeedbackValue"] == "Valid"


def test_a_user_is_told_of_a_risk_and_answers(town: Town, answers: Answers):
    idp = town.idp
    place = make_place(town, {"UserPoolAddOns": {"AdvancedSecurityMode": "ENFORCED"}, "UserPoolTier": "PLUS"})
    action = {"Notify": True, "EventAction": "BLOCK"}
    words = {"Subject": "Was it you?", "TextBody": "{event-id} {feedback-token}"}
    idp.set_risk_configuration(**place.pool, AccountTakeoverRiskConfiguration={
        "NotifyConfiguration": {"SourceArn": "arn:aws:ses:us-east-1:123456789012:identity/security@example.com", "BlockEmail": words},
        "Actions": {"LowAction": action, "MediumAction": action},
    })
    elsewhere = {"IpAddress": "192.0.2.1", "ServerName": "example", "ServerPath": "/", "HttpHeaders": []}
    call = place.app | {
        "AuthFlow": "ADMIN_USER_PASSWORD_AUTH", "AuthParameters": {"USERNAME": place.username, "PASSWORD": PASSWORD},
        "ContextData": elsewhere,
    }
    with refused("NotAuthorizedException"):
        idp.admin_initiate_auth(**call)
    event, token = town.inbox.next(place.email)["body"].split(" ")
    idp.update_auth_event_feedback(**place.user, EventId=event, FeedbackToken=token, FeedbackValue="Valid")
    assert idp.admin_initiate_auth(**call)["AuthenticationResult"]["AccessToken"]


def test_logs_replicas_and_limits(town: Town, place: Place):
    idp = town.idp
    group = "arn:aws:logs:us-east-1:123456789012:log-group:example"
    wanted = [
        {"LogLevel": "ERROR", "EventSource": "userNotification", "CloudWatchLogsConfiguration": {"LogGroupArn": group}},
    ]
    idp.set_log_delivery_configuration(**place.pool, LogConfigurations=wanted)
    assert idp.get_log_delivery_configuration(**place.pool)["LogDeliveryConfiguration"]["LogConfigurations"] == wanted
    replica = place.pool | {"RegionName": "eu-west-1"}
    idp.create_user_pool_replica(**replica)
    assert len(idp.list_user_pool_replicas(**place.pool)["UserPoolReplicas"]) >= 1
    idp.update_user_pool_replica(**replica, Status="INACTIVE")
    idp.delete_user_pool_replica(**replica)
    limit = {"LimitClass": "API_CATEGORY", "Attributes": {"Category": "UserAuthentication"}}
    idp.get_provisioned_limit(LimitDefinition=limit)
    idp.update_provisioned_limit(LimitDefinition=limit, RequestedLimitValue=200)


def test_user_import(town: Town, place: Place):
    idp = town.idp
    columns = idp.get_csv_header(**place.pool)["CSVHeader"]
    assert columns[0] == "name" and columns[-1] == "cognito:username"

    def job(name: str, **members: str) -> dict[str, Any]:
        return idp.create_user_import_job(**place.pool, JobName=name, CloudWatchLogsRoleArn=ROLE, **members)["UserImportJob"]

    def uploaded(name: str, usernames: list[str], hashed: str = "", **members: str) -> dict[str, str]:
        made = job(name, **members)
        header = columns + (["cognito:password_hash"] if hashed else [])
        row = {"email_verified": "true", "phone_number_verified": "false", "cognito:mfa_enabled": "false"}
        row["cognito:password_hash"] = hashed
        people = [row | {"cognito:username": username, "email": f"{username}@example.com"} for username in usernames]
        lines = [header] + [[person.get(column, "") for column in header] for person in people]
        table = "".join(",".join(line) + "\n" for line in lines)
        put = requests.put(
            made["PreSignedUrl"], data=table.encode(), headers={"x-amz-server-side-encryption": "aws:kms"}, timeout=30
        )
        assert put.status_code == 200, put.text
        return place.pool | {"JobId": made["JobId"]}

    first = uploaded("first", ["imported"])
    assert re.fullmatch("import-[a-zA-Z0-9]{10}", first["JobId"])
    idp.start_user_import_job(**first)
    done = ended(town, first)
    assert (done["Status"], done["ImportedUsers"]) == ("Succeeded", 1), done
    assert town.status(place.client.pool, "imported") == "RESET_REQUIRED"

    # With the hash of the password that they had elsewhere, in Django's form.
    output = base64.b64encode(hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), b"seasalt", 1000)).decode()
    hashed = f"pbkdf2_sha256$1000$seasalt${output}"
    moved = uploaded("moved", ["moved"], hashed, PasswordHashingAlgorithm="PBKDF2_SHA256")
    assert idp.start_user_import_job(**moved)["UserImportJob"]["PasswordHashingAlgorithm"] == "PBKDF2_SHA256"
    done = ended(town, moved)
    assert (done["Status"], done["ImportedUsers"]) == ("Succeeded", 1), done
    assert town.status(place.client.pool, "moved") == "CONFIRMED"
    flow = {"AuthFlow": "ADMIN_USER_PASSWORD_AUTH", "AuthParameters": {"USERNAME": "moved", "PASSWORD": PASSWORD}}
    assert idp.admin_initiate_auth(**place.app, **flow)["AuthenticationResult"]["AccessToken"]

    # So many that the job is still at work when it is told to stop.
    second = uploaded("second", [f"imported-{number}" for number in range(20_000)])
    idp.start_user_import_job(**second)
    assert idp.stop_user_import_job(**second)["UserImportJob"]["Status"] in ("Stopping", "Stopped")
    done = ended(town, second)
    assert done["Status"] == "Stopped" and done["ImportedUsers"] < 20_000, done
    assert [job["JobName"] for job in idp.list_user_import_jobs(**place.pool, MaxResults=60)["UserImportJobs"]] == ["second", "moved", "first"]


def ended(town: Town, job: dict[str, str]) -> dict[str, Any]:
    for _ in range(300):
        now = town.idp.describe_user_import_job(**job)["UserImportJob"]
        if now["Status"] not in ("Pending", "InProgress", "Stopping"):
            return now
        time.sleep(0.1)
    raise AssertionError(f"the job goes on and on: {now}")


def test_no_operation_was_forgotten(answers: Answers):
    assert answers.operations - answers.succeeded == set()
