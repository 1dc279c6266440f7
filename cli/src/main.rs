//! yester.
fn main() {}
