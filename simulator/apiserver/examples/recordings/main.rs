//! Replays recorded conversations with a real API server and says where this one answers otherwise.
//!
//! `cargo run -p drydock-apiserver --example recordings -- FOLDER/apiserver-1.34/patch ...`. A path is a story or a
//! folder of them. Headers other than warnings are not compared.

mod compare;

use std::io::Write;
use std::path::{Path, PathBuf};

use compare::Symbols;
use drydock_apiserver::wire::{self, Http};
use drydock_apiserver::{Form, KindInfo, Outcome, Profile, Request, Response, Server, Status};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use serde_json::{Value, json};

#[expect(clippy::disallowed_methods, reason = "a tool at the edge reads files")]
fn main() {
    let mut total = [0, 0];
    let quiet = std::env::args().any(|argument| argument == "-q");
    for argument in std::env::args().skip(1).filter(|argument| argument != "-q") {
        for path in stories(Path::new(&argument)) {
            let text = std::fs::read(&path).expect("a story can be read");
            let story: Value = serde_json::from_slice(&text).expect("a story is JSON");
            let mut replay = Replay::new(&story, quiet);
            replay.steps(story["steps"].as_array().expect("a story has steps"));
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            println!("{:4} of {:4} {name}", replay.same, replay.all);
            total = [total[0] + replay.same, total[1] + replay.all];
        }
    }
    println!("{:4} of {:4} steps", total[0], total[1]);
}

fn stories(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let entries = std::fs::read_dir(path).expect("a folder of stories");
    let mut found: Vec<PathBuf> =
        entries.map(|entry| entry.expect("a folder can be read").path()).collect();
    found.sort();
    found.iter().flat_map(|path| stories(path)).collect()
}

struct Replay {
    server: Server,
    now: Timestamp,
    symbols: Symbols,
    same: usize,
    all: usize,
    quiet: bool,
}

impl Replay {
    fn new(story: &Value, quiet: bool) -> Self {
        let version = story["server_version"].as_str().unwrap_or_default();
        let minor = version.split('.').nth(1).and_then(|minor| minor.parse().ok()).unwrap_or(34);
        let profile = if minor == 20 { Profile::V1_20 } else { Profile::V1_34 };
        let mut server = Server::new(profile, 7);
        let now = "2026-01-01T00:00:00Z".parse().expect("a time");
        server.bootstrap(6443, now);
        let namespace = json!({ "metadata": { "name": "ns-1" } });
        let create = wire::parse(&Http {
            method: "POST",
            path: "/api/v1/namespaces",
            body: namespace.to_string().as_bytes(),
            ..Http::default()
        });
        server.handle(&create.expect("a path of namespaces"), now);
        // The real server had forgotten how it started.
        server.compact(server.revision());
        let symbols = Symbols::new("ns-1", story);
        Self { server, now, symbols, same: 0, all: 0, quiet }
    }

    fn steps(&mut self, steps: &[Value]) {
        for step in steps {
            // A step of the recordings took some milliseconds.
            let delay = SignedDuration::from_secs_f64(step["delay_s"].as_f64().unwrap_or(0.0));
            self.now += delay + SignedDuration::from_millis(5);
            let id = step["id"].as_str().unwrap_or_default();
            if let Some(watch) = step.get("watch") {
                self.watch(id, watch, step);
                continue;
            }
            let request = step.get("request").unwrap_or(&step["poll"]["request"]);
            let (code, body, warnings) = self.send(request);
            self.symbols.remember(id, &body);
            self.judge(id, request, &step["response"], code, &body, &warnings);
        }
    }

    fn send(&mut self, request: &Value) -> (u16, Value, Vec<String>) {
        let asked = self.symbols.resolve(request);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (path, accept) = (text(&asked["path"]), text(&asked["headers"]["Accept"]));
        let document = (asked["method"] == "GET").then(|| self.server.tell(&path, "", &accept));
        if let Some(document) = document.flatten() {
            let name = document.content_type.as_deref().unwrap_or_default();
            let body = told(&document.body, name.contains("protobuf"));
            return (document.code, body, Vec::new());
        }
        let errors = Form::of_errors(request["headers"]["Accept"].as_str().unwrap_or_default());
        let form = match self.form(request, false) {
            Ok(form) => form,
            Err(status) => return answer(&status.into(), errors),
        };
        match (self.outcome(request, false), form) {
            (Ok(Outcome::Done(response)), Some((form, kind))) => {
                let minor = self.server.profile().minor;
                answer(&form.of(response, &kind, minor, self.now), form)
            }
            (Ok(Outcome::Done(response)), None) => answer(&response, errors),
            (Ok(other), _) => (0, json!(format!("{other:?}")), Vec::new()),
            (Err(status), _) => answer(&status.into(), errors),
        }
    }

    /// The form that the client asks for, and the kind it asks about.
    fn form(&self, request: &Value, watch: bool) -> Result<Option<(Form, KindInfo)>, Status> {
        let request = self.symbols.resolve(request);
        let accept = request["headers"]["Accept"].as_str().unwrap_or_default();
        let path = request["path"].as_str().unwrap_or_default();
        let include = request["query"]["includeObject"].as_str();
        let query = include.map(|include| format!("includeObject={include}")).unwrap_or_default();
        let method = if watch { "GET" } else { request["method"].as_str().unwrap_or_default() };
        let Ok(parsed) = wire::parse(&Http { method, path, ..Http::default() }) else {
            return Ok(None);
        };
        let Some(kind) = self.kind_of(&parsed) else { return Ok(None) };
        let minor = self.server.profile().minor;
        let form = Form::negotiate(
            accept,
            &query,
            kind,
            (parsed.verb, parsed.subresource.as_deref()),
            minor,
        )?;
        Ok(Some((form, kind.clone())))
    }

    fn kind_of(&self, request: &Request) -> Option<&KindInfo> {
        self.server.kinds().find(|kind| {
            let asked = &request.resource;
            (&*kind.group, &*kind.version, &*kind.plural)
                == (&*asked.group, &*asked.version, &*asked.resource)
        })
    }

    fn outcome(&mut self, request: &Value, watch: bool) -> Result<Outcome, Status> {
        let request = self.symbols.resolve(request);
        let string = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let header = |name: &str| string(&request["headers"][name]);
        let header_or = |name: &str, other: &str| match &request["headers"][name] {
            Value::String(own) => own.clone(),
            _ => other.to_owned(),
        };
        let mut path = string(&request["path"]);
        let mut pairs: Vec<String> = Vec::new();
        if let Some((start, rest)) = path.clone().split_once('?') {
            pairs.push(rest.to_owned());
            path.truncate(start.len());
        }
        for (key, value) in request["query"].as_object().into_iter().flatten() {
            let values = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
            pairs.extend(values.iter().map(|value| format!("{key}={}", escape(&string(value)))));
        }
        if watch {
            pairs.push("watch=true".to_owned());
        }
        let binary = request["body_base64"].as_str();
        let body = match request.get("body") {
            None => binary.map(from_base64).unwrap_or_default(),
            Some(Value::String(text)) => text.clone().into_bytes(),
            Some(other) => spaced(other),
        };
        let method = if watch { "GET".to_owned() } else { string(&request["method"]) };
        let content_type = match header("Content-Type") {
            empty if empty.is_empty() && binary.is_some() => {
                "application/vnd.kubernetes.protobuf".to_owned()
            }
            empty if empty.is_empty() => "application/json".to_owned(),
            other => other,
        };
        let request = wire::parse(&Http {
            method: &method,
            path: &path,
            query: &pairs.join("&"),
            content_type: &content_type,
            user_agent: &header_or("User-Agent", "apidiff/1.0"),
            body: &body,
        })?;
        Ok(self.server.handle(&request, self.now))
    }

    fn watch(&mut self, id: &str, watch: &Value, step: &Value) {
        let outcome = self.outcome(watch, true);
        self.steps(step["during"].as_array().map_or(&[][..], Vec::as_slice));
        let Ok(Outcome::Watch(mut cursor)) = outcome else {
            let (code, body, warnings) = match outcome {
                Ok(Outcome::Done(response)) => answer(&response, Form::OWN),
                Ok(other) => (0, json!(format!("{other:?}")), Vec::new()),
                Err(status) => answer(&status.into(), Form::OWN),
            };
            self.judge(id, watch, &step["response"], code, &body, &warnings);
            return;
        };
        let form = self.form(watch, true).ok().flatten().map_or(Form::OWN, |(form, _)| form);
        let mut events = Vec::new();
        let enough = step["until"]["events"].as_u64().unwrap_or(u64::MAX);
        while (events.len() as u64) < enough
            && let Some(event) = cursor.next(&self.server)
        {
            if form.is_list() {
                break;
            }
            let minor = self.server.profile().minor;
            let frame = form.frame(&event, &cursor.kind, minor, self.now, events.is_empty());
            events.push(serde_json::from_slice(&frame).expect("a frame is JSON"));
        }
        self.symbols.remember(id, &json!({ "events": events }));
        let response = json!({ "status": 200, "body": step["events"] });
        self.judge(id, watch, &response, 200, &Value::Array(events), &[]);
    }

    fn judge(
        &mut self,
        id: &str,
        request: &Value,
        expected: &Value,
        code: u16,
        body: &Value,
        warnings: &[String],
    ) {
        self.all += 1;
        let mut differences = Vec::new();
        if expected["status"] != json!(code) {
            differences.push(format!("status: {} expected, {code} answered", expected["status"]));
        }
        let warned = warnings.iter().map(|text| format!("299 - {text:?}")).collect::<Vec<_>>();
        let warning = expected["headers"]["Warning"].as_str().unwrap_or_default();
        if !self.symbols.matches(warning, &warned.join(", ")) {
            differences.push(format!("warning: {warning} expected, {warned:?} answered"));
        }
        self.symbols.compare(id, &expected["body"], body, &mut differences);
        if differences.is_empty() {
            self.same += 1;
        } else if !self.quiet {
            println!("--- {id}: {}", one_line(request));
            for difference in &differences {
                println!("      {difference}");
            }
        }
    }
}

fn one_line(request: &Value) -> String {
    let mut text = request.to_string();
    if text.len() > 300 {
        text.truncate((0..=300).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0));
    }
    text
}

fn answer(response: &Response, form: Form) -> (u16, Value, Vec<String>) {
    if response.code == 204 {
        return (204, Value::Null, response.warnings.clone());
    }
    let (bytes, content_type) = form.body(&response.body);
    let body = told(&bytes, content_type.ends_with("protobuf"));
    (response.code, body, response.warnings.clone())
}

fn told(bytes: &[u8], is_protobuf: bool) -> Value {
    if is_protobuf {
        return json!("<protobuf>");
    }
    serde_json::from_slice(bytes)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(bytes).into_owned()))
}

fn from_base64(text: &str) -> Vec<u8> {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: Vec<usize> = text.chars().filter_map(|digit| DIGITS.find(digit)).collect();
    let whole = |chunk: &[usize]| {
        let all = chunk.iter().fold(0, |all, six| all << 6 | six) << (6 * (4 - chunk.len()));
        [all >> 16, all >> 8, all].map(|byte| byte.to_le_bytes()[0])[..chunk.len() - 1].to_vec()
    };
    bits.chunks(4).flat_map(whole).collect()
}

fn escape(text: &str) -> String {
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// As the client of the recordings writes JSON, with spaces.
fn spaced(value: &Value) -> Vec<u8> {
    struct Spaced;
    impl Formatter for Spaced {
        fn begin_array_value<W: Write + ?Sized>(
            &mut self,
            to: &mut W,
            first: bool,
        ) -> std::io::Result<()> {
            if first { Ok(()) } else { to.write_all(b", ") }
        }
        fn begin_object_key<W: Write + ?Sized>(
            &mut self,
            to: &mut W,
            first: bool,
        ) -> std::io::Result<()> {
            if first { Ok(()) } else { to.write_all(b", ") }
        }
        fn begin_object_value<W: Write + ?Sized>(&mut self, to: &mut W) -> std::io::Result<()> {
            to.write_all(b": ")
        }
    }
    let mut text = Vec::new();
    let mut writer = Serializer::with_formatter(&mut text, Spaced);
    value.serialize(&mut writer).expect("JSON can be written");
    text
}
