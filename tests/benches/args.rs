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
}

impl Args {
    /// Reads the command line.
    ///
    /// # Panics
    ///
    /// Panics if there is any other argument.
    #[must_use]
    pub fn from_env() -> Self {
        let mut args = Self {
            quick: false,
            publish: false,
            number: None,
        };
        for arg in std::env::args().skip(1) {
            match arg.as_str() {
                "--quick" => args.quick = true,
                "--publish" => args.publish = true,
                // `cargo bench` adds this.
                "--bench" => {}
                other => match other.parse() {
                    Ok(number) => args.number = Some(number),
                    Err(_) => {
                        panic!("{other}: expected --quick, --publish or a number")
                    }
                },
            }
        }
        args
    }

    /// Returns `quick` in quick mode, and `full` otherwise.
    #[must_use]
    pub fn pick(self, quick: usize, full: usize) -> usize {
        if self.quick { quick } else { full }
    }
}
