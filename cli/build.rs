//! Lets yester.exe start where WinFsp is not installed: its library is loaded when it is first called.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the library has that the crate `winfsp` calls.
const FUNCTIONS: &str = "winfsp.def";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={FUNCTIONS}");
    let target = |what: &str| env::var(format!("CARGO_CFG_TARGET_{what}")).unwrap_or_default();
    match (target("OS").as_str(), target("ENV").as_str()) {
        ("windows", "gnu") => gnu(),
        ("windows", _) => msvc(),
        _ => {}
    }
}

fn link(argument: &str) {
    println!("cargo::rustc-link-arg-bins={argument}");
}

/// Makes a library of stubs. It must come behind the crates that call it, where Cargo's own `rustc-link-lib` does not put it.
fn gnu() {
    let folder = PathBuf::from(env::var_os("OUT_DIR").expect("Cargo says where"));
    let library = folder.join("libwinfsp-x64.a");
    let made = ["x86_64-w64-mingw32-dlltool", "dlltool"].iter().any(|tool| make(tool, &library));
    if !made {
        println!("cargo::error=cannot make stubs for WinFsp: dlltool of binutils-mingw-w64-x86-64 is needed");
    }
    link(&format!("-L{}", folder.display()));
    // What the stubs call when they are first called, and what that calls.
    ["-lwinfsp-x64", "-lmingwex", "-lkernel32"].into_iter().for_each(link);
}

fn make(tool: &str, library: &Path) -> bool {
    let mut command = Command::new(tool);
    command
        .args(["-m", "i386:x86-64", "-d", FUNCTIONS, "-D", "winfsp-x64.dll", "--output-delaylib"])
        .arg(library);
    command.status().is_ok_and(|status| status.success())
}

/// Microsoft's linker makes the stubs itself; WinFsp's installer has brought the library, if it was told to.
fn msvc() {
    let programs = env::var("ProgramFiles(x86)").unwrap_or_else(|_| r"C:\Program Files (x86)".to_owned());
    link(&format!(r"/LIBPATH:{programs}\WinFsp\lib"));
    ["winfsp-x64.lib", "delayimp.lib", "/DELAYLOAD:winfsp-x64.dll"].into_iter().for_each(link);
}
