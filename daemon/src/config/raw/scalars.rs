use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};

/// Text. A number or a boolean is refused: as text it would have to be guessed
/// how it was spelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) struct Text(pub String);

/// A name or a number, as users and groups have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) struct Word(pub String);

/// `true` or `false`, and not `yes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) struct Flag(pub bool);

/// A port that can be asked: 1 to 65535.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) struct Port(pub u16);

/// A time span with its unit: `500ms`, `30s`, `3m`, `12h`, `60d`. Not zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) struct Duration(pub std::time::Duration);

/// A size with its unit: `512KiB`, `256MiB`, `1GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) struct ByteSize(pub u64);

/// So many in such a time, `50/7d`; or `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum Rate {
    None,
    Most(u32, std::time::Duration),
}

/// A file mode in octal, as text: `"0640"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) struct FileMode(pub u32);

/// Why a scalar is not what it should be. Never holds it: it may stand among secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::config) enum ScalarError {
    #[error("this is no duration: write a whole number and ms, s, m, h or d, such as `30s`")]
    Duration,
    #[error("a duration of zero makes no sense here: write `1s` or more")]
    ZeroDuration,
    #[error("this is no size: write a whole number and KiB, MiB or GiB, such as `256MiB`")]
    ByteSize,
    #[error("this is no limit: write a whole number, a slash and a time, such as `50/7d`, or `none`")]
    Rate,
    #[error("a port is a number from 1 to 65535")]
    Port,
    #[error("expected text, found {0}: write it in quotes")]
    Unquoted(&'static str),
    #[error("this is no file mode: write three or four octal digits in quotes, such as `\"0640\"`")]
    Mode,
}

/// Parses a time span with its unit.
pub(in crate::config) fn duration(text: &str) -> Result<std::time::Duration, ScalarError> {
    let (number, unit) = split_unit(text).ok_or(ScalarError::Duration)?;
    let milliseconds: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(ScalarError::Duration),
    };
    number
        .checked_mul(milliseconds)
        .map(std::time::Duration::from_millis)
        .ok_or(ScalarError::Duration)
}

fn byte_size(text: &str) -> Result<u64, ScalarError> {
    let (number, unit) = split_unit(text).ok_or(ScalarError::ByteSize)?;
    let shift = match unit {
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return Err(ScalarError::ByteSize),
    };
    number.checked_mul(1 << shift).ok_or(ScalarError::ByteSize)
}

fn rate(text: &str) -> Result<Rate, ScalarError> {
    if text == "none" {
        return Ok(Rate::None);
    }
    let (most, per) = text.split_once('/').ok_or(ScalarError::Rate)?;
    let most = most.trim_end().parse().map_err(|_| ScalarError::Rate)?;
    let per = duration(per.trim_start()).map_err(|_| ScalarError::Rate)?;
    // none at all for ever, or any number at once, are no limits
    if most == 0 || per.is_zero() {
        return Err(ScalarError::Rate);
    }
    Ok(Rate::Most(most, per))
}

fn mode(text: &str) -> Result<u32, ScalarError> {
    if !(3..=4).contains(&text.len()) || !text.bytes().all(|byte| (b'0'..=b'7').contains(&byte)) {
        return Err(ScalarError::Mode);
    }
    u32::from_str_radix(text, 8).map_err(|_| ScalarError::Mode)
}

fn split_unit(text: &str) -> Option<(u64, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    Some((number.parse().ok()?, unit.trim_start()))
}

macro_rules! from_text {
    ($type:ident, $make:expr, $expecting:literal, $parse:expr) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct FromText;

                impl Visitor<'_> for FromText {
                    type Value = $type;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expecting)
                    }

                    fn visit_str<E: Error>(self, text: &str) -> Result<$type, E> {
                        let parse: fn(&str) -> Result<_, ScalarError> = $parse;
                        parse(text).map($make).map_err(E::custom)
                    }
                }

                deserializer.deserialize_str(FromText)
            }
        }
    };
}

from_text!(
    ByteSize,
    ByteSize,
    "a size with its unit, such as `256MiB`",
    byte_size
);
from_text!(
    FileMode,
    FileMode,
    "a file mode in quotes, such as `\"0640\"`",
    mode
);
from_text!(Rate, |rate| rate, "a limit such as `50/7d`", rate);
from_text!(
    Duration,
    Duration,
    "a duration with its unit, such as `30s`",
    |text| match duration(text)? {
        std::time::Duration::ZERO => Err(ScalarError::ZeroDuration),
        duration => Ok(duration),
    }
);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FromText;

        impl Visitor<'_> for FromText {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }

            fn visit_str<E>(self, text: &str) -> Result<Text, E> {
                Ok(Text(text.to_owned()))
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<Text, E> {
                Err(E::custom(ScalarError::Unquoted("true or false")))
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<Text, E> {
                Err(E::custom(ScalarError::Unquoted("a number")))
            }

            fn visit_u64<E: Error>(self, _: u64) -> Result<Text, E> {
                Err(E::custom(ScalarError::Unquoted("a number")))
            }

            fn visit_f64<E: Error>(self, _: f64) -> Result<Text, E> {
                Err(E::custom(ScalarError::Unquoted("a number")))
            }
        }

        deserializer.deserialize_any(FromText)
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FromBool;

        impl Visitor<'_> for FromBool {
            type Value = Flag;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`true` or `false`")
            }

            fn visit_bool<E>(self, value: bool) -> Result<Flag, E> {
                Ok(Flag(value))
            }
        }

        deserializer.deserialize_bool(FromBool)
    }
}

impl<'de> Deserialize<'de> for Port {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u16::try_from(i64::deserialize(deserializer)?) {
            Ok(port @ 1..) => Ok(Port(port)),
            _ => Err(D::Error::custom(ScalarError::Port)),
        }
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FromWord;

        impl Visitor<'_> for FromWord {
            type Value = Word;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name or a number")
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Word, E> {
                Ok(Word(number.to_string()))
            }

            fn visit_str<E>(self, text: &str) -> Result<Word, E> {
                Ok(Word(text.to_owned()))
            }
        }

        deserializer.deserialize_any(FromWord)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit_and_never_overflow() {
        let seconds = |text| duration(text).map(|duration| duration.as_secs_f64());
        assert_eq!(seconds("500ms"), Ok(0.5));
        assert_eq!(seconds("30s"), Ok(30.0));
        assert_eq!(seconds("3m"), Ok(180.0));
        assert_eq!(seconds("60d"), Ok(5_184_000.0));
        for wrong in [
            "",
            "30",
            "s",
            "-1s",
            "1.5h",
            "1w",
            "99999999999999999999s",
            "9999999999999999d",
        ] {
            assert_eq!(duration(wrong), Err(ScalarError::Duration), "{wrong}");
        }
    }

    #[test]
    fn a_limit_is_a_number_in_a_time() {
        let week = std::time::Duration::from_secs(604_800);
        assert_eq!(rate("50/7d"), Ok(Rate::Most(50, week)));
        assert_eq!(rate("50 / 7d"), Ok(Rate::Most(50, week)));
        assert_eq!(rate("none"), Ok(Rate::None));
        for wrong in [
            "",
            "50",
            "/7d",
            "50/",
            "50/7",
            "0/7d",
            "5/0s",
            "-5/7d",
            "5/7d/2",
            "99999999999/1d",
        ] {
            assert_eq!(rate(wrong), Err(ScalarError::Rate), "{wrong}");
        }
    }

    #[test]
    fn modes_are_octal_and_sizes_binary() {
        assert_eq!(mode("0640"), Ok(0o640));
        assert_eq!(mode("640"), Ok(0o640));
        for wrong in ["", "64", "0680", "00640", "+640", "rw-r-----"] {
            assert!(mode(wrong).is_err(), "{wrong}");
        }
        assert_eq!(byte_size("256MiB"), Ok(256 << 20));
        for wrong in ["256", "256MB", "256M", "99999999999GiB"] {
            assert!(byte_size(wrong).is_err(), "{wrong}");
        }
    }
}
