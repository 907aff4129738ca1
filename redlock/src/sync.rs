//! A mutex without poisoning, and a condition for one waiting task.

use std::future::poll_fn;
use std::ops::{Deref, DerefMut};
use std::sync::{MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// A mutex without poisoning.
///
/// Every value behind such a mutex is consistent wherever a panic is possible. A panic of another
/// thread therefore leaves it in a valid state.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(std::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(std::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A value behind a mutex, and at most one task that waits for it to change.
///
/// The task registers its waker under the lock, so it misses no change. A second waiting task
/// replaces the first.
#[derive(Debug)]
pub(crate) struct Condition<T>(Mutex<Slot<T>>);

#[derive(Debug)]
struct Slot<T> {
    value: T,
    waker: Option<Waker>,
}

/// The locked value of a [`Condition`].
#[derive(Debug)]
pub(crate) struct Locked<'a, T>(MutexGuard<'a, Slot<T>>);

impl<T> Condition<T> {
    pub(crate) const fn new(value: T) -> Self {
        let waker = None;
        Self(Mutex::new(Slot { value, waker }))
    }

    pub(crate) fn lock(&self) -> Locked<'_, T> {
        Locked(self.0.lock())
    }

    /// Waits until `is_met` returns true. It is called now, and each time the task is
    /// [notified](Locked::notify).
    ///
    /// Cancel safe. Not an `async fn`, whose future would have room for each argument twice.
    pub(crate) fn until(&self, is_met: impl Fn(&T) -> bool) -> impl Future<Output = ()> {
        poll_fn(move |cx| {
            let mut slot = self.0.lock();
            if is_met(&slot.value) {
                return Poll::Ready(());
            }
            slot.waker = Some(cx.waker().clone());
            Poll::Pending
        })
    }
}

impl<T> Locked<'_, T> {
    /// Unlocks the value and wakes the waiting task.
    pub(crate) fn notify(mut self) {
        let waker = self.take_waker();
        drop(self);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Takes the waker of the waiting task, to wake it after unlocking.
    pub(crate) fn take_waker(&mut self) -> Option<Waker> {
        self.0.waker.take()
    }
}

impl<T> Deref for Locked<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.value
    }
}

impl<T> DerefMut for Locked<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0.value
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_panic_under_the_lock_does_not_poison_the_mutex() {
        let mutex = Arc::new(Mutex::new(1));
        let other = Arc::clone(&mutex);
        let panicked = std::thread::spawn(move || {
            let _guard = other.lock();
            panic!("under the lock");
        });
        assert!(panicked.join().is_err());
        assert_eq!(*mutex.lock(), 1);
    }

    #[tokio::test]
    async fn a_condition_is_checked_at_first_and_when_notified() {
        let condition = Arc::new(Condition::new(0));
        *condition.lock() = 1;
        condition.until(|value| *value == 1).await;

        let other = Arc::clone(&condition);
        let waiting = tokio::spawn(async move { other.until(|value| *value == 3).await });
        for value in [2, 3] {
            tokio::task::yield_now().await;
            let mut locked = condition.lock();
            *locked = value;
            locked.notify();
        }
        waiting.await.unwrap();
    }
}
