//! Benchmark of a lock without servers: everything but the network.
//!
//! `cargo bench -p redlock-benches --bench in_process`

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use redlock::{Lease, MemoryNode, Redlock, Resource};
use tokio::runtime::{Builder, Runtime};

/// Measures lock and release on nodes that respond at once.
fn locks(criterion: &mut Criterion) {
    let runtime = runtime();
    let mut group = criterion.benchmark_group("lock and release");
    for (label, nodes, fencing) in [
        ("3 nodes, fenced", 3, true),
        ("3 nodes, unfenced", 3, false),
        ("5 nodes, fenced", 5, true),
        ("5 nodes, unfenced", 5, false),
    ] {
        let nodes = std::iter::repeat_with(MemoryNode::new).take(nodes);
        let builder = Redlock::builder().nodes(nodes).fencing(fencing);
        let redlock = builder.build().expect("the default options");
        group.bench_function(label, |bencher| {
            bencher.iter(|| {
                runtime.block_on(async {
                    let guard = redlock.lock("resource").await.expect("a free lock");
                    guard.release().await.expect("a release")
                })
            });
        });
    }
    group.finish();
}

/// Measures a request for a held lock, which every node refuses.
fn busy(criterion: &mut Criterion) {
    let runtime = runtime();
    let redlock = Redlock::in_memory(5);
    let held = runtime.block_on(async { redlock.lock("resource").await });
    let _held = held.expect("a free lock");
    criterion.bench_function("busy, 5 nodes", |bencher| {
        bencher.iter(|| {
            let refused = runtime.block_on(async { redlock.try_lock("resource").await });
            refused.expect_err("a lock that is held")
        });
    });
}

/// Measures the conversions of every request, and of every transfer of a detached lease.
fn names(criterion: &mut Criterion) {
    criterion.bench_function("a resource from text", |bencher| {
        bencher.iter(|| Resource::from(black_box("invoice:42")));
    });
    criterion.bench_function("a resource from a string", |bencher| {
        bencher.iter(|| Resource::from(black_box("invoice:42").to_owned()));
    });
    let runtime = runtime();
    let redlock = Redlock::in_memory(3);
    let guard = runtime.block_on(async { redlock.lock("invoice:42").await });
    let lease = guard.expect("a free lock").detach();
    let text = lease.to_string();
    criterion.bench_function("a lease to text", |bencher| {
        bencher.iter(|| black_box(&lease).to_string());
    });
    criterion.bench_function("a lease from text", |bencher| {
        bencher.iter(|| black_box(&text).parse::<Lease>().expect("a lease"));
    });
}

fn runtime() -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime")
}

criterion_group!(benches, locks, busy, names);
criterion_main!(benches);
