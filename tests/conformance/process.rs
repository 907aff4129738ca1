//! Processes that contend for keys, and what the node keeps for them while they wait.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redlock::LeaseId;
use redlock::node::{
    Acquire, Command, Fence, Identified, Identify, Leave, Moment, RedisNode, Release, Removal,
    Vote, Waiter, Watch,
};
use redlock_tests::eventually;

use crate::commands::{CountingWatcher, Form, IntoKeys, RETENTION};
use crate::subject::{Host, Pending, SOON, Subject, open};
use crate::waiting::GRANTED;

/// The key of the identity record, which no test writes.
const RECORD: &str = "{redlock:node}:test";

impl Subject {
    fn identify(&self) -> Pending<Identified> {
        let (key, watcher) = (RECORD.as_bytes().into(), Arc::<CountingWatcher>::default());
        let watch = Watch::new(&watcher, 0);
        self.submit(|responder| {
            Command::Identify(Identify::new(key, responder).watch(watch).into())
        })
    }

    /// Opens another session with the node, as another process has it, and waits until hints reach
    /// it.
    pub(crate) async fn process(&self) -> Process {
        let process = self.deaf_process();
        process.node.prepare_to_wait().await;
        process
    }

    /// Identifies the node as a manager does, and waits until hints reach the session. A server is only
    /// then asked to hint it, and to let it hint others.
    pub(crate) async fn prepare_to_wait(&self) {
        self.identify().get().await;
        eventually("hints reach the session", SOON, || self.hints()).await;
    }

    /// Whether hints reach the session.
    pub(crate) fn hints(&self) -> bool {
        self.session.hints()
    }

    /// Opens another session with the node. It was not identified, so a server cannot hint it.
    pub(crate) fn deaf_process(&self) -> Process {
        let session = match &*self.host {
            Host::Memory(node) => open(node),
            Host::Server { url, .. } => open(&RedisNode::open(url).unwrap()),
        };
        let host = Arc::clone(&self.host);
        Process {
            node: Self { session, host },
            contender: Mutex::default(),
        }
    }

    /// The number of waiters for a key.
    pub(crate) async fn waiters(&self, key: &[u8]) -> u32 {
        let waiters = self.inspect(key).get().await.waiters;
        waiters.expect("the node counts waiters")
    }

    /// Waits until the node keeps nothing for waiters for these keys.
    pub(crate) async fn waiting_is_over(&self, keys: &[&[u8]]) {
        for key in keys {
            assert_eq!(self.waiters(key).await, 0);
        }
        if let Host::Server { server, .. } = &*self.host {
            let probe = server.probe();
            let is_over = || {
                let keys = probe.keys().into_iter();
                keys.filter(|it| it.contains(":wait") || it.contains(":next"))
                    .count()
                    == 0
            };
            eventually("the keys of waiters are gone", SOON, is_over).await;
        }
    }
}

/// A process that contends for keys: another session with the node.
pub(crate) struct Process {
    pub(crate) node: Subject,
    contender: Mutex<Arc<CountingWatcher>>,
}

impl Process {
    /// Whether hints reach the session.
    pub(crate) fn can_be_hinted(&self) -> bool {
        self.node.session.hints()
    }

    /// Contends as another contender from now on. Hints for the previous one, which may be repeated
    /// later, are not counted.
    pub(crate) fn start_over(&self) {
        *self.contender.lock().unwrap() = Arc::default();
    }

    pub(crate) fn start_over_all(processes: &[&Self]) {
        processes.iter().for_each(|it| it.start_over());
    }

    /// Acquires keys as a contender that has waited for this long, and goes on waiting if it is
    /// refused.
    pub(crate) fn contend(&self, keys: impl IntoKeys, id: &str, waited: Duration) -> Pending<Vote> {
        self.contend_as(keys, id, waited, None)
    }

    /// The same, with a fence in this form. Without one, the acquire is that of a later round.
    pub(crate) fn contend_as(
        &self,
        keys: impl IntoKeys,
        id: &str,
        waited: Duration,
        form: impl Into<Option<Form>>,
    ) -> Pending<Vote> {
        let (keys, id, form) = (keys.into_keys(), LeaseId::from(id), form.into());
        let waiter = self.waiter(waited);
        self.node.submit(|responder| {
            let acquire = Acquire::new(keys, id, RETENTION, responder).waiter(waiter);
            let is_likely = form == Some(Form::LikelyAccepted);
            let fence = form.map(|_| Fence::new(100, RETENTION).likely_accepted(is_likely));
            let is_contended = matches!(form, None | Some(Form::Contended));
            Command::Acquire(acquire.contended(is_contended).fence(fence))
        })
    }

    /// Releases keys of a lost round. The contender goes on waiting.
    pub(crate) fn requeue(
        &self,
        keys: impl IntoKeys,
        id: &str,
        waited: Duration,
    ) -> Pending<Removal> {
        let (keys, id) = (keys.into_keys(), LeaseId::from(id));
        let gone_by = Moment::now().checked_add(RETENTION).unwrap();
        let waiter = self.waiter(waited);
        self.node.submit(|responder| {
            Command::Release(Release::new(keys, id, gone_by, responder).requeue(waiter))
        })
    }

    /// Stops waiting. Returns once the node has carried it out.
    pub(crate) async fn leave(&self, keys: impl IntoKeys) {
        let leave = Leave::new(keys.into_keys(), self.watch());
        self.node.session.submit(Command::Leave(leave.into()));
        self.node.ping().get().await;
    }

    /// The number of hints that have reached the contender.
    pub(crate) fn hints(&self) -> usize {
        self.contender.lock().unwrap().hints.load(Ordering::SeqCst)
    }

    /// Acquires keys as the contender that was hinted, and goes on if it comes too late: the key is
    /// then kept for the next one for a while.
    pub(crate) async fn take_turn(&self, keys: impl IntoKeys + Copy, id: &str) {
        let granted = async {
            while self.contend(keys, id, SOON).get().await != GRANTED {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let granted = tokio::time::timeout(SOON, granted).await;
        granted.expect("the contender is not granted the key");
    }

    /// Waits until at least this many hints have reached the contender.
    pub(crate) async fn hinted(&self, times: usize) {
        // More often than `eventually` looks: a key is kept for a hinted waiter for 10 ms.
        let hinted = async {
            while self.hints() < times {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let hinted = tokio::time::timeout(SOON, hinted).await;
        hinted.expect("the contender is not hinted");
    }

    /// Ends the process. Returns once the node can know of it, with this many others left.
    pub(crate) async fn die(self, others: usize) {
        let Self { node, contender } = self;
        drop(contender);
        let Subject { session, host } = node;
        drop(session);
        host.until_hintable(others).await;
    }

    fn waiter(&self, waited: Duration) -> Waiter {
        Waiter::new(self.watch(), waited)
    }

    fn watch(&self) -> Watch {
        Watch::new(&self.contender.lock().unwrap(), 0)
    }
}
