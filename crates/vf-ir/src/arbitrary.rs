//! Random programs for property tests: every kind of everything, with ids that exist and nothing else right.

use proptest::prelude::*;
use vf_source::{FileId, Position, Span};

use crate::obligation::*;
use crate::program::*;
use crate::types::*;

/// Any program whose ids exist. Types and widths do not fit together.
pub fn program() -> impl Strategy<Value = Program> {
    proptest::collection::vec(any::<u32>(), 0..1500).prop_map(|seeds| {
        Random {
            seeds,
            at: 0,
            counts: Counts::default(),
        }
        .program()
    })
}

const NAMES: [&str; 24] = [
    "i",
    "i",
    "buf",
    "tmp",
    "",
    "a b",
    "quote\"back\\slash",
    "fn",
    "struct",
    ".str.0",
    "...",
    "..",
    "é",
    "\u{7}\n\u{85}",
    "b0",
    "size",
    "2x",
    "a-b",
    "bits",
    "counted_by",
    "global",
    "local",
    "#3",
    "extern",
];

#[derive(Default)]
struct Counts {
    records: u32,
    globals: u32,
    functions: u32,
    locals: u32,
    blocks: u32,
    obligations: u32,
    fields: Vec<u32>,
}

struct Random {
    seeds: Vec<u32>,
    at: usize,
    counts: Counts,
}

impl Random {
    /// Below `limit`; zero when the seeds are used up.
    fn below(&mut self, limit: u32) -> u32 {
        self.at += 1;
        self.seeds.get(self.at - 1).map_or(0, |s| s % limit.max(1))
    }
    fn flag(&mut self) -> bool {
        self.below(2) == 1
    }
    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u32) as usize].clone()
    }
    fn name(&mut self) -> String {
        self.pick(&NAMES).to_string()
    }
    fn number(&mut self) -> u64 {
        let edges = [
            0,
            1,
            2,
            7,
            8,
            63,
            64,
            255,
            1 << 31,
            u64::from(u32::MAX),
            i64::MAX as u64,
            1 << 63,
            u64::MAX,
        ];
        if self.flag() {
            self.pick(&edges)
        } else {
            u64::from(self.below(100))
        }
    }
    fn many<T>(&mut self, limit: u32, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.below(limit + 1)).map(|_| make(self)).collect()
    }
    fn bytes(&mut self) -> Vec<u8> {
        self.many(9, |r| r.below(256) as u8)
    }
    fn width(&mut self) -> u32 {
        self.pick(&[1, 8, 16, 32, 64, 128, 5, 127])
    }
    fn span(&mut self) -> Span {
        if self.flag() {
            return Span::NONE;
        }
        let mut position = || Position {
            line: self.below(30),
            column: self.below(100),
        };
        let (start, end) = (position(), position());
        Span {
            file: FileId(self.below(4)),
            start,
            end,
        }
    }

    fn program(mut self) -> Program {
        let model = self.pick(&[DataModel::Lp64, DataModel::Ilp32]);
        self.counts.records = self.below(4);
        self.counts.globals = self.below(4);
        self.counts.functions = self.below(4);
        let records = (0..self.counts.records)
            .map(|_| self.record())
            .collect::<Vec<_>>();
        self.counts.fields = records.iter().map(|r| r.fields.len() as u32).collect();
        let globals = (0..self.counts.globals).map(|_| self.global()).collect();
        let functions = (0..self.counts.functions).map(|_| self.function()).collect();
        Program {
            model,
            records,
            globals,
            functions,
        }
    }

    fn record(&mut self) -> Record {
        Record {
            name: self.name(),
            is_union: self.flag(),
            size: self.flag().then(|| self.number()),
            align: self.number(),
            fields: self.many(4, |r| Field {
                name: r.name(),
                ty: r.ctype(),
                offset: r.number(),
                bits: r.flag().then(|| BitField {
                    first: r.below(64),
                    width: r.below(64),
                    unit: r.below(65),
                }),
                counted_by: r.flag().then(|| r.name()),
            }),
        }
    }

    fn ctype(&mut self) -> CType {
        match self.below(9) {
            0 => CType::Void,
            1 => CType::Bool,
            2 | 3 => CType::Int {
                bits: self.width(),
                signed: self.flag(),
            },
            4 => CType::Float {
                bits: self.pick(&[32, 64, 80, 128]),
            },
            5 => CType::Pointer {
                to: Box::new(self.ctype()),
                to_const: self.flag(),
            },
            6 => {
                let fixed = ArrayLen::Fixed(self.number());
                let len = self.pick(&[fixed, ArrayLen::Unknown, ArrayLen::Variable]);
                CType::Array {
                    element: Box::new(self.ctype()),
                    len,
                }
            }
            7 if self.counts.records > 0 => CType::Record(RecordId(self.below(self.counts.records))),
            7 => CType::CHAR,
            _ => CType::Function(Box::new(FunctionType {
                ret: self.ctype(),
                params: self.many(2, Self::ctype),
                variadic: self.flag(),
            })),
        }
    }

    fn global(&mut self) -> Global {
        Global {
            name: self.name(),
            ty: self.ctype(),
            size: self.flag().then(|| self.number()),
            constant: self.flag(),
            init: if self.flag() {
                Initial::Unknown
            } else {
                Initial::Known(self.many(4, |r| InitItem {
                    offset: r.number(),
                    value: r.init_value(),
                }))
            },
            span: self.span(),
        }
    }

    fn init_value(&mut self) -> InitValue {
        match self.below(5) {
            1 => InitValue::Bytes(self.bytes()),
            2 => InitValue::GlobalAddress {
                global: GlobalId(self.below(self.counts.globals)),
                offset: self.number() as i64,
            },
            3 if self.counts.functions > 0 => {
                InitValue::FunctionAddress(FunctionId(self.below(self.counts.functions)))
            }
            4 => InitValue::Unknown { size: self.number() },
            _ => self.integer(|bits, value| InitValue::Int { bits, value }),
        }
    }

    fn integer<T>(&mut self, make: impl Fn(u32, u128) -> T) -> T {
        let bits = self.width();
        let value = u128::from(self.number()) << self.pick(&[0, 0, 63]);
        let value = if self.flag() { value.wrapping_neg() } else { value };
        make(
            bits,
            if bits < 128 {
                value & ((1 << bits) - 1)
            } else {
                value
            },
        )
    }

    fn function(&mut self) -> Function {
        self.counts.locals = self.below(5);
        self.counts.blocks = self.below(4);
        self.counts.obligations = self.below(5);
        let obligations = (0..self.counts.obligations).map(|_| self.obligation()).collect();
        Function {
            name: self.name(),
            ret: self.ctype(),
            params: (0..self.below(self.counts.locals + 1)).map(LocalId).collect(),
            variadic: self.flag(),
            internal: self.flag(),
            noreturn: self.flag(),
            library_model: self.flag(),
            unchanging: self.flag(),
            body: match self.below(6) {
                1 => Body::Declared,
                2 => Body::Unsupported(Unsupported {
                    construct: self.name(),
                    span: self.span(),
                }),
                _ => Body::Defined((0..self.counts.blocks).map(|_| self.block()).collect()),
            },
            locals: (0..self.counts.locals)
                .map(|_| Local {
                    name: self.name(),
                    ty: self.ctype(),
                    storage: if self.flag() {
                        Storage::Memory
                    } else {
                        Storage::Register(self.ty())
                    },
                    user: self.flag(),
                    span: self.span(),
                })
                .collect(),
            obligations,
            span: self.span(),
        }
    }

    fn ty(&mut self) -> Ty {
        match self.below(3) {
            0 => Ty::Ptr,
            1 => Ty::Float(self.pick(&[32, 64, 128])),
            _ => Ty::Int(self.width()),
        }
    }

    fn obligation(&mut self) -> Obligation {
        Obligation {
            property: self.pick(&Property::ALL),
            condition: self.condition(),
            span: self.span(),
            text: self.name(),
            required: self.flag(),
        }
    }

    fn condition(&mut self) -> Condition {
        use Arithmetic::*;
        match self.below(12) {
            0 => Condition::Unreachable,
            1 => Condition::NoOverflow {
                op: self.pick(&[Add, Sub, Mul, Div, Neg, Shl]),
                signed: self.flag(),
                lhs: self.expr(),
                rhs: self.expr(),
            },
            2 => Condition::Lossless {
                value: self.expr(),
                value_signed: self.flag(),
                bits: self.width(),
                signed: self.flag(),
            },
            3 => Condition::ValidAccess {
                ptr: self.expr(),
                size: self.expr(),
                access: self.pick(&[Access::Read, Access::Write]),
            },
            4 => Condition::NotNull { ptr: self.expr() },
            5 => Condition::Live { ptr: self.expr() },
            6 if self.counts.locals > 0 => Condition::InitializedLocal(self.local()),
            7 => Condition::InitializedMemory {
                ptr: self.expr(),
                size: self.expr(),
            },
            8 => Condition::Terminated {
                ptr: self.expr(),
                unit: self.pick(&[1, 2, 4]),
            },
            9 => Condition::Freeable { ptr: self.expr() },
            10 => Condition::Freed {
                or_reachable: self.flag(),
            },
            _ => Condition::Holds(self.expr()),
        }
    }

    fn local(&mut self) -> LocalId {
        LocalId(self.below(self.counts.locals))
    }

    fn boxed(&mut self) -> Box<Expr> {
        Box::new(self.expr())
    }

    fn expr(&mut self) -> Expr {
        use BinaryOp::*;
        let counts = (
            self.counts.locals,
            self.counts.globals,
            self.counts.functions,
            self.counts.records,
        );
        match (self.below(20), counts) {
            (1 | 2, (1.., ..)) => Expr::Local(self.local()),
            (3, (1.., ..)) => Expr::LocalAddress(self.local()),
            (4, (_, 1.., ..)) => Expr::GlobalAddress(GlobalId(self.below(counts.1))),
            (5, (_, _, 1.., _)) => Expr::FunctionAddress(FunctionId(self.below(counts.2))),
            (6, _) => Expr::Unary {
                op: self.pick(&[UnaryOp::Not, UnaryOp::Neg]),
                arg: self.boxed(),
            },
            (7 | 8, _) => {
                let all = [
                    Add, Sub, Mul, SDiv, UDiv, SRem, URem, And, Or, Xor, Shl, LShr, AShr,
                ];
                Expr::Binary {
                    op: self.pick(&all),
                    lhs: self.boxed(),
                    rhs: self.boxed(),
                }
            }
            (9, _) => Expr::Compare {
                op: self.compare(),
                lhs: self.boxed(),
                rhs: self.boxed(),
            },
            (10, _) => Expr::PtrCompare {
                op: self.compare(),
                lhs: self.boxed(),
                rhs: self.boxed(),
            },
            (11, _) => Expr::Resize {
                kind: self.pick(&[Resize::ZeroExtend, Resize::SignExtend, Resize::Truncate]),
                bits: self.width(),
                arg: self.boxed(),
            },
            (12, _) => Expr::Select {
                condition: self.boxed(),
                then: self.boxed(),
                otherwise: self.boxed(),
            },
            (13, _) => Expr::PtrAdd {
                ptr: self.boxed(),
                index: self.boxed(),
                scale: self.number(),
            },
            (14, (.., 1..)) => {
                let record = self.below(counts.3);
                match self.counts.fields.get(record as usize).copied() {
                    Some(fields @ 1..) => Expr::Member {
                        ptr: self.boxed(),
                        record: RecordId(record),
                        field: self.below(fields),
                    },
                    _ => Expr::Null,
                }
            }
            (15, _) => Expr::PtrDiff {
                lhs: self.boxed(),
                rhs: self.boxed(),
                scale: self.number(),
            },
            (16, _) => Expr::PtrToInt(self.boxed()),
            (17, _) => Expr::IntToPtr(self.boxed()),
            (18, _) => Expr::Null,
            _ => self.integer(|bits, value| Expr::Int { bits, value }),
        }
    }

    fn compare(&mut self) -> CompareOp {
        use CompareOp::*;
        self.pick(&[Equal, NotEqual, ULess, ULessEqual, SLess, SLessEqual])
    }

    fn block(&mut self) -> Block {
        Block {
            statements: self.many(6, |r| Stmt {
                kind: r.statement(),
                span: r.span(),
            }),
            terminator: self.terminator(),
            terminator_span: self.span(),
        }
    }

    fn block_id(&mut self) -> BlockId {
        BlockId(self.below(self.counts.blocks))
    }

    fn terminator(&mut self) -> Terminator {
        match self.below(6) {
            0 => Terminator::Unreachable,
            1 => Terminator::Goto(self.block_id()),
            2 => Terminator::Branch {
                condition: self.expr(),
                then: self.block_id(),
                otherwise: self.block_id(),
            },
            3 => Terminator::Switch {
                value: self.expr(),
                cases: self.many(3, |r| SwitchCase {
                    low: u128::from(r.number()),
                    high: u128::from(r.number()),
                    target: r.block_id(),
                }),
                default: self.block_id(),
            },
            4 => Terminator::Return(Some(self.expr())),
            _ => Terminator::Return(None),
        }
    }

    fn statement(&mut self) -> StmtKind {
        if self.counts.locals == 0 {
            return match self.below(3) {
                0 => StmtKind::Assume(self.expr()),
                1 => StmtKind::Free { ptr: self.expr() },
                _ => self.call(None),
            };
        }
        let dst = self.local();
        match self.below(18) {
            1 => StmtKind::Havoc {
                dst,
                why: self.pick(&[
                    HavocReason::Input,
                    HavocReason::Float,
                    HavocReason::Assembly,
                    HavocReason::Argument,
                    HavocReason::Library,
                    HavocReason::Environment,
                ]),
            },
            2 => StmtKind::Load {
                dst,
                ptr: self.expr(),
                ty: self.ty(),
                volatile: self.flag(),
            },
            3 => StmtKind::Store {
                ptr: self.expr(),
                value: self.expr(),
                ty: self.ty(),
                volatile: self.flag(),
            },
            4 => StmtKind::Copy {
                dst: self.expr(),
                src: self.expr(),
                size: self.expr(),
            },
            5 => StmtKind::Fill {
                dst: self.expr(),
                unit: self.expr(),
                size: self.expr(),
            },
            6 => StmtKind::HavocMemory {
                dst: self.expr(),
                size: self.expr(),
            },
            7 => StmtKind::Alloc {
                dst,
                size: self.expr(),
                zeroed: self.flag(),
                may_fail: self.flag(),
                kind: self.pick(&[AllocKind::Heap, AllocKind::Stack]),
            },
            8 => StmtKind::Free { ptr: self.expr() },
            9 => StmtKind::StringLength {
                dst,
                ptr: self.expr(),
                unit: self.pick(&[1, 2, 4]),
            },
            10 => StmtKind::ObjectSize {
                dst,
                ptr: self.expr(),
            },
            11 => {
                let dst = self.flag().then_some(dst);
                self.call(dst)
            }
            12 | 13 if self.counts.obligations > 0 => {
                StmtKind::Check(ObligationId(self.below(self.counts.obligations)))
            }
            14 => StmtKind::Assume(self.expr()),
            15 => StmtKind::ScopeStart(dst),
            16 => StmtKind::ScopeEnd(dst),
            17 => StmtKind::Assembly {
                text: self.pick(&["cli", "outb %0, %1 : \"a\"", ""]).to_owned(),
                inputs: self.many(3, Self::expr),
                memory: self.flag(),
            },
            _ => StmtKind::Assign {
                dst,
                value: self.expr(),
            },
        }
    }

    fn call(&mut self, dst: Option<LocalId>) -> StmtKind {
        let callee = if self.flag() {
            Callee::Indirect(self.expr())
        } else {
            Callee::Direct(FunctionId(self.below(self.counts.functions)))
        };
        StmtKind::Call {
            dst,
            callee,
            args: self.many(3, Self::expr),
        }
    }
}
