//! The program under test: found, or built once when its sources are newer.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::SystemTime,
};

/// The `deskwire` program: that of `DESKWIRE_BIN`, or the one beside this test, built when it is missing or older than
/// its sources. A run of the whole workspace has always built it already.
pub fn deskwire() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| match env::var_os("DESKWIRE_BIN") {
        Some(path) => PathBuf::from(path),
        None => built(),
    })
}

fn built() -> PathBuf {
    // target/debug/deps/e2e-0123 is this program.
    let this = env::current_exe().unwrap();
    let profile = this.ancestors().nth(2).unwrap();
    let program = profile.join(format!("deskwire{}", env::consts::EXE_SUFFIX));
    if !is_fresh(&program) {
        // Cargo's own lock lets one test after another in.
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args(["build", "--package", "deskwire-cli", "--target-dir"]).arg(profile.parent().unwrap());
        if profile.file_name().is_some_and(|name| name == "release") {
            build.arg("--release");
        }
        // What cargo says to this test about its package is none of the build's business: `ring` would be built anew.
        for (name, _) in env::vars_os() {
            let name = name.to_string_lossy();
            if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_"]
                .iter()
                .any(|of| name.starts_with(of))
            {
                build.env_remove(&*name);
            }
        }
        let status = build.current_dir(workspace()).status().unwrap();
        assert!(status.success(), "the program under test could not be built");
    }
    program
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Whether the program is newer than everything it is made of.
fn is_fresh(program: &Path) -> bool {
    let changed = |path: &Path| fs::metadata(path).and_then(|meta| meta.modified()).ok();
    let newest = newest(&workspace().join("crates")).max(changed(&workspace().join("Cargo.lock")));
    changed(program).is_some_and(|built| newest.is_some_and(|newest| newest <= built))
}

/// When the newest source below a folder was changed.
fn newest(folder: &Path) -> Option<SystemTime> {
    let entries = fs::read_dir(folder).ok()?.flatten();
    entries
        .filter_map(|entry| {
            let path = entry.path();
            let name = entry.file_name();
            match entry.file_type().ok()? {
                kind if kind.is_dir() && name != "tests" && name != "examples" => newest(&path),
                kind if kind.is_dir() => None,
                _ if name == "tests.rs" => None,
                _ if path.extension().is_some_and(|kind| kind == "rs" || kind == "toml" || kind == "txt") => {
                    entry.metadata().ok()?.modified().ok()
                }
                _ => None,
            }
        })
        .max()
}
