//! The `#[redlocked]` attribute of the [`redlock`] crate.
//!
//! Depend on `redlock` and use `redlock::redlocked`; the attribute is part of its default features.
//!
//! [`redlock`]: https://docs.rs/redlock

mod args;
mod expand;
mod function;
mod key;
mod plan;
mod problems;
mod returns;

use proc_macro::TokenStream;

use crate::args::Args;
use crate::plan::Plan;

/// Runs an `async fn` under a lock.
///
/// The lock is acquired before the first statement, and released when the body is done, however it
/// ends. Without the lock the body does not run; if the lock is lost, the body is dropped where it
/// waits, and the call returns the loss.
///
/// ```
/// use redlock::{Error, Redlock, redlocked};
///
/// struct Invoice {
///     id: u64,
/// }
///
/// #[redlocked("invoice:{invoice.id}", ttl = "30s", wait = "5s")]
/// async fn charge(invoice: &Invoice) -> Result<u64, Error> {
///     // one process at a time gets here for one invoice
///     Ok(invoice.id)
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let redlock = Redlock::in_memory(3);
/// assert_eq!(redlock.scope(charge(&Invoice { id: 42 })).await?, 42);
/// # Ok(())
/// # }
/// ```
///
/// The signature stays as it is. Methods with any `self`, methods of traits, generics, lifetimes,
/// patterns and `impl Trait` are all fine. So is a plain function whose whole body is
/// `Box::pin(async move { … })` or `async move { … }`, which is also what `#[async_trait]` makes.
///
/// # The return type
///
/// It has to have a place for a lock that could not be had: `Result<T, E>` where `E` is made from
/// `redlock::Error`, or else from `redlock::LockError`. Both have all the reasons, a lost lock
/// among them. See [`on_busy`](#on_busy) for functions that return something else.
///
/// ```
/// # use redlock::redlocked;
/// #[derive(Debug)]
/// enum ChargeError {
///     Lock(redlock::Error),
///     Refused,
/// }
///
/// impl From<redlock::Error> for ChargeError {
///     fn from(error: redlock::Error) -> Self {
///         Self::Lock(error)
///     }
/// }
///
/// #[redlocked("invoice:{id}")]
/// async fn charge(id: u64) -> Result<(), ChargeError> {
///     if id == 0 {
///         return Err(ChargeError::Refused); // stays as it is, and releases
///     }
///     Ok(())
/// }
/// ```
///
/// # Arguments
///
/// ## The key
///
/// What is locked: a string in the manner of `format!`. A placeholder names a parameter, a field of
/// one (`{invoice.id}`, `{self.config.region}`, `{pair.0}`) or a constant (`{Self::KIND}`), and may
/// end in a format (`{id:08}`). A brace is written `{{` or `}}`. The key is made once, before
/// anything else.
///
/// ## `key`
///
/// In place of the string, any expression that a `Resource` can be made from. It can use the
/// parameters, and `?` where the function can.
///
/// ```
/// # use redlock::{Error, redlocked};
/// #[redlocked(key = path.trim_end_matches('/'))]
/// async fn compact(path: &str) -> Result<(), Error> {
///     Ok(())
/// }
/// ```
///
/// ## `keys`
///
/// In place of one key a list, `keys = [a, b]`, of strings with placeholders and expressions:
/// [several resources] under one lock, all or none, in any order. Each is made once, in the order
/// of the list.
///
/// [several resources]: https://docs.rs/redlock/latest/redlock/struct.Redlock.html#method.lock_all
///
/// ```
/// # use redlock::{Error, Redlock, redlocked};
/// #[redlocked(keys = ["account:{from}", "account:{to}"])]
/// async fn transfer(from: u64, to: u64) -> Result<(), Error> {
///     Ok(())
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// # Redlock::in_memory(3).scope(transfer(7, 4)).await
/// # }
/// ```
///
/// ## `ttl`
///
/// How long the nodes keep the lock if nothing extends it: a string such as `"30s"` or `"1m 30s"`,
/// which is checked by the compiler, or an expression of type `Duration`. Default: that of the
/// manager.
///
/// ## `wait`
///
/// How long to wait for a busy lock; `"0s"` is one attempt. Default: that of the manager.
///
/// ## `auto_extend`
///
/// Whether the lock is extended in the background while the body runs. With `false` the body has
/// the `ttl` and no more. Default: that of the manager.
///
/// ## `max_hold`
///
/// The longest time for which the lock is extended; a body that takes longer loses it. Default:
/// that of the manager.
///
/// ## `hold_at_least`
///
/// How long others are kept out at least, even if the body is done sooner: for a job that every
/// machine starts at about the same time, and one of them is to do. Default: no time at all.
///
/// ```
/// # use redlock::{Error, Redlock, redlocked};
/// #[redlocked("nightly-report", wait = "0s", on_busy = skip, hold_at_least = "1m")]
/// async fn report() -> Result<(), Error> {
///     Ok(())
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// # Redlock::in_memory(3).scope(report()).await
/// # }
/// ```
///
/// ## `manager`
///
/// The manager to ask: an expression for anything that derefs to a `Redlock`, such as
/// `self.redlock`, a parameter, an `Arc` or a `static` in a `LazyLock`. Default: the one of
/// `Redlock::scope`, or else of `Redlock::install_global`.
///
/// ## `guard`
///
/// A name for the guard in the body, which has it as `&LockGuard`: the fencing token, what is left
/// of the lease, its id, the signal of its loss.
///
/// ```
/// # use redlock::{Error, FencingToken, Redlock, redlocked};
/// # struct Store { redlock: Redlock }
/// # async fn write(row: &str, token: FencingToken) -> Result<(), Error> { Ok(()) }
/// # impl Store {
/// #[redlocked("row:{row}", manager = self.redlock, guard = lock)]
/// async fn save(&self, row: &str) -> Result<(), Error> {
///     write(row, lock.token()).await
/// }
/// # }
/// ```
///
/// ## `on_busy`
///
/// What a call does when somebody else holds the lock to the end of its `wait`:
///
/// - `error`: it returns the error. This is the default.
/// - `skip`: it returns `Ok(())`, `Ok(None)`, `None` or `()`, whichever the return type has. Every
///   other failure, loss included, remains an error; where the type has no place for one, it
///   becomes an event of `tracing`.
/// - `default(value)`: it returns this value, for which the parameters can be used. Every other
///   failure remains an error.
///
/// ```
/// # use redlock::{Error, redlocked};
/// #[redlocked("nightly-report", wait = "0s", on_busy = skip)]
/// async fn report() -> Result<(), Error> {
///     Ok(()) // also when another process is at it
/// }
/// ```
///
/// ## `on_lost`
///
/// What happens to a body that has lost its lock:
///
/// - `abort`: it is dropped at the `.await` where it is, and the call returns the loss. This is the
///   default.
/// - `ignore`: it runs on. Ask the `guard` before anything that needs the lock.
///
/// ## `crate`
///
/// The path of this library, where it is not `::redlock`: `crate = my_crate::redlock`.
///
/// # In detail
///
/// - Nothing happens before the returned future is polled. Only a plain function that returns a
///   future makes its key, and evaluates the arguments beside it, when it is called.
/// - Parameters live to the end of the body and are dropped before the release, so that a
///   transaction among them is over while the lock is held. What a `_` in a pattern discards goes
///   later.
/// - The release is waited for, but not for long, and never changes the result. The result is kept
///   meanwhile, so the future is `Send` only if its result is, which `Box<dyn Error>` is not.
/// - A body is dropped at an `.await` or not at all: code that blocks, and tasks that it has
///   spawned, go on without the lock.
/// - Attributes that turn an `async fn` into a plain one, such as `#[tokio::test]` and
///   `#[tokio::main]`, go below this one.
#[proc_macro_attribute]
pub fn redlocked(args: TokenStream, item: TokenStream) -> TokenStream {
    let original = item.clone();
    match plan(args, item) {
        Ok(plan) => expand::expand(&plan).into(),
        // The function stays, so that its other uses and the editor do not suffer as well.
        Err(problems) => {
            let mut tokens = original;
            tokens.extend(TokenStream::from(problems.to_compile_error()));
            tokens
        }
    }
}

fn plan(args: TokenStream, item: TokenStream) -> syn::Result<Plan> {
    let mut args: Args = syn::parse(args)?;
    match args.problems.keep(syn::parse(item)) {
        Some(function) => Plan::new(args, function),
        None => args.problems.or(None),
    }
}
