//! The plugin's entry point: which subcommand runs, and nothing else.
fn main() {}
