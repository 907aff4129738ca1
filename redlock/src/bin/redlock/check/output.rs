//! The findings of a check, as text and as JSON.

use redlock::{LockError, NodeReport};
use serde_json::{Value, json};

use crate::check::findings::Findings;
use crate::check::probe::{Probe, StepKind};
use crate::console::table::Table;
use crate::console::times::micros;
use crate::console::tone::{Tone, Toned};
use crate::failure::ATTENTION;
use crate::report::json::of_node;

impl Findings {
    pub(super) fn lines(&self) -> Vec<Toned> {
        let tones = self.probes.iter().map(|probe| match probe.is_ok() {
            true => Tone::Good,
            false => Tone::Bad,
        });
        let tones = std::iter::once(Tone::Plain).chain(tones);
        let table = self.table().to_string();
        let lines = table.lines().zip(tones);
        let mut lines: Vec<_> = lines.map(|(line, tone)| Toned::new(tone, line)).collect();
        let matters = self.matters.iter().map(|it| format!("warning: {it}"));
        lines.extend(matters.map(|it| Toned::new(Tone::Concern, it)));
        if let Some(p99) = self.p99 {
            lines.push(Toned::new(Tone::Plain, self.limits.comparison(p99)));
        }
        lines.push(Toned::new(
            Tone::Plain,
            format!(
                "left behind: token counters of the probe, which expire within {}",
                humantime::format_duration(self.retention)
            ),
        ));
        lines.extend(self.verdict());
        lines
    }

    fn table(&self) -> Table {
        let mut table = Table::new(["NODE"]);
        for kind in STEPS {
            table.add_column(&word(kind).to_uppercase());
        }
        for percentile in ["MEDIAN", "P99", "MAX"] {
            table.add_column(percentile);
        }
        for (probe, report) in self.probes.iter().zip(&self.reports) {
            table.add_row(row(probe, report));
        }
        table
    }

    /// Returns the lock on a quorum, and what is to be done, in a line each.
    fn verdict(&self) -> Vec<Toned> {
        let lock = match &self.lock {
            Ok(lock) => {
                let token = lock.token.map(|it| format!(" with token {it}"));
                format!(
                    "a quorum granted the probe lock in {:.1?}{}",
                    lock.time,
                    token.unwrap_or_default()
                )
            }
            Err(error) => format!("a quorum did not grant the probe lock: {error}"),
        };
        let (tone, verdict) = match (self.code(), self.matters.len()) {
            (0, _) => (Tone::Good, "all is well".to_owned()),
            (ATTENTION, 1) => (Tone::Concern, "1 matter needs attention".to_owned()),
            (ATTENTION, count) => (Tone::Concern, format!("{count} matters need attention")),
            _ => (Tone::Bad, "no lock can be had".to_owned()),
        };
        vec![Toned::new(Tone::Plain, lock), Toned::new(tone, verdict)]
    }

    pub(super) fn json(&self) -> Value {
        let outcome = match self.code() {
            0 => "ok",
            ATTENTION => "attention",
            _ => "no-quorum",
        };
        let nodes = self.probes.iter().zip(&self.reports);
        let nodes: Vec<_> = nodes
            .map(|(probe, report)| json_of(probe, report))
            .collect();
        let lock = self.lock.as_ref();
        json!({
            "outcome": outcome,
            "warnings": self.matters,
            "quorum": {
                "granted": lock.is_ok(),
                "error": lock.err().map(LockError::to_string),
                "time_us": lock.ok().map(|it| micros(it.time)),
                "token": lock.ok().and_then(|it| it.token).map(u64::from),
                "p99_us": self.p99.map(micros),
            },
            "ttl_ms": micros(self.limits.ttl) / 1_000,
            "node_timeout_ms": micros(self.limits.node_timeout) / 1_000,
            "nodes": nodes,
        })
    }
}

fn row(probe: &Probe, report: &NodeReport) -> Vec<String> {
    let mut row = vec![report.node.replace('\n', "\\n")];
    row.extend(STEPS.map(|kind| outcome(probe, kind).unwrap_or("-").to_owned()));
    row.extend(["-"; 3].map(str::to_owned));
    if probe.times.count() > 0 {
        let times = [
            probe.times.percentile(50.0),
            probe.times.percentile(99.0),
            probe.times.max(),
        ];
        row.truncate(STEPS.len() + 1);
        row.extend(times.map(|it| format!("{it:.1?}")));
    }
    row
}

/// Returns how a step went, if it was tried.
fn outcome(probe: &Probe, kind: StepKind) -> Option<&'static str> {
    let step = probe.steps.iter().find(|step| step.kind == kind)?;
    Some(match (&step.outcome, kind) {
        (Ok(()), StepKind::Acquire) if probe.same_as.is_some() => "same",
        (Ok(()), StepKind::Release) if probe.was_hinted() => "hinted",
        (Ok(()), _) => "ok",
        (Err(_), _) => "failed",
    })
}

fn json_of(probe: &Probe, report: &NodeReport) -> Value {
    let steps = STEPS.map(|kind| (word(kind).to_owned(), outcome(probe, kind).into()));
    let has_times = probe.times.count() > 0;
    let time = |percent| has_times.then(|| micros(probe.times.percentile(percent)));
    let mut node = of_node(report);
    node["steps"] = Value::Object(steps.into_iter().collect());
    node["median_us"] = time(50.0).into();
    node["p99_us"] = time(99.0).into();
    node["max_us"] = has_times.then(|| micros(probe.times.max())).into();
    node
}

fn word(kind: StepKind) -> &'static str {
    match kind {
        StepKind::Connect => "connect",
        StepKind::Identify => "identify",
        StepKind::Acquire => "acquire",
        StepKind::Contend => "contend",
        StepKind::Extend => "extend",
        StepKind::Read => "read",
        StepKind::Token => "token",
        StepKind::Release => "release",
    }
}

const STEPS: [StepKind; 8] = [
    StepKind::Connect,
    StepKind::Identify,
    StepKind::Acquire,
    StepKind::Contend,
    StepKind::Extend,
    StepKind::Read,
    StepKind::Token,
    StepKind::Release,
];
