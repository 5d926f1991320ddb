; A word stored byte by byte is read back whole, whatever is stored beside it.
; expect: unsat
(set-logic QF_ABV)
(declare-fun memory () (Array (_ BitVec 64) (_ BitVec 8)))
(declare-fun p () (_ BitVec 64))
(declare-fun q () (_ BitVec 64))
(declare-fun word () (_ BitVec 32))
(define-fun $8 () (_ BitVec 64) (bvadd p #x0000000000000001))
(define-fun $12 () (_ BitVec 64) (bvadd p #x0000000000000002))
(define-fun $16 () (_ BitVec 64) (bvadd p #x0000000000000003))
(define-fun $20 () (Array (_ BitVec 64) (_ BitVec 8)) (store (store (store (store (store memory p ((_ extract 7 0) word)) $8 ((_ extract 15 8) word)) $12 ((_ extract 23 16) word)) $16 ((_ extract 31 24) word)) q #xff))
(assert (bvule #x0000000000000004 (bvsub q p)))
(assert (not (= word (concat (select $20 $16) (concat (select $20 $12) (concat (select $20 $8) (select $20 p)))))))
(check-sat)
