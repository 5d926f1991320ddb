use std::sync::Arc;

use vf_verify::report::Location;

use super::*;
use crate::proposer::Candidate;
use crate::untrusted::Refusal;

const TEXT: &str = "\
#define SIZE 4
static int t[SIZE];
int lookup(int i)
{
	return t[i];
}
int calls(void) { return lookup(1); }
";

fn context() -> Context {
    let start = TEXT.find("int lookup").expect("it is there");
    let end = TEXT.find("int calls").expect("it is there") - 1;
    Context {
        report: None,
        tree: None,
        file: "a.c".into(),
        text: Arc::from(TEXT),
        function: "lookup".into(),
        span: start..end,
        failed: vec![refuted(5)],
        all: Vec::new(),
        program: None,
        style: Style::User,
    }
}

fn refuted(line: u32) -> ObligationReport {
    let location = Location {
        file: "a.c".into(),
        line,
        column: 9,
    };
    ObligationReport {
        id: "lookup/index-upper-bound/1".into(),
        property: "index-upper-bound".into(),
        cwe: "CWE-787".into(),
        location,
        text: "t[i]".into(),
        verdict: Verdict::Refuted,
        reason: None,
        bound: None,
        counterexample: None,
        needs: None,
        suggested_invariants: Vec::new(),
        assumptions: Vec::new(),
    }
}

fn tried(text: &str, failure: Failure) -> Feedback {
    Feedback {
        candidate: Candidate {
            edits: Vec::new(),
            origin: "test".into(),
            note: String::new(),
        },
        function_text: text.into(),
        failure,
        round: 1,
    }
}

fn render(feedback: &[Feedback], form: AnswerForm, room: &Room<'_>) -> String {
    let template = PromptTemplate::embedded().expect("a template");
    template
        .render(&context(), feedback, form, room)
        .expect("a prompt")
}

#[test]
fn the_embedded_prompt_says_all_that_there_is() {
    let text = render(&[], AnswerForm::Any, &Room::default());
    for part in [
        "    5 \treturn t[i];\n",
        "- line 5: index-upper-bound (CWE-787) of `t[i]` is refuted; the index must be less than",
        "/* a.c:1 */\n#define SIZE 4\n",
        "/* a.c:2 */\nstatic int t[SIZE];\n",
        "/* a.c:7, a caller */\nint calls(void) { return lookup(1); }\n",
        "user-space C11",
        "```c block, or with line edits",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    assert!(!text.contains("attempts failed"), "{text}");
    assert!(!text.contains("\n\n\n"), "{text}");
}

#[test]
fn forms_of_answers() {
    let text = |form| render(&[], form, &Room::default());
    let (function, edit) = (text(AnswerForm::Function), text(AnswerForm::Edit));
    assert!(function.contains("```c block") && !function.contains("```edit"));
    assert!(edit.contains("```edit block") && !edit.contains("```c block"));
}

#[test]
fn the_best_attempts_are_told_the_best_of_them_last() {
    let still = |count: u32| Failure::StillFails {
        obligations: (0..count).map(refuted).collect(),
    };
    let feedback = [
        tried("two open", still(2)),
        tried(
            "refused",
            Failure::Refused {
                refusal: Refusal::NoChange,
            },
        ),
        tried("one open", still(1)),
        tried(
            "no C",
            Failure::DoesNotParse {
                message: "a bracket".into(),
            },
        ),
        tried("one open, newer", still(1)),
        tried("five open", still(5)),
    ];
    let text = render(&feedback, AnswerForm::Any, &Room::default());
    let at = |what: &str| text.find(&format!("```c\n{what}\n"));
    assert_eq!((at("refused"), at("no C")), (None, None));
    let order = ["five open", "two open", "one open", "one open, newer"].map(at);
    assert!(order.iter().all(Option::is_some) && order.is_sorted(), "{text}");
}

#[test]
fn what_does_not_fit_is_left_out_the_farthest_first() {
    let feedback = [tried(
        "an attempt",
        Failure::NotUnderstood {
            why: "no code".into(),
        },
    )];
    let count = |text: &str| text.len();
    let whole = render(
        &feedback,
        AnswerForm::Any,
        &Room {
            count: &count,
            limit: None,
        },
    );
    let text = |limit| {
        let room = Room {
            count: &count,
            limit: Some(limit),
        };
        render(&feedback, AnswerForm::Any, &room)
    };
    let all = text(whole.len());
    assert_eq!(all, whole);
    // The macro is named by what the function names; the caller comes last of all.
    let less = text(whole.len() - 1);
    assert!(
        !less.contains("a caller") && less.contains("an attempt"),
        "{less}"
    );
    let least = text(1);
    assert!(
        !least.contains("an attempt") && !least.contains("SIZE]"),
        "{least}"
    );
    assert!(least.contains("return t[i];"));
}

#[test]
fn templates_of_ones_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mine.jinja");
    let rendered = |text: &str| {
        std::fs::write(&path, text).expect("written");
        let template = PromptTemplate::from_file(&path)?;
        template.render(&context(), &[], AnswerForm::Edit, &Room::default())
    };
    assert_eq!(
        rendered("{{ function }} {{ form }}").expect("a prompt"),
        "lookup edit"
    );
    let wrong = rendered("one\n{{ nothing }}").expect_err("no such name");
    assert!(wrong.to_string().contains("mine.jinja:2: "), "{wrong}");
    let wrong = rendered("{% for %}").expect_err("no template");
    assert!(wrong.to_string().contains("mine.jinja:1: "), "{wrong}");
    assert!(
        rendered("{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}").is_err()
    );
    assert!(matches!(
        PromptTemplate::from_file(&folder.path().join("none")),
        Err(PromptError::Read { .. })
    ));
}

/// What is put in is put in as it is: it neither becomes a part of the template nor is it changed.
#[test]
fn code_is_data() {
    let mut hostile = context();
    let text = TEXT.replace(
        "return t[i];",
        "/* {{ function }} {% raw %} <b> & ``` */ return t[i];",
    );
    hostile.span.end += text.len() - TEXT.len();
    hostile.text = Arc::from(text);
    let template = PromptTemplate::embedded().expect("a template");
    let said = template.render(&hostile, &[], AnswerForm::Any, &Room::default());
    let said = said.expect("a prompt");
    assert!(
        said.contains("/* {{ function }} {% raw %} <b> & ``` */"),
        "{said}"
    );
}
