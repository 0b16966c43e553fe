//! Where everything stands: an index from paths to lines and columns.

use super::path::{NodePath, Step};

/// A place in the text, counted from 1 in lines and characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::config) struct Mark {
    pub line: usize,
    pub column: usize,
}

/// A stretch of the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::config) struct Span {
    pub start: Mark,
    /// Behind the last character.
    pub end: Mark,
}

/// One value and the places of its key and itself.
#[derive(Debug)]
pub(in crate::config) struct Node {
    pub(super) key: Span,
    pub(super) value: Span,
    /// Its value was refused and taken out of the tree.
    pub(super) peeled: bool,
    /// An element was taken out of it.
    pub(super) shortened: bool,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    /// The text as written, for numbers that must reach a plugin unchanged.
    Scalar(String),
    /// With the position that each element has in the file.
    List(Vec<(usize, Node)>),
    Map(Vec<(String, Node)>),
}

/// What the text holds where.
#[derive(Debug)]
pub(in crate::config) struct Marks {
    pub(super) root: Node,
    /// Values that may be secrets: they are never shown.
    pub(super) sensitive: Vec<Span>,
}

impl Marks {
    /// The place of a value: itself when it is a scalar on its own, else its key.
    pub fn value(&self, path: &NodePath) -> Span {
        let node = self.nearest(path);
        match &node.kind {
            Kind::Scalar(text) if !text.is_empty() => node.value,
            _ => node.key,
        }
    }

    /// The place of a value's key.
    pub fn key(&self, path: &NodePath) -> Span {
        self.nearest(path).key
    }

    /// The path as the file counts, elements that were taken out included.
    pub fn in_file(&self, path: &NodePath) -> NodePath {
        let mut node = Some(&self.root);
        path.steps()
            .iter()
            .map(|step| {
                let (shown, next) = match (node.map(|node| &node.kind), step) {
                    (Some(Kind::List(items)), Step::Index(index)) => match items.get(*index) {
                        Some((original, child)) => (Step::Index(*original), Some(child)),
                        None => (step.clone(), None),
                    },
                    _ => (step.clone(), node.and_then(|node| node.child(step))),
                };
                node = next;
                shown
            })
            .collect()
    }

    /// The scalar at `path` as it is written.
    pub fn text(&self, path: &NodePath) -> Option<&str> {
        match &self.find(path)?.kind {
            Kind::Scalar(text) => Some(text),
            Kind::List(_) | Kind::Map(_) => None,
        }
    }

    /// Takes out what [`super::Tree::remove`] takes out.
    pub fn peel(&mut self, path: &NodePath) {
        let Some((parent, last)) = path.split_last() else {
            return;
        };
        let Some(parent) = parent
            .steps()
            .iter()
            .try_fold(&mut self.root, |node, step| node.child_mut(step))
        else {
            return;
        };
        match (&mut parent.kind, last) {
            (Kind::List(items), Step::Index(index)) if *index < items.len() => {
                items.remove(*index);
                parent.shortened = true;
            }
            _ => {
                if let Some(node) = parent.child_mut(last) {
                    node.peeled = true;
                }
            }
        }
    }

    /// True when the value at `path`, or one that holds it, was taken out.
    pub fn is_peeled(&self, path: &NodePath) -> bool {
        let mut node = &self.root;
        for step in path.steps() {
            let Some(child) = node.child(step) else {
                return false;
            };
            if child.peeled {
                return true;
            }
            node = child;
        }
        false
    }

    /// Keys of the mapping at `path` whose values were taken out.
    pub fn peeled_keys(&self, path: &NodePath) -> impl Iterator<Item = &str> {
        let entries = match self.find(path).map(|node| &node.kind) {
            Some(Kind::Map(entries)) => entries.as_slice(),
            _ => &[],
        };
        entries
            .iter()
            .filter(|(_, node)| node.peeled)
            .map(|(key, _)| key.as_str())
    }

    /// True when an element of the list at `path` was taken out.
    pub fn is_shortened(&self, path: &NodePath) -> bool {
        self.find(path).is_some_and(|node| node.shortened)
    }

    /// The value at `path` turned out to be no secret.
    pub fn reveal(&mut self, path: &NodePath) {
        let Some(node) = self.find(path) else { return };
        let span = node.value;
        self.sensitive.retain(|hidden| *hidden != span);
    }

    /// What stands below `path` may be a secret.
    pub fn hide(&mut self, path: &NodePath) {
        let mut spans = Vec::new();
        if let Some(node) = self.find(path) {
            node.scalars(&mut spans);
        }
        self.sensitive.append(&mut spans);
    }

    /// Stretches that must not be shown.
    pub fn sensitive(&self) -> &[Span] {
        &self.sensitive
    }

    fn find(&self, path: &NodePath) -> Option<&Node> {
        path.steps()
            .iter()
            .try_fold(&self.root, |node, step| node.child(step))
    }

    /// The node at `path`, or the last one on the way there.
    fn nearest(&self, path: &NodePath) -> &Node {
        let mut node = &self.root;
        for step in path.steps() {
            match node.child(step) {
                Some(child) => node = child,
                None => break,
            }
        }
        node
    }
}

impl Node {
    fn scalars(&self, spans: &mut Vec<Span>) {
        match &self.kind {
            Kind::Scalar(_) => spans.push(self.value),
            Kind::List(items) => items.iter().for_each(|(_, node)| node.scalars(spans)),
            Kind::Map(entries) => entries.iter().for_each(|(_, node)| node.scalars(spans)),
        }
    }

    fn child(&self, step: &Step) -> Option<&Node> {
        match (&self.kind, step) {
            (Kind::Map(entries), Step::Key(key)) => {
                entries.iter().find(|(name, _)| name == key).map(|(_, node)| node)
            }
            (Kind::List(items), Step::Index(index)) => items.get(*index).map(|(_, node)| node),
            _ => None,
        }
    }

    fn child_mut(&mut self, step: &Step) -> Option<&mut Node> {
        match (&mut self.kind, step) {
            (Kind::Map(entries), Step::Key(key)) => entries
                .iter_mut()
                .find(|(name, _)| name == key)
                .map(|(_, node)| node),
            (Kind::List(items), Step::Index(index)) => items.get_mut(*index).map(|(_, node)| node),
            _ => None,
        }
    }
}
