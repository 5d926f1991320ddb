use vf_corpus::{generate::generate, mutate::mutants, prove::*};
use std::time::Instant;
fn main() {
    let a: Vec<u64> = std::env::args().skip(1).filter_map(|x| x.parse().ok()).collect();
    let p = Prover::new("cc".as_ref());
    for n in a[0]..a[1] {
        let g = generate(1, n);
        let t = Instant::now();
        let safe = p.read(g.path.as_ref(), &[&g.text]).unwrap();
        println!("== {n} {:?} read {}", g.pieces, t.elapsed().as_millis());
        let t = Instant::now();
        let s = p.check(&safe[0], &g.function).unwrap();
        println!("check {} {:?} {:?}", t.elapsed().as_millis(), s.report.verdict, s.report.functions[0].search.as_ref().map(|s| (&s.phases, s.queries)));
        for o in &s.report.functions[0].obligations { if o.verdict != vf_verify::report::Verdict::Proved { println!("{} {} {:?} {:?}", o.id, o.text, o.verdict, o.reason); } }
        if s.report.verdict != vf_verify::report::Overall::Proved { println!("{:?}\n{}", s.report.functions.iter().map(|f| &f.unsupported).collect::<Vec<_>>(), g.text); continue; }
        for m in mutants(&g.text, &g.function).into_iter().step_by(5).take(3) {
            let t = Instant::now();
            let texts = p.read(g.path.as_ref(), &[&m.text]).unwrap();
            let r = t.elapsed().as_millis();
            let t = Instant::now();
            let b = p.check(&texts[0], &g.function).unwrap();
            let c = t.elapsed().as_millis();
            println!("  {} read {r} check {c} {:?} {:?}", m.kind, b.report.verdict, b.report.functions[0].search.as_ref().map(|s| (&s.phases, s.queries)));
            if vf_corpus::pair::is_refuted(&b, &g.function).is_ok() {
                let t = Instant::now();
                let j = judged(&b, &s);
                println!("     judge {} {:?} {:?}", t.elapsed().as_millis(), j.verdict, j.behaviour);
            }
        }
    }
}
