//! Routes, integrations and authorizers of an API.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Desk, FromFile, Result};
use crate::{
    domain::http_api::{
        AuthorizationType, Authorizer, Fault, HttpApi, Integration, MOST_AUTHORIZERS, MOST_INTEGRATIONS, MOST_ROUTES,
        Object, Route, patched, read,
    },
    flows::{Setup, directory},
};

/// What an API has many of.
pub trait Part: Object + Clone + Send + 'static {
    /// As messages name it.
    const NAME: &'static str;
    const MOST: usize;

    fn all(api: &HttpApi) -> &BTreeMap<String, Self>;
    fn all_mut(api: &mut HttpApi) -> &mut BTreeMap<String, Self>;

    /// Against the API that it is, or comes, into as `id`.
    fn check(&mut self, id: &str, api: &HttpApi, file: &FromFile) -> Result2<()>;

    /// Against what a call has given, which may be what it has no use for.
    fn check_given(&self, _given: &Map<String, Value>) -> Result2<()> {
        Ok(())
    }

    /// The issuer that a call sets.
    fn issuer(_given: &Map<String, Value>) -> Option<&str> {
        None
    }

    /// Why it cannot go.
    fn needed(id: &str, api: &HttpApi) -> Option<Fault>;
}

type Result2<T> = std::result::Result<T, Fault>;

impl Part for Route {
    const NAME: &'static str = "Route";
    const MOST: usize = MOST_ROUTES;

    fn all(api: &HttpApi) -> &BTreeMap<String, Self> {
        &api.routing.routes
    }

    fn all_mut(api: &mut HttpApi) -> &mut BTreeMap<String, Self> {
        &mut api.routing.routes
    }

    fn check(&mut self, id: &str, api: &HttpApi, _: &FromFile) -> Result2<()> {
        self.check(id, api)
    }

    fn check_given(&self, given: &Map<String, Value>) -> Result2<()> {
        if self.authorization_type != AuthorizationType::None {
            return Ok(());
        }
        if given.get("authorizerId").and_then(Value::as_str).is_some_and(|id| !id.is_empty()) {
            return Err(Fault::bad("Unable to update route. Authorizer type is invalid or null."));
        }
        if given.get("authorizationScopes").and_then(Value::as_array).is_some_and(|scopes| !scopes.is_empty()) {
            let text = "Authorization Scopes are only valid for COGNITO_USER_POOLS and JWT authorization types";
            return Err(Fault::bad(text));
        }
        Ok(())
    }

    fn needed(_: &str, _: &HttpApi) -> Option<Fault> {
        None
    }
}

impl Part for Integration {
    const NAME: &'static str = "Integration";
    const MOST: usize = MOST_INTEGRATIONS;

    fn all(api: &HttpApi) -> &BTreeMap<String, Self> {
        &api.routing.integrations
    }

    fn all_mut(api: &mut HttpApi) -> &mut BTreeMap<String, Self> {
        &mut api.routing.integrations
    }

    fn check(&mut self, _: &str, _: &HttpApi, file: &FromFile) -> Result2<()> {
        Integration::check(self, &file.functions)
    }

    fn needed(id: &str, api: &HttpApi) -> Option<Fault> {
        let target = format!("integrations/{id}");
        let route = api.routing.routes.values().find(|route| route.target.as_ref() == Some(&target))?;
        Some(Fault::Conflict(format!(
            "Cannot delete Integration '{id}', it is referenced in route: {}",
            route.route_key
        )))
    }
}

impl Part for Authorizer {
    const NAME: &'static str = "Authorizer";
    const MOST: usize = MOST_AUTHORIZERS;

    fn all(api: &HttpApi) -> &BTreeMap<String, Self> {
        &api.routing.authorizers
    }

    fn all_mut(api: &mut HttpApi) -> &mut BTreeMap<String, Self> {
        &mut api.routing.authorizers
    }

    fn check(&mut self, id: &str, api: &HttpApi, file: &FromFile) -> Result2<()> {
        if let Some(before) = api.routing.authorizers.get(id)
            && before.authorizer_type != self.authorizer_type
        {
            // A route that relies on it must go on doing so.
            let mut routes = api.routing.routes.values();
            if let Some(route) = routes.find(|route| route.authorizer_id.as_deref() == Some(id)) {
                let key = &route.route_key;
                let text = format!("The type of Authorizer '{id}' cannot change, it is referenced in route: {key}");
                return Err(Fault::Conflict(text));
            }
            self.forget_type_of(before);
        }
        Self::check(self, id, api, &file.functions)
    }

    fn issuer(given: &Map<String, Value>) -> Option<&str> {
        given.get("jwtConfiguration")?.get("issuer")?.as_str()
    }

    fn needed(id: &str, api: &HttpApi) -> Option<Fault> {
        let route = api.routing.routes.values().find(|route| route.authorizer_id.as_deref() == Some(id))?;
        Some(Fault::Conflict(format!(
            "Cannot delete Authorizer '{id}', it is referenced in route: {}",
            route.route_key
        )))
    }
}

/// The form of ids that the service gives to parts.
pub(super) fn id(desk: &Desk) -> String {
    desk.cx.app.random.lower_alphanumeric(7)
}

fn missing<T: Part>() -> Fault {
    Fault::NotFound(format!("Invalid {} identifier specified", T::NAME))
}

/// An issuer that is one of ours by its form must be a pool that there is: nobody else could sign for it.
pub(super) async fn check_issuer(desk: &Desk, issuer: Option<&str>) -> Result<()> {
    let Some(issuer) = issuer else { return Ok(()) };
    let setup = &desk.cx.app.setup;
    let pool = issuer.strip_prefix("pool:").or_else(|| {
        let (_, pool) = issuer.rsplit_once('/')?;
        let own = [setup.local_issuer_of(pool), Setup::aws_issuer_of(pool), Setup::updated_aws_issuer_of(pool)];
        own.iter().any(|own| own == issuer).then_some(pool)
    });
    let Some(pool) = pool else { return Ok(()) };
    match directory::find_pool(&desk.cx.app, pool).await? {
        Some(_) => Ok(()),
        None => Err(Fault::bad(format!("Invalid issuer: {issuer}. This server has no user pool {pool}.")).into()),
    }
}

pub async fn create<T: Part>(desk: &Desk, api: &str, given: Map<String, Value>) -> Result<(String, T)> {
    check_issuer(desk, T::issuer(&given)).await?;
    let id = id(desk);
    desk.change(api, move |api, file| {
        let mut part: T = read(given.clone())?;
        part.check_given(&given)?;
        part.check(&id, api, file)?;
        let all = T::all_mut(api);
        if all.len() >= T::MOST {
            let text = format!("Maximum number of {}s for this API has been reached: {}", T::NAME, T::MOST);
            return Err(Fault::TooMany(text).into());
        }
        all.insert(id.clone(), part.clone());
        Ok((id, part))
    })
    .await
}

pub async fn get<T: Part>(desk: &Desk, api: &str, id: &str) -> Result<T> {
    let api = desk.api(api).await?;
    Ok(T::all(&api).get(id).cloned().ok_or_else(missing::<T>)?)
}

pub async fn update<T: Part>(desk: &Desk, api: &str, id: &str, given: Map<String, Value>) -> Result<T> {
    check_issuer(desk, T::issuer(&given)).await?;
    let id = id.to_owned();
    desk.change(api, move |api, file| {
        let before = T::all(api).get(&id).ok_or_else(missing::<T>)?;
        let mut part = patched(before, given.clone())?;
        part.check_given(&given)?;
        part.check(&id, api, file)?;
        T::all_mut(api).insert(id, part.clone());
        Ok(part)
    })
    .await
}

pub async fn delete<T: Part>(desk: &Desk, api: &str, id: &str) -> Result<()> {
    let id = id.to_owned();
    desk.change(api, move |api, _| {
        if let Some(fault) = T::needed(&id, api) {
            return Err(fault.into());
        }
        T::all_mut(api).remove(&id).map(drop).ok_or_else(|| missing::<T>().into())
    })
    .await
}

pub async fn list<T: Part>(desk: &Desk, api: &str) -> Result<Vec<(String, T)>> {
    let api = desk.api(api).await?;
    Ok(T::all(&api).iter().map(|(id, part)| (id.clone(), part.clone())).collect())
}
