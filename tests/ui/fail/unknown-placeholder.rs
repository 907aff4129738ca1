use redlock::{Error, redlocked};

#[redlocked("invoice:{invoice_id}")]
async fn charge(invoice: u64) -> Result<u64, Error> {
    Ok(invoice)
}

fn main() {}
