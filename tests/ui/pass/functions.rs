//! Every form of `async fn`, unchanged under a lock.

use std::{collections::HashMap, fmt::Display};

use redlock::{Error, redlocked};

struct Invoice {
    id: u64,
    customer: Customer,
}

struct Customer {
    name: String,
}

struct Json<T>(T);

#[derive(Clone, Copy)]
struct Point {
    x: i32,
    y: i32,
}

#[redlocked("nightly")]
async fn constant_key() -> Result<(), Error> {
    Ok(())
}

#[redlocked("{{literal}}:{id}:{kind:?}:{id:>8}:{id:>width$}")]
async fn names(id: u64, kind: Option<&str>, width: usize) -> Result<u64, Error> {
    Ok(id + kind.map_or(0, str::len) as u64 + width as u64)
}

#[redlocked("{invoice.customer.name}:{invoice.id:08}:{pair.1}:{dry}:{pair.0.id}")]
async fn fields(invoice: &Invoice, pair: (Invoice, u8), dry: bool) -> Result<u64, Error> {
    Ok(if dry {
        0
    } else {
        invoice.id + u64::from(pair.1) + pair.0.customer.name.len() as u64
    })
}

const REGION: &str = "eu";

#[redlocked("{REGION}:{i32::MAX:?}")]
async fn constants() -> Result<(), Error> {
    Ok(())
}

#[redlocked(key = format!("{}:{}", id, id + 1))]
async fn key_expression(id: u64) -> Result<u64, Error> {
    Ok(id)
}

#[redlocked("{r#type}")]
async fn raw_name_is_written_bare(r#type: u8) -> Result<u8, Error> {
    Ok(r#type)
}

#[redlocked("{name}")]
async fn borrowed<'a>(name: &'a str, others: &'a [String]) -> Result<&'a str, Error> {
    Ok(others.first().map_or(name, String::as_str))
}

#[redlocked("{name}")]
async fn elided(name: &str) -> Result<&str, Error> {
    Ok(name)
}

#[redlocked("{item}")]
async fn generic<T, const N: usize>(item: T, _padding: [u8; N]) -> Result<(T, usize), Error>
where
    T: Display + Clone + Send,
{
    Ok((item.clone(), N))
}

#[redlocked("{x}:{point.y}")]
async fn patterns(
    Json((a, mut b)): Json<(u32, u32)>,
    point @ Point { x, y: _ }: Point,
    [first, .., last]: [u8; 4],
    &c: &u8,
    _: String,
) -> Result<u32, Error> {
    b += a;
    Ok(b + point.x as u32 + x as u32 + u32::from(first + last + c))
}

#[redlocked("count")]
async fn mutable(mut count: u32, list: &mut Vec<u32>) -> Result<u32, Error> {
    count += 1;
    list.push(count);
    Ok(count)
}

#[redlocked("{name}")]
async fn impl_trait(
    name: impl Display + Send,
    more: impl IntoIterator<Item = u32>,
) -> Result<impl Iterator<Item = u32>, Error> {
    drop(name);
    Ok(more
        .into_iter()
        .collect::<Vec<_>>()
        .into_iter()
        .map(|n| n + 1))
}

#[redlocked("nested")]
async fn nested_impl_trait() -> Result<(Option<impl Display>, Box<dyn Iterator<Item = u8>>), Error>
{
    Ok((Some(1), Box::new(std::iter::empty())))
}

#[redlocked("{text}")]
async fn question_mark(text: &str) -> Result<u32, Box<dyn std::error::Error + Send + Sync>> {
    let number: u32 = text.parse()?;
    if number == 0 {
        return Err("zero".into());
    }
    Ok(number)
}

#[redlocked("labels")]
async fn labels(rows: Vec<Vec<u32>>) -> Result<Option<u32>, Error> {
    let found = 'search: {
        'rows: for row in &rows {
            for cell in row {
                if *cell == 0 {
                    continue 'rows;
                }
                if *cell > 9 {
                    break 'search Some(*cell);
                }
            }
        }
        None
    };
    Ok(found)
}

#[redlocked("diverges")]
async fn diverges(fail: bool) -> Result<(), Error> {
    if fail {
        panic!("no way back");
    }
    loop {
        tokio::task::yield_now().await;
    }
}

#[redlocked("{depth}")]
async fn recursive(depth: u32) -> Result<u32, Error> {
    if depth == 0 {
        return Ok(0);
    }
    Box::pin(recursive(depth - 1)).await.map(|below| below + 1)
}

/// Documentation, visibility, lints and attributes inside the body are preserved.
#[must_use]
#[redlocked("kept")]
pub(crate) async unsafe fn kept(#[allow(unused)] unused: u8) -> Result<u8, Error> {
    #![allow(clippy::let_and_return)]
    let result = Ok(1);
    result
}

#[redlocked("{n}")]
async fn conditional(n: u8, #[cfg(any())] absent: Nowhere) -> Result<u8, Error> {
    Ok(n)
}

macro_rules! locked {
    ($name:ident, $key:literal, $ttl:expr, $argument:ident) => {
        #[redlocked($key, ttl = $ttl)]
        async fn $name($argument: u32) -> Result<u32, Error> {
            let inside = $argument;
            Ok(inside)
        }
    };
}

locked!(from_a_macro, "macro", "30s", argument);

/// Names that the expansion might use itself.
#[redlocked("{guard}{request}{body}{outcome}{error}")]
async fn no_collisions(
    guard: u8,
    request: u8,
    body: u8,
    outcome: u8,
    error: u8,
) -> Result<u8, Error> {
    Ok(guard + request + body + outcome + error)
}

#[redlocked("map")]
async fn inference(text: &str) -> Result<HashMap<String, u32>, Error> {
    Ok(text.split(' ').map(|word| (word.into(), 1)).collect())
}

fn main() {}
