use redlock::{Error, redlocked};

struct Invoice;

#[redlocked("invoice:{invoice}")]
async fn charge(invoice: &Invoice) -> Result<(), Error> {
    Ok(())
}

fn main() {}
