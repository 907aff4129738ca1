//! The key that a call locks.

use std::sync::Mutex;

use redlock::{Error, LockError, Redlock, redlocked};

struct Account {
    id: u64,
    owner: Owner,
}

struct Owner {
    name: &'static str,
}

fn account() -> Account {
    Account {
        id: 7,
        owner: Owner { name: "ada" },
    }
}

struct Bank {
    id: u64,
    redlock: Redlock,
}

impl Bank {
    const KIND: &str = "bank";

    #[redlocked("{Self::KIND}:{self.id}:{other}", manager = self.redlock, guard = lock)]
    async fn resource(&mut self, other: u64) -> Result<String, Error> {
        self.id += 1;
        Ok(lock.resource().to_string())
    }
}

#[tokio::test(start_paused = true)]
async fn the_key_names_parameters_and_their_fields() {
    #[redlocked(
        "{account.owner.name}/{account.id:04}/{pair.1}/{kind:?}/{{}}",
        manager = redlock,
        guard = lock,
    )]
    async fn resource(
        redlock: &Redlock,
        account: Account,
        pair: (u8, char),
        kind: Option<u8>,
    ) -> Result<String, Error> {
        Ok(lock.resource().to_string())
    }

    let redlock = Redlock::in_memory(3);
    let resource = resource(&redlock, account(), (1, 'x'), Some(2))
        .await
        .unwrap();
    assert_eq!(resource, "ada/0007/x/Some(2)/{}");
}

#[tokio::test(start_paused = true)]
async fn the_key_names_fields_of_self_and_constants() {
    let mut bank = Bank {
        id: 1,
        redlock: Redlock::in_memory(3),
    };
    assert_eq!(bank.resource(9).await.unwrap(), "bank:1:9");
    assert_eq!(bank.resource(9).await.unwrap(), "bank:2:9");
}

#[tokio::test(start_paused = true)]
async fn a_key_expression_is_evaluated_once_and_first() {
    #[redlocked(
        key = { log.lock().unwrap().push("key"); "expression" },
        manager = { log.lock().unwrap().push("manager"); redlock },
        guard = lock,
    )]
    async fn resource(redlock: &Redlock, log: &Mutex<Vec<&str>>) -> Result<String, Error> {
        log.lock().unwrap().push("body");
        Ok(lock.resource().to_string())
    }

    let log = Mutex::default();
    let resource = resource(&Redlock::in_memory(3), &log).await.unwrap();
    assert_eq!(resource, "expression");
    assert_eq!(*log.lock().unwrap(), ["key", "manager", "body"]);
}

#[tokio::test(start_paused = true)]
async fn the_key_of_a_macro_is_a_template_in_every_position() {
    macro_rules! locked {
        ($literal:literal, $expr:expr, $list:expr, [$($key:expr),*], $id:ident) => {
            #[redlocked($literal, manager = redlock, guard = lock)]
            async fn literal(redlock: &Redlock, $id: u64) -> Result<String, Error> {
                Ok(lock.resource().to_string())
            }

            #[redlocked(key = $expr, manager = redlock, guard = lock)]
            async fn expr(redlock: &Redlock, $id: u64) -> Result<String, Error> {
                Ok(lock.resource().to_string())
            }

            #[redlocked(keys = $list, manager = redlock, guard = lock)]
            async fn list(redlock: &Redlock, $id: u64) -> Result<String, Error> {
                Ok(lock.resource().to_string())
            }

            #[redlocked(keys = [$($key),*], manager = redlock, guard = lock)]
            async fn keys(redlock: &Redlock, $id: u64) -> Result<String, Error> {
                Ok(lock.resource().to_string())
            }
        };
    }
    locked!("a:{id}", "b:{id}", ["c:{id}"], ["d:{id}"], id);

    let redlock = Redlock::in_memory(3);
    assert_eq!(literal(&redlock, 7).await.unwrap(), "a:7");
    assert_eq!(expr(&redlock, 7).await.unwrap(), "b:7");
    assert_eq!(list(&redlock, 7).await.unwrap(), "c:7");
    assert_eq!(keys(&redlock, 7).await.unwrap(), "d:7");
}

#[tokio::test(start_paused = true)]
async fn an_empty_key_is_rejected_by_the_call() {
    #[redlocked("{name}", manager = redlock)]
    async fn locked(redlock: &Redlock, name: &str) -> Result<(), LockError> {
        unreachable!("the body has no lock")
    }

    let error = locked(&Redlock::in_memory(3), "").await.unwrap_err();
    assert!(matches!(error, LockError::Invalid(_)), "{error:?}");
}
