//! Native commands that delete a key if it holds a value.

use deadpool_redis::redis::{Cmd, Value};

use crate::node::redis::protocol::call::Call;

/// A server's native command for a release, at half the cost of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CompareDelete {
    /// `DELIFEQ key value`, in Valkey since 9.0.
    IfEq,
    /// `DELEX key IFEQ value`, in Redis since 8.4.
    Ex,
}

impl CompareDelete {
    /// Returns the query for the commands that the server supports. [`CompareDelete::find`] reads
    /// the response.
    ///
    /// The response does not show whether the user may run them. Only running them does.
    pub(crate) fn query() -> Cmd {
        let mut query = Cmd::new();
        query.arg("COMMAND").arg("INFO").arg("delifeq").arg("delex");
        query
    }

    /// Reads the response to the query. A server that refuses the query is taken to support
    /// neither.
    pub(crate) fn find(response: Option<&Value>) -> Option<Self> {
        let Some(Value::Array(commands)) = response else {
            return None;
        };
        let mut is_supported = commands
            .iter()
            .map(|command| matches!(command, Value::Array(_)));
        match (is_supported.next(), is_supported.next()) {
            (Some(true), _) => Some(Self::IfEq),
            (_, Some(true)) => Some(Self::Ex),
            _ => None,
        }
    }

    /// Writes the command that deletes `key` if it holds `value`.
    pub(crate) fn write(self, call: &mut Call<'_>, key: &[u8], value: &[u8]) {
        match self {
            Self::IfEq => call.arg("DELIFEQ").arg(key),
            Self::Ex => call.arg("DELEX").arg(key).arg("IFEQ"),
        };
        call.arg(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_finds_the_command_of_a_server() {
        let supported = || Value::Array(vec![Value::BulkString(b"name".to_vec()), Value::Int(3)]);
        let responses = [
            (vec![Value::Nil, Value::Nil], None),
            (vec![supported(), Value::Nil], Some(CompareDelete::IfEq)),
            (vec![Value::Nil, supported()], Some(CompareDelete::Ex)),
            (vec![supported(), supported()], Some(CompareDelete::IfEq)),
            (vec![], None),
        ];
        for (response, expected) in responses {
            assert_eq!(CompareDelete::find(Some(&Value::Array(response))), expected);
        }
        assert_eq!(CompareDelete::find(Some(&Value::Nil)), None);
        assert_eq!(CompareDelete::find(None), None);
    }

    #[test]
    fn a_call_contains_the_expected_value() {
        let packed = |delete: CompareDelete| {
            let mut call = Cmd::new();
            delete.write(&mut Call::listed(&mut call), b"a", b"1");
            call.get_packed_command()
        };
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
