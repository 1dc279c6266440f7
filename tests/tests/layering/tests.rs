//! The checks themselves, on sources that they must permit and refuse.

use super::FOREIGN;
use super::checker::check_layers;
use super::dependencies::check_dependencies;
use super::read::Source;
use super::sizes::{MOST_LINES, check_size};

/// What is said of `text` as a file of `module`.
fn judged(module: &str, text: &str) -> Vec<String> {
    let module = module.split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let source = Source::parse("x.rs".to_owned(), text.to_owned(), module, false);
    check_layers(&source).into_iter().map(|violation| violation.to_string()).collect()
}

/// Module and source.
const PERMITTED: &str = r#"
    | pub mod format; pub mod view; pub use view::View; use crate::import::x;
store | use crate::{format::{self, Blob as B}, monitor::Monitor, store::pack}; use super::format::Id;
store::pack | use super::*; use super::super::format::Id; pub(crate) fn f() {} pub(super) fn g() {}
service | use crate::import::a; use crate::view::b; use crate::maintain::c; use std::io::*;
view | mod tests { use super::*; use super::super::store::Store; }
view | #[cfg(test)] mod tests { use super::*; use crate::testing::tree; #[test] fn t() { println!(); } }
view | #[cfg(any(test, feature = "testing"))] fn t() { crate::testing::tree(); }
view | #[cfg(all(unix, test))] use crate::testing::tree;
testing | use crate::{import, view, service};
format | fn f(home: u8, clap: u8) -> u8 { let import = home; write!(w, "{import}"); self::g(); home }
format | impl S { fn f(self) -> Self { self.view.import(self); format!("crate::view") } }
"#;

/// Module, source, and what is said of it.
const REFUSED: &str = r#"
view | use crate::{format::a, import::b}; | `view` names `import`
view | use crate::{format::a, {store::{b, c}, maintain::{self as m, d}}}; | `view` names `maintain`
import | use super::view; | `import` names `view`
import::rsnapshot | use super::super::maintain::x; | `import` names `maintain`
maintain | mod a { fn f() { super::super::service::run() } } | `maintain` names `service`
format | fn f(x: &crate::store::Pack) {} | `format` names `store`
format | impl crate::store::T for X {} | `format` names `store`
format | fn f() { <u8 as crate::view::T>::g() } | `format` names `view`
format | fn f() { assert!(x == [crate::store::LEN]) } | `format` names `store`
format | macro_rules! m { () => { $crate::store::x() } } | `format` names `store`
format | fn f() { self::super::store::x() } | `format` names `store`
monitor | use crate::format::Id; | `monitor` names `format`
view | #[cfg(test)] mod tests { use crate::import::x; } | `view` names `import`
view | use crate::testing::tree; | names `testing` outside of tests
view | #[cfg(not(test))] use crate::testing::tree; | names `testing` outside of tests
view | #[cfg(any(test, unix))] use crate::testing::tree; | names `testing` outside of tests
view | #[cfg(not(unix))] use crate::testing::tree; | names `testing` outside of tests
view | #[cfg(test)] fn t() {} use crate::testing::tree; | names `testing` outside of tests
view | use crate as all; | names the crate's root
view | use super::{self as all}; | names the crate's root
view | use crate::*; | names the crate's root
view | use crate::Error; | `crate::Error` is no layer
extra | | `extra` is no layer
view | use crate::format::*; | glob import of `crate::format`
view::path | use super::super::store::{self, pack::*}; | glob import of `super::super::store::pack`
view | use clap::Parser; | names `clap`
view | use anyhow; | names `anyhow`
view | fn f() { anyhow::bail!("") } | names `anyhow`
view | fn f() -> indicatif::ProgressBar {} | names `indicatif`
service | use fuse_linux::mount; | names `fuse_linux`
view | extern crate clap as c; | `extern crate`
view | fn f() { println!() } | `println!`
view | fn f() { std::eprintln!() } | `eprintln!`
view | fn f() { vec![{ print!("") }] } | `print!`
view | use std::{env, fs}; | `std::env`
view | fn f() { std::env::args() } | `std::env::args`
view | fn f() { std::env::home_dir() } | `std::env::home_dir`
view | fn f() { io::stdout().lock() } | `io::stdout`
view | async fn f() {} | no async
view | trait T { async fn f(); } | no async
view | fn f() { async { } } | no async
"#;

fn rows(table: &str) -> impl Iterator<Item = Vec<&str>> {
    table.trim_matches('\n').lines().map(|line| line.split(" |").map(str::trim).collect())
}

#[test]
fn permitted_sources_pass() {
    for row in rows(PERMITTED) {
        assert_eq!(judged(row[0], row[1]), [""; 0], "{row:?}");
    }
}

#[test]
fn violations_are_found() {
    for row in rows(REFUSED) {
        let said = judged(row[0], row[1]);
        assert!(said.iter().any(|line| line.contains(row[2])), "{row:?}: {said:?}");
    }
    assert!(judged("format", "fn f() { async || 1; }")[0].contains("no async"));
    assert_eq!(judged("format", "\nuse crate::view;"), ["x.rs:2: `format` names `view`"]);
}

#[test]
fn long_files_are_found() {
    let size = |text: String| {
        check_size(&Source::parse("x.rs".to_owned(), text, Vec::new(), false)).map(|found| found.to_string())
    };
    let code = "fn f() {}\n".repeat(MOST_LINES);
    assert_eq!(size(code.clone()), None);
    assert!(size(code.clone() + "fn g() {}\n").is_some_and(|said| said.contains("601 lines")));
    assert_eq!(size(code + "#[cfg(test)]\nmod tests {\n    fn t() {}\n}\n"), None);
}

#[test]
fn forbidden_dependencies_are_found() {
    let ours = ["fs-core", "fuse-linux", "cli"].map(str::to_owned).into();
    let found = |manifest| check_dependencies("x", manifest, &ours, &["fs-core"], &FOREIGN).len();
    assert_eq!(found("[dependencies]\nfs-core.workspace = true\nlog = \"0.4\""), 0);
    assert_eq!(found("[dev-dependencies]\nanyhow.workspace = true"), 0);
    assert_eq!(found("[dependencies]\ncli.workspace = true"), 1);
    assert_eq!(
        found("[target.'cfg(unix)'.dependencies]\nlinux = { package = \"fuse-linux\", path = \"\" }"),
        1
    );
    assert_eq!(found("[dev-dependencies]\ncli.workspace = true"), 1);
    assert_eq!(found("[build-dependencies]\nclap = \"4\""), 1);
}
