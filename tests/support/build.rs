//! Builds the probe statically, so that it runs in a sandbox that holds nothing else. rustc is called directly: a
//! package cannot choose its own `crt-static`, and the setting must not leak into the other crates.
use std::{env, path::PathBuf, process::Command};

fn main() {
    let source = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../probe/src");
    println!("cargo:rerun-if-changed={}", source.display());
    let output = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("probe");
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let status = Command::new(rustc)
        .args([
            "--edition",
            "2024",
            "--crate-name",
            "probe",
            "-O",
            "-C",
            "panic=abort",
            "-C",
            "strip=symbols",
        ])
        .args(["-C", "target-feature=+crt-static", "-o"])
        .arg(&output)
        .arg(source.join("main.rs"))
        .status();
    assert!(matches!(status, Ok(status) if status.success()), "the probe does not build");
    println!("cargo:rustc-env=SUPPORT_PROBE={}", output.display());
}
