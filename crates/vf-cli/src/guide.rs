//! `repair --guide`: what the model may write, for the function of each round, and what guiding it took.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use vf_frontend::Options;
use vf_guide::grown::{Discharged, ProverScorer};
use vf_guide::{Arm, Arms, Made, PrefixOracle, ProverOracle, Refuted, Subject, Vocabulary, make};
use vf_ir::Property;
use vf_model::DecodingStatistics;
use vf_repair::model_proposer::read_answer;
use vf_repair::prover::Tree;
use vf_repair::untrusted::accept;
use vf_repair::{Candidate, CheckRequest, Checker, Context, GeneratorError, ProverChecker};
use vf_verify::report::{ObligationReport, Verdict};
use vf_verify::{CheckOptions, Executions};

use crate::args::{RepairArgs, Search};
use crate::checker::Ask;
use crate::exit::CliError;
use crate::output::complain;

/// Questions of the arm `prover` in one run, and seconds for each.
const QUESTIONS: usize = 200;
const SECONDS_EACH: f64 = 2.0;
/// Steps of one symbolic execution for a question.
const STEPS: u64 = 200_000;
/// For judging a whole answer of a search; the loop judges those that are handed on once more, and in earnest.
const JUDGING: Duration = Duration::from_secs(5);
/// For finding safe inputs, once a round.
const SAFE_INPUTS: Duration = Duration::from_secs(2);

/// What guiding a run took, all rounds together.
#[derive(Clone, Debug, Default, Serialize)]
pub struct GuideReport {
    pub arms: String,
    /// Tokens that were drawn, and how many in a second.
    pub tokens: usize,
    pub tokens_per_second: f64,
    /// Time until the allowed tokens were known, in milliseconds.
    pub mask_p50_ms: f64,
    pub mask_p95_ms: f64,
    pub mask_p99_ms: f64,
    /// Tokens that were drawn and not kept, tokens that were taken back, answers that led nowhere.
    pub pruned: u64,
    pub taken_back: u64,
    pub dead_ends: u64,
    pub prover_calls: u64,
    pub prover_ms: u64,
    /// Nats of log-probability that the model would have put elsewhere.
    pub given_up: f64,
    /// Of `--search tree`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<SearchReport>,
    /// What could not be done as asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    #[serde(skip)]
    masks: Vec<Duration>,
    #[serde(skip)]
    time: Duration,
}

/// What searching took, all rounds together.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct SearchReport {
    /// Statements that were drawn, those of them that were given up or refused, and those that were there already.
    pub nodes: usize,
    pub refused: usize,
    pub duplicates: usize,
    /// Whole answers that came of it.
    pub finished: usize,
}

impl GuideReport {
    fn add(&mut self, one: &DecodingStatistics) {
        self.tokens += one.decoded_tokens;
        self.time += one.decode_time;
        self.tokens_per_second = self.tokens as f64 / self.time.as_secs_f64().max(1e-9);
        self.masks.extend(&one.mask_times);
        self.masks.sort_unstable();
        let at = |share: f64| {
            let rank = (share * self.masks.len() as f64).ceil() as usize;
            let time = self.masks.get(rank.saturating_sub(1));
            time.map_or(0.0, |d| d.as_secs_f64() * 1e3)
        };
        (self.mask_p50_ms, self.mask_p95_ms, self.mask_p99_ms) = (at(0.5), at(0.95), at(0.99));
        self.pruned += one.pruned;
        self.taken_back += one.backtracks;
        self.dead_ends += one.dead_ends;
        self.prover_calls += one.guide.prover_calls;
        self.prover_ms += u64::try_from(one.guide.prover_time.as_millis()).unwrap_or(u64::MAX);
        self.given_up += one.given_up;
    }

    /// For people, in one line.
    pub fn describe(&self) -> String {
        let mut text = format!(
            "guided by {}: {} tokens, {:.0} a second; masks {:.3} ms (p50), {:.3} ms (p99); {} pruned, {} taken back",
            self.arms,
            self.tokens,
            self.tokens_per_second,
            self.mask_p50_ms,
            self.mask_p99_ms,
            self.pruned,
            self.taken_back
        );
        if self.prover_calls > 0 {
            text.push_str(&format!(
                "; {} questions in {} ms",
                self.prover_calls, self.prover_ms
            ));
        }
        text
    }
}

/// A report that grows while a run goes on.
#[derive(Clone, Debug)]
pub struct Shared(Arc<Mutex<GuideReport>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, GuideReport> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As it is now.
    pub fn so_far(&self) -> GuideReport {
        self.lock().clone()
    }

    /// Says something once.
    fn note(&self, note: &str) {
        let mut report = self.lock();
        if !report.notes.iter().any(|said| said == note) {
            complain(&format!("note: {note}"));
            report.notes.push(note.to_owned());
        }
    }
}

/// Makes guides for the rounds of a run.
pub struct Guiding {
    arms: Arms,
    reasoning: Option<usize>,
    /// How the function's file is read and checked.
    options: Options,
    check: CheckOptions,
    tree: Option<Tree>,
    deadline: Option<Instant>,
    vocabulary: Option<Vocabulary>,
    /// Answers so far, to the text they were for.
    refuted: Refuted,
    text: Arc<str>,
    questions: usize,
    report: Shared,
    /// Else the model goes on without, where no guide can be made.
    is_asked_for: bool,
}

fn on_disk(context: &Context) -> PathBuf {
    match &context.tree {
        Some(tree) => tree.join(&context.file),
        None => context.file.clone(),
    }
}

/// What `--guide` and `--search` ask for; `None` for `none`.
pub fn asked(
    args: &RepairArgs,
    ask: &Ask<'_>,
    properties: &[Property],
    tree: &Path,
    file: &Path,
    start: Instant,
    deadline: Option<Instant>,
) -> Result<Option<(Guiding, Shared)>, CliError> {
    let arms: Arms = crate::model::guide(args).parse().map_err(CliError::Guide)?;
    if arms.is_empty() && args.search == Search::None {
        return Ok(None);
    }
    let checker = crate::checker::prover(&args.read, ask, properties.to_vec(), tree, Some(file), start)?;
    let reasoning = usize::try_from(args.reasoning).unwrap_or(usize::MAX);
    let (mut guiding, report) = Guiding::new(arms, reasoning, checker, deadline);
    guiding.is_asked_for = args.guide.is_some();
    Ok(Some((guiding, report)))
}

impl Guiding {
    /// `checker` says how files are read.
    pub fn new(
        arms: Arms,
        reasoning: usize,
        checker: ProverChecker<'_>,
        deadline: Option<Instant>,
    ) -> (Guiding, Shared) {
        let report = Shared(Arc::new(Mutex::new(GuideReport {
            arms: arms.to_string(),
            ..GuideReport::default()
        })));
        let guiding = Guiding {
            arms,
            reasoning: (reasoning > 0).then_some(reasoning),
            options: checker.options,
            // What would have helped is nothing to a guide, and a question that is hard is not worth its time.
            check: CheckOptions {
                verdicts_only: true,
                steps: Some(STEPS),
                ..checker.check
            },
            tree: checker.tree,
            deadline,
            vocabulary: None,
            refuted: Refuted::new(),
            text: Arc::from(""),
            questions: QUESTIONS,
            report: report.clone(),
            is_asked_for: true,
        };
        (guiding, report)
    }

    /// What the model's tokens stand for is another thing from now on.
    pub fn forget_vocabulary(&mut self) {
        self.vocabulary = None;
    }

    /// The guide for a round, if there is any arm; `tokens` gives the bytes of the model's tokens, once.
    pub fn guide(
        &mut self,
        context: &Context,
        tokens: impl FnOnce() -> Vec<Vec<u8>>,
    ) -> Result<Option<Made>, GeneratorError> {
        if self.arms.is_empty() {
            return Ok(None);
        }
        let failed = |why: String| GeneratorError::Generate { why };
        if self.vocabulary.is_none() {
            self.vocabulary = Some(Vocabulary::new(tokens()).map_err(|e| failed(e.to_string()))?);
        }
        let Some(vocabulary) = &self.vocabulary else {
            return Err(failed("the model has no vocabulary".to_owned()));
        };
        // Another text is another question: what did not help before may help now.
        if self.text != context.text {
            self.text = context.text.clone();
            self.refuted = Refuted::new();
        }
        let file = on_disk(context);
        let counterexamples = context
            .failed
            .iter()
            .filter_map(|o| o.counterexample.as_ref().map(|c| c.inputs.clone()))
            .collect();
        let subject = Subject {
            file: &file,
            text: &context.text,
            function: &context.function,
            options: &self.options,
            counterexamples,
            safe: self.safe_inputs(context),
            prover: self
                .arms
                .contains(Arm::Prover)
                .then(|| self.prover(context, file.clone())),
        };
        let made = match make(&self.arms, vocabulary, &self.refuted, subject, self.reasoning) {
            Err(error) if !self.is_asked_for => {
                self.report
                    .note(&format!("the model writes without a guide: {error}"));
                return Ok(None);
            }
            made => made.map_err(|e| failed(e.to_string()))?,
        };
        made.notes.iter().for_each(|note| self.report.note(note));
        Ok(Some(made))
    }

    /// Inputs on which the old version does right what it is to be repaired for.
    fn safe_inputs(&self, context: &Context) -> Vec<vf_guide::Inputs> {
        let Some(program) = context
            .program
            .as_ref()
            .filter(|_| self.arms.contains(Arm::Counterexamples))
        else {
            return Vec::new();
        };
        let left = self
            .deadline
            .map_or(SAFE_INPUTS, |d| d.saturating_duration_since(Instant::now()));
        let kinds: Vec<(Property, &str)> = context
            .failed
            .iter()
            .filter_map(|o| Some((Property::from_name(&o.property)?, o.text.as_str())))
            .collect();
        let executions = Executions::new(program, &self.check);
        executions
            .safe_inputs_reaching(&context.function, &kinds, left.min(SAFE_INPUTS))
            .iter()
            .map(|input| executions.in_words(input))
            .collect()
    }

    /// What a search asks about a round's texts.
    pub fn scorer<'a>(&'a self, context: &'a Context) -> ProverScorer<'a> {
        let file = on_disk(context);
        let oracle = self.prover(context, file.clone());
        let mut checker = ProverChecker::new(self.options.clone(), self.check.clone());
        checker.tree.clone_from(&self.tree);
        let judge = move |answer: &str| {
            let candidate = Candidate {
                edits: read_answer(context, "", answer).ok()?,
                origin: String::new(),
                note: String::new(),
            };
            let text = accept(&candidate, &context.text, &context.function).ok()?;
            checker.compiles(&file, &text).ok()?;
            let left = self
                .deadline
                .map_or(JUDGING, |d| d.saturating_duration_since(Instant::now()));
            let request = CheckRequest {
                file: &file,
                overlay: &[(file.clone(), text)],
                functions: std::slice::from_ref(&context.function),
                time_left: Some(left.min(JUDGING)),
                verdicts_only: true,
            };
            let report = checker.check(&request).ok()?.report;
            let own = report.functions.iter().filter(|f| f.name == context.function);
            let open = |o: &&ObligationReport| !matches!(o.verdict, Verdict::Proved | Verdict::Unreachable);
            Some(Discharged {
                open: own.flat_map(|f| &f.obligations).filter(open).count(),
            })
        };
        ProverScorer {
            oracle,
            judge: Box::new(judge),
            open: context.failed.len(),
        }
    }

    /// Takes down what a search did.
    pub fn searched(&mut self, found: SearchReport) {
        let mut report = self.report.lock();
        let all = report.search.get_or_insert_default();
        all.nodes += found.nodes;
        all.refused += found.refused;
        all.duplicates += found.duplicates;
        all.finished += found.finished;
    }

    fn prover(&self, context: &Context, file: PathBuf) -> Arc<dyn PrefixOracle> {
        let (options, check, tree) = (self.options.clone(), self.check.clone(), self.tree.clone());
        let deadline = self.deadline;
        let each = Duration::from_secs_f64(SECONDS_EACH);
        let ask = move |request: &vf_repair::CheckRequest<'_>| {
            let mut checker = ProverChecker::new(options.clone(), check.clone());
            checker.tree = tree.clone();
            let mut request = request.clone();
            let left = deadline.map_or(each, |d| d.saturating_duration_since(Instant::now()));
            request.time_left = Some(left.min(each));
            checker.check(&request)
        };
        Arc::new(ProverOracle::new(
            Box::new(ask),
            &file,
            &context.text,
            &context.function,
            context.failed.iter().map(|o| o.id.clone()).collect(),
            self.questions,
            each,
        ))
    }

    /// Takes down what a round took, and its answers: they are not given again.
    pub fn took(&mut self, statistics: &DecodingStatistics, answers: &[String]) {
        self.questions = self
            .questions
            .saturating_sub(usize::try_from(statistics.guide.prover_calls).unwrap_or(usize::MAX));
        self.report.lock().add(statistics);
        let grammar = self.arms.contains(Arm::Grammar) || self.arms.contains(Arm::Names);
        for answer in answers {
            // With what was said before the block, if that may differ.
            let fence = if grammar && answer.ends_with("\n```") {
                "```".len()
            } else {
                0
            };
            let text = match self.reasoning {
                Some(_) => answer.rsplit(vf_guide::OPEN).next().unwrap_or(answer),
                None => answer,
            };
            self.refuted.insert(text.as_bytes(), fence);
        }
    }
}
