; The guard `i < 0 || i > 8` lets 8 through to a table of 8 elements.
; expect: sat
(set-logic QF_BV)
(declare-fun i () (_ BitVec 32))
(assert (not (or (bvslt i #x00000000) (bvslt #x00000008 i))))
(assert (bvule #x0000000000000008 ((_ sign_extend 32) i)))
(check-sat)
