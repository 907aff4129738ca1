use redlock::{Error, redlocked};

struct Invoice {
    id: u64,
}

#[redlocked("invoice:{invoice.number}")]
async fn charge(invoice: &Invoice) -> Result<u64, Error> {
    Ok(invoice.id)
}

fn main() {}
