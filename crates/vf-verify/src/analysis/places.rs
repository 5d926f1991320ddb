//! Where obligations and loops stand in the source.

use vf_ir::FunctionId;
use vf_source::Span;

use super::Context;
use crate::engine::{self, CheckKey};
use crate::report::Location;

impl Context<'_> {
    /// Where a loop begins.
    pub fn loop_location(&self, of: engine::CutLoop) -> Location {
        let function = self.program.function(of.function);
        Location {
            line: self.loop_line(of.function.0, of.header.0),
            column: 0,
            ..self.location(function.span)
        }
    }

    pub(super) fn loop_line(&self, function: u32, header: u32) -> u32 {
        let function = self.program.function(FunctionId(function));
        let block = function.blocks().get(header as usize);
        let spans = block.into_iter().flat_map(|b| {
            b.statements
                .iter()
                .map(|s| s.span)
                .chain(std::iter::once(b.terminator_span))
        });
        spans
            .filter(|s| s.is_known())
            .map(|s| s.start.line)
            .next()
            .unwrap_or(function.span.start.line)
    }

    pub fn location(&self, span: Span) -> Location {
        let file = self
            .sources
            .get(span.file)
            .map(|f| f.path.display().to_string())
            .unwrap_or_default();
        if span.is_known() {
            Location {
                file,
                line: span.start.line,
                column: span.start.column,
            }
        } else {
            Location {
                file,
                line: 0,
                column: 0,
            }
        }
    }

    /// Where an obligation is reported: its own place, or that of the call of the model it belongs to.
    pub fn place(&self, key: &CheckKey) -> Span {
        let function = self.program.function(key.function);
        if let Some((block, statement)) = key.via.first() {
            let found = function
                .blocks()
                .get(block.index())
                .and_then(|b| b.statements.get(*statement as usize));
            return found.map_or(function.span, |s| s.span);
        }
        self.program
            .function(key.inner)
            .obligations
            .get(key.obligation.index())
            .map_or(function.span, |o| o.span)
    }
}
