use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// Compiles a library from C with the plugin header at hand.
pub fn compile(directory: &Path, name: &str, source: &str) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = directory.join(format!("{name}.c"));
    let library = directory.join(format!("{name}.so"));
    std::fs::write(&file, source).unwrap();
    let output = Command::new("cc")
        .args(["-std=gnu11", "-shared", "-fPIC", "-O1", "-Wall", "-o"])
        .arg(&library)
        .arg("-I")
        .arg(here.join("../plugin-api/include"))
        .arg(&file)
        .output()
        .expect("the system's C compiler `cc` runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    library
}
