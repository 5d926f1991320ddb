//! The repair loop: bug reports, proposers, candidates, proven patches.
