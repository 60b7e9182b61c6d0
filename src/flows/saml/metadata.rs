//! Metadata that providers publish at an address: fetched when the address is given, and again every six hours or before they
//! expire, by one instance at a time. What was good before serves on while the address does not answer, or answers with something
//! else, until its own end.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-managing-saml-idp-naming.html>

use std::{sync::Arc, time::Duration};

use tokio::task::JoinSet;

use crate::{
    domain::{Error, Provider, Result, provider::SamlPlace},
    flows::{App, Cx, providers},
    kit::clock::Time,
    outside::{Failure, Question},
    store::{self, saml_metadata::SamlMetadata},
};

/// The service's own time.
const AGE: Duration = Duration::from_secs(6 * 3_600);
/// However short a document says that it may be kept.
const LEAST_AGE: Duration = Duration::from_secs(60);
/// When somebody tries again after a refresh that failed.
const AGAIN: Duration = Duration::from_secs(300);
const MEDIA_TYPES: &str = "application/samlmetadata+xml, application/xml, text/xml, */*;q=0.1";
/// Documents that are refreshed at once when nobody signs in.
const MOST_AT_ONCE: i64 = 16;

/// The metadata at `url`, which must be usable. [`Error::InvalidParameter`] says why they are not, in the service's words where
/// these are known.
pub async fn fetch(cx: &Cx, url: &str) -> Result<(SamlMetadata, SamlPlace)> {
    let question = Question { url, accept: Some(MEDIA_TYPES), ..Question::default() };
    let answer = cx.app.outside.ask(question).await.map_err(|failure| {
        tracing::warn!(request_id = &*cx.request_id, url, %failure, "metadata could not be fetched");
        Error::InvalidParameter(match failure {
            Failure::Status(status) => {
                format!("Non-ok status code {} returned from remote metadata source {url}", status.as_u16())
            }
            _ => format!("Error retrieving metadata from {url}"),
        })
    })?;
    let Ok(document) = String::from_utf8(answer.body.into()) else {
        return Err(Error::InvalidParameter(format!("Error retrieving metadata from {url}")));
    };
    let place = SamlPlace::checked(&document, providers::rules(cx))?;
    let refresh_at = refresh_at(&place, cx.now());
    Ok((SamlMetadata { url: url.to_owned(), document, refresh_at }, place))
}

fn refresh_at(place: &SamlPlace, now: Time) -> Time {
    let remaining = place.valid_until.map_or(AGE, |until| until.since(now) / 2);
    now.plus(AGE.min(remaining).min(place.kept_for.unwrap_or(AGE)).max(LEAST_AGE))
}

/// What the provider publishes at `url`, as far as it is known here.
pub(super) async fn current(cx: &Cx, provider: &Provider, url: &str) -> Result<SamlPlace> {
    let kept = store::saml_metadata::find(&mut cx.read().await?, provider).await?;
    let Some(kept) = kept.filter(|kept| kept.url == url) else {
        // The provider is older than the fetching of metadata.
        let (metadata, place) = fetch(cx, url).await?;
        let mut tx = cx.single().await?;
        store::saml_metadata::add(&mut tx, provider, &metadata).await?;
        tx.commit().await?;
        return Ok(place);
    };
    let known = SamlPlace::read(&kept.document)?;
    let renewed = if cx.now() < kept.refresh_at { None } else { renewed(cx, provider, (&kept.url, &known)).await? };
    let place = renewed.unwrap_or(known);
    if place.has_ended(cx.now()) {
        return Err(Error::InvalidParameter(format!("The metadata of {} have expired.", provider.name)));
    }
    Ok(place)
}

/// What is published now. None where somebody else is looking, or where it is not usable.
async fn renewed(cx: &Cx, provider: &Provider, (url, known): (&str, &SamlPlace)) -> Result<Option<SamlPlace>> {
    let mut tx = cx.single().await?;
    let (now, again) = cx.from_now(AGAIN);
    let is_ours = store::saml_metadata::claim(&mut tx, provider, (now, again)).await?;
    tx.commit().await?;
    if !is_ours {
        return Ok(None);
    }
    let (metadata, place) = match fetch(cx, url).await {
        // Users are told apart by what their provider is called: another one is not taken for it.
        Ok((_, place)) if place.entity_id != known.entity_id => {
            let (provider, entity_id) = (&*provider.name, &*place.entity_id);
            tracing::warn!(provider, url, entity_id, "the metadata are another provider's now; the old ones serve on");
            return Ok(None);
        }
        Ok(fetched) => fetched,
        Err(error) => {
            let provider = &*provider.name;
            tracing::warn!(provider, url, %error, "metadata could not be refreshed; the old ones serve on");
            return Ok(None);
        }
    };
    let mut tx = cx.single().await?;
    store::saml_metadata::renew(&mut tx, provider, &metadata).await?;
    tx.commit().await?;
    Ok(Some(place))
}

/// Refreshes what is due, also where nobody signs in.
pub async fn refresh_due(app: &Arc<App>) -> Result<()> {
    let cx = Cx::new(Arc::clone(app), &app.setup.region, "metadata".into());
    let due = store::saml_metadata::due(&mut cx.read().await?, cx.now(), MOST_AT_ONCE).await?;
    let mut under_way = JoinSet::new();
    for (pool_id, name) in due {
        let cx = cx.clone();
        under_way.spawn(async move {
            let Some(provider) = providers::find(&cx, &pool_id, &name).await? else { return Ok(()) };
            let Some(url) = provider.metadata_url() else { return Ok(()) };
            current(&cx, &provider, url).await.map(drop)
        });
    }
    for refreshed in under_way.join_all().await {
        match refreshed {
            // That it has expired or cannot be had was logged.
            Ok(()) | Err(Error::InvalidParameter(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_are_refreshed_every_six_hours_or_before_they_expire() {
        let now = Time::from_seconds(1_800_000_000);
        let after = |valid_for: Option<u64>, kept_for: Option<u64>| {
            let place = SamlPlace {
                entity_id: String::new(),
                sign_on: None,
                log_out: None,
                certificates: Vec::new(),
                valid_until: valid_for.map(|seconds| now.plus(Duration::from_secs(seconds))),
                kept_for: kept_for.map(Duration::from_secs),
            };
            refresh_at(&place, now).since(now).as_secs()
        };
        assert_eq!(after(None, None), 21_600);
        assert_eq!(after(Some(86_400), Some(604_800)), 21_600);
        assert_eq!(after(Some(7_200), None), 3_600);
        assert_eq!(after(None, Some(1_800)), 1_800);
        assert_eq!(after(Some(10), Some(0)), 60);
    }
}
