//! The edge of a served cluster: who gets in, what is refused, how it ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, Node};
use kube::api::ListParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde_json::{Value, json};

struct Served {
    child: Child,
    kubeconfig: PathBuf,
    port: u16,
}

impl Served {
    fn start(name: &str, arguments: &[&str]) -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("edge").join(name);
        std::fs::create_dir_all(&folder).expect("the target folder can be written to");
        let mut child = Command::new(env!("CARGO_BIN_EXE_drydock"))
            .args(["serve", "--no-operator", "--port", "0"])
            .args(arguments)
            .current_dir(&folder)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the command starts");
        let out = BufReader::new(child.stdout.take().expect("it is piped"));
        let line = out
            .lines()
            .map_while(Result::ok)
            .find(|line| line.contains("server "))
            .expect("it says where it listens");
        let port = line.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
        Self { child, kubeconfig: folder.join("target/serve/kubeconfig"), port }
    }

    fn ends(mut self, within: Duration) -> Option<i32> {
        let began = std::time::Instant::now();
        while began.elapsed() < within {
            if let Some(status) = self.child.try_wait().expect("it can be asked") {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }

    /// What is answered to some bytes, until the server closes the connection or says nothing for long.
    fn tell(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a time");
        // A server that has heard enough may close before everything is said.
        let _cut = stream.write_all(bytes);
        let mut answer = Vec::new();
        let _cut = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

async fn client(kubeconfig: &Kubeconfig, context: &str) -> Client {
    let options = KubeConfigOptions { context: Some(context.to_owned()), ..Default::default() };
    let config = Config::from_custom_kubeconfig(kubeconfig.clone(), &options).await;
    Client::try_from(config.expect("a kubeconfig")).expect("a client")
}

fn code<T: std::fmt::Debug>(outcome: Result<T, kube::Error>) -> u16 {
    match outcome {
        Err(kube::Error::Api(status)) => status.code,
        other => panic!("no refusal: {other:?}"),
    }
}

#[test]
fn whoever_holds_the_kubeconfig_comes_in_by_token_and_by_certificate_and_nobody_else_does() {
    let served = Served::start("credentials", &["--nodes", "2"]);
    let kubeconfig = Kubeconfig::read_from(&served.kubeconfig).expect("it is written");
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(&served.kubeconfig).expect("it is there").permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);

    runtime().block_on(async {
        for context in ["drydock", "drydock-certificate"] {
            let client = client(&kubeconfig, context).await;
            let nodes = Api::<Node>::all(client.clone()).list(&ListParams::default()).await;
            assert_eq!(nodes.expect("it comes in").items.len(), 2, "{context}");
        }
        let mut forged = kubeconfig.clone();
        let user = forged.auth_infos[0].auth_info.as_mut().expect("a user");
        user.token = Some(String::from("wrong").into());
        let maps = Api::<ConfigMap>::default_namespaced(client(&forged, "drydock").await);
        assert_eq!(code(maps.get("kube-root-ca.crt").await), 401);
        forged.auth_infos[0].auth_info.as_mut().expect("a user").token = None;
        let stranger = client(&forged, "drydock").await;
        assert!(stranger.apiserver_version().await.is_ok());
        let maps = Api::<ConfigMap>::default_namespaced(stranger);
        assert_eq!(code(maps.get("kube-root-ca.crt").await), 403);
    });
    let open = served.tell(b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(open.ends_with("Client sent an HTTP request to an HTTPS server.\n"), "{open}");
}

#[test]
fn a_token_of_an_account_may_what_its_roles_say_and_is_known_as_whose_it_is() {
    let served = Served::start("accounts", &[]);
    let kubeconfig = Kubeconfig::read_from(&served.kubeconfig).expect("it is written");

    runtime().block_on(async {
        let admin = client(&kubeconfig, "drydock").await;
        let post = |path: &str, body: &Value| {
            let request = hyper::Request::post(path).header("content-type", "application/json");
            let request = request.body(body.to_string().into_bytes()).expect("a request");
            admin.request::<Value>(request)
        };
        let accounts = "/api/v1/namespaces/default/serviceaccounts";
        post(accounts, &json!({ "metadata": { "name": "reader" } })).await.expect("an account");
        let answer = post(&format!("{accounts}/reader/token"), &json!({ "spec": {} })).await;
        let token = answer.expect("a token")["status"]["token"].as_str().map(str::to_owned);
        let token = token.expect("a token");
        let mut own = kubeconfig.clone();
        own.auth_infos[0].auth_info.as_mut().expect("a user").token = Some(token.clone().into());
        let reader = client(&own, "drydock").await;
        let maps = Api::<ConfigMap>::default_namespaced(reader);
        assert_eq!(code(maps.list(&ListParams::default()).await), 403);

        let rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/default";
        let rules = json!([{ "apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"] }]);
        let role = json!({ "metadata": { "name": "reading" }, "rules": rules });
        post(&format!("{rbac}/roles"), &role).await.expect("a role");
        let binding = json!({
            "metadata": { "name": "reading" },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reading" },
            "subjects": [{ "kind": "ServiceAccount", "name": "reader" }],
        });
        post(&format!("{rbac}/rolebindings"), &binding).await.expect("a binding");
        maps.list(&ListParams::default()).await.expect("it may now");
        assert_eq!(code(maps.get("kube-root-ca.crt").await), 403);

        let review = json!({ "spec": { "token": token } });
        let known = post("/apis/authentication.k8s.io/v1/tokenreviews", &review).await;
        let known = known.expect("a review");
        assert_eq!(known["status"]["user"]["username"], "system:serviceaccount:default:reader");
    });
}

#[test]
fn whatever_is_sent_is_answered_and_the_next_one_is_served() {
    let served = Served::start("hostile", &["--insecure-http"]);
    let head = |method: &str, path: &str, more: &str| {
        format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{more}\r\n")
    };
    let body_of = |path: &str, kind: &str, body: &str| {
        let more = format!("Content-Type: {kind}\r\nContent-Length: {}\r\n", body.len());
        head("POST", path, &more) + body
    };
    let maps = "/api/v1/namespaces/default/configmaps";
    let large = body_of(maps, "application/json", &"x".repeat(3_200_000));
    let answer = served.tell(large.as_bytes());
    assert!(answer.contains("Request entity too large: limit is 3145728"), "{answer}");
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");

    let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let yaml = format!("a: {}{}", "[".repeat(100_000), "]".repeat(100_000));
    let patch = head(
        "PATCH",
        &format!("{maps}/kube-root-ca.crt"),
        &format!("Content-Type: application/json-patch+json\r\nContent-Length: {}\r\n", deep.len()),
    ) + &deep;
    for (request, code) in [
        (body_of(maps, "application/json", &deep), 400),
        (body_of(maps, "application/yaml", &yaml), 400),
        (body_of(maps, "text/plain", "x"), 415),
        (body_of(maps, "application/json", "\u{0}\u{1}{"), 400),
        (patch, 400),
        (head("GET", "/api/v1/namespaces/%00%ff/pods/%", ""), 404),
        (head("GET", "/apis//v1//x", ""), 404),
        (head("GET", &format!("{maps}?limit=x"), ""), 400),
        (head("GET", &format!("{maps}?labelSelector={}", "%28".repeat(10_000)), ""), 400),
        (head("OPTIONS", maps, ""), 405),
        (head("BREW", maps, ""), 405),
        (head("GET", &format!("/{}", "a".repeat(70_000)), ""), 431),
        (head("GET", "/api", &"X: y\r\n".repeat(300)), 431),
        ("\u{16}\u{3}\u{1} this is no HTTP\r\n\r\n".to_owned(), 400),
    ] {
        let answer = served.tell(request.as_bytes());
        let status = answer.split(' ').nth(1).and_then(|code| code.parse::<u16>().ok());
        let shown: String = request.chars().take(100).collect();
        assert_eq!(status, Some(code), "{shown:?}: {answer}");
    }
    let answer = served.tell(head("GET", "/healthz", "").as_bytes());
    assert!(answer.ends_with("\r\n\r\nok"), "{answer}");
}

#[test]
fn told_to_end_it_ends_the_watches_and_exits_with_success() {
    let served = Served::start("ending", &["--insecure-http"]);
    let mut stream = TcpStream::connect(("127.0.0.1", served.port)).expect("it listens");
    stream
        .write_all(b"GET /api/v1/nodes?watch=true HTTP/1.1\r\nHost: x\r\n\r\n")
        .expect("it reads");
    let mut watch = BufReader::new(stream);
    let mut line = String::new();
    while !line.contains("ADDED") {
        line.clear();
        assert_ne!(watch.read_line(&mut line).expect("text"), 0, "the watch ended at once");
    }

    let id = served.child.id().to_string();
    duct::cmd!("kill", "-INT", id).run().expect("it is there");

    let mut rest = String::new();
    watch.read_to_string(&mut rest).expect("the stream ends as it should");
    assert!(rest.ends_with("0\r\n\r\n"), "{rest}");
    assert_eq!(served.ends(Duration::from_secs(5)), Some(0));
}

#[test]
fn the_audit_log_says_who_asked_for_what_and_as_whom() {
    let served = Served::start("audit", &["--insecure-http", "--audit-log", "audit.log"]);
    let log = served.kubeconfig.with_file_name("../../audit.log");
    let _old = std::fs::write(&log, "");
    let ask = "GET /api/v1/namespaces/default/pods/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
    served.tell(format!("{ask}\r\n").as_bytes());
    served.tell(format!("{ask}Impersonate-User: bob\r\nAudit-Id: mine\r\n\r\n").as_bytes());

    let text = std::fs::read_to_string(&log).expect("it is written");
    let lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert_eq!((&lines[0]["kind"], &lines[0]["level"]), (&json!("Event"), &json!("Metadata")));
    assert_eq!(lines[0]["stage"], "ResponseComplete");
    assert_eq!(lines[0]["responseStatus"]["reason"], "NotFound");
    assert_eq!(
        lines[0]["objectRef"],
        json!({ "resource": "pods", "namespace": "default", "name": "x", "apiVersion": "v1" })
    );
    assert_eq!(lines[1]["auditID"], "mine");
    assert_eq!(lines[1]["impersonatedUser"]["username"], "bob");
    assert_eq!(lines[1]["responseStatus"]["code"], 403);
    assert_eq!(lines[1]["annotations"]["authorization.k8s.io/decision"], "forbid");
}

#[test]
fn the_clock_of_a_served_world_is_stopped_put_forward_and_let_go() {
    let served = Served::start("clock", &[]);
    let clock = |arguments: &[&str]| {
        let kubeconfig = served.kubeconfig.display().to_string();
        let all = [&["clock", "--kubeconfig", &kubeconfig], arguments].concat();
        let ran = duct::cmd(env!("CARGO_BIN_EXE_drydock"), all).read().expect("it answers");
        let (time, state) = ran.split_once("  ").expect("a time, and how it goes");
        (time.parse::<jiff::Timestamp>().expect("a time"), state.to_owned())
    };

    let (paused, state) = clock(&["pause"]);
    assert_eq!(state, "paused");
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(clock(&["status"]), (paused, "paused".to_owned()));
    let (later, state) = clock(&["advance", "5m"]);
    assert_eq!((later.duration_since(paused).as_mins(), &*state), (5, "paused"));
    assert_eq!(clock(&["resume"]).1, "speed 1");
    let began = std::time::Instant::now();
    while clock(&["status"]).0 == later {
        assert!(began.elapsed() < Duration::from_secs(5), "it does not go on");
    }
}
