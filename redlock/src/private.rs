//! The functions and traits that `#[redlocked]` expands to.
//!
//! This is not a public interface. It may change in any release, together with `redlock-macros`.

use std::future::Future;
use std::marker::PhantomData;
use std::ops::Deref;
use std::pin::Pin;

use tracing::warn;

use crate::error::{Error, LockError};
use crate::manager::Redlock;
use crate::manager::request::LockRequest;
use crate::resource::{Resource, Resources};

pub use std::pin::pin;
pub use std::result::Result;
pub use std::time::Duration;
pub use std::{concat, format, module_path};

pub use crate::guard::LockGuard;

/// Requests a lock on one resource, from the default manager.
pub fn request(resource: impl Into<Resource>) -> LockRequest {
    LockRequest::new(None, Ok(resource.into().into()))
}

/// Requests a lock on several resources together, from the default manager.
pub fn request_all<const N: usize>(resources: [Resource; N]) -> LockRequest {
    LockRequest::new(None, Resources::all(resources))
}

/// Uses `manager` instead of the default manager.
pub fn on(request: LockRequest, manager: &Redlock) -> LockRequest {
    request.on(manager)
}

/// Converts one of several keys into a resource. The keys may have different types.
pub fn resource(key: impl Into<Resource>) -> Resource {
    key.into()
}

/// Runs the body while the lock is held, and drops it when the lease ends.
pub async fn run<F: Future>(guard: &LockGuard, body: Pin<&mut F>) -> Result<F::Output, LockError> {
    guard.run(body).await.map_err(LockError::from)
}

/// Releases the lock. An error does not replace the output of the body.
pub async fn finish(guard: LockGuard) {
    guard.finish().await;
}

/// A return type that can carry a lock error. `V` is the conversion.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot carry a lock error",
    label = "cannot return the error of a lock that was not acquired, or was lost",
    note = "return `Result<T, E>` where `E: From<redlock::Error>`, or `E: From<redlock::LockError>`",
    note = "`on_busy = skip` also allows `()` and `Option<T>`"
)]
pub trait Outcome<V>: Sized {
    /// Returns the output of a call that did not get the lock, or lost it.
    fn refused(via: V, error: LockError) -> Self;
}

#[diagnostic::do_not_recommend]
impl<T, E: From<Error>> Outcome<ViaError<Self>> for Result<T, E> {
    fn refused(_: ViaError<Self>, error: LockError) -> Self {
        Err(E::from(Error::from(error)))
    }
}

#[diagnostic::do_not_recommend]
impl<T, E: From<LockError>> Outcome<ViaLockError<Self>> for Result<T, E> {
    fn refused(_: ViaLockError<Self>, error: LockError) -> Self {
        Err(E::from(error))
    }
}

/// A return type with a value for a skipped call. `V` is the conversion for all other errors.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be used with `on_busy = skip`",
    label = "has no value for a skipped call",
    note = "return `()`, `Option<T>`, `Result<(), E>` or `Result<Option<T>, E>`, where `E: From<redlock::Error>`",
    note = "or set the value to return if the lock is busy: `on_busy = default(value)`"
)]
pub trait Skip<V>: Sized {
    /// Returns the output of a call of `function` that did not get the lock, or lost it.
    fn skipped(via: V, error: LockError, function: &str) -> Self;
}

#[diagnostic::do_not_recommend]
impl Skip<ViaError<Self>> for () {
    fn skipped(_: ViaError<Self>, error: LockError, function: &str) {
        log_dropped(&error, function);
    }
}

#[diagnostic::do_not_recommend]
impl<T> Skip<ViaError<Self>> for Option<T> {
    fn skipped(_: ViaError<Self>, error: LockError, function: &str) -> Self {
        log_dropped(&error, function);
        None
    }
}

#[diagnostic::do_not_recommend]
impl<E, V> Skip<V> for Result<(), E>
where
    Self: Outcome<V>,
{
    fn skipped(via: V, error: LockError, _: &str) -> Self {
        if error.is_busy() {
            Ok(())
        } else {
            Self::refused(via, error)
        }
    }
}

#[diagnostic::do_not_recommend]
impl<T, E, V> Skip<V> for Result<Option<T>, E>
where
    Self: Outcome<V>,
{
    fn skipped(via: V, error: LockError, _: &str) -> Self {
        if error.is_busy() {
            Ok(None)
        } else {
            Self::refused(via, error)
        }
    }
}

/// Logs an error that the return type cannot carry. A busy lock is expected, and is not logged.
fn log_dropped(error: &LockError, function: &str) {
    if !error.is_busy() {
        warn!(function, %error, "a lock error was dropped: the function cannot return it");
    }
}

/// Selects the conversion for a return type, by autoderef.
///
/// `Via::<R>::new().via()` is the first of the methods below whose bounds hold, because method
/// lookup tries each step of `Deref` in turn. A trait could not choose: many error types can be
/// made from both errors.
#[derive(Debug)]
pub struct Via<R>(Otherwise<R>);

/// The second step, for types that are not made from `redlock::Error`.
#[derive(Debug)]
pub struct Otherwise<R>(Neither<R>);

/// The last step, for types that are made from neither error.
#[derive(Debug)]
pub struct Neither<R>(PhantomData<fn() -> R>);

/// The conversion through `redlock::Error`.
///
/// It names the whole return type, so that a part of it that is not inferred yet is inferred as the
/// same type everywhere.
#[derive(Debug)]
pub struct ViaError<R>(PhantomData<fn() -> R>);

/// The conversion through `redlock::LockError`.
#[derive(Debug)]
pub struct ViaLockError<R>(PhantomData<fn() -> R>);

impl<R> Via<R> {
    /// Creates the selector for `R`.
    #[expect(clippy::new_without_default, reason = "only generated code creates it")]
    pub const fn new() -> Self {
        Self(Otherwise(Neither(PhantomData)))
    }
}

impl<T, E: From<Error>> Via<Result<T, E>> {
    /// Selects `redlock::Error`.
    pub const fn via(&self) -> ViaError<Result<T, E>> {
        ViaError(PhantomData)
    }
}

impl<T, E: From<LockError>> Otherwise<Result<T, E>> {
    /// Selects `redlock::LockError`.
    pub const fn via(&self) -> ViaLockError<Result<T, E>> {
        ViaLockError(PhantomData)
    }
}

impl<R> Neither<R> {
    /// Selects a conversion that `R` lacks. If the code needs it, the compiler reports the missing
    /// [`Outcome`].
    pub const fn via(&self) -> ViaError<R> {
        ViaError(PhantomData)
    }
}

impl<R> Deref for Via<R> {
    type Target = Otherwise<R>;

    fn deref(&self) -> &Otherwise<R> {
        &self.0
    }
}

impl<R> Deref for Otherwise<R> {
    type Target = Neither<R>;

    fn deref(&self) -> &Neither<R> {
        &self.0
    }
}
