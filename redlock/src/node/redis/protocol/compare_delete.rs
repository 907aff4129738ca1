//! Deleting a key if it holds a value, by a command of the server's own.

use deadpool_redis::redis::{Cmd, Value};

/// The command that a server has for it: half of the cost of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CompareDelete {
    /// `DELIFEQ key value`: Valkey from 9.0 on.
    IfEq,
    /// `DELEX key IFEQ value`: Redis from 8.4 on.
    Ex,
}

impl CompareDelete {
    /// Returns the query for the commands that the server has. [`CompareDelete::find`] reads its response.
    ///
    /// The response does not show whether the user may run them; only running them does.
    pub(crate) fn query() -> Cmd {
        let mut query = Cmd::new();
        query.arg("COMMAND").arg("INFO").arg("delifeq").arg("delex");
        query
    }

    /// Reads the answer. A server that does not tell has none, as far as we know.
    pub(crate) fn find(response: Option<&Value>) -> Option<Self> {
        let Some(Value::Array(commands)) = response else {
            return None;
        };
        let mut known = commands
            .iter()
            .map(|command| matches!(command, Value::Array(_)));
        match (known.next(), known.next()) {
            (Some(true), _) => Some(Self::IfEq),
            (_, Some(true)) => Some(Self::Ex),
            _ => None,
        }
    }

    pub(crate) fn call(self, key: &[u8], value: &[u8]) -> Cmd {
        let mut call = Cmd::with_capacity(4, key.len() + value.len() + 11);
        match self {
            Self::IfEq => call.arg("DELIFEQ").arg(key),
            Self::Ex => call.arg("DELEX").arg(key).arg("IFEQ"),
        };
        call.arg(value);
        call
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_tells_which_command_it_has() {
        let known = || Value::Array(vec![Value::BulkString(b"name".to_vec()), Value::Int(3)]);
        let responses = [
            (vec![Value::Nil, Value::Nil], None),
            (vec![known(), Value::Nil], Some(CompareDelete::IfEq)),
            (vec![Value::Nil, known()], Some(CompareDelete::Ex)),
            (vec![known(), known()], Some(CompareDelete::IfEq)),
            (vec![], None),
        ];
        for (response, expected) in responses {
            assert_eq!(CompareDelete::find(Some(&Value::Array(response))), expected);
        }
        assert_eq!(CompareDelete::find(Some(&Value::Nil)), None);
        assert_eq!(CompareDelete::find(None), None);
    }

    #[test]
    fn a_value_always_goes_with_the_key() {
        let packed = |delete: CompareDelete| delete.call(b"a", b"1").get_packed_command();
        assert_eq!(
            packed(CompareDelete::IfEq),
            b"*3\r\n$7\r\nDELIFEQ\r\n$1\r\na\r\n$1\r\n1\r\n"
        );
        assert_eq!(
            packed(CompareDelete::Ex),
            b"*4\r\n$5\r\nDELEX\r\n$1\r\na\r\n$4\r\nIFEQ\r\n$1\r\n1\r\n"
        );
    }
}
