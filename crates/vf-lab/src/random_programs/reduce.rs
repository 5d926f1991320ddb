//! Reduction of a program that shows a defect: delta debugging over lines.
//!
//! Generated programs have one statement a line, and braces end their lines; so what can go is a line, a block with
//! its header, or a header alone. A candidate counts when it still shows the defect, whatever else it became.
//! (Zeller, Hildebrandt: "Simplifying and Isolating Failure-Inducing Input", TSE 2002; here greedily, large pieces
//! first.)

/// The smallest program found for which `shows` holds, asking it at most `attempts` times.
pub fn reduce(text: &str, attempts: usize, shows: &mut dyn FnMut(&str) -> bool) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_string).collect();
    let mut left = attempts;
    loop {
        let before = lines.len();
        let mut at = 0;
        while at < lines.len() {
            let mut shrunk = false;
            for candidate in candidates(&lines, at) {
                if left == 0 {
                    return joined(&lines);
                }
                left -= 1;
                if shows(&joined(&candidate)) {
                    lines = candidate;
                    shrunk = true;
                    break;
                }
            }
            if !shrunk {
                at += 1;
            }
        }
        if lines.len() == before {
            return joined(&lines);
        }
    }
}

fn joined(lines: &[String]) -> String {
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

/// Programs without what begins at a line: the whole block, the block's shell, the line.
fn candidates(lines: &[String], at: usize) -> Vec<Vec<String>> {
    let Some(line) = lines.get(at) else {
        return Vec::new();
    };
    let without = |from: usize, to: usize| {
        let mut rest = lines.to_vec();
        rest.drain(from..to.min(rest.len()));
        rest
    };
    if depth_change(line) < 0 {
        return Vec::new();
    }
    let Some(end) = block_end(lines, at) else {
        return vec![without(at, at + 1)];
    };
    let mut all = vec![without(at, end + 1)];
    // A function's header stands on the line before its body.
    if at > 0 && line.trim() == "{" {
        let mut with_header = lines.to_vec();
        with_header.drain(at - 1..=end);
        all.push(with_header);
    }
    let mut shell = lines.to_vec();
    shell.remove(end);
    shell.remove(at);
    all.push(shell);
    if line.trim() != "{" {
        let mut once = lines.to_vec();
        if let Some(header) = once.get_mut(at) {
            *header = "{".to_string();
        }
        if let Some(footer) = once.get_mut(end) {
            *footer = "}".to_string();
        }
        all.push(once);
    }
    all
}

/// The line on which the block that begins here ends.
fn block_end(lines: &[String], at: usize) -> Option<usize> {
    let mut depth = 0;
    for (index, line) in lines.iter().enumerate().skip(at) {
        depth += depth_change(line);
        if depth <= 0 {
            return (index > at).then_some(index);
        }
    }
    None
}

fn depth_change(line: &str) -> i32 {
    line.bytes()
        .map(|b| i32::from(b == b'{') - i32::from(b == b'}'))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_matter_goes() {
        let text = "int a;\nint main(void)\n{\n    int b;\n    while (a) {\n        a++;\n        keep();\n    }\n    if (b) {\n        b--;\n    }\n}\n";
        let small = reduce(text, 1000, &mut |t| t.contains("main") && t.contains("keep();"));
        assert_eq!(small, "int main(void)\n        keep();\n");
    }

    #[test]
    fn attempts_are_a_limit() {
        let mut asked = 0;
        reduce("a;\nb;\nc;\n", 2, &mut |_| {
            asked += 1;
            false
        });
        assert_eq!(asked, 2);
    }
}
