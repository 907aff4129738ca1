//! Measurements by the number of nodes.

use redlock_benches::{Args, Case, Results};
use redlock_tests::Servers;

use crate::guide;
use crate::healthy::{self, load};
use crate::lineup::{FENCED, RAW, RAW_FENCED, RSLOCK, Runtimes, UNFENCED};

const NODES: [(usize, &str); 5] = [
    (1, "1 node"),
    (3, "3 nodes"),
    (5, "5 nodes"),
    (7, "7 nodes"),
    (9, "9 nodes"),
];

const WHO: [&str; 5] = [UNFENCED, FENCED, RSLOCK, RAW, RAW_FENCED];

const TASKS: usize = 64;

/// Measures all numbers of nodes, and prints the results.
pub(crate) fn run(runtimes: &Runtimes, args: Args) -> Results {
    let servers = Servers::start(9);
    let urls = servers.urls();
    let mut results = Results::default();
    for (count, nodes) in NODES {
        let urls = &urls[..count];
        let runners = runtimes.connect(&WHO, urls);
        let rounds = args.pick(2, 7);
        let case = (nodes, &[TASKS][..]);
        healthy::turns(&mut results, case, runners, urls, rounds, |tasks| {
            load(tasks, args)
        });
    }
    print(&results);
    if args.publish {
        publish(&results);
    }
    results
}

fn print(results: &Results) {
    println!("\n{TASKS} tasks: CPU time per lock in µs, of the client + of all servers");
    table(|case| {
        let client = results.median(case, |it| it.client_cpu);
        let servers = results.median(case, |it| it.server_cpu);
        format!("{client:.1} + {servers:.1}")
    });
    println!("\n{TASKS} tasks: locks per second (× rslock)");
    table(|case| {
        let rslock = Case {
            who: RSLOCK,
            ..case
        };
        let rate = results.median(case, |it| it.rate);
        let ratio = results.ratio(case, rslock, |it| it.rate);
        format!("{rate:.0} ({ratio:.2})")
    });
}

/// Prints the table of the guide.
fn publish(results: &Results) {
    let columns = [
        "",
        "with fencing tokens",
        "`fencing(false)`",
        "rslock",
        "the limit",
    ];
    let rows = NODES.map(|(_, nodes)| {
        let figures = [FENCED, UNFENCED, RSLOCK, RAW].map(|who| {
            let tasks = TASKS;
            let case = Case { nodes, who, tasks };
            let client = results.median(case, |it| it.client_cpu);
            let servers = results.median(case, |it| it.server_cpu);
            let rate = guide::rounded(results.median(case, |it| it.rate));
            format!("{client:.1} + {servers:.1} µs ({rate})")
        });
        [&[nodes.to_owned()], &figures[..]].concat()
    });
    guide::table(&columns, rows);
}

fn table(cell: impl Fn(Case) -> String) {
    print!("  {:<20}", "");
    for (_, nodes) in NODES {
        print!("{nodes:>16}");
    }
    println!();
    for who in WHO {
        print!("  {who:<20}");
        for (_, nodes) in NODES {
            let tasks = TASKS;
            print!("{:>16}", cell(Case { nodes, who, tasks }));
        }
        println!();
    }
}
