//! The printed and saved report.

use std::path::PathBuf;
use std::{env, fs};

use serde_json::{Map, Value, json};

use crate::figures::Figures;

/// Report of the results, printed as they come and saved to a file at the end.
#[derive(Debug)]
pub(crate) struct Report {
    quick: bool,
    /// The machine's load average at the start.
    busy: String,
    sections: Map<String, Value>,
    /// The section that is being written.
    name: &'static str,
}

impl Report {
    pub(crate) fn new(quick: bool) -> Self {
        let busy = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let busy = busy.split(' ').take(3).collect::<Vec<_>>().join(" ");
        println!(
            "of ideal: turns/s, relative to those that the hold alone allows; handoffs: turns that \
             follow another contender's;\nleast: turns of the least served contender, relative to a \
             fair share; unserved: contenders without a turn;\ncommands (including those in \
             scripts), scripts, reads: per turn and node;\nmedians of the rounds, but max, least, \
             unserved and overlaps over all"
        );
        println!("load average before: {busy}");
        Self {
            quick,
            busy,
            sections: Map::new(),
            name: "",
        }
    }

    /// Begins a section.
    pub(crate) fn section(&mut self, name: &'static str, title: &str) {
        println!("\n{name}: {title}");
        self.name = name;
        self.sections.insert(name.into(), json!({ "title": title }));
    }

    /// Prints the column headings of [`figures`](Self::figures).
    pub(crate) fn heading(&self) {
        println!("{:>30}   {}", "", Figures::COLUMNS);
    }

    /// Adds a line of figures.
    ///
    /// # Panics
    ///
    /// Panics if two contenders held the lock at once.
    pub(crate) fn figures(&mut self, label: &str, figures: &Figures) {
        println!("{label:>30}   {figures}");
        self.note(label, figures.to_json());
        let overlaps = figures.overlaps;
        assert_eq!(overlaps, 0, "{label}: two contenders held the lock at once");
    }

    /// Adds a result that is not a line of figures. `text` is printed, and `value` is saved.
    pub(crate) fn say(&mut self, label: &str, text: &str, value: Value) {
        println!("{label:>30}   {text}");
        self.note(label, value);
    }

    /// Adds the rate that the hold alone allows, in turns per second.
    pub(crate) fn ideal(&mut self, label: &str, rate: f64) {
        let text = format!("{rate:.1} turns/s, if the lock was always held");
        self.say(&format!("{label}ideal"), &text, json!(rate));
    }

    /// Adds a bar and whether the library meets it.
    pub(crate) fn bar(&mut self, what: &str, bound: Bar) {
        let (sign, bound, value, met) = match bound {
            Bar::AtLeast(bound, value) => (">=", bound, value, value >= bound),
            Bar::AtMost(bound, value) => ("<=", bound, value, value <= bound),
        };
        let verdict = if met { "met" } else { "missed" };
        println!("{:>30}   {what} {sign} {bound}: {value:.2}", verdict);
        let bar = json!({ "what": what, "sign": sign, "bound": bound, "value": value, "met": met });
        let section = self.sections.get_mut(self.name);
        let bars = section.expect("a section")["bars"].take();
        let mut bars = match bars {
            Value::Array(bars) => bars,
            _ => Vec::new(),
        };
        bars.push(bar);
        self.note("bars", bars.into());
    }

    /// Writes everything to the file.
    pub(crate) fn save(self) {
        let file = file();
        let all = json!({
            "quick": self.quick,
            "load_average": self.busy,
            "sections": self.sections,
        });
        let dir = file.parent().expect("a directory");
        fs::create_dir_all(dir).expect("a directory to write to");
        fs::write(&file, format!("{all:#}\n")).expect("a file to write");
        println!("\n{}", file.display());
    }

    fn note(&mut self, key: &str, value: Value) {
        let section = self.sections.get_mut(self.name);
        section.expect("a section")[key] = value;
    }
}

/// A bound and the measured value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bar {
    AtLeast(f64, f64),
    AtMost(f64, f64),
}

/// Returns `bench/contended.json` in the target directory. The program is in its `PROFILE/deps`.
fn file() -> PathBuf {
    let program = env::current_exe().expect("a path");
    let target = program.ancestors().nth(3).expect("a target directory");
    target.join("bench").join("contended.json")
}
