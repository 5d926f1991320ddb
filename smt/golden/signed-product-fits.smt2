; Factors between -1000 and 1000 have a product that fits 32 bits.
; expect: unsat
(set-logic QF_BV)
(declare-fun a () (_ BitVec 32))
(declare-fun b () (_ BitVec 32))
(assert (and (bvsle #xfffffc18 a) (bvsle a #x000003e8)))
(assert (and (bvsle #xfffffc18 b) (bvsle b #x000003e8)))
(assert (not (= (bvmul ((_ sign_extend 32) a) ((_ sign_extend 32) b)) ((_ sign_extend 32) (bvmul a b)))))
(check-sat)
