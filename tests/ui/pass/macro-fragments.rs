//! Fragments of a `macro_rules!`. Most of them arrive inside an invisible group.

use std::pin::Pin;
use std::sync::LazyLock;
use std::time::Duration;

use redlock::{Error, Redlock, redlocked};

static MANAGER: LazyLock<Redlock> = LazyLock::new(|| Redlock::in_memory(3));

struct Invoice {
    id: u64,
}

macro_rules! block {
    ($name:ident $body:block) => {
        #[redlocked("key")]
        async fn $name() -> Result<u8, Error> $body
    };
}

block!(from_a_block { Ok(1) });

/// A block that is passed on is wrapped once for each macro.
macro_rules! block_passed_on {
    ($name:ident $body:block) => {
        block!($name $body);
    };
}

block_passed_on!(from_a_block_passed_on {
    if false {
        return Ok(2);
    }
    Ok(1)
});

macro_rules! signature {
    ($(#[$meta:meta])* $vis:vis $name:ident, $pattern:pat, $ty:ty, $output:ty, $body:block) => {
        $(#[$meta])*
        $vis async fn $name($pattern: $ty) -> $output $body
    };
}

signature!(
    #[redlocked("{id}", ttl = "1s")]
    #[must_use]
    pub(crate) from_a_signature, Invoice { id }, Invoice, Result<u64, Error>, { Ok(id) }
);

signature!(
    #[redlocked("{a}:{b}")]
    private, (a, mut b), (u8, u8), Result<u8, Error>, {
        b += a;
        Ok(b)
    }
);

signature!(
    #[redlocked("{a}")]
    bound, ref all @ (a, _), (u8, u8), Result<u8, Error>, { Ok(a + all.1) }
);

signature!(
    #[redlocked("skip", on_busy = skip)]
    optional, (), (), Option<u8>, { Some(1) }
);

macro_rules! arguments {
    (
        $key:expr, $ttl:literal, $wait:expr, $flag:literal, $manager:expr, $guard:ident,
        $busy:expr, $lost:ident, $krate:path
    ) => {
        #[redlocked(
            key = $key,
            ttl = $ttl,
            wait = $wait,
            auto_extend = $flag,
            max_hold = $wait,
            manager = $manager,
            guard = $guard,
            on_busy = default($busy),
            on_lost = $lost,
            crate = $krate
        )]
        async fn all_arguments(id: u64) -> Result<u64, Error> {
            Ok(id + $guard.token().get())
        }
    };
}

arguments!(
    format!("{}", 1 + 1), "30s", Duration::from_secs(1), true, MANAGER, lock, Ok(0), abort, ::redlock
);

macro_rules! policies {
    ($busy:expr, $lost:expr) => {
        #[redlocked("policies", on_busy = $busy, on_lost = $lost)]
        async fn policies() -> Result<(), Error> {
            Ok(())
        }
    };
}

policies!(skip, ignore);

macro_rules! template {
    ($first:ident, $second:ident, $literal:literal, $expr:expr) => {
        #[redlocked($literal)]
        async fn $first(id: u64) -> Result<u64, Error> {
            Ok(id)
        }

        #[redlocked(key = $expr)]
        async fn $second(id: u64) -> Result<u64, Error> {
            Ok(id)
        }
    };
}

template!(literal_key, literal_expression, "literal", "expression");

macro_rules! lists {
    ($list:expr, [$($key:expr),*]) => {
        #[redlocked(keys = $list)]
        async fn list() -> Result<(), Error> {
            Ok(())
        }

        #[redlocked(keys = [$($key),*])]
        async fn elements() -> Result<(), Error> {
            Ok(())
        }
    };
}

lists!(["a", "b"], ["a", format!("{}", 1), Invoice { id: 1 }.id.to_string()]);

macro_rules! item {
    ($item:item) => {
        #[redlocked("item")]
        $item
    };
}

item! {
    pub async fn whole_item(id: u64) -> Result<u64, Error> {
        Ok(id)
    }
}

macro_rules! futures {
    ($boxed:ty, $body:block, $call:expr, $future:expr, $pin:path) => {
        #[redlocked("future")]
        fn block_in_a_future() -> $boxed {
            Box::pin(async move $body)
        }

        #[redlocked("future")]
        fn call() -> $boxed {
            $call
        }

        #[redlocked("future")]
        fn argument() -> $boxed {
            Box::pin($future)
        }

        #[redlocked("future")]
        fn function() -> $boxed {
            $pin(async move { Ok(1) })
        }

        #[redlocked("future")]
        fn alone() -> impl Future<Output = Result<u8, Error>> {
            $future
        }
    };
}

futures!(
    Pin<Box<dyn Future<Output = Result<u8, Error>> + Send>>,
    { Ok(1) },
    Box::pin(async move { Ok(1) }),
    async move { Ok(1) },
    Box::pin
);

struct Store {
    redlock: Redlock,
}

macro_rules! methods {
    ($self:ident, $receiver:ty, $field:ident, $life:lifetime, $body:block) => {
        impl Store {
            #[redlocked("receiver", manager = $self.$field)]
            async fn receiver<$life>($self: $receiver, text: &$life str) -> Result<&$life str, Error> {
                let _ = &$self;
                Ok(text)
            }

            #[redlocked("reference", manager = $self.$field)]
            async fn reference(&mut $self) -> Result<u8, Error> $body
        }
    };
}

methods!(self, std::sync::Arc<Self>, redlock, 'a, { Ok(1) });

fn main() {}
