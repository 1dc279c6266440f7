//! Keeps the layers apart: which module of `fs-core` may name which, and which package depends on which.
//!
//! Paths are read from the tokens of each file, in `use` trees, types, expressions and macros alike.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The modules of fs-core's root, floor by floor. A module may name those of the floors before its own.
const FLOORS: [&[&str]; 8] = [
    &["clock", "monitor", "windows", "platform"],
    &["format"],
    &["store"],
    &["history"],
    &["import", "view", "maintain", "copy"],
    &["restore", "export", "watch"],
    &["service"],
    &["testing"],
];

/// What only a program may ask for; a library is told.
const PROCESS: [[&str; 2]; 4] = [["std", "env"], ["io", "stdin"], ["io", "stdout"], ["io", "stderr"]];

/// Crates that fs-core must not depend on: they serve a frontend, a terminal or a home directory.
const FOREIGN: [&str; 7] = ["fuser", "winfsp", "clap", "anyhow", "indicatif", "dirs", "home"];

const MOST_LINES: usize = 600;

/// The paths that a file names, each resolved from the crate's root if it is one of the crate's own.
struct Paths {
    /// The module around the token: the file's, and inline ones.
    module: Vec<String>,
    complaints: Vec<String>,
}

impl Paths {
    /// Checks `text`, the source of `module`.
    fn check(module: &[&str], text: &str) -> Vec<String> {
        let module = module.iter().map(ToString::to_string).collect();
        let mut paths = Self { module, complaints: Vec::new() };
        paths.walk(text.parse().expect("Rust"), &[]);
        paths.complaints
    }

    fn walk(&mut self, tokens: TokenStream, prefix: &[String]) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let punct = |at: usize, expected: char| matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == expected);
        let mut at = 0;
        while at < tokens.len() {
            let group = |at: usize| match tokens.get(at) {
                Some(TokenTree::Group(group)) => Some(group),
                _ => None,
            };
            match &tokens[at] {
                TokenTree::Ident(ident) if ident == "mod" && group(at + 2).is_some() => {
                    self.module.push(tokens[at + 1].to_string());
                    self.walk(group(at + 2).expect("just seen").stream(), &[]);
                    self.module.pop();
                    at += 2;
                }
                // A visibility names nothing.
                TokenTree::Ident(ident) if ident == "pub" => {
                    at += usize::from(
                        group(at + 1).is_some_and(|group| group.delimiter() == Delimiter::Parenthesis),
                    );
                }
                TokenTree::Ident(ident) => {
                    let line = ident.span().start().line;
                    let mut path = [prefix, &[ident.to_string()]].concat();
                    let mut is_whole = true;
                    while punct(at + 1, ':') && punct(at + 2, ':') {
                        match tokens.get(at + 3) {
                            Some(TokenTree::Ident(next)) => path.push(next.to_string()),
                            Some(TokenTree::Group(group)) => {
                                self.walk(group.stream(), &path);
                                is_whole = false;
                            }
                            Some(TokenTree::Punct(star)) if star.as_char() == '*' => {
                                path.push("*".to_owned());
                            }
                            _ => break,
                        }
                        at += 3;
                    }
                    if is_whole {
                        self.judge(line, &path);
                    }
                }
                TokenTree::Group(group) => self.walk(group.stream(), &[]),
                _ => {}
            }
            at += 1;
        }
    }

    fn judge(&mut self, line: usize, path: &[String]) {
        let in_tests = self.module.iter().any(|name| name == "tests" || name == "testing");
        if path == ["async"] {
            self.complaints.push(format!("{line}: the core has no async"));
        }
        if !in_tests && path.windows(2).any(|pair| PROCESS.iter().any(|forbidden| pair == forbidden)) {
            self.complaints
                .push(format!("{line}: names `{}`: the core does not ask the process", path.join("::")));
        }
        let mut absolute = match path[0].as_str() {
            "crate" => Vec::new(),
            "super" => self.module.clone(),
            _ => return,
        };
        for segment in path {
            match segment.as_str() {
                "crate" | "self" => {}
                "super" => drop(absolute.pop()),
                name => absolute.push(name.to_owned()),
            }
        }
        let Some(layer) = self.module.first() else { return };
        let named = absolute.first().map_or("the crate's root", String::as_str);
        let mut below = FLOORS.iter().take_while(|floor| !floor.contains(&layer.as_str()));
        // The compiler keeps `testing` out of the product.
        if named != layer && !below.any(|floor| floor.contains(&named)) && named != "testing" {
            self.complaints.push(format!("{line}: `{layer}` names `{named}`"));
        } else if named != layer && path.ends_with(&["*".to_owned()]) {
            self.complaints.push(format!("{line}: glob import of `{}`, another layer", path.join("::")));
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace's folder").to_owned()
}

/// The path below `src` and the text of each source file of a package.
fn sources(package: &str) -> Vec<(PathBuf, String)> {
    let src = root().join(package).join("src");
    let (mut folders, mut sources) = (vec![src.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source");
                sources.push((path.strip_prefix(&src).expect("a path below src").to_owned(), text));
            }
        }
    }
    sources
}

#[test]
fn fs_core_keeps_its_layers() {
    let mut complaints = BTreeSet::new();
    for (path, text) in sources("fs-core") {
        let stem = path.with_extension("").display().to_string();
        let module: Vec<&str> = stem.split('/').filter(|name| !["mod", "lib"].contains(name)).collect();
        if let Some(layer) = module.first() {
            assert!(FLOORS.concat().contains(layer), "`{layer}` is missing in FLOORS");
        }
        let found = Paths::check(&module, &text).into_iter();
        complaints.extend(found.map(|complaint| format!("{}:{complaint}", path.display())));
    }
    assert!(complaints.is_empty(), "\n{}", Vec::from_iter(complaints).join("\n"));
}

#[test]
fn files_stay_small() {
    for package in ["fs-core", "fuse-linux", "winfsp-windows", "cli"] {
        for (path, text) in sources(package) {
            let product = text.split("\n#[cfg(test)]\nmod tests {").next().expect("the first part");
            let (name, lines) = (path.display(), product.lines().count());
            assert!(lines <= MOST_LINES, "{package}/src/{name}: {lines} lines: more than one idea");
        }
    }
}

#[test]
fn frontends_depend_on_fs_core_only() {
    let ours = ["fs-core", "fuse-linux", "winfsp-windows", "cli", "fs-tests", "fs-benches"];
    for (package, allowed) in
        [("fs-core", None), ("fuse-linux", Some("fs-core")), ("winfsp-windows", Some("fs-core"))]
    {
        let manifest = fs::read_to_string(root().join(package).join("Cargo.toml")).expect("a manifest");
        let manifest: toml::Table = manifest.parse().expect("a manifest");
        let targets =
            manifest.get("target").and_then(toml::Value::as_table).into_iter().flat_map(toml::Table::values);
        let tables = std::iter::once(&manifest).chain(targets.filter_map(toml::Value::as_table));
        for (kind, dependencies) in tables.flatten().filter(|(kind, _)| kind.ends_with("dependencies")) {
            for (key, value) in dependencies.as_table().expect("a table") {
                let name = value.get("package").and_then(toml::Value::as_str).unwrap_or(key);
                let is_refused = if ours.contains(&name) {
                    Some(name) != allowed
                } else {
                    package == "fs-core" && kind != "dev-dependencies" && FOREIGN.contains(&name)
                };
                assert!(!is_refused, "{package}/Cargo.toml: {kind} on `{name}`");
            }
        }
    }
}

#[test]
fn the_check_itself_permits_and_refuses() {
    let refused = [
        ("view", "use crate::{format::a, import::b};", "`view` names `import`"),
        (
            "view",
            "use crate::{format::a, store::{b, c}, maintain::{self as m, d}};",
            "`view` names `maintain`",
        ),
        ("import", "use super::view;", "`import` names `view`"),
        ("import/rsnapshot", "use super::super::maintain::x;", "`import` names `maintain`"),
        ("maintain", "mod a { fn f() { super::super::service::run() } }", "`maintain` names `service`"),
        ("format", "fn f(x: &crate::store::Pack) { <u8 as X>::g() }", "`format` names `store`"),
        ("format", "fn f() { assert!(x == [crate::store::LEN]) }", "`format` names `store`"),
        ("format", "macro_rules! m { () => { $crate::store::x() } }", "`format` names `store`"),
        ("view", "#[cfg(test)] mod tests { use crate::import::x; }", "`view` names `import`"),
        ("view", "use crate as all;", "names `the crate's root`"),
        ("view", "use crate::*;", "`view` names `*`"),
        ("view", "use crate::format::*;", "glob import of `crate::format::*`"),
        ("view", "use std::{env, fs};", "names `std::env`"),
        ("view", "fn f() { io::stdout().lock() }", "names `io::stdout`"),
        ("view", "fn f() { async { } }", "no async"),
    ];
    for (module, text, complaint) in refused {
        let found = Paths::check(&module.split('/').collect::<Vec<_>>(), text);
        assert!(found.iter().any(|found| found.contains(complaint)), "{text}: {found:?}");
    }
    let permitted = [
        ("store", "use crate::{format::{self, Blob as B}, monitor::Monitor}; use super::format::Id;"),
        ("store/pack", "use super::*; pub(crate) fn f() {} pub(super) fn g() {}"),
        ("view", "mod tests { use super::*; use crate::testing::tree; use super::super::store::Store; }"),
        (
            "format",
            "fn f(&self, import: u8) { let view = import; self.view.import(); self::g(\"crate::view\") }",
        ),
    ];
    for (module, text) in permitted {
        let found = Paths::check(&module.split('/').collect::<Vec<_>>(), text);
        assert!(found.is_empty(), "{text}: {found:?}");
    }
    assert_eq!(Paths::check(&["format"], "\nuse crate::view;"), ["2: `format` names `view`"]);
}
