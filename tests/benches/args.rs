/// What a benchmark was told on its command line, after `--`.
#[derive(Clone, Copy, Debug)]
pub struct Args {
    /// `--quick`: few repetitions, to see whether it runs; its figures mean nothing.
    pub quick: bool,
    /// `--publish`: the chart goes into the documentation as well.
    pub publish: bool,
    /// `--servers`: on servers, where that is a choice.
    pub servers: bool,
    /// A number, which every benchmark takes for something else.
    pub number: Option<usize>,
}

impl Args {
    /// Reads the command line.
    ///
    /// # Panics
    ///
    /// If it has anything else on it.
    #[must_use]
    pub fn from_env() -> Self {
        let mut args = Self {
            quick: false,
            publish: false,
            servers: false,
            number: None,
        };
        for arg in std::env::args().skip(1) {
            match arg.as_str() {
                "--quick" => args.quick = true,
                "--publish" => args.publish = true,
                "--servers" => args.servers = true,
                // What `cargo bench` adds.
                "--bench" => {}
                other => match other.parse() {
                    Ok(number) => args.number = Some(number),
                    Err(_) => {
                        panic!("{other}? there are --quick, --publish, --servers and a number")
                    }
                },
            }
        }
        args
    }

    /// The number that goes with the mode.
    #[must_use]
    pub fn pick(self, quick: usize, full: usize) -> usize {
        if self.quick { quick } else { full }
    }
}
