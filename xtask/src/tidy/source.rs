//! Rules for one source file: size, docs, names, parameters, and words that must not occur.

use std::path::Path;

use anyhow::Result;
use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::Visit;

/// Code lines of a file at most; blank lines and comments do not count.
const FILE_LINES: usize = 600;
/// Lines of a function at most, from its brace to its brace.
const FUNCTION_LINES: usize = 80;
/// Parameters of a function at most, without `self`.
const PARAMETERS: usize = 5;

/// Files that are tables of data; STYLE exempts them from sizes.
const TABLES: &[&str] = &["crates/jail/src/seccomp/table.rs"];

/// Ends of type names that say nothing.
const EMPTY_WORDS: &[&str] =
    &["Manager", "Helper", "Util", "Utils", "Impl", "Base", "Info", "Handler"];

/// The only files that may hold unsafe code.
const UNSAFE: &[&str] = &["crates/jail/src/sys.rs", "crates/agent/src/sys.rs"];

/// Everything in `text` that breaks a rule.
pub(super) fn check(path: &Path, text: &str) -> Result<Vec<String>> {
    let name = path.to_string_lossy();
    let file = syn::parse_file(text)?;
    let in_tests = is_test(&name);
    let mut rules = Rules { path: &name, faults: Vec::new(), in_tests, in_trait_impl: false };
    rules.check_file(&file, text);
    rules.visit_file(&file);
    Ok(rules.faults)
}

fn is_test(name: &str) -> bool {
    name.starts_with("tests/") || name.ends_with("/tests.rs") || name.contains("/tests/")
}

fn code_lines(text: &str) -> usize {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}

struct Rules<'a> {
    path: &'a str,
    faults: Vec<String>,
    in_tests: bool,
    in_trait_impl: bool,
}

impl Rules<'_> {
    fn fault(&mut self, span: Span, message: impl AsRef<str>) {
        self.faults.push(format!("{}:{}: {}", self.path, span.start().line, message.as_ref()));
    }

    fn check_file(&mut self, file: &syn::File, text: &str) {
        let start = Span::call_site();
        let lines = code_lines(text);
        if lines > FILE_LINES && !TABLES.contains(&self.path) {
            self.fault(start, format!("{lines} code lines are more than {FILE_LINES}"));
        }
        if !text.starts_with("//!") && !self.path.ends_with("tests.rs") {
            self.fault(start, "the file does not begin with a module doc");
        }
        if self.path.ends_with("/mod.rs") {
            self.fault(start, "write `foo.rs` beside `foo/` instead of `mod.rs`");
        }
        for (index, line) in text.lines().enumerate() {
            let words =
                ["TO".to_owned() + "DO", "FIX".to_owned() + "ME", "#[ig".to_owned() + "nore"];
            if let Some(word) = words.iter().find(|word| line.contains(word.as_str())) {
                self.faults.push(format!("{}:{}: `{word}` is not allowed", self.path, index + 1));
            }
        }
        if file.items.is_empty() && self.path.ends_with("lib.rs") {
            self.fault(start, "the crate is empty");
        }
    }

    fn check_function(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let span = block.span();
        let lines = span.end().line.saturating_sub(span.start().line);
        let name = &signature.ident;
        if lines > FUNCTION_LINES {
            self.fault(
                signature.span(),
                format!("`{name}` has {lines} lines, more than {FUNCTION_LINES}"),
            );
        }
        self.check_signature(signature);
    }

    /// What implements a trait has the shape that the trait gives it: ours are checked there.
    fn check_signature(&mut self, signature: &syn::Signature) {
        if self.in_trait_impl {
            return;
        }
        let inputs = signature.inputs.iter().filter_map(|input| match input {
            syn::FnArg::Typed(typed) => Some(&*typed.ty),
            _ => None,
        });
        let types: Vec<_> = inputs.collect();
        let name = &signature.ident;
        if types.len() > PARAMETERS {
            self.fault(signature.span(), format!("`{name}` has more than {PARAMETERS} parameters"));
        }
        let is_bool =
            |ty: &&syn::Type| matches!(ty, syn::Type::Path(path) if path.path.is_ident("bool"));
        if types.iter().any(is_bool) && !self.in_tests {
            self.fault(signature.span(), format!("`{name}` takes a bool; give it an enum"));
        }
    }

    fn check_name(&mut self, ident: &syn::Ident) {
        let name = ident.to_string();
        if let Some(word) = EMPTY_WORDS.iter().find(|word| name.ends_with(**word)) {
            self.fault(
                ident.span(),
                format!("the name `{name}` ends with the empty word `{word}`"),
            );
        }
    }
}

impl<'ast> Visit<'ast> for Rules<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.check_function(&item.sig, &item.block);
        syn::visit::visit_item_fn(self, item);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let before = std::mem::replace(&mut self.in_trait_impl, item.trait_.is_some());
        syn::visit::visit_item_impl(self, item);
        self.in_trait_impl = before;
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.check_function(&item.sig, &item.block);
        syn::visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        self.check_signature(&item.sig);
        syn::visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.check_name(&item.ident);
        syn::visit::visit_item_struct(self, item);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.check_name(&item.ident);
        syn::visit::visit_item_enum(self, item);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.check_name(&item.ident);
        syn::visit::visit_item_trait(self, item);
    }

    fn visit_expr_unsafe(&mut self, item: &'ast syn::ExprUnsafe) {
        if !UNSAFE.contains(&self.path) {
            self.fault(item.span(), "unsafe code belongs in jail/src/sys.rs or agent/src/sys.rs");
        }
        syn::visit::visit_expr_unsafe(self, item);
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        if matches!(item.mutability, syn::StaticMutability::Mut(_)) {
            self.fault(item.span(), "a mutable static");
        }
        syn::visit::visit_item_static(self, item);
    }
}
