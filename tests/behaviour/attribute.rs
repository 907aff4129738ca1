//! `#[redlocked]`: the body runs under the lock, or not at all.

use std::future::pending;
use std::num::ParseIntError;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Mutex, OnceLock};
use std::time::Duration;

use redlock::{Error, LeaseId, LockError, LockGuard, Redlock, redlocked};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{sleep, timeout};

struct Account {
    id: u64,
    owner: Owner,
}

struct Owner {
    name: &'static str,
}

struct Bank {
    id: u64,
    redlock: Redlock,
}

impl Bank {
    const KIND: &str = "bank";

    #[redlocked("{Self::KIND}:{self.id}:{other}", manager = self.redlock, guard = lock)]
    async fn resource(&mut self, other: u64) -> Result<String, Error> {
        self.id += 1;
        Ok(lock.resource().to_string())
    }
}

fn account() -> Account {
    Account {
        id: 7,
        owner: Owner { name: "ada" },
    }
}

async fn is_free(redlock: &Redlock, resource: &str) -> bool {
    redlock.try_lock(resource).await.is_ok()
}

// ---- the key

#[tokio::test(start_paused = true)]
async fn the_key_names_parameters_and_their_fields() {
    #[redlocked(
        "{account.owner.name}/{account.id:04}/{pair.1}/{kind:?}/{{}}",
        manager = redlock,
        guard = lock,
    )]
    async fn resource(
        redlock: &Redlock,
        account: Account,
        pair: (u8, char),
        kind: Option<u8>,
    ) -> Result<String, Error> {
        Ok(lock.resource().to_string())
    }

    let redlock = Redlock::in_memory(3);
    let resource = resource(&redlock, account(), (1, 'x'), Some(2))
        .await
        .unwrap();
    assert_eq!(resource, "ada/0007/x/Some(2)/{}");
}

#[tokio::test(start_paused = true)]
async fn the_key_names_fields_of_self_and_constants() {
    let mut bank = Bank {
        id: 1,
        redlock: Redlock::in_memory(3),
    };
    assert_eq!(bank.resource(9).await.unwrap(), "bank:1:9");
    assert_eq!(bank.resource(9).await.unwrap(), "bank:2:9");
}

#[tokio::test(start_paused = true)]
async fn a_key_expression_is_evaluated_once_and_first() {
    #[redlocked(
        key = { log.lock().unwrap().push("key"); "expression" },
        manager = { log.lock().unwrap().push("manager"); redlock },
        guard = lock,
    )]
    async fn resource(redlock: &Redlock, log: &Mutex<Vec<&str>>) -> Result<String, Error> {
        log.lock().unwrap().push("body");
        Ok(lock.resource().to_string())
    }

    let log = Mutex::default();
    let resource = resource(&Redlock::in_memory(3), &log).await.unwrap();
    assert_eq!(resource, "expression");
    assert_eq!(*log.lock().unwrap(), ["key", "manager", "body"]);
}

#[tokio::test(start_paused = true)]
async fn an_empty_key_is_an_error_of_the_call() {
    #[redlocked("{name}", manager = redlock)]
    async fn locked(redlock: &Redlock, name: &str) -> Result<(), LockError> {
        unreachable!("the body has no lock")
    }

    let error = locked(&Redlock::in_memory(3), "").await.unwrap_err();
    assert!(!error.is_busy(), "{error:?}");
}

// ---- exclusion

#[tokio::test(start_paused = true)]
async fn bodies_under_one_key_never_overlap() {
    #[redlocked("counter", manager = redlock)]
    async fn increment(redlock: Redlock, counter: Arc<AtomicU32>) -> Result<(), Error> {
        let before = counter.load(Ordering::SeqCst);
        sleep(Duration::from_millis(10)).await;
        counter.store(before + 1, Ordering::SeqCst);
        Ok(())
    }

    let redlock = Redlock::in_memory(5);
    let counter = Arc::new(AtomicU32::new(0));
    let calls: Vec<_> = (0..20)
        .map(|_| tokio::spawn(increment(redlock.clone(), Arc::clone(&counter))))
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(counter.load(Ordering::SeqCst), 20);
}

#[tokio::test(start_paused = true)]
async fn bodies_under_different_keys_overlap() {
    #[redlocked("{id}", wait = "0s", manager = redlock)]
    async fn nested(redlock: &Redlock, id: u32) -> Result<u32, Error> {
        if id == 0 {
            Ok(0)
        } else {
            Ok(1 + Box::pin(nested(redlock, id - 1)).await?)
        }
    }

    assert_eq!(nested(&Redlock::in_memory(3), 3).await.unwrap(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_busy_lock_is_an_error_and_the_body_does_not_run() {
    #[redlocked("busy", wait = "1s", manager = redlock)]
    async fn locked(redlock: &Redlock) -> Result<(), LockError> {
        unreachable!("the body has no lock")
    }

    let redlock = Redlock::in_memory(3);
    let _holder = redlock.lock("busy").await.unwrap();
    assert!(locked(&redlock).await.unwrap_err().is_busy());
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_for_the_lock() {
    #[redlocked("wait", wait = Duration::from_secs(5), manager = redlock)]
    async fn locked(redlock: &Redlock) -> Result<(), Error> {
        Ok(())
    }

    let redlock = Redlock::in_memory(3);
    let holder = redlock.lock("wait").await.unwrap();
    let release = async {
        sleep(Duration::from_secs(3)).await;
        holder.release().await.unwrap();
    };
    let (result, ()) = tokio::join!(locked(&redlock), release);
    result.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_never_polled_locks_nothing() {
    #[redlocked("lazy", manager = redlock)]
    async fn locked(redlock: &Redlock) -> Result<(), Error> {
        Ok(())
    }

    let redlock = Redlock::in_memory(3);
    let call = locked(&redlock);
    assert!(is_free(&redlock, "lazy").await);
    call.await.unwrap();
}

// ---- every way out of the body

#[tokio::test(start_paused = true)]
async fn the_lock_is_free_when_the_call_returns() {
    #[redlocked("return", manager = redlock)]
    async fn locked(redlock: &Redlock, early: bool) -> Result<&'static str, Error> {
        if early {
            return Ok("early");
        }
        assert!(redlock.try_lock("return").await.is_err());
        Ok("late")
    }

    let redlock = Redlock::in_memory(3);
    assert_eq!(locked(&redlock, true).await.unwrap(), "early");
    assert!(is_free(&redlock, "return").await);
    assert_eq!(locked(&redlock, false).await.unwrap(), "late");
    assert!(is_free(&redlock, "return").await);
}

#[tokio::test(start_paused = true)]
async fn the_error_of_the_body_is_the_result() {
    #[redlocked("question mark", manager = redlock)]
    async fn parse(
        redlock: &Redlock,
        text: &str,
    ) -> Result<u32, Box<dyn std::error::Error + Send + Sync>> {
        let number: u32 = text.parse()?;
        Ok(number)
    }

    let redlock = Redlock::in_memory(3);
    assert_eq!(parse(&redlock, "12").await.unwrap(), 12);
    let error = parse(&redlock, "twelve").await.unwrap_err();
    assert!(error.is::<ParseIntError>());
    assert!(is_free(&redlock, "question mark").await);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_body_releases() {
    #[redlocked("panic", manager = redlock)]
    async fn locked(redlock: Redlock) -> Result<(), Error> {
        yield_now().await;
        panic!("on purpose");
    }

    let redlock = Redlock::in_memory(3);
    assert!(
        tokio::spawn(locked(redlock.clone()))
            .await
            .unwrap_err()
            .is_panic()
    );
    assert!(is_free(&redlock, "panic").await);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_releases() {
    #[redlocked("cancel", manager = redlock)]
    async fn locked(redlock: &Redlock) -> Result<(), Error> {
        pending().await
    }

    let redlock = Redlock::in_memory(3);
    timeout(Duration::from_secs(60), locked(&redlock))
        .await
        .unwrap_err();
    assert!(is_free(&redlock, "cancel").await);
}

/// What happened, and whether the lock was held then.
#[derive(Default)]
struct Witness {
    released: OnceLock<Box<dyn Fn() -> bool + Send + Sync>>,
    log: Mutex<Vec<&'static str>>,
}

impl Witness {
    fn watch(&self, lock: &LockGuard) {
        let token = lock.cancellation_token();
        assert!(
            self.released
                .set(Box::new(move || token.is_cancelled()))
                .is_ok()
        );
    }

    fn note(&self, event: &'static str) {
        let released = self.released.get().is_none_or(|released| released());
        self.log
            .lock()
            .unwrap()
            .push(if released { "without lock" } else { event });
    }
}

struct Transaction<'a>(&'a Witness);

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        self.0.note("dropped");
    }
}

#[tokio::test(start_paused = true)]
async fn arguments_outlive_the_body_but_not_the_lock() {
    #[redlocked("drop", manager = redlock, guard = lock)]
    async fn locked(
        redlock: Redlock,
        witness: &Witness,
        _unused: Transaction<'_>,
        (_inside, _): (Transaction<'_>, u8),
    ) -> Result<(), Error> {
        witness.watch(lock);
        yield_now().await;
        witness.note("body");
        Ok(())
    }

    let witness = Witness::default();
    let transaction = || Transaction(&witness);
    locked(
        Redlock::in_memory(3),
        &witness,
        transaction(),
        (transaction(), 0),
    )
    .await
    .unwrap();
    assert_eq!(*witness.log.lock().unwrap(), ["body", "dropped", "dropped"]);
}

// ---- loss

/// Tells the test which lease to take away, and then never ends.
async fn hold(lock: &LockGuard, lease: oneshot::Sender<LeaseId>, _dropped: oneshot::Sender<()>) {
    lease.send(lock.lease_id().clone()).unwrap();
    pending::<()>().await;
}

/// The result of a call that has lost its lock.
async fn ended<T>(call: JoinHandle<T>) -> T {
    timeout(Duration::from_secs(60), call)
        .await
        .expect("the body goes on")
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn loss_cancels_the_body_and_is_the_result() {
    #[redlocked("loss", manager = redlock, guard = lock)]
    async fn locked(
        redlock: Redlock,
        lease: oneshot::Sender<LeaseId>,
        dropped: oneshot::Sender<()>,
    ) -> Result<(), LockError> {
        hold(lock, lease, dropped).await;
        Ok(())
    }

    let redlock = Redlock::in_memory(3);
    let (sender, lease) = oneshot::channel();
    let (alive, dropped) = oneshot::channel::<()>();
    let call = tokio::spawn(locked(redlock.clone(), sender, alive));
    redlock.unlock("loss", lease.await.unwrap()).await.unwrap();
    assert!(matches!(ended(call).await, Err(LockError::Lost(_))));
    dropped.await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn loss_may_be_ignored() {
    #[redlocked("ignore", manager = redlock, guard = lock, on_lost = ignore)]
    async fn locked(redlock: Redlock, lease: oneshot::Sender<LeaseId>) -> Result<bool, LockError> {
        lease.send(lock.lease_id().clone()).unwrap();
        lock.lost().await;
        yield_now().await;
        Ok(lock.is_held())
    }

    let redlock = Redlock::in_memory(3);
    let (sender, lease) = oneshot::channel();
    let call = tokio::spawn(locked(redlock.clone(), sender));
    redlock
        .unlock("ignore", lease.await.unwrap())
        .await
        .unwrap();
    assert!(!ended(call).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn loss_of_a_skipping_call_is_not_a_skipped_call() {
    #[redlocked("skip", manager = redlock, guard = lock, on_busy = skip)]
    async fn locked(
        redlock: Redlock,
        lease: oneshot::Sender<LeaseId>,
        dropped: oneshot::Sender<()>,
    ) -> Result<(), LockError> {
        hold(lock, lease, dropped).await;
        Ok(())
    }

    let redlock = Redlock::in_memory(3);
    let (sender, lease) = oneshot::channel();
    let (alive, _dropped) = oneshot::channel::<()>();
    let call = tokio::spawn(locked(redlock.clone(), sender, alive));
    redlock.unlock("skip", lease.await.unwrap()).await.unwrap();
    assert!(matches!(ended(call).await, Err(LockError::Lost(_))));
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_is_not_extended_ends_with_its_ttl() {
    #[redlocked("plain", manager = redlock, ttl = "2s", auto_extend = false)]
    async fn locked(redlock: &Redlock) -> Result<(), LockError> {
        sleep(Duration::from_secs(3)).await;
        Ok(())
    }

    let error = locked(&Redlock::in_memory(3)).await.unwrap_err();
    assert!(matches!(error, LockError::Lost(_)), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_lock_outlives_its_ttl_up_to_max_hold() {
    #[redlocked("hold", manager = redlock, ttl = "2s", max_hold = "10s")]
    async fn locked(redlock: &Redlock, body: Duration) -> Result<(), LockError> {
        sleep(body).await;
        Ok(())
    }

    let redlock = Redlock::in_memory(3);
    locked(&redlock, Duration::from_secs(7)).await.unwrap();
    let error = locked(&redlock, Duration::from_secs(11)).await.unwrap_err();
    assert!(matches!(error, LockError::Lost(_)), "{error:?}");
}

// ---- what a busy lock means

#[tokio::test(start_paused = true)]
async fn a_busy_call_may_be_skipped() {
    #[redlocked("skip", wait = "0s", on_busy = skip, manager = redlock)]
    async fn unit(redlock: &Redlock, runs: &AtomicU32) {
        runs.fetch_add(1, Ordering::SeqCst);
    }

    #[redlocked("skip", wait = "0s", on_busy = skip, manager = redlock)]
    async fn option(redlock: &Redlock) -> Option<&'static str> {
        Some("ran")
    }

    #[redlocked("skip", wait = "0s", on_busy = skip, manager = redlock)]
    async fn result(redlock: &Redlock, runs: &AtomicU32) -> Result<(), Error> {
        runs.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    #[redlocked("skip", wait = "0s", on_busy = skip, manager = redlock)]
    async fn result_option(redlock: &Redlock) -> Result<Option<&'static str>, LockError> {
        Ok(Some("ran"))
    }

    let redlock = Redlock::in_memory(3);
    let runs = AtomicU32::new(0);

    let holder = redlock.lock("skip").await.unwrap();
    unit(&redlock, &runs).await;
    assert_eq!(option(&redlock).await, None);
    result(&redlock, &runs).await.unwrap();
    assert_eq!(result_option(&redlock).await.unwrap(), None);
    assert_eq!(runs.load(Ordering::SeqCst), 0);

    holder.release().await.unwrap();
    unit(&redlock, &runs).await;
    assert_eq!(option(&redlock).await, Some("ran"));
    result(&redlock, &runs).await.unwrap();
    assert_eq!(result_option(&redlock).await.unwrap(), Some("ran"));
    assert_eq!(runs.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_busy_call_may_have_a_value() {
    #[redlocked("default", wait = "0s", on_busy = default(Ok(cached(text).await)), manager = redlock)]
    async fn locked(redlock: &Redlock, text: String) -> Result<String, Error> {
        Ok(text)
    }

    async fn cached(text: String) -> String {
        yield_now().await;
        format!("cached {text}")
    }

    let redlock = Redlock::in_memory(3);
    let holder = redlock.lock("default").await.unwrap();
    assert_eq!(
        locked(&redlock, "text".into()).await.unwrap(),
        "cached text"
    );
    holder.release().await.unwrap();
    assert_eq!(locked(&redlock, "text".into()).await.unwrap(), "text");
}

#[tokio::test(start_paused = true)]
async fn only_a_busy_lock_is_skipped_or_replaced() {
    #[redlocked("no manager", on_busy = skip)]
    async fn skip() -> Result<(), LockError> {
        unreachable!("the body has no lock")
    }

    #[redlocked("no manager", on_busy = default(Ok(())))]
    async fn default() -> Result<(), LockError> {
        unreachable!("the body has no lock")
    }

    #[redlocked("no manager", on_busy = skip)]
    async fn nowhere_to_put_an_error() {
        unreachable!("the body has no lock")
    }

    assert!(matches!(skip().await, Err(LockError::NoGlobal)));
    assert!(matches!(default().await, Err(LockError::NoGlobal)));
    nowhere_to_put_an_error().await;
}

// ---- the manager

#[redlocked("default manager", guard = lock)]
async fn default_manager() -> Result<LeaseId, LockError> {
    Ok(lock.lease_id().clone())
}

#[tokio::test(start_paused = true)]
async fn without_a_manager_the_body_does_not_run() {
    assert!(matches!(default_manager().await, Err(LockError::NoGlobal)));
}

#[tokio::test(start_paused = true)]
async fn a_scope_is_the_default_manager() {
    let redlock = Redlock::in_memory(3);
    redlock.scope(default_manager()).await.unwrap();

    let _holder = redlock.lock("default manager").await.unwrap();
    let busy = redlock
        .scope(async { default_manager().await })
        .await
        .unwrap_err();
    assert!(busy.is_busy());
}

#[tokio::test(start_paused = true)]
async fn a_named_manager_comes_before_the_scope() {
    #[redlocked("named", manager = redlock, wait = "0s")]
    async fn named(redlock: &Redlock) -> Result<(), LockError> {
        Ok(())
    }

    let (scope, other) = (Redlock::in_memory(3), Redlock::in_memory(3));
    let _holder = scope.lock("named").await.unwrap();
    scope.scope(named(&other)).await.unwrap();
    assert!(scope.scope(named(&scope)).await.unwrap_err().is_busy());
}

#[tokio::test(start_paused = true)]
async fn a_manager_may_be_whatever_derefs_to_one() {
    static REDLOCK: LazyLock<Redlock> = LazyLock::new(|| Redlock::in_memory(3));

    #[redlocked("static", manager = REDLOCK)]
    async fn lazy() -> Result<(), Error> {
        Ok(())
    }

    #[redlocked("shared", manager = redlock)]
    async fn shared(redlock: Arc<Redlock>) -> Result<(), Error> {
        Ok(())
    }

    lazy().await.unwrap();
    shared(Arc::new(Redlock::in_memory(3))).await.unwrap();
}

// ---- other shapes

trait Job {
    fn run<'a>(
        &'a mut self,
        name: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<String, LockError>> + Send + 'a>>;
}

impl Job for Bank {
    #[redlocked("job:{self.id}:{name}", manager = self.redlock, guard = lock, wait = "0s")]
    fn run<'a>(
        &'a mut self,
        name: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<String, LockError>> + Send + 'a>> {
        Box::pin(async move {
            self.id += 1;
            if name.is_empty() {
                return Ok(String::new());
            }
            Ok(format!("{} as {}", lock.resource(), self.id))
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_boxed_body_runs_under_the_lock() {
    let redlock = Redlock::in_memory(3);
    let mut bank = Bank {
        id: 1,
        redlock: redlock.clone(),
    };
    assert_eq!(bank.run("audit").await.unwrap(), "job:1:audit as 2");

    let _holder = redlock.lock("job:2:audit").await.unwrap();
    assert!(bank.run("audit").await.unwrap_err().is_busy());
    assert_eq!(bank.id, 2);
}

#[redlocked("test", manager = Redlock::in_memory(3), guard = lock)]
#[tokio::test(start_paused = true)]
async fn a_test_may_run_under_the_lock_as_a_whole() -> Result<(), Error> {
    assert!(lock.is_held());
    Ok(())
}

#[test]
fn the_body_is_stored_once() {
    const SIZE: usize = 64 * 1024;

    #[redlocked("size", manager = redlock)]
    async fn locked(redlock: &Redlock) -> Result<u8, Error> {
        let large = [1; SIZE];
        yield_now().await;
        Ok(large[0])
    }

    let redlock = Redlock::in_memory(1);
    assert!(size_of_val(&locked(&redlock)) < SIZE * 3 / 2);
}
