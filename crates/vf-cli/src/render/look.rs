//! Whether text is coloured.

use std::path::Path;

use annotate_snippets::Renderer;
use annotate_snippets::renderer::{AnsiColor, Effects, Style};
use anstream::stream::RawStream;
use anstream::{AutoStream, ColorChoice};

/// How text for people is drawn. Colours add nothing that the plain text does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    Plain,
    Coloured,
}

impl Look {
    /// For a result that goes to a file where one is named, and to standard output otherwise.
    pub fn of_output(file: Option<&Path>) -> Look {
        match file {
            Some(_) => Look::Plain,
            None => Look::of_stream(&std::io::stdout()),
        }
    }

    pub fn of_stderr() -> Look {
        Look::of_stream(&std::io::stderr())
    }

    /// Colours only on a terminal that has them, and not where the environment asks for none (`NO_COLOR`, see
    /// <https://no-color.org>, `CLICOLOR=0`, `TERM=dumb`).
    fn of_stream(stream: &impl RawStream) -> Look {
        if stream.is_terminal() && AutoStream::choice(stream) != ColorChoice::Never {
            Look::Coloured
        } else {
            Look::Plain
        }
    }

    pub fn renderer(self) -> Renderer {
        match self {
            Look::Plain => Renderer::plain(),
            Look::Coloured => Renderer::styled(),
        }
    }

    /// A first line that says how it came out.
    pub fn headline(self, good: Option<bool>, text: &str) -> String {
        let colour = match good {
            Some(true) => AnsiColor::BrightGreen,
            Some(false) => AnsiColor::BrightRed,
            None => AnsiColor::BrightYellow,
        };
        self.paint(
            Style::new().fg_color(Some(colour.into())).effects(Effects::BOLD),
            text,
        )
    }

    /// The head of a section.
    pub fn heading(self, text: &str) -> String {
        self.paint(Style::new().effects(Effects::BOLD), text)
    }

    fn paint(self, style: Style, text: &str) -> String {
        match self {
            Look::Plain => text.to_string(),
            Look::Coloured => format!("{style}{text}{style:#}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_holds_no_escapes() {
        assert_eq!(Look::Plain.headline(Some(false), "refuted"), "refuted");
        assert!(Look::Coloured.headline(Some(false), "refuted").contains('\x1b'));
        assert_eq!(Look::of_output(Some(Path::new("out"))), Look::Plain);
    }
}
