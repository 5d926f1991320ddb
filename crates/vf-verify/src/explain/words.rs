//! What a step did and saw, in source terms.

use vf_ir::interp::{Effect, History, NodeId, ObjectInfo, ObjectKind, Observation, Pointer, Site, Value};
use vf_ir::{CType, Callee, Expr, Function, LocalId, StmtKind, Terminator, cfg};
use vf_source::Span;

use crate::analysis::Context;
use crate::inputs::integer;

/// Source text longer than this is not quoted.
const LONGEST_TEXT: usize = 80;

pub struct Words<'a> {
    pub context: &'a Context<'a>,
    pub history: &'a History,
    pub objects: &'a [ObjectInfo],
}

type Values = Vec<(String, String)>;

/// Something a step did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// It made this the value of that.
    Is { name: String, value: String },
    /// It decided, on these values.
    Decided {
        condition: String,
        outcome: String,
        operands: Values,
    },
    /// It called, with these values.
    Called { call: String, operands: Values },
    /// It only read these (a check).
    Saw(Values),
}

impl Fact {
    /// As a step of a trace.
    pub fn event(&self) -> Option<String> {
        match self {
            Fact::Is { name, value } => Some(format!("{name} = {value}")),
            Fact::Decided {
                condition,
                outcome,
                operands,
            } => Some(format!("{condition} is {outcome}{}", bracketed(operands))),
            Fact::Called { call, operands } => Some(format!("calls {call}{}", bracketed(operands))),
            Fact::Saw(_) => None,
        }
    }

    /// As names and values.
    pub fn values(&self) -> Values {
        match self {
            Fact::Is { name, value } => vec![(name.clone(), value.clone())],
            Fact::Decided {
                condition,
                outcome,
                operands,
            } => {
                let mut values = operands.clone();
                values.push((condition.clone(), outcome.clone()));
                values
            }
            Fact::Called { operands, .. } | Fact::Saw(operands) => operands.clone(),
        }
    }
}

/// ` (i = 9, n = 10)`; nothing for no value.
pub fn bracketed(values: &[(String, String)]) -> String {
    if values.is_empty() {
        return String::new();
    }
    let texts: Vec<String> = values.iter().map(|(n, v)| format!("{n} = {v}")).collect();
    format!(" ({})", texts.join(", "))
}

impl Words<'_> {
    pub fn facts(&self, steps: &[NodeId]) -> Vec<Fact> {
        let mut facts: Vec<Fact> = Vec::new();
        for id in steps {
            for fact in self.facts_of(*id) {
                // `q = malloc(n)`: that the call gave what `q` now is goes without saying.
                if let (Fact::Is { value, .. }, Some(Fact::Is { name, value: last })) = (&fact, facts.last())
                    && value == last
                    && name.ends_with(')')
                {
                    facts.pop();
                }
                if !facts.contains(&fact) {
                    facts.push(fact);
                }
            }
        }
        facts
    }

    /// The values that the last of the steps read.
    pub fn operands_of_last(&self, steps: &[NodeId]) -> Values {
        let Some(id) = steps.last() else {
            return Values::new();
        };
        match (self.history.site(*id), self.history.observations.get(id)) {
            (Some(site), Some(seen)) => self.operands(site, seen),
            _ => Values::new(),
        }
    }

    fn facts_of(&self, id: NodeId) -> Vec<Fact> {
        let Some(site) = self.history.site(id) else {
            return Vec::new();
        };
        let nothing = Observation::default();
        let seen = self.history.observations.get(&id).unwrap_or(&nothing);
        let function = self.context.program.function(site.function);
        let Some(block) = function.blocks().get(site.block.index()) else {
            return Vec::new();
        };
        match site.statement {
            None => self.decision(site, function, &block.terminator, block.terminator_span, seen),
            Some(number) => match block.statements.get(number) {
                Some(statement) => self.statement(site, function, &statement.kind, statement.span, seen),
                None => Vec::new(),
            },
        }
    }

    fn decision(
        &self,
        site: Site,
        function: &Function,
        terminator: &Terminator,
        span: Span,
        seen: &Observation,
    ) -> Vec<Fact> {
        let operands = self.operands(site, seen);
        let fact = seen.effects.iter().find_map(|effect| match effect {
            Effect::WentTo(target) => {
                let condition = self.text(span)?;
                let edges = cfg::terminator_targets(terminator);
                let outcome = match edges.iter().find(|(to, _)| to == target)?.1 {
                    cfg::EdgeKind::Then => "true",
                    cfg::EdgeKind::Otherwise => "false",
                    cfg::EdgeKind::Case(_) | cfg::EdgeKind::Default => {
                        return Some(Fact::Saw(operands.clone()));
                    }
                    cfg::EdgeKind::Goto => return None,
                };
                Some(Fact::Decided {
                    condition,
                    outcome: outcome.to_owned(),
                    operands: operands.clone(),
                })
            }
            Effect::Returned(Some(value)) => Some(Fact::Is {
                name: "return".to_owned(),
                value: self.value(*value, &function.ret),
            }),
            _ => None,
        });
        fact.into_iter().collect()
    }

    fn statement(
        &self,
        site: Site,
        function: &Function,
        kind: &StmtKind,
        span: Span,
        seen: &Observation,
    ) -> Vec<Fact> {
        match kind {
            StmtKind::ScopeStart(local) => {
                let program = self.context.program;
                let Some(local) = function.locals.get(local.index()).filter(|l| l.user) else {
                    return Vec::new();
                };
                let size = local.ty.size(&program.records, program.model);
                let fact = size.filter(|_| local.ty.scalar().is_none()).map(|size| Fact::Is {
                    name: format!("object_size({})", local.name),
                    value: size.to_string(),
                });
                fact.into_iter().collect()
            }
            StmtKind::Call { callee, .. } => vec![self.call(site, function, callee, span, seen)],
            StmtKind::Check(_) => vec![Fact::Saw(self.operands(site, seen))],
            StmtKind::Copy { .. } | StmtKind::Fill { .. } | StmtKind::Free { .. } => Vec::new(),
            _ => seen
                .effects
                .iter()
                .filter_map(|effect| match effect {
                    Effect::Assigned(local, value) => {
                        let local = function.locals.get(local.index()).filter(|l| l.user)?;
                        Some(Fact::Is {
                            name: local.name.clone(),
                            value: self.value(*value, &local.ty),
                        })
                    }
                    Effect::Stored(_, value) => {
                        let StmtKind::Store { ptr, .. } = kind else {
                            return None;
                        };
                        let ty = self.pointee(function, ptr).unwrap_or(&CType::Void);
                        Some(Fact::Is {
                            name: self.text(span).filter(|t| is_place(t))?,
                            value: self.value(*value, ty),
                        })
                    }
                    _ => None,
                })
                .collect(),
        }
    }

    /// A call of the user's function is followed; of any other, the result is what it did.
    fn call(&self, site: Site, function: &Function, callee: &Callee, span: Span, seen: &Observation) -> Fact {
        let operands = self.operands(site, seen);
        let called = match callee {
            Callee::Direct(id) => Some(self.context.program.function(*id)),
            Callee::Indirect(_) => None,
        };
        let call = self
            .text(span)
            .unwrap_or_else(|| called.map_or_else(|| "a function".to_owned(), |f| format!("{}()", f.name)));
        let followed = called.is_none_or(|f| !f.library_model && !f.blocks().is_empty());
        let result = seen.effects.iter().find_map(|effect| match effect {
            Effect::Assigned(local, value) if !followed => {
                Some(self.value(*value, &function.locals.get(local.index())?.ty))
            }
            _ => None,
        });
        match result {
            Some(value) => Fact::Is { name: call, value },
            None => Fact::Called { call, operands },
        }
    }

    /// The values that a step read, under the names that the source has for them.
    fn operands(&self, site: Site, seen: &Observation) -> Values {
        let function = self.context.program.function(site.function);
        let mut values = Values::new();
        for (local, value) in &seen.reads {
            let Some(info) = function.locals.get(local.index()) else {
                continue;
            };
            let name = if info.user {
                Some(info.name.clone())
            } else {
                self.origin(function, *local)
            };
            let Some(name) = name else { continue };
            let named = (name, self.value(*value, &info.ty));
            if !values.contains(&named) {
                values.push(named);
            }
        }
        values
    }

    /// The source text of what a temporary holds, where it is made at one place only.
    fn origin(&self, function: &Function, local: LocalId) -> Option<String> {
        let mut made = function
            .blocks()
            .iter()
            .flat_map(|b| &b.statements)
            .filter(|s| match &s.kind {
                StmtKind::Assign { dst, .. } | StmtKind::Load { dst, .. } => *dst == local,
                StmtKind::Call { dst, .. } => *dst == Some(local),
                _ => false,
            });
        let statement = made.next()?;
        if made.next().is_some() {
            return None;
        }
        self.text(statement.span).filter(|t| is_place(t))
    }

    /// Source text on one line.
    fn text(&self, span: Span) -> Option<String> {
        let text = self.context.sources.text(span)?;
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        (!text.is_empty() && text.len() <= LONGEST_TEXT).then_some(text)
    }

    /// The C type of what a pointer expression leads to.
    fn pointee<'p>(&'p self, function: &'p Function, ptr: &Expr) -> Option<&'p CType> {
        let program = self.context.program;
        let mut ty = match ptr {
            Expr::LocalAddress(local) => &function.locals.get(local.index())?.ty,
            Expr::Local(local) => match &function.locals.get(local.index())?.ty {
                CType::Pointer { to, .. } => to,
                _ => return None,
            },
            Expr::GlobalAddress(global) => &program.globals.get(global.index())?.ty,
            Expr::Member { record, field, .. } => {
                let record = program.records.get(record.0 as usize)?;
                &record.fields.get(*field as usize)?.ty
            }
            Expr::PtrAdd { ptr, .. } => self.pointee(function, ptr)?,
            _ => return None,
        };
        while let CType::Array { element, .. } = ty {
            ty = element;
        }
        Some(ty)
    }

    fn value(&self, value: Value, ty: &CType) -> String {
        match value {
            Value::Int { bits, value } => integer(value, bits, ty.is_signed()),
            Value::Pointer(pointer) => self.pointer(pointer),
            Value::Float { .. } => "some float".to_owned(),
        }
    }

    fn pointer(&self, pointer: Pointer) -> String {
        let Some(object) = pointer.object.and_then(|id| self.objects.get(id.0 as usize)) else {
            return match pointer.offset {
                0 => "NULL".to_owned(),
                address => format!("{address:#x}"),
            };
        };
        let program = self.context.program;
        let name = match object.kind {
            ObjectKind::Input(_) | ObjectKind::Heap | ObjectKind::Stack => {
                format!("a block of {} bytes", object.size)
            }
            ObjectKind::Global(id) => match program.globals.get(id.index()) {
                Some(global) if global.name.starts_with('.') => "a string".to_owned(),
                Some(global) => format!("&{}", global.name),
                None => "a global".to_owned(),
            },
            ObjectKind::Local(function, local) => {
                let local = program.function(function).locals.get(local.index());
                local.map_or_else(|| "a local".to_owned(), |l| format!("&{}", l.name))
            }
            ObjectKind::Function(id) => program.function(id).name.clone(),
        };
        match pointer.offset as i64 {
            0 => name,
            offset if offset < 0 => format!("{name} - {}", offset.unsigned_abs()),
            offset => format!("{name} + {offset}"),
        }
    }
}

/// Whether source text reads as a place or a call, and not as a literal or a piece of one.
fn is_place(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '*' | '('))
}
