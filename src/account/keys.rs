//! What the values of this layer look like in JSON. Help, manual pages and schemas are made from it, and it is made from
//! the doc comments of the values' fields, so that a key is described where it is defined.

/// What a key has.
#[derive(Clone, Debug)]
pub enum Shape {
    Text,
    /// One of these words.
    Words(Vec<&'static str>),
    /// A SHA-256 in lower-case hex.
    Digest,
    /// A time in UTC, as of RFC 3339.
    Time,
    /// A number from 0 on.
    Number,
    Flag,
    Either(Vec<Shape>),
    /// That, or null.
    Maybe(Box<Shape>),
    /// A list of that.
    List(Box<Shape>),
    /// An object of this layer.
    Object(Object),
    /// An object of a format, which the manual page of section 5 describes.
    Document,
}

/// An object with its keys.
#[derive(Clone, Debug)]
pub struct Object {
    /// The verb whose whole output it is, where it is one: elsewhere it need not be described again.
    pub verb: Option<&'static str>,
    /// In the order of their definition.
    pub keys: Vec<Key>,
}

/// One key.
#[derive(Clone, Debug)]
pub struct Key {
    /// As in the JSON.
    pub name: &'static str,
    pub meaning: String,
    pub shape: Shape,
}

/// Something whose JSON can be described.
pub trait Shaped {
    fn shape() -> Shape;
}

/// A value of this layer: what `--json` prints of a verb.
pub trait Account: serde::Serialize {
    fn object() -> Object;
}

impl Object {
    /// Every key with its meaning, those of inner objects too: `open.expires` is in `open`, `targets[].name` in each of a
    /// list. What another verb prints as a whole is not taken apart.
    pub fn table(&self) -> Vec<(String, String)> {
        let mut rows = Vec::new();
        self.add_to("", &mut rows);
        rows
    }

    fn add_to(&self, place: &str, rows: &mut Vec<(String, String)>) {
        for key in &self.keys {
            let name = format!("{place}{}", key.name);
            rows.push((name.clone(), key.meaning.clone()));
            key.shape.add_to(&name, rows);
        }
    }
}

impl Shape {
    /// The keys of the objects in it.
    fn add_to(&self, name: &str, rows: &mut Vec<(String, String)>) {
        match self {
            Self::List(inner) => inner.add_to(&format!("{name}[]"), rows),
            Self::Maybe(inner) => inner.add_to(name, rows),
            Self::Object(object) if object.verb.is_none() => object.add_to(&format!("{name}."), rows),
            // The first has the keys of all.
            Self::Either(shapes) => shapes.iter().take(1).for_each(|shape| shape.add_to(name, rows)),
            _ => {}
        }
    }
}

/// Defines values that serialise, with the keys of their JSON. `of "verb"`: the whole output of that verb.
macro_rules! account {
    ($(
        $(#[doc = $about:literal])+
        $(of $verb:literal)? pub struct $name:ident {
            $(
                $(#[doc = $meaning:literal])+
                pub $field:ident: $type:ty,
            )*
        }
    )*) => {$(
        $(#[doc = $about])+
        #[derive(Clone, Debug, serde::Serialize)]
        pub struct $name {
            $(
                $(#[doc = $meaning])+
                pub $field: $type,
            )*
        }

        impl crate::account::keys::Account for $name {
            fn object() -> crate::account::keys::Object {
                let verb: &[&'static str] = &[$($verb)?];
                crate::account::keys::Object {
                    verb: verb.first().copied(),
                    keys: vec![$(crate::account::keys::Key {
                        name: stringify!($field),
                        meaning: concat!($($meaning),+).trim().to_owned(),
                        shape: <$type as crate::account::keys::Shaped>::shape(),
                    },)*],
                }
            }
        }

        impl crate::account::keys::Shaped for $name {
            fn shape() -> crate::account::keys::Shape {
                crate::account::keys::Shape::Object(<Self as crate::account::keys::Account>::object())
            }
        }
    )*};
}

pub(crate) use account;
