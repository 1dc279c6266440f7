//! Who names whom in a source file.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::read::{Source, is_test_only, item_attrs};
use super::{FOREIGN, LAYERS, TESTING, Violation};

const PRINTING: [&str; 5] = ["print", "println", "eprint", "eprintln", "dbg"];

/// What only a program may ask for; a library is told.
const PROCESS: [[&str; 2]; 4] = [["std", "env"], ["io", "stdin"], ["io", "stdout"], ["io", "stderr"]];

pub(super) fn check_layers(source: &Source) -> Vec<Violation> {
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
