//! What is asked of the servers: their configuration, the tokens, and the requests of each scenario.

use std::{net::SocketAddr, rc::Rc};

use anyhow::{Context, ensure};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::{
    client::{Connection, request},
    proxies::{Kind, Proxy, Tokens},
    server::Poolhouse,
};

const POOL: &str = "us-east-1_Load00001";
const CLIENT: &str = "1load6789012345678901234567";
const MACHINE: &str = "2load6789012345678901234567";
const MACHINE_SECRET: &str = "load_machine_secret_0123456789";
/// The pool with a trigger, whose ID tokens the gateway takes.
const HOOKED_POOL: &str = "us-east-1_Load00002";
const HOOKED_CLIENT: &str = "3load6789012345678901234567";
const PASSWORD: &str = "Password-1234";

/// Users of the pool without a trigger: as many as there are connections, for two sign-ins of one user wait for each other.
const USERS: usize = 8;
/// Different tokens of one kind.
const TOKENS: usize = 256;
const CONNECTIONS: [usize; 3] = [1, 8, 64];
/// Where only one number of connections is measured.
const SOME: usize = 8;

/// Whose CPU time counts.
#[derive(Clone, Copy, Debug)]
pub enum Subject {
    /// The server that logs warnings only.
    Quiet,
    /// The server that also logs each request at the gateway, as it does by default.
    Logging,
    Proxy(Kind),
}

/// Requests of one kind on a number of connections.
pub struct Scenario {
    pub name: String,
    pub subject: Subject,
    pub address: SocketAddr,
    pub connections: usize,
    /// They are sent in turns.
    pub requests: Rc<Vec<Vec<u8>>>,
    /// What each answer must have.
    pub status: u16,
}

impl Scenario {
    pub fn label(&self) -> String {
        format!("{}, {} connections", self.name, self.connections)
    }
}

/// A `poolhouse.toml` with what the scenarios need.
pub fn configuration(main: SocketAddr, gateway: SocketAddr, backend: SocketAddr) -> String {
    let flows = r#"["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]"#;
    let mut text = format!(
        r#"
[server]
listen = "{main}"
[gateway]
listen = "{gateway}"
threads = 1

[[pool]]
id = "{POOL}"
name = "plain"
  [[pool.resource_server]]
  identifier = "https://reports.example.com"
  name = "reports"
  scopes = {{ read = "Read reports" }}
  [[pool.client]]
  id = "{CLIENT}"
  name = "web"
  [pool.client.settings]
  ExplicitAuthFlows = {flows}
  AllowedOAuthFlowsUserPoolClient = true
  AllowedOAuthFlows = ["code"]
  AllowedOAuthScopes = ["openid", "email", "aws.cognito.signin.user.admin"]
  CallbackURLs = ["http://localhost:3000/callback"]
  SupportedIdentityProviders = ["COGNITO"]
  [[pool.client]]
  id = "{MACHINE}"
  name = "machine"
  secret = "{MACHINE_SECRET}"
  [pool.client.settings]
  AllowedOAuthFlowsUserPoolClient = true
  AllowedOAuthFlows = ["client_credentials"]
  AllowedOAuthScopes = ["https://reports.example.com/read"]
"#
    );
    for number in 0..USERS {
        text += &user(&name(number), "");
    }
    text += &format!(
        r#"
[[pool]]
id = "{HOOKED_POOL}"
name = "hooked"
  [[pool.client]]
  id = "{HOOKED_CLIENT}"
  name = "web"
  settings = {{ ExplicitAuthFlows = {flows} }}
  [[pool.group]]
  name = "admin"
  [[pool.group]]
  name = "regular"
  [pool.triggers]
  PreTokenGeneration = "pre-token"
{admin}{regular}
[function.pre-token]
script = "pre-token.js"
handler = "lambdaHandler"
[function.admin-user]
script = "admin-user.js"

[[api]]
name = "load"
  [api.authorizer.jwt]
  type = "JWT"
  issuer = "pool:{HOOKED_POOL}"
  audience = ["{HOOKED_CLIENT}"]
"#,
        admin = user("adminuser", r#"groups = ["admin", "regular"]"#),
        regular = user("regularuser", r#"groups = ["regular"]"#),
    );
    for (path, integration) in [
        ("http", format!(r#"{{ http = "http://{backend}" }}"#)),
        ("respond", r#"{ respond = { status = 200, body = "hello" } }"#.to_owned()),
        ("function", r#"{ function = "admin-user" }"#.to_owned()),
    ] {
        text += &format!(
            "  [[api.route]]\n  key = \"GET /{path}\"\n  authorizer = \"jwt\"\n  scopes = [\"admin-{HOOKED_CLIENT}\"]\n  \
             integration = {integration}\n"
        );
    }
    text
}

fn user(name: &str, rest: &str) -> String {
    format!(
        "  [[pool.user]]\n  username = \"{name}\"\n  password = \"{PASSWORD}\"\n  \
         attributes = {{ email = \"{name}@example.com\", email_verified = \"true\" }}\n  {rest}\n"
    )
}

fn name(number: usize) -> String {
    format!("user{number}")
}

pub fn discovery_path() -> String {
    discovery_path_of(POOL)
}

fn discovery_path_of(pool: &str) -> String {
    format!("/{pool}/.well-known/openid-configuration")
}

/// All scenarios.
pub async fn all(
    quiet: &Poolhouse,
    logging: &Poolhouse,
    proxies: &[Proxy],
    tokens: &GatewayTokens,
) -> anyhow::Result<Vec<Scenario>> {
    let mut scenarios = identity(quiet).await?;
    let of = |kind| proxies.iter().filter(move |proxy: &&Proxy| proxy.kind == kind);
    // The same bytes, so that all parse and forward the same.
    let admitted = Rc::new(bearing("/http", &tokens.admin));
    for connections in CONNECTIONS {
        let at = |name: &str, requests: Vec<Vec<u8>>, status| Scenario {
            name: format!("gateway: {name}"),
            subject: Subject::Quiet,
            address: quiet.gateway,
            connections,
            requests: Rc::new(requests),
            status,
        };
        scenarios.push(Scenario { requests: Rc::clone(&admitted), ..at("http", Vec::new(), 200) });
        for proxy in [Kind::Nginx, Kind::HaProxy, Kind::Apache].into_iter().flat_map(of) {
            scenarios.push(proxied(proxy, connections, Rc::clone(&admitted)));
        }
        scenarios.push(at("respond", bearing("/respond", &tokens.admin), 200));
        scenarios.push(at("function", bearing("/function", &tokens.admin), 200));
        scenarios.push(at("no token", vec![request("GET", "/http", &[], "")], 401));
        scenarios.push(at("bad signature", bearing("/http", &tokens.forged), 401));
        scenarios.push(at("wrong scope", bearing("/http", &tokens.regular), 403));
    }
    let tokens = GatewayTokens::of(logging).await?;
    let admitted = Rc::new(bearing("/http", &tokens.admin));
    scenarios.push(Scenario {
        name: "gateway: http, with access log".to_owned(),
        subject: Subject::Logging,
        address: logging.gateway,
        connections: SOME,
        requests: Rc::clone(&admitted),
        status: 200,
    });
    scenarios.extend(of(Kind::LoggingNginx).map(|proxy| proxied(proxy, SOME, Rc::clone(&admitted))));
    Ok(scenarios)
}

fn proxied(proxy: &Proxy, connections: usize, requests: Rc<Vec<Vec<u8>>>) -> Scenario {
    let (subject, address) = (Subject::Proxy(proxy.kind), proxy.address);
    Scenario { name: format!("gateway: {}", proxy.kind.name()), subject, address, connections, requests, status: 200 }
}

/// What other proxies are told about these tokens.
pub async fn demanded(town: &Poolhouse, tokens: &GatewayTokens) -> anyhow::Result<Tokens> {
    let mut connection = Connection::open(town.main).await?;
    let discovery = answer(&mut connection, &request("GET", &discovery_path_of(HOOKED_POOL), &[], "")).await?;
    let keys = request("GET", &format!("/{HOOKED_POOL}/.well-known/jwks.json"), &[], "");
    let keys = answer(&mut connection, &keys).await?;
    let header = tokens.admin[0].split('.').next().unwrap_or_default();
    let header: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(header)?)?;
    let kid = text(&header, "kid")?;
    let key = keys["keys"].as_array().and_then(|keys| keys.iter().find(|key| key["kid"] == kid.as_str()));
    let key = key.context("the key that signed is not published")?;
    let part = |name| anyhow::Ok(BASE64_URL_SAFE_NO_PAD.decode(text(key, name)?)?);
    let (modulus, exponent) = (part("n")?, part("e")?);
    Ok(Tokens {
        issuer: text(&discovery, "issuer")?,
        audience: HOOKED_CLIENT.to_owned(),
        scope: format!("admin-{HOOKED_CLIENT}"),
        key: (kid, modulus, exponent),
    })
}

/// What the main listener is asked.
async fn identity(town: &Poolhouse) -> anyhow::Result<Vec<Scenario>> {
    let mut connection = Connection::open(town.main).await?;
    let sign_ins: Vec<_> = (0..USERS).map(|number| sign_in(CLIENT, &name(number))).collect();
    let hooked = sign_in(HOOKED_CLIENT, "adminuser");
    let (mut refreshes, mut get_users, mut user_infos) = (Vec::new(), Vec::new(), Vec::new());
    for sign_in in sign_ins.iter().cycle().take(TOKENS / 4) {
        let tokens = authenticate(&mut connection, sign_in).await?;
        refreshes.push(refresh(CLIENT, &tokens)?);
        let body = json!({ "AccessToken": text(&tokens, "AccessToken")? });
        get_users.push(operation("GetUser", &body));
    }
    for number in (0..USERS).cycle().take(TOKENS / 4) {
        // The service's own sign-in gives no `openid`, which userInfo asks for.
        let form = format!(
            "grant_type=password&client_id={CLIENT}&username={}&password={PASSWORD}&scope=openid+email",
            name(number)
        );
        let tokens = answer(&mut connection, &token_request(&form)).await?;
        let bearer = format!("Bearer {}", text(&tokens, "access_token")?);
        user_infos.push(request("GET", "/oauth2/userInfo", &[("authorization", &bearer)], ""));
    }
    let tokens = authenticate(&mut connection, &hooked).await?;
    let hooked_refresh = refresh(HOOKED_CLIENT, &tokens)?;
    let machine = format!(
        "grant_type=client_credentials&client_id={MACHINE}&client_secret={MACHINE_SECRET}\
         &scope=https%3A%2F%2Freports.example.com%2Fread"
    );
    let kinds = [
        ("discovery", vec![request("GET", &discovery_path(), &[], "")]),
        ("client_credentials", vec![token_request(&machine)]),
        ("password sign-in", sign_ins),
        ("refresh", refreshes),
        ("refresh with a JavaScript hook", vec![hooked_refresh]),
        ("GetUser", get_users),
        ("userInfo", user_infos),
    ];
    let scenario = |(name, requests): (&str, Vec<Vec<u8>>)| Scenario {
        name: name.to_owned(),
        subject: Subject::Quiet,
        address: town.main,
        connections: SOME,
        requests: Rc::new(requests),
        status: 200,
    };
    Ok(kinds.into_iter().map(scenario).collect())
}

/// ID tokens for the gateway.
pub struct GatewayTokens {
    /// With the scope that the routes ask for.
    pub admin: Vec<String>,
    /// Without it.
    regular: Vec<String>,
    /// With a signature that does not fit.
    forged: Vec<String>,
}

impl GatewayTokens {
    /// Signs in as often as there are tokens.
    pub async fn of(town: &Poolhouse) -> anyhow::Result<Self> {
        let mut connection = Connection::open(town.main).await?;
        let (mut admin, mut regular) = (Vec::new(), Vec::new());
        for (username, tokens) in [("adminuser", &mut admin), ("regularuser", &mut regular)] {
            for _ in 0..TOKENS {
                let result = authenticate(&mut connection, &sign_in(HOOKED_CLIENT, username)).await?;
                tokens.push(text(&result, "IdToken")?);
            }
        }
        let forged = admin.iter().map(|token| forge(token)).collect::<anyhow::Result<_>>()?;
        Ok(Self { admin, regular, forged })
    }
}

/// Another character in the middle of the signature.
fn forge(token: &str) -> anyhow::Result<String> {
    let (signed, signature) = token.rsplit_once('.').context("a token has dots")?;
    let (left, right) = signature.split_at(signature.len() / 2);
    let other = if right.starts_with('A') { 'B' } else { 'A' };
    Ok(format!("{signed}.{left}{other}{}", &right[1..]))
}

fn bearing(path: &str, tokens: &[String]) -> Vec<Vec<u8>> {
    tokens.iter().map(|token| request("GET", path, &[("authorization", &format!("Bearer {token}"))], "")).collect()
}

fn operation(name: &str, input: &Value) -> Vec<u8> {
    let target = format!("AWSCognitoIdentityProviderService.{name}");
    let headers = [("x-amz-target", target.as_str()), ("content-type", "application/x-amz-json-1.1")];
    request("POST", "/", &headers, &input.to_string())
}

fn sign_in(client: &str, username: &str) -> Vec<u8> {
    let parameters = json!({ "USERNAME": username, "PASSWORD": PASSWORD });
    let input = json!({ "AuthFlow": "USER_PASSWORD_AUTH", "ClientId": client, "AuthParameters": parameters });
    operation("InitiateAuth", &input)
}

fn refresh(client: &str, tokens: &Value) -> anyhow::Result<Vec<u8>> {
    let parameters = json!({ "REFRESH_TOKEN": text(tokens, "RefreshToken")? });
    let input = json!({ "AuthFlow": "REFRESH_TOKEN_AUTH", "ClientId": client, "AuthParameters": parameters });
    Ok(operation("InitiateAuth", &input))
}

fn token_request(form: &str) -> Vec<u8> {
    request("POST", "/oauth2/token", &[("content-type", "application/x-www-form-urlencoded")], form)
}

async fn authenticate(connection: &mut Connection, request: &[u8]) -> anyhow::Result<Value> {
    Ok(answer(connection, request).await?["AuthenticationResult"].take())
}

async fn answer(connection: &mut Connection, request: &[u8]) -> anyhow::Result<Value> {
    let answer = connection.send(request).await?;
    let said = String::from_utf8_lossy(&answer.body);
    ensure!(answer.status == 200, "{}: {said}", answer.status);
    serde_json::from_slice(&answer.body).with_context(|| said.into_owned())
}

fn text(value: &Value, name: &str) -> anyhow::Result<String> {
    Ok(value[name].as_str().with_context(|| format!("no {name} in {value}"))?.to_owned())
}
