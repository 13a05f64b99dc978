//! `cargo run --release -p conformance -- [--selfcheck] [--filter SUBSTR] [--list] [--verbose]`
fn main() -> std::process::ExitCode {
    conformance::main()
}
