//! What a hostile server can say, for the fuzzer and for the tests that run on its corpus.

mod answer;
mod caa;
mod names;
mod walk;

pub(crate) use self::{answer::answer, caa::caa, names::name, walk::walk};
