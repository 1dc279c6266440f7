//! Reading a crate: its files, and which of them are for tests only.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use syn::spanned::Spanned;

use super::{TESTING, Violation, root};

/// A source file where its crate's module tree has it.
pub(super) struct Source {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) syntax: syn::File,
    pub(super) module: Vec<String>,
    /// Compiled for tests only.
    pub(super) test: bool,
}

impl Source {
    pub(super) fn parse(name: String, text: String, module: Vec<String>, test: bool) -> Self {
        let syntax = syn::parse_file(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        Self { name, text, syntax, module, test }
    }
}

/// All files of a crate's `src`, found by its `mod` items as the compiler does.
pub(super) struct Crate {
    pub(super) files: Vec<Source>,
    pub(super) violations: Vec<Violation>,
}

impl Crate {
    pub(super) fn read(name: &str) -> Self {
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
pub(super) fn is_test_only(attrs: &[syn::Attribute]) -> bool {
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

pub(super) fn item_attrs(item: &syn::Item) -> &[syn::Attribute] {
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
