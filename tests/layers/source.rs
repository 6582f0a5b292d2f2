//! Reads Rust source as far as the rules need it: tokens without comments and literals, and the
//! paths they spell. No macro is expanded; a path that a macro puts together is not seen.

/// One token, and where it stands.
struct Token {
    text: String,
    line: usize,
    /// Under `#[cfg(test)]`, or in a file of tests.
    test: bool,
    /// The module it stands in, from the crate's root: the file's, then those written inline.
    module: Vec<String>,
}

/// A path as it is meant: `use super::{a, b::c}` in `src/x/y.rs` is `x::a` and `x::b::c` of this crate.
pub struct Path {
    /// The names, then `!` for a macro and `*` for a glob.
    pub segments: Vec<String>,
    /// Whether the first name is a module at this crate's root.
    pub ours: bool,
    pub line: usize,
    pub test: bool,
    /// What a `use` calls it here.
    pub name: String,
    pub stands: Stands,
    /// The token after it.
    next: String,
}

/// Where a path is spelled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stands {
    Code,
    Import,
    /// `pub use`, of any visibility: a name for others.
    Export,
}

/// A file of the crate.
pub struct Source {
    /// Relative to the manifest: `src/roster/key.rs`.
    pub file: String,
    tokens: Vec<Token>,
}

impl Source {
    pub fn read(file: &str, text: &str) -> Self {
        let mut tokens = tokens(text);
        mark_tests(&mut tokens, file);
        mark_modules(&mut tokens, file);
        Self { file: file.to_owned(), tokens }
    }

    /// The module that the file is, from the crate's root.
    pub fn module(&self) -> Vec<String> {
        modules_of(&self.file)
    }

    /// The module right under the crate's root, none for `lib.rs` and `main.rs`.
    pub fn top_module(&self) -> Option<String> {
        modules_of(&self.file).into_iter().next()
    }

    /// The names of the modules that the file's path spells or its text declares, with the line.
    pub fn module_names(&self) -> Vec<(String, usize)> {
        let by_path = modules_of(&self.file).into_iter().map(|name| (name, 1));
        by_path.chain(self.names_after("mod")).collect()
    }

    /// The functions that are defined.
    pub fn functions(&self) -> Vec<(String, usize)> {
        self.names_after("fn").collect()
    }

    fn names_after(&self, keyword: &'static str) -> impl Iterator<Item = (String, usize)> {
        let pairs = self.tokens.iter().zip(self.tokens.iter().skip(1));
        pairs
            .filter(move |(first, second)| first.text == keyword && is_name(&second.text))
            .map(|(_, name)| (name.text.clone(), name.line))
    }

    /// Every path in the file, in `use` or in place. A single word is a path too.
    pub fn paths(&self) -> Vec<Path> {
        let mut found = Vec::new();
        let mut at = 0;
        while at < self.tokens.len() {
            let starts = is_name(self.text(at)) && !(self.text_before(at, 1) == "::" && self.continues(at));
            let first = found.len();
            let end = if starts { self.tree(at, &[], &mut found) } else { at };
            let stands = self.stands(at);
            found[first..].iter_mut().for_each(|(_, path)| path.stands = stands);
            at = end.max(at + 1);
        }
        found.into_iter().filter_map(|(start, path)| self.resolve(start, path)).collect()
    }

    /// Whether the `::` before `at` goes on from something: `<T>::x`, not `::std::x`.
    fn continues(&self, at: usize) -> bool {
        let before = self.text_before(at, 2);
        is_name(before) && before != "use" || matches!(before, ">" | ")" | "]" | "}")
    }

    fn stands(&self, at: usize) -> Stands {
        match (self.text_before(at, 1), self.text_before(at, 2)) {
            ("use", "pub" | ")") => Stands::Export,
            ("use", _) => Stands::Import,
            _ => Stands::Code,
        }
    }

    fn text(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| &token.text)
    }

    fn text_before(&self, at: usize, distance: usize) -> &str {
        at.checked_sub(distance).map_or("", |index| self.text(index))
    }

    /// Follows a path, or the tree of a `use`, from `at`; returns the index after it.
    fn tree(&self, mut at: usize, prefix: &[String], found: &mut Vec<(usize, Path)>) -> usize {
        let start = at;
        let mut segments = prefix.to_vec();
        loop {
            let text = self.text(at);
            if is_name(text) {
                segments.push(text.to_owned());
                at += 1;
                match self.text(at) {
                    "::" => {
                        at += 1;
                        continue;
                    }
                    "!" if self.text(at + 1) != "=" => segments.push("!".to_owned()),
                    _ => {}
                }
            } else if text == "{" && at > start {
                return self.group(at + 1, &segments, found);
            } else if text == "*" {
                segments.push("*".to_owned());
                at += 1;
            }
            break;
        }
        if let Some(token) = self.tokens.get(start).filter(|_| at > start) {
            let next = self.text(at).to_owned();
            let name = match (next.as_str(), segments.as_slice()) {
                ("as", _) => self.text(at + 1).to_owned(),
                (_, [.., module, own]) if own == "self" => module.clone(),
                (_, names) => names.last().cloned().unwrap_or_default(),
            };
            let (line, test, stands) = (token.line, token.test, Stands::Code);
            found.push((start, Path { segments, ours: false, line, test, name, stands, next }));
        }
        at
    }

    fn group(&self, mut at: usize, prefix: &[String], found: &mut Vec<(usize, Path)>) -> usize {
        while at < self.tokens.len() && self.text(at) != "}" {
            at = match self.text(at) {
                "as" => at + 2,
                "{" => self.group(at + 1, prefix, found),
                _ => self.tree(at, prefix, found).max(at + 1),
            };
        }
        at + 1
    }

    /// Replaces `crate`, `self` and `super` by what they stand for; none for a visibility such as `pub(crate)`.
    fn resolve(&self, start: usize, mut path: Path) -> Option<Path> {
        let first = path.segments.first()?.as_str();
        if !matches!(first, "crate" | "self" | "super") {
            return Some(path);
        }
        if path.segments.len() == 1 && path.next != "as" {
            return None;
        }
        let mut absolute = self.tokens.get(start)?.module.clone();
        for name in path.segments.drain(..) {
            match name.as_str() {
                "crate" => absolute.clear(),
                "self" => {}
                "super" => drop(absolute.pop()),
                _ => absolute.push(name),
            }
        }
        Some(Path { segments: absolute, ours: true, ..path })
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// `src/a/b.rs` and `src/a/b/mod.rs` are `a::b`; the roots are nothing.
fn modules_of(file: &str) -> Vec<String> {
    let inner = file.strip_prefix("src/").unwrap_or(file).trim_end_matches(".rs");
    let inner = inner.strip_suffix("/mod").unwrap_or(inner);
    if matches!(inner, "lib" | "main") { Vec::new() } else { inner.split('/').map(str::to_owned).collect() }
}

fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < chars.len() {
        let (kept, end) = next_token(&chars, at);
        if let Some(text) = kept {
            tokens.push(Token { text, line, test: false, module: Vec::new() });
        }
        line += chars[at..end].iter().filter(|c| **c == '\n').count();
        at = end;
    }
    tokens
}

/// The token that begins at `at`, unless it is a blank, a comment or a literal; and the index after it.
fn next_token(chars: &[char], at: usize) -> (Option<String>, usize) {
    let rest = &chars[at..];
    match rest {
        ['/', '/', ..] => (None, at + rest.iter().position(|c| *c == '\n').unwrap_or(rest.len())),
        ['/', '*', ..] => (None, at + comment(rest)),
        ['r' | 'b' | 'c', ..] if literal_prefix(rest).is_some() => {
            (None, at + literal_prefix(rest).unwrap_or(1))
        }
        ['"', ..] => (None, at + quoted(rest, '"')),
        ['\'', '\\', ..] => (None, at + quoted(rest, '\'')),
        ['\'', _, '\'', ..] => (None, at + 3),
        ['\'', ..] => (None, at + 1 + word(&rest[1..])),
        [':', ':', ..] => (Some("::".to_owned()), at + 2),
        [c, ..] if c.is_whitespace() => (None, at + 1),
        [c, ..] if c.is_alphanumeric() || *c == '_' => {
            let length = word(rest);
            (Some(rest[..length].iter().collect()), at + length)
        }
        [c, ..] => (Some(c.to_string()), at + 1),
        [] => (None, at + 1),
    }
}

fn word(chars: &[char]) -> usize {
    chars.iter().take_while(|c| c.is_alphanumeric() || **c == '_').count()
}

/// Length of a block comment; they nest.
fn comment(chars: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < chars.len() {
        match chars[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// Length of a literal that ends at `quote`, with escapes.
fn quoted(chars: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < chars.len() && chars[at] != quote {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

/// Length of a literal that begins with letters: `b"…"`, `b'…'`, `r"…"`, `br#"…"#`; or of the mark of `r#name`.
fn literal_prefix(chars: &[char]) -> Option<usize> {
    let letters = word(chars);
    let prefix: String = chars[..letters].iter().collect();
    let raw = matches!(prefix.as_str(), "r" | "br" | "cr");
    let hashes = chars[letters..].iter().take_while(|c| **c == '#').count();
    match chars.get(letters + hashes)? {
        '"' if raw => {
            let close: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
            let body = &chars[letters + hashes + 1..];
            let length = body.windows(close.len()).position(|window| window == close)?;
            Some(letters + hashes + 1 + length + close.len())
        }
        quote @ ('"' | '\'') if hashes == 0 && matches!(prefix.as_str(), "b" | "c") => {
            Some(letters + quoted(&chars[letters..], *quote))
        }
        _ if prefix == "r" && hashes == 1 => Some(2),
        _ => None,
    }
}

/// Marks what is compiled for tests only.
fn mark_tests(tokens: &mut [Token], file: &str) {
    if file.ends_with("/tests.rs") || file.contains("/tests/") {
        tokens.iter_mut().for_each(|token| token.test = true);
    }
    let text = |tokens: &[Token], at: usize| tokens.get(at).map_or(String::new(), |token| token.text.clone());
    for at in 0..tokens.len() {
        let attribute: Vec<String> = (at..at + 7).map(|index| text(tokens, index)).collect();
        let attribute: Vec<&str> = attribute.iter().map(String::as_str).collect();
        if matches!(
            attribute[..],
            ["#", "[", "cfg", "(", "test", ")", "]"] | ["#", "[", "cfg", "(", "all", "(", "test"]
        ) {
            let end = item_end(tokens, at);
            tokens[at..end].iter_mut().for_each(|token| token.test = true);
        }
    }
}

/// The index after the item that the attribute at `at` belongs to: its `;`, or the brace that closes it.
fn item_end(tokens: &[Token], mut at: usize) -> usize {
    let mut depth = 0;
    let mut brackets = Vec::new();
    while let Some(token) = tokens.get(at) {
        at += 1;
        match token.text.as_str() {
            open @ ("(" | "[" | "{") => {
                depth += 1;
                brackets.push(open.to_owned());
            }
            ")" | "]" | "}" => {
                depth -= 1;
                let brace = brackets.pop().is_some_and(|open| open == "{");
                if depth == 0 && brace {
                    return at;
                }
            }
            ";" if depth == 0 => return at,
            _ => {}
        }
    }
    at
}

/// Tells each token its module.
fn mark_modules(tokens: &mut [Token], file: &str) {
    let mut module = modules_of(file);
    let mut inline = Vec::new();
    let mut depth = 0;
    for at in 0..tokens.len() {
        match tokens[at].text.as_str() {
            "{" => {
                depth += 1;
                if at >= 2 && tokens[at - 2].text == "mod" {
                    module.push(tokens[at - 1].text.clone());
                    inline.push(depth);
                }
            }
            "}" => {
                if inline.last() == Some(&depth) {
                    module.pop();
                    inline.pop();
                }
                depth -= 1;
            }
            _ => {}
        }
        tokens[at].module.clone_from(&module);
    }
}
