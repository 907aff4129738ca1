//! Every receiver, and methods of traits.

use std::{future::Future, pin::Pin, sync::Arc};

use redlock::{Error, Redlock, redlocked};

struct Store {
    id: u64,
    redlock: Redlock,
    config: Config,
}

struct Config {
    region: String,
}

impl Store {
    const KIND: &str = "store";

    #[redlocked("{self.config.region}:{self.id}")]
    async fn by_reference(&self) -> Result<u64, Error> {
        Ok(self.id)
    }

    #[redlocked("{self.id}", manager = self.redlock)]
    async fn by_mutable_reference(&mut self, by: u64) -> Result<&mut u64, Error> {
        self.id += by;
        Ok(&mut self.id)
    }

    #[redlocked("{Self::KIND}:{self.id}", manager = self.redlock)]
    async fn by_value(mut self) -> Result<Self, Error> {
        self.id += 1;
        Ok(self)
    }

    #[redlocked("{self.id}", manager = self.redlock)]
    async fn shared(self: Arc<Self>) -> Result<u64, Error> {
        Ok(self.id)
    }

    #[redlocked("{self.id}", manager = self.redlock)]
    async fn shared_by_reference(self: &Arc<Self>) -> Result<Arc<Self>, Error> {
        Ok(Arc::clone(self))
    }

    #[redlocked("{self.id}")]
    async fn pinned(self: Pin<&mut Self>) -> Result<u64, Error> {
        let this = self.get_mut();
        this.id += 1;
        Ok(this.id)
    }

    #[redlocked(key = self.resource(id)?, manager = &self.redlock)]
    async fn key_that_may_fail(&self, id: &str) -> Result<(), Error> {
        Ok(())
    }

    fn resource(&self, id: &str) -> Result<String, Error> {
        Ok(format!("{}:{id}", self.id))
    }
}

trait Job {
    async fn run(&mut self, name: &str) -> Result<usize, Error>;

    #[redlocked("provided")]
    async fn provided(&self) -> Result<(), Error> {
        Ok(())
    }

    fn sendable(&self, name: &str) -> impl Future<Output = Result<usize, Error>> + Send;

    fn boxed<'a>(
        &'a self,
        name: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<usize, Error>> + Send + 'a>>;
}

impl Job for Store {
    #[redlocked("{self.id}:{name}", manager = self.redlock)]
    async fn run(&mut self, name: &str) -> Result<usize, Error> {
        self.id += 1;
        Ok(name.len())
    }

    #[redlocked("{self.id}:{name}", manager = self.redlock)]
    fn sendable(&self, name: &str) -> impl Future<Output = Result<usize, Error>> + Send {
        async move { Ok(name.len() + self.id as usize) }
    }

    #[redlocked("{self.id}:{name}", manager = self.redlock, guard = lock, on_busy = default(Ok(0)))]
    fn boxed<'a>(
        &'a self,
        name: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<usize, Error>> + Send + 'a>> {
        const EXTRA: usize = 1;
        Box::pin(async move {
            assert!(lock.is_held());
            if name.is_empty() {
                return Ok(EXTRA);
            }
            Ok(name.len() + self.id as usize)
        })
    }
}

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

#[redlocked("{depth}")]
fn recursive<'a>(depth: u32) -> BoxFuture<'a, Result<u32, Error>> {
    Box::pin(async move {
        if depth == 0 {
            Ok(0)
        } else {
            recursive(depth - 1).await
        }
    })
}

fn main() {}
