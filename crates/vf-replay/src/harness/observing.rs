//! The parts of a harness that print what the function under test does.

use vf_ir::{CType, Initial};

use super::text::{is_identifier, string_literal};
use super::{Purpose, Writer};
use crate::ReplayError;

/// Names and texts of the units, which no other harness has.
pub(super) const UNITS: [(&str, &str); 2] = [
    ("vf_observe.c", include_str!("vf_observe.c")),
    ("vf_computed.c", include_str!("vf_computed.c")),
];

pub(super) fn is_unit(name: &str) -> bool {
    UNITS.iter().any(|(unit, _)| *unit == name)
}

/// What `vf_computed.c` defines: a model that decides something would win over it.
pub(super) fn is_computed(name: &str) -> bool {
    let kin = name.trim_start_matches('_').strip_prefix("kstrto");
    kin.is_some()
        || matches!(
            name,
            "sysfs_streq" | "skip_spaces" | "scnprintf" | "vscnprintf" | "sysfs_emit"
        )
}

impl Writer<'_> {
    pub(super) fn declarations(&self) -> &'static str {
        match self.purpose {
            Purpose::Violation => "",
            Purpose::Effects => {
                "void vf_watch(const char *name, unsigned long number, void *at, unsigned long size);\n\
                 void vf_watched(void);\n\
                 void vf_dirty(void);\n\
                 void vf_saw_number(unsigned bits, unsigned long long high, unsigned long long low);\n\
                 void vf_saw_pointer(const void *p);\n\
                 void vf_report(void);\n"
            }
        }
    }

    /// Of `main`: what a sanitizer does for `main` itself between [`Writer::observed`]'s `vf_dirty` and the call would write to the
    /// stack that was made dirty for the call.
    pub(super) fn attributes(&self) -> &'static str {
        match self.purpose {
            Purpose::Violation => "",
            Purpose::Effects => "__attribute__((no_sanitize(\"address\", \"undefined\")))\n",
        }
    }

    /// Says what is to be looked at, calls, and prints. A function that returns a record is not one of these.
    pub(super) fn observed(&mut self, call: &str) -> Result<(), ReplayError> {
        for (index, object) in self.input.objects.iter().enumerate() {
            self.line(format!(
                "vf_watch(0, {index}ul, vf_o[{index}], {}ul);",
                object.size
            ));
        }
        let globals = self.program.globals.iter();
        let watched: Vec<(String, u64)> = globals
            .filter(|g| !g.constant && is_identifier(&g.name) && g.init != Initial::Unknown)
            .filter_map(|g| Some((g.name.clone(), g.size?)))
            .collect();
        for (name, size) in watched {
            let literal = string_literal(name.as_bytes());
            self.line(format!("vf_watch({literal}, 0ul, (void *)&{name}, {size}ul);"));
        }
        self.line("vf_watched();".to_string());
        self.line("vf_dirty();".to_string());
        // What the function under test has of the stack lies wholly in what was made dirty.
        self.line("*(volatile char *)__builtin_alloca(4096) = 0;".to_string());
        match &self.function.ret {
            CType::Void => self.line(format!("{call};")),
            CType::Pointer { .. } => self.line(format!("vf_saw_pointer((const void *){call});")),
            CType::Int { bits, .. } if *bits > 64 => {
                self.line(format!("unsigned __int128 vf_r = (unsigned __int128){call};"));
                self.line(format!(
                    "vf_saw_number({bits}, (unsigned long long)(vf_r >> 64), (unsigned long long)vf_r);"
                ));
            }
            CType::Int { bits, .. } => {
                self.line(format!("vf_saw_number({bits}, 0, (unsigned long long){call});"));
            }
            CType::Bool => self.line(format!("vf_saw_number(8, 0, (unsigned long long){call});")),
            _ => {
                return Err(ReplayError::CannotExpress {
                    what: format!(
                        "what {} returns: it is no number and no pointer",
                        self.input.function
                    ),
                });
            }
        }
        self.line("vf_report();".to_string());
        Ok(())
    }
}
