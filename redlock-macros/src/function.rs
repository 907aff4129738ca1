//! The function under the attribute.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use syn::parse::{Parse, ParseStream, Parser};
use syn::{
    Attribute, Block, Expr, ExprAsync, FnArg, Ident, LitStr, Pat, Signature, Stmt, Token,
    Visibility, token,
};

/// A function whose body stays unparsed, so that it still expands while it is being typed.
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    /// The braces and everything between them.
    pub(crate) body: Group,
}

/// A variable bound by a parameter, with the parameter's `#[cfg]` attributes.
pub(crate) struct Binding<'a> {
    pub(crate) cfgs: Vec<&'a Attribute>,
    pub(crate) name: Ident,
}

/// A body that is one future: `Box::pin(async move { … })`, or `async move { … }` alone.
pub(crate) struct FutureBody {
    /// Items before the future.
    pub(crate) items: Vec<Stmt>,
    /// The `Box::pin` and its parentheses, if there are any.
    pub(crate) pin: Option<(Expr, token::Paren)>,
    pub(crate) future: ExprAsync,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        if !starts_function(input) {
            return Err(input.error("`#[redlocked]` goes on an `async fn`"));
        }
        let sig = input.parse()?;
        let body: TokenTree = input.parse()?;
        let span = body.span();
        let body = braces(body).ok_or_else(|| {
            let problem = "this function has no body; put `#[redlocked]` on its implementation";
            syn::Error::new(span, problem)
        })?;
        Ok(Self {
            attrs,
            vis,
            sig,
            body,
        })
    }
}

impl Function {
    /// Returns the variables that the parameters bind, `self` first.
    pub(crate) fn bindings(&self) -> Vec<Binding<'_>> {
        let mut bindings = Vec::new();
        for input in &self.sig.inputs {
            let mut names = Vec::new();
            let attrs = match input {
                FnArg::Receiver(receiver) => {
                    names.push(Ident::from(receiver.self_token));
                    &receiver.attrs
                }
                FnArg::Typed(typed) => {
                    bound_names(&typed.pat, &mut names);
                    &typed.attrs
                }
            };
            let cfgs: Vec<_> = attrs
                .iter()
                .filter(|attr| attr.path().is_ident("cfg"))
                .collect();
            bindings.extend(names.into_iter().map(|name| Binding {
                cfgs: cfgs.clone(),
                name,
            }));
        }
        bindings
    }

    /// Splits the body into its inner attributes and its statements.
    pub(crate) fn statements(&self) -> (Vec<Attribute>, TokenStream) {
        let split = |input: ParseStream<'_>| {
            Ok((
                input.call(Attribute::parse_inner)?,
                input.parse::<TokenStream>()?,
            ))
        };
        // A malformed attribute stays in the body, where rustc reports it.
        split
            .parse2(self.body.stream())
            .unwrap_or_else(|_| (Vec::new(), self.body.stream()))
    }

    /// Puts other contents between the body's braces, where rustc reports diagnostics about the
    /// function as a whole.
    pub(crate) fn braced(&self, contents: TokenStream) -> Group {
        let mut braced = Group::new(Delimiter::Brace, contents);
        braced.set_span(self.body.span());
        braced
    }

    /// Returns the future that makes up the body, or `None` if the body runs anything else.
    pub(crate) fn future(&self) -> Option<FutureBody> {
        let mut items = Block::parse_within.parse2(self.body.stream()).ok()?;
        let Stmt::Expr(last, None) = items.pop()? else {
            return None;
        };
        let (pin, future) = match ungrouped(last) {
            Expr::Async(future) => (None, future),
            Expr::Call(mut call) if is_box_pin(&call.func) => {
                let Expr::Async(future) = ungrouped(call.args.pop()?) else {
                    return None;
                };
                (Some((*call.func, call.paren_token)), future)
            }
            _ => return None,
        };
        let only_items = items
            .iter()
            .all(|statement| matches!(statement, Stmt::Item(_)));
        only_items.then_some(FutureBody { items, pin, future })
    }
}

/// Returns an expression without the invisible groups around it, in which `macro_rules!` passes it on.
pub(crate) fn ungrouped(mut expr: Expr) -> Expr {
    while let Expr::Group(group) = expr {
        expr = *group.expr;
    }
    expr
}

/// Returns a block in braces, which `macro_rules!` passes on in an invisible group.
fn braces(tree: TokenTree) -> Option<Group> {
    let TokenTree::Group(group) = tree else {
        return None;
    };
    match group.delimiter() {
        Delimiter::Brace => Some(group),
        Delimiter::None => {
            let mut inside = group.stream().into_iter();
            inside
                .next()
                .filter(|_| inside.next().is_none())
                .and_then(braces)
        }
        _ => None,
    }
}

fn starts_function(input: ParseStream<'_>) -> bool {
    let ahead = input.fork();
    while !ahead.peek(Token![fn]) {
        let qualifier = ahead.peek(Token![const])
            || ahead.peek(Token![async])
            || ahead.peek(Token![unsafe])
            || ahead.peek(Token![extern])
            || ahead.peek(LitStr);
        if !qualifier || ahead.parse::<TokenTree>().is_err() {
            return false;
        }
    }
    true
}

fn is_box_pin(mut function: &Expr) -> bool {
    while let Expr::Group(group) = function {
        function = &group.expr;
    }
    let Expr::Path(function) = function else {
        return false;
    };
    let mut names = function
        .path
        .segments
        .iter()
        .rev()
        .map(|segment| &segment.ident);
    names.next().is_some_and(|name| name == "pin") && names.next().is_some_and(|name| name == "Box")
}

fn bound_names(pattern: &Pat, names: &mut Vec<Ident>) {
    match pattern {
        Pat::Ident(bound) => {
            names.push(bound.ident.clone());
            if let Some((_, inner)) = &bound.subpat {
                bound_names(inner, names);
            }
        }
        Pat::Paren(inner) => bound_names(&inner.pat, names),
        Pat::Reference(inner) => bound_names(&inner.pat, names),
        Pat::Type(inner) => bound_names(&inner.pat, names),
        Pat::Slice(parts) => parts.elems.iter().for_each(|part| bound_names(part, names)),
        Pat::Tuple(parts) => parts.elems.iter().for_each(|part| bound_names(part, names)),
        Pat::TupleStruct(parts) => parts.elems.iter().for_each(|part| bound_names(part, names)),
        Pat::Struct(parts) => parts
            .fields
            .iter()
            .for_each(|field| bound_names(&field.pat, names)),
        // Every alternative binds the same names.
        Pat::Or(alternatives) => {
            if let Some(first) = alternatives.cases.first() {
                bound_names(first, names);
            }
        }
        _ => {}
    }
}
