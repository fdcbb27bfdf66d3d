//! Reading answers that disagree with their own documentation: numbers, booleans and text stand for one another, wrappers
//! and fields are missing. What cannot be read counts as absent; only text that is no JSON fails. Values are read straight
//! from the text into their places, in one pass.

use std::borrow::Cow;
use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::{Number, Value};

/// A place that a value is read into. What a kind of JSON value comes to there is nothing, unless it says otherwise.
pub(crate) trait Field {
    /// Forgets what was read.
    fn nothing(&mut self);

    fn text(&mut self, _text: &str) {
        self.nothing();
    }

    fn number(&mut self, _number: Number) {
        self.nothing();
    }

    fn boolean(&mut self, _value: bool) {
        self.nothing();
    }

    fn list<'de, A: SeqAccess<'de>>(&mut self, mut list: A) -> Result<(), A::Error> {
        self.nothing();
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    /// `wrappers` is how many objects there are around this one that can be wrappers of a list.
    fn object<'de, A: MapAccess<'de>>(&mut self, mut map: A, _wrappers: u8) -> Result<(), A::Error> {
        self.nothing();
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }
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
                    $($key $(| $other)* => $crate::lenient::value(map, &mut self.$field)?,)*
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
    let mut record = None;
    Visit::new(&mut record).deserialize(&mut deserializer)?;
    deserializer.end()?;
    record.ok_or_else(|| serde_json::Error::custom("no object"))
}

/// Whether an object says in so many words that a list is empty (`{"Images":{"Image":[]}}`), or leaves out the list or its
/// wrapper. Whatever else no entry was found in can be a list in a shape that nobody knows.
pub(crate) fn is_empty_list(text: &str, wrapper: &str, list: &str) -> bool {
    let Ok(Value::Object(object)) = serde_json::from_str(text) else { return false };
    let is_empty = |value: &Value| match value {
        Value::Null => true,
        Value::Array(entries) => entries.is_empty(),
        _ => false,
    };
    object.get(wrapper).is_none_or(|wrapper| match wrapper {
        Value::Object(inside) => inside.iter().all(|(key, value)| key == list && is_empty(value)),
        other => is_empty(other),
    })
}

/// Reads the value under the key that a map has just given.
pub(crate) fn value<'de, A: MapAccess<'de>>(map: &mut A, field: &mut impl Field) -> Result<(), A::Error> {
    map.next_value_seed(Visit::new(field))
}

fn object<'de, A: MapAccess<'de>>(mut map: A, record: &mut impl Record) -> Result<(), A::Error> {
    let mut key = Cow::default();
    while map.next_key_seed(Key(&mut key))?.is_some() {
        if !record.read(&key, &mut map)? {
            map.next_value::<IgnoredAny>()?;
        }
    }
    Ok(())
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
    fn nothing(&mut self) {
        *self = None;
    }

    fn text(&mut self, text: &str) {
        *self = Some(text.to_owned());
    }

    fn number(&mut self, number: Number) {
        *self = Some(number.to_string());
    }

    fn boolean(&mut self, value: bool) {
        *self = Some(value.to_string());
    }
}

/// Text as of an `Option`, empty if there is none.
impl Field for String {
    fn nothing(&mut self) {
        self.clear();
    }

    fn text(&mut self, text: &str) {
        *self = text.to_owned();
    }

    fn number(&mut self, number: Number) {
        *self = number.to_string();
    }

    fn boolean(&mut self, value: bool) {
        *self = value.to_string();
    }
}

/// A text or a number, but no boolean.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Word(pub(crate) Option<String>);

impl Field for Word {
    fn nothing(&mut self) {
        self.0 = None;
    }

    fn text(&mut self, text: &str) {
        self.0.text(text);
    }

    fn number(&mut self, number: Number) {
        self.0.number(number);
    }
}

/// A whole number, also as text.
impl Field for Option<i64> {
    fn nothing(&mut self) {
        *self = None;
    }

    fn text(&mut self, text: &str) {
        let text = text.trim();
        *self = text.parse().ok().or_else(|| whole(text.parse().ok()?));
    }

    fn number(&mut self, number: Number) {
        *self = number.as_i64().or_else(|| whole(number.as_f64()?));
    }
}

fn whole(number: f64) -> Option<i64> {
    // Well inside the range, so that the conversion is exact.
    (number.fract() == 0.0 && number.abs() < 1e15).then_some(number as i64)
}

/// A truth value, also as text of any case, 0 or 1.
impl Field for Option<bool> {
    fn nothing(&mut self) {
        *self = None;
    }

    fn text(&mut self, text: &str) {
        *self = match text.trim().to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" => Some(true),
            "false" | "0" | "no" => Some(false),
            _ => None,
        };
    }

    fn number(&mut self, number: Number) {
        *self = number.as_i64().map(|number| number != 0);
    }

    fn boolean(&mut self, value: bool) {
        *self = Some(value);
    }
}

/// Whatever stands there, as it is.
impl Field for Value {
    fn nothing(&mut self) {
        *self = Value::Null;
    }

    fn text(&mut self, text: &str) {
        *self = text.into();
    }

    fn number(&mut self, number: Number) {
        *self = number.into();
    }

    fn boolean(&mut self, value: bool) {
        *self = value.into();
    }

    fn list<'de, A: SeqAccess<'de>>(&mut self, list: A) -> Result<(), A::Error> {
        *self = Value::deserialize(SeqAccessDeserializer::new(list))?;
        Ok(())
    }

    fn object<'de, A: MapAccess<'de>>(&mut self, map: A, _wrappers: u8) -> Result<(), A::Error> {
        *self = Value::deserialize(MapAccessDeserializer::new(map))?;
        Ok(())
    }
}

/// An object, or nothing if something else stands there.
impl<R: Record> Field for Option<R> {
    fn nothing(&mut self) {
        *self = None;
    }

    fn object<'de, A: MapAccess<'de>>(&mut self, map: A, _wrappers: u8) -> Result<(), A::Error> {
        object(map, self.insert(R::default()))
    }
}

/// A list in its wrapper (`Tags.Tag[]`), in two of them, without one, or missing. Of several lists in a wrapper the first
/// one counts. A lone object counts as a list of one; what is no entry is left out.
impl<R: Record> Field for Vec<R> {
    fn nothing(&mut self) {
        self.clear();
    }

    fn list<'de, A: SeqAccess<'de>>(&mut self, mut list: A) -> Result<(), A::Error> {
        self.clear();
        loop {
            let index = self.len();
            self.push(R::default());
            let mut entry = Entry { record: &mut self[index], is_object: false };
            let more = list.next_element_seed(Visit::new(&mut entry))?.is_some();
            if !entry.is_object || !entry.record.is_entry() {
                self.truncate(index);
            }
            if !more {
                return Ok(());
            }
        }
    }

    fn object<'de, A: MapAccess<'de>>(&mut self, mut map: A, wrappers: u8) -> Result<(), A::Error> {
        // Whether this is a wrapper or an entry is known at its end only.
        let (mut lone, mut is_lone) = (R::default(), false);
        let mut list: Option<(Cow<'_, str>, Vec<R>)> = None;
        let mut inside = Vec::new();
        let mut others = 0;
        let mut key = Cow::default();
        while map.next_key_seed(Key(&mut key))?.is_some() {
            if lone.read(&key, &mut map)? {
                is_lone = true;
                continue;
            }
            others += 1;
            if wrappers == 2 {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let mut nested = Nested { is_list: false, entries: Vec::new() };
            map.next_value_seed(Visit { field: &mut nested, wrappers: wrappers + 1 })?;
            if !nested.is_list {
                inside = nested.entries;
            } else if list.as_ref().is_none_or(|(first, _)| *first == key) {
                list = Some((key.clone(), nested.entries));
            }
        }
        *self = match list {
            Some((_, entries)) => entries,
            None if is_lone => Some(lone).into_iter().filter(R::is_entry).collect(),
            None if others == 1 => inside,
            None => Vec::new(),
        };
        Ok(())
    }
}

/// An entry of a list.
struct Entry<'a, R> {
    record: &'a mut R,
    is_object: bool,
}

impl<R: Record> Field for Entry<'_, R> {
    fn nothing(&mut self) {}

    fn object<'de, A: MapAccess<'de>>(&mut self, map: A, _wrappers: u8) -> Result<(), A::Error> {
        self.is_object = true;
        object(map, self.record)
    }
}

/// What stands in a wrapper.
struct Nested<R> {
    is_list: bool,
    entries: Vec<R>,
}

impl<R: Record> Field for Nested<R> {
    fn nothing(&mut self) {}

    fn list<'de, A: SeqAccess<'de>>(&mut self, list: A) -> Result<(), A::Error> {
        self.is_list = true;
        self.entries.list(list)
    }

    fn object<'de, A: MapAccess<'de>>(&mut self, map: A, wrappers: u8) -> Result<(), A::Error> {
        self.entries.object(map, wrappers)
    }
}

/// Reads a value into a field.
struct Visit<'a, F> {
    field: &'a mut F,
    wrappers: u8,
}

impl<F> Visit<'_, F> {
    fn new(field: &mut F) -> Visit<'_, F> {
        Visit { field, wrappers: 0 }
    }
}

impl<'de, F: Field> DeserializeSeed<'de> for Visit<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, F: Field> Visitor<'de> for Visit<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.field.nothing();
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.field.boolean(value);
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.field.number(number.into());
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.field.number(number.into());
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        match Number::from_f64(number) {
            Some(number) => self.field.number(number),
            None => self.field.nothing(),
        }
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.field.text(text);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<(), A::Error> {
        self.field.list(list)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        self.field.object(map, self.wrappers)
    }
}

/// Reads a key, which is copied only if it holds escapes.
struct Key<'a, 'de>(&'a mut Cow<'de, str>);

impl<'de> DeserializeSeed<'de> for Key<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<(), E> {
        *self.0 = Cow::Borrowed(key);
        Ok(())
    }

    fn visit_str<E>(self, key: &str) -> Result<(), E> {
        *self.0 = Cow::Owned(key.to_owned());
        Ok(())
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
        for list in [
            r#"{"Entry":[]}"#,
            "{}",
            "null",
            "[]",
            "7",
            r#"{"Entry":null}"#,
            r#"{"Entry":"a"}"#,
            r#"{"A":{"B":{"C":[{"name":"a"}]}}}"#,
        ] {
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
