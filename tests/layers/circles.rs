//! No circles: of two files that import each other, by whatever way, neither can be read, moved or tested alone.
//!
//! A path counts for the file that defines the name: what a `mod.rs` exports for others is looked through, and its exports
//! are not imports of its own. Declaring a module is not importing it. What only tests import does not count.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    crate_sources,
    source::{Source, Stands},
};

/// The files that are in a circle. Nothing comes to this list; whatever has left its circle is deleted from it.
const IN_A_CIRCLE: &[&str] = &["src/piv/card.rs", "src/piv/unlocked.rs"];

type Module = Vec<String>;
type Graph<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

/// Names that stand for others, of each module.
struct Names<'a> {
    files: BTreeMap<Module, &'a str>,
    uses: BTreeMap<(Module, String), Module>,
}

impl<'a> Names<'a> {
    fn of(sources: &'a [Source]) -> Self {
        let files = sources.iter().map(|source| (source.module(), source.file.as_str())).collect();
        let mut names = Self { files, uses: BTreeMap::new() };
        for source in sources {
            for path in source.paths().into_iter().filter(|path| path.stands != Stands::Code && !path.test) {
                if let Some(target) = names.absolute(source, &path.segments, path.ours) {
                    names.uses.insert((source.module(), path.name), target);
                }
            }
        }
        names
    }

    /// A path from the crate's root; it may begin with a module that `source` declares. A word alone is no such path.
    fn absolute(&self, source: &Source, segments: &[String], ours: bool) -> Option<Module> {
        if ours {
            return Some(segments.to_vec());
        }
        let [first, _, ..] = segments else { return None };
        let mut path = source.module();
        path.push(first.clone());
        self.files.contains_key(&path).then(|| path.iter().chain(&segments[1..]).cloned().collect())
    }

    /// The file in which `path` is defined.
    fn file(&self, path: &[String]) -> Option<&'a str> {
        let mut path = path.to_vec();
        for _ in 0..8 {
            let depth = (0..=path.len()).rev().find(|depth| self.files.contains_key(&path[..*depth]))?;
            let (module, rest) = path.split_at(depth);
            let target = rest.first().and_then(|name| self.uses.get(&(module.to_vec(), name.clone())));
            let Some(target) = target.filter(|target| **target != path[..=depth]) else {
                return self.files.get(module).copied();
            };
            path = target.iter().chain(&rest[1..]).cloned().collect();
        }
        None
    }
}

fn graph(sources: &[Source]) -> Graph<'_> {
    let names = Names::of(sources);
    let mut graph = Graph::new();
    for source in sources.iter().filter(|source| !source.module().is_empty()) {
        let imports = graph.entry(&source.file).or_default();
        for path in source.paths().iter().filter(|path| path.stands != Stands::Export && !path.test) {
            let target = names.absolute(source, &path.segments, path.ours);
            imports.extend(target.and_then(|path| names.file(&path)).filter(|file| *file != source.file));
        }
    }
    graph
}

fn reachable<'a>(graph: &Graph<'a>, from: &'a str) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut next = vec![from];
    while let Some(file) = next.pop() {
        next.extend(graph.get(file).into_iter().flatten().filter(|file| found.insert(**file)));
    }
    found
}

/// The circles, each once: files of which each imports, by whatever way, each other one.
fn circles<'a>(graph: &Graph<'a>) -> BTreeSet<Vec<&'a str>> {
    let reach: Graph<'_> = graph.keys().map(|file| (*file, reachable(graph, file))).collect();
    let circle = |file: &str| -> Vec<&'a str> {
        reach[file]
            .iter()
            .copied()
            .filter(|other| reach.get(other).is_some_and(|r| r.contains(file)))
            .collect()
    };
    reach.keys().map(|file| circle(file)).filter(|circle| !circle.is_empty()).collect()
}

/// The imports that make the circle.
fn imports(graph: &Graph<'_>, circle: &[&str]) -> String {
    let inner = |file: &&str| {
        let targets: Vec<&str> = graph[file].iter().copied().filter(|to| circle.contains(to)).collect();
        format!("  {file} imports {}\n", targets.join(", "))
    };
    circle.iter().map(inner).collect()
}

#[test]
fn no_file_imports_what_imports_it() {
    let sources = crate_sources();
    let graph = graph(&sources);
    let circles = circles(&graph);
    let found: BTreeSet<&str> = circles.iter().flatten().copied().collect();
    let known: BTreeSet<&str> = IN_A_CIRCLE.iter().copied().collect();
    let new: Vec<String> = circles
        .iter()
        .filter(|circle| circle.iter().any(|file| !known.contains(file)))
        .map(|circle| imports(&graph, circle))
        .collect();
    assert!(new.is_empty(), "in a circle, and not on the list:\n{}", new.join("\n"));
    let left: Vec<_> = known.difference(&found).collect();
    assert!(left.is_empty(), "in a circle no more, delete them from the list: {left:?}");
}

#[test]
fn circles_are_seen() {
    let found = |files: &[(&str, &str)]| -> Vec<String> {
        let sources: Vec<_> = files.iter().map(|(file, text)| Source::read(file, text)).collect();
        circles(&graph(&sources)).iter().map(|circle| circle.join(" ")).collect()
    };
    let (a, b, c) = ("src/x/a.rs", "src/x/b.rs", "src/x/c.rs");
    assert_eq!(found(&[(a, "use super::b::B;"), (b, "fn f() { super::a::f() }")]), ["src/x/a.rs src/x/b.rs"]);
    let three = [(a, "use super::b::B;"), (b, "use super::c;"), (c, "use crate::x::a::{self, A};")];
    assert_eq!(found(&three), ["src/x/a.rs src/x/b.rs src/x/c.rs"]);
    // By the name that the parent gives it.
    let facade = ("src/x/mod.rs", "mod a;\nmod b;\npub use a::{A as First, f};");
    assert_eq!(
        found(&[facade, (a, "use super::b::B;"), (b, "use super::First;")]),
        ["src/x/a.rs src/x/b.rs"]
    );
    assert!(found(&[facade, (a, "use super::b::B;"), (b, "use super::other;")]).is_empty());
    // A parent that works with its child, and is used by it.
    let parent = ("src/x.rs", "mod a;\nuse a::A;\nstruct P;");
    assert_eq!(found(&[parent, (a, "use super::P;")]), ["src/x.rs src/x/a.rs"]);
    assert!(found(&[("src/x.rs", "mod a;\nstruct P;"), (a, "use super::P;")]).is_empty());
    let test = "#[cfg(test)]\nmod tests { use super::super::a::A; }";
    assert!(found(&[(a, "use super::b::B;"), (b, test)]).is_empty());
}
