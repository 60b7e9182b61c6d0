//! `poolhouse explain`: which route a request finds, and every check of its authorizer, passed or failed.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use clap::Args;
use http::{Method, Uri};
use rustls::pki_types::{CertificateDer, pem::PemObject};

use super::{Failure, Places};
use crate::{
    gateway::{Explanation, Question, Verdict},
    import::Scratch,
    server,
};

#[derive(Debug, Args)]
pub(super) struct Asked {
    #[command(flatten)]
    pub(super) places: Places,
    /// The request: a method and a path, as in "GET /orders/7?full=1"
    #[arg(long, value_name = "METHOD PATH", value_parser = route)]
    route: (Method, Uri),
    /// The token that it carries, with or without "Bearer"
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// A file with the token, which other users of the machine do not see among its processes
    #[arg(long, value_name = "FILE", conflicts_with = "token")]
    token_file: Option<PathBuf>,
    /// The host that it is sent to, where that tells APIs apart
    #[arg(long, value_name = "HOST", default_value = "localhost")]
    host: String,
    /// The certificate that the client shows to a domain with mutual TLS: PEM, and behind it those between it and its authority
    #[arg(long, value_name = "FILE")]
    client_certificate: Option<PathBuf>,
}

fn route(text: &str) -> Result<(Method, Uri), String> {
    let (method, path) = text.split_once(' ').ok_or("there is no space between a method and a path")?;
    let method = method.parse().map_err(|_| format!("{method:?} is no method"))?;
    let uri: Uri = path.parse().map_err(|error| format!("{path:?} is no path: {error}"))?;
    if uri.authority().is_some() || !path.starts_with('/') || path.starts_with("//") {
        return Err(format!("{path:?} is no path"));
    }
    Ok((method, uri))
}

pub(super) fn run(asked: Asked) -> Result<(), Failure> {
    let Asked { places, route: (method, uri), token, token_file, host, client_certificate } = asked;
    let token = match token_file {
        Some(file) => {
            let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
            Some(text.trim().to_owned())
        }
        None => token,
    };
    let certificates = client_certificate.as_deref().map(shown).transpose()?.unwrap_or_default();
    let scratch = Scratch::new().context("cannot make a folder for inline code")?;
    let config = super::load(&places.sources()?, Some(scratch.folder()))?.config;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the runtime")?;
    let question = Question { method, uri, host: &host, token: token.as_deref(), certificates: &certificates };
    let explanation = runtime.block_on(server::explain(&config, question))?;
    // Nobody is left to tell when the terminal is gone.
    let _ = io::stdout().write_all(rendered(&explanation).as_bytes());
    Ok(verdict(&explanation)?)
}

fn shown(file: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let certificates = read.with_context(|| format!("cannot read {}", file.display()))?;
    if certificates.is_empty() {
        bail!("{} holds no certificate", file.display());
    }
    Ok(certificates)
}

fn rendered(explanation: &Explanation) -> String {
    let mut lines = Vec::new();
    if let Some((api, stage)) = &explanation.api {
        lines.push(format!("API {api}, stage {stage}"));
    }
    if let Some(route) = &explanation.route {
        lines.push(format!("route {route}"));
    }
    match (&explanation.authorizer, &explanation.route) {
        (Some((name, kind)), _) => lines.push(format!("authorizer {name} ({kind})")),
        (None, Some(_)) => lines.push("no authorizer".to_owned()),
        (None, None) => {}
    }
    for check in &explanation.checks {
        let (word, text) = match &check.outcome {
            Ok(text) => ("passed", text),
            Err(text) => ("FAILED", text),
        };
        lines.push(format!("  {word}  {:<10}  {text}", check.name));
    }
    lines.push(match &explanation.verdict {
        Verdict::Passes => "the request passes".to_owned(),
        Verdict::Asks => "a function decides, which was not asked".to_owned(),
        Verdict::Refused { status, reason } => format!("refused with {}: {reason}", status.as_u16()),
    });
    lines.push(String::new());
    lines.join("\n")
}

fn verdict(explanation: &Explanation) -> anyhow::Result<()> {
    if let Verdict::Refused { .. } = explanation.verdict {
        bail!("the request is refused");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_a_method_and_a_path() {
        assert_eq!(route("GET /a?b=c").unwrap(), (Method::GET, Uri::from_static("/a?b=c")));
        for wrong in ["GET", "/a", "GET a", "GET http://elsewhere/a", "G(T /a", "GET //elsewhere:a"] {
            assert!(route(wrong).is_err(), "{wrong}");
        }
    }
}
