//! Abstract interpretation over the IR: intervals and dataflow facts that propose invariants.
