//! What the code that `#[redlocked]` generates is made of. Not a public interface: it may change
//! in any release, together with `redlock-macros`.

use std::future::Future;
use std::marker::PhantomData;
use std::ops::Deref;
use std::pin::Pin;

use tracing::{debug, warn};

use crate::error::{Error, LockError};
use crate::manager::Redlock;
use crate::manager::request::LockRequest;
use crate::resource::{Resource, Resources};

pub use std::pin::pin;
pub use std::result::Result;
pub use std::time::Duration;
pub use std::{concat, format, module_path};

pub use crate::guard::LockGuard;

/// Requests a lock on one resource from the default manager.
pub fn request(resource: impl Into<Resource>) -> LockRequest {
    LockRequest::new(None, Ok(resource.into().into()))
}

/// Requests a lock on all of these resources from the default manager.
pub fn request_all<const N: usize>(resources: [Resource; N]) -> LockRequest {
    LockRequest::new(None, Resources::all(resources))
}

/// Uses this manager instead of the default one.
pub fn on(request: LockRequest, manager: &Redlock) -> LockRequest {
    request.on(manager)
}

/// Makes a resource of one key among several, which may be of different types.
pub fn resource(key: impl Into<Resource>) -> Resource {
    key.into()
}

/// Awaits the body for as long as the lock is held.
pub async fn run<F: Future>(guard: &LockGuard, body: Pin<&mut F>) -> Result<F::Output, LockError> {
    guard.run(body).await.map_err(LockError::from)
}

/// Gives the lock back. What the body has returned stays the result, whatever comes of this.
pub async fn finish(guard: LockGuard) {
    if let Err(error) = guard.release().await {
        debug!(%error, "redlock release");
    }
}

/// A return type that an error of the lock fits into; `V` is the conversion.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot carry a lock error",
    label = "no place for the error of a lock that was not taken, or was lost",
    note = "return `Result<T, E>` where `E: From<redlock::Error>`, or `E: From<redlock::LockError>`",
    note = "`on_busy = skip` also allows `()` and `Option<T>`"
)]
pub trait Outcome<V>: Sized {
    /// The result of a call that had no lock, or lost it.
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

/// A return type with a value that says "skipped"; `V` is the conversion for all other errors.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not go with `on_busy = skip`",
    label = "not a type that a call can be skipped with",
    note = "return `()`, `Option<T>`, `Result<(), E>` or `Result<Option<T>, E>`, where `E: From<redlock::Error>`",
    note = "or say what a busy lock stands for: `on_busy = default(value)`"
)]
pub trait Skip<V>: Sized {
    /// The result of a call of `function` that had no lock, or lost it.
    fn skipped(via: V, error: LockError, function: &str) -> Self;
}

#[diagnostic::do_not_recommend]
impl Skip<ViaError<Self>> for () {
    fn skipped(_: ViaError<Self>, error: LockError, function: &str) {
        unreported(&error, function);
    }
}

#[diagnostic::do_not_recommend]
impl<T> Skip<ViaError<Self>> for Option<T> {
    fn skipped(_: ViaError<Self>, error: LockError, function: &str) -> Self {
        unreported(&error, function);
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

/// Reports what the return type cannot; that the lock is busy is no news.
fn unreported(error: &LockError, function: &str) {
    if !error.is_busy() {
        warn!(function, %error, "redlock error that a function cannot return");
    }
}

/// Finds the conversion for a return type: `Via::<R>::new().via()` is the first of the methods
/// below whose bounds hold, because method look-up tries each step of `Deref` in turn. A trait
/// could not choose: many an `E` can be made from both errors.
#[derive(Debug)]
pub struct Via<R>(Otherwise<R>);

/// The second choice.
#[derive(Debug)]
pub struct Otherwise<R>(Neither<R>);

/// What is left for a type that neither fits.
#[derive(Debug)]
pub struct Neither<R>(PhantomData<fn() -> R>);

/// Through `redlock::Error`. It names the whole return type, so that a part of it that is still to
/// be inferred is the same part everywhere.
#[derive(Debug)]
pub struct ViaError<R>(PhantomData<fn() -> R>);

/// Through `redlock::LockError`.
#[derive(Debug)]
pub struct ViaLockError<R>(PhantomData<fn() -> R>);

impl<R> Via<R> {
    /// Looks for the conversion of `R`.
    #[expect(clippy::new_without_default, reason = "only generated code makes one")]
    pub const fn new() -> Self {
        Self(Otherwise(Neither(PhantomData)))
    }
}

impl<T, E: From<Error>> Via<Result<T, E>> {
    /// `E` is made from a `redlock::Error`.
    pub const fn via(&self) -> ViaError<Result<T, E>> {
        ViaError(PhantomData)
    }
}

impl<T, E: From<LockError>> Otherwise<Result<T, E>> {
    /// `E` is made from a `redlock::LockError`.
    pub const fn via(&self) -> ViaLockError<Result<T, E>> {
        ViaLockError(PhantomData)
    }
}

impl<R> Neither<R> {
    /// `R` has no conversion. Where it needs one, the missing [`Outcome`] is the error to show.
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
