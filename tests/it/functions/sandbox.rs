//! What processes in a sandbox are denied, and how many of them there may be.

use std::{
    net::{TcpListener, TcpStream, UdpSocket},
    os::unix::{
        fs::PermissionsExt,
        net::{UnixListener, UnixStream},
    },
    process::Command,
};

use poolhouse::config::function::Sandbox;

use super::{
    command::{is_alive, own_process, wait_for},
    *,
};

/// What the process of a function does for these tests: its answer is `true`, or why not.
pub(super) fn tried(event: &Value) -> Value {
    let (path, port) = (event["path"].as_str().unwrap_or_default(), event["port"].as_u64().unwrap_or(0) as u16);
    let local = ("127.0.0.1", port);
    let outcome = match event["what"].as_str().unwrap_or_default() {
        "read" => std::fs::File::open(path).and_then(|mut file| file.read(&mut [0; 8])).map(drop),
        "list" => std::fs::read_dir(path).map(drop),
        "write" => std::fs::write(path, "written"),
        "connect" => TcpStream::connect(local).map(drop),
        "listen" => TcpListener::bind(local).map(drop),
        "listen unbound" => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
            runtime.and_then(|runtime| {
                let _within = runtime.enter();
                tokio::net::TcpSocket::new_v4()?.listen(1).map(drop)
            })
        }
        "datagram" => UdpSocket::bind(local).map(drop),
        "socket" => UnixStream::connect(path).map(drop),
        "signal" => {
            let status = Command::new("/bin/sh").args(["-c", &format!("kill -0 {}", event["pid"])]).status();
            status.and_then(|status| if status.success() { Ok(()) } else { Err(std::io::ErrorKind::NotFound.into()) })
        }
        "run" => Command::new(path).status().map(drop),
        "temporary" => return json!(std::env::temp_dir()),
        "start" => {
            let program = event["program"].as_str().unwrap_or("sleep");
            let arguments = if program == "sleep" { vec!["600"] } else { vec!["-f", "sleep", "600"] };
            // Never more than the event says.
            for _ in 0..event["count"].as_u64().unwrap_or(0) {
                if let Err(error) = Command::new(program).args(&arguments).spawn() {
                    return json!(error.to_string());
                }
            }
            if event["then"] == "wait" {
                std::thread::sleep(10 * SECOND);
            }
            return json!(std::process::id());
        }
        other => return json!(format!("{other:?} is nothing to try")),
    };
    outcome.map_or_else(|error| json!(error.to_string()), |()| json!(true))
}

fn in_sandbox(folder: &Path, connect: &[u16]) -> Section {
    let program = std::env::current_exe().unwrap();
    let mut section = Section { concurrency: 1, timeout: 20 * SECOND, ..own_process() };
    let Runs::Command { command, .. } = section.runs else { panic!("a command") };
    section.runs = Runs::Command { command, directory: folder.to_owned() };
    section.sandbox = Some(Sandbox { read: vec![program], connect: connect.to_vec() });
    section
}

fn in_the_open(folder: &Path) -> Section {
    Section { sandbox: None, ..in_sandbox(folder, &[]) }
}

async fn attempt(function: &Arc<dyn Function>, mut event: Value) -> Value {
    event["do"] = json!("try");
    ask(function, event).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_denies_the_server_its_files_its_listeners_and_its_process() {
    let (own, server) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = |name: &str| server.path().join(name).to_str().unwrap().to_owned();
    for name in ["poolhouse.db", "master.key", "poolhouse.toml"] {
        std::fs::write(file(name), "secret").unwrap();
    }
    std::fs::write(own.path().join("own"), "code").unwrap();
    std::os::unix::fs::symlink(server.path(), own.path().join("link")).unwrap();
    let admin = TcpListener::bind("127.0.0.1:0").unwrap();
    let _named = UnixListener::bind(file("socket")).unwrap();
    let (port, pid) = (admin.local_addr().unwrap().port(), std::process::id());
    let attempts = [
        json!({"what": "read", "path": file("poolhouse.db")}),
        json!({"what": "read", "path": file("master.key")}),
        json!({"what": "read", "path": file("poolhouse.toml")}),
        json!({"what": "read", "path": own.path().join("link/master.key")}),
        json!({"what": "list", "path": server.path()}),
        json!({"what": "list", "path": "/"}),
        json!({"what": "write", "path": file("written")}),
        json!({"what": "write", "path": own.path().join("written")}),
        json!({"what": "read", "path": format!("/proc/{pid}/environ")}),
        json!({"what": "read", "path": format!("/proc/{pid}/maps")}),
        json!({"what": "list", "path": format!("/proc/{pid}/fd")}),
        json!({"what": "connect", "port": port}),
        json!({"what": "listen"}),
        json!({"what": "listen unbound"}),
        json!({"what": "datagram"}),
        json!({"what": "socket", "path": file("socket")}),
        json!({"what": "signal", "pid": pid}),
    ];
    let (_open, function) = started(in_the_open(own.path()), None).await;
    for event in &attempts {
        assert_eq!(attempt(&function, event.clone()).await, true, "in the open {event}");
    }
    let (_closed, function) = started(in_sandbox(own.path(), &[]), None).await;
    for event in &attempts {
        let denied = attempt(&function, event.clone()).await;
        assert!(denied.is_string(), "in the sandbox {event}");
    }
    assert!(attempt(&function, json!({"what": "read", "path": format!("/proc/{pid}/mem")})).await.is_string());
    // What it is for goes on.
    for event in [
        json!({"what": "read", "path": own.path().join("own")}),
        json!({"what": "list", "path": own.path()}),
        json!({"what": "read", "path": "/etc/passwd"}),
        json!({"what": "run", "path": "/bin/true"}),
        json!({"what": "write", "path": "/dev/null"}),
    ] {
        assert_eq!(attempt(&function, event.clone()).await, true, "{event}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_opens_the_ports_and_files_that_are_named() {
    let (own, more) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(more.path().join("more"), "more").unwrap();
    let backend = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = backend.local_addr().unwrap().port();
    let mut section = in_sandbox(own.path(), &[port]);
    section.sandbox.as_mut().unwrap().read.push(more.path().to_owned());
    let (_functions, function) = started(section, None).await;
    assert_eq!(attempt(&function, json!({"what": "connect", "port": port})).await, true);
    assert_eq!(attempt(&function, json!({"what": "read", "path": more.path().join("more")})).await, true);
    assert!(attempt(&function, json!({"what": "datagram"})).await.is_string());
    let (_functions, function) = started(in_sandbox(own.path(), &[53]), None).await;
    assert_eq!(attempt(&function, json!({"what": "datagram"})).await, true, "names are resolved over UDP");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_in_a_sandbox_writes_to_a_folder_of_its_own_that_goes_with_it() {
    let own = tempfile::tempdir().unwrap();
    let (functions, function) = started(in_sandbox(own.path(), &[]), None).await;
    let folder = attempt(&function, json!({"what": "temporary"})).await.as_str().unwrap().to_owned();
    let file = format!("{folder}/a");
    assert_eq!(attempt(&function, json!({"what": "write", "path": file})).await, true);
    assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "written");
    functions.stop().await;
    assert!(!Path::new(&folder).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_processes_end_the_function_with_all_of_them_and_nobody_else() {
    let own = tempfile::tempdir().unwrap();
    let (_other, other) = started(own_process(), None).await;
    let sandboxed = Section { max_processes: Some(60), ..in_sandbox(own.path(), &[]) };
    let open = Section { max_processes: Some(60), ..in_the_open(own.path()) };
    // Also those that leave their group and lose their parent.
    for (section, program) in [(open.clone(), "sleep"), (sandboxed, "sleep"), (open, "setsid")] {
        let (_functions, function) = started(section, None).await;
        let few = json!({"do": "try", "what": "start", "program": program, "count": 20});
        let before = ask(&function, few).await.unwrap().as_u64().unwrap();
        assert_eq!(descendants_left(before, 20), 20, "{program}");
        let many = json!({"do": "try", "what": "start", "program": program, "count": 300, "then": "wait"});
        let error = ask(&function, many).await.unwrap_err();
        let message = error.payload()["errorMessage"].as_str().unwrap().to_owned();
        assert!(message.ends_with("too many processes and threads"), "{message}");
        wait_for(|| descendants_left(before, 0) == 0).await;
        assert_eq!(ask(&function, json!({"do": "count"})).await.unwrap()["served"], 1, "{program}: another process");
        assert!(ask(&other, json!({"do": "count"})).await.is_ok());
    }
}

/// How many processes still run `sleep 600` with the folder of process `pid`'s function, waiting a while for `wanted`.
fn descendants_left(pid: u64, wanted: usize) -> usize {
    let variable = FOLDERS.lock().unwrap().entry(pid).or_insert_with(|| variable_of(pid)).clone();
    let count = || {
        let all = std::fs::read_dir("/proc").unwrap().flatten();
        all.filter(|entry| {
            let own = |name: &str| std::fs::read(entry.path().join(name)).unwrap_or_default();
            own("cmdline") == b"sleep\x00600\x00" && own("environ").split(|byte| *byte == 0).any(|own| own == variable)
        })
        .count()
    };
    for _ in 0..50 {
        if count() == wanted {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    count()
}

static FOLDERS: std::sync::Mutex<std::collections::BTreeMap<u64, Vec<u8>>> =
    std::sync::Mutex::new(std::collections::BTreeMap::new());

/// What tells the processes that descend from this one: the address of its Runtime API.
fn variable_of(pid: u64) -> Vec<u8> {
    let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap();
    let mut variables = environment.split(|byte| *byte == 0);
    variables.find(|own| own.starts_with(b"AWS_LAMBDA_RUNTIME_API=")).unwrap().to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_leaves_its_group_ends_with_its_function_and_with_its_keeper() {
    let own = tempfile::tempdir().unwrap();
    let (functions, function) = started(in_the_open(own.path()), None).await;
    let start = json!({"do": "try", "what": "start", "program": "setsid", "count": 3});
    let pid = ask(&function, start).await.unwrap().as_u64().unwrap();
    assert_eq!(descendants_left(pid, 3), 3);
    functions.stop().await;
    assert_eq!(descendants_left(pid, 0), 0);

    let (_functions, function) = started(in_sandbox(own.path(), &[]), None).await;
    let pid = ask(&function, json!({"do": "count"})).await.unwrap()["pid"].as_u64().unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let keeper = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(1).unwrap().to_owned();
    let listed = std::fs::read(format!("/proc/{keeper}/cmdline")).unwrap();
    assert!(listed.starts_with(b"poolhouse\0keep\0"), "{}", String::from_utf8_lossy(&listed));
    assert!(attempt(&function, json!({"what": "signal", "pid": keeper.parse::<u64>().unwrap()})).await.is_string());
    let listed = String::from_utf8(listed).unwrap();
    let temporary = listed.split(r#""temporary":""#).nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let temporary = std::path::Path::new(temporary);
    assert!(temporary.is_dir());
    assert!(Command::new("kill").args(["-KILL", &keeper]).status().unwrap().success());
    wait_for(|| !is_alive(pid)).await;
    wait_for(|| !temporary.exists()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_kept_as_asked_is_not_started() {
    let own = tempfile::tempdir().unwrap();
    let bounded = Section { max_processes: Some(10), ..own_process() };
    for (section, said) in [(in_sandbox(own.path(), &[]), "`sandbox` needs"), (bounded, "`max_processes` needs")] {
        let functions = Functions::load_in(&[section], &Surroundings::default()).unwrap();
        let error = functions.start().await.unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    let mut section = in_sandbox(own.path(), &[]);
    section.sandbox.as_mut().unwrap().read.push("/no/such/folder".into());
    let (_functions, function) = started(section, None).await;
    let error = ask(&function, json!({"do": "count"})).await.unwrap_err().to_string();
    assert!(error.contains("cannot be held to its limits and its sandbox"), "{error}");
}
