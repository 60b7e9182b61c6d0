//! Every kind of mistake with its line and its words, and who wins when two sources differ.

use std::fs;

use tempfile::TempDir;

use super::{api::Integration, database::Durability, function::Runs, hashing::Hashing, *};

/// A folder with one configuration in it, and `here.js`.
struct Folder(TempDir);

impl Folder {
    fn with(text: &str) -> Self {
        let folder = Self(TempDir::new().unwrap());
        folder.put("here.js", "exports.handler = async () => ({});");
        folder.put("poolhouse.toml", text);
        folder
    }

    fn put(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).unwrap();
    }

    fn load(&self, environment: &[(&str, &str)], flags: Flags) -> Result<Config, Vec<Mistake>> {
        let environment = environment.iter().map(|(name, value)| (name.into(), value.into())).collect();
        load(&Sources { file: Some(self.0.path().join("poolhouse.toml")), environment, flags })
    }
}

fn config(text: &str) -> Config {
    Folder::with(text).load(&[], Flags::default()).unwrap()
}

/// The mistakes without the folder: `line: message`.
fn mistakes(text: &str) -> Vec<String> {
    mistakes_with(text, &[])
}

fn mistakes_with(text: &str, environment: &[(&str, &str)]) -> Vec<String> {
    let folder = Folder::with(text);
    let file = format!("{}/poolhouse.toml", folder.0.path().display());
    let mistakes = folder.load(environment, Flags::default()).map(|_| ()).unwrap_err();
    let shown = |mistake: &Mistake| mistake.to_string().replace(&file, "").trim_start_matches(':').to_owned();
    mistakes.iter().map(shown).collect()
}

const POOL: &str = "[[pool]]\nid = 'us-east-1_A'\n[[pool.client]]\nid = 'c1'\n";

#[test]
fn the_example_loads() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = Some(root.join("poolhouse.toml"));
    let config = load(&Sources { file, ..Sources::default() }).unwrap();
    let pool = &config.pools[0];
    assert_eq!((pool.id.as_str(), pool.clients[0].id.as_str()), ("us-east-1_Example01", "1example23456789abcdefghij"));
    assert_eq!(pool.users[0].groups.iter().map(|group| group.value.as_str()).collect::<Vec<_>>(), ["admin", "regular"]);
    assert_eq!(pool.users[0].password.as_ref().unwrap().expose(), "Admin-1234");
    assert_eq!(pool.triggers["PreTokenGeneration"].function.value, "pre-token");
    assert_eq!(config.functions.len(), 3);
    let route = &config.apis[0].routes[0];
    assert_eq!((route.key.as_str(), route.scopes[0].as_str()), ("GET /AdminUser", "admin-1example23456789abcdefghij"));
    assert!(matches!(&route.integration, Integration::Function { name, .. } if name.value == "admin-user"));
    let scopes = pool.clients[0].settings.place_of("AllowedOAuthScopes.7");
    let text = fs::read_to_string(root.join("poolhouse.toml")).unwrap();
    assert!(text.lines().nth(scopes.line - 1).unwrap().contains("AllowedOAuthScopes"));
}

#[test]
fn an_empty_file_means_the_defaults() {
    let folder = Folder::with("");
    let config = folder.load(&[], Flags::default()).unwrap();
    assert_eq!(config.mode, Mode::Development);
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:9229");
    assert_eq!(config.server.public_url, "http://localhost:9229");
    assert_eq!(config.database.durability, Durability::Relaxed);
    assert_eq!(config.database.url, format!("sqlite:{}/data/poolhouse.db", folder.0.path().display()));
    assert_eq!(config.hashing, Hashing::DEVELOPMENT);
    assert_eq!(config.limits, limits::Limits::default());
    assert!(config.pools.is_empty());
}

#[test]
fn unknown_keys_name_the_nearest() {
    assert_eq!(
        mistakes("regoin = 'us-east-1'\n[server]\nlsiten = 'x'\n[sevrer]\n"),
        [
            "1: unknown key `regoin` (did you mean `region`?)",
            "3: unknown key `server.lsiten` (did you mean `server.listen`?)",
            "4: unknown key `sevrer` (did you mean `server`?)",
        ]
    );
    assert_eq!(mistakes("\ncolour = 1"), ["2: unknown key `colour`"]);
    assert_eq!(
        mistakes(&format!("{POOL}secert = 'x'")),
        ["5: unknown key `pool.client.secert` (did you mean `pool.client.secret`?)"]
    );
}

#[test]
fn a_wrong_type_says_what_was_expected_and_found() {
    assert_eq!(
        mistakes("account_id = 12\nprune = 'yes'\nserver = 1\npool = 2\n[hashing]\nmemory_kib = 1.5\niterations = 0\n"),
        [
            "1: `account_id` must be a string, found an integer",
            "2: `prune` must be true or false, found a string",
            "3: `server` must be a table, found an integer",
            "4: `pool` must be a list of tables, written [[pool]], found an integer",
            "6: `hashing.memory_kib` must be an integer, found a fraction",
            "7: `hashing.iterations` must be between 1 and 1000, found 0",
        ]
    );
    assert_eq!(
        mistakes(&format!("{POOL}[pool.client.settings]\nX = {{ Y = [1979-05-27] }}")),
        ["6: `pool.client.settings.X` holds a date, which no setting can be"]
    );
}

#[test]
fn syntax_errors_have_lines_and_come_alone() {
    let found = mistakes("mode = 'x'\nregion = \n[server]\nlisten = '1'\nlisten = '2'\n");
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("2: ") && found[1] == "5: duplicate key", "{found:?}");
}

#[test]
fn forms_are_checked() {
    assert_eq!(
        mistakes(
            "region = 'us-east1'\naccount_id = '1'\n[server]\nlisten = 'localhost'\npublic_url = 'ftp://x'\n[database]\nurl = 'mysql://x'\n[keys]\nmaster_key = 'short'\n[[pool]]\nid = 'us_east_1'\n"
        ),
        [
            "1: `region` must be a region such as us-east-1, found \"us-east1\"",
            "2: `account_id` must be twelve digits, found \"1\"",
            "4: `server.listen` must be an address and a port such as 127.0.0.1:9229, found \"localhost\"",
            "5: `server.public_url` must start with http:// or https://: \"ftp://x\"",
            "7: `database.url` must be sqlite:PATH or postgres://…",
            "9: `keys.master_key` must be 32 bytes in base64",
            "11: `pool.id` must be a region, one underscore and letters or digits, such as us-east-1_Example01, found \"us_east_1\"",
        ]
    );
}

#[test]
fn names_must_not_be_given_twice() {
    let found = mistakes(&format!(
        "{POOL}name = 'a'\n[[pool.client]]\nid = 'c1'\nname = 'b'\n[[pool.group]]\nname = 'g'\n[[pool.group]]\nname = 'g'\n\
         [[pool.user]]\nusername = 'u'\n[[pool.user]]\nusername = 'u'\n[[pool]]\nid = 'us-east-1_A'\nname = 'other'\n\
         [[api]]\nname = 'x'\n[[api.route]]\nkey = 'GET /{{a}}'\nintegration = {{ respond = {{}} }}\n\
         [[api.route]]\nkey = 'GET /{{b}}'\nintegration = {{ respond = {{}} }}\n[[api]]\nname = 'x'\n"
    ));
    let starts = [
        "6: the client id \"c1\" is there already, at 3",
        "11: the group \"g\" is there already, at 9",
        "15: the user \"u\" is there already, at 13",
        "17: the pool id \"us-east-1_A\" is there already, at 1",
        "25: the route \"GET /{}\" is there already, at 22",
        "28: the API id ",
        "28: the API name \"x\" is there already, at 20",
    ];
    assert_eq!(found.len(), starts.len(), "{found:#?}");
    for (found, start) in found.iter().zip(starts) {
        assert!(found.replace("at :", "at ").starts_with(start), "{found} / {start}");
    }
}

#[test]
fn names_must_exist() {
    let text = format!(
        "{POOL}[[pool.group]]\nname = 'admin'\n[[pool.user]]\nusername = 'u'\ngroups = ['admn']\n[pool.triggers]\n\
         PreTokenGeneration = 'groups-to-scope'\nPreSignUp = 'x'\nPreTokenGeneratoin = 'x'\n\
         [[pool]]\nid = 'us-east-1_B'\n[[pool.client]]\nid = 'd1'\n[function.f]\nscript = 'here.js'\n\
         [[api]]\nname = 'x'\n[api.authorizer.A]\ntype = 'JWT'\nissuer = 'pool:us-east-1_A'\naudience = ['d1']\n\
         [api.authorizer.B]\ntype = 'JWT'\nissuer = 'pool:us-east-1_C'\naudience = ['c1']\n\
         [api.authorizer.C]\ntype = 'JWT'\nissuer = 'https://id.example.com/'\naudience = ['anything']\n\
         [[api.route]]\nkey = '$default'\nauthorizer = 'D'\nintegration = {{ function = 'g' }}\n"
    );
    assert_eq!(
        mistakes(&text),
        [
            "9: there is no group \"admn\" in the pool us-east-1_A (did you mean `admin`?)",
            "11: there is no function \"groups-to-scope\" (did you mean `groups-to-scopes`?)",
            "12: there is no function \"x\" (did you mean `f`?)",
            "13: unknown key `pool.triggers.PreTokenGeneratoin` (did you mean `pool.triggers.PreTokenGeneration`?)",
            "25: there is no client \"d1\" in the pool us-east-1_A (did you mean `c1`?)",
            "28: there is no pool \"us-east-1_C\" (did you mean `us-east-1_A`?)",
            "36: there is no authorizer \"D\" in the API x (did you mean `A`?)",
            "37: there is no function \"g\" (did you mean `f`?)",
        ]
    );
}

#[test]
fn functions_are_scripts_that_exist() {
    assert_eq!(
        mistakes(
            "[function.'a b']\nattach = true\n[function.b]\nscript = 'gone.js'\ntimeout_seconds = 0\n[function.c]\nscirpt = 'here.js'\n"
        ),
        [
            "1: function \"a b\" must have a name of letters, digits, `-` and `_`, at most 64",
            "4: `function.b.script`: there is no file gone.js",
            "5: `function.b.timeout_seconds` must be between 1 and 900, found 0",
            "6: function \"c\" does not say what runs it: `script = \"FILE\"`, `command = [\"PROGRAM\"]`, `attach = true`, `invoke = \"URL\"` or `webhook = \"URL\"`",
            "7: unknown key `function.c.scirpt` (did you mean `function.c.script`?)",
        ]
    );
    let folder = Folder::with("[function.a]\nscript = 'here.js'\n");
    let config = folder.load(&[], Flags::default()).unwrap();
    assert!(matches!(&config.functions[0].runs, Runs::Script(path) if path.is_file()));
}

#[test]
fn a_function_runs_in_one_way_and_is_told_what_that_needs() {
    assert_eq!(
        mistakes(
            "[function.a]\nscript = 'here.js'\nattach = true\n[function.b]\ncommand = []\ndirectory = 'gone'\n\
             [function.c]\nattach = false\nlisten = '0.0.0.0:9001'\nhandler = 'x'\n[function.d]\ninvoke = 'ftp://x'\nsecret = 's'\n\
             [function.e]\nwebhook = 'https://a:b@x.example'\nenvironment = { A = 'b' }\n[function.f]\ncommand = ['a']\nenvironment = { 'A=B' = 'c' }\n"
        ),
        [
            "2: a function runs in one way: `script` or `attach`",
            "5: `function.b.command` must name a program and its arguments",
            "6: `function.b.directory`: there is no folder gone",
            "8: `function.c.attach` is true or left out",
            "9: `function.c.listen` must be a loopback address: whoever reaches the Runtime API gets the events, found 0.0.0.0:9001",
            "10: `function.c.handler` belongs to `script` and `command`",
            "12: `function.d.invoke` must start with http:// or https://: \"ftp://x\"",
            "13: `function.d.secret` belongs to `webhook`",
            "15: `function.e.webhook` must not hold a user or a password: \"https://a:b@x.example\"",
            "16: `function.e.environment` belongs to `script` and `command`",
            "19: `function.f.environment.A=B` cannot be a variable",
        ]
    );
    let folder = Folder::with(
        "[function.a]\ncommand = ['python3', '-m', 'awslambdaric', 'app.handler']\nconcurrency = 3\n\
         [function.b]\nattach = true\nlisten = '127.0.0.1:9001'\n[function.c]\ninvoke = 'http://127.0.0.1:3001'\n\
         [function.d]\nwebhook = 'https://x.example/?key=1'\nsecret = 'one'\n",
    );
    let config = folder.load(&[], Flags::default()).unwrap();
    let [a, b, c, d] = &config.functions[..] else { panic!("four functions") };
    assert!(matches!(&a.runs, Runs::Command { command, directory } if command.len() == 4 && directory.is_dir()));
    assert_eq!((a.concurrency, b.concurrency), (3, 2));
    assert!(matches!(&b.runs, Runs::Attach));
    assert_eq!((b.listen.port(), a.listen.port()), (9001, 0));
    assert!(matches!(&c.runs, Runs::Invoke(url) if url.path() == "/"));
    assert!(matches!(&d.runs, Runs::Webhook { url, secret: Some(_) } if url.query() == Some("key=1")));
}

#[test]
fn a_sandbox_is_asked_for_and_then_described() {
    let lines = mistakes(
        "[function.a]\ncommand = ['a']\nsandbox_connect = [5432]\n[function.b]\nscript = 'b.js'\nsandbox = true\n\
         [function.c]\ncommand = ['c']\nsandbox = true\nsandbox_read = ['nowhere']\nsandbox_connect = [0, 'x', 70000]\n\
         max_processes = 0\n[function.d]\ncommand = ['d']\nsandbox = 'on'\n",
    );
    assert_eq!(
        lines.iter().filter(|line| line.contains("`function.a.sandbox_connect` belongs to `sandbox = true`")).count(),
        1
    );
    assert!(lines.iter().any(|line| line.contains("`function.b.sandbox` belongs to `command`")), "{lines:?}");
    assert!(
        lines.iter().any(|line| line.contains("`function.c.sandbox_read`: there is no file or folder \"nowhere\""))
    );
    assert_eq!(lines.iter().filter(|line| line.contains("`function.c.sandbox_connect` must hold ports")).count(), 3);
    assert!(lines.iter().any(|line| line.contains("`function.c.max_processes`")), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("`function.d.sandbox`")), "{lines:?}");
    let folder = Folder::with(
        "[function.a]\ncommand = ['a']\nsandbox = true\nsandbox_read = ['.']\nsandbox_connect = [5432, 53]\n\
         max_processes = 20\n[function.b]\ncommand = ['b']\nsandbox = false\n",
    );
    let config = folder.load(&[], Flags::default()).unwrap();
    let sandbox = config.functions[0].sandbox.as_ref().unwrap();
    assert_eq!((sandbox.read.len(), &sandbox.connect[..]), (1, &[5432, 53][..]));
    assert_eq!((config.functions[0].max_processes, config.functions[1].max_processes), (Some(20), None));
    assert_eq!(config.functions[1].sandbox, None);
}

#[test]
fn production_sends_events_signed_and_encrypted() {
    let weak = "[function.a]\ninvoke = 'http://10.0.0.1'\n[function.b]\nwebhook = 'https://x.example'\n\
                [function.c]\nwebhook = 'https://x.example'\nsecret = 'short'\n";
    let found = mistakes(&format!("mode = 'production'\n{weak}"));
    for mistake in [
        "3: `function.a.invoke` is weak: events would cross the network in the clear; use https",
        "5: `function.b.secret` is missing: production signs every call of a webhook",
        "8: `function.c.secret` is weak: production needs at least 16 characters",
    ] {
        assert!(found.iter().any(|one| one == mistake), "{mistake}: {found:#?}");
    }
    assert!(Folder::with(weak).load(&[], Flags::default()).is_ok());
}

#[test]
fn routes_and_integrations_are_checked() {
    let text = "[[api]]\nname = 'x'\n[[api.route]]\nkey = 'get /'\nscopes = ['a']\nintegration = { respond = {}, http = 'http://10.0.0.1' }\n\
                [[api.route]]\nkey = 'GET /'\n[[api.route]]\nkey = 'PUT /'\nintegration = { http = 'http://127.0.0.1:1', payload_format = '3.0' }\n\
                [api.authorizer.A]\ntype = 'JWT'\nissuer = 'http://id.example.com'\nidentity_source = '$context.x'\n";
    assert_eq!(
        mistakes(text),
        [
            "4: the route key \"get /\" has the method \"get\", which is none of GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS, ANY",
            "5: `api.route.scopes` needs an `authorizer`: without one the route is open",
            "6: `api.route.integration.http` must be https, or set `gateway.allow_insecure_issuer = true`: \"http://10.0.0.1\"",
            "6: `api.route.integration` must hold one of `function`, `http` and `respond`",
            "7: missing key `api.route.integration`",
            "11: `api.route.integration.payload_format` belongs to `function`",
            "11: `api.route.integration.payload_format` must be \"1.0\" or \"2.0\", found \"3.0\" (did you mean `1.0`?)",
            "12: missing key `api.authorizer.A.audience`",
            "14: `api.authorizer.A.issuer` must be https, or set `gateway.allow_insecure_issuer = true`: \"http://id.example.com\"",
            "15: `api.authorizer.A.identity_source` must be $request.header.NAME or $request.querystring.NAME, found \"$context.x\"",
        ]
    );
}

#[test]
fn the_environment_wins_over_the_file_and_flags_over_both() {
    let folder =
        Folder::with("region = 'eu-west-1'\n[server]\nlisten = '127.0.0.1:1'\n[gateway]\nlisten = '127.0.0.1:2'\n");
    let environment = [
        ("POOLHOUSE_SERVER__LISTEN", "127.0.0.1:3"),
        ("POOLHOUSE_GATEWAY__LISTEN", "127.0.0.1:4"),
        ("POOLHOUSE_GATEWAY__CLOCK_SKEW_SECONDS", "7"),
        ("POOLHOUSE_PRUNE", "true"),
        ("POOLHOUSE_SERVER__BEHIND_PROXY", "true"),
        ("POOLHOUSE_SERVER__TRUSTED_PROXIES", "10.0.0.1, ::1"),
        ("POOLHOUSE_ADMIN__ACCESS_KEYS", "[{ id = 'A', secret = 'b' }]"),
        ("POOLHOUSE_TEST_ANYTHING", "x"),
        ("POOLHOUSE_LOG", "debug"),
        ("HOME", "/"),
    ];
    let flags = Flags { listen: Some("127.0.0.1:5".to_owned()), data: Some("d".to_owned()), ..Flags::default() };
    let config = folder.load(&environment, flags).unwrap();
    assert_eq!(config.region, "eu-west-1");
    assert_eq!(config.server.listen.port(), 5);
    assert_eq!(config.gateway.listen.port(), 4);
    assert_eq!(config.gateway.clock_skew_seconds, 7);
    assert!(config.prune);
    assert_eq!(config.server.trusted_proxies, ["10.0.0.1", "::1"]);
    assert_eq!(config.admin.access_keys[0].id, "A");
    assert_eq!(config.database.url, "sqlite:d/poolhouse.db");
}

#[test]
fn an_unknown_variable_is_a_mistake() {
    assert_eq!(
        mistakes_with("", &[("POOLHOUSE_SERVER__LISTNE", "x"), ("POOLHOUSE_LOGS", "x"), ("POOLHOUSE_PRUNE", "yes")]),
        [
            "POOLHOUSE_LOGS: unknown key `logs`",
            "POOLHOUSE_PRUNE: `prune` must be true or false, found a string",
            "POOLHOUSE_SERVER__LISTNE: unknown key `server.listne` (did you mean `server.listen`?)",
        ]
    );
}

#[test]
fn a_secret_may_stand_in_a_file() {
    let folder = Folder::with(&format!("{POOL}secret_file = 'client.secret'\n[database]\nurl_file = 'url'\n"));
    folder.put("client.secret", "from the file\n");
    folder.put("url", "postgres://u:p@localhost/d\n");
    let config = folder.load(&[("POOLHOUSE_DATABASE__URL", "sqlite:x.db")], Flags::default()).unwrap();
    assert_eq!(config.pools[0].clients[0].secret.as_ref().unwrap().expose(), "from the file");
    assert_eq!(config.database.url, "sqlite:x.db", "the environment wins over the file's other key");
    let config = folder.load(&[], Flags::default()).unwrap();
    assert_eq!(config.database.url, "postgres://u:p@localhost/d");
    assert!(!format!("{config:?}").contains("u:p"), "no secret in a debug form");

    let found = mistakes(&format!("{POOL}secret = 'x'\nsecret_file = 'y'\n[keys]\nmaster_key_file = 'gone'\n"));
    assert_eq!(found[0], "6: `pool.client.secret` and `pool.client.secret_file` are given both; keep one");
    assert!(found[1].starts_with("8: `keys.master_key_file`: cannot read gone: "), "{found:?}");
    assert_eq!(found.len(), 2);
}

#[test]
fn development_stays_on_this_machine() {
    let text = "[server]\nlisten = '0.0.0.0:9229'\n[gateway]\nlisten = '[::]:9230'\n";
    let found = mistakes(text);
    assert!(found[0].starts_with("2: `server.listen` 0.0.0.0:9229 can be reached by other machines"), "{found:?}");
    assert!(found[1].starts_with("4: `gateway.listen` [::]:9230 can be reached by other machines"), "{found:?}");
    assert_eq!(found.len(), 2);
    assert!(config(&format!("allow_remote = true\n{text}")).allow_remote);
}

#[test]
fn production_refuses_every_weak_setting() {
    let text = "mode = 'production'\n[server]\npublic_url = 'http://id.example.com'\n[database]\ndurability = 'relaxed'\n\
                [hashing]\nmemory_kib = 1024\n[admin]\naccess_keys = [{ id = 'A', secret = 'short' }]\n\
                [[pool]]\nid = 'us-east-1_A'\n[[pool.user]]\nusername = 'u'\npassword = 'Admin-1234'\n";
    assert_eq!(
        mistakes(text),
        [
            "3: `server.public_url` is weak: production needs https, or `server.behind_proxy = true` with `server.trusted_proxies`",
            "5: `database.durability` is weak: production needs \"full\"",
            "6: `hashing` is weak: production needs at least 19456 KiB with 2 iterations, or an equal of OWASP's list",
            "9: `admin.access_keys.secret` is weak: production needs at least 16 characters",
            "14: `pool.user.password` is a published example; production needs a secret of its own",
        ]
    );
    let found = mistakes("mode = 'production'\n");
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.contains(&"1: production needs an access key for administrators: `admin.access_keys`".to_owned()));
    let strong = "mode = 'production'\n[server]\nlisten = '0.0.0.0:9229'\nbehind_proxy = true\ntrusted_proxies = ['10.0.0.0/8']\n\
                  [admin]\naccess_keys = [{ id = 'A', secret = 'Kq3vT9xZ2mWn8RbL' }]\n";
    let config = config(strong);
    assert_eq!((config.database.durability, config.hashing), (Durability::Full, Hashing::OWASP));
    assert_eq!((config.limits.failed_sign_ins, config.limits.codes), (100, 100));
}

#[test]
fn limits_are_numbers_and_spare_networks() {
    let limits = config("[limits]\nfailed_sign_ins = 7\nexempt = ['10.0.0.0/8']\n").limits;
    assert_eq!((limits.failed_sign_ins, limits.codes), (7, 0));
    assert!(limits.spares("10.1.2.3".parse().unwrap()) && !limits.spares("11.1.2.3".parse().unwrap()));
    assert_eq!(
        mistakes("[limits]\ncodes = -1\nexempt = ['proxy']\ncode = 1\n"),
        [
            "2: `limits.codes` must be between 0 and 1000000, found -1",
            "3: `limits.exempt` must hold addresses or CIDR blocks, found \"proxy\"",
            "4: unknown key `limits.code` (did you mean `limits.codes`?)",
        ]
    );
}

#[test]
fn tls_is_self_signed_or_two_files() {
    assert_eq!(config("[server]\ntls = 'self-signed'\n").server.public_url, "https://localhost:9229");
    assert_eq!(
        mistakes("[server]\ntls = 'auto'\nbehind_proxy = true\n"),
        [
            "2: `server.tls` must be \"self-signed\" or { cert = …, key = … }",
            "3: `server.behind_proxy` needs `server.trusted_proxies`: whose word to believe",
        ]
    );
    assert_eq!(
        mistakes("[server]\ntls = { cert = 'gone.pem' }\n"),
        ["2: `server.tls.cert`: there is no file gone.pem", "2: missing key `server.tls.key`"]
    );
    let domain = "[[domain]]\nname = 'a.example'\ntls = 'self-signed'\n";
    let secure = config(&format!("[gateway]\ntls = 'self-signed'\n{domain}"));
    assert!(secure.gateway.tls.is_some() && secure.domains[0].tls.is_some());
    assert_eq!(mistakes(domain), ["3: `domain.tls` needs `gateway.tls`: the listener is in clear text"]);
    assert_eq!(
        mistakes("[gateway]\ntls = true\n"),
        ["2: `gateway.tls` must be \"self-signed\" or { cert = …, key = … }"]
    );
}

#[test]
fn a_sqlite_url_names_a_file() {
    let folder = Folder::with("[database]\nurl = 'sqlite:a/b.db'\n");
    let config = folder.load(&[], Flags::default()).unwrap();
    assert_eq!(config.database.url, format!("sqlite:{}/a/b.db", folder.0.path().display()));
    for url in ["sqlite:", "sqlite::memory:", "sqlite:a.db?mode=ro"] {
        assert_eq!(
            mistakes(&format!("[database]\nurl = '{url}'\n")),
            ["2: `database.url` must be sqlite: and the path of a file, nothing else"]
        );
    }
}

#[test]
fn what_carries_messages_is_read_with_its_defaults() {
    assert!(config("").mail.is_none() && config("").sms.is_none());
    let text = "[mail]\nhost = 'mail.example'\nfrom = 'Town <town@id.example>'\nusername = 'u'\npassword_file = 'mail.secret'\n\
                [sms]\nwebhook = 'https://sms.example/send?key=1'\nsecret = 's3cret'\nsender_id = 'Town'\ntimeout_seconds = 3\n";
    let folder = Folder::with(text);
    folder.put("mail.secret", "hush\n");
    let config = folder.load(&[("POOLHOUSE_MAIL__ENCRYPTION", "tls")], Flags::default()).unwrap();
    let mail = config.mail.unwrap();
    assert_eq!((mail.host.as_str(), mail.port, mail.encryption), ("mail.example", 465, mail::Encryption::Tls));
    let (username, password) = mail.credentials.unwrap();
    assert_eq!((username.as_str(), password.expose()), ("u", "hush"));
    assert_eq!(mail.timeout.as_secs(), 10);
    let sms = config.sms.unwrap();
    assert_eq!((sms.sender_id.as_deref(), sms.timeout.as_secs()), (Some("Town"), 3));
    let alone = Folder::with("").load(&[("POOLHOUSE_SMS__WEBHOOK", "http://127.0.0.1:9/")], Flags::default());
    assert_eq!(alone.unwrap().sms.unwrap().webhook, "http://127.0.0.1:9/");
}

#[test]
fn mistakes_in_what_carries_messages_are_named() {
    let text = "[mail]\nhots = 'a'\nfrom = 'nobody'\nencryption = 'ssl'\npassword = 'x'\n\
                [sms]\nwebhook = 'ftp://a'\ntimeout_seconds = 0\n";
    assert_eq!(
        mistakes(text),
        [
            "1: missing key `mail.host`",
            "2: unknown key `mail.hots` (did you mean `mail.host`?)",
            "3: `mail.from` must be an address or NAME <ADDRESS>, found \"nobody\"",
            "4: `mail.encryption` must be \"starttls\" or \"tls\" or \"none\", found \"ssl\" (did you mean `tls`?)",
            "5: `mail.password` needs `mail.username`",
            "7: `sms.webhook` must start with http:// or https://: \"ftp://a\"",
            "8: `sms.timeout_seconds` must be between 1 and 300, found 0",
        ]
    );
    let weak = "mode = 'production'\n[server]\npublic_url = 'https://id.example'\n[admin]\n\
                access_keys = [{ id = 'A', secret = 'a long secret of our own' }]\n[mail]\nhost = 'mail.example'\n\
                from = 'a@b.example'\nencryption = 'none'\n[sms]\nwebhook = 'http://sms.example'\nsecret = 'short'\n";
    assert_eq!(
        mistakes(weak),
        [
            "9: `mail.encryption` is weak: codes and passwords would cross the network in the clear",
            "11: `sms.webhook` is weak: codes would cross the network in the clear; use https",
            "12: `sms.secret` is weak: production needs at least 16 characters",
        ]
    );
}

#[test]
fn own_authorities_are_read_at_once() {
    assert_eq!(mistakes("trust = 'ca.pem'"), ["1: `trust`: there is no file ca.pem"]);
    let [mistake] = &mistakes("trust = 'here.js'")[..] else { panic!("one mistake") };
    assert!(
        mistake.starts_with("1: `trust`: ") && mistake.ends_with("here.js: there is no certificate in it"),
        "{mistake}"
    );
    let folder = Folder::with("trust = 'ca.pem'");
    folder.put("ca.pem", &rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap().cert.pem());
    assert_eq!(folder.load(&[], Flags::default()).unwrap().trust.own().count(), 1);
    assert_eq!(config("").trust.own().count(), 0);
}

#[test]
fn production_asks_inside_where_outbound_says_so() {
    let inside = "[sms]\nwebhook = 'http://localhost:1/'\nsecret = '0123456789abcdef'\n\
                  [function.a]\ninvoke = 'https://10.1.2.3'\n\
                  [function.b]\nwebhook = 'https://2130706433/'\nsecret = '0123456789abcdef'\n\
                  [function.c]\nwebhook = 'https://hooks.example'\nsecret = '0123456789abcdef'\n";
    let of_outbound = |text: &str| {
        let mut found = mistakes(&format!("mode = 'production'\n{inside}{text}"));
        found.retain(|mistake| mistake.contains("outbound"));
        found
    };
    let told = |line: u32, key: &str, host: &str| {
        format!("{line}: `{key}` is not asked: {host} is not public, and must be named in `[outbound] allow`")
    };
    let (sms, a) = (told(3, "sms.webhook", "localhost"), told(6, "function.a.invoke", "10.1.2.3"));
    let b = told(8, "function.b.webhook", "127.0.0.1");
    assert_eq!(of_outbound(""), [sms, a.clone(), b]);
    assert_eq!(of_outbound("[outbound]\nallow = ['127.0.0.0/8', '::1']\n"), [a]);
    assert_eq!(of_outbound("[outbound]\nallow = ['127.0.0.0/8', '10.1.0.0/16']\n"), [""; 0]);
    assert!(Folder::with(inside).load(&[], Flags::default()).is_ok());
    assert_eq!(
        mistakes("[outbound]\nallow = ['10.0.0.0/33', 'intranet']\n"),
        [
            "2: `outbound.allow` must hold addresses or CIDR blocks, found \"10.0.0.0/33\"",
            "2: `outbound.allow` must hold addresses or CIDR blocks, found \"intranet\"",
        ]
    );
    let nobodys = "mode = 'production'\n[outbound]\nallow = ['0.0.0.0/0']\n[function.a]\ninvoke = 'https://0.0.0.0'\n\
                   [function.b]\ninvoke = 'https://[ff02::1]'\n";
    let mut found = mistakes(nobodys);
    found.retain(|mistake| mistake.contains("is not asked"));
    let never = "is the address of no single machine, and cannot be named in `[outbound] allow` either";
    assert_eq!(
        found,
        [
            format!("5: `function.a.invoke` is not asked: 0.0.0.0 {never}"),
            format!("7: `function.b.invoke` is not asked: [ff02::1] {never}"),
        ]
    );
    assert_eq!(
        mistakes("[outbound]\nallow = ['0.0.0.0', '127.0.0.1', '224.0.0.0/8']\n"),
        [
            "2: `outbound.allow` opens nothing with addresses of no single machine, found \"0.0.0.0\"",
            "2: `outbound.allow` opens nothing with addresses of no single machine, found \"224.0.0.0/8\"",
        ]
    );
    let allowed = config("[outbound]\nallow = ['169.254.1.1']\n").outbound.reach;
    assert!(allowed.private && allowed.plain_http && allowed.may_ask("169.254.1.1".parse().unwrap()));
}

#[test]
fn clients_are_waited_for_as_long_as_it_says() {
    let usual = config("").connections;
    assert_eq!(usual, connections::Connections::default());
    let said = config("[connections]\nidle_seconds = 75\n").connections;
    assert_eq!((said.idle.as_secs(), said.head, said.stall), (75, usual.head, usual.stall));
    let wrong = mistakes("[connections]\nhead_seconds = 0\nstall_seconds = 3601\nidle_second = 75\n");
    for (mistake, start) in wrong.iter().zip([
        "2: `connections.head_seconds` must be between 1 and 3600",
        "3: `connections.stall_seconds` must be between 1 and 3600",
        "4: unknown key `connections.idle_second` (did you mean `connections.idle_seconds`?)",
    ]) {
        assert!(mistake.starts_with(start), "{wrong:#?}");
    }
    assert_eq!(wrong.len(), 3, "{wrong:#?}");
}
