use super::*;

const TEXT: &str = "#define SLOTS 8\n#define NAMES 16\nstruct dev { char name[NAMES]; int slot[SLOTS]; };\n\
int set(struct dev *d, int i, int v, const char *s)\n{\n\tif (i < 0 || i >= SLOTS)\n\t\treturn -1;\n\
\td->slot[i] = v;\n\tstrscpy(d->name, s, sizeof(d->name));\n\treturn 0;\n}\n";

fn texts(kind: &str) -> Vec<String> {
    mutants(TEXT, "set")
        .into_iter()
        .filter(|m| m.kind == kind)
        .map(|m| m.text)
        .collect()
}

#[test]
fn mistakes_are_edits_of_the_text() {
    assert!(texts("guard-dropped").iter().any(|t| !t.contains("return -1")));
    assert!(texts("guard-weakened").iter().any(|t| t.contains("i > SLOTS")));
    assert!(
        texts("lower-bound-dropped")
            .iter()
            .any(|t| t.contains("if (i >= SLOTS)"))
    );
    assert!(texts("wrong-constant").iter().any(|t| t.contains("i >= NAMES")));
    assert!(texts("wrong-variable").iter().any(|t| t.contains("v >= SLOTS")));
    assert!(
        texts("strscpy-to-strcpy")
            .iter()
            .any(|t| t.contains("strcpy(d->name, s);"))
    );
    assert!(
        texts("check-after-use")
            .iter()
            .any(|t| t.contains("= v;\n\tif (i < 0"))
    );
    assert!(
        texts("and-for-or")
            .iter()
            .any(|t| t.contains("i < 0 && i >= SLOTS"))
    );
}

#[test]
fn every_mutant_differs_and_has_a_known_kind() {
    let found = mutants(TEXT, "set");
    let mut seen = BTreeSet::new();
    for mutant in &found {
        assert!(KINDS.contains(&mutant.kind), "{}", mutant.kind);
        assert!(seen.insert(&mutant.text));
        assert_ne!(mutant.text, TEXT);
    }
    assert!(KINDS.is_sorted());
}

#[test]
fn any_text_can_be_asked_for() {
    for text in [
        "",
        "int f(",
        "int f(void) { if (",
        "}}}",
        "int f(int a) { return a[; }",
        "é { ( \u{0}",
    ] {
        for function in ["f", ""] {
            let _ = mutants(text, function);
        }
    }
    // Cut anywhere.
    for end in (0..TEXT.len()).filter(|n| TEXT.is_char_boundary(*n)) {
        let _ = mutants(&TEXT[..end], "set");
    }
}
