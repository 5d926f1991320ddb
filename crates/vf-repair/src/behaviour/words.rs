//! What two runs did that differs, in source terms.

use std::fmt::Write as _;

use vf_ir::input::Input;
use vf_ir::interp::{Cell, Effects, Seen, SeenCall, SeenObject};

/// Places that are shown of what was written.
const SHOWN: usize = 6;

/// Says in source terms what was seen.
pub(super) struct Words<'a> {
    pub(super) input: &'a Input,
}

impl Words<'_> {
    /// What each of the two does that the other does not.
    pub(super) fn differing(&self, old: &Effects, new: &Effects) -> (Vec<String>, Vec<String>) {
        let (mut before, mut after) = (Vec::new(), Vec::new());
        if (old.returned, &old.result) != (new.returned, &new.result) {
            before.push(self.end(old));
            after.push(self.end(new));
        }
        for (object, at) in old.written_otherwise(new).into_iter().take(SHOWN) {
            before.push(self.write_word(&object, at, old.cell(&object, at)));
            after.push(self.write_word(&object, at, new.cell(&object, at)));
        }
        if old.has_larger_objects(new) {
            let sizes = |e: &Effects| {
                let sizes: Vec<String> = e.made.iter().map(|made| made.size.to_string()).collect();
                format!("new blocks of {} bytes", sizes.join(", "))
            };
            before.push(sizes(old));
            after.push(sizes(new));
        }
        if new.leaked > old.leaked {
            let lost = |e: &Effects| format!("leaves {} blocks allocated that nothing leads to", e.leaked);
            before.push(lost(old));
            after.push(lost(new));
        }
        if old.freed != new.freed {
            let list = |e: &Effects| format!("frees {} objects of its caller", e.freed.len());
            before.push(list(old));
            after.push(list(new));
        }
        let same = old
            .calls
            .iter()
            .zip(&new.calls)
            .take_while(|(a, b)| a == b)
            .count();
        if same < old.calls.len() || same < new.calls.len() {
            before.push(self.call_word(old.calls.get(same)));
            after.push(self.call_word(new.calls.get(same)));
        }
        (before, after)
    }

    fn end(&self, effects: &Effects) -> String {
        match (&effects.result, effects.returned) {
            (_, false) => "does not return".to_owned(),
            (None, true) => "returns".to_owned(),
            (Some(value), true) => format!("returns {}", self.value_word(value)),
        }
    }

    fn value_word(&self, value: &Seen) -> String {
        match value {
            Seen::Bits { bits, value } => {
                let signed = vf_ir::interp::signed(*bits, *value);
                signed.to_string()
            }
            Seen::Null => "a null pointer".to_owned(),
            Seen::Address(address) => format!("the address {address:#x}"),
            Seen::Pointer { to, offset } => format!("a pointer to byte {offset} of {}", self.object_word(to)),
            Seen::Text(bytes) => format!("{:?}", String::from_utf8_lossy(bytes)),
        }
    }

    fn object_word(&self, object: &SeenObject) -> String {
        match object {
            SeenObject::Input(number) => match self.input.objects.get(*number) {
                Some(object) => format!("`{}`", object.name),
                None => "an object of the caller".to_owned(),
            },
            SeenObject::Global(name) => format!("`{name}`"),
            SeenObject::Literal(bytes) => format!("{:?}", String::from_utf8_lossy(bytes)),
            SeenObject::Function(name) => format!("`{name}()`"),
            SeenObject::Made(number) => format!("new block {number}"),
            SeenObject::Ended => "an object that has ended".to_owned(),
        }
    }

    fn write_word(&self, object: &SeenObject, at: u64, cell: Option<Cell>) -> String {
        let mut text = format!("byte {at} of {}: ", self.object_word(object));
        let _ = match cell {
            None if matches!(object, SeenObject::Made(_)) => write!(text, "anything"),
            None => write!(text, "as it was"),
            Some(Cell::Byte(byte)) => write!(text, "{byte}"),
            Some(Cell::Pointer(pointer)) => write!(text, "{}", self.value_word(&pointer)),
        };
        text
    }

    fn call_word(&self, call: Option<&SeenCall>) -> String {
        match call {
            None => "calls nothing more".to_owned(),
            Some(call) => {
                let arguments: Vec<String> = call.arguments.iter().map(|a| self.value_word(a)).collect();
                format!("calls `{}({})`", call.function, arguments.join(", "))
            }
        }
    }
}
