use crate::sections::Section;

/// What the command line asks for.
#[derive(Debug)]
pub(crate) struct Args {
    /// Little of everything: to see that it works, not to compare.
    pub(crate) quick: bool,
    pub(crate) sections: Vec<Section>,
}

impl Args {
    /// Returns the usage when there is something else among `args`.
    pub(crate) fn parse(args: &[String]) -> Result<Self, String> {
        let mut parsed = Self {
            quick: false,
            sections: Vec::new(),
        };
        for arg in args {
            match arg.as_str() {
                // Cargo says so to every benchmark.
                "--bench" => {}
                "--quick" => parsed.quick = true,
                name => parsed
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
    format!("usage: contended [--quick] [{names}] ...")
}
