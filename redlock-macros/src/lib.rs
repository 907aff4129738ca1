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
/// The lock is acquired before the first statement and released when the body ends, however it
/// ends. Without the lock the body does not run. If the lock is lost, the body is dropped at its
/// current `.await` and the call returns the loss.
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
///     // one process at a time gets here for each invoice
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
/// The signature does not change. Methods with any `self`, methods of traits, generics, lifetimes,
/// patterns and `impl Trait` are supported. So is a plain function whose whole body is
/// `Box::pin(async move { … })` or `async move { … }`, as `#[async_trait]` generates it.
///
/// # The return type
///
/// It must be able to carry a lock error: `Result<T, E>` where `E` implements
/// `From<redlock::Error>`, or else `From<redlock::LockError>`. Both cover every reason, a lost lock
/// included. See [`on_busy`](#on_busy) for functions that return something else.
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
///         return Err(ChargeError::Refused); // returned unchanged; the lock is released
///     }
///     Ok(())
/// }
/// ```
///
/// # Streams and futures
///
/// The lock is released when the function returns. A stream or a future that it returned would run
/// without the lock, and is rejected, also inside of a `Result`, an `Option` or a tuple. It is
/// recognized by its name, so a type alias and `impl IntoResponse` hide it. Do without the attribute
/// there: acquire a guard and move it into the stream. [`run`] ends the stream with an error if the
/// lock is lost. For a future that is spawned there is [`run_owned`].
///
/// [`run`]: https://docs.rs/redlock/latest/redlock/struct.LockGuard.html#method.run
/// [`run_owned`]: https://docs.rs/redlock/latest/redlock/struct.LockGuard.html#method.run_owned
///
/// ```
/// use std::pin::pin;
///
/// use futures_util::{Stream, StreamExt, TryStreamExt, stream};
/// use redlock::{Error, Redlock};
///
/// /// The rows of a table, which stays locked until the stream has ended or is dropped.
/// async fn rows(redlock: &Redlock) -> Result<impl Stream<Item = Result<u32, Error>>, Error> {
///     let guard = redlock.lock("table").await?;
///     let rows = stream::iter([1, 2, 3]);
///     Ok(stream::try_unfold((guard, rows), |(guard, mut rows)| async move {
///         let next = guard.run(rows.next()).await?;
///         Ok(next.map(|row| (row, (guard, rows))))
///     }))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let redlock = Redlock::in_memory(3);
/// let mut rows = pin!(rows(&redlock).await?);
/// while let Some(row) = rows.try_next().await? {
///     assert!(redlock.try_lock("table").await.is_err(), "locked at row {row}");
/// }
/// assert!(redlock.try_lock("table").await.is_ok());
/// # Ok(())
/// # }
/// ```
///
/// # Arguments
///
/// ## The key
///
/// The resource to lock, as a string in the style of `format!`. A placeholder names a parameter, a
/// field of one (`{invoice.id}`, `{self.config.region}`, `{pair.0}`) or a constant
/// (`{Self::KIND}`). It may end in a format (`{id:08}`). A brace is written `{{` or `}}`. The key
/// is built once, before anything else.
///
/// ## `key`
///
/// Instead of the string, any expression that converts into a `Resource`. It can use the
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
/// Instead of one key, a list of strings with placeholders and expressions: `keys = [a, b]`. One
/// lock covers [several resources], all or none.
/// Their order does not matter. Each key is built once, in the order of the list.
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
/// How long the nodes keep the lock if nothing extends it. This is a string such as `"30s"` or
/// `"1m 30s"`, which is checked at compile time, or an expression of type `Duration`. Default: the
/// manager's `ttl`.
///
/// ## `wait`
///
/// How long to wait for a busy lock. `"0s"` makes one attempt. Default: the manager's `wait`.
///
/// ## `auto_extend`
///
/// Whether the lock is extended in the background while the body runs. With `false` the body has
/// the `ttl` and no more. Default: the manager's `auto_extend`.
///
/// ## `max_hold`
///
/// The longest time for which the lock is extended. A body that takes longer loses it. Default: the
/// manager's `max_hold`.
///
/// ## `hold_at_least`
///
/// The shortest time for which the lock is held, even if the body ends sooner. It suits a job that
/// every machine starts at about the same time and only one should run. Default: no minimum.
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
/// The manager to use: an expression for anything that derefs to a `Redlock`, such as
/// `self.redlock`, a parameter, an `Arc` or a `static` in a `LazyLock`. Default: the manager of the
/// enclosing `Redlock::scope`, or else the one from `Redlock::install_global`.
///
/// ## `guard`
///
/// A name for the guard, which the body sees as a `&LockGuard`. It provides the fencing token, the
/// lease's id and remaining time, and the loss signal.
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
/// The result of a call whose `wait` ends while another caller still holds the lock:
///
/// - `error`: the call returns the error. This is the default.
/// - `skip`: the call returns `Ok(())`, `Ok(None)`, `None` or `()`, according to the return type.
///   Every other failure, loss included, remains an error. If the type cannot carry one, the error
///   becomes a `tracing` event.
/// - `default(value)`: the call returns this value, which may use the parameters. Every other
///   failure remains an error.
///
/// ```
/// # use redlock::{Error, redlocked};
/// #[redlocked("nightly-report", wait = "0s", on_busy = skip)]
/// async fn report() -> Result<(), Error> {
///     Ok(()) // also if another process is already running it
/// }
/// ```
///
/// ## `on_lost`
///
/// The fate of a body whose lock is lost:
///
/// - `abort`: the body is dropped at its current `.await`, and the call returns the loss. This is
///   the default.
/// - `ignore`: the body continues. Check the `guard` before anything that needs the lock.
///
/// ## `crate`
///
/// The path of this library, if it is not `::redlock`: `crate = my_crate::redlock`.
///
/// # In detail
///
/// - Nothing happens before the returned future is polled. The exception is a plain function that
///   returns a future: its key and the other arguments of the attribute are evaluated when it is
///   called.
/// - Parameters live to the end of the body and are dropped before the release, so a transaction
///   among them ends while the lock is held. Values that a `_` in a pattern discards are dropped
///   later.
/// - The call waits for the release, but not for long. The release never changes the result. The
///   result is kept until then, so the future is `Send` only if its result is. `Box<dyn Error>` is
///   not.
/// - A body is only ever dropped at an `.await`. Blocking code, and tasks that the body has
///   spawned, continue without the lock.
/// - Attributes that turn an `async fn` into a plain one, such as `#[tokio::test]` and
///   `#[tokio::main]`, go below this one.
#[proc_macro_attribute]
pub fn redlocked(args: TokenStream, item: TokenStream) -> TokenStream {
    let original = item.clone();
    match plan(args, item) {
        Ok(plan) => expand::expand(&plan).into(),
        // The function is kept, so that its callers and the editor see no follow-up errors.
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
