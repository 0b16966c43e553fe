//! The layer map of ARCHITECTURE.md holds: a module imports only modules of
//! lower layers, and siblings never import each other.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Reads the map between the two markers of ARCHITECTURE.md: lines such as
/// `    3  challenge outputs  -- what it is`.
fn layers() -> BTreeMap<String, u8> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../ARCHITECTURE.md")).unwrap();
    let (_, map) = text.split_once("<!-- layers -->").expect("the map begins");
    let (map, _) = map.split_once("<!-- /layers -->").expect("the map ends");
    let mut layers = BTreeMap::new();
    for line in map.lines().filter(|line| line.starts_with("    ")) {
        let (modules, _) = line
            .split_once(" -- ")
            .unwrap_or_else(|| panic!("no ` -- ` in: {line}"));
        let mut words = modules.split_whitespace();
        let number = words
            .next()
            .unwrap()
            .parse()
            .unwrap_or_else(|_| panic!("no number in: {line}"));
        for module in words {
            layers.insert(module.to_owned(), number);
        }
    }
    layers
}

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The modules that a source file names through `crate::`, also inside braces
/// (`use crate::{a::B, c::{D, E}}`) and from the binary through `dns01d::`.
fn imports(source: &str) -> Vec<String> {
    let code: String = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| [line, "\n"])
        .collect();
    let mut modules = Vec::new();
    for root in ["crate::", "dns01d::"] {
        for (at, _) in code.match_indices(root) {
            let rest = &code[at + root.len()..];
            if let Some(list) = rest.strip_prefix('{') {
                let mut depth = 0;
                let mut start = true;
                let mut word = String::new();
                for c in list.chars() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => start = true,
                        c if depth == 0 && start && (c.is_alphanumeric() || c == '_') => {
                            word.push(c);
                            continue;
                        }
                        _ => {}
                    }
                    if !word.is_empty() {
                        modules.push(std::mem::take(&mut word));
                        start = false;
                    }
                }
                if !word.is_empty() {
                    modules.push(word);
                }
            } else {
                modules.push(
                    rest.chars()
                        .take_while(|c| c.is_alphanumeric() || *c == '_')
                        .collect(),
                );
            }
        }
    }
    modules
}

#[test]
fn imports_point_down() {
    let layers = layers();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut faults = Vec::new();
    for file in files {
        let relative = file.strip_prefix(&root).unwrap();
        let first = relative
            .components()
            .next()
            .unwrap()
            .as_os_str()
            .to_str()
            .unwrap();
        let module = first.strip_suffix(".rs").unwrap_or(first);
        if module == "lib" {
            continue;
        }
        let Some(own) = layers.get(module) else {
            faults.push(format!("{module} is not in the map of ARCHITECTURE.md"));
            continue;
        };
        for import in imports(&fs::read_to_string(&file).unwrap()) {
            match layers.get(&import) {
                Some(layer) if import != module && layer >= own => faults.push(format!(
                    "{}: layer {own} imports {import} of layer {layer}",
                    relative.display()
                )),
                _ => {}
            }
        }
    }
    faults.dedup();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn an_upward_import_would_be_seen() {
    let source = "use crate::{\n    engine::Options,\n    types::{A, B},\n};\nfn f() { crate::dns::x() }\n// crate::comment";
    assert_eq!(imports(source), ["engine", "types", "dns"]);
}
