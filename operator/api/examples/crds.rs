//! Writes `operator/api/crds` anew from the wire types.

use std::path::Path;
use std::{fs, io};

#[expect(clippy::disallowed_methods, reason = "this is the edge: it writes the files")]
fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds");
    for entry in fs::read_dir(&folder)? {
        fs::remove_file(entry?.path())?;
    }
    for (name, json) in drydock_operator_api::crd::generate() {
        fs::write(folder.join(format!("{name}.json")), json)?;
    }
    Ok(())
}
