//! Arrays: selection and update.

use crate::term::{Sort, Term, Terms, View, check_width};

impl Terms {
    /// The element at `index`.
    pub fn select(&self, array: Term, index: Term) -> Term {
        let (index_bits, element) = self.array_sort(array);
        assert!(
            self.sort(index) == Sort::BitVec(index_bits),
            "an index of {index_bits} bits, not {:?}",
            self.sort(index)
        );
        let mut array = array;
        // select(store(a, i, v), j) = v where i = j, and select(a, j) where they differ.
        loop {
            match self.view(array) {
                View::Store(_, at, value) if at == index => return value,
                View::Store(older, at, _) if self.known_different(at, index) => array = older,
                View::ConstArray { value, .. } => return value,
                _ => break,
            }
        }
        self.intern_bits(View::Select(array, index), element)
    }

    /// `array` with `value` at `index`.
    pub fn store(&self, array: Term, index: Term, value: Term) -> Term {
        let (index_bits, element) = self.array_sort(array);
        assert!(
            self.sort(index) == Sort::BitVec(index_bits) && self.sort(value) == Sort::BitVec(element),
            "a store of {:?} at {:?} into an array from {index_bits} to {element} bits",
            self.sort(value),
            self.sort(index)
        );
        let sort = self.sort(array);
        if self.view(value) == View::Select(array, index) {
            return array;
        }
        let base = match self.view(array) {
            View::Store(older, at, _) if at == index => older,
            View::ConstArray {
                value: everywhere, ..
            } if everywhere == value => return array,
            _ => array,
        };
        self.intern(View::Store(base, index, value), sort)
    }

    /// The array that maps every index of `index_bits` bits to `value`.
    pub fn const_array(&self, index_bits: u32, value: Term) -> Term {
        check_width(index_bits);
        let element = self.width(value);
        self.intern(
            View::ConstArray {
                index: index_bits,
                value,
            },
            Sort::Array {
                index: index_bits,
                element,
            },
        )
    }

    /// Index and element width.
    fn array_sort(&self, array: Term) -> (u32, u32) {
        match self.sort(array) {
            Sort::Array { index, element } => (index, element),
            other => panic!("expected an array, found a term of sort {other:?}"),
        }
    }
}
