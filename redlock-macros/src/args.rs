//! The grammar of the attribute's arguments.

use std::time::Duration;

use proc_macro2::{Span, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Expr, Ident, LitStr, Path, Token, bracketed, parenthesized, token};

use crate::problems::Problems;

/// The arguments as written, in any order. The plan gives them their meaning.
#[derive(Default)]
pub(crate) struct Args {
    pub(crate) key: Option<KeyArg>,
    pub(crate) keys: Option<KeysArg>,
    pub(crate) settings: Vec<Setting>,
    pub(crate) manager: Option<Expr>,
    pub(crate) guard: Option<Ident>,
    pub(crate) on_busy: Option<OnBusy>,
    pub(crate) on_lost: Option<OnLost>,
    pub(crate) krate: Option<Path>,
    pub(crate) problems: Problems,
}

/// An option of the request, with the name of its setter.
pub(crate) struct Setting {
    pub(crate) name: Ident,
    pub(crate) kind: Kind,
    pub(crate) value: Expr,
}

/// The type of an option's value.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// A duration that is at least this long.
    Time(Duration),
    Flag,
}

/// The options of the request. A new setter of `LockRequest` takes one line here.
const SETTINGS: [(&str, Kind); 5] = [
    ("ttl", Kind::Time(SHORTEST_LEASE)),
    ("wait", Kind::Time(Duration::ZERO)),
    ("auto_extend", Kind::Flag),
    ("max_hold", Kind::Time(SHORTEST_LEASE)),
    ("hold_at_least", Kind::Time(Duration::ZERO)),
];

/// The library's own minimum, which it checks again at run time.
const SHORTEST_LEASE: Duration = Duration::from_millis(10);

/// The name of one resource.
pub(crate) enum KeyArg {
    Template(LitStr),
    Expr(Expr),
}

/// The names of several resources, with the argument's name and the span of its list.
pub(crate) struct KeysArg {
    pub(crate) name: Ident,
    pub(crate) span: Span,
    pub(crate) list: Vec<KeyArg>,
}

/// The policy for a busy lock.
pub(crate) enum OnBusy {
    Error,
    Skip,
    Default(Expr),
}

/// The policy for a body whose lock was lost.
#[derive(Clone, Copy)]
pub(crate) enum OnLost {
    Abort,
    Ignore,
}

impl Parse for Args {
    /// Never fails. A mistake is recorded and parsing resumes after the next comma, so that one
    /// compilation reports every mistake.
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut args = Self::default();
        while !input.is_empty() {
            let parsed = args.argument(input).and_then(|()| end_of_argument(input));
            if let Err(problem) = parsed {
                args.problems.push(problem);
                skip_argument(input);
            }
            input.parse::<Option<Token![,]>>()?;
        }
        Ok(args)
    }
}

impl Args {
    fn argument(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        if let Some(template) = input.parse::<Option<LitStr>>()? {
            let name = Ident::new("key", template.span());
            return set_once(&mut self.key, &name, KeyArg::Template(template));
        }
        let name = input.call(Ident::parse_any).map_err(|problem| {
            syn::Error::new(
                problem.span(),
                "expected a key in quotes, or `name = value`",
            )
        })?;
        match name.to_string().as_str() {
            "key" => assign(&mut self.key, &name, input, KeyArg::parse),
            "keys" => {
                let list = |input: ParseStream<'_>| KeysArg::parse(name.clone(), input);
                assign(&mut self.keys, &name, input, list)
            }
            "manager" => assign(&mut self.manager, &name, input, Expr::parse),
            "guard" => assign(&mut self.guard, &name, input, Ident::parse),
            "on_busy" => assign(&mut self.on_busy, &name, input, OnBusy::parse),
            "on_lost" => assign(&mut self.on_lost, &name, input, OnLost::parse),
            "crate" => assign(&mut self.krate, &name, input, Path::parse_mod_style),
            text => match SETTINGS.iter().find(|(known, _)| *known == text) {
                Some((_, kind)) => self.setting(&name, *kind, input),
                None => Err(unknown(&name, input)),
            },
        }
    }

    fn setting(&mut self, name: &Ident, kind: Kind, input: ParseStream<'_>) -> syn::Result<()> {
        let mut value = None;
        assign(&mut value, name, input, Expr::parse)?;
        if self.settings.iter().any(|other| other.name == *name) {
            return Err(duplicate(name));
        }
        self.settings.extend(value.map(|value| Setting {
            name: name.clone(),
            kind,
            value,
        }));
        Ok(())
    }
}

impl Parse for KeyArg {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let alone = |input: ParseStream<'_>| input.is_empty() || input.peek(Token![,]);
        let ahead = input.fork();
        // As an expression, `key = "invoice:{id}"` would name a resource with literal braces.
        if ahead.parse::<LitStr>().is_ok() && alone(&ahead) {
            input.parse().map(Self::Template)
        } else {
            input.parse().map(Self::Expr)
        }
    }
}

impl KeysArg {
    fn parse(name: Ident, input: ParseStream<'_>) -> syn::Result<Self> {
        if !input.peek(token::Bracket) {
            return Err(input.error("expected a list: `keys = [a, b]`"));
        }
        let content;
        let brackets = bracketed!(content in input);
        let list = Punctuated::<KeyArg, Token![,]>::parse_terminated(&content)?;
        Ok(Self {
            name,
            span: brackets.span.join(),
            list: list.into_iter().collect(),
        })
    }
}

impl Parse for OnBusy {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let (word, span) = word(input);
        match word.as_str() {
            "error" => Ok(Self::Error),
            "skip" => Ok(Self::Skip),
            "default" if input.peek(token::Paren) => {
                let content;
                parenthesized!(content in input);
                let value = content.parse()?;
                if !content.is_empty() {
                    return Err(content.error("expected `)`"));
                }
                Ok(Self::Default(value))
            }
            _ => Err(syn::Error::new(
                span,
                "expected `error`, `skip` or `default(value)`",
            )),
        }
    }
}

impl Parse for OnLost {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let (word, span) = word(input);
        match word.as_str() {
            "abort" => Ok(Self::Abort),
            "ignore" => Ok(Self::Ignore),
            _ => Err(syn::Error::new(span, "expected `abort` or `ignore`")),
        }
    }
}

/// Stores the value of an argument that may appear only once.
fn set_once<T>(slot: &mut Option<T>, name: &Ident, value: T) -> syn::Result<()> {
    if slot.is_some() {
        return Err(duplicate(name));
    }
    *slot = Some(value);
    Ok(())
}

fn duplicate(name: &Ident) -> syn::Error {
    syn::Error::new(name.span(), format!("duplicate argument `{name}`"))
}

/// Parses `= value` after the name of an argument.
fn assign<T>(
    slot: &mut Option<T>,
    name: &Ident,
    input: ParseStream<'_>,
    parse: impl FnOnce(ParseStream<'_>) -> syn::Result<T>,
) -> syn::Result<()> {
    let assigned = input.parse::<Option<Token![=]>>()?.is_some();
    if !assigned || input.is_empty() || input.peek(Token![,]) {
        let problem = format!("`{name}` needs a value: `{name} = …`");
        return Err(syn::Error::new(name.span(), problem));
    }
    set_once(slot, name, parse(input)?)
}

/// Reads a keyword of the attribute. Returns an empty string if there is none.
fn word(input: ParseStream<'_>) -> (String, Span) {
    let span = input.span();
    let word = input.call(Ident::parse_any).map(|word| word.to_string());
    (word.unwrap_or_default(), span)
}

fn end_of_argument(input: ParseStream<'_>) -> syn::Result<()> {
    if input.is_empty() || input.peek(Token![,]) {
        Ok(())
    } else {
        Err(input.error("expected `,`"))
    }
}

fn skip_argument(input: ParseStream<'_>) {
    while !input.peek(Token![,]) && input.parse::<TokenTree>().is_ok() {}
}

/// Explains which arguments there are, and skips the value of one that is not.
fn unknown(name: &Ident, input: ParseStream<'_>) -> syn::Error {
    // The value may contain commas that do not end the argument: `f::<A, B>()`.
    drop(assign(&mut None, name, input, Expr::parse));
    let mut known = vec!["key", "keys"];
    known.extend(SETTINGS.map(|(setting, _)| setting));
    known.extend(["manager", "guard", "on_busy", "on_lost", "crate"]);
    let known = known.join("`, `");
    let problem = format!("unknown argument `{name}`; expected one of `{known}`");
    syn::Error::new(name.span(), problem)
}
