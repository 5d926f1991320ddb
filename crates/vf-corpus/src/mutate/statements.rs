//! Statements that are missing or in the wrong place, declarations of the wrong type.

use vf_repair::ctext::expr::ExprKind;
use vf_repair::ctext::outline::NodeKind;

use super::site::Site;

/// Functions that give memory back.
const FREE: [&str; 3] = ["kfree", "free", "vfree"];

pub fn propose(site: &mut Site<'_>) {
    for id in site.nodes() {
        match site.kind(id) {
            NodeKind::Declaration => declaration(site, id),
            NodeKind::Expression => {
                let freed = site
                    .outline
                    .expressions(id)
                    .into_iter()
                    .any(|e| e.called(site.text).is_some_and(|name| FREE.contains(&name)));
                if freed {
                    free(site, id);
                }
                assignment(site, id);
            }
            // The end of a case: the next one goes on with its value.
            NodeKind::Break if site.preceding(id).is_some() => site.delete("break-dropped", id),
            _ => {}
        }
    }
}

fn free(site: &mut Site<'_>, id: usize) {
    let lines = site.whole_lines(&site.range(id));
    let text = site.of(&lines).to_owned();
    let mut before = site.preceding(id);
    for _ in 0..2 {
        let Some(statement) = before else { break };
        let place = site.whole_lines(&site.range(statement)).start;
        site.propose(
            "use-after-free",
            &[(place..place, text.clone()), (lines.clone(), String::new())],
        );
        before = site.preceding(statement);
    }
    site.propose("double-free", &[(lines.end..lines.end, text)]);
}

/// A variable that is set on no way, or not on all.
fn assignment(site: &mut Site<'_>, id: usize) {
    let expressions = site.outline.expressions(id);
    let Some(ExprKind::Assign { op, lhs, rhs }) = expressions.first().map(|e| &e.kind) else {
        return;
    };
    let name = site.of(&lhs.range);
    let is_local = matches!(lhs.kind, ExprKind::Ident) && site.outline.declarator(name).is_some();
    if op == "=" && is_local && rhs.is_pure() {
        site.delete("initialiser-dropped", id);
    }
    if op == "=" && site.of(&rhs.range) == "'\\0'" {
        site.delete("terminator-forgotten", id);
    }
}

fn declaration(site: &mut Site<'_>, id: usize) {
    let Some(declarators) = site.outline.nodes.get(id).map(|n| n.declarators.clone()) else {
        return;
    };
    let [only] = declarators.as_slice() else {
        return;
    };
    if let Some(init) = only.init.as_ref().filter(|i| i.is_pure()) {
        let name = only.name_range.clone();
        let before = site.of(&(name.end..init.range.start));
        if before.trim() == "=" {
            site.replace("initialiser-dropped", &(name.end..init.range.end), "");
        }
    }
    if only.pointers > 0 || only.bound.is_some() {
        return;
    }
    let ty = site.of(&only.specifiers).trim().to_owned();
    let narrow: &[&str] = match ty.as_str() {
        "size_t" | "unsigned long" | "u64" | "uint64_t" => &["unsigned char", "unsigned short", "int"],
        "unsigned int" | "u32" | "uint32_t" | "int" | "s32" | "int32_t" => &["unsigned char", "short"],
        "u16" | "uint16_t" => &["unsigned char"],
        _ => &[],
    };
    for other in narrow {
        let kind = if *other == "int" {
            "signed-type"
        } else {
            "narrowed-type"
        };
        site.replace(kind, &only.specifiers, (*other).to_owned());
    }
    if matches!(ty.as_str(), "unsigned int" | "u32" | "uint32_t") {
        site.replace("signed-type", &only.specifiers, "int");
    }
}
