//! Reading answers that disagree with their own documentation: numbers, booleans and text stand for one another, wrappers
//! and fields are missing. What cannot be read counts as absent; only text that is no JSON fails. Values are read straight
//! from the text, in one pass.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::{Number, Value};

/// The value of a field. It takes what it can read, and is its default if it cannot.
pub(crate) trait Field: Default {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;
}

/// An object of an answer. [`record!`] declares one.
pub(crate) trait Record: Default {
    /// Reads the value that stands under this key; if a key comes twice, the last value counts. False if there is no such
    /// field: the value is then still to be read.
    fn read<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error>;

    /// Whether an object with no more than this is an entry of a list.
    fn is_entry(&self) -> bool {
        true
    }
}

/// Declares a structure whose fields are read from an object, each with the names under which it may stand there.
macro_rules! record {
    (
        $(#[$about:meta])*
        $visibility:vis struct $name:ident {
            $(
                $(#[$field_about:meta])*
                $field_visibility:vis $field:ident: $type:ty = $key:literal $(| $other:literal)*,
            )*
        }
    ) => {
        $(#[$about])*
        $visibility struct $name {
            $(
                $(#[$field_about])*
                $field_visibility $field: $type,
            )*
        }

        impl $crate::lenient::Record for $name {
            fn read<'de, A: ::serde::de::MapAccess<'de>>(
                &mut self,
                key: &str,
                map: &mut A,
            ) -> Result<bool, A::Error> {
                match key {
                    $($key $(| $other)* => self.$field = $crate::lenient::value(map)?,)*
                    _ => return Ok(false),
                }
                Ok(true)
            }
        }
    };
}
pub(crate) use record;

/// Reads a text that is one object.
pub(crate) fn from_str<R: Record>(text: &str) -> Result<R, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let record = Option::<R>::read(&mut deserializer)?;
    deserializer.end()?;
    record.ok_or_else(|| serde_json::Error::custom("no object"))
}

/// The next value of an object, for [`record!`].
pub(crate) fn value<'de, F: Field, A: MapAccess<'de>>(map: &mut A) -> Result<F, A::Error> {
    map.next_value::<Read<F>>().map(|Read(value)| value)
}

/// Nothing to read.
impl Record for () {
    fn read<'de, A: MapAccess<'de>>(&mut self, _key: &str, _map: &mut A) -> Result<bool, A::Error> {
        Ok(false)
    }
}

/// The fields of two records in one object. What both have, only the first one gets.
impl<A: Record, B: Record> Record for (A, B) {
    fn read<'de, M: MapAccess<'de>>(&mut self, key: &str, map: &mut M) -> Result<bool, M::Error> {
        Ok(self.0.read(key, map)? || self.1.read(key, map)?)
    }
}

/// Text, or what a number or a boolean is as text. Empty text stays.
impl Field for Option<String> {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Scalar::deserialize(deserializer)? {
            Scalar::Text(text) => Some(text.into_owned()),
            Scalar::Number(number) => Some(number.to_string()),
            Scalar::Boolean(value) => Some(value.to_string()),
            Scalar::Nothing => None,
        })
    }
}

/// Text, empty if there is none.
impl Field for String {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::read(deserializer).map(Option::unwrap_or_default)
    }
}

/// A whole number, also as text.
impl Field for Option<i64> {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Scalar::deserialize(deserializer)? {
            Scalar::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
            Scalar::Text(text) => {
                let text = text.trim();
                text.parse().ok().or_else(|| whole(text.parse().ok()?))
            }
            Scalar::Boolean(_) | Scalar::Nothing => None,
        })
    }
}

fn whole(number: f64) -> Option<i64> {
    // Well inside the range, so that the conversion is exact.
    (number.fract() == 0.0 && number.abs() < 1e15).then_some(number as i64)
}

/// A truth value, also as text of any case, 0 or 1.
impl Field for Option<bool> {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Scalar::deserialize(deserializer)? {
            Scalar::Boolean(value) => Some(value),
            Scalar::Number(number) => number.as_i64().map(|number| number != 0),
            Scalar::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" => Some(true),
                "false" | "0" | "no" => Some(false),
                _ => None,
            },
            Scalar::Nothing => None,
        })
    }
}

/// A text or a number, but no boolean.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Word(pub(crate) Option<String>);

impl Field for Word {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Word(match Scalar::deserialize(deserializer)? {
            Scalar::Text(text) => Some(text.into_owned()),
            Scalar::Number(number) => Some(number.to_string()),
            Scalar::Boolean(_) | Scalar::Nothing => None,
        }))
    }
}

/// Whatever stands there, as it is.
impl Field for Value {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer)
    }
}

/// An object, or nothing if something else stands there.
impl<R: Record> Field for Option<R> {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Object(PhantomData))
    }
}

/// A list in its wrapper (`Tags.Tag[]`), in two of them, without one, or missing. Of several lists in a wrapper the first
/// one counts. A lone object counts as a list of one; what is no entry is left out.
impl<R: Record> Field for Vec<R> {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match (Entries { wrappers: 0, record: PhantomData }).deserialize(deserializer)? {
            Found::List(entries) | Found::Inside(entries) => entries,
            Found::Nothing => Vec::new(),
        })
    }
}

/// A field, to be read where Serde asks for a type.
struct Read<F>(F);

impl<'de, F: Field> Deserialize<'de> for Read<F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        F::read(deserializer).map(Read)
    }
}

/// A key, or a text, copied only if it holds escapes.
struct Text<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Scalar::deserialize(deserializer)? {
            Scalar::Text(text) => Text(text),
            Scalar::Number(_) | Scalar::Boolean(_) | Scalar::Nothing => Text(Cow::Borrowed("")),
        })
    }
}

/// A value that is neither list nor object.
enum Scalar<'de> {
    Text(Cow<'de, str>),
    Number(Number),
    Boolean(bool),
    /// Null, a list or an object.
    Nothing,
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

fn skip_list<'de, A: SeqAccess<'de>>(mut list: A) -> Result<(), A::Error> {
    while list.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

fn skip_object<'de, A: MapAccess<'de>>(mut map: A) -> Result<(), A::Error> {
    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(())
}

/// The visits of a scalar that comes to nothing.
macro_rules! no_scalars {
    ($nothing:expr) => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("anything")
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok($nothing)
        }

        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok($nothing)
        }

        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok($nothing)
        }

        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok($nothing)
        }

        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok($nothing)
        }

        fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
            Ok($nothing)
        }
    };
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_unit<E>(self) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Nothing)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Scalar<'de>, E> {
        Ok(Number::from_f64(value).map_or(Scalar::Nothing, Scalar::Number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Scalar<'de>, A::Error> {
        skip_list(list).map(|()| Scalar::Nothing)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Scalar<'de>, A::Error> {
        skip_object(map).map(|()| Scalar::Nothing)
    }
}

/// Reads an object.
struct Object<R>(PhantomData<R>);

impl<'de, R: Record> Visitor<'de> for Object<R> {
    type Value = Option<R>;

    no_scalars!(None);

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Option<R>, A::Error> {
        skip_list(list).map(|()| None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<R>, A::Error> {
        let mut record = R::default();
        while let Some(Text(key)) = map.next_key()? {
            if !record.read(&key, &mut map)? {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Some(record))
    }
}

/// Reads a list that may have a wrapper around it, and one around that.
struct Entries<R> {
    /// How many wrappers there are around this value.
    wrappers: u8,
    record: PhantomData<R>,
}

enum Found<R> {
    /// The value is a list.
    List(Vec<R>),
    /// The value is an object: a wrapper, or the only entry.
    Inside(Vec<R>),
    Nothing,
}

impl<'de, R: Record> DeserializeSeed<'de> for Entries<R> {
    type Value = Found<R>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Found<R>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, R: Record> Visitor<'de> for Entries<R> {
    type Value = Found<R>;

    no_scalars!(Found::Nothing);

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Found<R>, A::Error> {
        let mut entries = Vec::new();
        while let Some(Read(entry)) = list.next_element::<Read<Option<R>>>()? {
            entries.extend(entry.filter(R::is_entry));
        }
        Ok(Found::List(entries))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found<R>, A::Error> {
        // Whether this is a wrapper or an entry is known at its end only.
        let (mut lone, mut is_lone) = (R::default(), false);
        let mut list: Option<(Cow<'de, str>, Vec<R>)> = None;
        let mut inside = Vec::new();
        let mut others = 0;
        while let Some(Text(key)) = map.next_key()? {
            if lone.read(&key, &mut map)? {
                is_lone = true;
                continue;
            }
            others += 1;
            if self.wrappers > 1 {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            match map.next_value_seed(Entries { wrappers: self.wrappers + 1, record: PhantomData })? {
                Found::List(entries) if list.as_ref().is_none_or(|(first, _)| *first == key) => {
                    list = Some((key, entries));
                }
                Found::Inside(entries) => inside = entries,
                Found::List(_) | Found::Nothing => {}
            }
        }
        Ok(Found::Inside(match list {
            Some((_, entries)) => entries,
            None if is_lone => Some(lone).into_iter().filter(R::is_entry).collect(),
            None if others == 1 => inside,
            None => Vec::new(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    record! {
        #[derive(Debug, Default, PartialEq)]
        struct Sample {
            text: Option<String> = "text",
            plain: String = "plain",
            number: Option<i64> = "number" | "Number",
            boolean: Option<bool> = "boolean",
            word: Word = "word",
            list: Vec<Entry> = "list",
            object: Option<Entry> = "object",
        }
    }

    record! {
        #[derive(Debug, Default, PartialEq)]
        struct Entry {
            name: Option<String> = "name",
            tags: Vec<Entry> = "tags",
        }
    }

    #[track_caller]
    fn read(json: &str) -> Sample {
        from_str(json).unwrap_or_else(|error| panic!("{json}: {error}"))
    }

    #[track_caller]
    fn check_list(list: &str, expected: &[&str]) {
        let entries = read(&format!(r#"{{"list":{list},"text":"behind"}}"#));
        assert_eq!(entries.text.as_deref(), Some("behind"), "{list}");
        let names: Vec<_> =
            entries.list.into_iter().map(|entry| entry.name.unwrap_or_else(|| "?".to_owned())).collect();
        assert_eq!(names, expected, "{list}");
    }

    #[test]
    fn scalars_stand_for_one_another() {
        assert_eq!(read(r#"{"text":1}"#).text.as_deref(), Some("1"));
        assert_eq!(read(r#"{"text":true}"#).text.as_deref(), Some("true"));
        assert_eq!(read(r#"{"text":""}"#).text.as_deref(), Some(""));
        assert_eq!(read(r#"{"number":"40"}"#).number, Some(40));
        assert_eq!(read(r#"{"number":40.0}"#).number, Some(40));
        assert_eq!(read(r#"{"boolean":"True"}"#).boolean, Some(true));
        assert_eq!(read(r#"{"boolean":0}"#).boolean, Some(false));
        assert_eq!(read(r#"{"word":7}"#).word, Word(Some("7".to_owned())));
        assert_eq!(read(r#"{"word":true}"#).word, Word(None));
    }

    #[test]
    fn numbers_of_every_size_and_spelling_are_read() {
        for (json, text, number) in [
            ("40", "40", Some(40)),
            ("-1", "-1", Some(-1)),
            ("40.0", "40.0", Some(40)),
            ("4e1", "40.0", Some(40)),
            ("1.5", "1.5", None),
            ("1e300", "1e+300", None),
            ("9223372036854775807", "9223372036854775807", Some(i64::MAX)),
            ("18446744073709551615", "18446744073709551615", None),
        ] {
            let sample = read(&format!(r#"{{"text":{json},"number":{json}}}"#));
            assert_eq!((sample.text.as_deref(), sample.number), (Some(text), number), "{json}");
        }
        for (json, number) in
            [("\" 40 \"", Some(40)), ("\"40.0\"", Some(40)), ("\"x\"", None), ("true", None)]
        {
            assert_eq!(read(&format!(r#"{{"number":{json}}}"#)).number, number, "{json}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_absent() {
        let sample = read(r#"{"text":{},"number":"x","boolean":"perhaps","list":"","object":[]}"#);
        assert_eq!(sample, Sample::default());
        let sample =
            read(r#"{"text":null,"plain":null,"number":null,"boolean":null,"list":null,"object":null}"#);
        assert_eq!(sample, Sample::default());
        let sample =
            read(r#"{"text":[1,[2]],"plain":{"a":{}},"number":[],"boolean":{},"list":7,"object":"x"}"#);
        assert_eq!(sample, Sample::default());
    }

    #[test]
    fn what_is_not_asked_for_is_passed_over() {
        let sample = read(r#"{"other":{"text":[{"text":"inner"}]},"text":"outer","more":[1e5,null,"x"]}"#);
        assert_eq!(sample, Sample { text: Some("outer".to_owned()), ..Sample::default() });
    }

    #[test]
    fn of_a_key_that_comes_twice_the_last_value_counts() {
        let sample = read(r#"{"text":"a","number":1,"Number":2,"text":"b","list":[{"name":"a"}],"list":[]}"#);
        assert_eq!((sample.text.as_deref(), sample.number), (Some("b"), Some(2)));
        assert!(sample.list.is_empty());
        assert_eq!(read(r#"{"text":"a","text":null}"#).text, None);
        check_list(r#"{"Entry":[{"name":"a"}],"Entry":[{"name":"b"}]}"#, &["b"]);
    }

    #[test]
    fn escapes_are_read_in_keys_and_values() {
        let sample = read(r#"{"te\u0078t":"a\n\u00e4\ud83d\ude00"}"#);
        assert_eq!(sample.text.as_deref(), Some("a\nä😀"));
    }

    #[test]
    fn lists_come_with_their_wrapper_or_without() {
        for list in [
            r#"{"Entry":[{"name":"a"}]}"#,
            r#"[{"name":"a"}]"#,
            r#"{"Entry":{"name":"a"}}"#,
            r#"{"Entry":[{"name":"a"},7]}"#,
            r#"{"Entry":[null,{"name":"a"},null,[],"x"]}"#,
            r#"{"Count":1,"Entry":[{"name":"a"}],"More":{"name":"b"},"Others":[{"name":"c"}]}"#,
            r#"{"Entries":{"Entry":[{"name":"a"}]}}"#,
            r#"{"name":"a"}"#,
            r#"{"name":"a","tags":[{"name":"b"}]}"#,
            r#"{"Entry":{"name":"a","tags":[{"name":"b"}]}}"#,
        ] {
            check_list(list, &["a"]);
        }
        for list in [r#"{"Entry":[]}"#, "{}", "null", "[]", "7", r#"{"Entry":null}"#, r#"{"Entry":"a"}"#] {
            check_list(list, &[]);
        }
        assert!(read("{}").list.is_empty());
        check_list(r#"[{},{"other":1}]"#, &["?", "?"]);
    }

    #[test]
    fn lists_are_read_inside_of_lists() {
        let sample = read(r#"{"list":{"Entry":[{"tags":{"Tag":[{"name":"x"},{"name":"y"}]}}]}}"#);
        assert_eq!(sample.list[0].tags.len(), 2);
    }

    #[test]
    fn what_is_nested_without_end_comes_to_nothing() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            for depth in [10, 100] {
                let deep = format!("{}1{}", open.repeat(depth), close.repeat(depth));
                check_list(&deep, &[]);
                let sample =
                    read(&format!(r#"{{"text":{deep},"object":{deep},"other":{deep},"plain":"x"}}"#));
                assert_eq!((sample.text, sample.plain), (None, "x".to_owned()));
            }
            // The stack stays as it is; whether that much is still JSON is the parser's affair.
            let deep = format!(r#"{{"other":{}"#, open.repeat(1_000_000));
            assert!(from_str::<Sample>(&deep).is_err());
        }
    }

    #[test]
    fn only_what_is_no_json_object_fails() {
        for text in [
            "",
            "[]",
            "7",
            "null",
            "\"x\"",
            "{",
            r#"{"text":}"#,
            r#"{"text":"a"} x"#,
            r#"{"text":"a"}{}"#,
            r#"{"text":"a",}"#,
            r#"{"list":[{"name":"a"}"#,
            r#"{"text":"\ud800"}"#,
            "{\"text\":\"a\nb\"}",
        ] {
            assert!(from_str::<Sample>(text).is_err(), "{text}");
        }
        assert!(from_str::<Sample>(" {\"text\":\"a\"}\n").is_ok());
    }
}
