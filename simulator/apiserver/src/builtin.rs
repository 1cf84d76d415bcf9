//! What the real server knows of builtin kinds beyond their schema.

pub(crate) mod defaults;
pub(crate) mod names;
