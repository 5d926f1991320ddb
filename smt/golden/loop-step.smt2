; `i <= n` is inductive for `while (i < n) i++`, and the increment does not overflow.
; expect: unsat
(set-logic QF_BV)
(declare-fun i () (_ BitVec 32))
(declare-fun n () (_ BitVec 32))
(assert (bvsle i n))
(assert (bvslt i n))
(assert (not (and (not (= i #x7fffffff)) (bvsle (bvadd i #x00000001) n))))
(check-sat)
