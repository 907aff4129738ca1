//! The key template: `"invoice:{invoice.id}"`.

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{Expr, LitStr};

/// The arguments of the `format!` that builds the key.
pub(crate) struct Template {
    literal: LitStr,
    /// The values of the literal's empty placeholders.
    fields: Vec<Expr>,
}

impl Template {
    /// Parses a template. Names become captured arguments of `format!`, and fields become
    /// positional ones. rustc checks that they exist.
    pub(crate) fn parse(written: &LitStr) -> syn::Result<Self> {
        let text = written.value();
        if text.is_empty() {
            return Err(syn::Error::new(written.span(), "the key is empty"));
        }
        let fail = |problem: String| syn::Error::new(written.span(), problem);

        let mut format = String::new();
        let mut fields = Vec::new();
        let mut rest = text.as_str();
        while let Some(brace) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(brace);
            format.push_str(before);
            if from.starts_with("{{") || from.starts_with("}}") {
                format.push_str(&from[..2]);
                rest = &from[2..];
                continue;
            }
            if from.starts_with('}') {
                return Err(fail(
                    "unmatched `}`; write `}}` for a brace in the key".into(),
                ));
            }
            let Some((inside, after)) = from[1..].split_once('}') else {
                return Err(fail(
                    "unclosed `{`; write `{{` for a brace in the key".into(),
                ));
            };
            let (value, spec) = inside.split_at(end_of_value(inside));
            if is_name(value) {
                format.push_str(&format!("{{{inside}}}"));
            } else {
                let field = field(value, written.span()).ok_or_else(|| {
                    fail(format!(
                        "`{{{inside}}}` is not a parameter, a field or a constant; \
                         use `key = expression` for anything else"
                    ))
                })?;
                fields.push(field);
                format.push_str(&format!("{{{spec}}}"));
            }
            rest = after;
        }
        format.push_str(rest);

        let literal = if fields.is_empty() {
            // In an unchanged literal, rustc underlines an unknown name inside the string.
            written.clone()
        } else {
            LitStr::new(&format, generated(written.span()))
        };
        Ok(Self { literal, fields })
    }
}

impl ToTokens for Template {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self { literal, fields } = self;
        tokens.extend(quote!(#literal #(, #fields)*));
    }
}

/// Returns where a placeholder's value ends and `:spec` begins: at the first colon that is not part
/// of a `::`.
fn end_of_value(inside: &str) -> usize {
    let mut from = 0;
    while let Some(colon) = inside[from..].find(':').map(|colon| from + colon) {
        if !inside[colon..].starts_with("::") {
            return colon;
        }
        from = colon + 2;
    }
    inside.len()
}

fn is_name(value: &str) -> bool {
    let mut chars = value.chars();
    chars
        .next()
        .is_some_and(|first| first.is_alphabetic() || first == '_')
        && chars.all(|other| other.is_alphanumeric() || other == '_')
}

/// Parses `invoice.id`, `pair.0` or `Self::KIND`.
fn field(value: &str, span: Span) -> Option<Expr> {
    let tokens: TokenStream = value.parse().ok()?;
    let expr = syn::parse2(respan(tokens, generated(span))).ok()?;
    is_field(&expr).then_some(expr)
}

fn is_field(expr: &Expr) -> bool {
    match expr {
        Expr::Path(path) => path.attrs.is_empty() && path.qself.is_none(),
        Expr::Field(field) => field.attrs.is_empty() && is_field(&field.base),
        _ => false,
    }
}

/// Returns a span that points diagnostics at the user's code and exempts it from style lints.
fn generated(span: Span) -> Span {
    Span::call_site().located_at(span)
}

fn respan(tokens: TokenStream, span: Span) -> TokenStream {
    let respan_tree = |mut tree: TokenTree| {
        if let TokenTree::Group(group) = &tree {
            tree = Group::new(group.delimiter(), respan(group.stream(), span)).into();
        }
        tree.set_span(span);
        tree
    };
    tokens.into_iter().map(respan_tree).collect()
}
