//! Poolhouse inside a Rust program, with a trigger written in Rust.
//!
//! `cargo run --example embed`, then sign in:
//!
//! ```sh
//! aws cognito-idp initiate-auth --endpoint-url http://localhost:9329 --region us-east-1 --auth-flow USER_PASSWORD_AUTH \
//!   --client-id 1embedded3456789abcdefghij --auth-parameters USERNAME=ann,PASSWORD=Ann-12345
//! ```
//!
//! The ID token carries the claim `department`, which the trigger below wrote.

use std::collections::BTreeMap;

use async_trait::async_trait;
use poolhouse::{
    Poolhouse,
    config::{self, Sources},
    hooks::{ClaimsOverride, Event, Hook, PreTokenGeneration, PreTokenGenerationResponse},
};

/// Knows in which department somebody works.
struct Departments(BTreeMap<&'static str, &'static str>);

#[async_trait]
impl Hook<PreTokenGeneration> for Departments {
    async fn call(&self, event: &Event<PreTokenGeneration>) -> Result<PreTokenGenerationResponse, String> {
        let Some(department) = self.0.get(event.user_name.as_str()) else {
            // The text reaches the one who signs in, as a Lambda function's would.
            return Err(format!("{} belongs to no department", event.user_name));
        };
        let claims = [("department".to_owned(), (*department).to_owned())];
        Ok(PreTokenGenerationResponse {
            claims_override_details: Some(ClaimsOverride {
                claims_to_add_or_override: Some(claims.into()),
                ..ClaimsOverride::default()
            }),
        })
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/embed.toml");
    let sources = Sources::of_process(Some(file.into()), config::Flags::default());
    let config = config::load(&sources).map_err(|mistakes| {
        let lines: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("{}", lines.join("\n"))
    })?;
    let server = Poolhouse::builder(config)
        .hook::<PreTokenGeneration>("departments", Departments([("ann", "research")].into()))
        .build()
        .await?;
    eprintln!("serving on http://{}; press Ctrl-C to stop", server.address()?);
    server
        .serve(async {
            // Without a signal handler there is nothing to wait for: stop at once.
            let _ = tokio::signal::ctrl_c().await;
        })
        .await
}
