//! Measurements of what users would take in place of this crate.

use std::sync::Arc;

use redlock_benches::{
    Args, Case, Contender, Etcd, EtcdCluster, Load, Meter, Outcome, Postgres, PostgresServer,
    Results, Runner,
};
use redlock_tests::{Server, ServerBuilder, Servers};

use crate::lineup::{FENCED, Runtimes};
use crate::{guide, tables};

const MEMORY: &str = "redlock, 3 servers, no log";
const ALWAYS: &str = "redlock, 3 servers, appendfsync always";
const POSTGRES: &str = "PostgreSQL, 1 server, advisory lock";
const ETCD: &str = "etcd, 3 members";

/// What a restart of all servers leaves.
const PERSISTENCE: [(&str, &str); 4] = [
    (MEMORY, "locks and tokens are in memory"),
    (ALWAYS, "each lock is on disk before it is granted"),
    (POSTGRES, "locks are in memory, and end with the session"),
    (ETCD, "each lock is on the disks of a majority (fsync)"),
];

/// The `nodes` of all cases.
const OTHER: &str = "other stores";

const TASKS: [usize; 2] = [1, 64];

/// Measures all of them in turns, and prints the results.
pub(crate) fn run(runtimes: &Runtimes, args: Args) -> Results {
    let (memory, always) = (three(Server::builder()), three(durable()));
    let (postgres, etcd) = (PostgresServer::start(), EtcdCluster::start());
    let mut runners = runtimes.connect(&[FENCED], &memory.urls());
    runners[0].0 = MEMORY;
    runners.extend(runtimes.connect(&[FENCED], &always.urls()));
    runners[1].0 = ALWAYS;
    let sessions = TASKS[1];
    let runtime = &runtimes.threads;
    let mut versions = Vec::new();
    match &postgres {
        Ok(server) => {
            let connecting = Postgres::connect(server, sessions);
            let contender = Contender::postgres(runtime.block_on(connecting));
            runners.push((POSTGRES, Runner::Tasks(Arc::clone(runtime), contender)));
            versions.push(server.version.clone());
        }
        Err(reason) => versions.push(format!("PostgreSQL: {reason}")),
    }
    match &etcd {
        Ok(cluster) => {
            let contender = Contender::etcd(runtime.block_on(Etcd::connect(cluster, sessions)));
            runners.push((ETCD, Runner::Tasks(Arc::clone(runtime), contender)));
            versions.push(cluster.version.clone());
        }
        Err(reason) => versions.push(format!("etcd: {reason}")),
    }
    println!("\n{}", versions.join(", "));
    let results = measure(&mut runners, args);
    let names: Vec<_> = runners.iter().map(|(who, _)| *who).collect();
    print(&results, &names);
    if args.publish {
        publish(&results, &names);
    }
    results
}

fn measure(runners: &mut [(&'static str, Runner)], args: Args) -> Results {
    let mut results = Results::default();
    // The servers are not those of the meter, so their work is not measured.
    let meter = Meter::new(&[]);
    for round in 0..=args.pick(2, 7) {
        for tasks in TASKS {
            let locks = if tasks == 1 {
                args.pick(20, 100)
            } else {
                args.pick(640, 3200)
            };
            for &mut (who, ref mut runner) in &mut *runners {
                let outcome = runner.run(Load { tasks, locks }, &meter);
                // The first round warms up.
                if round > 0 {
                    let nodes = OTHER;
                    results.add(Case { nodes, who, tasks }, outcome);
                }
            }
        }
        runners.rotate_left(1);
    }
    results
}

fn three(builder: ServerBuilder) -> Servers {
    Servers::start_each(std::iter::repeat_n(builder, 3))
}

fn durable() -> ServerBuilder {
    Server::builder()
        .arg("--appendonly", "yes")
        .arg("--appendfsync", "always")
}

/// Prints the table of the guide.
fn publish(results: &Results, names: &[&'static str]) {
    let columns = [
        "",
        "1 task, time for one lock",
        "64 tasks, locks per second",
        "persistence",
    ];
    let measured = PERSISTENCE.iter().filter(|(who, _)| names.contains(who));
    let rows = measured.map(|&(who, persistence)| {
        let nodes = OTHER;
        let case = |tasks| Case { nodes, who, tasks };
        let time = results.median(case(1), |it| it.latency) / 1e3;
        let rate = guide::rounded(results.median(case(64), |it| it.rate));
        let time = format!("{time:.2} ms");
        vec![who.to_owned(), time, rate, persistence.to_owned()]
    });
    guide::table(&columns, rows);
}

fn print(results: &Results, names: &[&'static str]) {
    print!("  {:<40}", "time for one lock; locks per second");
    for tasks in TASKS {
        print!("{:>24}", tables::heading(tasks));
    }
    println!();
    for (who, persistence) in PERSISTENCE {
        if !names.contains(&who) {
            continue;
        }
        print!("  {who:<40}");
        for tasks in TASKS {
            let nodes = OTHER;
            let median = |of: fn(&Outcome) -> f64| results.median(Case { nodes, who, tasks }, of);
            let (time, rate) = (median(|it| it.latency) / 1e3, median(|it| it.rate));
            print!("{:>24}", format!("{time:.2} ms; {rate:.0}"));
        }
        println!("   {persistence}");
    }
}
