//! Why it is stuck, whose that is, and where to look: the end of a screen that failed.

use drydock_simulator::Run;
use serde_json::Value;

use crate::paint::Paint;

/// The chains as data, outermost link first.
pub fn chains(_run: &Run) -> Vec<Value> {
    Vec::new()
}

pub fn screen(_run: &Run, next: Vec<(&'static str, String)>, paint: Paint) -> String {
    let mut text = String::from("\n");
    for (what, value) in next {
        text.push_str(&format!("  {}  {value}\n", paint.strong(&format!("{what:<11}"))));
    }
    text
}
