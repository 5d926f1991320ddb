; `n * 24` may wrap in 32 bits.
; expect: sat
(set-logic QF_BV)
(declare-fun n () (_ BitVec 32))
(assert (bvult #x0aaaaaaa n))
(assert (bvult (bvmul n #x00000018) #x00000064))
(check-sat)
