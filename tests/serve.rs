//! A served world, asked over HTTP as kubectl asks.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

const STORY: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/failover/redis-primary-node-lost");

struct Served {
    child: Child,
    address: String,
}

impl Served {
    fn start(arguments: &[&str], folder: &PathBuf) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_drydock"))
            .arg("serve")
            .args(arguments)
            .args(["--port", "0", "--insecure-http"])
            .current_dir(folder)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the command starts");
        let out = BufReader::new(child.stdout.take().expect("it is piped"));
        let lines = out.lines().map(|line| line.expect("text"));
        let line = lines
            .into_iter()
            .find(|line| line.contains("http://"))
            .expect("it says where it listens");
        let address = line.split("http://").nth(1).and_then(|rest| rest.split(' ').next());
        Self { child, address: address.expect("an address").to_owned() }
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        self.ask_as("application/json", method, path, body)
    }

    fn ask_as(&self, accept: &str, method: &str, path: &str, body: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Accept: {accept}\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("text");
        let code =
            answer.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status line");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        (code, serde_json::from_str(body).unwrap_or(Value::Null))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).expect("the target folder can be written to");
    folder
}

#[test]
fn a_living_world_comes_up_while_one_watches_and_takes_writes() {
    let served = Served::start(&[STORY, "--speed", "1000"], &folder("living"));

    let (code, version) = served.ask("GET", "/version", "");
    assert_eq!((code, version["minor"].as_str()), (200, Some("34")));
    let clusters = "/apis/apps.kubeblocks.io/v1/namespaces/default/clusters";
    let running = (0..200).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        served.ask("GET", &format!("{clusters}/demo"), "").1["status"]["phase"] == "Running"
    });
    assert!(running, "{}", served.ask("GET", &format!("{clusters}/demo"), "").1);

    let made =
        r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"mine"},"data":{"a":"b"}}"#;
    let (code, _) = served.ask("POST", "/api/v1/namespaces/default/configmaps", made);
    assert_eq!(code, 201);
    let (_, read) = served.ask("GET", "/api/v1/namespaces/default/configmaps/mine", "");
    assert_eq!(read["data"]["a"], "b");
    let rows = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
    let (_, table) = served.ask_as(rows, "GET", "/api/v1/namespaces/default/configmaps/mine", "");
    assert_eq!((&table["kind"], &table["rows"][0]["cells"][1]), (&"Table".into(), &1.into()));
    let (_, table) = served.ask_as(rows, "GET", &format!("{clusters}?includeObject=None"), "");
    assert!(table["rows"][0]["cells"].as_array().is_some_and(|c| c.contains(&"Running".into())));
    assert_eq!(table["rows"][0]["object"], Value::Null);
    let (code, _) = served.ask_as("text/plain", "GET", "/api/v1/namespaces/default/pods", "");
    assert_eq!(code, 406);
    let (code, _) = served.ask("DELETE", "/api/v1/namespaces/default/configmaps/mine", "");
    assert_eq!(code, 200);
    let (code, refusal) = served.ask("GET", "/api/v1/namespaces/default/configmaps/mine", "");
    assert_eq!((code, refusal["reason"].as_str()), (404, Some("NotFound")));
}

#[test]
fn a_frozen_world_shows_the_instant_that_was_asked_for() {
    let here = folder("frozen");
    let ran = duct::cmd!(
        env!("CARGO_BIN_EXE_drydock"),
        "run",
        "scenarios/stuck/deleting-without-pdb-api",
        "--quirk",
        "kubeblocks-8082"
    );
    ran.dir(&here).stdout_null().unchecked().run().expect("the command starts");
    let repro = "target/repro/deleting-without-pdb-api.repro";

    let early = Served::start(&["--from", repro, "--at", "0:05"], &here);
    let late = Served::start(&["--from", repro], &here);

    let cluster = "/apis/apps.kubeblocks.io/v1/namespaces/default/clusters/demo";
    assert_eq!(early.ask("GET", cluster, "").1["status"]["phase"], "Creating");
    assert_eq!(late.ask("GET", cluster, "").1["status"]["phase"], "Deleting");
}
