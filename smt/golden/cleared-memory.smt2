; Memory that is zero everywhere but at p is zero at q, unless that is p.
; expect: unsat
(set-logic ALL)
(declare-fun p () (_ BitVec 64))
(declare-fun q () (_ BitVec 64))
(assert (not (= p q)))
(assert (not (= (select (store ((as const (Array (_ BitVec 64) (_ BitVec 8))) #x00) p #x01) q) #x00)))
(check-sat)
