//! `$context`: what the gateway knows of a request, under the service's names.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html>

use serde_json::Value;

use super::{
    authorizer::Principal,
    exchange::{Exchange, written_time},
    integration::{rendered_claim, rendered_pool_claim},
};
use crate::config::api::ClaimFormat;

/// Names without members of the user's choice.
const KNOWN: &[&str] = &[
    "accountId",
    "apiId",
    "authorizer.error",
    "authorizer.principalId",
    "awsEndpointRequestId",
    "awsEndpointRequestId2",
    "customDomain.basePathMatched",
    "dataProcessed",
    "domainName",
    "domainPrefix",
    "error.message",
    "error.messageString",
    "error.responseType",
    "error.validationErrorString",
    "extendedRequestId",
    "httpMethod",
    "identity.accessKey",
    "identity.accountId",
    "identity.apiKey",
    "identity.apiKeyId",
    "identity.caller",
    "identity.cognitoAuthenticationProvider",
    "identity.cognitoAuthenticationType",
    "identity.cognitoIdentityId",
    "identity.cognitoIdentityPoolId",
    "identity.principalOrgId",
    "identity.clientCert.clientCertPem",
    "identity.clientCert.subjectDN",
    "identity.clientCert.issuerDN",
    "identity.clientCert.serialNumber",
    "identity.clientCert.validity.notBefore",
    "identity.clientCert.validity.notAfter",
    "identity.sourceIp",
    "identity.user",
    "identity.userAgent",
    "identity.userArn",
    "integration.error",
    "integration.integrationStatus",
    "integration.latency",
    "integration.requestId",
    "integration.status",
    "integrationErrorMessage",
    "integrationLatency",
    "integrationStatus",
    "path",
    "protocol",
    "requestId",
    "requestTime",
    "requestTimeEpoch",
    "resourceId",
    "resourcePath",
    "responseLatency",
    "responseLength",
    "routeKey",
    "stage",
    "status",
    "wafResponseCode",
    "webaclArn",
    "xrayTraceId",
];

/// Whether the service has a variable of this name. Members of `authorizer` are the token's or the function's to name.
pub(super) fn is_known(name: &str) -> bool {
    KNOWN.contains(&name) || name.strip_prefix("authorizer.").is_some_and(|member| !member.is_empty())
}

/// `None` where there is nothing to say, for example before the answer is known.
pub(super) fn value(exchange: &Exchange<'_>, name: &str) -> Option<String> {
    if let Some(member) = name.strip_prefix("authorizer.") {
        return authorizer(exchange, member);
    }
    if let Some(member) = name.strip_prefix("identity.clientCert.") {
        return exchange.certificate.as_ref()?.member(member).map(str::to_owned);
    }
    let refusal = exchange.refused.as_ref();
    let report = &exchange.report;
    Some(match name {
        "accountId" => exchange.api?.place.account_id.clone(),
        "apiId" => exchange.api?.place.api_id.clone(),
        "requestId" => exchange.id.clone(),
        "extendedRequestId" => exchange.extended_id().to_owned(),
        "domainName" => exchange.domain().to_owned(),
        "domainPrefix" => exchange.domain().split('.').next()?.to_owned(),
        "customDomain.basePathMatched" => exchange.mapped?.to_owned(),
        "httpMethod" => exchange.head.method.to_string(),
        "path" => exchange.raw_path().to_owned(),
        "protocol" => format!("{:?}", exchange.head.version),
        "requestTime" => written_time(exchange.at),
        "requestTimeEpoch" => exchange.at.millis().to_string(),
        "routeKey" | "resourceId" => exchange.route?.key.clone(),
        "resourcePath" => {
            let key = &exchange.route?.key;
            key.split_once(' ').map_or(key.as_str(), |(_, path)| path).to_owned()
        }
        "stage" => exchange.stage?.name.clone(),
        "identity.sourceIp" => exchange.client?.to_string(),
        "identity.userAgent" => exchange.header(&http::header::USER_AGENT)?.to_owned(),
        "error.message" => refusal?.message.as_deref()?.to_owned(),
        "error.messageString" => Value::from(refusal?.message.as_deref()).to_string(),
        "error.responseType" => refusal?.kind.to_owned(),
        "integration.error" | "integrationErrorMessage" => report.error.clone()?,
        "integration.status" => report.status?.to_string(),
        "integration.integrationStatus" | "integrationStatus" => report.service_status.or(report.status)?.to_string(),
        "integration.latency" | "integrationLatency" => report.latency?.as_millis().to_string(),
        "status" => exchange.answer?.status.to_string(),
        "responseLength" | "dataProcessed" => exchange.answer?.length?.to_string(),
        "responseLatency" => exchange.answer?.latency.as_millis().to_string(),
        _ => return None,
    })
}

fn authorizer(exchange: &Exchange<'_>, member: &str) -> Option<String> {
    if member == "error" {
        return exchange.authorizer_error.clone();
    }
    match exchange.principal.as_ref()? {
        Principal::Token(token) => token.claims().get(member.strip_prefix("claims.")?).map(rendered_claim),
        Principal::Pool(token) => {
            let name = member.strip_prefix("claims.")?;
            token.claims().get(name).map(|claim| rendered_pool_claim(name, claim))
        }
        Principal::Lambda(lambda) if member == "principalId" => lambda.principal_id.clone(),
        Principal::Lambda(lambda) => match lambda.context.as_ref()?.get(member)? {
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        },
    }
}

/// A claim of the caller for a backend.
pub(super) fn claim(exchange: &Exchange<'_>, name: &str, format: ClaimFormat) -> Option<String> {
    let value = match exchange.principal.as_ref()? {
        Principal::Token(bearer) | Principal::Pool(bearer) => bearer.claims().get(name)?.clone(),
        Principal::Lambda(lambda) => lambda.context.as_ref()?.get(name)?.clone(),
    };
    let plain = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    Some(match (format, &value) {
        (ClaimFormat::Json, _) => value.to_string(),
        (ClaimFormat::Csv, Value::Array(items)) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        (ClaimFormat::Csv, _) => plain(&value),
        (ClaimFormat::Text, _) => rendered_claim(&value),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_of_the_service_is_known() {
        for name in "accountId apiId authorizer.claims.sub authorizer.error authorizer.principalId authorizer.key \
                     awsEndpointRequestId awsEndpointRequestId2 customDomain.basePathMatched dataProcessed domainName \
                     domainPrefix error.message error.messageString error.responseType extendedRequestId httpMethod \
                     identity.accountId identity.caller identity.cognitoAuthenticationProvider \
                     identity.cognitoAuthenticationType identity.cognitoIdentityId identity.cognitoIdentityPoolId \
                     identity.principalOrgId identity.clientCert.clientCertPem identity.clientCert.subjectDN \
                     identity.clientCert.issuerDN identity.clientCert.serialNumber identity.clientCert.validity.notBefore \
                     identity.clientCert.validity.notAfter identity.sourceIp identity.user identity.userAgent identity.userArn \
                     integration.error integration.integrationStatus integration.latency integration.requestId \
                     integration.status integrationErrorMessage integrationLatency integrationStatus path protocol requestId \
                     requestTime requestTimeEpoch responseLatency responseLength routeKey stage status"
            .split_whitespace()
        {
            assert!(is_known(name), "{name}");
        }
    }

    #[test]
    fn misspelt_names_are_not_known() {
        for name in ["requestId", "authorizer.claims.sub", "authorizer.myKey", "identity.sourceIp"] {
            assert!(is_known(name), "{name}");
        }
        for name in ["requestid", "identity.ip", "authorizer.", "authorizer", "", "claims.sub"] {
            assert!(!is_known(name), "{name}");
        }
    }
}
