//! The findings of a check: every matter of concern, as a sentence.

use std::time::Duration;

use redlock::node::{NodeHealth, NodeReport};
use redlock::{LockError, Redlock};

use crate::check::QuorumLock;
use crate::check::latency::Limits;
use crate::check::probe::{Probe, StepKind};
use crate::check::rights;
use crate::failure::{ATTENTION, NO_QUORUM};
use crate::warnings;

/// What a check has found.
pub(super) struct Findings {
    pub(super) reports: Vec<NodeReport>,
    pub(super) probes: Vec<Probe>,
    pub(super) lock: Result<QuorumLock, LockError>,
    pub(super) limits: Limits,
    /// The time within which the slowest node that a quorum needs grants nearly always.
    pub(super) p99: Option<Duration>,
    /// The matters of concern.
    pub(super) matters: Vec<String>,
    /// How long the counters of the lock on a quorum live at most.
    pub(super) retention: Duration,
}

impl Findings {
    pub(super) fn new(
        manager: &Redlock,
        probes: Vec<Probe>,
        reports: Vec<NodeReport>,
        lock: Result<QuorumLock, LockError>,
    ) -> Self {
        let retention = manager.max_ttl().saturating_mul(2);
        let limits = Limits {
            ttl: manager.ttl(),
            node_timeout: manager.node_timeout(),
        };
        let mut findings = Self {
            p99: p99_of_quorum(&probes, manager.needed_nodes()),
            reports,
            probes,
            lock,
            limits,
            matters: Vec::new(),
            // Nodes keep counters for a little longer, so that they need not prolong them each time.
            retention: retention.saturating_add(retention / 4),
        };
        findings.matters = findings.find();
        findings
    }

    pub(super) fn code(&self) -> u8 {
        match (&self.lock, self.matters.is_empty()) {
            (Err(_), _) => NO_QUORUM,
            (Ok(_), false) => ATTENTION,
            (Ok(_), true) => 0,
        }
    }

    fn find(&self) -> Vec<String> {
        let mut matters = self.about_set();
        let nodes = self.probes.iter().zip(&self.reports);
        for (probe, report) in nodes {
            matters.extend(self.about_steps(probe, report));
            matters.extend(about_rights(report, &probe.session.report()));
            matters.extend(about_hints(probe, report));
            matters.extend(self.limits.about_node(&report.node, &probe.times));
        }
        if let Some(p99) = self.p99 {
            matters.extend(self.limits.about_limits(p99));
        }
        matters
    }

    /// Returns what the manager knows: the number of nodes, their health, settings and deployments.
    fn about_set(&self) -> Vec<String> {
        let failed = self.probes.iter().zip(&self.reports);
        let failed: Vec<_> = failed
            .filter(|(probe, _)| !probe.is_ok())
            .map(|(_, report)| format!("{} is not usable: ", report.node))
            .collect();
        let matters = warnings::about_nodes(&self.reports).into_iter();
        // The step that has failed says it better.
        let is_said = |matter: &String| failed.iter().any(|it| matter.starts_with(it));
        matters.filter(|matter| !is_said(matter)).collect()
    }

    fn about_steps(&self, probe: &Probe, report: &NodeReport) -> Vec<String> {
        let node = &report.node;
        let same = probe.same_as.and_then(|other| self.reports.get(other));
        let is_known = matches!(report.health, NodeHealth::Down(_)) && probe.is_ok();
        let same = same.filter(|_| !is_known).map(|other| {
            format!(
                "{node} and {} are one server, so both fail together: configure independent ones",
                other.node
            )
        });
        let failed = probe.steps.iter().filter_map(|step| {
            let error = step.outcome.as_ref().err()?;
            Some(format!("{node}: {}", rights::failure(step.kind, error)))
        });
        failed.chain(same).collect()
    }
}

/// Returns a sentence for each optional right that is missing.
fn about_rights(report: &NodeReport, probed: &NodeReport) -> Vec<String> {
    let mut rules: Vec<_> = report.missing_rights.iter().collect();
    rules.extend(&probed.missing_rights);
    rules.sort_unstable();
    rules.dedup();
    let sentences = rules.into_iter().filter_map(|rule| {
        let consequence = rights::consequence(rule)?;
        Some(format!(
            "{}: the user lacks {rule}. Without it {consequence}: allow {rule}",
            report.node
        ))
    });
    sentences.collect()
}

/// Returns what is wrong with a node that takes part in hinting, and did not hint.
fn about_hints(probe: &Probe, report: &NodeReport) -> Option<String> {
    let has_contended = probe.steps.iter().any(|it| it.kind == StepKind::Release);
    let is_missing = report.hints && probe.is_ok() && has_contended && !probe.was_hinted();
    is_missing.then(|| {
        format!(
            "{}: the release of the probe lock did not reach its waiter: check whether a proxy drops \
             pushes",
            report.node
        )
    })
}

/// Returns the p99 of the slowest among the fastest nodes that make up a quorum.
fn p99_of_quorum(probes: &[Probe], needed: usize) -> Option<Duration> {
    let measured = probes.iter().filter(|probe| probe.times.count() > 0);
    let mut times: Vec<_> = measured.map(|it| it.times.percentile(99.0)).collect();
    times.sort_unstable();
    times.get(needed.checked_sub(1)?).copied()
}
