//! Benchmark of long-held guards that extend themselves: a hundred thousand for a minute, on three
//! servers.
//!
//! `cargo bench -p redlock-benches --bench held` runs it. `-- 10000` sets another number of guards,
//! `-- 10000 60` also their ttl in seconds, and `-- --quick` takes some seconds.
//!
//! A million guards take 2 to 4 GB with their servers. `-- 1000000 300` extends 10 000 of them per
//! second, as a hundred thousand with the usual ttl do.
//!
//! The manager has no other work meanwhile. All resources used while holding are therefore the cost
//! of the extensions, which each guard makes after a third of the ttl.

use std::time::{Duration, Instant};

use deadpool_redis::redis::{Client, Connection, cmd};
use redlock::{LockGuard, Redlock};
use redlock_benches::{Args, Goal, Json, Meter, Usage, file, machine};
use redlock_tests::Servers;

/// The number of guards, their ttl and the time that they are held.
#[derive(Clone, Copy)]
struct Plan {
    guards: usize,
    ttl: Duration,
    hold: Duration,
}

#[tokio::main]
async fn main() {
    let args = Args::from_env();
    let ttl = args.second_number.unwrap_or_else(|| args.pick(6, 30));
    let ttl = Duration::from_secs(u64::try_from(ttl).expect("a number of seconds"));
    let plan = Plan {
        guards: args.number.unwrap_or_else(|| args.pick(2_000, 100_000)),
        ttl,
        hold: Duration::from_secs(if args.quick { 5 } else { 60 }).max(ttl / 2),
    };
    println!("load average at the start: {}", machine::load_average());
    // The memory per guard comes from the first run: the second reuses memory freed by the first.
    let fenced = hold(plan, true).await;
    let unfenced = hold(plan, false).await;
    for (kind, goals) in [("fenced", &fenced), ("unfenced", &unfenced)] {
        println!("\n{kind}");
        Goal::print(goals);
    }
    println!("\nload average at the end: {}", machine::load_average());
    let goals = |goals: &[Goal]| Json::Array(goals.iter().map(Goal::to_json).collect());
    let json = Json::object([
        ("guards", Json::from(plan.guards as f64)),
        ("ttl_seconds", plan.ttl.as_secs_f64().into()),
        ("seconds", plan.hold.as_secs_f64().into()),
        ("quick", args.quick.into()),
        ("fenced", goals(&fenced)),
        ("unfenced", goals(&unfenced)),
    ]);
    file::keep("held.json", &json.to_string());
}

/// Takes all locks, holds them, releases them and returns the resulting goals.
async fn hold(plan: Plan, fencing: bool) -> Vec<Goal> {
    let servers = Servers::start(3);
    let meter = Meter::new(&servers.urls());
    let builder = Redlock::builder().nodes(servers.urls());
    let builder = builder.ttl(plan.ttl).max_ttl(plan.ttl);
    let connecting = builder.fencing(fencing).connect();
    let redlock = connecting.await.expect("a quorum of servers");
    let kind = if fencing { "fenced" } else { "unfenced" };
    let ttl = plan.ttl.as_secs();
    println!("{} guards with a ttl of {ttl} s, {kind}", plan.guards);

    let mut stores = Store::all(&servers);
    // The identity records of the nodes.
    let records = stores[0].size();
    // Warm up, so that one-time allocations are not attributed to guards.
    drop(take(&redlock, "warm", 2_000).await);
    until(&mut stores, |store| store.locks("warm") == 0).await;

    let memory_before = stores[0].memory();
    let (before, start) = (Usage::now(), Instant::now());
    let guards = take(&redlock, "held", plan.guards).await;
    let took = start.elapsed();
    // By then late responses have arrived and batches have been freed.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let memory = Usage::now().memory.zip(before.memory);
    let per_guard = memory.map_or(f64::NAN, |(after, before)| {
        after.saturating_sub(before) as f64 / guards.len() as f64
    });
    println!("  taken in           {:>9.2} s", took.as_secs_f64());
    if fencing {
        println!("  memory per guard   {per_guard:>9.0} bytes");
    }
    let stored = (stores[0].memory() - memory_before) / guards.len() as f64;
    println!("  memory per server  {stored:>9.0} bytes per guard");

    let held = observe(&meter, plan.hold, stores.len()).await;
    // A lost guard is never held again, so this counts every loss.
    let lost = guards.iter().filter(|guard| !guard.is_held()).count();
    println!("  lost               {lost:>9}");
    if let Some(guard) = guards.iter().find(|guard| !guard.is_held()) {
        println!("  for example: {}", guard.lost().await);
    }

    let start = Instant::now();
    drop(guards);
    let dropped = start.elapsed();
    until(&mut stores, |store| {
        store.size() <= records + usize::from(fencing) * (plan.guards + 2_000)
    })
    .await;
    let released = start.elapsed().as_secs_f64();
    until(&mut stores, |store| store.locks("held") == 0).await;
    redlock.shutdown().await;
    println!(
        "  released in        {released:>9.2} s, of which dropping the guards took {:.2} s\n",
        dropped.as_secs_f64()
    );
    // The goals are those of a hundred thousand guards with a ttl of 30 s.
    let load = plan.guards as f64 / 100_000.0;
    let cpu = 12.0 * load * 30.0 / plan.ttl.as_secs_f64();
    let mut goals = vec![
        Goal::at_most("guards lost", lost as f64, 0.0, ""),
        Goal::at_most("CPU while holding", held, cpu, " % of one core"),
        Goal::at_most(
            "time until all are released",
            released,
            10.0 * load.max(1.0),
            " s",
        ),
    ];
    if fencing {
        goals.push(Goal::at_most(
            "memory per guard",
            per_guard,
            900.0,
            " bytes",
        ));
    }
    goals
}

/// Holds the guards for `duration` and prints the load. Returns the CPU time in % of one core.
async fn observe(meter: &Meter, duration: Duration, servers: usize) -> f64 {
    let (traffic, start) = (meter.read(), Instant::now());
    let (mut busiest, mut last) = (0.0_f64, Usage::now());
    let first = last;
    while start.elapsed() < duration {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = Usage::now();
        busiest = busiest.max((now.cpu - last.cpu).as_secs_f64());
        last = now;
    }
    let held_for = start.elapsed().as_secs_f64();
    let cpu = (last.cpu - first.cpu).as_secs_f64() / held_for * 100.0;
    let busiest = busiest * 100.0;
    let traffic = meter.read() - &traffic;
    println!("  held for           {held_for:>9.1} s");
    println!("  CPU                {cpu:>9.1} % of one core, {busiest:.0} % in the busiest second");
    println!(
        "  servers            {:>9.1} % of one core each, {:.0} commands per second in total",
        traffic.cpu / held_for / servers as f64 * 100.0,
        traffic.commands() as f64 / held_for
    );
    cpu
}

/// Takes `count` locks, spread over many tasks.
async fn take(redlock: &Redlock, name: &'static str, count: usize) -> Vec<LockGuard> {
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let redlock = redlock.clone();
            tokio::spawn(async move {
                let mut guards = Vec::new();
                for number in (task..count).step_by(TASKS) {
                    let request = redlock.lock(format!("{name}:{number}"));
                    guards.push(request.await.expect("a free lock"));
                }
                guards
            })
        })
        .collect();
    let mut guards = Vec::with_capacity(count);
    for task in tasks {
        guards.extend(task.await.expect("a task of the benchmark"));
    }
    guards
}

/// Direct access to the keys of a server.
struct Store(Connection);

impl Store {
    fn all(servers: &Servers) -> Vec<Self> {
        let connect = |url: String| {
            let client = Client::open(url).expect("a URL");
            Self(client.get_connection().expect("a server"))
        };
        servers.urls().into_iter().map(connect).collect()
    }

    /// Returns the number of keys, including those of counters.
    fn size(&mut self) -> usize {
        let size = cmd("DBSIZE").query(&mut self.0);
        size.expect("a server that responds")
    }

    /// Returns the bytes that the server has allocated.
    fn memory(&mut self) -> f64 {
        let info = cmd("INFO").arg("memory").query(&mut self.0);
        let info: String = info.expect("a server that responds");
        let mut lines = info.lines();
        let bytes = lines.find_map(|line| line.strip_prefix("used_memory:")?.trim().parse().ok());
        bytes.expect("a number of bytes")
    }

    /// Returns the number of locks. Blocks the server for a while.
    fn locks(&mut self, name: &str) -> usize {
        let keys = cmd("KEYS").arg(format!("{name}:*")).query(&mut self.0);
        let keys: Vec<String> = keys.expect("a server that responds");
        keys.len()
    }
}

/// Waits until the condition holds at all servers.
async fn until(stores: &mut [Store], mut is_so: impl FnMut(&mut Store) -> bool) {
    let start = Instant::now();
    while !stores.iter_mut().all(&mut is_so) {
        assert!(start.elapsed() < PATIENCE, "locks are left on the servers");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The number of tasks that take locks.
const TASKS: usize = 512;

/// Longer than the ttl of any lock.
const PATIENCE: Duration = Duration::from_secs(90);
