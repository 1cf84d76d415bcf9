//! The kubectl checklist: the oldest and the newest kubectl of 1.27 to 1.33 that are found (`make kubectl`: every one) take the same steps on a served cluster as they
//! took on a real one, and print the same, names and times aside.
//!
//! `tests/kubectl/steps.txt` has the steps, `expected/` what a real cluster made of them (`make kubectl-record`, where
//! the oracle is), `differs.txt` those that are known to differ, each with its reason. A step in there that does not
//! differ is a failure, too.

#[path = "kubectl/manifests.rs"]
mod manifests;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use regex::Regex;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kubectl");
const OLDEST: u32 = 27;
const NEWEST: u32 = 33;
/// Set to run every one that is found, not only the oldest and the newest.
const ALL: &str = "KUBECTL_ALL";
/// A kubeconfig here makes the test write down what that cluster answers.
const RECORD: &str = "KUBECTL_RECORD";

#[test]
fn every_kubectl_prints_what_it_prints_on_a_real_cluster() {
    let found = found();
    if found.is_empty() {
        println!("not run: no kubectl of 1.{OLDEST} to 1.{NEWEST} in the PATH");
        return;
    }
    if let Ok(kubeconfig) = std::env::var(RECORD) {
        for (minor, binary) in &found {
            let played = play(*minor, binary, Path::new(&kubeconfig));
            let text: String = played.iter().map(Played::block).collect();
            std::fs::create_dir_all(expected(*minor).parent().expect("a folder"))
                .expect("a folder");
            std::fs::write(expected(*minor), text).expect("it can be written");
        }
        return;
    }
    let differs = differs();
    let run = |(minor, binary): (&u32, &PathBuf)| -> Option<Vec<String>> {
        let expected = std::fs::read_to_string(expected(*minor)).ok()?;
        let expected = blocks(&expected);
        let served = Served::start(&minor.to_string());
        let played = play(*minor, binary, &served.kubeconfig);
        Some(compared(*minor, &played, &expected, &differs))
    };
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let runs: Vec<_> = found.iter().map(|found| scope.spawn(move || run(found))).collect();
        let ends = runs.into_iter().zip(&found).map(|(run, (minor, _))| {
            let wrong = run.join().expect("it does not panic");
            if wrong.is_none() {
                println!("not run: nothing was recorded with kubectl 1.{minor}");
            }
            wrong.unwrap_or_default()
        });
        ends.flatten().collect()
    });
    assert!(wrong.is_empty(), "{} steps:\n{}", wrong.len(), wrong.join("\n"));
}

/// The binaries by minor version.
fn found() -> BTreeMap<u32, PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = PathBuf::from("/usr/lib/google-cloud-sdk/bin");
    let mut found = BTreeMap::new();
    for folder in std::env::split_paths(&path).chain([more]) {
        let names = (OLDEST..=NEWEST).map(|minor| format!("kubectl.1.{minor}"));
        for name in names.chain(["kubectl".to_owned()]) {
            let binary = folder.join(name);
            if let Some(minor) = binary.is_file().then(|| minor(&binary)).flatten() {
                found.entry(minor).or_insert(binary);
            }
        }
    }
    if std::env::var_os(ALL).is_none() && std::env::var_os(RECORD).is_none() {
        let ends = [found.keys().next().copied(), found.keys().last().copied()];
        found.retain(|minor, _| ends.contains(&Some(*minor)));
    }
    found
}

fn minor(binary: &Path) -> Option<u32> {
    let said = duct::cmd!(binary, "version", "--client", "-o", "json").stderr_null().read().ok()?;
    // One that chooses among others is none itself.
    if said.contains("dispatcher") {
        return None;
    }
    let said: serde_json::Value = serde_json::from_str(&said).ok()?;
    let minor = said["clientVersion"]["minor"].as_str()?.trim_end_matches('+').parse().ok()?;
    (OLDEST..=NEWEST).contains(&minor).then_some(minor)
}

fn expected(minor: u32) -> PathBuf {
    Path::new(FOLDER).join("expected").join(format!("1.{minor}.txt"))
}

struct Played {
    /// With which time it is that this step is taken, where it is not the first.
    step: String,
    said: String,
}

impl Played {
    fn block(&self) -> String {
        format!("$ {}\n{}\n", self.step, self.said)
    }
}

/// Takes all steps, in a namespace of their own.
fn play(minor: u32, binary: &Path, cluster: &Path) -> Vec<Played> {
    let namespace = format!("check-{minor}");
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(&namespace);
    let _old = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(folder.join("bin")).expect("the target folder can be written to");
    std::os::unix::fs::symlink(binary, folder.join("bin/kubectl")).expect("a link");
    duct::cmd!("cp", "-r", FOLDER, folder.join("work")).run().expect("a copy");
    let kubeconfig = folder.join("kubeconfig");
    std::fs::copy(cluster, &kubeconfig).expect("a kubeconfig");
    let mut path = folder.join("bin").into_os_string();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let shell = |line: &str| {
        let shell = duct::cmd!("timeout", "60", "bash", "-c", line)
            .dir(folder.join("work"))
            .env("PATH", &path)
            .env("HOME", &folder)
            .env("KUBECONFIG", &kubeconfig)
            .env("NS", &namespace)
            .stderr_to_stdout()
            .stdin_null()
            .stdout_capture()
            .unchecked();
        let output = shell.run().expect("bash starts");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        match output.status.code() {
            Some(0) => said,
            code => format!("{said}(exit {})\n", code.unwrap_or(-1)),
        }
    };
    shell(
        "kubectl delete --ignore-not-found ns/$NS ns/$NS-other node/$NS-node csr/$NS-csr crd/kites.check.drydock.dev priorityclass/$NS-prio \
         clusterrole/$NS-role clusterrole/$NS-path clusterrolebinding/$NS-binding; kubectl create ns $NS; kubectl config set-context --current --namespace=$NS; \
         for i in $(seq 50); do kubectl -n $NS get configmap kube-root-ca.crt serviceaccount/default && break; sleep 0.2; done",
    );
    let words = Words::new(&namespace);
    let steps = std::fs::read_to_string(Path::new(FOLDER).join("steps.txt")).expect("the steps");
    let steps = steps.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut taken: BTreeMap<&str, u32> = BTreeMap::new();
    let played = steps
        .map(|line| {
            let times = taken.entry(line).or_default();
            *times += 1;
            let again = if *times > 1 { format!("  # {times}") } else { String::new() };
            Played { step: format!("{line}{again}"), said: words.aside(&shell(line)) }
        })
        .collect();
    shell("kubectl delete --wait=false ns $NS");
    played
}

/// What differs from run to run: names, times, and how wide they are.
struct Words(Vec<(Regex, &'static str)>);

impl Words {
    fn new(namespace: &str) -> Self {
        let mut words = vec![(Regex::new(namespace).expect("a name"), "NS")];
        for (pattern, word) in [
            (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
            (r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}", "TIME"),
            (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UID"),
            (r#"(resourceVersion"?: ?"?|Resource Version: +)\d+"#, "${1}N"),
            (r"\b10\.(9[6-9]|1[01]\d)\.\d+\.\d+", "ADDRESS"),
            (r"\b3[0-2]\d{3}\b", "PORT"),
            // Where nobody balances loads, one that is wanted is waited for.
            (r"203\.0\.113\.\d+", "<pending>"),
            (r"127\.0\.0\.1:\d+", "SERVER"),
            (r"\b(\d+[dhms])+\b|<invalid>", "AGE"),
            (r"(name: |/|\b)gen-[a-z0-9]{5}\b", "${1}gen-NAME"),
            // Who asks goes by another name there.
            (r"kubernetes-admin|\badmin\b", "ADMIN"),
            (r"(?m)[ \t]+$", ""),
            (r" {2,}", "  "),
            (r"\t", "  "),
        ] {
            words.push((Regex::new(pattern).expect("a pattern"), word));
        }
        Self(words)
    }

    fn aside(&self, said: &str) -> String {
        self.0.iter().fold(said.to_owned(), |said, (pattern, word)| {
            pattern.replace_all(&said, *word).into_owned()
        })
    }
}

/// What was recorded, by step.
fn blocks(text: &str) -> BTreeMap<&str, &str> {
    let blocks = text.strip_prefix("$ ").unwrap_or(text).split("\n$ ");
    let parts = blocks.map(|block| block.split_once('\n').unwrap_or((block, "")));
    parts.map(|(step, said)| (step, said.trim_end())).collect()
}

/// The steps that are known to differ; a line that begins with `#` says why.
fn differs() -> BTreeSet<String> {
    let text = std::fs::read_to_string(Path::new(FOLDER).join("differs.txt")).unwrap_or_default();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(str::to_owned).collect()
}

fn compared(
    minor: u32,
    played: &[Played],
    expected: &BTreeMap<&str, &str>,
    differs: &BTreeSet<String>,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut same = 0;
    for Played { step, said } in played {
        let known = differs.contains(step);
        let wanted = expected.get(&**step).copied();
        match (wanted == Some(said.trim_end()), known) {
            (true, false) => same += 1,
            (false, true) => {}
            (true, true) => wrong.push(format!("1.{minor} $ {step}\ndoes not differ any more")),
            (false, false) => wrong.push(format!(
                "1.{minor} $ {step}\n--- recorded\n{}\n--- said\n{}",
                wanted.unwrap_or("nothing"),
                said.trim_end()
            )),
        }
    }
    println!("kubectl 1.{minor}: {same} of {} steps are the same", played.len());
    wrong
}

struct Served {
    child: Child,
    kubeconfig: PathBuf,
}

impl Served {
    fn start(name: &str) -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let kubeconfig = folder.join(format!("serve-{name}.kubeconfig"));
        let mut child = Command::new(env!("CARGO_BIN_EXE_drydock"))
            .args(["serve", "--no-operator", "--port", "0", "--kubeconfig"])
            .arg(&kubeconfig)
            .current_dir(&folder)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the command starts");
        let out = BufReader::new(child.stdout.take().expect("it is piped"));
        let said = out.lines().map_while(Result::ok).any(|line| line.contains("Ctrl-C"));
        assert!(said, "it does not start");
        Self { child, kubeconfig }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}
