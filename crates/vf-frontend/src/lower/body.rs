//! The function under construction: blocks, locals, scopes and jumps.

use vf_source::tables::HashMap;

use vf_ir::{
    BlockId, Callee, Expr, FunctionId, Local, LocalId, Obligation, ObligationId, Stmt, StmtKind, Storage,
    SwitchCase, Terminator, Ty,
};
use vf_source::Span;

use super::types::Type;
use super::{Lowerer, Names};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ScopeId(pub usize);

/// A block scope. Its memory locals live from where control enters it to where control leaves it
/// (C11 6.2.4p6), however it does.
#[derive(Debug)]
pub(crate) struct Scope {
    pub parent: Option<ScopeId>,
    pub memory: Vec<LocalId>,
    /// What happens when the scope is left beside that, in order of declaration.
    pub cleanups: Vec<Cleanup>,
}

/// What control does when it leaves the scope of a declaration.
#[derive(Clone, Debug)]
pub(crate) enum Cleanup {
    /// The call `function(&variable)` of `__attribute__((cleanup(function)))` (GCC manual, "cleanup").
    Call {
        variable: LocalId,
        function: FunctionId,
        span: Span,
    },
    /// The variable-length array that the register leads to ends its life (C11 6.2.4p7).
    EndArray { pointer: LocalId, span: Span },
}

impl Cleanup {
    pub fn statement(&self) -> Stmt {
        match *self {
            Cleanup::Call {
                variable,
                function,
                span,
            } => Stmt {
                kind: StmtKind::Call {
                    dst: None,
                    callee: Callee::Direct(function),
                    args: vec![Expr::LocalAddress(variable)],
                },
                span,
            },
            Cleanup::EndArray { pointer, span } => Stmt {
                kind: StmtKind::Free {
                    ptr: Expr::Local(pointer),
                },
                span,
            },
        }
    }
}

/// A statement, or a place where the lives of a scope's memory locals begin or end: which locals these are
/// is known only when the whole scope was read.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    Stmt(Stmt),
    Enter(ScopeId),
    /// With the number of cleanups declared by then.
    Leave(ScopeId, usize),
    /// A register is declared without initialiser: its value is indeterminate from here.
    Forget(LocalId),
}

#[derive(Debug)]
pub(crate) struct OpenBlock {
    pub items: Vec<Item>,
    pub terminator: Option<(Terminator, Span)>,
}

/// Where `break` and `continue` go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub block: BlockId,
    pub scope: ScopeId,
}

/// An enclosing `switch` while its body is read.
#[derive(Debug)]
pub(crate) struct OpenSwitch {
    pub scope: ScopeId,
    pub ty: super::types::IntType,
    pub cases: Vec<SwitchCase>,
    pub default: Option<BlockId>,
}

#[derive(Debug)]
pub(crate) struct Label {
    pub block: BlockId,
    /// The scope it stands in, once it was seen.
    pub scope: Option<ScopeId>,
}

/// A `goto` whose edge is filled in when all labels are known.
#[derive(Debug)]
pub(crate) struct PendingGoto {
    pub from: BlockId,
    pub scope: ScopeId,
    /// Cleanups declared by then, of the scope and those around it.
    pub cleanups: Vec<(ScopeId, usize)>,
    pub label: String,
    pub at: lang_c::span::Span,
}

pub(crate) struct FunctionState {
    pub locals: Vec<Local>,
    pub obligations: Vec<Obligation>,
    pub blocks: Vec<OpenBlock>,
    pub current: BlockId,
    pub ret: Type,
    /// The hidden pointer through which a record is returned.
    pub ret_pointer: Option<LocalId>,
    pub name: String,
    pub names: Vec<Names>,
    pub scopes: Vec<Scope>,
    pub scope: ScopeId,
    pub breaks: Vec<Target>,
    pub continues: Vec<Target>,
    pub switches: Vec<OpenSwitch>,
    pub labels: HashMap<String, Label>,
    pub gotos: Vec<PendingGoto>,
    /// Where addresses of names are taken.
    pub addressed: Addressed,
    /// Where the open blocks end in the text of the declaration, the innermost last.
    pub block_ends: Vec<usize>,
    /// Registers that are declared without initialiser, with their scopes: their reads may need a check.
    pub declared_in: HashMap<LocalId, ScopeId>,
    /// More than zero inside an operand that is not evaluated.
    pub unevaluated: u32,
    /// Some `return` has a value.
    pub returns_value: bool,
    /// What annotations say of its returns.
    pub promises: Option<Box<super::contracts::Promises>>,
}

/// Where the address of a name is taken, by offset in the text of the declaration. Two variables of one name in
/// different blocks are told apart by where they can be named.
#[derive(Default)]
pub struct Addressed(HashMap<String, Vec<usize>>);

impl Addressed {
    pub fn add(&mut self, name: &str, at: usize) {
        self.0.entry(name.to_string()).or_default().push(at);
    }

    /// Is the address of `name` taken between the two offsets?
    pub fn within(&self, name: &str, from: usize, to: usize) -> bool {
        let places = self.0.get(name).into_iter().flatten();
        places.into_iter().any(|at| (from..=to).contains(at))
    }
}

impl FunctionState {
    pub fn new(name: &str, ret: Type, addressed: Addressed) -> FunctionState {
        FunctionState {
            locals: Vec::new(),
            obligations: Vec::new(),
            blocks: vec![OpenBlock {
                items: vec![Item::Enter(ScopeId(0))],
                terminator: None,
            }],
            current: BlockId(0),
            ret,
            ret_pointer: None,
            name: name.to_string(),
            names: vec![Names::default()],
            scopes: vec![Scope {
                parent: None,
                memory: Vec::new(),
                cleanups: Vec::new(),
            }],
            scope: ScopeId(0),
            breaks: Vec::new(),
            continues: Vec::new(),
            switches: Vec::new(),
            labels: HashMap::default(),
            gotos: Vec::new(),
            addressed,
            block_ends: Vec::new(),
            declared_in: HashMap::default(),
            unevaluated: 0,
            returns_value: false,
            promises: None,
        }
    }

    pub fn new_local(&mut self, local: Local) -> LocalId {
        self.locals.push(local);
        LocalId(self.locals.len() as u32 - 1)
    }

    pub fn new_block(&mut self) -> BlockId {
        self.blocks.push(OpenBlock {
            items: Vec::new(),
            terminator: None,
        });
        BlockId(self.blocks.len() as u32 - 1)
    }

    pub fn push(&mut self, item: Item) {
        // What follows a terminator is not reached, but its checks are still the user's: it gets a block
        // of its own without predecessor.
        if self
            .blocks
            .get(self.current.index())
            .is_none_or(|b| b.terminator.is_some())
        {
            self.current = self.new_block();
        }
        if let Some(block) = self.blocks.get_mut(self.current.index()) {
            block.items.push(item);
        }
    }

    pub fn stmt(&mut self, kind: StmtKind, span: Span) {
        self.push(Item::Stmt(Stmt { kind, span }));
    }

    /// Ends the current block, unless it already ended.
    pub fn terminate(&mut self, terminator: Terminator, span: Span) {
        if let Some(block) = self.blocks.get_mut(self.current.index())
            && block.terminator.is_none()
        {
            block.terminator = Some((terminator, span));
        }
    }

    /// Ends the current block with a jump to `to`, and goes on there.
    pub fn continue_in(&mut self, to: BlockId) {
        self.terminate(Terminator::Goto(to), Span::NONE);
        self.current = to;
    }

    pub fn is_terminated(&self) -> bool {
        self.blocks
            .get(self.current.index())
            .is_none_or(|b| b.terminator.is_some())
    }

    pub fn check(&mut self, obligation: Obligation) {
        let id = ObligationId(self.obligations.len() as u32);
        let span = obligation.span;
        self.obligations.push(obligation);
        self.stmt(StmtKind::Check(id), span);
    }

    /// Gives the obligation that was made last a text of its own.
    pub fn name_last_obligation(&mut self, text: String) {
        if let Some(obligation) = self.obligations.last_mut() {
            obligation.text = text;
        }
    }

    /// A register for an intermediate value.
    pub fn temporary(&mut self, ty: Ty, c_type: &Type, span: Span) -> LocalId {
        self.new_local(Local {
            name: "tmp".to_string(),
            ty: c_type.to_ir(),
            storage: Storage::Register(ty),
            user: false,
            span,
        })
    }

    /// Puts a value that may change, or that is large, into a register of its own.
    pub fn in_register(&mut self, value: Expr, ty: Ty, c_type: &Type, span: Span) -> Expr {
        let dst = self.temporary(ty, c_type, span);
        self.stmt(StmtKind::Assign { dst, value }, span);
        Expr::Local(dst)
    }

    /// Is the address of a variable that is declared here taken in the rest of its block?
    pub fn is_addressed(&self, name: &str, declared_at: usize) -> bool {
        let end = self.block_ends.last().copied().unwrap_or(usize::MAX);
        self.addressed.within(name, declared_at, end)
    }

    pub fn enter_scope(&mut self) -> ScopeId {
        let id = ScopeId(self.scopes.len());
        self.scopes.push(Scope {
            parent: Some(self.scope),
            memory: Vec::new(),
            cleanups: Vec::new(),
        });
        self.push(Item::Enter(id));
        self.scope = id;
        self.names.push(Names::default());
        id
    }

    pub fn leave_scope(&mut self) {
        let id = self.scope;
        if !self.is_terminated() {
            let leave = self.leaving(id);
            self.push(leave);
        }
        self.names.pop();
        if let Some(parent) = self.scopes.get(id.0).and_then(|s| s.parent) {
            self.scope = parent;
        }
    }

    /// Leaving a scope from here.
    pub fn leaving(&self, id: ScopeId) -> Item {
        Item::Leave(id, self.scopes.get(id.0).map_or(0, |s| s.cleanups.len()))
    }

    fn ancestors(&self, from: ScopeId) -> Vec<ScopeId> {
        let mut chain = vec![from];
        let mut at = from;
        while let Some(parent) = self.scopes.get(at.0).and_then(|s| s.parent) {
            chain.push(parent);
            at = parent;
        }
        chain
    }

    /// What a jump from one scope into another ends and begins.
    pub fn scope_changes(&self, from: ScopeId, to: ScopeId) -> Vec<Item> {
        let (left, entered) = (self.ancestors(from), self.ancestors(to));
        let mut items: Vec<Item> = left
            .iter()
            .filter(|s| !entered.contains(s))
            .map(|s| self.leaving(*s))
            .collect();
        items.extend(
            entered
                .iter()
                .rev()
                .filter(|s| !left.contains(s))
                .map(|s| Item::Enter(*s)),
        );
        items
    }

    /// A `goto` from here; its edge is an empty block until labels are known.
    pub fn pending_goto(&mut self, label: String, at: lang_c::span::Span) -> BlockId {
        let from = self.new_block();
        let cleanups = self
            .ancestors(self.scope)
            .into_iter()
            .map(|s| (s, self.scopes.get(s.0).map_or(0, |s| s.cleanups.len())))
            .collect();
        self.gotos.push(PendingGoto {
            from,
            scope: self.scope,
            cleanups,
            label,
            at,
        });
        from
    }

    /// Leaves the current block for `target` (a `break` or `continue`).
    pub fn jump(&mut self, target: Target, span: Span) {
        if self.is_terminated() {
            return;
        }
        for item in self.scope_changes(self.scope, target.scope) {
            self.push(item);
        }
        self.terminate(Terminator::Goto(target.block), span);
    }
}

impl Lowerer<'_> {
    /// The function under construction. File-scope expressions that need one are refused before.
    pub fn f(&mut self) -> &mut FunctionState {
        self.function
            .get_or_insert_with(|| Box::new(FunctionState::new("", Type::void(), Addressed::default())))
    }

    pub fn locals(&self) -> &[Local] {
        self.function.as_ref().map_or(&[], |f| &f.locals)
    }

    /// A memory object of the current scope.
    pub fn memory_local(&mut self, name: &str, ty: &Type, user: bool, span: Span) -> LocalId {
        let scope = self.f().scope;
        self.memory_local_in(scope, name, ty, user, span)
    }

    pub fn memory_local_in(
        &mut self,
        scope: ScopeId,
        name: &str,
        ty: &Type,
        user: bool,
        span: Span,
    ) -> LocalId {
        let f = self.f();
        let local = f.new_local(Local {
            name: name.to_string(),
            ty: ty.to_ir(),
            storage: Storage::Memory,
            user,
            span,
        });
        if let Some(s) = f.scopes.get_mut(scope.0) {
            s.memory.push(local);
        }
        local
    }
}
