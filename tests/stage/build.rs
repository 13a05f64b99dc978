//! Builds the successor statically, so that it runs in a new root that holds nothing else; as `support` does with the
//! probe, whose modules it shares.
use std::{env, path::PathBuf, process::Command};

fn main() {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    for source in ["successor", "../probe/src"] {
        println!("cargo:rerun-if-changed={}", here.join(source).display());
    }
    let output = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("successor");
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let status = Command::new(rustc)
        .args([
            "--edition",
            "2024",
            "--crate-name",
            "successor",
            "-O",
            "-C",
            "panic=abort",
            "-C",
            "strip=symbols",
        ])
        .args(["-C", "target-feature=+crt-static", "-o"])
        .arg(&output)
        .arg(here.join("successor/main.rs"))
        .status();
    assert!(matches!(status, Ok(status) if status.success()), "the successor does not build");
    println!("cargo:rustc-env=STAGE_SUCCESSOR={}", output.display());
}
