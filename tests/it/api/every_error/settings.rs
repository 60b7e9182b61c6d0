//! Pools and what administrators put into them: clients, groups, resource servers, providers, domains, looks, terms.

use serde_json::{Value, json};

use crate::api::{
    every_error::Report,
    identity_providers::{oidc, saml},
    people::{Site, sites_with},
    town::{ACCOUNT, with},
};

const ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function:tokens";
const STYLE: &str = "00000000-0000-4000-8000-000000000000";
const REGION: &str = "eu-west-1";

pub(super) async fn ask() -> Report {
    let mut report = Report::default();
    let pool = json!({"AutoVerifiedAttributes": ["email"], "UserPoolAddOns": {"AdvancedSecurityMode": "AUDIT"}, "UserPoolTier": "PLUS"});
    for site in sites_with(pool, json!({"GenerateSecret": true})).await {
        pools(&mut report, &site).await;
        tiers(&mut report, &site).await;
        clients(&mut report, &site).await;
        groups_and_servers(&mut report, &site).await;
        providers(&mut report, &site).await;
        domains(&mut report, &site).await;
        terms(&mut report, &site).await;
        limits(&mut report, &site).await;
        import(&mut report, &site).await;
        report.note(&site);
    }
    report
}

impl Site {
    pub(super) fn of_pool(&self, members: Value) -> Value {
        with(&json!({"UserPoolId": self.pool}), members)
    }

    pub(super) fn of_client(&self, members: Value) -> Value {
        self.of_pool(with(&json!({"ClientId": self.client}), members))
    }
}

async fn pools(report: &mut Report, site: &Site) {
    let arn = format!("arn:aws:cognito-idp:us-east-1:{ACCOUNT}:userpool/{}", site.pool);
    let attribute = json!({"CustomAttributes": [{"Name": "x", "AttributeDataType": "String"}]});
    report.given(site, "DescribeUserPool", site.of_pool(json!({}))).await;
    report.given(site, "ListUserPools", json!({"MaxResults": 60})).await;
    report.given(site, "AddCustomAttributes", site.of_pool(attribute)).await;
    report.given(site, "GetUserPoolMfaConfig", site.of_pool(json!({}))).await;
    report.given(site, "SetUserPoolMfaConfig", site.of_pool(json!({}))).await;
    report.given(site, "GetUserPoolSessionConfiguration", site.of_pool(json!({}))).await;
    report.given(site, "TagResource", json!({"ResourceArn": arn, "Tags": {"a": "b"}})).await;
    report.given(site, "ListTagsForResource", json!({"ResourceArn": arn})).await;
    report.given(site, "UntagResource", json!({"ResourceArn": arn, "TagKeys": ["a"]})).await;
    report.given(site, "GetSigningCertificate", site.of_pool(json!({}))).await;
    report.given(site, "GetLogDeliveryConfiguration", site.of_pool(json!({}))).await;
    report.given(site, "SetLogDeliveryConfiguration", site.of_pool(json!({"LogConfigurations": []}))).await;
    report.given(site, "DescribeRiskConfiguration", site.of_pool(json!({}))).await;
    report.given(site, "SetRiskConfiguration", site.of_pool(json!({}))).await;
    let replica = json!({"RegionName": REGION});
    let gone = format!("ResourceNotFoundException: User pool {} has no replica in {REGION}.", site.pool);
    report
        .refused(site, ("UpdateUserPoolReplica", site.of_pool(with(&replica, json!({"Status": "ACTIVE"})))), &gone)
        .await;
    report.given(site, "CreateUserPoolReplica", site.of_pool(replica.clone())).await;
    report.given(site, "ListUserPoolReplicas", site.of_pool(json!({}))).await;
    report.given(site, "UpdateUserPoolReplica", site.of_pool(with(&replica, json!({"Status": "INACTIVE"})))).await;
    report.given(site, "DeleteUserPoolReplica", site.of_pool(replica)).await;
    let kept = site.town.pool().await;
    report.given(site, "UpdateUserPool", json!({"UserPoolId": kept, "DeletionProtection": "ACTIVE"})).await;
    let protected = "InvalidParameterException: The user pool cannot be deleted because deletion protection is activated. \
                     Deletion protection must be inactivated first.";
    report.refused(site, ("DeleteUserPool", json!({"UserPoolId": kept})), protected).await;
    report.given(site, "UpdateUserPool", json!({"UserPoolId": kept})).await;
    report.given(site, "DeleteUserPool", json!({"UserPoolId": kept})).await;
    let negative = "InvalidParameterException: 1 validation error detected: Value '0' at 'maxResults' failed to satisfy \
                    constraint: Member must have value greater than or equal to 1";
    report.refused(site, ("ListUserPools", json!({"MaxResults": 0})), negative).await;
}

/// What a pool of the smallest tier lacks, and a pool without threat protection.
async fn tiers(report: &mut Report, site: &Site) {
    let lite = json!({"UserPoolTier": "LITE"});
    // A pool that was larger, and a client from that time.
    let made = report.given(site, "CreateUserPool", json!({"PoolName": "small"})).await;
    let pool = made["UserPool"]["Id"].clone();
    let of = |members: Value| with(&json!({"UserPoolId": pool}), members);
    let choosing = json!({"ClientName": "web", "ExplicitAuthFlows": ["ALLOW_USER_AUTH"]});
    let client = report.given(site, "CreateUserPoolClient", of(choosing.clone())).await;
    let client = client["UserPoolClient"]["ClientId"].clone();
    report.given(site, "UpdateUserPool", of(lite.clone())).await;
    let begin = json!({"AuthFlow": "USER_AUTH", "ClientId": client, "AuthParameters": {"USERNAME": "ann"}});
    let choice = "USER_AUTH is not available in the LITE tier.";
    let allowed = "ALLOW_USER_AUTH is not available in the LITE tier.";
    let newer = json!({"LambdaConfig": {"PreTokenGenerationConfig": {"LambdaVersion": "V2_0", "LambdaArn": ARN}}});
    let firehose = "arn:aws:firehose:us-east-1:123456789012:deliverystream/events";
    let events = json!([{"LogLevel": "INFO", "EventSource": "userAuthEvents", "FirehoseConfiguration": {"StreamArn": firehose}}]);
    let version = "LambdaVersion V2_0 of PreTokenGenerationConfig is not available in the LITE tier.";
    let sessions = "Session management is not available in the LITE tier.";
    let managed = json!({"Domain": "small", "ManagedLoginVersion": 2});
    let look = "ManagedLoginVersion 2 is not available in the LITE tier of user pools.";
    report.given(site, "CreateUserPoolDomain", of(json!({"Domain": "small"}))).await;
    for (operation, input, text) in [
        ("CreateUserPool", with(&json!({"PoolName": "small"}), with(&lite, newer.clone())), version),
        ("UpdateUserPool", of(with(&lite, newer)), version),
        ("CreateUserPoolClient", of(choosing.clone()), allowed),
        ("UpdateUserPoolClient", of(with(&choosing, json!({"ClientId": client, "RefreshTokenValidity": 5}))), allowed),
        ("InitiateAuth", begin.clone(), choice),
        ("AdminInitiateAuth", of(begin), choice),
        ("CreateUserPoolDomain", of(managed.clone()), look),
        ("UpdateUserPoolDomain", of(managed), look),
        (
            "SetUserPoolMfaConfig",
            of(json!({"EmailMfaConfiguration": {}})),
            "Email MFA is not available in the LITE tier.",
        ),
        (
            "SetUserPoolSessionConfiguration",
            of(json!({"UserSessionTracking": "ENABLED", "TokenSession": {"MaxPerUser": 5}})),
            sessions,
        ),
        (
            "SetUserPoolClientSessionConfiguration",
            of(json!({"ClientId": client, "SSOSession": {"MaxValidityMinutes": 10}})),
            sessions,
        ),
        (
            "SetLogDeliveryConfiguration",
            of(json!({"LogConfigurations": events})),
            "Exporting user authentication events needs the PLUS tier.",
        ),
    ] {
        report.refused(site, (operation, input), &format!("FeatureUnavailableInTierException: {text}")).await;
    }
    let off = "UserPoolAddOnNotEnabledException: User pool add-ons are not enabled for this user pool.";
    let event = json!({"Username": "ann", "EventId": "e", "FeedbackValue": "Valid", "FeedbackToken": "t"});
    for operation in [
        "SetRiskConfiguration",
        "DescribeRiskConfiguration",
        "AdminListUserAuthEvents",
        "AdminUpdateAuthEventFeedback",
        "UpdateAuthEventFeedback",
    ] {
        report.refused(site, (operation, of(event.clone())), off).await;
    }
}

async fn clients(report: &mut Report, site: &Site) {
    let tracking = json!({"SSOSession": {"MaxValidityMinutes": 10}});
    let call = site.of_client(tracking);
    let off = "OperationNotEnabledException: User session tracking is not enabled for this user pool.";
    report.refused(site, ("SetUserPoolClientSessionConfiguration", call.clone()), off).await;
    report
        .given(
            site,
            "SetUserPoolSessionConfiguration",
            site.of_pool(json!({"UserSessionTracking": "ENABLED", "TokenSession": {"MaxPerUser": 5}})),
        )
        .await;
    report.given(site, "SetUserPoolClientSessionConfiguration", call).await;
    report.given(site, "GetUserPoolClientSessionConfiguration", site.of_client(json!({}))).await;
    report.given(site, "DescribeUserPoolClient", site.of_client(json!({}))).await;
    report.given(site, "ListUserPoolClients", site.of_pool(json!({}))).await;
    let added = report.given(site, "AddUserPoolClientSecret", site.of_client(json!({}))).await;
    report.given(site, "ListUserPoolClientSecrets", site.of_client(json!({}))).await;
    let full = "LimitExceededException: A user pool client can have at most 2 active secrets.";
    report.refused(site, ("AddUserPoolClientSecret", site.of_client(json!({}))), full).await;
    let secret = site.of_client(json!({"ClientSecretId": added["ClientSecretDescriptor"]["ClientSecretId"]}));
    report.given(site, "DeleteUserPoolClientSecret", secret.clone()).await;
    let gone = "ResourceNotFoundException: Client secret does not exist.";
    report.refused(site, ("DeleteUserPoolClientSecret", secret), gone).await;

    let page = json!({"AllowedOAuthFlowsUserPoolClient": true, "AllowedOAuthFlows": ["code"],
                      "AllowedOAuthScopes": ["api/none"], "CallbackURLs": ["https://app.example/"]});
    let machine = with(&page, json!({"AllowedOAuthFlows": ["client_credentials", "code"]}));
    let mixed =
        "InvalidOAuthFlowException: client_credentials flow can not be selected along with code flow or implicit flow.";
    let unknown = "ScopeDoesNotExistException: Invalid scope requested: api/none";
    for (members, text) in [(page, unknown), (machine, mixed)] {
        let create = site.of_pool(with(&members, json!({"ClientName": "x"})));
        report.refused(site, ("CreateUserPoolClient", create), text).await;
        report.refused(site, ("UpdateUserPoolClient", site.of_client(members)), text).await;
    }
    report.given(site, "UpdateUserPoolClient", site.of_client(json!({}))).await;
    let other = site.another_client(json!({})).await;
    report.given(site, "DeleteUserPoolClient", site.of_pool(json!({"ClientId": other}))).await;
}

async fn groups_and_servers(report: &mut Report, site: &Site) {
    site.person("ann").await;
    let group = site.of_pool(json!({"GroupName": "a", "Username": "ann"}));
    let server = site.of_pool(json!({"Identifier": "api", "Name": "api"}));
    let no_group = "ResourceNotFoundException: Group not found.";
    let no_server = "ResourceNotFoundException: Resource server api does not exist.";
    for operation in [
        "GetGroup",
        "UpdateGroup",
        "DeleteGroup",
        "AdminAddUserToGroup",
        "AdminRemoveUserFromGroup",
        "ListUsersInGroup",
    ] {
        report.refused(site, (operation, group.clone()), no_group).await;
    }
    for operation in ["DescribeResourceServer", "UpdateResourceServer", "DeleteResourceServer"] {
        report.refused(site, (operation, server.clone()), no_server).await;
    }
    report.given(site, "CreateGroup", group.clone()).await;
    report
        .refused(site, ("CreateGroup", group.clone()), "GroupExistsException: A group with the name already exists.")
        .await;
    for operation in [
        "GetGroup",
        "UpdateGroup",
        "ListGroups",
        "AdminAddUserToGroup",
        "AdminListGroupsForUser",
        "ListUsersInGroup",
        "AdminRemoveUserFromGroup",
        "DeleteGroup",
    ] {
        report.given(site, operation, group.clone()).await;
    }
    report.given(site, "CreateResourceServer", server.clone()).await;
    let twice = format!("InvalidParameterException: api already exists in user pool {}.", site.pool);
    report.refused(site, ("CreateResourceServer", server.clone()), &twice).await;
    for operation in ["DescribeResourceServer", "UpdateResourceServer", "ListResourceServers", "DeleteResourceServer"] {
        report.given(site, operation, server.clone()).await;
    }
}

async fn providers(report: &mut Report, site: &Site) {
    let okta = with(&oidc(&site.pool, "Okta"), json!({"IdpIdentifiers": ["okta"], "IdpIdentifier": "okta"}));
    let none = "ResourceNotFoundException: Identity provider Okta does not exist.";
    for operation in ["DescribeIdentityProvider", "UpdateIdentityProvider", "DeleteIdentityProvider"] {
        report.refused(site, (operation, okta.clone()), none).await;
    }
    let none = "ResourceNotFoundException: Identity provider with identifier okta does not exist.";
    report.refused(site, ("GetIdentityProviderByIdentifier", okta.clone()), none).await;
    report.given(site, "CreateIdentityProvider", okta.clone()).await;
    let twice = "DuplicateProviderException: A provider with the name Okta already exists";
    report.refused(site, ("CreateIdentityProvider", okta.clone()), twice).await;
    let own = "UnsupportedIdentityProviderException: The identity provider COGNITO can be neither changed nor deleted.";
    for operation in ["UpdateIdentityProvider", "DeleteIdentityProvider"] {
        report.refused(site, (operation, site.of_pool(json!({"ProviderName": "COGNITO"}))), own).await;
    }
    for operation in [
        "DescribeIdentityProvider",
        "UpdateIdentityProvider",
        "ListIdentityProviders",
        "GetIdentityProviderByIdentifier",
    ] {
        let input = if operation == "UpdateIdentityProvider" {
            site.of_pool(json!({"ProviderName": "Okta"}))
        } else {
            okta.clone()
        };
        report.given(site, operation, input).await;
    }
    links(report, site).await;
    report.given(site, "DeleteIdentityProvider", okta).await;
    report.given(site, "CreateIdentityProvider", saml(&site.pool, "Saml")).await;
}

async fn links(report: &mut Report, site: &Site) {
    let native = |name: &str| json!({"ProviderName": "Cognito", "ProviderAttributeValue": name});
    let okta = |name: &str, id: &str| json!({"ProviderName": name, "ProviderAttributeName": "Cognito_Subject", "ProviderAttributeValue": id});
    let link = |to: &str, provider: &str, id: &str| {
        site.of_pool(json!({"DestinationUser": native(to), "SourceUser": okta(provider, id)}))
    };
    let part = |id: &str| site.of_pool(json!({"User": okta("Okta", id)}));
    let nobody = "UserNotFoundException: User does not exist.";
    let none = "ResourceNotFoundException: Identity provider Other does not exist.";
    let nameless = site.of_pool(json!({"User": {}, "DestinationUser": {}, "SourceUser": {}}));
    let unnamed = "InvalidParameterException: ProviderName is required for User.";
    report.refused(site, ("AdminDisableProviderForUser", nameless.clone()), unnamed).await;
    let unnamed = "InvalidParameterException: ProviderName is required for DestinationUser.";
    report.refused(site, ("AdminLinkProviderForUser", nameless), unnamed).await;
    report.refused(site, ("AdminLinkProviderForUser", link("nobody", "Okta", "1")), nobody).await;
    report.refused(site, ("AdminLinkProviderForUser", link("ann", "Other", "1")), none).await;
    report.refused(site, ("AdminDisableProviderForUser", part("1")), nobody).await;
    for id in ["1", "2", "3", "4", "5"] {
        report.given(site, "AdminLinkProviderForUser", link("ann", "Okta", id)).await;
    }
    let full = "LimitExceededException: A user can be linked to at most 5 identities.";
    report.refused(site, ("AdminLinkProviderForUser", link("ann", "Okta", "6")), full).await;
    report.given(site, "AdminDisableProviderForUser", part("1")).await;
}

async fn domains(report: &mut Report, site: &Site) {
    let domain = site.of_pool(json!({"Domain": "town"}));
    let css = site.of_pool(json!({"CSS": ".submitButton-customizable { color: #123456; }"}));
    let look = site.of_client(json!({"UseCognitoProvidedValues": true}));
    let no_domain = "InvalidParameterException: There has to be an existing domain associated with this user pool";
    report.refused(site, ("SetUICustomization", css.clone()), no_domain).await;
    for operation in ["CreateUserPoolDomain", "UpdateUserPoolDomain", "DescribeUserPoolDomain"] {
        report.given(site, operation, domain.clone()).await;
    }
    report.given(site, "SetUICustomization", css).await;
    report.given(site, "GetUICustomization", site.of_pool(json!({}))).await;
    let none = format!("ResourceNotFoundException: Managed login branding style {STYLE} does not exist.");
    let by_id = site.of_pool(json!({"ManagedLoginBrandingId": STYLE}));
    for operation in ["DescribeManagedLoginBranding", "UpdateManagedLoginBranding", "DeleteManagedLoginBranding"] {
        report.refused(site, (operation, by_id.clone()), &none).await;
    }
    let none =
        format!("ResourceNotFoundException: User pool client {} has no managed login branding style.", site.client);
    report.refused(site, ("DescribeManagedLoginBrandingByClient", look.clone()), &none).await;
    let made = report.given(site, "CreateManagedLoginBranding", look.clone()).await;
    let exists =
        "ManagedLoginBrandingExistsException: A managed login branding style already exists for this app client.";
    report.refused(site, ("CreateManagedLoginBranding", look.clone()), exists).await;
    let by_id = site.of_pool(json!({"ManagedLoginBrandingId": made["ManagedLoginBranding"]["ManagedLoginBrandingId"]}));
    report.given(site, "DescribeManagedLoginBrandingByClient", look).await;
    for operation in ["DescribeManagedLoginBranding", "UpdateManagedLoginBranding", "DeleteManagedLoginBranding"] {
        report.given(site, operation, by_id.clone()).await;
    }
    report.given(site, "DeleteUserPoolDomain", domain).await;
}

async fn terms(report: &mut Report, site: &Site) {
    let terms = |name: &str| {
        site.of_client(json!({"TermsName": name, "TermsSource": "LINK", "Enforcement": "NONE",
                                                   "Links": {"cognito:default": "https://app.example/terms"}}))
    };
    let by_client = site.of_client(json!({"TermsName": "terms-of-use"}));
    let none = format!("ResourceNotFoundException: User pool client {} has no terms-of-use terms.", site.client);
    report.refused(site, ("DescribeTermsByClient", by_client.clone()), &none).await;
    let made = report.given(site, "CreateTerms", terms("terms-of-use")).await;
    report.given(site, "CreateTerms", terms("privacy-policy")).await;
    let by_id = site.of_pool(json!({"TermsId": made["Terms"]["TermsId"]}));
    let exists = "TermsExistsException: Terms with this name already exist for this app client.";
    report.refused(site, ("CreateTerms", terms("terms-of-use")), exists).await;
    report.refused(site, ("UpdateTerms", with(&by_id, json!({"TermsName": "privacy-policy"}))), exists).await;
    report.given(site, "DescribeTermsByClient", by_client).await;
    for operation in ["DescribeTerms", "UpdateTerms", "ListTerms", "DeleteTerms"] {
        report.given(site, operation, by_id.clone()).await;
    }
}

async fn limits(report: &mut Report, site: &Site) {
    let limit = |category: &str, value: u32| {
        json!({
        "LimitDefinition": {"LimitClass": "API_CATEGORY", "Attributes": {"Category": category}}, "RequestedLimitValue": value})
    };
    let nameless =
        json!({"LimitDefinition": {"LimitClass": "API_CATEGORY", "Attributes": {}}, "RequestedLimitValue": 120});
    for operation in ["GetProvisionedLimit", "UpdateProvisionedLimit"] {
        report.given(site, operation, limit("UserRead", 120)).await;
        let unknown = "ResourceNotFoundException: Limit Sleeping does not exist.";
        report.refused(site, (operation, limit("Sleeping", 120)), unknown).await;
        let invalid =
            "InvalidParameterException: Attributes of an API_CATEGORY limit must hold Category and nothing else.";
        report.refused(site, (operation, nameless.clone()), invalid).await;
    }
    let most = "ServiceQuotaExceededException: RequestedLimitValue must not exceed 12000.";
    report.refused(site, ("UpdateProvisionedLimit", limit("UserRead", 1_000_000)), most).await;
}

/// A job that has neither a file nor an end.
async fn import(report: &mut Report, site: &Site) {
    let role = "arn:aws:iam::123456789012:role/import";
    let job = |pool: &str| json!({"UserPoolId": pool, "JobName": "move in", "CloudWatchLogsRoleArn": role});
    let unverified = site.town.pool().await;
    let none =
        "PreconditionNotMetException: The user pool must have at least one auto-verified attribute to import users.";
    report.refused(site, ("CreateUserImportJob", job(&unverified)), none).await;
    let made = report.given(site, "CreateUserImportJob", job(&site.pool)).await;
    let by_id = site.of_pool(json!({"JobId": made["UserImportJob"]["JobId"]}));
    report.given(site, "DescribeUserImportJob", by_id.clone()).await;
    report.given(site, "GetCSVHeader", site.of_pool(json!({}))).await;
    report.given(site, "ListUserImportJobs", site.of_pool(json!({"MaxResults": 60}))).await;
    let empty =
        "PreconditionNotMetException: The user import job cannot be started: its CSV file has not been uploaded.";
    let idle = "PreconditionNotMetException: The user import job cannot be stopped: its status is Created.";
    report.refused(site, ("StartUserImportJob", by_id.clone()), empty).await;
    report.refused(site, ("StopUserImportJob", by_id), idle).await;
    let unknown = site.of_pool(json!({"JobId": "import-none"}));
    for operation in ["DescribeUserImportJob", "StartUserImportJob", "StopUserImportJob"] {
        let none = "ResourceNotFoundException: User import job import-none does not exist.";
        report.refused(site, (operation, unknown.clone()), none).await;
    }
}
