//! What users name on the command line: files, folders, standard input, bundled scenarios.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use drydock_scenarios::{Scenario, Source, corpus, yaml};

use crate::Refusal;

/// The text of a file, of a bundled one if there is none, or of standard input (`-`).
pub fn read(path: &str) -> Result<String, String> {
    if path == "-" {
        return limited(path, std::io::stdin().lock());
    }
    match std::fs::File::open(path) {
        Ok(file) if file.metadata().is_ok_and(|found| found.is_dir()) => {
            Err(format!("{path} is a folder"))
        }
        Ok(file) => limited(path, file),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            corpus::read(path).map(str::to_owned).ok_or_else(|| format!("there is no file {path}"))
        }
        Err(error) => Err(format!("cannot read {path}: {error}")),
    }
}

fn limited(name: &str, from: impl Read) -> Result<String, String> {
    let limit = yaml::MAX_BYTES as u64;
    let mut bytes = Vec::new();
    from.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("cannot read {name}: {error}"))?;
    if bytes.len() as u64 > limit {
        return Err(format!("{name} is larger than {limit} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| format!("{name} is not UTF-8 text"))
}

/// A text that a person wrote, by the name under which mistakes speak of it.
pub fn source(path: &str) -> Result<Arc<Source>, Refusal> {
    let text = read(path).map_err(Refusal::bad_input)?;
    Ok(Source::new(if path == "-" { "standard input" } else { path }, text))
}

/// The scenarios at and below the paths; without paths the bundled ones.
pub fn scenarios(paths: &[String]) -> Result<Vec<Scenario>, Refusal> {
    let mut files = Vec::new();
    for path in paths {
        let before = files.len();
        find(Path::new(path), &mut files);
        if files.len() == before {
            files.extend(corpus::scenarios(path));
        }
        if files.len() == before {
            return Err(Refusal::bad_input(format_args!(
                "there is no scenario at {path}: name a file, or a folder with a scenario.yaml in or below it"
            )));
        }
    }
    if paths.is_empty() {
        files = corpus::scenarios("");
    }
    files.iter().map(|file| Ok(drydock_scenarios::load(file, &read)?)).collect()
}

/// In the order of their names.
fn find(path: &Path, files: &mut Vec<String>) {
    if path.is_file() {
        files.push(path.to_string_lossy().into_owned());
    } else if let Ok(entries) = std::fs::read_dir(path) {
        let scenario = path.join("scenario.yaml");
        if scenario.is_file() {
            files.push(scenario.to_string_lossy().into_owned());
        }
        // Links are not followed: they may lead in circles.
        let entries =
            entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        let mut folders: Vec<_> = entries.map(|entry| entry.path()).collect();
        folders.sort();
        for folder in &folders {
            find(folder, files);
        }
    }
}
