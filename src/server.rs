//! Assembly: opens the store, loads keys and functions, applies the configuration, nests the routers and runs the listeners.
//!
//! Nothing is decided here. What a program that embeds the server needs is [`Poolhouse`] and its [`Builder`].

mod background;
mod carry;
mod exposed;
mod health;
mod host;
mod issuers;
mod listener;
mod observe;
mod served;
mod watch;

use std::{future::Future, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context;
use axum::Router;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    api,
    config::{Config, Mistake, Mode},
    control, controls,
    flows::{App, Cx, Parts, Setup, http_apis::Serving, outbox},
    functions::{self, Functions},
    gateway::{self, Explanation, Question, Surroundings},
    hooks::{GROUPS_TO_SCOPES, Hook, Hooks, PreTokenGeneration, Trigger},
    import,
    keys::{compromised::Compromised, hashing::Hasher, seal::Sealer},
    kit::{clock::Clock, random::Random},
    lambda::{self, Lambda},
    oauth,
    outside::Client,
    pages,
    post::Post,
    store::{self, Store},
    web::{client_ip::TrustedProxies, pace::Patience},
};

pub use served::{FromFile, Served};
pub use watch::Watch;

/// How long a PostgreSQL server that is starting is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
const MASTER_KEY_FILE: &str = "master.key";
/// The folder of what functions print, in the data folder.
const FUNCTION_LOGS: &str = "functions";

/// Judges what only the rooms that receive a section can judge: settings against the service's facts, the syntax of
/// functions. Touches nothing.
pub fn check(config: &Config) -> Vec<Mistake> {
    let mut mistakes = import::check(config);
    let is_function = |name: &str| config.functions.iter().any(|function| function.name == name);
    mistakes.extend(import::unanswered_triggers(config, |trigger, name| {
        let is_built_in = trigger == PreTokenGeneration::SETTING && name == GROUPS_TO_SCOPES;
        is_built_in || is_function(name)
    }));
    // One at a time, so that a mistake in one script does not hide another's.
    let broken = |section| Functions::load(std::slice::from_ref(section)).err();
    mistakes.extend(config.functions.iter().filter_map(broken).map(|error| error.mistake()));
    mistakes.extend(gateway::mistakes(&config.apis));
    mistakes.extend(exposed::mistakes(config));
    mistakes
}

/// Serves until a signal stops the process, and reads again what is watched when it changes.
pub async fn serve(config: Config, metrics: Option<PrometheusHandle>, watch: Option<Watch>) -> anyhow::Result<()> {
    let mut builder = Poolhouse::builder(config);
    builder.metrics = metrics;
    builder.keeper = functions::keeper::OWN_PROGRAM.map(Into::into);
    let mut server = builder.build().await?;
    server.watch = watch;
    server.serve(background::signal()).await
}

/// The database of a configuration without a server: for commands that read it.
pub async fn database(config: &Config) -> anyhow::Result<Arc<App>> {
    to_read(config, &Arc::default()).await
}

async fn to_read(config: &Config, functions: &Arc<Functions>) -> anyhow::Result<Arc<App>> {
    let (clock, random) = (Clock::system(), Random::system());
    let sealer = sealer(config, &random)?;
    let store = Store::open_to_read(&config.database.url, sealer.clone()).await.context("cannot read the database")?;
    Ok(Arc::new(app(config, (clock, random, sealer, store), client(config), (functions, Vec::new()))?))
}

/// A server that is ready to serve: its listeners are bound, its database is open, its configuration is applied.
pub struct Poolhouse {
    app: Arc<App>,
    served: Arc<Served>,
    main: TcpListener,
    gate: TcpListener,
    tls: Option<listener::Tls>,
    router: Router,
    patience: Patience,
    watch: Option<Watch>,
    shutdown: CancellationToken,
}

/// Puts one hook into the registry, once that exists.
type Registration = Box<dyn FnOnce(&mut Hooks) + Send>;

/// Makes a [`Poolhouse`] from a configuration and, where it is embedded, from Rust.
pub struct Builder {
    config: Config,
    clock: Clock,
    random: Random,
    hooks: Vec<Registration>,
    /// Instead of the configuration's.
    patience: Option<Patience>,
    metrics: Option<PrometheusHandle>,
    keeper: Option<PathBuf>,
}

impl Builder {
    /// The `poolhouse` program that keeps processes of functions: without it none can be in a sandbox, or bounded in what it starts.
    #[must_use]
    pub fn keeper(mut self, program: impl Into<PathBuf>) -> Self {
        self.keeper = Some(program.into());
        self
    }

    /// Lets `hook` answer trigger `T` in every pool that names `name` for it.
    #[must_use]
    pub fn hook<T: Trigger>(mut self, name: &str, hook: impl Hook<T>) -> Self {
        let name = name.to_owned();
        self.hooks.push(Box::new(move |hooks| hooks.register::<T>(&name, Arc::new(hook))));
        self
    }

    /// Another clock than the system's, for tests that move time.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// How long both listeners wait for their clients, in place of what the configuration says.
    #[must_use]
    pub fn patience(mut self, patience: Patience) -> Self {
        self.patience = Some(patience);
        self
    }

    /// Opens and binds everything, migrates the database and applies the configuration.
    pub async fn build(self) -> anyhow::Result<Poolhouse> {
        let Self { config, clock, random, hooks, patience, metrics, keeper } = self;
        let main = bind(config.server.listen).await?;
        let gate = bind(config.gateway.listen).await?;
        let tls =
            config.server.tls.as_ref().map(|tls| listener::Tls::new(tls, &config.server.public_url)).transpose()?;
        let client = client(&config);
        let mut around = around_functions(&config, (&clock, &random), &client);
        around.keeper = keeper;
        let functions = Arc::new(Functions::load_in(&config.functions, &around)?);
        functions.start().await?;
        let app = Arc::new(open(&config, (clock, random, client), &functions, hooks).await?);
        refuse(import::check(&config))?;
        refuse(exposed::mistakes(&config))?;
        refuse(import::unanswered_triggers(&config, |trigger, name| app.hooks.knows(trigger, name)))?;
        let cx = Cx::new(Arc::clone(&app), &config.region, app.random.uuid());
        import::apply(&cx, &config).await?;
        let around = surroundings(&config, &app, &functions);
        let file = FromFile { apis: config.apis.clone(), domains: config.domains.clone(), functions };
        let address = gateway_url(&config, gate.local_addr()?);
        let served = Arc::new(Served::new(Arc::clone(&app), address, file, &config.gateway, around)?);
        served.look().await.context("cannot read the APIs of the control plane")?;
        let proxies = TrustedProxies::parse(&config.server.trusted_proxies).context("[server] trusted_proxies")?;
        let patience = patience.unwrap_or_else(|| config.connections.into());
        let shutdown = CancellationToken::new();
        let router = router(&app, &served, lambda_door(&app, &shutdown), metrics, proxies);
        Ok(Poolhouse { app, served, main, gate, tls, router, patience, watch: None, shutdown })
    }
}

impl Poolhouse {
    pub fn builder(config: Config) -> Builder {
        Builder {
            config,
            clock: Clock::system(),
            random: Random::system(),
            hooks: Vec::new(),
            patience: None,
            metrics: None,
            keeper: None,
        }
    }

    /// Where the main listener is bound.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.main.local_addr()
    }

    /// Where the gateway's listener is bound.
    pub fn gateway_address(&self) -> std::io::Result<SocketAddr> {
        self.gate.local_addr()
    }

    /// What the gateway serves, for whoever gives it something else.
    pub fn served(&self) -> Arc<Served> {
        Arc::clone(&self.served)
    }

    /// Serves until `stop` is over; then no connection is taken any more, and requests in flight end.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        tracing::info!(
            url = self.app.setup.public_url,
            listen = %self.address()?,
            gateway = %self.gateway_address()?,
            "poolhouse is ready"
        );
        let (shutdown, app) = (self.shutdown, Arc::clone(&self.app));
        let gate = self
            .served
            .gateway()
            .serve(self.gate, self.patience, shutdown.clone())
            .context("cannot start the gateway")?;
        let background = tokio::spawn(background::run(Arc::clone(&self.app), shutdown.clone()));
        let outbox = tokio::spawn(outbox::run(Arc::clone(&self.app), shutdown.clone()));
        let look = tokio::spawn(Arc::clone(&self.served).watch(shutdown.clone()));
        let main = tokio::spawn(listener::serve(self.main, self.tls, self.router, self.patience, shutdown.clone()));
        let gate = tokio::spawn(gate);
        let watch = self.watch.map(|watch| tokio::spawn(watch.run(self.app, self.served, shutdown.clone())));
        stop.await;
        tracing::info!("stopping: requests in flight end first");
        shutdown.cancel();
        let (main, gate, background, outbox, look) = tokio::join!(main, gate, background, outbox, look);
        main?;
        gate?;
        background?;
        outbox?;
        look?;
        if let Some(watch) = watch {
            watch.await?.end().await;
        }
        app.hooks.functions().stop().await;
        tracing::info!("stopped");
        Ok(())
    }
}

fn around_functions(config: &Config, (clock, random): (&Clock, &Random), client: &Client) -> functions::Surroundings {
    functions::Surroundings {
        region: config.region.clone(),
        account_id: config.account_id.clone(),
        logs: Some(config.data.join(FUNCTION_LOGS)),
        clock: clock.clone(),
        random: random.clone(),
        client: client.clone(),
        // Functions of a configuration that is read again have that of those before.
        keeper: None,
    }
}

/// What leaves the server goes this way.
fn client(config: &Config) -> Client {
    Client::new(config.outbound.reach.clone(), &config.trust)
}

/// What the command line has checked already, a program that embeds the server has not.
fn refuse(mistakes: Vec<Mistake>) -> anyhow::Result<()> {
    let lines: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
    anyhow::ensure!(lines.is_empty(), "the configuration has mistakes:\n{}", lines.join("\n"));
    Ok(())
}

/// What would become of a request to the gateway, with the pools of the database as they are. No listener is bound, and the
/// configuration is not applied.
pub async fn explain(config: &Config, question: Question<'_>) -> anyhow::Result<Explanation> {
    let functions = Arc::new(Functions::load(&config.functions)?);
    let app = to_read(config, &functions).await?;
    let around = surroundings(config, &app, &functions);
    let file = FromFile { apis: config.apis.clone(), domains: config.domains.clone(), functions };
    let served = Served::new(app, gateway_url(config, config.gateway.listen), file, &config.gateway, around)?;
    served.look().await.context("cannot read the APIs of the control plane")?;
    Ok(served.gateway().explain(question).await)
}

fn surroundings(config: &Config, app: &Arc<App>, functions: &Arc<Functions>) -> Surroundings {
    Surroundings {
        functions: Arc::clone(functions),
        issuers: Arc::new(issuers::OwnPools::new(Arc::clone(app))),
        clock: app.clock.clone(),
        random: app.random.clone(),
        account_id: config.account_id.clone(),
        region: config.region.clone(),
        host: public_host(config).unwrap_or_else(|| "localhost".to_owned()),
        client: app.post.client().clone(),
    }
}

fn public_host(config: &Config) -> Option<String> {
    config.server.public_url.parse::<http::Uri>().ok()?.host().map(str::to_owned)
}

/// Where clients of this machine, or those that reach the public URL, find the gateway.
fn gateway_url(config: &Config, gate: SocketAddr) -> String {
    let host = match gate.ip() {
        ip if ip.is_loopback() => "localhost".to_owned(),
        ip if ip.is_unspecified() => public_host(config).unwrap_or_else(|| "localhost".to_owned()),
        ip if ip.is_ipv6() => format!("[{ip}]"),
        ip => ip.to_string(),
    };
    let scheme = if config.gateway.tls.is_some() { "https" } else { "http" };
    format!("{scheme}://{host}:{}", gate.port())
}

async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}

async fn open(
    config: &Config,
    (clock, random, client): (Clock, Random, Client),
    functions: &Arc<Functions>,
    hooks: Vec<Registration>,
) -> anyhow::Result<App> {
    let sealer = sealer(config, &random)?;
    let store = Store::open_waiting(&config.database.url, config.database.durability, sealer.clone(), PATIENCE)
        .await
        .context("cannot open the database")?;
    store.migrate().await.context("cannot bring the database up to date")?;
    let mut tx = store.begin().await?;
    store::signing_keys::prove_master_key(&mut tx).await?;
    tx.commit().await?;
    app(config, (clock, random, sealer, store), client, (functions, hooks))
}

fn app(
    config: &Config,
    (clock, random, sealer, store): (Clock, Random, Sealer, Store),
    client: Client,
    (functions, hooks): (&Arc<Functions>, Vec<Registration>),
) -> anyhow::Result<App> {
    let mut registry = Hooks::new(Arc::clone(functions));
    for register in hooks {
        register(&mut registry);
    }
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Ok(App::new(Parts {
        hasher: Hasher::new(config.hashing, workers)?,
        compromised: match &config.passwords.compromised {
            Some(path) => Compromised::open(path).context("[passwords] compromised")?,
            None => Compromised::default(),
        },
        hooks: registry,
        post: Post::new(config.mode == Mode::Development, config.mail.as_ref(), config.sms.as_ref(), client)?,
        setup: Setup {
            mode: config.mode,
            account_id: config.account_id.clone(),
            region: config.region.clone(),
            public_url: config.server.public_url.trim_end_matches('/').to_owned(),
            issuer: config.server.issuer,
            admin_keys: config.admin.access_keys.clone(),
            limits: config.limits.clone(),
        },
        store,
        clock,
        random,
        sealer,
    }))
}

fn sealer(config: &Config, random: &Random) -> anyhow::Result<Sealer> {
    if let Some(key) = &config.keys.master_key {
        return Sealer::from_base64(key).context("[keys] master_key");
    }
    std::fs::create_dir_all(&config.data).with_context(|| format!("cannot make {}", config.data.display()))?;
    let path = config.data.join(MASTER_KEY_FILE);
    Sealer::load_or_create(&path, random).with_context(|| format!("the master key {}", path.display()))
}

fn lambda_door(app: &Arc<App>, shutdown: &CancellationToken) -> Lambda {
    let current = Arc::clone(app);
    Lambda {
        functions: Arc::new(move || current.hooks.functions()),
        mode: app.setup.mode,
        account_id: app.setup.account_id.clone(),
        admin_keys: app.setup.admin_keys.clone(),
        clock: app.clock.clone(),
        random: app.random.clone(),
        shutdown: shutdown.clone(),
    }
}

fn router(
    app: &Arc<App>,
    served: &Arc<Served>,
    lambda: Lambda,
    metrics: Option<PrometheusHandle>,
    proxies: TrustedProxies,
) -> Router {
    let mut router = Router::new()
        .merge(api::router().with_state(Arc::clone(app)))
        .merge(oauth::router(Arc::clone(app)))
        .merge(pages::router(Arc::clone(app)))
        .merge(control::router(Arc::clone(app), Arc::clone(served) as Arc<dyn Serving>, import::read_openapi))
        .merge(lambda::router(lambda))
        .merge(health::router(Arc::clone(app), metrics));
    if app.setup.mode == Mode::Development {
        router = router.nest("/_poolhouse", controls::router(Arc::clone(app)));
    }
    router
        .layer(tower_http::catch_panic::CatchPanicLayer::new())
        .layer(axum::middleware::from_fn_with_state(carry::room(), carry::through))
        .layer(axum::middleware::from_fn(host::named_once))
        .layer(axum::middleware::from_fn_with_state(Arc::new(proxies), observe::observe))
}
