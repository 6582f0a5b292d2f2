//! Enums whose variant is in their own object, as `"kind"`, and are read field by field.
//!
//! serde's reader of such an enum (`tag = "kind"`) first keeps the whole object, in up to fifty times its size, and then gives
//! it to the variant: no bound of a field applies before all of it was read. In this crate's spelling the kind comes first, so
//! that nothing has to be kept.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeSeed, EnumAccess, Error, MapAccess, VariantAccess, Visitor,
        value::{MapAccessDeserializer, StringDeserializer},
    },
};

/// Declares an enum that is written with serde's `tag = "kind"`, and read as it comes.
macro_rules! by_kind {
    ($(#[$meta:meta])* pub enum $name:ident { $($body:tt)* }) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, Debug, Serialize)]
        #[serde(tag = "kind", rename_all = "kebab-case")]
        pub enum $name { $($body)* }

        const _: () = {
            type Read = $name;

            #[derive(Deserialize)]
            #[serde(remote = "Read", rename_all = "kebab-case", deny_unknown_fields)]
            #[allow(dead_code, reason = "it is the shape that serde reads, and no value is of it")]
            enum Shape { $($body)* }

            impl<'de> Deserialize<'de> for $name {
                fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                    Shape::deserialize($crate::encoding::by_kind::ByKind(from))
                }
            }
        };
    };
}
pub(crate) use by_kind;

/// Gives an object whose first field is `kind` to the reader of an enum.
pub(crate) struct ByKind<D>(pub(crate) D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for ByKind<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(Object { name, visitor })
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

struct Object<V> {
    name: &'static str,
    visitor: V,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Object<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with its kind", self.name)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<V::Value, A::Error> {
        /// The one field that may come first.
        #[derive(Deserialize)]
        #[serde(field_identifier, rename_all = "lowercase")]
        enum First {
            Kind,
        }

        match fields.next_entry::<First, String>()? {
            Some((First::Kind, kind)) => self.visitor.visit_enum(Kind { kind, fields }),
            None => Err(A::Error::missing_field("kind")),
        }
    }
}

/// The kind, and the fields after it.
struct Kind<A> {
    kind: String,
    fields: A,
}

impl<'de, A: MapAccess<'de>> EnumAccess<'de> for Kind<A> {
    type Error = A::Error;
    type Variant = Fields<A>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Fields<A>), A::Error> {
        let variant = seed.deserialize(StringDeserializer::<A::Error>::new(self.kind))?;
        Ok((variant, Fields(self.fields)))
    }
}

struct Fields<A>(A);

impl<'de, A: MapAccess<'de>> VariantAccess<'de> for Fields<A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        without_fields()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        seed.deserialize(MapAccessDeserializer::new(self.0))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _length: usize, _visitor: V) -> Result<V::Value, A::Error> {
        without_fields()
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        visitor.visit_map(self.0)
    }
}

fn without_fields<T, E: Error>() -> Result<T, E> {
    Err(E::custom("a kind has fields"))
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use crate::encoding::{bounds, strict};
    use serde::Deserialize;

    by_kind! {
    /// Two kinds.
    pub enum Listed {
        WithList {
            #[serde(deserialize_with = "bounds::handed")]
            list: Vec<u8>,
        },
        WithNumber {
            number: u8,
        },
    }
    }

    #[test]
    fn it_is_read_as_it_is_written() {
        for (sample, text) in [
            (Listed::WithList { list: vec![1, 2] }, r#"{"kind":"with-list","list":[1,2]}"#),
            (Listed::WithNumber { number: 7 }, r#"{"kind":"with-number","number":7}"#),
        ] {
            assert_eq!(strict::write(&sample), text.as_bytes());
            assert_eq!(strict::parse::<Listed>(text.as_bytes()).unwrap(), sample);
        }
        for other in [
            "{}",
            "[]",
            "null",
            "\"with-number\"",
            r#"{"kind":"with-number"}"#,
            r#"{"kind":"other","number":7}"#,
            r#"{"kind":7,"number":7}"#,
            r#"{"number":7,"kind":"with-number"}"#,
            r#"{"with-number":{"number":7}}"#,
            r#"{"kind":"with-number","number":7,"number":7}"#,
            r#"{"kind":"with-number","kind":"with-number","number":7}"#,
            r#"{"kind":"with-number","number":7,"list":[]}"#,
        ] {
            assert!(strict::parse::<Listed>(other.as_bytes()).is_err(), "{other}");
        }
    }

    /// Nothing is kept to be counted later: what comes after the first entry too many is not read.
    #[test]
    fn reading_ends_at_the_bound() {
        let text = br#"{"kind":"with-list","list":[0,0,0,0,0,0,0,0,0,!"#;
        let refused = strict::parse::<Listed>(text).unwrap_err().to_string();
        assert!(refused.contains("more than 8 entries"), "{refused}");
    }
}
