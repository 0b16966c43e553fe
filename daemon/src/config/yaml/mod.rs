//! Text to typed shapes, with the place of everything that does not fit.

use serde::de::DeserializeOwned;

mod marks;
mod path;
mod problem;
mod reader;
mod shape;
mod tree;

pub(super) use marks::{Mark, Marks, Span};
pub(super) use path::{NodePath, Step};
pub(super) use problem::YamlProblem;
pub(super) use reader::{Content, Flaw, read};
pub(super) use shape::ShapeError;
pub(super) use tree::Tree;

/// Who has more faults than this begins with these.
pub(super) const MAX_SHAPE_FAULTS: usize = 100;

/// The one function that holds the YAML parser.
///
/// # Errors
/// What the parser says, and the line and column if it knows them.
pub(super) fn parse(text: &str) -> Result<Tree, (YamlProblem, Option<Mark>)> {
    serde_yaml::from_str(text).map_err(|error| {
        let mark = error.location().map(|at| Mark {
            line: at.line(),
            column: at.column(),
        });
        (
            YamlProblem::Syntax {
                message: error.to_string(),
            },
            mark,
        )
    })
}

/// Deserialises `tree` again and again, each time without the value that did
/// not fit, until it fits: so all faults of shape come at once. `at` is where
/// `tree` stands in the document of `marks`. `None` when
/// the whole is of another shape, or after [`MAX_SHAPE_FAULTS`].
pub(super) fn peel<T: DeserializeOwned>(
    tree: &mut Tree,
    at: &NodePath,
    marks: &mut Marks,
    mut fault: impl FnMut(NodePath, &Marks, ShapeError),
) -> Option<T> {
    for _ in 0..MAX_SHAPE_FAULTS {
        let (path, error) = match serde_path_to_error::deserialize(&*tree) {
            Ok(shape) => return Some(shape),
            Err(error) => (path_of(error.path()), error.into_inner()),
        };
        let in_document = at.join(&path);
        if let ShapeError::UnknownKey { .. } = error {
            // it may be an option that slipped out of its place
            marks.hide(&in_document);
        }
        fault(in_document.clone(), marks, error);
        if !tree.remove(&path) {
            return None;
        }
        marks.peel(&in_document);
    }
    fault(at.clone(), marks, ShapeError::TooMany);
    None
}

/// Where the value is that must go; an unknown key is named by its own path.
fn path_of(path: &serde_path_to_error::Path) -> NodePath {
    use serde_path_to_error::Segment;
    path.iter()
        .map_while(|segment| match segment {
            Segment::Seq { index } => Some(Step::Index(*index)),
            Segment::Map { key } => Some(Step::Key(key.clone())),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect()
}
