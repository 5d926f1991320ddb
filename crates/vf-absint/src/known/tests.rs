use vf_ir::parse::parse_program;

use super::*;
