//! Advice, and the commands that it names.
//!
//! What is printed as a command comes from a template in this program: from text that was compiled in, or from a [`Command`]
//! whose arguments a shell's quotes are put around. Text that was put together while the program runs may have words of a
//! file, a token or a path in it; whatever it looks like, it names no command.

use std::{fmt, ops::Deref};

use super::keys::{Shape, Shaped};

/// A command in short, as it is mentioned: `quorate execute --give-up`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Command {
    template: &'static str,
    arguments: Vec<String>,
}

impl Command {
    /// Each word `{}` of the template is the place of an argument.
    pub const fn new(template: &'static str) -> Self {
        Self { template, arguments: Vec::new() }
    }

    /// With the argument for the next place.
    #[must_use]
    pub fn with(mut self, argument: impl ToString) -> Self {
        self.arguments.push(argument.to_string());
        self
    }

    /// Its words; `quoted` is what becomes of an argument.
    pub fn words(&self, quoted: impl Fn(&str) -> String) -> Vec<String> {
        let mut arguments = self.arguments.iter();
        let word = |word: &'static str| match word {
            "{}" => arguments.next().map(|argument| quoted(argument)).unwrap_or_default(),
            word => word.to_owned(),
        };
        self.template.split_whitespace().map(word).collect()
    }
}

/// A text of this program, and the commands that it names.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Advice {
    text: String,
    // An error carries one: it is to stay small.
    commands: Box<[Command]>,
}

impl Advice {
    /// With more text behind it.
    #[must_use]
    pub fn and(mut self, more: impl Into<Self>) -> Self {
        let more = more.into();
        self.text.push_str(&more.text);
        self.commands = self.commands.into_iter().chain(more.commands).collect();
        self
    }

    /// With one text in place of another.
    #[must_use]
    pub fn replacing(mut self, text: &str, other: &str) -> Self {
        self.text = self.text.replace(text, other);
        self
    }

    pub fn commands(&self) -> &[Command] {
        &self.commands
    }
}

/// Only text that was compiled in is searched for commands.
impl From<&'static str> for Advice {
    fn from(text: &'static str) -> Self {
        // An apostrophe within a word opens nothing.
        let mention = |(at, _)| {
            let from = usize::saturating_add(at, 1);
            text.get(from..).and_then(|rest| rest.split_once('\'')).map(|(mention, _)| Command::new(mention))
        };
        Self {
            text: text.to_owned(),
            commands: text.match_indices("'quorate ").filter_map(mention).collect(),
        }
    }
}

/// Whatever it looks like, it names no command.
impl From<String> for Advice {
    fn from(text: String) -> Self {
        Self { text, commands: Box::default() }
    }
}

impl From<Command> for Advice {
    fn from(command: Command) -> Self {
        Self { text: format!("'{}'", command.words(str::to_owned).join(" ")), commands: Box::new([command]) }
    }
}

impl Deref for Advice {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl serde::Serialize for Advice {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl Shaped for Advice {
    fn shape() -> Shape {
        Shape::Text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_text_of_this_program_names_a_command() {
        let advice = Advice::from("the vendor's; run 'quorate execute' or 'quorate abort'")
            .and(String::from(" (see 'quorate execute --give-up')"))
            .and("; 'quorate");
        assert_eq!(advice.commands(), [Command::new("quorate execute"), Command::new("quorate abort")]);
        assert_eq!(
            &*advice,
            "the vendor's; run 'quorate execute' or 'quorate abort' (see 'quorate execute --give-up'); 'quorate"
        );
        let shown = Advice::from("see ").and(Command::new("quorate show LEDGER {}").with(3));
        assert_eq!((&*shown, shown.commands().len()), ("see 'quorate show LEDGER 3'", 1));
    }
}
