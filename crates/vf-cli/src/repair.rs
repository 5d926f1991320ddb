//! `verify-fix repair`.

use std::cell::RefCell;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde::Serialize;
use vf_ir::Property;
use vf_repair::history::Commit;
use vf_repair::log::{LOG_SCHEMA, write_record};
use vf_repair::prompt::{InfillPrompt, Room};
use vf_repair::{
    AnswerForm, BugReport, Candidate, Context, Event, Feedback, Hooks, Interleaved, Limits, LogRecord,
    PatchReport, PromptTemplate, Proposer, ProposerError, ProvenPatch, ProverChecker, RepairOutcome,
    RepairRequest, RepairTarget, SolverOnly, Stage, Stopped, Tried, repair,
};

use vf_verify::report::CheckReport;

use crate::aftermath::{self, Replayed};
use crate::args::{Format, Proposers, RepairArgs, RepairLayer};
use crate::check::json;
use crate::checker::{self, Ask};
use crate::exit::{CliError, Exit};
use crate::mail::{self, Proven};
use crate::model;
use crate::output::{self, complain};
use crate::progress::ProgressLine;
use crate::read;
use crate::render;
use crate::render::look::Look;
use crate::render::repair::RepairView;
use crate::reproducer::{self, Fix, Reproducer};

/// Candidates from templates that a round may try beside the model's answers.
const TEMPLATES: u32 = 64;

pub fn run(args: &RepairArgs) -> Result<Exit, CliError> {
    let start = Instant::now();
    if args.emit == Some(RepairLayer::Template) {
        output::write_stdout(PromptTemplate::embedded_text(model::form(args)))?;
        return Ok(Exit::Proved);
    }
    // Everything that can be wrong about the request is looked at before any work is done for it.
    let asking = Asking::read(args, start)?;
    if let Some(path) = &args.output {
        output::require_writable_place(path)?;
    }
    if let Some(folder) = &args.reproducer {
        output::require_new_folder(folder)?;
    }
    let tree = asking.tree.clone();
    let fixes = mail::named(args.fixes.as_deref(), &tree, &asking.file)?;
    let asked = Asked::default();
    #[cfg(feature = "model")]
    let (guiding, guided) = asking.guide()?.unzip();
    #[cfg(not(feature = "model"))]
    let guiding = None;
    let mut proposers: Vec<Box<dyn Proposer>> = match args.emit {
        Some(RepairLayer::Prompt) => vec![Box::new(asked.proposer(args)?)],
        _ => self::proposers(args, asking.deadline, guiding)?,
    };
    let mut log = match &args.log {
        Some(path) => Some(open_log(path, args.deterministic)?),
        None => None,
    };
    let mut progress = ProgressLine::new();
    let mut origins = Vec::new();
    let (outcome, checker) = {
        let mut tell = |event: Event| {
            if let Event::Tried {
                origin,
                result: Tried::Proven | Tried::Partial(_),
                ..
            } = &event
            {
                origins.push(origin.clone());
            }
            show(&mut progress, &event);
        };
        let hooks = Hooks {
            progress: &mut tell,
            log: log.as_mut().map(|l| l as &mut dyn Write),
            log_prompts: args.log_prompts,
        };
        asking.repair(&mut proposers, hooks)
    }?;
    if args.emit == Some(RepairLayer::Prompt) {
        progress.clear();
        let why = outcome.stopped.describe();
        let prompt = asked.said().ok_or(CliError::NothingToAsk { why })?;
        output::write_stdout(&prompt)?;
        return Ok(Exit::Proved);
    }
    let replays = if args.no_replay {
        Vec::new()
    } else {
        progress.show(&"replaying the former counterexamples");
        aftermath::replay(&outcome, &tree, &checker.options)
    };
    let reproducer = match (&args.reproducer, &outcome.patch) {
        (Some(folder), Some(patch)) => {
            progress.show(&"running the reproducer");
            let also = patch
                .report()
                .fixed
                .iter()
                .filter(|id| !outcome.targets.contains(id));
            let ids: Vec<String> = outcome.targets.iter().chain(also).cloned().collect();
            let fix = Fix {
                path: &tree.join(patch.file()),
                old: patch.old_text(),
                new: patch.new_text(),
                before: &patch.report().before,
                ids: &ids,
                tree: &tree,
                also_changed: Vec::new(),
            };
            match reproducer::make(&fix, folder, &checker.options)? {
                Ok(reproducer) => Some(reproducer),
                Err(why) => {
                    progress.note(&format_args!("note: no reproducer: {why}"));
                    None
                }
            }
        }
        _ => None,
    };
    progress.clear();
    let evidence = Evidence {
        #[cfg(feature = "model")]
        guided: guided
            .map(|g| g.so_far())
            .filter(|g| args.guide.is_some() || g.tokens > 0),
        replays,
        reproducer,
        fixes,
        model: origins
            .iter()
            .find_map(|o| o.strip_prefix("model:"))
            .map(String::from),
    };
    print(args, &tree, &outcome, &evidence, start)?;
    Ok(exit(&outcome))
}

/// A repair of which nothing is written or printed.
///
/// # Errors
/// As for the command.
pub fn outcome(args: &RepairArgs, tell: &mut dyn FnMut(Event)) -> Result<RepairOutcome, CliError> {
    let asking = Asking::read(args, Instant::now())?;
    #[cfg(feature = "model")]
    let guiding = asking.guide()?.map(|(guiding, _)| guiding);
    #[cfg(not(feature = "model"))]
    let guiding = None;
    let mut proposers = proposers(args, asking.deadline, guiding)?;
    let hooks = Hooks {
        progress: tell,
        log: None,
        log_prompts: false,
    };
    Ok(asking.repair(&mut proposers, hooks)?.0)
}

/// A request that was read and is in order so far.
struct Asking<'a> {
    args: &'a RepairArgs,
    start: Instant,
    /// When the time that is allowed is over.
    deadline: Option<Instant>,
    properties: Vec<Property>,
    tree: PathBuf,
    target: RepairTarget,
    /// The file at fault, within the tree.
    file: PathBuf,
}

impl<'a> Asking<'a> {
    fn read(args: &'a RepairArgs, start: Instant) -> Result<Asking<'a>, CliError> {
        let properties = read::properties(&args.ask.properties)?;
        let (tree, target) = target(args)?;
        let file = match &target {
            RepairTarget::Report(report) => report.file.clone(),
            RepairTarget::File { file, .. } => file.clone(),
        };
        let time = args.ask.timeout.map(Duration::from_secs_f64);
        Ok(Asking {
            args,
            start,
            deadline: time.and_then(|t| start.checked_add(t)),
            properties,
            tree,
            target,
            file,
        })
    }

    fn ask(&self) -> Ask<'a> {
        Ask {
            deterministic: self.args.deterministic,
            jobs: limits(self.args).jobs,
            ask: &self.args.ask,
            cache: &self.args.cache,
        }
    }

    /// What a model is held to while it writes, and what is counted of that.
    #[cfg(feature = "model")]
    fn guide(&self) -> Result<Option<(model::Guiding, crate::guide::Shared)>, CliError> {
        crate::guide::asked(
            self.args,
            &self.ask(),
            &self.properties,
            &self.tree,
            &self.file,
            self.start,
            self.deadline,
        )
    }

    /// Repairs, in the time that is left, and returns also what judged the candidates.
    fn repair(
        self,
        proposers: &mut [Box<dyn Proposer>],
        hooks: Hooks<'_>,
    ) -> Result<(RepairOutcome, ProverChecker<'static>), CliError> {
        let ask = self.ask();
        let mut checker = checker::prover(
            &self.args.read,
            &ask,
            self.properties,
            &self.tree,
            Some(&self.file),
            self.start,
        )?;
        let request = RepairRequest {
            tree: self.tree,
            what: self.target,
            limits: Limits {
                time: self.deadline.map(|d| d.saturating_duration_since(Instant::now())),
                ..limits(self.args)
            },
        };
        let outcome = repair(&request, &mut checker, proposers, hooks)?;
        Ok((outcome, checker))
    }
}

/// What a run may use, but for its time.
pub fn limits(args: &RepairArgs) -> Limits {
    Limits {
        rounds: args.rounds,
        candidates: args
            .rounds
            .saturating_mul(args.candidates.saturating_add(TEMPLATES)),
        time: None,
        tokens: args.token_budget,
        solver: args.solver_seconds.map(Duration::from_secs_f64),
        best_of: args.best_of,
        jobs: checker::jobs(args.jobs, args.deterministic),
        repeats: args.deterministic,
        prefer_within: Duration::from_secs_f64(args.prefer_within),
    }
}

/// Who is asked for candidates, in this order in each round.
fn proposers(
    args: &RepairArgs,
    deadline: Option<Instant>,
    guiding: Option<model::Guiding>,
) -> Result<Vec<Box<dyn Proposer>>, CliError> {
    let who = if args.no_templates {
        Proposers::Model
    } else {
        args.proposers
    };
    let templates = || -> Box<dyn Proposer> { Box::new(SolverOnly::new()) };
    if who == Proposers::Solver {
        return Ok(vec![templates()]);
    }
    let Some(model) = model::proposer(args, deadline, guiding)? else {
        if who != Proposers::Both {
            return Err(CliError::NobodyProposes);
        }
        complain("note: no model was given; candidates come from the solver-only proposer");
        return Ok(vec![templates()]);
    };
    Ok(match who {
        Proposers::Both | Proposers::Solver => vec![templates(), model],
        Proposers::Model => vec![model],
        Proposers::ModelThenSolver => vec![model, templates()],
        Proposers::Interleaved => vec![Box::new(Interleaved::new(templates(), model))],
    })
}

/// A new log, which says first what was asked.
fn open_log(path: &Path, deterministic: bool) -> Result<File, CliError> {
    let wrong = |source| output::WriteError {
        target: path.to_path_buf(),
        source,
    };
    let mut log = File::create(path).map_err(wrong)?;
    let arguments = std::env::args_os().skip(1);
    let record = LogRecord::Command {
        schema: LOG_SCHEMA.to_string(),
        tool: format!(
            "verify-fix {}, z3 {}",
            env!("CARGO_PKG_VERSION"),
            vf_smt::version()
        ),
        directory: std::env::current_dir().unwrap_or_default(),
        arguments: arguments.map(|a| a.to_string_lossy().into_owned()).collect(),
        deterministic,
    };
    write_record(&mut log, &record).map_err(CliError::Log)?;
    Ok(log)
}

/// What a model would be asked, for `--emit prompt`.
#[derive(Default)]
struct Asked(Rc<RefCell<Option<String>>>);

/// Takes the prompt down and proposes nothing.
struct TakesDown {
    template: PromptTemplate,
    form: AnswerForm,
    said: Rc<RefCell<Option<String>>>,
}

impl Asked {
    fn proposer(&self, args: &RepairArgs) -> Result<TakesDown, CliError> {
        Ok(TakesDown {
            template: model::template(args)?,
            form: model::form(args),
            said: self.0.clone(),
        })
    }

    fn said(&self) -> Option<String> {
        self.0.take()
    }
}

impl Proposer for TakesDown {
    fn name(&self) -> &str {
        "prompt"
    }

    fn propose(&mut self, context: &Context, feedback: &[Feedback]) -> Result<Vec<Candidate>, ProposerError> {
        let room = Room::default();
        let prompt = match self.form {
            AnswerForm::Infill => self
                .template
                .infill(context, feedback, &room)
                .map(|places| places.iter().map(infill_text).collect()),
            form => self.template.render(context, feedback, form, &room),
        };
        let prompt = prompt.map_err(|source| ProposerError::Prompt { source })?;
        self.said.borrow_mut().get_or_insert(prompt);
        Ok(Vec::new())
    }
}

/// Both sides of one place, for a reader.
fn infill_text(prompt: &InfillPrompt) -> String {
    let line = prompt.hole.line;
    let place = if prompt.hole.range.is_empty() {
        format!("before line {line}")
    } else {
        format!("from line {line}")
    };
    let (prefix, suffix) = (&prompt.prefix, &prompt.suffix);
    format!("----- prefix ({place}) -----\n{prefix}\n----- suffix ({place}) -----\n{suffix}\n")
}

/// What is known of a proven patch beside its proof.
struct Evidence {
    /// What holding the model to a guide took.
    #[cfg(feature = "model")]
    guided: Option<crate::guide::GuideReport>,
    replays: Vec<Replayed>,
    reproducer: Option<Reproducer>,
    /// The commit that `--fixes` names.
    fixes: Option<Commit>,
    /// Name of the model whose text is in the patch.
    model: Option<String>,
}

/// What is to be repaired, and the root that its paths start from.
pub fn target(args: &RepairArgs) -> Result<(PathBuf, RepairTarget), CliError> {
    if let (Some(report), Some(tree)) = (&args.report, &args.tree) {
        return Ok((tree.clone(), RepairTarget::Report(read_report(report)?)));
    }
    let file = args.file.clone().unwrap_or_default();
    let tree = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    };
    let name = file.file_name().map(PathBuf::from).unwrap_or_default();
    Ok((
        tree,
        RepairTarget::File {
            file: name,
            function: args.function.clone(),
        },
    ))
}

/// The first report of a file in text form or SARIF; further ones are for further runs.
fn read_report(path: &Path) -> Result<BugReport, CliError> {
    let bytes = std::fs::read(path).map_err(|source| CliError::Read {
        path: path.to_path_buf(),
        source,
    })?;
    let reports = if vf_repair::sarif::looks_like_sarif(&bytes) {
        vf_repair::sarif::parse(&bytes, path)?.reports
    } else {
        vf_repair::report_text::parse(&bytes, path)?
    };
    if reports.len() > 1 {
        complain(&format!(
            "note: {} holds {} reports; the first is repaired",
            path.display(),
            reports.len()
        ));
    }
    reports.into_iter().next().ok_or_else(|| CliError::NoReport {
        path: path.to_path_buf(),
    })
}

fn exit(outcome: &RepairOutcome) -> Exit {
    match outcome.stopped {
        Stopped::Proven | Stopped::NothingToFix => Exit::Proved,
        Stopped::NothingChecked => Exit::Unknown,
        _ => Exit::Refuted,
    }
}

pub fn show(progress: &mut ProgressLine, event: &Event) {
    match event {
        Event::Stage(Stage::Locating) => progress.show(&"looking for the place"),
        Event::Stage(Stage::CheckingOld) => progress.show(&"checking the program as it is"),
        Event::Stage(Stage::Proposing) => progress.show(&"proposing"),
        Event::Stage(Stage::Proven) => progress.show(&"proven"),
        Event::Note(note) => progress.note(&format_args!("note: {note}")),
        Event::Round {
            round,
            proposer,
            candidates,
        } => {
            progress.show(&format_args!(
                "round {round}: {candidates} candidates from {proposer}"
            ));
        }
        Event::Tried {
            round,
            tried,
            origin,
            note,
            result,
        } => {
            let result = match result {
                Tried::Proven => "proven".to_string(),
                Tried::Partial(open) => format!("proves some, {} open", open.len()),
                Tried::Failed(failure) => failure.to_string(),
            };
            let first = crate::check::first_line(&result);
            progress.step(&format_args!(
                "round {round}, candidate {tried} ({origin}: {note}): {first}"
            ));
        }
    }
}

/// The patch goes to the file or to standard output; what is said about it goes where the patch does not.
fn print(
    args: &RepairArgs,
    tree: &Path,
    outcome: &RepairOutcome,
    evidence: &Evidence,
    start: Instant,
) -> Result<(), CliError> {
    let diff = outcome.patch.as_ref().map(ProvenPatch::diff);
    let mut notes = Vec::new();
    if let (Some(path), Some(patch), Some(diff)) = (&args.output, &outcome.patch, &diff) {
        let tested = evidence.reproducer.as_ref().and_then(Reproducer::tested);
        let written = Proven {
            tree,
            file: patch.file(),
            function: patch.function(),
            old: patch.old_text(),
            diff,
            report: patch.report(),
            ids: &outcome.targets,
            assumptions: patch.assumptions(),
            tested: tested.or_else(|| evidence.replays.iter().find_map(Replayed::tested)),
            fixes: evidence.fixes.clone(),
            model: evidence.model.clone(),
        }
        .mail();
        output::write_file(path, written.text.as_bytes())?;
        notes.push(format!(
            "written to {}; apply with `git am` or `git apply`",
            path.display()
        ));
        notes.extend(written.notes);
    }
    #[cfg(feature = "model")]
    notes.extend(evidence.guided.iter().map(|g| g.describe()));
    let elapsed = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    let replays: Vec<String> = evidence.replays.iter().map(ToString::to_string).collect();
    match args.format {
        Format::Text => {
            let to_stderr = args.output.is_none() && diff.is_some();
            let look = if to_stderr {
                Look::of_stderr()
            } else {
                Look::of_output(None)
            };
            let view = RepairView {
                outcome,
                tree,
                replays: &replays,
                reproducer: evidence.reproducer.as_ref(),
                notes: &notes,
                elapsed_ms: elapsed,
            };
            let said = render::repair::repair(&view, look);
            match &diff {
                Some(diff) if to_stderr => {
                    complain(said.trim_end());
                    output::write_stdout(diff)?;
                }
                _ => output::write_stdout(&said)?,
            }
        }
        Format::Json | Format::Sarif => {
            // Readers of JSON see only standard output.
            for note in &notes {
                complain(&format!("note: {note}"));
            }
            let value = Printed {
                schema: vf_verify::report::SCHEMA,
                verdict: verdict(outcome),
                elapsed_ms: elapsed,
                file: &outcome.file,
                function: &outcome.function,
                targets: &outcome.targets,
                stopped: outcome.stopped.describe(),
                rounds: outcome.rounds,
                candidates: outcome.candidates,
                checked: outcome.checked,
                checked_per_second: outcome.checked_per_second(),
                duplicates: outcome.duplicates,
                used: used(outcome),
                before: &outcome.before,
                preference: preference(outcome),
                patch: diff,
                judgement: outcome.patch.as_ref().map(ProvenPatch::report),
                replays: &replays,
                reproducer: evidence.reproducer.as_ref(),
                assumptions: outcome.patch.as_ref().map(ProvenPatch::assumptions),
                #[cfg(feature = "model")]
                guided: evidence.guided.as_ref(),
            };
            output::write_stdout(&json(&value)?)?;
        }
    }
    Ok(())
}

/// How the repair ended, as JSON (`docs/schema.md`).
#[derive(Serialize)]
struct Printed<'a> {
    schema: &'a str,
    verdict: &'a str,
    elapsed_ms: u64,
    file: &'a Path,
    function: &'a str,
    targets: &'a [String],
    stopped: &'a str,
    rounds: u32,
    candidates: u32,
    checked: u32,
    checked_per_second: Option<f64>,
    duplicates: u32,
    used: Used,
    before: &'a CheckReport,
    preference: Option<Preferred>,
    patch: Option<String>,
    judgement: Option<&'a PatchReport>,
    replays: &'a [String],
    reproducer: Option<&'a Reproducer>,
    assumptions: Option<&'a [String]>,
    /// Only there with `--guide`, or where the embedded model wrote something.
    #[cfg(feature = "model")]
    #[serde(skip_serializing_if = "Option::is_none")]
    guided: Option<&'a crate::guide::GuideReport>,
}

/// What the run used of its budgets.
#[derive(Serialize)]
struct Used {
    /// Tokens that models wrote, in so many answers.
    tokens: u64,
    answers: u32,
    /// How long all checks took together.
    solver_seconds: f64,
}

fn used(outcome: &RepairOutcome) -> Used {
    Used {
        tokens: outcome.tokens,
        answers: outcome.answers,
        solver_seconds: outcome.solver.as_secs_f64(),
    }
}

/// Why this patch and not another.
#[derive(Serialize)]
struct Preferred {
    /// Candidates that were proven.
    proven: u32,
    /// In tokens; lower is better.
    cost: i32,
    parts: Vec<CostPart>,
}

#[derive(Serialize)]
struct CostPart {
    points: i32,
    why: String,
}

fn preference(outcome: &RepairOutcome) -> Option<Preferred> {
    let cost = outcome.cost.as_ref()?;
    let part = |(points, why): &(i32, vf_repair::Reason)| CostPart {
        points: *points,
        why: why.to_string(),
    };
    Some(Preferred {
        proven: outcome.proven,
        cost: cost.total(),
        parts: cost.parts.iter().map(part).collect(),
    })
}

fn verdict(outcome: &RepairOutcome) -> &'static str {
    match outcome.stopped {
        Stopped::Proven => "proven-fix",
        Stopped::NothingToFix => "nothing-to-fix",
        Stopped::NothingChecked => "unknown",
        _ => "no-proven-repair",
    }
}
