use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};

use super::path::{NodePath, Step};

/// A YAML value, its keys in the order of the file.
///
/// Of a duplicate key the first one counts; [`super::marks`] reports the others.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::config) enum Tree {
    /// Nothing, `~` or `null`.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A whole number above `i64`'s.
    Unsigned(u64),
    /// Any other number.
    Float(f64),
    /// Text.
    Text(String),
    /// `[a, b]`
    List(Vec<Tree>),
    /// `{key: value}`
    Map(Vec<(String, Tree)>),
}

impl Tree {
    /// Takes the value at `path` out; false when there is none.
    pub fn remove(&mut self, path: &NodePath) -> bool {
        let Some((parent, last)) = path.split_last() else {
            return false;
        };
        let Some(parent) = self.get_mut(&parent) else {
            return false;
        };
        match (parent, last) {
            (Tree::Map(entries), Step::Key(key)) => {
                let before = entries.len();
                entries.retain(|(name, _)| name != key);
                entries.len() < before
            }
            (Tree::List(items), Step::Index(index)) if *index < items.len() => {
                items.remove(*index);
                true
            }
            _ => false,
        }
    }

    /// The value at `path`.
    pub fn get_mut(&mut self, path: &NodePath) -> Option<&mut Tree> {
        path.steps()
            .iter()
            .try_fold(self, |tree, step| match (tree, step) {
                (Tree::Map(entries), Step::Key(key)) => entries
                    .iter_mut()
                    .find(|(name, _)| name == key)
                    .map(|(_, value)| value),
                (Tree::List(items), Step::Index(index)) => items.get_mut(*index),
                _ => None,
            })
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_none<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(i64::try_from(value).map_or(Tree::Unsigned(value), Tree::Integer))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Tree, E> {
        Ok(Tree::Float(value as f64))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Tree, E> {
        Ok(Tree::Float(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Float(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Tree, E> {
        Ok(Tree::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Tree, A::Error> {
        let mut entries: Vec<(String, Tree)> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        while let Some(Key(key)) = access.next_key()? {
            let value = access.next_value()?;
            if seen.insert(key.clone()) {
                entries.push((key, value));
            }
        }
        Ok(Tree::Map(entries))
    }
}

/// A key: any scalar, as text.
struct Key(String);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Tree::deserialize(deserializer)? {
            Tree::Text(text) => Ok(Key(text)),
            Tree::Null => Ok(Key("null".into())),
            Tree::Boolean(value) => Ok(Key(value.to_string())),
            Tree::Integer(value) => Ok(Key(value.to_string())),
            Tree::Unsigned(value) => Ok(Key(value.to_string())),
            Tree::Float(value) => Ok(Key(value.to_string())),
            Tree::List(_) | Tree::Map(_) => Err(D::Error::custom("a key must be text")),
        }
    }
}
