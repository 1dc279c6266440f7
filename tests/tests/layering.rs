//! Keeps the layers apart: who may name whom, checked in the syntax trees of the sources.
//!
//! A path is followed wherever it is written: in `use` trees, types, expressions and, token by token, in macros.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// Each module of fs-core's root, and what it may name beside itself.
const LAYERS: [(&str, &[&str]); 8] = [
    ("monitor", &[]),
    ("format", &["monitor"]),
    ("store", &["monitor", "format"]),
    ("import", &["monitor", "format", "store"]),
    ("view", &["monitor", "format", "store"]),
    ("maintain", &["monitor", "format", "store"]),
    ("service", &["monitor", "format", "store", "import", "view", "maintain"]),
    ("testing", &["monitor", "format", "store", "import", "view", "maintain", "service"]),
];

/// The module that only tests may name.
const TESTING: &str = "testing";

/// Crates that fs-core's product code must not name: frontends, and what serves a terminal or a home directory.
const FOREIGN: [&str; 9] =
    ["fuse_linux", "winfsp_windows", "fuser", "winfsp", "clap", "anyhow", "indicatif", "dirs", "home"];

const PRINTING: [&str; 5] = ["print", "println", "eprint", "eprintln", "dbg"];

/// What only a program may ask for; a library is told.
const PROCESS: [[&str; 2]; 4] = [["std", "env"], ["io", "stdin"], ["io", "stdout"], ["io", "stderr"]];

const MOST_LINES: usize = 600;

#[test]
fn fs_core_keeps_its_layers() {
    let core = Crate::read("fs-core");
    assert_none(core.files.iter().flat_map(check_layers).chain(core.violations));
}

#[test]
fn files_stay_small() {
    for name in ["fs-core", "fuse-linux", "winfsp-windows", "cli"] {
        let read = Crate::read(name);
        assert_none(read.files.iter().filter_map(check_size).chain(read.violations));
    }
}

#[test]
fn frontends_depend_on_fs_core_only() {
    let ours = member_packages();
    assert!(ours.contains("fs-core"), "members of the workspace: {ours:?}");
    let manifest = |package| fs::read_to_string(root().join(package).join("Cargo.toml")).expect("a manifest");
    assert_none(check_dependencies("fs-core", &manifest("fs-core"), &ours, &[], &FOREIGN));
    for frontend in ["fuse-linux", "winfsp-windows"] {
        assert_none(check_dependencies(frontend, &manifest(frontend), &ours, &["fs-core"], &[]));
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace's folder").to_owned()
}

fn assert_none(violations: impl IntoIterator<Item = Violation>) {
    let lines: BTreeSet<String> = violations.into_iter().map(|violation| violation.to_string()).collect();
    assert!(lines.is_empty(), "\n{}\n", Vec::from_iter(lines).join("\n"));
}

struct Violation {
    file: String,
    line: usize,
    what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.what)
    }
}

// ---- Reading a crate -------------------------------------------------------------------------------------------

/// A source file where its crate's module tree has it.
struct Source {
    name: String,
    text: String,
    syntax: syn::File,
    module: Vec<String>,
    /// Compiled for tests only.
    test: bool,
}

impl Source {
    fn parse(name: String, text: String, module: Vec<String>, test: bool) -> Self {
        let syntax = syn::parse_file(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        Self { name, text, syntax, module, test }
    }
}

/// All files of a crate's `src`, found by its `mod` items as the compiler does.
struct Crate {
    files: Vec<Source>,
    violations: Vec<Violation>,
}

impl Crate {
    fn read(name: &str) -> Self {
        let src = root().join(name).join("src");
        let mut read = Self { files: Vec::new(), violations: Vec::new() };
        for file in ["lib.rs", "main.rs"].map(|file| src.join(file)) {
            if file.exists() {
                read.add(&src, &file, &[], false);
            }
        }
        assert!(!read.files.is_empty(), "{name} has neither lib.rs nor main.rs");
        let known: BTreeSet<String> = read.files.iter().map(|file| file.name.clone()).collect();
        let forgotten =
            rust_files(&src).into_iter().map(|path| shown(&path)).filter(|name| !known.contains(name));
        read.violations.extend(forgotten.map(|file| Violation {
            file,
            line: 1,
            what: "no `mod` names this file, so neither the compiler nor this test reads it".to_owned(),
        }));
        read
    }

    fn add(&mut self, src: &Path, path: &Path, module: &[String], test: bool) {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let source = Source::parse(shown(path), text, module.to_vec(), test);
        self.follow(src, &source.name, &source.syntax.items, module, test);
        self.files.push(source);
    }

    fn follow(&mut self, src: &Path, file: &str, items: &[syn::Item], module: &[String], test: bool) {
        for item in items {
            let syn::Item::Mod(item) = item else { continue };
            let test = test || is_test_only(&item.attrs);
            let module = [module, &[item.ident.to_string()]].concat();
            if let Some((_, items)) = &item.content {
                self.follow(src, file, items, &module, test);
                continue;
            }
            let stem = src.join(module.join("/"));
            let found =
                [stem.with_extension("rs"), stem.join("mod.rs")].into_iter().find(|path| path.exists());
            match found {
                Some(path) if !item.attrs.iter().any(|attr| attr.path().is_ident("path")) => {
                    self.add(src, &path, &module, test);
                }
                _ => self.violations.push(Violation {
                    file: file.to_owned(),
                    line: item.span().start().line,
                    what: format!("name the file of `mod {}` after the module", item.ident),
                }),
            }
        }
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// Whether an item with these attributes is compiled for tests only.
fn is_test_only(attrs: &[syn::Attribute]) -> bool {
    attrs.iter().any(|attr| {
        attr.path().is_ident("test")
            || (attr.path().is_ident("cfg")
                && attr.parse_args::<syn::Meta>().is_ok_and(|meta| in_product(&meta) == Some(false)))
    })
}

/// A `cfg` condition's value in a build for users; none if that depends on the platform or on features.
fn in_product(condition: &syn::Meta) -> Option<bool> {
    match condition {
        syn::Meta::Path(path) if path.is_ident("test") => Some(false),
        syn::Meta::NameValue(pair) if pair.path.is_ident("feature") => {
            let is_testing = |lit: &syn::Lit| matches!(lit, syn::Lit::Str(name) if name.value() == TESTING);
            matches!(&pair.value, syn::Expr::Lit(value) if is_testing(&value.lit)).then_some(false)
        }
        syn::Meta::List(list) => {
            let parts = list
                .parse_args_with(syn::punctuated::Punctuated::<syn::Meta, syn::Token![,]>::parse_terminated)
                .ok()?;
            let values: Vec<_> = parts.iter().map(in_product).collect();
            // One such part decides, all others must be its contrary.
            let decided_by = |value: bool| {
                if values.contains(&Some(value)) {
                    Some(value)
                } else if values.contains(&None) {
                    None
                } else {
                    Some(!value)
                }
            };
            if list.path.is_ident("any") {
                decided_by(true)
            } else if list.path.is_ident("all") {
                decided_by(false)
            } else {
                values.first().copied().flatten().map(|value| !value)
            }
        }
        _ => None,
    }
}

// ---- Layers ----------------------------------------------------------------------------------------------------

fn check_layers(source: &Source) -> Vec<Violation> {
    let mut checker = Checker {
        source,
        // The crate's root declares the layers, and so may name them all.
        layer: source.module.first().map(String::as_str),
        module: source.module.clone(),
        test: source.test,
        violations: Vec::new(),
    };
    if let Some(layer) = checker.layer
        && allowed(layer).is_none()
    {
        let what = format!("`{layer}` is no layer: give it a place in this test's LAYERS");
        checker.report(Span::call_site(), what);
    }
    checker.visit_file(&source.syntax);
    checker.violations
}

fn allowed(layer: &str) -> Option<&'static [&'static str]> {
    LAYERS.iter().find(|(name, _)| *name == layer).map(|(_, allowed)| *allowed)
}

struct Checker<'a> {
    source: &'a Source,
    layer: Option<&'a str>,
    /// Where `super` counts from: the file's module and the inline ones around the visited item.
    module: Vec<String>,
    test: bool,
    violations: Vec<Violation>,
}

impl Checker<'_> {
    fn report(&mut self, span: Span, what: impl Into<String>) {
        let (file, line) = (self.source.name.clone(), span.start().line);
        self.violations.push(Violation { file, line, what: what.into() });
    }

    /// Judges a path as it is written.
    fn path(&mut self, span: Span, segments: &[String]) {
        match self.resolve(segments) {
            Some(absolute) => self.own_path(span, &absolute),
            None => self.foreign_path(span, segments),
        }
    }

    /// The path from the crate's root, if it is one of the crate's own.
    fn resolve(&self, segments: &[String]) -> Option<Vec<String>> {
        let mut absolute = match segments.first()?.as_str() {
            "crate" => Vec::new(),
            "self" | "super" => self.module.clone(),
            _ => return None,
        };
        for segment in segments {
            match segment.as_str() {
                "crate" | "self" => {}
                "super" => drop(absolute.pop()),
                name => absolute.push(name.to_owned()),
            }
        }
        Some(absolute)
    }

    fn own_path(&mut self, span: Span, absolute: &[String]) {
        let Some(layer) = self.layer else { return };
        match absolute.first().map(String::as_str) {
            None => self.report(span, "names the crate's root: name a layer"),
            Some(named) if named == layer => {}
            Some(TESTING) if self.test => {}
            Some(TESTING) => self.report(span, "names `testing` outside of tests"),
            Some(named) if allowed(named).is_none() => {
                self.report(span, format!("`crate::{named}` is no layer: name it by its layer's path"));
            }
            Some(named) if !allowed(layer).unwrap_or_default().contains(&named) => {
                self.report(span, format!("`{layer}` names `{named}`"));
            }
            Some(_) => {}
        }
    }

    fn foreign_path(&mut self, span: Span, segments: &[String]) {
        // Alone it is a variable or a function of that name.
        if self.test || segments.len() < 2 {
            return;
        }
        if FOREIGN.contains(&segments[0].as_str()) {
            self.report(span, format!("names `{}`", segments[0]));
        }
        if segments.windows(2).any(|pair| PROCESS.iter().any(|forbidden| pair == forbidden)) {
            let path = segments.join("::");
            self.report(span, format!("`{path}`: the core is told, it does not ask the process"));
        }
    }

    fn macro_name(&mut self, span: Span, name: &str) {
        if !self.test && PRINTING.contains(&name) {
            self.report(span, format!("`{name}!`: the core never prints"));
        }
    }

    fn asynchronous(&mut self, span: Span) {
        self.report(span, "the core has no async");
    }

    fn use_tree(&mut self, tree: &syn::UseTree, prefix: &mut Vec<String>) {
        match tree {
            syn::UseTree::Path(path) => {
                prefix.push(path.ident.to_string());
                self.use_tree(&path.tree, prefix);
                prefix.pop();
            }
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.use_tree(tree, prefix)),
            syn::UseTree::Name(syn::UseName { ident, .. })
            | syn::UseTree::Rename(syn::UseRename { ident, .. }) => {
                // The braces' `self` is the module before them.
                let named =
                    if ident == "self" && !prefix.is_empty() { None } else { Some(ident.to_string()) };
                let whole: Vec<String> = prefix.iter().cloned().chain(named).collect();
                // `use clap;` names a crate too, although it is a path of one segment.
                if !self.test && whole.len() == 1 && FOREIGN.contains(&whole[0].as_str()) {
                    self.report(ident.span(), format!("names `{}`", whole[0]));
                }
                self.path(ident.span(), &whole);
            }
            syn::UseTree::Glob(glob) => {
                self.path(glob.span(), prefix);
                let target = self.resolve(prefix);
                if let (Some(layer), Some(target)) = (self.layer, target)
                    && target.first().is_some_and(|named| named != layer)
                {
                    let path = prefix.join("::");
                    self.report(glob.span(), format!("glob import of `{path}`, another layer"));
                }
            }
        }
    }

    /// Macros' arguments have no syntax tree: their paths are put together from the tokens.
    fn tokens(&mut self, tokens: &TokenStream) {
        let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Group(group) => self.tokens(&group.stream()),
                TokenTree::Ident(first) => {
                    let mut segments = vec![first.to_string()];
                    let is_colon = |at: usize| is_punct(tokens.get(at), ':');
                    while is_colon(at + 1) && is_colon(at + 2) {
                        let Some(TokenTree::Ident(next)) = tokens.get(at + 3) else { break };
                        segments.push(next.to_string());
                        at += 3;
                    }
                    let is_call = matches!(tokens.get(at + 2), Some(TokenTree::Group(_)));
                    if is_punct(tokens.get(at + 1), '!') && is_call {
                        self.macro_name(first.span(), &segments[segments.len() - 1]);
                    }
                    if segments.len() > 1 || segments[0] == "crate" {
                        self.path(first.span(), &segments);
                    }
                    if segments[0] == "async" {
                        self.asynchronous(first.span());
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }

    fn in_item(&mut self, attrs: &[syn::Attribute], visit: impl FnOnce(&mut Self)) {
        let outside = self.test;
        self.test |= is_test_only(attrs);
        visit(self);
        self.test = outside;
    }
}

fn is_punct(token: Option<&TokenTree>, expected: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == expected)
}

impl<'ast> Visit<'ast> for Checker<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        self.in_item(item_attrs(item), |checker| visit::visit_item(checker, item));
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.in_item(&item.attrs, |checker| visit::visit_impl_item_fn(checker, item));
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.use_tree(&item.tree, &mut Vec::new());
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        self.report(item.span(), "`extern crate` would hide names from this test");
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        // `self`, the receiver, and `Self` alone are no paths to anywhere.
        if segments != ["self"] {
            self.path(path.span(), &segments);
        }
        visit::visit_path(self, path);
    }

    // `pub(crate)` and `pub(super)` name nothing.
    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        if let Some(name) = call.path.segments.last() {
            self.macro_name(call.span(), &name.ident.to_string());
        }
        self.visit_path(&call.path);
        self.tokens(&call.tokens);
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        if let Some(keyword) = &signature.asyncness {
            self.asynchronous(keyword.span());
        }
        visit::visit_signature(self, signature);
    }

    fn visit_expr_closure(&mut self, closure: &'ast syn::ExprClosure) {
        if let Some(keyword) = &closure.asyncness {
            self.asynchronous(keyword.span());
        }
        visit::visit_expr_closure(self, closure);
    }

    fn visit_expr_async(&mut self, expr: &'ast syn::ExprAsync) {
        self.asynchronous(expr.span());
    }
}

fn item_attrs(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

// ---- Sizes and dependencies ------------------------------------------------------------------------------------

fn check_size(source: &Source) -> Option<Violation> {
    if source.test {
        return None;
    }
    let in_tests: usize = source
        .syntax
        .items
        .iter()
        .filter(|item| is_test_only(item_attrs(item)))
        .map(|item| item.span().end().line - item.span().start().line + 1)
        .sum();
    let lines = source.text.lines().count() - in_tests;
    (lines > MOST_LINES).then(|| Violation {
        file: source.name.clone(),
        line: MOST_LINES,
        what: format!("{lines} lines without tests: more than {MOST_LINES}, so it holds more than one idea"),
    })
}

fn member_packages() -> BTreeSet<String> {
    let parse = |path: PathBuf| -> toml::Table {
        fs::read_to_string(&path)
            .expect("a manifest")
            .parse()
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let workspace = parse(root().join("Cargo.toml"));
    let members = workspace["workspace"]["members"].as_array().expect("a list of members");
    let folders = members.iter().map(|member| member.as_str().expect("a folder"));
    folders
        .map(|folder| {
            let manifest = parse(root().join(folder).join("Cargo.toml"));
            manifest["package"]["name"].as_str().expect("a name").to_owned()
        })
        .collect()
}

/// Of our packages only `allowed`, and of others none that is `foreign`; tests may use what they like of others.
fn check_dependencies(
    package: &str,
    manifest: &str,
    ours: &BTreeSet<String>,
    allowed: &[&str],
    foreign: &[&str],
) -> Vec<Violation> {
    let manifest: toml::Table = manifest.parse().unwrap_or_else(|error| panic!("{package}: {error}"));
    let mut tables = vec![&manifest];
    if let Some(targets) = manifest.get("target").and_then(toml::Value::as_table) {
        tables.extend(targets.values().filter_map(toml::Value::as_table));
    }
    let mut violations = Vec::new();
    for kind in ["dependencies", "build-dependencies", "dev-dependencies"] {
        let dependencies = tables.iter().filter_map(|table| table.get(kind)?.as_table()).flatten();
        for (key, value) in dependencies {
            let name = value.get("package").and_then(toml::Value::as_str).unwrap_or(key);
            let forbidden = if ours.contains(name) {
                !allowed.contains(&name)
            } else {
                kind != "dev-dependencies" && foreign.contains(&name.replace('-', "_").as_str())
            };
            if forbidden {
                let file = format!("{package}/Cargo.toml");
                violations.push(Violation { file, line: 1, what: format!("{kind} on `{name}`") });
            }
        }
    }
    violations
}

// ---- The checker itself ----------------------------------------------------------------------------------------

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
