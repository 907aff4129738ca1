//! Code generation from a valid plan, which cannot fail.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Expr, Ident, Stmt};

use crate::args::{OnBusy, OnLost};
use crate::function::{Binding, FutureBody};
use crate::plan::{Key, Keys, Output, Plan, Setting, Shape, Time, Value};

// Input:
//     #[redlocked("invoice:{invoice.id}", ttl = "30s", guard = lock)]
//     async fn charge(invoice: &Invoice, dry: bool) -> Ret { STATEMENTS }
//
// Output, with `private` for `::redlock::private`:
//     async fn charge(invoice: &Invoice, dry: bool) -> Ret {
//         let request = private::request(private::format!("invoice:{}", invoice.id))
//             .ttl(private::Duration::new(30, 0));
//         match request.await {
//             Ok(guard) => {
//                 let outcome = {
//                     let lock: &private::LockGuard = &guard;
//                     let body = private::pin!(async move {
//                         if false { let unreachable: Ret = loop {}; return unreachable; }
//                         let _ = (&invoice, &dry);
//                         STATEMENTS
//                     });
//                     let outcome = private::run(&guard, body).await;
//                     outcome
//                 };
//                 private::finish(guard).await;
//                 match outcome {
//                     Ok(outcome) => outcome,
//                     Err(error) => <Ret as private::Outcome<_>>::refused(VIA, error),
//                 }
//             }
//             Err(error) => <Ret as private::Outcome<_>>::refused(VIA, error),
//         }
//     }
//
// If a plain function returns `Box::pin(async move { STATEMENTS })`, the function itself builds the
// request. Everything after that runs inside a new box, around the user's own `async move`.

/// Expands the function so that its body runs under the lock.
pub(crate) fn expand(plan: &Plan) -> TokenStream {
    let krate = &plan.krate;
    let private = quote_spanned!(Span::mixed_site()=> #krate::private);
    let expansion = Expansion { plan, private };

    let (inner_attrs, statements) = plan.function.statements();
    let request = expansion.request();
    let locked = match &plan.shape {
        Shape::AsyncFn => expansion.in_async_fn(request, statements),
        Shape::Future(body) => expansion.in_future(request, body),
    };
    let body = plan.function.braced(quote!(#(#inner_attrs)* #locked));
    let (attrs, vis, sig) = (&plan.function.attrs, &plan.function.vis, &plan.function.sig);
    quote!(#(#attrs)* #vis #sig #body)
}

struct Expansion<'a> {
    plan: &'a Plan,
    /// The path of the only module that generated code refers to.
    private: TokenStream,
}

impl Expansion<'_> {
    fn in_async_fn(&self, request: TokenStream, statements: TokenStream) -> TokenStream {
        let typed = self.typed();
        let captured = captured(&self.plan.function.bindings());
        let statements = quote!(#typed #captured #statements);
        let block = self.plan.function.braced(statements);
        let locked = self.locked(quote_spanned!(Span::mixed_site()=> async move #block));
        quote!(#request #locked)
    }

    fn in_future(&self, request: TokenStream, body: &FutureBody) -> TokenStream {
        let FutureBody { items, pin, future } = body;
        let typed = self.typed();
        let mut inner = future.clone();
        let first = Stmt::Expr(Expr::Verbatim(typed.clone()), None);
        inner.block.stmts.insert(0, first);
        let locked = self.locked(inner.to_token_stream());
        let outer = quote_spanned!(Span::mixed_site()=> async move { #typed #locked });
        let mut pinned = TokenStream::new();
        match pin {
            Some((pin, parens)) => {
                pin.to_tokens(&mut pinned);
                parens.surround(&mut pinned, |tokens| outer.to_tokens(tokens));
            }
            None => pinned = outer,
        }
        quote!(#(#items)* #request #pinned)
    }

    /// Builds the request. It awaits nothing unless the user's expressions do.
    fn request(&self) -> TokenStream {
        let private = &self.private;
        let new = match &self.plan.keys {
            Keys::Several { list, span } => {
                let list = list.iter().map(|key| {
                    let (key, span) = self.key(key);
                    quote_spanned!(span=> #private::resource(#key))
                });
                quote_spanned!(at(*span)=> #private::request_all([#(#list),*]))
            }
            Keys::One(key) => {
                let (key, span) = self.key(key);
                quote_spanned!(span=> #private::request(#key))
            }
        };
        // A reference accepts anything that derefs to a manager. The `match` keeps the expression
        // itself from being type-checked as a manager.
        let on = self.plan.manager.as_ref().map(|it| {
            quote_spanned! {at(it.span())=>
                let request = match &(#it) {
                    manager => #private::on(request, manager),
                };
            }
        });
        let settings = self.plan.settings.iter().map(|Setting { name, value }| {
            let (value, span) = self.value(value);
            let name = Ident::new(&name.to_string(), span);
            quote_spanned!(span=> .#name(#value))
        });
        quote_spanned! {Span::mixed_site()=>
            let request = #new #(#settings)*;
            #on
        }
    }

    /// Builds the value that a resource is created from.
    fn key(&self, key: &Key) -> (TokenStream, Span) {
        let private = &self.private;
        match key {
            Key::Template { template, span } => {
                let span = at(*span);
                (quote_spanned!(span=> #private::format!(#template)), span)
            }
            Key::Expr(key) => (key.to_token_stream(), at(key.span())),
        }
    }

    fn value(&self, value: &Value) -> (TokenStream, Span) {
        let private = &self.private;
        match value {
            Value::Time(Time::Known(known)) => {
                let (secs, nanos) = (known.as_secs(), known.subsec_nanos());
                let known = quote!(#private::Duration::new(#secs, #nanos));
                (known, Span::mixed_site())
            }
            Value::Time(Time::Expr(expr)) | Value::Flag(expr) => {
                (expr.to_token_stream(), at(expr.span()))
            }
        }
    }

    /// Acquires the lock, awaits the body's future and releases the lock.
    fn locked(&self, body: TokenStream) -> TokenStream {
        let private = &self.private;
        let refused = self.refused();
        let busy = self.busy();
        let guard = self.plan.guard.as_ref().map(
            |guard| quote_spanned!(Span::mixed_site()=> let #guard: &#private::LockGuard = &guard;),
        );
        let (run, unwrapped) = match self.plan.on_lost {
            OnLost::Abort => (
                quote_spanned!(Span::mixed_site()=> #private::run(&guard, body)),
                quote_spanned! {Span::mixed_site()=>
                    match outcome {
                        #private::Result::Ok(outcome) => outcome,
                        #private::Result::Err(error) => #refused,
                    }
                },
            ),
            OnLost::Ignore => {
                let span = Span::mixed_site();
                (quote_spanned!(span=> body), quote_spanned!(span=> outcome))
            }
        };
        // The inner block drops the pinned body, with its captured arguments, before the release.
        // The block has its own `outcome`: as a tail expression it would borrow the body for too
        // long in edition 2021.
        quote_spanned! {Span::mixed_site()=>
            match request.await {
                #private::Result::Ok(guard) => {
                    let outcome = {
                        #guard
                        let body = #private::pin!(#body);
                        let outcome = #run.await;
                        outcome
                    };
                    #private::finish(guard).await;
                    #unwrapped
                }
                #busy
                #private::Result::Err(error) => #refused,
            }
        }
    }

    /// Returns the match arm for a busy lock, if the user gave a default value.
    fn busy(&self) -> Option<TokenStream> {
        let OnBusy::Default(value) = &self.plan.on_busy else {
            return None;
        };
        let private = &self.private;
        let Output { ty, .. } = &self.plan.output;
        Some(quote_spanned! {Span::mixed_site()=>
            #private::Result::Err(error) if error.is_busy() => {
                let value: #ty = #value;
                value
            }
        })
    }

    /// Converts a lock error into the function's result.
    fn refused(&self) -> TokenStream {
        let private = &self.private;
        let Output { ty, span } = &self.plan.output;
        let span = at(*span);
        let via = quote_spanned!(span=> #private::Via::<#ty>::new().via());
        match self.plan.on_busy {
            OnBusy::Error | OnBusy::Default(_) => {
                quote_spanned!(span=> <#ty as #private::Outcome<_>>::refused(#via, error))
            }
            OnBusy::Skip => {
                let name = self.plan.function.sig.ident.unraw().to_string();
                quote_spanned! {span=>
                    <#ty as #private::Skip<_>>::skipped(
                        #via,
                        error,
                        #private::concat!(#private::module_path!(), "::", #name),
                    )
                }
            }
        }
    }

    /// States the body's output type in a branch that is never taken. `?` then knows its target
    /// type, and a type mismatch is reported at the user's expression.
    fn typed(&self) -> TokenStream {
        let Output { ty, span } = &self.plan.output;
        quote_spanned! {at(*span)=>
            #[allow(unreachable_code)]
            if false {
                let unreachable: #ty = loop {};
                return unreachable;
            }
        }
    }
}

/// Makes the body capture each argument as a whole. An argument that is used only in part, or not
/// at all, would otherwise outlive the lock.
fn captured(bindings: &[Binding<'_>]) -> Option<TokenStream> {
    if bindings.is_empty() {
        return None;
    }
    let references = bindings
        .iter()
        .map(|Binding { cfgs, name }| quote!(#(#cfgs)* &#name));
    Some(quote_spanned! {Span::mixed_site()=>
        #[allow(clippy::used_underscore_binding)]
        let _ = (#(#references,)*);
    })
}

/// Returns a span at the user's code that has hygienic names and is exempt from style lints.
fn at(span: Span) -> Span {
    Span::mixed_site().located_at(span)
}
