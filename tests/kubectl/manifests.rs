//! Whole sets of definitions, and manifests of real addons, as people install them: what `kubectl` prints of them on a
//! served cluster is what it printed on a real one.
//!
//! The files are those of `../shared/data`, or of the folder that `DRYDOCK_DATA` names. `expected/manifests.txt` has the
//! answers: a line each, long ones cut, with a hash of the whole (`make manifests-record`, where the oracle is).

use std::path::{Path, PathBuf};

use super::{FOLDER, Served, found};

/// Names the folder of the files, where it is not beside the repository.
const DATA: &str = "DRYDOCK_DATA";
/// A kubeconfig here makes the test write down what that cluster answers.
const RECORD: &str = "MANIFESTS_RECORD";
const SETS: [&str; 3] = ["0.9", "1.0", "1.2"];
const WAYS: [&[&str]; 3] = [
    &["create", "--validate=warn"],
    &["create", "--validate=strict"],
    &["apply", "--server-side", "--validate=strict"],
];
const NAMESPACE: &str = "check-manifests";
/// So much of a line is kept.
const WIDTH: usize = 240;

#[test]
fn definitions_and_manifests_of_addons_are_answered_as_on_a_real_cluster() {
    let data = std::env::var_os(DATA).map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
        PathBuf::from,
    );
    let Some(kubectl) = found().into_values().next_back() else {
        println!("not run: no kubectl in the PATH");
        return;
    };
    if !data.join("crds").is_dir() {
        println!("not run: no definitions in {}", data.display());
        return;
    }
    let expected = Path::new(FOLDER).join("expected/manifests.txt");
    if let Some(cluster) = std::env::var_os(RECORD) {
        let cluster = Cluster { kubectl, kubeconfig: cluster.into(), data, real: true };
        let answers: String = SETS.iter().map(|set| cluster.of_set(set)).collect();
        std::fs::write(expected, kept(&answers)).expect("it can be written");
        return;
    }

    let answers = SETS.iter().map(|set| {
        let served = Served::start(&format!("manifests-{set}"));
        let kubeconfig = served.kubeconfig.clone();
        let (kubectl, data) = (kubectl.clone(), data.clone());
        Cluster { kubectl, kubeconfig, data, real: false }.of_set(set)
    });
    let answers: String = answers.collect();

    let expected = std::fs::read_to_string(expected).expect("what was recorded");
    let wrong = differences(&expected, &answers);
    assert!(wrong.is_empty(), "{} answers differ:\n{}", wrong.len(), wrong.join("\n"));
    println!("{} answers are the same", answers.lines().count());
}

#[test]
fn an_answer_that_differs_is_shown_with_what_was_asked() {
    let long = "x".repeat(WIDTH);
    let said = format!("== a\none\n{long}1\n== b\ntwo\n");
    let recorded = kept(&said);

    let same = differences(&recorded, &said);
    let end_differs = differences(&recorded, &format!("== a\none\n{long}2\n== b\ntwo\n"));
    let one_is_missing = differences(&recorded, &format!("== a\none\n{long}1\n== b\n"));

    assert_eq!(same, Vec::<String>::new());
    assert_eq!(end_differs.len(), 1);
    assert!(end_differs[0].starts_with("== a\n") && end_differs[0].ends_with(&format!("{long}2")));
    assert_eq!(one_is_missing, ["== b\n--- recorded\ntwo\n--- said\n"]);
}

struct Cluster {
    kubectl: PathBuf,
    kubeconfig: PathBuf,
    /// Where the files are.
    data: PathBuf,
    /// It is shared with others, and lasts: what is made has to go again.
    real: bool,
}

impl Cluster {
    /// A set on a cluster without any; the addons and the newer set after that.
    fn of_set(&self, set: &str) -> String {
        let mut answers = self.definitions(set, "a fresh server");
        if set == "1.0" {
            answers += &self.definitions("1.2", "1.0");
        }
        if set == "1.2" {
            self.say(&["create", "namespace", NAMESPACE]);
            for file in files(&self.data.join("addons/1.2")) {
                for way in WAYS {
                    answers += &self.manifest(&file, way);
                }
            }
            if self.real {
                self.say(&["delete", "namespace", NAMESPACE]);
            }
        }
        if self.real {
            let sets = if set == "1.0" { vec!["1.0", "1.2"] } else { vec![set] };
            for set in sets {
                let folder = self.data.join("crds").join(set);
                self.say(&["delete", "--ignore-not-found", "-f", &folder.to_string_lossy()]);
            }
        }
        answers
    }

    fn definitions(&self, set: &str, on: &str) -> String {
        let folder = self.data.join("crds").join(set);
        let folder = folder.to_string_lossy();
        let said = self.say(&["apply", "--server-side", "-f", &folder]);
        if self.real {
            self.say(&["wait", "--for=condition=Established", "--timeout=60s", "-f", &folder]);
        }
        let shown = r#"jsonpath={range .items[*]}{.metadata.name} {.status.conditions[?(@.type=="Established")].status} {.status.storedVersions}{"\n"}{end}"#;
        let there = self.say(&["get", "-f", &folder, "-o", shown]);
        format!("== definitions of {set} on {on}\n{said}== are Established\n{there}")
    }

    fn manifest(&self, file: &Path, way: &[&str]) -> String {
        let path = file.to_string_lossy();
        let said = self.say(&[way, &["-n", NAMESPACE, "-f", &path]].concat());
        self.say(&["delete", "-n", NAMESPACE, "--ignore-not-found", "-f", &path]);
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        format!("== {} {name}\n{said}", way.join(" "))
    }

    fn say(&self, arguments: &[&str]) -> String {
        let command = duct::cmd(&self.kubectl, arguments).env("KUBECONFIG", &self.kubeconfig);
        let output = command.stderr_to_stdout().stdout_capture().unchecked().run();
        let output = output.expect("kubectl starts");
        // Some answers name the file.
        let data = self.data.to_string_lossy();
        let said = String::from_utf8_lossy(&output.stdout).replace(&*data, "DATA");
        if said.is_empty() || said.ends_with('\n') { said } else { said + "\n" }
    }
}

/// By name.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder of manifests");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    files
}

/// The answers as they are kept: the ends of long lines as a hash.
fn kept(answers: &str) -> String {
    let line = |line: &str| match line.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{} ... {:016x}\n", &line[..end], fnv(line)),
        None => format!("{line}\n"),
    };
    answers.lines().map(line).collect()
}

fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// What of `said` is not as recorded, by what was asked.
fn differences(recorded: &str, said: &str) -> Vec<String> {
    let parts = |text: &str| -> Vec<(String, Vec<String>)> {
        let mut parts: Vec<(String, Vec<String>)> = Vec::new();
        for line in text.lines() {
            match (line.starts_with("== "), parts.last_mut()) {
                (false, Some((_, lines))) => lines.push(line.to_owned()),
                _ => parts.push((line.to_owned(), Vec::new())),
            }
        }
        parts
    };
    let (recorded, said) = (parts(recorded), parts(said));
    let mut wrong = Vec::new();
    for at in 0..recorded.len().max(said.len()) {
        let empty = (String::new(), Vec::new());
        let (asked, wanted) = recorded.get(at).unwrap_or(&empty);
        let (asked_now, lines) = said.get(at).unwrap_or(&empty);
        let asked = if asked.is_empty() { asked_now } else { asked };
        let differ = |line: &&String| !wanted.contains(&kept(line).trim_end().to_owned());
        let missing = |line: &&String| !lines.iter().any(|l| kept(l).trim_end() == **line);
        let new: Vec<&str> = lines.iter().filter(differ).map(String::as_str).collect();
        let old: Vec<&str> = wanted.iter().filter(missing).map(String::as_str).collect();
        if !new.is_empty() || !old.is_empty() || wanted.len() != lines.len() {
            let (old, new) = (old.join("\n"), new.join("\n"));
            wrong.push(format!("{asked}\n--- recorded\n{old}\n--- said\n{new}"));
        }
    }
    wrong
}
