//! The rules that the arguments and the function have to satisfy together.

use std::time::Duration;

use humantime::{format_duration, parse_duration};
use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Expr, Ident, Lit, Path, ReturnType, Type, parse_quote_spanned};

use crate::args;
use crate::args::{Args, KeyArg, KeysArg, Kind, OnBusy, OnLost};
use crate::function::{Function, FutureBody, ungrouped};
use crate::key::Template;
use crate::problems::Problems;
use crate::returns;
use crate::returns::{Deferred, erase_impl_trait, output_of_future};

/// A use of the attribute that obeys every rule.
pub(crate) struct Plan {
    pub(crate) function: Function,
    pub(crate) shape: Shape,
    pub(crate) output: Output,
    pub(crate) keys: Keys,
    pub(crate) settings: Vec<Setting>,
    pub(crate) manager: Option<Expr>,
    pub(crate) guard: Option<Ident>,
    pub(crate) on_busy: OnBusy,
    pub(crate) on_lost: OnLost,
    pub(crate) krate: Path,
}

/// The place of the body.
pub(crate) enum Shape {
    /// In an `async fn`.
    AsyncFn,
    /// In the future that a plain function returns.
    Future(Box<FutureBody>),
}

/// The type that the body yields, in a form that can be written inside it.
pub(crate) struct Output {
    pub(crate) ty: Type,
    /// The span of the type, or of the function's name if no type is written.
    pub(crate) span: Span,
}

/// The resources to lock.
pub(crate) enum Keys {
    One(Key),
    Several { list: Vec<Key>, span: Span },
}

/// The name of one resource.
pub(crate) enum Key {
    Template { template: Template, span: Span },
    Expr(Expr),
}

/// An option of the request, with the name of its setter.
pub(crate) struct Setting {
    pub(crate) name: Ident,
    pub(crate) value: Value,
}

/// The value of an option.
pub(crate) enum Value {
    Time(Time),
    Flag(Expr),
}

/// A duration that is known now, or an expression that every call evaluates.
pub(crate) enum Time {
    Known(Duration),
    Expr(Expr),
}

impl Plan {
    /// Applies every rule and reports every violation.
    pub(crate) fn new(args: Args, function: Function) -> syn::Result<Self> {
        let mut problems = args.problems;
        let keys = match (args.key, args.keys) {
            // An argument that failed to parse may have been the key.
            (None, None) if !problems.is_empty() => None,
            (key, None) => problems.keep(self::key(key)).map(Keys::One),
            (key, Some(keys)) => several(key.as_ref(), keys, &mut problems),
        };
        let settings = args.settings.into_iter();
        let settings: Vec<_> = settings
            .filter_map(|it| problems.keep(setting(it)))
            .collect();
        if let Some(guard) = &args.guard {
            problems.keep(no_parameter_named(guard, &function));
        }
        let shape = problems.keep(shape(&function));
        let output = shape
            .as_ref()
            .and_then(|shape| problems.keep(output(&function, shape)));

        let (shape, output, keys) = problems.or(shape.zip(output).zip(keys).map(flatten))?;
        Ok(Self {
            function,
            shape,
            output,
            keys,
            settings,
            manager: args.manager,
            guard: args.guard,
            on_busy: args.on_busy.unwrap_or(OnBusy::Error),
            on_lost: args.on_lost.unwrap_or(OnLost::Abort),
            krate: args
                .krate
                .unwrap_or_else(|| parse_quote_spanned!(Span::mixed_site()=> ::redlock)),
        })
    }
}

fn key(key: Option<KeyArg>) -> syn::Result<Key> {
    match key {
        Some(KeyArg::Template(literal)) => Ok(Key::Template {
            template: Template::parse(&literal)?,
            span: literal.span(),
        }),
        Some(KeyArg::Expr(expr)) => Ok(Key::Expr(expr)),
        None => Err(syn::Error::new(
            Span::call_site(),
            "missing key: write it in quotes, or as `key = expression`",
        )),
    }
}

/// Reads the keys of a list, which excludes any key outside it.
fn several(beside: Option<&KeyArg>, keys: KeysArg, problems: &mut Problems) -> Option<Keys> {
    let KeysArg { name, span, list } = keys;
    if beside.is_some() {
        let problem = "`keys` excludes any other key; move that key into the list";
        problems.push(syn::Error::new(name.span(), problem));
    }
    if list.is_empty() {
        problems.push(syn::Error::new(span, "`keys` needs at least one key"));
        return None;
    }
    let each = list.into_iter().map(|one| problems.keep(key(Some(one))));
    // Two steps, so that every wrong key is reported.
    let list: Vec<_> = each.collect();
    let list = list.into_iter().collect::<Option<_>>()?;
    Some(Keys::Several { list, span })
}

fn setting(args::Setting { name, kind, value }: args::Setting) -> syn::Result<Setting> {
    let value = match kind {
        Kind::Time(least) => Value::Time(time(&name, value, least)?),
        Kind::Flag => Value::Flag(value),
    };
    Ok(Setting { name, value })
}

fn time(name: &Ident, value: Expr, least: Duration) -> syn::Result<Time> {
    let value = ungrouped(value);
    let Expr::Lit(literal) = &value else {
        return Ok(Time::Expr(value));
    };
    let problem = match &literal.lit {
        Lit::Str(text) => match parse_duration(&text.value()) {
            Ok(time) if time >= least => return Ok(Time::Known(time)),
            Ok(_) => format!("`{name}` must be at least {}", format_duration(least)),
            Err(problem) => format!("not a duration such as \"30s\" or \"1m 30s\": {problem}"),
        },
        _ => format!("`{name}` needs a unit, as in \"30s\", or an expression of type `Duration`"),
    };
    Err(syn::Error::new_spanned(&value, problem))
}

fn no_parameter_named(guard: &Ident, function: &Function) -> syn::Result<()> {
    let guard_name = guard.unraw();
    if function
        .bindings()
        .iter()
        .any(|binding| binding.name.unraw() == guard_name)
    {
        let problem =
            format!("the guard would shadow the parameter `{guard}`; choose another name");
        return Err(syn::Error::new(guard.span(), problem));
    }
    Ok(())
}

fn shape(function: &Function) -> syn::Result<Shape> {
    let sig = &function.sig;
    if let Some(constness) = sig.constness {
        return Err(syn::Error::new(
            constness.span,
            "a `const fn` cannot wait for a lock",
        ));
    }
    if sig.asyncness.is_some() {
        return Ok(Shape::AsyncFn);
    }
    let returns_future = match &sig.output {
        ReturnType::Default => false,
        ReturnType::Type(_, ty) => output_of_future(ty).is_some(),
    };
    match function.future() {
        Some(future) if returns_future => Ok(Shape::Future(Box::new(future))),
        _ if returns_future => Err(syn::Error::new(
            function.body.span(),
            "the whole body must be one `async move { … }` or `Box::pin(async move { … })`; \
             anything before it would run without the lock",
        )),
        _ => {
            if let ReturnType::Type(_, ty) = &sig.output {
                not_deferred(ty)?;
            }
            Err(syn::Error::new(sig.fn_token.span, not_async(function)))
        }
    }
}

/// Rejects a type that contains a future or a stream. It would run after the release.
fn not_deferred(ty: &Type) -> syn::Result<()> {
    let (part, problem) = match returns::deferred(ty) {
        None => return Ok(()),
        Some(Deferred::Future(part)) => (
            part,
            "the lock is released when the function returns, so this future would run without it; \
             await it here, or move a guard into it: see \"Streams and futures\" of `#[redlocked]`",
        ),
        Some(Deferred::Stream(part)) => (
            part,
            "the lock is released when the function returns, so this stream would run without it; \
             replace the attribute by a guard that is moved into the stream: see \
             \"Streams and futures\" of `#[redlocked]`",
        ),
    };
    Err(syn::Error::new_spanned(part, problem))
}

/// Explains how to fix a function that is not async.
fn not_async(function: &Function) -> String {
    let last_name = |attr: &Attribute| Some(attr.path().segments.last()?.ident.to_string());
    if function
        .attrs
        .iter()
        .any(|attr| last_name(attr).as_deref() == Some("test"))
    {
        "this test is no longer async; place `#[redlocked]` above `#[tokio::test]`".into()
    } else if function.sig.ident == "main" {
        "this `main` is no longer async; place `#[redlocked]` above `#[tokio::main]`".into()
    } else {
        "only an `async fn` can be locked; add `async`".into()
    }
}

fn output(function: &Function, shape: &Shape) -> syn::Result<Output> {
    let sig = &function.sig;
    let (ty, span) = match &sig.output {
        ReturnType::Default => {
            let span = sig.ident.span();
            (parse_quote_spanned!(span=> ()), span)
        }
        ReturnType::Type(_, ty) => match (shape, output_of_future(ty)) {
            (Shape::Future(_), Some(ty)) => (ty.clone(), ty.span()),
            _ => ((**ty).clone(), ty.span()),
        },
    };
    not_deferred(&ty)?;
    match returns::ungrouped(&ty) {
        Type::Never(_) => Err(syn::Error::new(
            span,
            "a function that never returns cannot report a lock error",
        )),
        Type::ImplTrait(_) => Err(syn::Error::new_spanned(
            &ty,
            "`impl Trait` hides whether it can carry a lock error; return `Result<impl Trait, E>`, \
             but no stream or future, which would run without the lock",
        )),
        _ => Ok(Output {
            ty: erase_impl_trait(ty),
            span,
        }),
    }
}

fn flatten<A, B, C>(((a, b), c): ((A, B), C)) -> (A, B, C) {
    (a, b, c)
}
