; `len > 4094 - used` is no check where `used` may be more than 4094: the copy leaves the page.
; expect: sat
(set-logic QF_BV)
(declare-fun len () (_ BitVec 64))
(declare-fun used () (_ BitVec 64))
(assert (bvule used #x0000000000001000))
(assert (bvule len (bvadd (bvneg used) #x0000000000000ffe)))
(assert (bvult #x0000000000001000 (bvadd len used)))
(assert (bvule len #x0000000000001000))
(check-sat)
