//! The verb `redlock check`.

mod ask;
mod findings;
mod latency;
mod output;
mod probe;
mod rights;

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

use redlock::{FencingToken, LockError, Redlock};
use tokio::task::JoinHandle;

use crate::args::NodeArgs;
use crate::check::findings::Findings;
use crate::check::probe::{Probe, ProbeNames};
use crate::console::Console;
use crate::failure::Failure;
use crate::nodes::shut_down;
use crate::report;
use crate::signals::Signals;

/// Tries a lock on every node and on a quorum, and prints what is wrong.
pub(crate) async fn check(nodes: &NodeArgs, console: &Console) -> Result<u8, Failure> {
    let builder = nodes.builder()?;
    let configured = builder.clone().build()?;
    // The counters of the probe are of no use later.
    let retention = configured.max_ttl().saturating_mul(2);
    let brief = builder.fence_retention(retention).build();
    let manager = brief.unwrap_or(configured);
    let mut signals = Signals::listen()?;
    let names = names(&manager);
    let probes: Vec<_> = manager
        .configured_nodes()
        .iter()
        .zip(&names)
        .map(|(node, names)| Probe::new(node, names.clone(), STEP_LIMIT))
        .collect();
    let sessions: Vec<_> = probes.iter().map(|it| Arc::clone(&it.session)).collect();
    let findings = tokio::select! {
        biased;
        signal = signals.next() => Err(Failure::interrupted(signal)),
        findings = find(&manager, probes, &names) => Ok(findings),
    };
    let cleaning = sessions.into_iter().zip(names);
    let cleaning = cleaning.map(|(session, names)| tokio::spawn(Probe::clean_up(session, names)));
    for cleaned in cleaning.collect::<Vec<_>>() {
        let _panicked = cleaned.await;
    }
    shut_down(&manager).await;
    let findings = findings?;
    // A closed stdout is no failure: the exit code carries the verdict too.
    console
        .toned_result(|| findings.lines(), || findings.json())
        .ok();
    Ok(findings.code())
}

/// Returns the names of this run, one for each node.
fn names(manager: &Redlock) -> Vec<ProbeNames> {
    let random = RandomState::new().build_hasher().finish();
    let run: Arc<str> = format!("{random:016x}").into();
    let prefix = manager.key_prefix();
    let key = |name: &str| -> Arc<[u8]> { format!("{prefix}{name}").into_bytes().into() };
    let names = (0..manager.configured_nodes().len()).map(|node| ProbeNames {
        record: key("redlock:node"),
        shared: key(&format!("redlock-check:{run}")),
        own: key(&format!("redlock-check:{run}:{node}")),
        run: Arc::clone(&run),
        node,
    });
    names.collect()
}

/// The lock on a quorum: how long it took, and its token.
struct QuorumLock {
    time: Duration,
    token: Option<FencingToken>,
}

async fn find(manager: &Redlock, probes: Vec<Probe>, names: &[ProbeNames]) -> Findings {
    let nodes = probes.len();
    let taking = each(probes, move |probe| probe.take(nodes));
    // Meanwhile, because a node that hangs delays both.
    let reporting = report::reports(manager);
    let (probes, reports) = tokio::join!(taking, reporting);
    let probes = each(probes, Probe::use_up).await;
    let run = names.first().map_or("", |names| &*names.run);
    let lock = lock(manager, &format!("redlock-check:{run}:quorum")).await;
    Findings::new(manager, probes, reports, lock)
}

/// Does something with all probes at once.
async fn each<F>(probes: Vec<Probe>, work: impl Fn(Probe) -> F) -> Vec<Probe>
where
    F: Future<Output = Probe> + Send + 'static,
{
    // Ended with this future, which a signal may drop.
    struct Task(JoinHandle<Probe>);
    impl Drop for Task {
        fn drop(&mut self) {
            self.0.abort();
        }
    }
    let tasks = probes.into_iter().map(|it| Task(tokio::spawn(work(it))));
    let mut done = Vec::new();
    for mut task in tasks.collect::<Vec<_>>() {
        match (&mut task.0).await {
            Ok(probe) => done.push(probe),
            Err(ended) => std::panic::resume_unwind(ended.into_panic()),
        }
    }
    done
}

/// Takes and releases a lock as any process does.
async fn lock(manager: &Redlock, name: &str) -> Result<QuorumLock, LockError> {
    // Connections are made, and a deployment is formed, in the first one.
    let first = manager.lock(name).ttl(QUORUM_TTL).wait(QUORUM_WAIT).await?;
    first.release().await.ok();
    let start = Instant::now();
    let guard = manager.lock(name).ttl(QUORUM_TTL).wait(QUORUM_WAIT).await?;
    let time = start.elapsed();
    let token = guard.try_token();
    guard.release().await.ok();
    Ok(QuorumLock { time, token })
}

/// How long a node may take for one step. Generous: that it is slow is a finding of its own.
const STEP_LIMIT: Duration = Duration::from_secs(1);

/// How long the lock on a quorum lives at most, should this process be killed.
const QUORUM_TTL: Duration = Duration::from_secs(5);

/// Long enough for a deployment to be formed.
const QUORUM_WAIT: Duration = Duration::from_secs(5);
