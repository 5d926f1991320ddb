//! Terms, solver, models and SMT-LIB text: the only crate that names z3.
