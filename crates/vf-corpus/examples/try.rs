use vf_corpus::{generate::generate, make::make_function, prove::Prover};
fn main() {
    let a: Vec<u64> = std::env::args().skip(1).filter_map(|x| x.parse().ok()).collect();
    let (from, to) = (a[0], a[1]);
    let p = Prover::new("cc".as_ref());
    let mut pairs = 0;
    for n in from..to {
        let g = generate(1, n);
        let t = std::time::Instant::now();
        let m = make_function(&p, 1, n).unwrap();
        pairs += m.records.len();
        if a.len()>3 {continue;} println!("== {n} {:?} {} ms, {} pairs of {} {:?} {:?}", g.pieces, t.elapsed().as_millis(), m.records.len(), m.tally.mutants, m.tally.functions_rejected, m.tally.mutants_rejected);
        if !m.tally.functions_rejected.is_empty() || a.len() > 2 { println!("{}", g.text); 
          if a.len() > 2 { for r in &m.records { println!("{:?}\n{}\n{}", r.origin.mutation(), r.after, r.report); } } }
    }
    println!("{pairs}");
}
