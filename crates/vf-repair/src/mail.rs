//! A patch as a mail that `git am` takes (git-am(1), git-format-patch(1)); `git apply` and `patch` take it too.

use vf_source::diff::{LineKind, Patch};

/// Columns of a commit message (kernel: Documentation/process/submitting-patches.rst).
pub const COLUMNS: usize = 75;

/// What a mail is made of.
#[derive(Clone, Debug)]
pub struct Mail<'a> {
    /// `Name <address>`.
    pub author: &'a str,
    /// Since 1970, UTC.
    pub seconds: u64,
    pub subject: &'a str,
    /// Paragraphs, each as one line of any length; wrapped here.
    pub paragraphs: &'a [String],
    /// `Fixes: ...`, never wrapped.
    pub tags: &'a [String],
    /// Unified diff with `a/` and `b/` before the paths, as git writes it.
    pub diff: &'a str,
    /// Said in the last line.
    pub tool: &'a str,
}

impl Mail<'_> {
    pub fn text(&self) -> String {
        let mut body: Vec<String> = self.paragraphs.iter().map(|p| wrapped(p)).collect();
        if !self.tags.is_empty() {
            let tags: Vec<String> = self.tags.iter().map(|t| one_line(t)).collect();
            body.push(tags.join("\n"));
        }
        format!(
            "From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001\n\
             From: {}\nDate: {}\nSubject: [PATCH] {}\nMIME-Version: 1.0\n\
             Content-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\n\n\
             {}\n---\n{}\n{}-- \n{}\n",
            one_line(self.author),
            date(self.seconds),
            one_line(self.subject),
            body.join("\n\n"),
            statistics(self.diff),
            self.diff,
            self.tool,
        )
    }
}

/// Wrapped at [`COLUMNS`]; a longer word stands alone. No line reads as the end of a message, as the start of the next
/// one or as a tag, wherever the words come from.
pub fn wrapped(paragraph: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in paragraph.split_whitespace() {
        let word: String = word
            .chars()
            .map(|c| if c.is_control() { '?' } else { c })
            .collect();
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= COLUMNS - 2 => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    for line in &mut lines {
        let first = line.split(' ').next().unwrap_or_default();
        let tag = first.ends_with("-by:") || ["Fixes:", "Cc:", "Link:", "Closes:"].contains(&first);
        let ends = [
            "---", "diff", "Index:", "From", ">From", "From:", "Subject:", "Date:",
        ]
        .iter()
        .any(|mark| first.starts_with(mark) && (first == *mark || *mark == "---"));
        if tag || ends {
            line.insert_str(0, "| ");
        }
    }
    lines.join("\n")
}

fn one_line(text: &str) -> String {
    let shown: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    shown.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `git diff --stat`, as far as it matters to a reader.
fn statistics(diff: &str) -> String {
    let patch = Patch::parse(diff).unwrap_or_default();
    let (mut text, mut inserted, mut deleted) = (String::new(), 0, 0);
    for file in &patch.files {
        let count = |kind| {
            let lines = file.hunks.iter().flat_map(|h| &h.lines);
            lines.filter(|l| l.kind == kind).count()
        };
        let (plus, minus) = (count(LineKind::Added), count(LineKind::Removed));
        inserted += plus;
        deleted += minus;
        let bar = format!("{}{}", "+".repeat(plus.min(20)), "-".repeat(minus.min(20)));
        text.push_str(&format!(" {} | {} {bar}\n", file.path(), plus + minus));
    }
    let plural = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    text.push_str(&format!(" {} changed", plural(patch.files.len(), "file")));
    if inserted > 0 {
        text.push_str(&format!(", {}(+)", plural(inserted, "insertion")));
    }
    if deleted > 0 {
        text.push_str(&format!(", {}(-)", plural(deleted, "deletion")));
    }
    text.push('\n');
    text
}

/// As RFC 5322 (3.3) has it, in UTC.
fn date(seconds: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    format!(
        "{}, {day} {} {year} {:02}:{:02}:{:02} +0000",
        DAYS.get((days % 7) as usize).unwrap_or(&"Thu"),
        MONTHS.get(month as usize).unwrap_or(&"Jan"),
        rest / 3600,
        rest / 60 % 60,
        rest % 60,
    )
}

/// Year, month (from 0) and day of a number of days since 1970 in the Gregorian calendar. Counted from the first of
/// March, a leap day is the last of its year; 400 years have 146,097 days.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12;
    (era * 400 + year + u64::from(month < 2), month, day)
}

/// Puts paragraphs into a mail that has a message, before its tags. `None` where the text is no such mail.
pub fn annotated(mail: &str, paragraphs: &[String]) -> Option<String> {
    let (head, rest) = mail.split_once("\n\n")?;
    if !head.lines().any(|line| line.starts_with("Subject:")) {
        return None;
    }
    let end = rest.find("\n---\n")?;
    let (message, diff) = (rest.get(..end)?, rest.get(end..)?);
    let (message, tags) = match message.rsplit_once("\n\n") {
        Some((message, last)) if is_tags(last) => (message, Some(last)),
        None if is_tags(message) => ("", Some(message)),
        _ => (message, None),
    };
    let mut parts: Vec<String> = Vec::new();
    parts.extend((!message.is_empty()).then(|| message.trim_end().to_string()));
    parts.extend(paragraphs.iter().map(|p| wrapped(p)));
    parts.extend(tags.map(String::from));
    Some(format!("{head}\n\n{}{diff}", parts.join("\n\n")))
}

/// Whether every line of a paragraph is `Word-word: ...`.
fn is_tags(paragraph: &str) -> bool {
    let tag = |line: &str| {
        line.split_once(": ").is_some_and(|(name, _)| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-')
        })
    };
    paragraph.lines().count() > 0 && paragraph.lines().all(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(date(0), "Thu, 1 Jan 1970 00:00:00 +0000");
        assert_eq!(date(951_782_400), "Tue, 29 Feb 2000 00:00:00 +0000");
        assert_eq!(date(1_795_975_445), "Sun, 29 Nov 2026 18:04:05 +0000");
        assert_eq!(date(1_798_761_599), "Thu, 31 Dec 2026 23:59:59 +0000");
    }

    #[test]
    fn lines_are_short_and_harmless() {
        let text = wrapped(&"word ".repeat(100));
        assert!(text.lines().all(|l| l.len() <= COLUMNS), "{text}");
        let long = "x".repeat(90);
        assert_eq!(wrapped(&format!("a {long} b")), format!("a\n{long}\nb"));
        for mark in ["---", "---x", "diff", "From", "Signed-off-by:", "Fixes:"] {
            let shown = wrapped(&format!("{mark} a b"));
            assert!(shown.starts_with("| "), "{shown}");
        }
        assert_eq!(wrapped("a\u{1b}[1m"), "a?[1m");
    }

    #[test]
    fn a_mail_has_its_parts_in_order() {
        let diff = "--- a/t.c\n+++ b/t.c\n@@ -1 +1,2 @@\n-a\n+b\n+c\n";
        let mail = Mail {
            author: "A B <a@b.example>",
            seconds: 0,
            subject: "t: fix\nit",
            paragraphs: &["One.".into(), "Two.".into()],
            tags: &["Fixes: 123456789012 (\"t: break it\")".into()],
            diff,
            tool: "tool 1",
        };
        let text = mail.text();
        let (head, rest) = text.split_once("\n\n").expect("a head");
        assert!(
            head.contains("\nFrom: A B <a@b.example>\nDate: Thu, 1 Jan 1970"),
            "{head}"
        );
        assert!(head.contains("\nSubject: [PATCH] t: fix it\n"), "{head}");
        assert_eq!(
            rest,
            "One.\n\nTwo.\n\nFixes: 123456789012 (\"t: break it\")\n---\n t.c | 3 ++-\n \
             1 file changed, 2 insertions(+), 1 deletion(-)\n\n"
                .to_string()
                + diff
                + "-- \ntool 1\n"
        );
        let lines = |text: &str| {
            let patch = Patch::parse(text).expect("a patch");
            let files = patch.files.into_iter();
            files
                .map(|f| {
                    (
                        f.new_path,
                        f.hunks.into_iter().map(|h| h.lines).collect::<Vec<_>>(),
                    )
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(lines(&text), lines(diff));
    }

    #[test]
    fn paragraphs_go_before_the_tags_of_a_message() {
        let mail = "From: A\nSubject: x\n\nWhy.\n\nSigned-off-by: A <a@b>\n---\n t.c | 1 +\n\ndiff --git a/t.c b/t.c\n";
        let more = annotated(mail, &["Proved.".to_string()]).expect("a mail");
        assert_eq!(more, mail.replace("Why.\n\n", "Why.\n\nProved.\n\n"));
        assert_eq!(annotated("--- a/t.c\n+++ b/t.c\n", &[]), None);
    }
}
