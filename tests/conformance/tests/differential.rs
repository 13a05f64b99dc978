//! The differential test under `cargo test`; the same program as `cargo run -p conformance`.
fn main() -> std::process::ExitCode {
    conformance::main()
}
