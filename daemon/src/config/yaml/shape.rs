//! Deserialises a [`Tree`] with errors that carry facts instead of a sentence.

use std::fmt;

use serde::{
    Deserializer,
    de::{
        Expected, IntoDeserializer, Unexpected, Visitor,
        value::{MapDeserializer, SeqDeserializer},
    },
    forward_to_deserialize_any,
};

use super::tree::Tree;

/// What does not fit the shape of the configuration. Never holds a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::config) enum ShapeError {
    /// A key that means nothing here.
    #[error("unknown key `{key}`")]
    UnknownKey {
        /// As written.
        key: String,
        /// Those that mean something.
        known: &'static [&'static str],
    },
    /// A word that means nothing here.
    #[error("`{word}` is not one of the choices here")]
    UnknownWord {
        /// As written.
        word: String,
        /// Those that mean something.
        known: &'static [&'static str],
    },
    /// A value of another type.
    #[error("expected {expected}, found {found}")]
    Type {
        /// What stands there.
        found: Found,
        /// What should.
        expected: String,
    },
    /// More than are worth listing.
    #[error("there may be further faults: these come first")]
    TooMany,
    /// A value that its own parser refuses.
    #[error("{0}")]
    Value(String),
}

/// Kind of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum Found {
    Nothing,
    Boolean,
    Number,
    Text,
    List,
    Map,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Found::Nothing => "nothing",
            Found::Boolean => "true or false",
            Found::Number => "a number",
            Found::Text => "text",
            Found::List => "a list",
            Found::Map => "a mapping",
        })
    }
}

impl From<Unexpected<'_>> for Found {
    fn from(unexpected: Unexpected<'_>) -> Self {
        match unexpected {
            Unexpected::Bool(_) => Found::Boolean,
            Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => Found::Number,
            Unexpected::Unit | Unexpected::Option => Found::Nothing,
            Unexpected::Seq | Unexpected::TupleVariant => Found::List,
            Unexpected::Map | Unexpected::StructVariant => Found::Map,
            _ => Found::Text,
        }
    }
}

impl serde::de::Error for ShapeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        ShapeError::Value(message.to_string())
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        ShapeError::Type {
            found: unexpected.into(),
            expected: expected.to_string(),
        }
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        ShapeError::Type {
            found: unexpected.into(),
            expected: expected.to_string(),
        }
    }

    fn unknown_field(field: &str, known: &'static [&'static str]) -> Self {
        ShapeError::UnknownKey {
            key: field.to_owned(),
            known,
        }
    }

    fn unknown_variant(variant: &str, known: &'static [&'static str]) -> Self {
        ShapeError::UnknownWord {
            word: variant.to_owned(),
            known,
        }
    }
}

impl<'de> IntoDeserializer<'de, ShapeError> for &'de Tree {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for &'de Tree {
    type Error = ShapeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        match self {
            Tree::Null => visitor.visit_unit(),
            Tree::Boolean(value) => visitor.visit_bool(*value),
            Tree::Integer(value) => visitor.visit_i64(*value),
            Tree::Unsigned(value) => visitor.visit_u64(*value),
            Tree::Float(value) => visitor.visit_f64(*value),
            Tree::Text(text) => visitor.visit_borrowed_str(text),
            Tree::List(items) => visitor.visit_seq(SeqDeserializer::new(items.iter())),
            Tree::Map(entries) => visitor.visit_map(MapDeserializer::new(
                entries.iter().map(|(key, value)| (key.as_str(), value)),
            )),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        match self {
            Tree::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    /// A key with nothing behind it is an empty mapping: `certificates:` with
    /// every entry commented out is no fault.
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        match self {
            Tree::Null => visit_empty(visitor),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ShapeError> {
        // a derived struct would also take a list of its fields
        match self {
            Tree::List(_) => Err(serde::de::Error::invalid_type(Unexpected::Seq, &visitor)),
            _ => self.deserialize_map(visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ShapeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ShapeError> {
        match self {
            Tree::Text(text) => visitor.visit_enum(text.as_str().into_deserializer()),
            _ => self.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct identifier ignored_any
    }
}

fn visit_empty<'de, V: Visitor<'de>>(visitor: V) -> Result<V::Value, ShapeError> {
    let nothing = std::iter::empty::<(&'de str, &'de Tree)>();
    visitor.visit_map(MapDeserializer::new(nothing))
}
