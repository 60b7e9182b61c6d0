//! What others take for the same work, each in front of the same backend and with one process: nginx, which looks at nothing;
//! HAProxy and Apache's mod_auth_openidc, which check the same tokens as well as they can.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::Context;
use rsa::pkcs8::{EncodePublicKey, LineEnding};

use crate::{
    client::request,
    process::Process,
    server::{free_address, wait},
};

/// Where Debian has Apache's modules.
const MODULES: &str = "/usr/lib/apache2/modules";

pub struct Proxy {
    pub kind: Kind,
    pub process: Process,
    pub address: SocketAddr,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Nginx,
    /// The same with an access log.
    LoggingNginx,
    HaProxy,
    Apache,
}

/// What a token must be.
pub struct Tokens {
    pub issuer: String,
    pub audience: String,
    pub scope: String,
    /// The key that signs them: its id, modulus and exponent as in a JWKS, decoded.
    pub key: (String, Vec<u8>, Vec<u8>),
}

impl Kind {
    const ALL: [Self; 4] = [Self::Nginx, Self::LoggingNginx, Self::HaProxy, Self::Apache];

    pub fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx, plain proxy",
            Self::LoggingNginx => "nginx, with access log",
            Self::HaProxy => "HAProxy, checking tokens",
            Self::Apache => "Apache mod_auth_openidc",
        }
    }

    fn program(self) -> &'static str {
        match self {
            Self::Nginx | Self::LoggingNginx => "nginx",
            Self::HaProxy => "haproxy",
            Self::Apache => "apache2",
        }
    }

    fn is_installed(self) -> bool {
        let answers =
            |program| Command::new(program).arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
        answers(self.program()) && (self != Self::Apache || Path::new(MODULES).join("mod_auth_openidc.so").exists())
    }
}

/// Starts those that are installed. `token` is one that passes.
pub async fn start_all(folder: &Path, backend: SocketAddr, tokens: &Tokens, token: &str) -> anyhow::Result<Vec<Proxy>> {
    let mut proxies = Vec::new();
    for (number, kind) in Kind::ALL.into_iter().enumerate() {
        if !kind.is_installed() {
            eprintln!("{} is not installed: nothing is compared with it", kind.program());
            continue;
        }
        let place = folder.join(format!("proxy{number}"));
        fs::create_dir(&place)?;
        proxies.push(start(kind, &place, backend, tokens, token).await.with_context(|| kind.name())?);
    }
    Ok(proxies)
}

async fn start(kind: Kind, folder: &Path, backend: SocketAddr, tokens: &Tokens, token: &str) -> anyhow::Result<Proxy> {
    let address = free_address()?;
    let (file, key) = (folder.join("configuration"), folder.join("key.pem"));
    fs::write(&key, pem(&tokens.key.1, &tokens.key.2)?)?;
    fs::write(
        &file,
        match kind {
            Kind::Nginx => nginx(folder, "off", address, backend),
            Kind::LoggingNginx => nginx(folder, &folder.join("access.log").display().to_string(), address, backend),
            Kind::HaProxy => haproxy(&key, address, backend, tokens),
            Kind::Apache => apache(folder, &key, address, backend, tokens),
        },
    )?;
    let mut command = Command::new(kind.program());
    match kind {
        Kind::Nginx | Kind::LoggingNginx => command.arg("-p").arg(folder).arg("-c").arg(&file),
        Kind::HaProxy => command.arg("-db").arg("-f").arg(&file),
        // One process that stays in front.
        Kind::Apache => command.arg("-X").arg("-f").arg(&file),
    };
    let log = fs::File::create(folder.join("output"))?;
    let mut process =
        Process::spawn(kind.program(), command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log))?;
    let bearer = format!("Bearer {token}");
    let question = request("GET", "/http", &[("authorization", &bearer)], "");
    wait(&mut process, address, &question, Instant::now())
        .await
        .with_context(|| fs::read_to_string(folder.join("output")).unwrap_or_default())?;
    Ok(Proxy { kind, process, address })
}

fn pem(modulus: &[u8], exponent: &[u8]) -> anyhow::Result<String> {
    let number = rsa::BigUint::from_bytes_be;
    let key = rsa::RsaPublicKey::new(number(modulus), number(exponent))?;
    Ok(key.to_public_key_pem(LineEnding::LF)?)
}

fn nginx(folder: &Path, access_log: &str, address: SocketAddr, backend: SocketAddr) -> String {
    let place = folder.display();
    format!(
        "daemon off; master_process off; worker_processes 1; pid {place}/pid; error_log {place}/error.log;
        events {{ worker_connections 1024; }}
        http {{
            access_log {access_log};
            client_body_temp_path {place}/body; proxy_temp_path {place}/proxy; fastcgi_temp_path {place}/fastcgi;
            uwsgi_temp_path {place}/uwsgi; scgi_temp_path {place}/scgi;
            keepalive_requests 100000000;
            upstream backend {{ server {backend}; keepalive 128; keepalive_requests 100000000; }}
            server {{
                listen {address};
                location / {{
                    proxy_pass http://backend;
                    proxy_http_version 1.1;
                    proxy_set_header Connection \"\";
                }}
            }}
        }}"
    )
}

/// Every check that the gateway makes, in HAProxy's words.
fn haproxy(key: &Path, address: SocketAddr, backend: SocketAddr, tokens: &Tokens) -> String {
    let Tokens { issuer, audience, scope, .. } = tokens;
    let refused =
        "http-request return status 401 content-type application/json string {\\\"message\\\":\\\"Unauthorized\\\"}";
    let key = key.display();
    format!(
        "global
    nbthread 1
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    http-reuse always
frontend gate
    bind {address}
    {refused} unless {{ http_auth_bearer -m found }}
    http-request set-var(txn.alg) http_auth_bearer,jwt_header_query('$.alg')
    {refused} unless {{ var(txn.alg) -m str RS256 }}
    {refused} unless {{ http_auth_bearer,jwt_verify(txn.alg,\"{key}\") -m int 1 }}
    {refused} unless {{ http_auth_bearer,jwt_payload_query('$.iss') -m str {issuer} }}
    {refused} unless {{ http_auth_bearer,jwt_payload_query('$.aud') -m str {audience} }}
    http-request set-var(txn.now) date()
    {refused} unless {{ http_auth_bearer,jwt_payload_query('$.exp','int'),sub(txn.now) -m int gt 0 }}
    http-request return status 403 unless {{ http_auth_bearer,jwt_payload_query('$.scope') -m sub {scope} }}
    default_backend behind
backend behind
    server only {backend}
"
    )
}

fn apache(folder: &Path, key: &Path, address: SocketAddr, backend: SocketAddr, tokens: &Tokens) -> String {
    let (place, key, kid) = (folder.display(), key.display(), &tokens.key.0);
    let modules: String = ["mpm_event", "authn_core", "authz_core", "proxy", "proxy_http", "auth_openidc", "unixd"]
        .iter()
        .map(|module| (module, PathBuf::from(MODULES).join(format!("mod_{module}.so"))))
        .filter(|(_, file)| file.exists())
        .map(|(module, file)| format!("LoadModule {module}_module {}\n", file.display()))
        .collect();
    let Tokens { issuer, audience, scope, .. } = tokens;
    format!(
        "ServerRoot \"{place}\"
DefaultRuntimeDir \"{place}\"
ServerName localhost
Listen {address}
PidFile \"{place}/pid\"
ErrorLog \"{place}/error.log\"
LogLevel crit
Mutex file:{place} default
{modules}
User www-data
Group www-data
StartServers 1
ServerLimit 1
ThreadLimit 256
ThreadsPerChild 256
MaxRequestWorkers 256
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 60
OIDCCryptoPassphrase \"of a measurement, and of nothing else\"
OIDCOAuthVerifyCertFiles {kid}#{key}
OIDCOAuthRemoteUserClaim sub
ProxyPass / http://{backend}/ enablereuse=on
<Location />
    AuthType oauth20
    <RequireAll>
        Require claim iss:{issuer}
        Require claim aud:{audience}
        Require claim scope~{scope}
    </RequireAll>
</Location>
"
    )
}
