//! SQL recipes: a token column beside the data, and a table of fences.

use redlock::FencingToken;
use redlock::fence::Stale;
use rusqlite::{Connection, OptionalExtension, params};

use crate::documented;

#[test]
fn a_row_takes_the_newest_token_and_refuses_older_ones() {
    let bank = Bank::open();
    assert!(bank.update(7, 110));
    assert!(bank.update(9, 120));
    assert!(!bank.update(8, 999));
    assert_eq!(bank.row(), (120, 9));
}

#[test]
fn the_same_holder_writes_a_row_again() {
    let bank = Bank::open();
    assert!(bank.update(7, 110));
    assert!(bank.update(7, 120));
    assert_eq!(bank.row(), (120, 7));
}

/// With `<` instead of `<=`, the recipe is for acquisitions that write once.
#[test]
fn a_strict_comparison_allows_one_write_per_holder() {
    let mut bank = Bank::open();
    assert_eq!(bank.update.matches("<=").count(), 1);
    bank.update = bank.update.replace("<=", "<");
    assert!(bank.update(7, 110));
    assert!(!bank.update(7, 120));
    assert!(bank.update(8, 130));
    assert_eq!(bank.row(), (130, 8));
}

#[test]
fn a_missing_row_is_inserted_and_then_guarded() {
    let bank = Bank::open();
    bank.db.execute("DELETE FROM accounts", []).unwrap();
    assert!(!bank.update(7, 110));
    assert!(bank.upsert(7, 110));
    assert!(bank.upsert(9, 120));
    assert!(bank.upsert(9, 130));
    assert!(!bank.upsert(8, 999));
    assert_eq!(bank.row(), (130, 9));
}

/// A check only at the time of writing would let the older write through.
#[test]
fn a_token_presented_on_read_keeps_older_writes_out() {
    let bank = Bank::open();
    assert!(bank.update(7, 110));
    assert_eq!(bank.read(8), Some(110));
    assert!(!bank.update(7, 999));
    assert!(bank.update(8, 120));
    assert_eq!(bank.read(7), None);
    assert_eq!(bank.row(), (120, 8));
}

#[test]
fn a_fence_guards_every_write_of_its_transaction() {
    let mut bank = Bank::open();
    assert_eq!(bank.transfer(9, [60, 40]), Ok(()));
    let stale = Stale::new(FencingToken::new(8), FencingToken::new(9));
    assert_eq!(bank.transfer(8, [0, 0]), Err(stale));
    assert_eq!(bank.transfer(9, [50, 50]), Ok(()));
    assert_eq!(bank.balances(), [50, 50]);
}

#[test]
fn the_largest_token_fits_into_the_column() {
    let bank = Bank::open();
    assert!(bank.update((1 << 53) - 1, 110));
    assert!(!bank.update((1 << 53) - 2, 999));
    assert_eq!(bank.row(), (110, (1 << 53) - 1));
}

/// Accounts 1 and 2. Tests that need only one use the first.
struct Bank {
    db: Connection,
    update: String,
    upsert: String,
    read: String,
    fence: String,
}

impl Bank {
    fn open() -> Self {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(
            "CREATE TABLE accounts (
                 id INTEGER PRIMARY KEY, balance BIGINT NOT NULL, token BIGINT NOT NULL DEFAULT 0
             );
             INSERT INTO accounts (id, balance) VALUES (1, 100), (2, 0);
             CREATE TABLE fences (resource TEXT PRIMARY KEY, token BIGINT NOT NULL DEFAULT 0);
             INSERT INTO fences (resource) VALUES ('accounts');",
        )
        .unwrap();
        let Ok([update, upsert, read, fence]) = <[String; 4]>::try_from(documented("sql")) else {
            panic!("{:?}", documented("sql"));
        };
        Self {
            db,
            update,
            upsert,
            read,
            fence,
        }
    }

    /// Updates the balance. Returns whether a row was changed.
    fn update(&self, token: u64, balance: i64) -> bool {
        let token = FencingToken::new(token).as_i64();
        let changed = self.db.execute(&self.update, params![token, balance, 1]);
        changed.unwrap() == 1
    }

    fn upsert(&self, token: u64, balance: i64) -> bool {
        let token = FencingToken::new(token).as_i64();
        let changed = self.db.execute(&self.upsert, params![token, balance, 1]);
        changed.unwrap() == 1
    }

    fn read(&self, token: u64) -> Option<i64> {
        let token = FencingToken::new(token).as_i64();
        let read = |row: &rusqlite::Row<'_>| row.get("balance");
        let row = self.db.query_row(&self.read, params![token, 1], read);
        row.optional().unwrap()
    }

    /// Writes both balances or neither.
    fn transfer(&mut self, token: u64, balances: [i64; 2]) -> Result<(), Stale> {
        let token = FencingToken::new(token);
        let work = self.db.transaction().unwrap();
        let fence = params![token.as_i64(), "accounts"];
        if work.execute(&self.fence, fence).unwrap() == 0 {
            let sql = "SELECT token FROM fences WHERE resource = 'accounts'";
            let highest: i64 = work.query_one(sql, [], |row| row.get(0)).unwrap();
            return Err(Stale::new(token, highest.cast_unsigned().into()));
        }
        for (id, balance) in (1..).zip(balances) {
            let sql = "UPDATE accounts SET balance = ?2 WHERE id = ?1";
            work.execute(sql, params![id, balance]).unwrap();
        }
        work.commit().unwrap();
        Ok(())
    }

    /// Returns the balance and the token of the first account.
    fn row(&self) -> (i64, i64) {
        let sql = "SELECT balance, token FROM accounts WHERE id = 1";
        let pair = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        self.db.query_one(sql, [], pair).unwrap()
    }

    fn balances(&self) -> [i64; 2] {
        [1, 2].map(|id: i64| {
            let sql = "SELECT balance FROM accounts WHERE id = ?1";
            self.db.query_one(sql, [id], |row| row.get(0)).unwrap()
        })
    }
}
