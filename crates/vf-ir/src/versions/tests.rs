use super::*;
use crate::parse::parse_program;
use crate::{BlockId, LocalId, StmtKind};

fn program(text: &str) -> Program {
    parse_program(&format!("model lp64\n{text}")).unwrap()
}

const HELPER: &str = "fn helper(%x) -> s32 { local %x: s32 i32
     b0:
       return %x
   }";

fn old() -> Program {
    program(&format!(
        "{HELPER}
         fn f(%n) -> s32 {{ local %n: s32 i32 local %a: s32 i32
         b0:
           %a = add(%n, 1:i32)
           %a = call $helper(%a)
           return %a
         }}"
    ))
}

#[test]
fn a_program_beside_itself_is_itself() {
    let program = old();
    let joined = join(&program, &program);
    assert_eq!(joined.program, program);
    assert!(joined.pairs.is_empty() && joined.changed_globals.is_empty());
}

#[test]
fn what_changed_stands_twice_and_knows_its_places() {
    // The new version is written in another order, and has a guard.
    let new = program(&format!(
        "fn f(%n) -> s32 {{ local %n: s32 i32 local %a: s32 i32
         b0:
           branch slt(%n, 0:i32), b1, b2
         b1:
           return -1:i32
         b2:
           %a = add(%n, 1:i32)
           %a = call $helper(%a)
           return %a
         }}
         {HELPER}"
    ));
    let old = old();
    let joined = join(&old, &new);
    let [pair] = &joined.pairs[..] else {
        panic!("{:?}", joined.pairs)
    };
    assert_eq!(joined.program.function(pair.old).name, "f");
    assert_eq!(joined.program.function(pair.new).name, "f.new");
    assert!(pair.agree);
    assert_eq!(joined.origin(pair.new), Some(FunctionId(0)));
    // The call in the second block is the call in the old first one, and leads to the old program's helper.
    assert_eq!(pair.places.statement((BlockId(2), 1)), (0, 1));
    assert_eq!(pair.places.block(BlockId(2)), 0);
    assert!(pair.places.block(BlockId(1)) > 1000);
    assert_eq!(pair.places.statement((BlockId(2), END)), (0, END));
    assert_eq!(pair.places.local(LocalId(1)), 1);
    assert!(pair.places.is_changed_after((BlockId(0), END)));
    assert!(!pair.places.is_changed_after((BlockId(2), 0)));
    let called = joined.program.function(pair.new).blocks()[2].statements.iter();
    let called: Vec<FunctionId> = called
        .filter_map(|s| match &s.kind {
            StmtKind::Call {
                callee: crate::Callee::Direct(id),
                ..
            } => Some(*id),
            _ => None,
        })
        .collect();
    assert_eq!(called, [old.function_named("helper").unwrap()]);
}
