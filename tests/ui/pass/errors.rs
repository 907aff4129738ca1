//! Every return type that can carry a lock error.

use std::{error, io, rc::Rc};

use redlock::{Error, LockError, redlocked};

struct FromError;

impl From<Error> for FromError {
    fn from(_: Error) -> Self {
        Self
    }
}

enum FromLockError {
    Lock(LockError),
}

impl From<LockError> for FromLockError {
    fn from(error: LockError) -> Self {
        Self::Lock(error)
    }
}

struct FromBoth;

impl From<Error> for FromBoth {
    fn from(_: Error) -> Self {
        Self
    }
}

impl From<LockError> for FromBoth {
    fn from(_: LockError) -> Self {
        Self
    }
}

type Aliased<T = (), E = FromLockError> = std::result::Result<T, E>;

#[redlocked("k")]
async fn from_error() -> Result<u8, FromError> {
    Ok(1)
}

#[redlocked("k")]
async fn from_lock_error() -> Result<u8, FromLockError> {
    if false {
        return Err(FromLockError::Lock(LockError::NoGlobal));
    }
    Ok(1)
}

#[redlocked("k")]
async fn from_both() -> Result<u8, FromBoth> {
    Ok(1)
}

#[redlocked("k")]
async fn itself() -> Result<u8, Error> {
    Ok(1)
}

#[redlocked("k")]
async fn lock_error() -> Result<u8, LockError> {
    Ok(1)
}

#[redlocked("k")]
async fn boxed() -> Result<u8, Box<dyn error::Error>> {
    Err(io::Error::other("text"))?
}

#[redlocked("k")]
async fn aliased() -> Aliased {
    Ok(())
}

#[redlocked("k")]
async fn not_send() -> Result<Rc<u8>, Error> {
    Ok(Rc::new(1))
}

#[redlocked("k")]
async fn generic<T: Default, E: From<Error>>() -> Result<T, E> {
    Ok(T::default())
}

#[redlocked("k")]
async fn generic_from_lock_error<E>() -> Result<(), E>
where
    E: From<LockError>,
{
    Ok(())
}

#[redlocked("k", on_busy = skip)]
async fn skip_with_lock_error() -> Aliased {
    Ok(())
}

fn main() {}
