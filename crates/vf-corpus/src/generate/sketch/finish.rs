//! The text of the whole file.

use super::{OBJECT, REQUEST, Result, Sketch};

impl Sketch {
    /// The function's own name.
    fn function_name(&mut self) -> String {
        let verb = self.verb.unwrap_or("handle");
        let noun = self.noun.clone().unwrap_or_else(|| self.of.object.to_owned());
        let prefix = self.of.prefix;
        match self.random.below(4) {
            0 => format!("{prefix}_{noun}_{verb}"),
            1 => format!("{}_{verb}_{noun}", self.of.object),
            _ => format!("{prefix}_{verb}_{noun}"),
        }
    }

    /// The whole file but its prelude, and the name of the function.
    pub fn finish(mut self) -> (String, String, bool) {
        self.end_piece();
        let name = self.function_name();
        let mut text = String::new();
        for top in self
            .tops
            .iter()
            .filter(|t| t.starts_with('#') || t.starts_with("enum"))
        {
            text.push_str(&format!("{top}\n"));
        }
        for top in self.tops.iter().filter(|t| t.starts_with("struct")) {
            text.push_str(&format!("\n{top}\n"));
        }
        let tags = [
            format!("{}_{}", self.of.prefix, self.of.object),
            format!(
                "{}_{}",
                self.of.prefix,
                self.objects[REQUEST].as_deref().unwrap_or("req")
            ),
        ];
        let pad = [
            "unsigned int id;",
            "unsigned long features;",
            "void *owner;",
            "int users;",
        ];
        for (which, tag) in tags.iter().enumerate() {
            let Some(members) = self
                .members
                .get_mut(which)
                .filter(|_| self.objects[which].is_some())
            else {
                continue;
            };
            for line in pad {
                if self.random.percent(12) {
                    members.push(line.to_owned());
                }
            }
            self.random.shuffle(members);
            // An array of no given length comes last.
            members.sort_by_key(|m| m.ends_with("[];"));
            text.push_str(&format!("\nstruct {tag} {{\n"));
            for member in members.iter() {
                text.push_str(&format!("\t{member}\n"));
            }
            text.push_str("};\n");
        }
        let globals = |t: &&String| !t.starts_with('#') && !t.starts_with("enum") && !t.starts_with("struct");
        for top in self.tops.iter().filter(globals) {
            text.push_str(&format!("\n{top}\n"));
        }
        let mut params: Vec<String> = Vec::new();
        if let Some(object) = &self.objects[OBJECT] {
            let qualifier = if self.const_object { "const " } else { "" };
            params.push(format!("{qualifier}struct {} *{object}", tags[OBJECT]));
        }
        if let Some(request) = &self.objects[REQUEST] {
            params.push(format!("const struct {} *{request}", tags[REQUEST]));
        }
        params.append(&mut self.params);
        if params.is_empty() {
            params.push("void".to_owned());
        }
        let ty = match self.result {
            Result::Status => "int",
            Result::Bool => "bool",
            Result::Nothing => "void",
        };
        text.push_str(&format!("\n{}\n{{\n", header(&format!("{ty} {name}("), &params)));
        let has_label = self.uses_ret;
        if has_label && self.result == Result::Status {
            self.locals.push(format!("int {} = 0", self.ret));
        }
        if has_label && self.result == Result::Bool {
            self.locals.push("bool ok = false".to_owned());
        }
        // What is initialised by another local stays behind it.
        for local in &self.locals {
            text.push_str(&format!("\t{local};\n"));
        }
        if !self.locals.is_empty() {
            text.push('\n');
        }
        while self.lines.last().is_some_and(String::is_empty) {
            self.lines.pop();
        }
        for line in &self.lines {
            text.push_str(line);
            text.push('\n');
        }
        let value = self.value.take().unwrap_or_else(|| "0".to_owned());
        let end = match (self.result, has_label) {
            (Result::Nothing, _) => String::new(),
            (Result::Bool, false) => "\treturn true;\n".to_owned(),
            (Result::Bool, true) => "\tok = true;\nout:\n\treturn ok;\n".to_owned(),
            (Result::Status, false) => format!("\treturn {value};\n"),
            (Result::Status, true) if value == "0" => format!("out:\n\treturn {};\n", self.ret),
            (Result::Status, true) => format!("\t{0} = {value};\nout:\n\treturn {0};\n", self.ret),
        };
        text.push_str(&end);
        text.push_str("}\n");
        (text, name, self.kernel)
    }
}

/// The head of a function, in lines of a usual width.
fn header(start: &str, params: &[String]) -> String {
    const WIDTH: usize = 92;
    let mut text = start.to_owned();
    let mut width = start.len();
    for (place, param) in params.iter().enumerate() {
        if place > 0 {
            text.push(',');
            if width + param.len() > WIDTH {
                text.push_str("\n\t\t");
                width = 16;
            } else {
                text.push(' ');
            }
        }
        text.push_str(param);
        width += param.len() + 2;
    }
    text.push(')');
    text
}
