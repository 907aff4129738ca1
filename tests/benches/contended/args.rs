//! Command-line arguments of this benchmark.

use crate::sections::Section;

/// Parsed command line.
#[derive(Debug)]
pub(crate) struct Args {
    /// Whether to run short rounds, to check that the benchmark works. The figures are meaningless.
    pub(crate) quick: bool,
    pub(crate) sections: Vec<Section>,
    /// The numbers of managers in the section `fleet`, if they are given.
    pub(crate) sizes: Vec<u32>,
}

impl Args {
    /// Parses `args`. Returns the usage text if there is an unknown argument.
    pub(crate) fn parse(args: &[String]) -> Result<Self, String> {
        let mut parsed = Self {
            quick: false,
            sections: Vec::new(),
            sizes: Vec::new(),
        };
        for arg in args {
            match (arg.as_str(), arg.parse()) {
                // `cargo bench` adds this.
                ("--bench", _) => {}
                ("--quick", _) => parsed.quick = true,
                (_, Ok(size @ 1..)) => parsed.sizes.push(size),
                (name, _) => parsed
                    .sections
                    .push(Section::named(name).ok_or_else(usage)?),
            }
        }
        if parsed.sections.is_empty() {
            parsed.sections = Section::ALL.to_vec();
        }
        Ok(parsed)
    }
}

fn usage() -> String {
    let names = Section::ALL.map(Section::name).join(" | ");
    format!("usage: contended [--quick] [{names}] ... [MANAGERS_OF_FLEET] ...")
}
