//! Command-line arguments of the benchmarks.

/// Command-line arguments of a benchmark, those after `--`.
#[derive(Clone, Copy, Debug)]
pub struct Args {
    /// `--quick`: few repetitions, to check that it runs. The figures are meaningless.
    pub quick: bool,
    /// `--publish`: also writes the chart to the documentation.
    pub publish: bool,
    /// A number. Its meaning depends on the benchmark.
    pub number: Option<usize>,
    /// The number after it.
    pub second_number: Option<usize>,
}

impl Args {
    /// Reads the command line of a benchmark without sections.
    ///
    /// # Panics
    ///
    /// Panics if there is any other argument.
    #[must_use]
    pub fn from_env() -> Self {
        Self::with_sections(&[]).0
    }

    /// Reads the command line, and the names of the sections to run.
    ///
    /// # Panics
    ///
    /// Panics if there is any other argument.
    #[must_use]
    pub fn with_sections(names: &[&'static str]) -> (Self, Vec<&'static str>) {
        let mut args = Self {
            quick: false,
            publish: false,
            number: None,
            second_number: None,
        };
        let mut sections = Vec::new();
        for arg in std::env::args().skip(1) {
            match (arg.as_str(), arg.parse()) {
                // `cargo bench` adds this.
                ("--bench", _) => {}
                ("--quick", _) => args.quick = true,
                ("--publish", _) => args.publish = true,
                (_, Ok(number)) if args.number.is_none() => args.number = Some(number),
                (_, Ok(number)) => args.second_number = Some(number),
                (other, _) => {
                    let section = names.iter().find(|name| **name == other);
                    sections.push(*section.unwrap_or_else(|| {
                        let names = names.join(", ");
                        panic!("{other}: expected --quick, --publish, a number or one of [{names}]")
                    }));
                }
            }
        }
        (args, sections)
    }

    /// Returns `quick` in quick mode, and `full` otherwise.
    #[must_use]
    pub fn pick(self, quick: usize, full: usize) -> usize {
        if self.quick { quick } else { full }
    }
}
